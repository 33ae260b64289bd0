from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from comms.models import Message
from comms.notices.registry import words_of
from roster.models import Notice, NoticeKind
from roster.notices import deliver_due
from roster.shift_changes import PersonChange, tell_changed
from tests.factories.roster import make_contact_method, make_person, make_schedule

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
GONE = (datetime(2026, 3, 27, 9, tzinfo=UTC), datetime(2026, 3, 30, 8, tzinfo=UTC))
COME = (datetime(2026, 4, 6, 7, tzinfo=UTC), datetime(2026, 4, 6, 15, tzinfo=UTC))


def notice_of(before, after, **fields) -> Notice:
    person = make_person(time_zone="Europe/Berlin", **fields)
    schedule = make_schedule(name="Payments [EU]")
    change = PersonChange(person, before, after)
    tell_changed(schedule, [change], at=NOW, by=None, by_name="Mia")
    return Notice.objects.get()


@override_settings(PUBLIC_URL="https://muster.example")
def test_notice_says_what_was_and_what_comes_in_the_zone_of_the_person():
    notice = notice_of((GONE,), (COME,))

    content = words_of(notice)

    assert content.subject == "Your shifts changed: Payments [EU]"
    assert content.text.startswith(
        "Mia changed who is on call for Payments [EU], and with it your shifts.\n\n"
        "Before:\n\n- Fri 27 Mar 10:00 to Mon 30 Mar 10:00\n\n"
        "Now:\n\n- Mon 6 Apr 09:00 to 17:00\n\n"
        "Times are in Europe/Berlin."
    )
    assert f"https://muster.example/admin/roster/schedule/{notice.data['schedule_id']}/" in (
        content.text
    )


@pytest.mark.parametrize(
    ("before", "after", "title"),
    [((GONE,), (), "No longer yours:"), ((), (COME,), "New for you:")],
)
def test_notice_names_what_only_goes_or_only_comes(before, after, title):
    assert title in words_of(notice_of(before, after)).text


def test_notice_does_not_list_a_hundred_shifts():
    hour, days = timedelta(hours=1), timedelta(days=2)
    spans = tuple((GONE[0] + n * days, GONE[0] + n * days + hour) for n in range(30))

    text = words_of(notice_of(spans, (COME,))).text

    assert text.count(" 10:00 to 11:00") + text.count(" 11:00 to 12:00") == 12
    assert "There are more; the calendar shows them all." in text


def test_notice_reaches_the_person():
    notice = notice_of((GONE,), ())
    make_contact_method(notice.person, address="ana@example.com")

    deliver_due(at=NOW)

    assert [message.subject for message in Message.objects.all()] == [
        "Your shifts changed: Payments [EU]"
    ]
    assert notice.kind == NoticeKind.SHIFTS_CHANGED
