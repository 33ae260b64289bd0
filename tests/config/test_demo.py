from datetime import datetime

import pytest
from django.core.management import CommandError, call_command

from comms.models import Message, MessageState
from config.demo import load_demo
from incidents.models import Announcement, Escalation, Incident, Phase
from postmortems.models import ActionItem, Postmortem
from roster.models import Person, Schedule, Team
from tests.factories.roster import make_person


def test_demo_refuses_where_people_are(db: None) -> None:
    make_person()

    with pytest.raises(CommandError, match="There are people here already"):
        call_command("load_demo")


@pytest.mark.slow
def test_demo_fills_every_screen(db: None, now: datetime) -> None:
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


@pytest.mark.slow
def test_demo_leaves_nothing_of_the_past_to_do(db: None, now: datetime) -> None:
    load_demo(at=now)

    waiting = Message.objects.filter(state=MessageState.QUEUED)
    assert set(waiting.values_list("incident__phase", flat=True)) <= {Phase.DETECTED}
    assert not Announcement.objects.exists()
    assert Escalation.objects.running().get().incident.phase == Phase.DETECTED
