"""The preview call: documents that can be answered, and what is said of those that cannot."""

import pytest

from roster.preview import PreviewError, preview


def document(**changes):
    weekly = {
        "name": "weekly",
        "participants": ["ana", ["bo", "cy"], None],
        "start": "2026-03-23T09:00+00:00",
        "unit": "week",
    }
    return {
        "time_zone": "Europe/London",
        "layers": [weekly],
        "query": {"from": "2026-03-23T00:00Z", "to": "2026-04-13T08:00Z"},
        **changes,
    }


def with_layer(**changes):
    return document(layers=[{**document()["layers"][0], **changes}])


def with_override(**changes):
    span = {"start": "2026-03-24T09:00Z", "end": "2026-03-24T17:00Z"}
    return document(overrides=[{"kind": "add", "person": "zoe", **span, **changes}])


def problems(of):
    with pytest.raises(PreviewError) as refused:
        preview(of)
    return refused.value.fields


def test_period_is_answered_with_shifts_and_gaps():
    assert preview(document()) == {
        "shifts": [
            {
                "person": "ana",
                "start": "2026-03-23T09:00+00:00",
                "end": "2026-03-30T09:00+01:00",
                "source": {"layer": "weekly", "turn": 0},
            },
            {
                "person": "bo",
                "start": "2026-03-30T09:00+01:00",
                "end": "2026-04-06T09:00+01:00",
                "source": {"layer": "weekly", "turn": 1},
            },
            {
                "person": "cy",
                "start": "2026-03-30T09:00+01:00",
                "end": "2026-04-06T09:00+01:00",
                "source": {"layer": "weekly", "turn": 1},
            },
        ],
        "gaps": [
            {"start": "2026-03-23T00:00+00:00", "end": "2026-03-23T09:00+00:00"},
            {"start": "2026-04-06T09:00+01:00", "end": "2026-04-13T09:00+01:00"},
        ],
        "conflicts": [],
    }


def test_moment_is_answered_with_whole_shifts_by_person():
    answer = preview(document(query={"at": "2026-04-01T12:00+02:00"}))

    span = {"start": "2026-03-30T09:00+01:00", "end": "2026-04-06T09:00+01:00"}
    source = {"layer": "weekly", "turn": 1}
    assert answer == {
        "shifts": [{"person": name, **span, "source": source} for name in ("bo", "cy")],
        "gaps": [],
        "conflicts": [],
    }


def test_everything_a_document_may_say_is_understood():
    layer = {
        "name": "office",
        "participants": ["ana", "bo"],
        "start": "2026-03-02T09:00-05:00",
        "unit": "day",
        "length": 1,
        "priority": 1,
        "from": "2026-03-01T00:00Z",
        "until": "2026-03-11T00:00Z",
        "time_zone": "America/New_York",
        "turns": "active_days",
        "restrictions": [
            {"days": ["mon", "tue"], "start": "09:00", "end": "17:00"},
            {"start_day": "fri", "start": "17:00:00", "end_day": "sat", "end": "09:00"},
        ],
        "edits": [{"at": "2026-03-09T12:00-04:00", "participants": ["ana", "cy", "bo"]}],
    }
    cover = {"kind": "replace", "person": "zoe", "replaces": "ana"}
    temporary = {"kind": "temporary", "person": None, "shifts": [
        {"person": "dee", "start": "2026-03-10T22:00Z", "end": "2026-03-10T23:00Z"}
    ]}  # fmt: skip
    overrides = [
        {**cover, "start": "2026-03-02T15:00Z", "end": "2026-03-02T16:00Z"},
        {**temporary, "start": "2026-03-10T15:00Z", "end": "2026-03-11T15:00Z"},
    ]
    query = {"from": "2026-03-02T00:00Z", "to": "2026-03-15T00:00Z"}

    answer = preview(document(layers=[layer], overrides=overrides, query=query, time_zone="UTC"))

    assert [
        (shift["person"], shift["start"][5:16], shift["end"][5:16], *shift["source"].values())
        for shift in answer["shifts"]
    ] == [
        ("ana", "03-02T14:00", "03-02T15:00", "office", 0),
        ("zoe", "03-02T15:00", "03-02T16:00", "overrides[0]"),
        ("ana", "03-02T16:00", "03-02T22:00", "office", 0),
        ("bo", "03-03T14:00", "03-03T22:00", "office", 1),
        ("ana", "03-06T22:00", "03-07T14:00", "office", 2),
        ("bo", "03-09T13:00", "03-09T21:00", "office", 3),
        ("ana", "03-10T13:00", "03-10T15:00", "office", 4),
        ("dee", "03-10T22:00", "03-10T23:00", "overrides[1]"),
    ]


