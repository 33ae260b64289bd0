import pytest

from incidents import next_step as module
from incidents.models import Incident
from incidents.next_step import NextStep, next_step, register_suggestion
from tests.factories.incidents import DETECTED_AT, make_assignment, make_incident, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_suggestions(monkeypatch):
    """Nobody else suggests anything, whatever apps are installed."""
    monkeypatch.setattr(module, "_suggestions", [])


def code_of(incident: Incident) -> str | None:
    step = next_step(incident)
    return step.code if step else None


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        ("detected", "acknowledge"),
        ("mobilizing", "advance"),
        ("diagnosing", "advance"),
        ("restoring", "restore"),
        ("restored", "learn"),
        ("learning", "close"),
        ("closed", None),
        ("dismissed", None),
    ],
)
def test_next_step_follows_the_phase(phase, code):
    assert code_of(make_incident(phase=phase)) == code


def test_next_step_of_an_acknowledged_incident_is_to_declare():
    assert code_of(make_incident(acknowledged_at=DETECTED_AT)) == "declare"


def test_next_step_while_nobody_is_in_charge_is_to_assign_a_manager():
    incident = make_incident(phase="mobilizing")
    role = make_role("incident-manager", required_from=incident.severity)

    before = code_of(incident)
    make_assignment(incident, role)

    assert (before, code_of(incident)) == ("assign-role", "advance")


def test_next_step_of_another_app_comes_before_moving_on():
    update = NextStep("write-update", "Write an update", "Nobody has been told yet.")
    register_suggestion(lambda incident: update if incident.is_live else None)

    assert next_step(make_incident(phase="diagnosing")) == update
    assert code_of(make_incident(phase="restored")) == "learn"
    assert code_of(make_incident()) == "acknowledge"


def test_next_step_is_not_shown_to_who_may_not_take_it(user_with):
    incident = make_incident()

    assert next_step(incident, user_with("incidents.note_incident")) is None
    allowed = user_with("incidents.acknowledge_incident", username="allowed")
    assert next_step(incident, allowed) == module.ACKNOWLEDGE
