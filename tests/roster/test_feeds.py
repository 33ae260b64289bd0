"""Feeds as a calendar program sees them: read back, moved, cancelled, closed."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from icalendar import Calendar
from recurring_ical_events import of

from roster import feeds
from roster.errors import DomainError
from roster.layer_changes import LayerChange, change_layer
from roster.models import CalendarFeed, LayerWindow, Person, PublishedShift, Schedule
from tests.factories.roster import make_layer, make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
HANDOFF = datetime(2026, 3, 9, 9, tzinfo=UTC)  # the first one after `now`


class Feed:
    """A feed by its address, read at any moment."""

    def __init__(self, owner: Person, schedule: Schedule | None, at: datetime) -> None:
        self.row, url = feeds.issue(owner, schedule, at=at)
        self.path = url[url.index("/calendar/") :]

    def get(self, at: datetime, **headers: str) -> object:
        with time_machine.travel(at, tick=False):
            return Client().get(self.path, headers=headers)

    def events(self, at: datetime) -> list[dict[str, object]]:
        calendar = Calendar.from_ical(self.get(at).content)
        return [
            {
                "uid": str(event["UID"]).partition("@")[0],
                "start": event.start.astimezone(UTC),
                "end": event.end.astimezone(UTC),
                "sequence": event.sequence,
                "status": str(event["STATUS"]),
                "summary": str(event["SUMMARY"]),
            }
            for event in calendar.walk("VEVENT")
        ]

    def standing(self, at: datetime) -> list[dict[str, object]]:
        return [each for each in self.events(at) if each["status"] == "CONFIRMED"]

    def next(self, at: datetime) -> dict[str, object]:
        return next(each for each in self.standing(at) if each["start"] > at)


@pytest.fixture
def viewer(user_with: Callable[..., User]) -> Person:
    return make_person(user=user_with("roster.view_schedule"))


def test_a_person_s_feed_has_their_shifts_only_a_year_ahead_and_three_months_back(now):
    ana, bo = make_person(), make_person()
    schedule = make_schedule(ana, bo, name="Payments")
    feed = Feed(ana, None, now)

    events = feed.events(now)

    assert {each["summary"] for each in events} == {"On call: Payments"}
    assert {each["end"] - each["start"] for each in events} == {WEEK}
    assert events[0]["start"] == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert events[-1]["start"] > now + timedelta(days=366)
    assert events[1]["start"] - events[0]["start"] == 2 * WEEK
    lineage = schedule.layers.get().lineage
    assert [each["uid"] for each in events[:2]] == [f"{lineage}.0.0", f"{lineage}.2.0"]


def test_a_schedule_s_feed_names_everybody(now, viewer):
    schedule = make_schedule(make_person(name="Ana"), make_person(name="Bo"), name="Payments")

    events = Feed(viewer, schedule, now).events(now)

    assert [each["summary"] for each in events[:2]] == [
        "Ana on call (Payments)",
        "Bo on call (Payments)",
    ]


def test_reading_again_changes_nothing(now):
    feed = Feed(make_person(), None, now)
    make_schedule(feed.row.owner, make_person())

    first, second = feed.get(now), feed.get(now + 3 * HOUR)

    assert first.content == second.content
    assert set(PublishedShift.objects.values_list("sequence", flat=True)) == {0}


def test_the_month_that_passes_only_adds_what_comes_into_sight(now):
    ana = make_person()
    make_schedule(ana, make_person())
    feed = Feed(ana, None, now)
    before = {each["uid"]: each for each in feed.events(now)}

    after = {each["uid"]: each for each in feed.events(now + 40 * DAY)}

    assert all(after[uid] == before[uid] for uid in before.keys() & after.keys())
    assert len(after.keys() - before.keys()) == 3


def test_moving_the_handoff_moves_the_event_in_place(now, viewer):
    schedule = make_schedule(make_person(), make_person())
    feed = Feed(viewer, schedule, now)
    before = feed.next(now)

    change_layer(
        schedule.layers.get(),
        LayerChange(values={"handoff_time": time(11)}),
        takes_effect_at=now + HOUR,
    )

    after = feed.next(now + HOUR)
    assert after["uid"] == before["uid"]
    assert (before["start"], after["start"]) == (HANDOFF, HANDOFF + 2 * HOUR)
    assert (before["sequence"], after["sequence"]) == (0, 1)
    assert len(feed.standing(now + HOUR)) == len({each["uid"] for each in feed.events(now + HOUR)})
    assert not [each for each in feed.events(now + HOUR) if each["status"] == "CANCELLED"]


def test_a_turn_that_goes_on_across_an_edit_stays_one_event(now, viewer):
    schedule = make_schedule(make_person(), make_person())
    feed = Feed(viewer, schedule, now)
    before = [each for each in feed.events(now) if each["start"] < now]

    change_layer(
        schedule.layers.get(), LayerChange(values={"position": 2}), takes_effect_at=now + DAY
    )

    assert [each for each in feed.events(now + DAY) if each["start"] < now] == before


def test_a_cover_cancels_the_one_and_adds_the_other(now):
    ana, bo = make_person(), make_person()
    schedule = make_schedule(ana)
    own, other = Feed(ana, None, now), Feed(bo, None, now)
    covered = own.next(now)
    assert other.events(now) == []

    override = make_override(
        schedule, bo, kind="replace", replaces=ana,
        starts_at=covered["start"], ends_at=covered["end"],
    )  # fmt: skip

    later = now + HOUR
    assert [each["uid"] for each in other.standing(later)] == [f"override-{override.pk}"]
    gone = [each for each in own.events(later) if each["status"] == "CANCELLED"]
    assert [(each["uid"], each["sequence"]) for each in gone] == [(covered["uid"], 1)]


def test_cancelled_events_leave_after_a_month_and_come_back_with_a_higher_sequence(now):
    ana, bo = make_person(), make_person()
    schedule = make_schedule(ana)
    feed = Feed(ana, None, now)
    start = HANDOFF + 8 * WEEK
    uid = next(each["uid"] for each in feed.events(now) if each["start"] == start)
    override = make_override(schedule, bo, starts_at=start, ends_at=start + WEEK)
    states = []

    for days in (1, 30, 32):
        found = [each for each in feed.events(now + timedelta(days=days)) if each["uid"] == uid]
        states.append([(each["status"], each["sequence"]) for each in found])
    override.delete()
    found = [each for each in feed.events(now + 33 * DAY) if each["uid"] == uid]

    assert states == [[("CANCELLED", 1)], [("CANCELLED", 1)], []]
    assert [(each["status"], each["sequence"]) for each in found] == [("CONFIRMED", 2)]


def test_a_turn_that_passes_to_somebody_else_is_one_event_for_the_schedule_and_two_for_people(
    now, viewer
):
    ana, bo = make_person(name="Ana"), make_person(name="Bo")
    schedule = make_schedule(ana, name="Payments")
    common, own, other = (Feed(who, what, now) for who, what in
                          ((viewer, schedule), (ana, None), (bo, None)))  # fmt: skip
    before = common.next(now)
    own.events(now)
    layer = schedule.layers.get()

    change_layer(layer, LayerChange(participants=[(1, bo)]), takes_effect_at=HANDOFF)

    later = now + HOUR
    after = common.next(later)
    assert (after["uid"], after["sequence"]) == (before["uid"], 1)
    assert after["summary"] == "Bo on call (Payments)"
    assert other.next(later)["uid"] == before["uid"]
    gone = next(each for each in own.events(later) if each["uid"] == before["uid"])
    assert (gone["status"], gone["sequence"]) == ("CANCELLED", 1)

    change_layer(layer, LayerChange(participants=[(1, ana)]), takes_effect_at=HANDOFF)

    back = [each for each in own.events(later + HOUR) if each["uid"] == before["uid"]]
    assert [(each["status"], each["sequence"]) for each in back] == [("CONFIRMED", 2)]


def test_stretches_of_a_turn_keep_their_names_when_one_goes_to_somebody_else(now):
    ana, bo = make_person(), make_person()
    schedule = make_schedule()
    layer = make_layer(schedule, ana, bo)
    LayerWindow.objects.bulk_create(
        LayerWindow(layer=layer, opens_on=day, opens_at=time(9), closes_on=day, closes_at=time(17))
        for day in range(5)
    )
    feed = Feed(ana, None, now)
    base = f"{layer.lineage}.10.0"
    before = [each for each in feed.events(now) if each["uid"].startswith(base)]
    tuesday = before[1]["start"]

    make_override(schedule, bo, starts_at=tuesday, ends_at=tuesday + 8 * HOUR)

    after = [each for each in feed.events(now + HOUR) if each["uid"].startswith(base)]
    assert [each["uid"] for each in before] == [base, *(f"{base}~{n}" for n in range(1, 5))]
    assert [each["status"] for each in after] == ["CONFIRMED", "CANCELLED", *["CONFIRMED"] * 3]
    assert [each["start"] for each in after] == [each["start"] for each in before]
    assert [each["sequence"] for each in after] == [0, 1, 0, 0, 0]


def test_an_override_cut_short_ends_in_the_calendar_too(now):
    ana = make_person()
    override = make_override(make_schedule(), ana, starts_at=now - HOUR, ends_at=now + 9 * HOUR)
    feed = Feed(ana, None, now)
    feed.events(now)

    override.withdraw(at=now + HOUR)

    assert [(each["end"], each["sequence"]) for each in feed.events(now + 2 * HOUR)] == [
        (now + HOUR, 1)
    ]


def test_whoever_leaves_is_taken_out_of_what_is_to_come(now, viewer):
    ana = make_person()
    feed = Feed(viewer, make_schedule(ana), now)
    feed.events(now)

    Person.objects.filter(pk=ana.pk).update(is_active=False)

    later = now + HOUR
    assert all(each["end"] <= later for each in feed.standing(later))
    assert len(feed.standing(later)) == 8


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
             "America/Sao_Paulo", "Asia/Kolkata", "Europe/Dublin", "UTC"],
)  # fmt: skip
def test_times_are_read_back_right_across_clock_changes(now, zone):
    ana = make_person(time_zone=zone)
    schedule = make_schedule(time_zone=zone)
    make_layer(schedule, ana, make_person(), unit="day", handoff_time=time(2, 30))
    content = Feed(ana, None, now).get(now).content
    # Read by the file's own rules: no zone here goes by such a name.
    text = content.decode().replace(f"TZID:{zone}", "TZID:Own").replace(f"TZID={zone}", "TZID=Own")
    if zone != "UTC":
        assert "BEGIN:VTIMEZONE" in text

    from icalendar.timezone import tzp  # noqa: PLC0415 the table to forget "Own" from

    tzp.use_zoneinfo()
    events = of(Calendar.from_ical(text)).between(now, now + timedelta(days=330))
    tzp.use_zoneinfo()

    expected = PublishedShift.objects.filter(
        person=ana, ends_at__gt=now, starts_at__lt=now + timedelta(days=330)
    )
    assert sorted(each.start.astimezone(UTC) for each in events) == sorted(
        expected.values_list("starts_at", flat=True)
    )


def test_rules_of_a_zone_are_said_as_rules(now):
    text = Feed(make_person(time_zone="Europe/London"), None, now).get(now).content.decode()

    assert "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3" in text
    assert "RDATE" not in text


def test_an_hour_that_comes_twice_is_told_in_utc(now):
    ana = make_person(time_zone="Europe/London")
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    make_override(make_schedule(), ana, starts_at=second, ends_at=second + DAY)

    text = Feed(ana, None, now).get(now).content.decode()

    assert "DTSTART:20261025T013000Z" in text


def test_the_file_is_well_formed_whatever_people_are_called(now, viewer):
    name = "Ana\r\nBEGIN:VALARM;,\\ \x07" + "ü" * 90
    schedule = make_schedule(make_person(name=name), name="A;B,C\\n:\nX")

    content = Feed(viewer, schedule, now).get(now).content

    lines = content.split(b"\r\n")
    assert all(len(line) <= 75 and b"\n" not in line and b"\r" not in line for line in lines)
    assert lines[-1] == b""
    assert b"BEGIN:VALARM" not in lines
    event = Calendar.from_ical(content).walk("VEVENT")[0]
    assert str(event["SUMMARY"]) == f"Ana BEGIN:VALARM;,\\ {'ü' * 90} on call (A;B,C\\n: X)"


def test_the_answer_is_private_and_recognised_when_unchanged(now):
    ana = make_person(slug="ana")
    make_schedule(ana)
    feed = Feed(ana, None, now)

    response = feed.get(now)
    again = feed.get(now + HOUR, if_none_match=response["ETag"])

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Content-Disposition"] == 'inline; filename="on-call-ana.ics"'
    assert response["Cache-Control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == response["ETag"]


def test_an_address_is_shown_once_and_a_new_one_closes_the_old(now):
    ana = make_person()
    old = Feed(ana, None, now)
    new = Feed(ana, None, now)

    token = new.path.removeprefix("/calendar/").removesuffix(".ics")
    assert len(token) >= 22
    assert not CalendarFeed.objects.filter(token_digest__contains=token[:10]).exists()
    assert (old.get(now).status_code, new.get(now).status_code) == (410, 200)


def test_a_closed_address_says_so(now):
    feed = Feed(make_person(), None, now)

    feeds.revoke(feed.row, at=now)

    assert feed.get(now).status_code == 410
    assert feed.get(now)["Cache-Control"] == "private, no-cache"


def test_an_unknown_address_is_not_found(now):
    assert Client().get("/calendar/nonsense.ics").status_code == 404


def test_feeds_of_people_without_a_login_show_their_own_shifts_only(now):
    ana = make_person()

    assert Feed(ana, None, now).get(now).status_code == 200
    assert Feed(ana, make_schedule(), now).get(now).status_code == 404


def test_a_feed_ends_with_its_owner(now, viewer):
    own, common = Feed(viewer, None, now), Feed(viewer, make_schedule(), now)
    assert [each.get(now).status_code for each in (own, common)] == [200, 200]

    viewer.user.user_permissions.clear()
    assert [each.get(now).status_code for each in (own, common)] == [200, 404]

    User.objects.filter(pk=viewer.user.pk).update(is_active=False)
    assert own.get(now).status_code == 404

    Person.objects.filter(pk=viewer.pk).update(is_active=False)
    assert [each.get(now).status_code for each in (own, common)] == [410, 410]


def test_an_inactive_person_gets_no_address(now):
    with pytest.raises(DomainError):
        feeds.issue(make_person(is_active=False), None, at=now)


def test_a_schedule_out_of_use_cancels_what_was_to_come(now, viewer):
    ana = make_person()
    schedule = make_schedule(ana)
    own, common = Feed(ana, None, now), Feed(viewer, schedule, now)
    own.events(now)

    Schedule.objects.filter(pk=schedule.pk).update(is_active=False)

    assert all(each["end"] <= now for each in own.standing(now))
    assert common.get(now).status_code == 410


@pytest.mark.parametrize("schedules", [1, 3])
def test_reading_costs_a_constant_number_of_queries(now, django_assert_num_queries, schedules):
    ana = make_person()
    for _ in range(schedules):
        make_schedule(ana, make_person())
    feed = Feed(ana, None, now)
    feed.get(now)

    with django_assert_num_queries(10):
        feed.get(now)


def test_reading_only_reads(client, now):
    feed = Feed(make_person(), None, now)

    assert client.post(feed.path).status_code == 405