def test_layers_without_names_are_numbered():
    layer = {"participants": ["ana"], "start": "2026-03-23T09:00Z", "unit": "week"}

    answer = preview(document(layers=[layer], query={"at": "2026-03-24T09:00Z"}))

    assert answer["shifts"][0]["source"] == {"layer": "Layer 1", "turn": 0}


def test_time_off_conflicts_with_the_final_schedule():
    times_off = [
        {"person": "ana", "start": "2026-03-25T00:00Z", "end": "2026-03-26T00:00Z"},
        {"person": "ana", "start": "2026-03-26T00:00Z", "end": "2026-04-20T00:00Z"},
        {"person": "zoe", "start": "2026-03-24T16:00Z", "end": "2026-03-24T20:00Z"},
        {"person": "cy", "start": "2026-03-24T00:00Z", "end": "2026-03-25T00:00Z"},
    ]

    answer = preview({**with_override(), "time_off": times_off})

    assert answer["conflicts"] == [
        {
            "person": "zoe",
            "start": "2026-03-24T16:00+00:00",
            "end": "2026-03-24T17:00+00:00",
            "kind": "time_off",
        },
        {
            "person": "ana",
            "start": "2026-03-25T00:00+00:00",
            "end": "2026-03-30T09:00+01:00",
            "kind": "time_off",
        },
    ]


@pytest.mark.parametrize(("at", "count"), [("2026-03-25T12:00Z", 1), ("2026-03-26T12:00Z", 0)])
def test_conflicts_at_a_moment_are_those_in_force(at, count):
    time_off = {"person": "ana", "start": "2026-03-25T00:00Z", "end": "2026-03-26T00:00Z"}

    answer = preview(document(time_off=[time_off], query={"at": at}))

    assert len(answer["conflicts"]) == count


