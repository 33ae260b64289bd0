"""What is said about a calendar that cannot be read."""

from datetime import datetime, timedelta

import pytest

from comms.notices.registry import words_of
from roster.models import ImportedCalendar, Notice, NoticeKind
from tests.factories.availability import make_calendar
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db


def notice_of(calendar: ImportedCalendar, now: datetime) -> Notice:
    assert calendar.person
    return Notice.objects.create(
        key="k", kind=NoticeKind.CALENDAR_FAILED, person=calendar.person, created_at=now,
        data={"calendar": calendar.pk},
    )  # fmt: skip


def test_a_failing_calendar_is_told_with_since_when_and_why(now, settings):
    ana = make_person()
    calendar = make_calendar(
        ana, name="HR [2026]", failing_since=now, last_error="There is no calendar there."
    )

    content = words_of(notice_of(calendar, now + timedelta(days=1)))

    assert content.subject == "The calendar “HR [2026]” cannot be read"
    assert "since Mon 2 Mar, 10:00 UTC" in content.markdown
    assert "There is no calendar there." in content.markdown
    assert "HR \\[2026]" in content.markdown
    assert f"{settings.PUBLIC_URL}/admin/roster/timeoff/of/{ana.pk}/" in content.markdown


def test_nothing_is_said_of_a_calendar_that_is_read_again(now):
    assert words_of(notice_of(make_calendar(make_person()), now)) is None
