"""From what a calendar says to time off and shifts, and what stays when it says something else."""

from datetime import UTC, datetime, timedelta

import pytest

from roster import calendar_import
from roster.calendar_import import CalendarError, fetch_due
from roster.calendar_import.entering import Owner
from roster.calendar_import.fetching import Fetched
from roster.errors import DomainError
from roster.models import ImportedCalendar, Notice, NoticeKind, Override, ScheduleWatch, TimeOff
from tests.factories.availability import ics, make_calendar
from tests.factories.roster import make_contact_method, make_person, make_schedule

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
URL = "https://calendars.example.com/a.ics"


class Web:
    """Stands in for the network: says the same until told otherwise."""

    def __init__(self, *events: str) -> None:
        self.etags: list[str] = []
        self.says(*events)

    def says(self, *events: str) -> None:
        self.answer: Fetched | Exception = Fetched(ics(*events), "one")

    def __call__(self, url: str, *, etag: str = "") -> Fetched:
        self.etags.append(etag)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def event(uid: str, starts_at: datetime, hours: float = 1, more: str = "") -> str:
    ends_at = starts_at + timedelta(hours=hours)
    return (
        f"UID:{uid}\nDTSTART:{starts_at:%Y%m%dT%H%M%SZ}\nDTEND:{ends_at:%Y%m%dT%H%M%SZ}\n"
        f"SUMMARY:{uid} title\n{more}"
    )


def enter(web: Web, at: datetime, **owner: object) -> ImportedCalendar:
    whose = Owner(owner.get("person"), owner.get("schedule"), owner.get("by"))
    return calendar_import.enter_address(whose, name="HR", url=URL, at=at, fetcher=web)


def spans(rows: object) -> list[tuple[str, datetime, datetime]]:
    return [
        (row.calendar_uid, row.starts_at, row.ends_at) for row in rows.order_by("starts_at", "pk")
    ]


def test_a_person_s_calendar_becomes_time_off(now):
    ana = make_person()
    schedule = make_schedule(ana)

    calendar = enter(
        Web(event("a", now + HOUR), event("b", now - HOUR, 3)), now, person=ana, by=ana
    )

    assert spans(TimeOff.objects.filter(person=ana, calendar=calendar)) == [
        ("b", now - HOUR, now + 2 * HOUR),
        ("a", now + HOUR, now + 2 * HOUR),
    ]
    assert TimeOff.objects.get(calendar_uid="a").note == "a title"
    assert (calendar.due_at, calendar.fetched_at) == (now + HOUR, now)
    assert ScheduleWatch.objects.filter(schedule=schedule, due_at=now).exists()


def test_an_address_that_cannot_be_read_is_not_kept(now):
    web = Web()
    web.answer = CalendarError("calendar_status", "No.")

    with pytest.raises(CalendarError):
        enter(web, now, person=make_person())

    assert not ImportedCalendar.objects.exists()


def test_the_same_address_twice_is_refused(now):
    ana = make_person()
    enter(Web(), now, person=ana)

    with pytest.raises(CalendarError, match="read here already"):
        enter(Web(), now, person=ana)


def test_reading_again_adds_moves_and_removes_what_is_to_come(now):
    ana = make_person()
    web = Web(
        event("over", now - 5 * HOUR, 6),
        event("moved", now + 9 * HOUR),
        event("gone", now + 9 * HOUR),
    )
    enter(web, now, person=ana)
    later = now + 2 * HOUR
    web.says(event("moved", now + 10 * HOUR), event("new", now + 20 * HOUR))

    assert fetch_due(at=later, fetcher=web) == 1

    assert spans(TimeOff.objects) == [
        ("over", now - 5 * HOUR, now + HOUR),
        ("moved", now + 10 * HOUR, now + 11 * HOUR),
        ("new", now + 20 * HOUR, now + 21 * HOUR),
    ]


def test_time_off_that_vanishes_midway_ends_now(now):
    web = Web(event("a", now, 48))
    enter(web, now, person=make_person())
    web.says()

    fetch_due(at=now + HOUR, fetcher=web)

    assert spans(TimeOff.objects) == [("a", now, now + HOUR)]


def test_an_event_moved_ahead_after_it_was_over_is_new_time_off(now):
    web = Web(event("a", now, 0.5))
    enter(web, now, person=make_person())
    old = TimeOff.objects.get()
    web.says(event("a", now + 24 * HOUR))

    fetch_due(at=now + HOUR, fetcher=web)

    assert spans(TimeOff.objects) == [
        (f"a#{old.pk}", now, now + HOUR / 2),
        ("a", now + 24 * HOUR, now + 25 * HOUR),
    ]