REQUIRED = "This field is required."
OFFSET = "Give the offset from UTC too, such as +01:00, or Z."
MINUTES = "Give whole minutes, without seconds."
MOMENT = "Give a date and time with offset, such as 2026-03-23T09:00+00:00."
AFTER = "The end must be after the start."
CLOCK = "Give a time of day from 00:00 to 23:59, such as 09:00."
NINE_TO_FIVE = {"start": "09:00", "end": "17:00"}
FRIDAY = {**NINE_TO_FIVE, "start_day": "fri", "end_day": "fri"}


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"participants": []}, "participants", "Name at least one participant."),
        ({"participants": None}, "participants", REQUIRED),
        ({"participants": "ana"}, "participants", "Give a list."),
        ({"participants": ["ana", " "]}, "participants[1]", "Give text."),
        ({"participants": ["ana", 7]}, "participants[1]",
         "Give a name, a list of names for a group, or null for a free turn."),
        ({"participants": [["bo", "bo"]]}, "participants[0]",
         "“bo” is in this group more than once."),
        ({"participants": ["ana"] * 501}, "participants",
         "There are 501 of these; the most is 500."),
        ({"start": None}, "start", REQUIRED),
        ({"start": "soon"}, "start", MOMENT),
        ({"start": 7}, "start", MOMENT),
        ({"start": "2026-03-23T09:00"}, "start", OFFSET),
        ({"start": "2026-03-23"}, "start", OFFSET),
        ({"start": "2026-03-23T09:00:30Z"}, "start", MINUTES),
        ({"start": "2026-03-23T09:00:00.5Z"}, "start", MINUTES),
        ({"start": "1969-12-31T09:00Z"}, "start", "Give a year from 1970 to 2200."),
        ({"unit": None}, "unit", REQUIRED),
        ({"unit": "fortnight"}, "unit", "Give one of hour, day, week, month."),
        ({"unit": ["week"]}, "unit", "Give one of hour, day, week, month."),
        ({"length": 0}, "length", "Give a whole number from 1 to 10000."),
        ({"length": 1.5}, "length", "Give a whole number."),
        ({"length": True}, "length", "Give a whole number."),
        ({"priority": "high"}, "priority", "Give a whole number."),
        ({"time_zone": "Europe/Londn"}, "time_zone",
         "“Europe/Londn” is not a time zone. Write it like Europe/London."),
        ({"turns": "all"}, "turns", "Give one of elapsed, active_days."),
        ({"until": "2026-03-23T09:00Z"}, "until",
         "A layer's until must be after its from, or its start if it has no from."),
        ({"from": "2026-04-01T09:00Z", "until": "2026-03-30T09:00Z"}, "until",
         "A layer's until must be after its from, or its start if it has no from."),
        ({"restriction": []}, "restriction",
         "There is no such field. Did you mean “restrictions”?"),
        ({"edits": [{"at": "2026-04-01T12:00Z"}]}, "edits[0].participants", REQUIRED),
        ({"edits": [7]}, "edits[0]", "Give an object."),
        ({"restrictions": [{"start": "09:00"}]}, "restrictions[0].end", REQUIRED),
        ({"restrictions": [{"start": "09:00", "end": "24:00"}]}, "restrictions[0].end", CLOCK),
        ({"restrictions": [{"start": "9:00", "end": "17:00"}]}, "restrictions[0].start", CLOCK),
        ({"restrictions": [{"start": "09:00", "end": "17:00:30"}]}, "restrictions[0].end", MINUTES),
        ({"restrictions": [{**NINE_TO_FIVE, "days": []}]}, "restrictions[0].days",
         "Name at least one day, or leave days out for every day."),
        ({"restrictions": [{**NINE_TO_FIVE, "days": ["mon", "Mon"]}]}, "restrictions[0].days[1]",
         "Give one of mon, tue, wed, thu, fri, sat, sun."),
        ({"restrictions": [{**NINE_TO_FIVE, "days": ["mon", "mon"]}]}, "restrictions[0].days",
         "A day is named twice."),
        ({"restrictions": [{**NINE_TO_FIVE, "start_day": "mon"}]}, "restrictions[0].end_day",
         REQUIRED),
        ({"restrictions": [{**FRIDAY, "days": ["mon"]}]},
         "restrictions[0].days", "Give days, or start_day and end_day, not both."),
    ],
)  # fmt: skip
def test_problem_of_a_layer_is_named(changes, path, said):
    assert problems(with_layer(**changes)) == {f"layers[0].{path}": [said]}


@pytest.mark.parametrize(
    ("windows", "day"),
    [
        ([{**NINE_TO_FIVE, "days": ["tue"]}, {"days": ["tue"], "start": "16:00", "end": "18:00"}],
         "tue"),
        ([{"days": ["sun"], "start": "22:00", "end": "06:00"}, {"start": "05:00", "end": "07:00"}],
         "mon"),
        ([{"start_day": "fri", "start": "17:00", "end_day": "mon", "end": "09:00"},
          {**NINE_TO_FIVE, "days": ["sat"]}], "sat"),
    ],
)  # fmt: skip
def test_windows_that_overlap_in_the_week_are_refused(windows, day):
    said = f"This window overlaps layers[0].restrictions[0] on {day}. Join them."

    assert problems(with_layer(restrictions=windows)) == {"layers[0].restrictions[1]": [said]}


