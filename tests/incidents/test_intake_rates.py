"""What an integration sends by the hour, and when its silence is unusual."""

from datetime import datetime, timedelta

import pytest

from incidents import intake_rates
from incidents.intake_rates import hour_of
from incidents.models import IntakeHour, Integration
from tests.factories.incidents import make_integration

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def integration(db: None) -> Integration:
    return make_integration()[0]


def heard(integration: Integration, *hours_ago: int, now: datetime) -> None:
    """Events in these hours before `now`, the last of them 30 minutes into its hour."""
    for hours in hours_ago:
        IntakeHour.objects.create(
            integration=integration, hour=hour_of(now) - hours * HOUR, accepted=10
        )
    integration.last_event_at = hour_of(now) - min(hours_ago) * HOUR + timedelta(minutes=30)


def is_silent(integration: Integration, now: datetime) -> bool:
    return integration.pk in intake_rates.silent_since([integration], at=now)


def test_events_are_counted_in_the_hour_they_came_in(integration, now):
    earlier = now - HOUR

    intake_rates.count(integration, [earlier, now, now], at=now)
    intake_rates.count(integration, [now], set_aside=1, at=now)

    rows = IntakeHour.objects.order_by("hour").values_list("hour", "accepted", "set_aside")
    assert list(rows) == [(hour_of(earlier), 1, 0), (hour_of(now), 3, 1)]


def test_day_has_a_bar_for_each_hour_and_the_busiest_fills_it(integration, now):
    intake_rates.count(integration, [now - 23 * HOUR, now, now], at=now)

    bars = intake_rates.last_day(integration, at=now).bars

    assert [bar.accepted for bar in bars] == [1, *[0] * 22, 2]
    assert [bars[0].height, bars[-1].height] == [50, 100]


def test_pause_longer_than_any_of_the_last_weeks_is_silence(integration, now):
    """Every third hour is usual; half as long again is not."""
    heard(integration, *range(5, 60, 3), now=now)

    assert is_silent(integration, now + timedelta(minutes=1))
    assert not is_silent(integration, now - timedelta(minutes=1))


def test_nights_are_no_silence_where_every_night_is_quiet(integration, now):
    """Sixteen hours of quiet each night are usual; the morning's first hours alarm nobody."""
    days = [day * 24 + hour for day in range(8) for hour in range(16, 24)]
    heard(integration, *days, now=now)

    assert not is_silent(integration, now)


def test_what_hardly_ever_sends_is_never_silent(integration, now):
    heard(integration, 100, 200, 300, now=now)

    assert not is_silent(integration, now)


def test_silence_is_what_the_integration_says(integration, now):
    integration.silent_after_minutes = 45
    integration.last_event_at = now - timedelta(minutes=46)

    assert is_silent(integration, now)
    assert not is_silent(integration, now - timedelta(minutes=2))


def test_revoked_integration_may_be_silent(integration, now):
    integration.silent_after_minutes = 1
    integration.last_event_at = now - HOUR
    integration.revoke(at=now)

    assert not is_silent(integration, now)
