from datetime import UTC, date, datetime

import pytest

from incidents.models import Incident, Phase, TimelineEntry
from postmortems.errors import PostmortemError
from postmortems.models import ActionItem, Postmortem, SectionGuide
from postmortems.models.sections import Facts
from postmortems.opening import open_postmortem, proposed_review
from roster.actors import Actor
from tests.factories.incidents import make_assignment, make_incident, make_role, make_severity
from tests.factories.postmortems import make_action_item, make_postmortem
from tests.factories.roster import make_person

BY = Actor.system("tests")


@pytest.fixture
def restored(db: None) -> Incident:
    severity = make_severity(2, postmortem_required=True, postmortem_due_days=10)
    return make_incident(phase=Phase.RESTORED, severity=severity, summary="Took the change back.")


def test_open_makes_the_incident_manager_owner(restored: Incident, now: datetime) -> None:
    manager = make_person()
    make_assignment(restored, make_role("incident-manager"), manager)

    postmortem = open_postmortem(restored, by=BY, at=now)

    assert postmortem.owner == manager


def test_open_takes_due_day_from_the_severity(restored: Incident, now: datetime) -> None:
    postmortem = open_postmortem(restored, by=BY, at=now)

    assert postmortem.due_on == date(2026, 3, 12)


def test_open_writes_one_entry(restored: Incident, now: datetime) -> None:
    postmortem = open_postmortem(restored, by=BY, at=now)

    entry = TimelineEntry.objects.get(incident=restored)
    assert (entry.kind, entry.data["postmortem"]) == ("postmortem_opened", postmortem.reference)


def test_open_twice_is_refused(restored: Incident, now: datetime) -> None:
    open_postmortem(restored, by=BY, at=now)

    with pytest.raises(PostmortemError, match="already has a postmortem"):
        open_postmortem(restored, by=BY, at=now)

    assert Postmortem.objects.count() == 1


def test_open_leaves_nothing_when_its_entry_fails(
    restored: Incident, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(TimelineEntry, "record", fail)

    with pytest.raises(RuntimeError):
        open_postmortem(restored, by=BY, at=now)

    assert not Postmortem.objects.exists()


def test_open_uses_the_sections_of_the_severity(restored: Incident, now: datetime) -> None:
    for slug, from_severity in (
        ("always", None),
        ("here", make_severity(2)),
        ("milder", make_severity(3)),
        ("worse", make_severity(1)),
    ):
        SectionGuide.objects.create(
            slug=slug, title=slug, guidance="", position=1, from_severity=from_severity
        )

    postmortem = open_postmortem(restored, by=BY, at=now)

    assert [section.title for section in postmortem.sections.all()] == ["always", "here", "milder"]


def test_open_fills_sections_from_the_record(restored: Incident, now: datetime) -> None:
    SectionGuide.objects.create(
        slug="summary", title="In short", guidance="", position=1, facts=Facts.SUMMARY
    )

    postmortem = open_postmortem(restored, by=BY, at=now)

    assert postmortem.sections.get().body == "Took the change back."


def test_open_gathers_action_items_of_the_incident(restored: Incident, now: datetime) -> None:
    item = make_action_item(restored)

    postmortem = open_postmortem(restored, by=BY, at=now)

    assert ActionItem.objects.get(pk=item.pk).postmortem == postmortem


@pytest.mark.parametrize(
    ("restored_at", "zone", "expected"),
    [
        # Monday: Tuesday, Wednesday.
        (datetime(2026, 3, 2, 10, tzinfo=UTC), "UTC", datetime(2026, 3, 4, 14, tzinfo=UTC)),
        # Thursday: Friday, and over the weekend to Monday.
        (datetime(2026, 3, 5, 10, tzinfo=UTC), "UTC", datetime(2026, 3, 9, 14, tzinfo=UTC)),
        # Saturday: Monday, Tuesday.
        (datetime(2026, 3, 7, 10, tzinfo=UTC), "UTC", datetime(2026, 3, 10, 14, tzinfo=UTC)),
        # Sunday evening in UTC is Monday morning in Singapore.
        (
            datetime(2026, 3, 8, 22, tzinfo=UTC),
            "Asia/Singapore",
            datetime(2026, 3, 11, 6, tzinfo=UTC),
        ),
        # The clocks in Berlin go forward on Sunday 29 March.
        (
            datetime(2026, 3, 27, 10, tzinfo=UTC),
            "Europe/Berlin",
            datetime(2026, 3, 31, 12, tzinfo=UTC),
        ),
    ],
)
def test_review_is_proposed_for_second_working_day_at_two(
    db: None, restored_at: datetime, zone: str, expected: datetime
) -> None:
    assert proposed_review(restored_at, make_person(time_zone=zone)) == expected


def test_visible_to_leaves_out_private_incidents(db: None, user_with) -> None:
    open_to_all = make_postmortem()
    make_postmortem(make_incident(is_private=True))
    viewer = user_with("postmortems.view_postmortem")

    assert list(Postmortem.objects.visible_to(viewer)) == [open_to_all]
