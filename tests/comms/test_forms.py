from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from comms.forms import UpdateForm
from comms.models import AudienceKind, Message, Update, UpdateState
from comms.updates import UpdateError
from incidents.models import Incident, Phase
from roster.actors import Actor
from tests.factories.comms import make_audience, make_template, make_update
from tests.factories.incidents import make_incident, make_severity
from tests.factories.roster import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

INTERNAL, EXTERNAL = AudienceKind.INTERNAL, AudienceKind.EXTERNAL


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ruth")


@pytest.fixture
def incident() -> Incident:
    severity = make_severity(2, internal_update_minutes=30, external_update_minutes=60)
    return make_incident(phase=Phase.DIAGNOSING, severity=severity, title="Checkout errors")


def filled(incident: Incident, user: User, kind: str = INTERNAL, **data: object) -> UpdateForm:
    return UpdateForm(incident, user, kind, data=data)


def test_form_begins_with_words_audiences_and_cadence_that_fit(incident: Incident, user: User):
    executives = make_audience(name="Executives")
    make_audience(min_severity=make_severity(1))
    make_template(phase=Phase.DIAGNOSING, subject="Still looking", body="By {{ update.next_at }}")

    form = UpdateForm(incident, user, INTERNAL)

    assert form.initial["subject"] == f"{incident.reference} Still looking"
    assert form.initial["body"] == "By 2 Mar 2026, 10:30 UTC"
    assert form.initial["audiences"] == [executives]
    assert form.initial["next_in"] == "30"


def test_saving_sends_to_the_audiences(incident: Incident, user: User, now: datetime):
    audience = make_audience(make_person())
    form = filled(
        incident, user, subject="Down", body="Orders fail.", audiences=[audience.pk], next_in="15"
    )

    assert form.is_valid(), form.errors
    update = form.save(by=Actor.of_user(user), at=now)

    assert update.state == UpdateState.SENT
    assert update.next_update_due_at == now + timedelta(minutes=15)
    assert Message.objects.count() == 1


def test_empty_text_is_taken_from_the_template(incident: Incident, user: User):
    template = make_template(subject="S {{ incident.title }}", body="B {{ update.next_at }}")
    form = filled(
        incident, user, template=template.pk, audiences=[make_audience().pk], next_in="60"
    )

    assert form.is_valid(), form.errors
    assert form.cleaned_data["subject"] == "S Checkout errors"
    assert form.cleaned_data["body"] == "B 2 Mar 2026, 11:00 UTC"


def test_template_with_a_mistake_is_named_with_its_line(incident: Incident, user: User):
    template = make_template(body="one\n{% if %}")

    form = filled(incident, user, template=template.pk, audiences=[make_audience().pk])

    assert form.errors["template"] == ["This template has a mistake in line 2: Missing expression."]


def test_external_update_without_a_next_is_refused(incident: Incident, user: User):
    customers = make_audience(kind=EXTERNAL)
    form = filled(incident, user, EXTERNAL, subject="S", body="B", audiences=[customers.pk])

    assert form.errors == {"next_in": ["Say when the next update comes, or that this is the last."]}


def test_minutes_and_time_together_are_refused(incident: Incident, user: User):
    form = filled(
        incident,
        user,
        subject="S",
        body="B",
        audiences=[make_audience().pk],
        next_in="15",
        next_due_at="2026-03-02T12:00",
    )

    assert list(form.errors) == ["next_due_at"]


def test_audiences_of_the_other_kind_are_not_offered(incident: Incident, user: User):
    customers = make_audience(kind=EXTERNAL)

    form = filled(incident, user, INTERNAL, subject="S", body="B", audiences=[customers.pk])

    assert list(form.errors) == ["audiences"]


def test_update_for_a_wary_audience_is_kept_as_a_draft(
    incident: Incident, user: User, now: datetime
):
    audience = make_audience(make_person(), requires_approval=True)
    form = filled(incident, user, subject="S", body="B", audiences=[audience.pk])

    assert form.is_valid(), form.errors
    update = form.save(by=Actor.of_user(user), at=now)

    assert update.state == UpdateState.DRAFT
    assert not Message.objects.exists()


def test_update_that_reaches_nobody_leaves_no_draft(incident: Incident, user: User, now: datetime):
    form = filled(incident, user, subject="S", body="B", audiences=[make_audience().pk])

    assert form.is_valid(), form.errors
    with pytest.raises(UpdateError, match="Nobody"):
        form.save(by=Actor.of_user(user), at=now)

    assert not Update.objects.exists()


def test_draft_that_waits_is_taken_up_and_replaced(incident: Incident, user: User, now: datetime):
    audience = make_audience(make_person())
    draft = make_update(
        incident, audiences=[audience], subject="It is over", body="All well.", is_last=True
    )

    begun = UpdateForm(incident, user, INTERNAL)
    form = filled(incident, user, **{**begun.initial, "audiences": [audience.pk]})
    assert form.is_valid(), form.errors
    form.save(by=Actor.of_user(user), at=now)

    assert begun.initial["replaces"] == draft.pk
    [sent] = Update.objects.all()
    assert (sent.subject, sent.state, sent.is_last) == ("It is over", UpdateState.SENT, True)
