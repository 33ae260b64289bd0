from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from comms import rendering
from comms.facts import SAMPLE
from comms.models import Message, MessageState, PromiseState, Template, UpdateState
from comms.permissions import may_send
from incidents.models import Phase
from tests.factories.comms import (
    make_audience,
    make_message,
    make_promise,
    make_template,
    make_update,
)
from tests.factories.incidents import make_assignment, make_incident, make_role
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("reference_data")
def test_every_shipped_template_is_right_and_renders():
    templates = Template.objects.all()

    assert templates
    for template in templates:
        template.full_clean()
        assert rendering.render(template.subject, template.body, SAMPLE).body


def test_template_with_a_mistake_is_not_saved_by_a_form():
    template = make_template()
    template.subject, template.body = "{{ nobody }}", "{% if %}"

    with pytest.raises(ValidationError) as caught:
        template.full_clean()

    assert caught.value.message_dict == {
        "subject": [
            "Line 1: Unknown variable “nobody”. There are: incident, now, organisation, update."
        ],
        "body": ["Line 1: Missing expression."],
    }


def test_external_audience_cannot_be_told_by_itself():
    with pytest.raises(IntegrityError, match="audience_external_not_at_declare"):
        make_audience(kind="external", told_at_declare=True)


def test_update_sent_without_its_time_is_refused():
    with pytest.raises(IntegrityError, match="update_sent_at_exactly_when_sent"):
        make_update(make_incident(), state=UpdateState.SENT)


def test_approval_without_a_name_is_refused(now: datetime):
    with pytest.raises(IntegrityError, match="update_approved_by_and_at_together"):
        make_update(make_incident(), approved_at=now)


def test_last_update_that_promises_another_is_refused(now: datetime):
    with pytest.raises(IntegrityError, match="update_last_promises_nothing"):
        make_update(make_incident(), is_last=True, next_update_due_at=now)


def test_two_outstanding_promises_of_one_kind_are_refused():
    incident = make_incident()
    make_promise(incident)

    with pytest.raises(IntegrityError):
        make_promise(incident, state=PromiseState.MISSED)


def test_kept_promise_without_an_end_is_refused():
    with pytest.raises(IntegrityError, match="promise_ended_has_time"):
        make_promise(make_incident(), state=PromiseState.KEPT)


def test_message_sent_without_its_time_is_refused(now: datetime):
    with pytest.raises(IntegrityError, match="message_sent_at_exactly_when_sent"):
        make_message(created_at=now, state=MessageState.SENT, due_at=None)


def test_finished_message_that_is_due_is_refused(now: datetime):
    with pytest.raises(IntegrityError, match="message_finished_is_not_due"):
        make_message(created_at=now, state=MessageState.DEAD)


def test_messages_are_seen_by_those_who_see_the_incident(
    user_with: Callable[..., User], now: datetime
):
    secret = make_incident(is_private=True, phase=Phase.DIAGNOSING)
    member = make_person(user=user_with(username="member"))
    make_assignment(secret, make_role("scribe"), member)
    about_secret = make_message(created_at=now, incident=secret)
    about_none = make_message(created_at=now)

    def seen(user: User | AnonymousUser) -> set[Message]:
        return set(Message.objects.visible_to(user))

    assert seen(user_with(username="stranger")) == {about_none}
    assert seen(member.user) == {about_none, about_secret}


@pytest.mark.parametrize(
    ("role", "kind", "may"),
    [
        ("internal-liaison", "internal", True),
        ("internal-liaison", "external", False),
        ("customer-liaison", "external", True),
        ("communications-manager", "external", True),
        ("incident-manager", "external", True),
        ("scribe", "internal", False),
    ],
)
def test_role_holder_may_send_to_the_audience_the_role_speaks_to(
    user_with: Callable[..., User], role: str, kind: str, may: bool
):
    incident = make_incident(phase=Phase.DIAGNOSING)
    person = make_person(user=user_with())
    make_assignment(incident, make_role(role), person)

    assert may_send(person.user, kind, incident) is may
    assert not may_send(person.user, kind, make_incident())
