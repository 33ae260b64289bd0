"""What the fields of a message mean: chosen, and guessed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.field_mapping import FieldMapping, Pick, faults, guesses, moment_of, read
from incidents.intake import Action, IntakeError, NormalisedAlert

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def only(document: object, **mapping: Any) -> NormalisedAlert:
    (alert,) = read(document, FieldMapping(**mapping)).alerts
    return alert


# --- Guesses --------------------------------------------------------------------------------------


def test_common_names_are_understood_however_they_are_written():
    alert = only(
        {"Alert_Name": "Disk full", "alertState": "ALERTING", "Alert-ID": 7, "Priority": "P1"}
    )

    assert (alert.title, alert.dedup_key) == ("Disk full", "7")
    assert (alert.action, alert.severity_label) == (Action.TRIGGER, "p1")


def test_what_stands_higher_is_preferred_to_what_is_nested():
    assert only({"labels": {"title": "inner"}, "title": "outer"}).title == "outer"


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("resolved", Action.RESOLVE),
        ("OK", Action.RESOLVE),
        ("acknowledged", Action.ACKNOWLEDGE),
        ("firing", Action.TRIGGER),
        ("anything else", Action.TRIGGER),
    ],
)
def test_states(word, action):
    assert only({"title": "x", "status": word}).action == action


def test_end_time_ends_it_unless_the_state_says_that_it_fires():
    ended = {"title": "x", "end_time": "2026-03-02T09:00:00Z"}

    assert (only(ended).action, only(ended).ended_at) == (Action.RESOLVE, NINE)
    assert only(ended | {"status": "firing"}).action == Action.TRIGGER
    assert only(ended | {"end_time": None}).action == Action.TRIGGER


def test_without_a_key_title_and_place_tell_alerts_apart():
    first = {"title": "Disk full", "host": "db-1", "status": "firing", "id": "message-1"}
    end = {"title": "Disk full", "host": "db-1", "status": "ok", "id": "message-2"}

    assert only(first).dedup_key == only(end).dedup_key
    assert only(first | {"host": "db-2"}).dedup_key != only(first).dedup_key


def test_nothing_to_say_is_no_alert():
    with pytest.raises(IntakeError, match="Nothing in it says what it is about"):
        read({"x": 1}, FieldMapping())


def test_every_value_is_a_label():
    labels = only({"title": "x", "labels": {"job": "api", "a.b": 1}, "up": False}).labels

    assert labels == {"title": "x", "labels.job": "api", 'labels["a.b"]': "1", "up": "false"}


def test_links_are_found_and_are_http():
    alert = only({"title": "x", "url": "https://a.example/", "js": "javascript:alert(1)"})

    assert [(link.label, link.url) for link in alert.links] == [("url", "https://a.example/")]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-03-02T09:00:00Z", NINE),
        (1772442000, NINE),
        ("1772442000.0", NINE),
        (1772442000000, NINE),
        (True, None),
        (42, None),
        ("soon", None),
        ({"a": 1}, None),
        (None, None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_moments(written, at):
    assert moment_of(written) == at


# --- What is chosen -------------------------------------------------------------------------------


def test_chosen_fields_win_over_guesses():
    alert = only(
        {"title": "not this", "what": "this", "status": "ok", "mood": "BAD"},
        title=Pick("what"),
        state=Pick("mood"),
        resolved=["good"],
    )

    assert (alert.title, alert.action) == ("this", Action.TRIGGER)


def test_chosen_state_that_is_not_there_is_a_problem_and_no_other_field():
    assert only({"title": "x", "status": "ok"}, state=Pick("mood")).action == Action.TRIGGER


def test_chosen_title_that_is_not_there_is_guessed():
    assert only({"summary": "this"}, title=Pick("what")).title == "this"


def test_key_of_two_parts():
    document = {"title": "x", "rule": 17, "where": {"host": "a"}}

    assert only(document, key=Pick("rule"), key_too=Pick("where.host")).dedup_key == "17:a"


def test_part_of_a_field_by_a_pattern():
    document = {"subject": "[RESOLVED] db-1: disk full"}

    alert = only(
        document,
        state=Pick("subject", r"^\[(\w+)\]"),
        title=Pick("subject", r"\] (.*)"),
        key=Pick("subject", r"\w+-\d+"),
    )

    assert (alert.action, alert.title, alert.dedup_key) == (
        Action.RESOLVE, "db-1: disk full", "db-1",
    )  # fmt: skip


def test_path_through_the_list_means_the_same_place_in_every_item():
    document = {"from": "batch", "found": [{"n": "a"}, {"n": "b"}, {"m": 1}]}

    notification = read(document, FieldMapping(each="found", title=Pick("found[0].n")))

    assert [alert.title for alert in notification.alerts] == ["a", "b"]
    assert notification.alerts[1].labels == {"n": "b", "from": "batch"}
    assert notification.problems == [
        "Alert 3: Nothing in it says what it is about. Choose its title and key on the mapping page"
        " of the integration, then retry it."
    ]


@pytest.mark.parametrize("each", ["", "[]"])
def test_message_that_is_a_list(each):
    notification = read([{"title": "a"}, {"title": "b"}], FieldMapping(each=each))

    assert [alert.title for alert in notification.alerts] == ["a", "b"]


def test_list_that_is_not_there_leaves_one_alert():
    assert only({"title": "x"}, each="found").title == "x"


def test_endless_list_is_cut_and_counted():
    notification = read([{"title": str(number)} for number in range(600)], FieldMapping())

    assert (len(notification.alerts), notification.missing) == (500, 100)


def test_guesses_say_where_they_come_from():
    document = {"alerts": [{"name": "x", "labels": {"severity": "high"}}]}

    assert guesses(document, FieldMapping()) == {
        "title": "alerts[0].name", "severity": "alerts[0].labels.severity",
    }  # fmt: skip


def test_faults_name_the_field():
    mapping = FieldMapping(
        each="a[", title=Pick("a..b"), key=Pick("ok", "("), state=Pick("fine", r"\w+")
    )

    assert sorted(faults(mapping)) == ["each", "key_pattern", "title"]
    assert faults(FieldMapping()) == {}


# --- Anything -------------------------------------------------------------------------------------

NAMES = st.sampled_from(["title", "status", "alerts", "fingerprint", "end_time", "url"]) | st.text()
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(NAMES, inside, max_size=5),
    max_leaves=15,
)
PICKS = st.builds(
    Pick,
    path=st.sampled_from(["title", "alerts[0].title", "[0]", "a..b"]) | st.text(max_size=10),
    pattern=st.sampled_from(["", r"\w+", "(", "(a+)+b"]),
)
MAPPINGS = st.builds(
    FieldMapping,
    each=st.sampled_from(["", "[]", "alerts", "a..b", "[0]"]),
    title=PICKS, key=PICKS, key_too=PICKS, state=PICKS, severity=PICKS, service=PICKS,
    description=PICKS, time=PICKS, link=PICKS,
)  # fmt: skip


@pytest.mark.slow
@given(document=DOCUMENTS, mapping=MAPPINGS)
def test_any_message_with_any_mapping_gives_what_can_be_stored(document, mapping):
    faults(mapping)
    guesses(document, mapping)
    try:
        notification = read(document, mapping)
    except IntakeError:
        return
    for alert in notification.alerts:
        assert 0 < len(alert.dedup_key) <= 200
        assert alert.title
        for text in (alert.title, alert.description, *alert.labels, *alert.labels.values()):
            assert "\x00" not in text
            text.encode()
