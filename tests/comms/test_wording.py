from datetime import datetime

import pytest

from comms.facts import context
from comms.models import AudienceKind, Purpose
from comms.wording import written
from incidents.models import Incident, Phase
from roster.models import Channel
from tests.factories.comms import make_template
from tests.factories.incidents import make_incident, make_severity

pytestmark = pytest.mark.django_db


def words(incident: Incident, at: datetime, **fields: str) -> tuple[str, str]:
    purpose = fields.pop("purpose", Purpose.UPDATE)
    content = written(purpose, context(incident, at=at), incident=incident, **fields)
    return content.subject, content.markdown


def test_without_a_template_built_in_words_are_used(now: datetime):
    incident = make_incident(phase=Phase.DIAGNOSING, title="Checkout errors")

    subject, body = words(incident, now)

    assert subject == f"{incident.reference} Diagnosing: Checkout errors"
    assert body.startswith("**Checkout errors** is now: Diagnosing.")


def test_the_most_particular_template_is_used(now: datetime):
    severity = make_severity(1)
    make_template(body="any")
    make_template(body="phase", phase=Phase.DIAGNOSING)
    make_template(body="phase and severity", phase=Phase.DIAGNOSING, severity=severity)
    make_template(body="other phase", phase=Phase.RESTORED, severity=severity, channel="email")
    make_template(body="external", audience_kind=AudienceKind.EXTERNAL, phase=Phase.DIAGNOSING)

    worse = make_incident(phase=Phase.DIAGNOSING, severity=severity)
    assert words(worse, now)[1] == "phase and severity"
    assert words(make_incident(phase=Phase.DIAGNOSING), now)[1] == "phase"
    assert words(make_incident(phase=Phase.RESTORING), now)[1] == "any"


def test_template_of_a_channel_is_used_there_only(now: datetime):
    make_template(purpose=Purpose.PAGE, body="short", channel=Channel.APPRISE)
    make_template(purpose=Purpose.PAGE, body="long")
    incident = make_incident()

    assert words(incident, now, purpose=Purpose.PAGE, channel=Channel.APPRISE)[1] == "short"
    assert words(incident, now, purpose=Purpose.PAGE, channel=Channel.EMAIL)[1] == "long"


@pytest.mark.parametrize("body", ["{% if %}", "{{ x | nonsense }}", "{% if false %}x{% endif %}"])
def test_broken_or_empty_template_is_passed_over(now: datetime, body: str):
    make_template(body=body)

    assert "is now: Detected" in words(make_incident(), now)[1]


def test_inactive_template_is_not_used(now: datetime):
    make_template(body="old", is_active=False)

    assert words(make_incident(), now)[1] != "old"


@pytest.mark.parametrize(
    "subject", ["{{ incident.reference }} down", "Down {{ incident.reference }}", "down"]
)
def test_subject_inside_starts_with_the_reference(now: datetime, subject: str):
    make_template(subject=subject)
    incident = make_incident()

    assert words(incident, now)[0].lower() == f"{incident.reference} down".lower()


def test_subject_for_customers_is_left_alone(now: datetime):
    make_template(subject="Payments are slow", audience_kind=AudienceKind.EXTERNAL)

    assert words(make_incident(), now, kind=AudienceKind.EXTERNAL)[0] == "Payments are slow"
