import pytest

from incidents.models import TimelineEntry
from incidents.vocabulary import EntryKind, Kind, Tone, describe, register, sentence


def entry(kind: str, **data: object) -> TimelineEntry:
    return TimelineEntry(kind=kind, actor_name="Ruth Adeyemi", data=data)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            "phase_changed",
            {"old": "mobilizing", "new": "diagnosing"},
            "Ruth Adeyemi moved the incident from Mobilizing to Diagnosing.",
        ),
        (
            "severity_changed",
            {"old_name": "SEV3", "new_name": "SEV1"},
            "Ruth Adeyemi changed the severity from SEV3 to SEV1.",
        ),
        (
            "roles_unfilled",
            {"role_names": ["scribe", "deputy", "imoc"]},
            "Nobody is on call for scribe, deputy and imoc.",
        ),
        ("details_changed", {"fields": ["title"]}, "Ruth Adeyemi changed title."),
        (
            "milestone_corrected",
            {"milestone_name": "impact began at", "old": None, "new": "2026-03-02T10:00:00+00:00"},
            "Ruth Adeyemi corrected impact began at from nothing to 2 Mar 2026, 10:00 UTC.",
        ),
    ],
)
def test_sentence_is_made_of_kind_and_data(kind, data, expected):
    assert sentence(entry(kind, **data)) == expected


def test_sentence_copes_with_data_that_lacks_something():
    assert sentence(entry("responder_paged")) == "… was paged (…; …, version …)."


def test_sentence_does_not_read_braces_in_what_people_wrote():
    assert sentence(entry("alert_attached", title="{actor.password}")) == (
        "Alert attached: {actor.password}."
    )


def test_unknown_kind_is_shown_as_it_is():
    assert sentence(entry("from_the_future", title="x")) == "Ruth Adeyemi: from_the_future."
    assert describe("from_the_future").label == "from_the_future"


def test_every_kind_of_this_app_has_words():
    wordless = [kind for kind in Kind if describe(kind).icon == "circle"]

    assert wordless == []


def test_registered_kind_of_another_app_is_used():
    register(EntryKind("test_sung", "Sung", "music_note", Tone.GOOD, "{actor} sang {song}."))

    assert sentence(entry("test_sung", song="a hymn")) == "Ruth Adeyemi sang a hymn."
