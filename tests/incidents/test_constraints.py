"""Each constraint of the database, and a row that breaks it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from incidents.models import (
    Acknowledgement,
    AlertWord,
    Incident,
    IntakeHour,
    IntakeRefusal,
    MaintenanceWindow,
    Report,
    Severity,
)
from tests.factories.incidents import (
    DETECTED_AT,
    make_alert,
    make_assignment,
    make_change,
    make_escalation,
    make_event,
    make_heartbeat,
    make_incident,
    make_integration,
    make_page,
    make_responder,
    make_role,
    make_routing_rule,
    make_service,
    make_severity,
    make_severity_rule,
)
from tests.factories.roster import make_person, make_policy

pytestmark = pytest.mark.django_db


def twice(make: Callable[..., object], **fields: Any) -> Callable[[], None]:
    def make_both() -> None:
        make(**fields)
        make(**fields)

    return make_both


def alert_of_both() -> None:
    rule = make_routing_rule(is_suppressing=True, suppress_reason="Known")
    make_alert(make_incident(), suppressed_by=rule)


def same_alert_twice() -> None:
    integration = make_integration()[0]
    incident = make_incident()
    twice(make_alert, incident=incident, integration=integration, dedup_key="a")()


def same_page_twice(**fields: Any) -> None:
    incident = make_incident()
    escalation = make_escalation(incident)
    twice(make_page, incident=incident, escalation=escalation, person=make_person(), **fields)()


def same_rule_twice() -> None:
    extent, degree = make_severity_rule(make_severity(2))
    extent.rules.create(degree=degree, severity=make_severity(3))


def two_single_holders() -> None:
    twice(make_assignment, incident=make_incident(), role=make_role())()


def one_holder_twice() -> None:
    role = make_role(is_single=False)
    twice(make_assignment, incident=make_incident(), role=role, person=make_person())()


def role_ends_before_it_begins() -> None:
    incident = make_incident()
    make_assignment(incident, make_role(), ends_at=DETECTED_AT.replace(year=2025))


def two_open_engagements() -> None:
    twice(make_responder, incident=make_incident(), person=make_person())()


def twice_in_the_hour(model: type[IntakeRefusal | IntakeHour], **fields: Any) -> Callable[[], None]:
    return lambda: twice(
        model.objects.create, integration=make_integration()[0], hour=DETECTED_AT, **fields
    )()


def make_window(**fields: Any) -> MaintenanceWindow:
    given = {
        "name": "Switch",
        "starts_at": DETECTED_AT,
        "ends_at": DETECTED_AT + timedelta(hours=1),
        "created_by_name": "Ruth Adeyemi",
        "created_at": DETECTED_AT,
    }
    return MaintenanceWindow.objects.create(**given | fields)


def acknowledge(incident: Incident, **fields: Any) -> Acknowledgement:
    given = {"by_name": "Ruth Adeyemi", "at": DETECTED_AT, "last_work_at": DETECTED_AT}
    return Acknowledgement.objects.create(incident=incident, **given | fields)


BROKEN: dict[str, Callable[[], object]] = {
    "incident_one_live_per_grouping_key": twice(make_incident, grouping_key="a"),
    "incident_closed_at_if_ended": lambda: make_incident(phase="closed", closed_at=None),
    "incident_closed_at_if_ended (open)": lambda: make_incident(closed_at=DETECTED_AT),
    "incident_restored_at_once_restored": lambda: make_incident(phase="restored", restored_at=None),
    "incident_not_restored_while_live": lambda: make_incident(restored_at=DETECTED_AT),
    "incident_declared_at_once_declared": lambda: make_incident(
        phase="restoring", declared_at=None
    ),
    "incident_not_declared_while_detected": lambda: make_incident(declared_at=DETECTED_AT),
    "incident_acknowledged_by_somebody": lambda: make_incident(
        acknowledged_at=DETECTED_AT, acknowledged_by_name=""
    ),
    "incident_declared_by_somebody": lambda: make_incident(phase="mobilizing", declared_by_name=""),
    "role_assignment_single_holder": two_single_holders,
    "role_assignment_once_per_person": one_holder_twice,
    "role_assignment_ends_after_start": role_ends_before_it_begins,
    "responder_one_open_engagement": two_open_engagements,
    "responder_ended_at_if_ended": lambda: make_responder(state="declined", ended_at=None),
    "responder_acknowledged_at_if_engaged": lambda: make_responder(
        state="acknowledged", acknowledged_at=None
    ),
    "responder_declined_at_if_declined": lambda: make_responder(state="declined", declined_at=None),
    "responder_released_by_somebody": lambda: make_responder(state="released", released_by_name=""),
    "responder_due_only_while_requested": lambda: make_responder(
        state="acknowledged", due_at=DETECTED_AT
    ),
    "escalation_one_running": lambda: twice(make_escalation, incident=make_incident())(),
    "escalation_due_while_running": lambda: make_escalation(due_at=None),
    "page_once_per_step": lambda: same_page_twice(step=make_policy(make_person()).steps.get()),
    "page_once_by_the_fallback": lambda: same_page_twice(pass_number=0),
    "page_ended_unless_pending": lambda: make_page(ended_at=DETECTED_AT),
    "page_acknowledged_at_if_acknowledged": lambda: make_page(
        state="acknowledged", acknowledged_at=None
    ),
    "alert_fires_once_per_key": same_alert_twice,
    "alert_attached_or_quiet_for_a_reason": alert_of_both,
    "alert_attached_or_quiet_for_a_reason (neither)": lambda: make_alert(None, suppressed_by=None),
    "alert_looked_at_while_firing": lambda: make_alert(state="resolved", look_again_at=DETECTED_AT),
    "alert_event_once_per_receipt": lambda: twice(
        make_event, integration=make_integration()[0], receipt=uuid4()
    )(),
    "intake_refusal_once_per_hour": twice_in_the_hour(
        IntakeRefusal, code="too_large", status=413, message="Too large.", last_at=DETECTED_AT
    ),
    "intake_hour_once_per_integration": twice_in_the_hour(IntakeHour),
    "heartbeat_once_per_integration": lambda: twice(
        make_heartbeat, integration=make_integration(kind="heartbeat")[0], slug="backup"
    )(),
    "heartbeat_every_minute_at_most": lambda: make_heartbeat(every_minutes=0),
    "heartbeat_due_while_alive": lambda: make_heartbeat(state="missing", due_at=DETECTED_AT),
    "change_once_per_key": lambda: twice(
        make_change, integration=make_integration()[0], key="deployment:1"
    )(),
    "maintenance_ends_after_it_starts": lambda: make_window(ends_at=DETECTED_AT),
    "maintenance_ended_by_somebody": lambda: make_window(ended_at=DETECTED_AT),
    "maintenance_cut_by_somebody": lambda: make_window(cut_at=DETECTED_AT),
    "alert_word_once_per_key": lambda: twice(
        AlertWord.objects.create,
        integration=make_integration()[0],
        dedup_key="a",
        action="resolve",
        received_at=DETECTED_AT,
    )(),
    "routing_rule_until_if_suppressing": lambda: make_routing_rule(suppress_until=DETECTED_AT),
    "acknowledgement_one_standing": lambda: twice(acknowledge, incident=make_incident())(),
    "acknowledgement_ended_for_a_reason": lambda: acknowledge(make_incident(), end="expired"),
    "report_dismissed_by_somebody": lambda: Report.objects.create(
        number=1,
        title="Slow",
        reporter_name="Ben",
        created_at=DETECTED_AT,
        dismissed_at=DETECTED_AT,
    ),
    "alert_resolved_at_if_resolved": lambda: make_alert(resolved_at=DETECTED_AT),
    "alert_event_due_while_received": lambda: make_event(due_at=None),
    "alert_event_reason_if_set_aside": lambda: make_event(state="set_aside"),
    "alert_event_processed_at_if_processed": lambda: make_event(state="processed"),
    "routing_rule_suppresses_with_reason": lambda: make_routing_rule(is_suppressing=True),
    "service_tier_from_1_to_4": lambda: make_service(tier=5),
    "severity_repeats_after_a_minute": lambda: make_severity(request_repeat_minutes=0),
    "severity_postmortem_has_due_days": lambda: make_severity(postmortem_required=True),
    "severity_rule_once_per_field": same_rule_twice,
}


@pytest.mark.parametrize("name", BROKEN)
def test_constraint_refuses(name):
    with pytest.raises(IntegrityError), transaction.atomic():
        BROKEN[name]()


def test_every_constraint_is_broken_here():
    tested = {name.split()[0] for name in BROKEN} | {"timeline_entry_says_what_and_who"}
    models = Incident._meta.apps.get_app_config("incidents").get_models()
    constraints = {constraint.name for model in models for constraint in model._meta.constraints}

    assert constraints - tested == set()


def test_incident_numbers_and_severity_ranks_are_unique():
    incident = make_incident()

    with pytest.raises(IntegrityError), transaction.atomic():
        make_incident(number=incident.number)
    with pytest.raises(IntegrityError), transaction.atomic():
        Severity.objects.create(slug="other", name="Other", rank=incident.severity.rank)