def test_windows_that_touch_are_welcome():
    day, night = NINE_TO_FIVE, {"start": "17:00", "end": "09:00"}

    assert preview(with_layer(restrictions=[day, night])) == preview(document())


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"kind": None}, "kind", REQUIRED),
        ({"kind": "swap"}, "kind", "Give one of override, add, remove, replace, temporary."),
        ({"end": "2026-03-24T09:00Z"}, "end", AFTER),
        ({"end": "2026-03-24T10:00+02:00"}, "end", AFTER),
        ({"person": None}, "person", "The kind “add” needs this field."),
        ({"replaces": "ana"}, "replaces", "The kind “add” does not have this field."),
        ({"kind": "replace"}, "replaces", "The kind “replace” needs this field."),
        ({"kind": "temporary", "person": None}, "shifts", "The kind “temporary” needs this field."),
        ({"kind": "temporary", "shifts": []}, "person",
         "The kind “temporary” does not have this field."),
        ({"kind": "temporary", "person": None, "shifts": [
            {"person": "bo", "start": "2026-03-24T17:00Z", "end": "2026-03-24T18:00Z"}]},
         "shifts[0]", "This shift lies outside the temporary schedule."),
    ],
)  # fmt: skip
def test_problem_of_an_override_is_named(changes, path, said):
    assert problems(with_override(**changes)) == {f"overrides[0].{path}": [said]}


def test_empty_list_of_shifts_is_the_same_as_none():
    assert preview(with_override(shifts=[])) == preview(with_override())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (None, {"query": [REQUIRED]}),
        ({}, {"query.from": [REQUIRED], "query.to": [REQUIRED]}),
        ({"at": "2026-03-24T09:00"}, {"query.at": [OFFSET]}),
        (
            {"from": "2026-03-24T09:00Z", "to": "2026-03-24T09:00Z"},
            {"query.to": [AFTER]},
        ),
        (
            {"at": "2026-03-24T09:00Z", "to": "2026-03-24T09:00Z"},
            {"query.to": ["Ask for a moment (at) or for a period (from, to), not both."]},
        ),
        (
            {"from": "2026-03-24T09:00Z", "to": "2031-04-24T09:00Z"},
            {"query.to": ["Ask for five years at the most."]},
        ),
    ],
)
def test_problem_of_a_query_is_named(query, expected):
    assert problems(document(query=query)) == expected


def test_period_with_absurdly_many_shifts_is_refused():
    hourly = {**document()["layers"][0], "unit": "hour"}
    query = {"from": "2026-01-01T00:00Z", "to": "2030-01-01T00:00Z"}

    assert problems(document(layers=[hourly] * 20, query=query)) == {
        "query.to": ["That is too many shifts at once. Ask for a shorter period."]
    }


@pytest.mark.parametrize("not_an_object", [None, [], "text", 7])
def test_document_that_is_no_object_is_refused(not_an_object):
    assert problems(not_an_object) == {"body": ["Give an object with time_zone, layers and query."]}


def test_all_problems_are_told_at_once():
    broken = document(time_zone=None, layers=[7, {"unit": "week"}], time_off=[{"person": "ana"}])

    assert problems(broken) == {
        "time_zone": [REQUIRED],
        "layers[0]": ["Give an object."],
        "layers[1].participants": [REQUIRED],
        "layers[1].start": [REQUIRED],
        "time_off[0].start": [REQUIRED],
        "time_off[0].end": [REQUIRED],
    }


def test_error_reads_as_text():
    with pytest.raises(PreviewError, match=r"^layers: There are 101 of these; the most is 100\.$"):
        preview(document(layers=[{}] * 101))
