from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db.models import Model

from comms.models import Message, MessageState
from config.demo import load_demo
from incidents.models import Announcement, Escalation, Incident, Phase
from postmortems.models import ActionItem, Postmortem
from roster.models import (
    DutyRecord,
    Notice,
    PageTestCall,
    Person,
    Schedule,
    ScheduleWatch,
    Swap,
    Team,
    TimeOff,
)
from tests.factories.incidents import make_incident
from tests.factories.roster import make_person


@pytest.mark.parametrize("make", [make_incident, lambda: make_person(email="bo@halyard.example")])
def test_demo_keeps_away_from_what_is_there(
    db: None, make: Callable[[], Model], capsys: pytest.CaptureFixture[str]
) -> None:
    make()

    call_command("load_demo")

    assert " here already" in capsys.readouterr().out
    assert not Schedule.objects.exists()


@pytest.mark.slow
def test_demo_fills_every_screen_and_sends_nothing_old(db: None, now: datetime) -> None:
    demo = load_demo(at=now)

    assert set(demo.logins) >= {"Viewer", "Responder", "Incident manager"}
    counts = [model.objects.count() for model in (Person, Team, Schedule)]
    assert counts == [25, 7, 3]
    assert Incident.objects.count() >= 60
    states = set(Postmortem.objects.values_list("state", flat=True))
    assert states == {"draft", "in_review", "approved", "published"}
    states = set(ActionItem.objects.values_list("state", flat=True))
    assert states == {"open", "done", "dropped"}
    assert ActionItem.objects.overdue_on(now.date()).exists()
    live = Incident.objects.live().order_by("number").values_list("phase", "severity__slug")
    assert list(live) == [(Phase.DIAGNOSING, "sev2"), (Phase.DETECTED, "sev3")]
    assert not Incident.objects.filter(detected_at__gt=now).exists()
    assert nothing_of_the_past_waits()


def nothing_of_the_past_waits() -> bool:
    """Beside the pages of the incident that nobody has answered yet."""
    queued = Message.objects.filter(state=MessageState.QUEUED)
    running = Escalation.objects.running().get()
    return (
        not Announcement.objects.exists() and not queued.exclude(incident=running.incident).exists()
    )


@pytest.mark.slow
def test_demo_has_life_on_its_rosters(db: None, now: datetime) -> None:
    load_demo(at=now)

    assert set(Swap.objects.values_list("state", flat=True)) == {"offered", "taken"}
    away = TimeOff.objects.values_list("person", flat=True).distinct()
    assert len(away) == 2
    first = DutyRecord.objects.earliest("starts_at").starts_at
    assert first == now - timedelta(days=90)
    answered = PageTestCall.objects.values_list("acknowledged_at", flat=True)
    assert [each is None for each in answered].count(True) == 1
    assert not Notice.objects.filter(due_at__isnull=False).exists()
    assert ScheduleWatch.objects.filter(due_at__lte=now).count() == 3