def test_reading_the_same_again_writes_nothing(now):
    web = Web(event("a", now + 9 * HOUR))
    enter(web, now, person=make_person())
    before = TimeOff.history.count()

    fetch_due(at=now + HOUR, fetcher=web)

    assert TimeOff.history.count() == before
    assert web.etags == ["", "one"]


def test_an_event_that_became_unreadable_stays_as_it_was(now):
    web = Web(event("a", now + 9 * HOUR), event("b", now + 9 * HOUR))
    enter(web, now, person=make_person())
    web.says(event("b", now + 9 * HOUR), "UID:a\nDTSTART:nonsense")

    fetch_due(at=now + HOUR, fetcher=web)

    assert TimeOff.objects.count() == 2
    assert ImportedCalendar.objects.get().problems == [
        "Line 12, DTSTART: “nonsense” is not a date or time."
    ]


def test_while_it_cannot_be_read_what_it_said_stays_and_one_day_later_its_person_hears(now):
    ana = make_person()
    web = Web(event("a", now + 99 * HOUR))
    calendar = enter(web, now, person=ana)
    web.answer = CalendarError("calendar_timeout", "Too slow.")
    moments = [now + timedelta(hours=hours) for hours in range(1, 60)]

    tried = sum(fetch_due(at=moment, fetcher=web) for moment in moments)

    calendar.refresh_from_db()
    assert TimeOff.objects.count() == 1
    assert (calendar.failing_since, calendar.last_error) == (now + HOUR, "Too slow.")
    assert 10 < tried < 25
    notice = Notice.objects.get(kind=NoticeKind.CALENDAR_FAILED)
    assert notice.person == ana
    assert notice.data["error"] == "Too slow."


def test_once_it_is_read_again_the_failure_is_forgotten(now):
    web = Web()
    calendar = enter(web, now, person=make_person())
    web.answer = CalendarError("calendar_timeout", "Too slow.")
    fetch_due(at=now + HOUR, fetcher=web)
    web.says()

    fetch_due(at=now + 3 * HOUR, fetcher=web)

    calendar.refresh_from_db()
    assert (calendar.failing_since, calendar.last_error, calendar.attempts) == (None, "", 0)
    assert calendar.due_at == now + 4 * HOUR


def test_unchanged_keeps_everything_and_is_read_whole_once_a_day(now):
    web = Web(event("a", now + 99 * HOUR))
    calendar = enter(web, now, person=make_person())
    web.answer = Fetched(None, "one")

    for hours in (1, 2, 25, 26):
        fetch_due(at=now + timedelta(hours=hours), fetcher=web)

    calendar.refresh_from_db()
    assert TimeOff.objects.count() == 1
    assert web.etags == ["", "one", "one", "one", ""]


def test_a_worker_that_lost_its_lease_changes_nothing(now):
    calendar = make_calendar(make_person(), due_at=now)
    web = Web(event("a", now + HOUR))

    def slow(url: str, *, etag: str = "") -> Fetched:
        ImportedCalendar.objects.update(lease_token="8d6b5f7e-0000-4000-8000-000000000000")
        return web(url)

    fetch_due(at=now, fetcher=slow)

    assert not TimeOff.objects.exists()
    assert ImportedCalendar.objects.get(pk=calendar.pk).fetched_at is None


def test_a_schedule_s_calendar_puts_the_people_it_names_on_call(now):
    ana = make_person(name="Ana", email="ana@example.com")
    bo = make_person(name="Bo")
    make_contact_method(bo, address="bo@home.example")
    cy = make_person(name="Cy Young", slug="cy-young")
    schedule = make_schedule()
    two = "ATTENDEE:mailto:ANA@example.com\nATTENDEE:mailto:bo@home.example"
    web = Web(
        event("invited", now + HOUR, more=two),
        event(
            "asked",
            now + 3 * HOUR,
            more="ATTENDEE:mailto:x@y.example\nORGANIZER:mailto:bo@home.example",
        ),
        event("slug", now + 5 * HOUR).replace("slug title", "Night: cy-young"),
        event("name", now + 7 * HOUR).replace("name title", "cy young covers"),
        event("nobody", now + 9 * HOUR, more="ATTENDEE:mailto:gone@example.com"),
        event("silent", now + 9 * HOUR),
    )

    calendar = enter(web, now, schedule=schedule, by=ana)

    rows = Override.objects.order_by("starts_at", "person__name")
    assert [(row.calendar_uid, row.person, row.kind) for row in rows] == [
        (f"invited|{ana.slug}", ana, "add"),
        (f"invited|{bo.slug}", bo, "add"),
        (f"asked|{bo.slug}", bo, "add"),
        ("slug|cy-young", cy, "add"),
        ("name|cy-young", cy, "add"),
    ]
    assert calendar.problems == [
        "“nobody title” on 2 Mar 2026: nobody here has the address gone@example.com.",
        "“silent title” on 2 Mar 2026: it invites nobody and its title names nobody here.",
    ]
    assert ScheduleWatch.objects.filter(schedule=schedule, due_at=now).exists()
    told = Notice.objects.filter(kind=NoticeKind.SHIFTS_CHANGED).order_by("person__name")
    assert [notice.person for notice in told] == [ana, bo, cy]


