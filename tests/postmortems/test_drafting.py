from datetime import datetime, timedelta

from incidents.models import Phase
from postmortems.drafting import alerts, impact, milestones, responders, timeline
from roster.actors import Actor
from tests.factories.incidents import (
    make_alert,
    make_incident,
    make_responder,
    make_service,
)
from tests.factories.roster import make_person

BY = Actor.system("Ines Okafor")


def test_milestones_tell_the_time_since_the_one_before(db: None, now: datetime) -> None:
    incident = make_incident(
        phase=Phase.RESTORED,
        detected_at=now,
        acknowledged_at=now + timedelta(minutes=4),
        declared_at=now + timedelta(minutes=9),
        restored_at=now + timedelta(hours=2),
    )

    assert milestones(incident, now) == (
        "| Milestone | Time | After |\n"
        "|---|---|---|\n"
        "| Detected | 2026-03-02 10:00 UTC |  |\n"
        "| Acknowledged | 2026-03-02 10:04 UTC | 4 min |\n"
        "| Declared | 2026-03-02 10:09 UTC | 5 min |\n"
        "| Restored | 2026-03-02 12:00 UTC | 1 h 51 min |"
    )


def test_impact_names_services_and_span(db: None, now: datetime) -> None:
    incident = make_incident(
        phase=Phase.RESTORED,
        detected_at=now,
        restored_at=now + timedelta(minutes=30),
        customer_impact="Nobody can pay.",
        services=[make_service(name="Payments")],
    )

    assert impact(incident, now) == (
        "Nobody can pay.\n"
        "- Services: Payments\n"
        "- From 2026-03-02 10:00 UTC to 2026-03-02 10:30 UTC\n"
        "- Duration: 30 min"
    )


def test_timeline_leaves_out_what_explains_nothing(db: None, now: datetime) -> None:
    incident = make_incident(phase=Phase.DIAGNOSING)
    incident.note("The queue grows.", by=BY, at=now)
    incident.edit(summary="Slow", by=BY, at=now)

    assert timeline(incident, now) == "- 2026-03-02 10:00 UTC: Ines Okafor noted: The queue grows."


def test_responders_are_listed_with_what_they_did(db: None, now: datetime) -> None:
    incident = make_incident(phase=Phase.RESTORED)
    person = make_person(name="Bo Ek")
    ended_at = incident.detected_at + timedelta(minutes=12)
    make_responder(incident, person, state="released", ended_at=ended_at)

    assert responders(incident, now) == "- Bo Ek: 12 min engaged"


def test_alerts_tell_how_often_and_until_when(db: None, now: datetime) -> None:
    incident = make_incident()
    make_alert(incident, title="HighErrorRate", count=3, started_at=now)

    assert alerts(incident, now) == "- 2026-03-02 10:00 UTC: HighErrorRate (seen 3 ×, still firing)"