def test_a_name_that_fits_two_people_means_neither(now):
    make_person(name="Ana")
    make_person(name="Ana")

    calendar = enter(Web(event("ana", now + HOUR)), now, schedule=make_schedule())

    assert not Override.objects.exists()
    assert len(calendar.problems) == 1


def test_a_shift_read_midway_begins_now_and_never_in_the_past(now):
    make_person(slug="ana")

    enter(Web(event("ana", now - HOUR, 3)), now, schedule=make_schedule())

    row = Override.objects.get()
    assert (row.starts_at, row.ends_at) == (now + timedelta(minutes=1), now + 2 * HOUR)


def test_a_shift_that_vanishes_midway_is_cut_short(now):
    make_person(slug="ana")
    web = Web(event("ana", now + HOUR, 9), event("ana 2", now + 90 * HOUR))
    enter(web, now, schedule=make_schedule())
    later = now + 2 * HOUR
    web.says()

    fetch_due(at=later, fetcher=web)

    assert spans(Override.objects) == [("ana|ana", now + HOUR, later + timedelta(minutes=1))]


def test_a_shift_moved_ahead_midway_ends_now_and_comes_again(now):
    make_person(slug="ana")
    web = Web(event("ana", now + HOUR, 9))
    enter(web, now, schedule=make_schedule())
    first = Override.objects.get()
    later = now + 2 * HOUR
    web.says(event("ana", now + 30 * HOUR, 9))

    fetch_due(at=later, fetcher=web)

    assert spans(Override.objects) == [
        (f"ana|ana#{first.pk}", now + HOUR, later + timedelta(minutes=1)),
        ("ana|ana", now + 30 * HOUR, now + 39 * HOUR),
    ]


def test_past_shifts_are_left_alone(now):
    make_person(slug="ana")
    web = Web(event("ana", now + HOUR))
    enter(web, now, schedule=make_schedule())
    before = spans(Override.objects)
    web.says()

    fetch_due(at=now + 5 * HOUR, fetcher=web)

    assert spans(Override.objects) == before


def test_stopping_takes_back_what_is_to_come(now):
    ana = make_person()
    calendar = enter(Web(event("a", now - HOUR, 4), event("b", now + 30 * HOUR)), now, person=ana)

    calendar_import.stop(calendar, at=now)

    assert spans(TimeOff.objects) == [("a", now - HOUR, now)]
    assert fetch_due(at=now + 9 * HOUR, fetcher=Web()) == 0


def test_a_file_is_taken_over_once(now):
    ana = make_person()
    owner = Owner(ana, None, ana)

    calendar = calendar_import.enter_file(
        owner, name="Mine", content=ics(event("a", now + HOUR)), at=now
    )

    assert (TimeOff.objects.count(), calendar.due_at) == (1, None)
    with pytest.raises(DomainError, match="Upload the new one"):
        calendar_import.read_again(calendar, at=now)


def test_a_file_of_50_mb_is_refused_on_its_field(now):
    content = b"BEGIN:VCALENDAR\r\n" + b"x" * 50 * 1024 * 1024

    with pytest.raises(CalendarError) as refusal:
        calendar_import.enter_file(
            Owner(make_person(), None, None), name="x", content=content, at=now
        )

    assert refusal.value.fields == {
        "file": ["This calendar is larger than 5 MB. Share one that reaches less far back."]
    }


def test_whole_days_are_those_of_the_person(now):
    ana = make_person(time_zone="Asia/Tokyo")

    enter(Web("UID:a\nDTSTART;VALUE=DATE:20260401"), now, person=ana)

    assert TimeOff.objects.get().starts_at == datetime(2026, 3, 31, 15, tzinfo=UTC)
