import pytest
from django.contrib.auth.models import AnonymousUser, User

from incidents.models import Alert, Incident, Page, Responder, RoleAssignment, TimelineEntry
from roster.actors import Actor
from roster.models import Person
from tests.factories.incidents import (
    make_alert,
    make_assignment,
    make_incident,
    make_page,
    make_responder,
    make_role,
    make_routing_rule,
)
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")


@pytest.fixture
def person() -> Person:
    return make_person(user=User.objects.create_user("lena"))


@pytest.fixture
def user(person: Person) -> User:
    assert person.user is not None
    return User.objects.get(pk=person.user.pk)


@pytest.fixture
def secret() -> Incident:
    return make_incident(is_private=True)


def test_private_incident_is_hidden_from_others(user, secret):
    public = make_incident()

    assert list(Incident.objects.visible_to(user)) == [public]


@pytest.mark.parametrize("state", ["requested", "acknowledged", "released"])
def test_private_incident_is_shown_to_its_responders(state, user, person, secret):
    make_responder(secret, person, state=state)

    assert list(Incident.objects.visible_to(user)) == [secret]


def test_private_incident_is_shown_to_who_holds_a_role_and_who_was_paged(user, person, secret):
    paged_for = make_incident(is_private=True)
    make_assignment(secret, make_role(), person)
    make_page(paged_for, person)

    assert set(Incident.objects.visible_to(user)) == {secret, paged_for}


def test_private_incident_is_shown_with_the_permission(user_with, secret):
    user = user_with("incidents.view_private_incident")

    assert list(Incident.objects.visible_to(user)) == [secret]


def test_nothing_is_shown_to_who_is_not_logged_in_or_locked_out(user):
    make_incident()
    user.is_active = False

    assert not Incident.objects.visible_to(AnonymousUser())
    assert not Incident.objects.visible_to(user)


def test_what_belongs_to_a_private_incident_is_hidden_with_it(user, secret, now):
    secret.note("Do not tell", by=RUTH, at=now)
    make_alert(secret)
    make_page(secret)
    make_responder(secret)
    make_assignment(secret, make_role())

    for model in (TimelineEntry, Alert, Page, Responder, RoleAssignment):
        assert model.objects.exists()
        assert not model.objects.visible_to(user).exists()


def test_suppressed_alert_of_no_incident_is_shown(user):
    rule = make_routing_rule(is_suppressing=True, suppress_reason="Known")
    alert = make_alert(suppressed_by=rule)

    assert list(Alert.objects.visible_to(user)) == [alert]


def test_visible_incidents_cost_the_same_whatever_their_number(
    user, person, django_assert_max_num_queries
):
    for _ in range(3):
        make_responder(make_incident(is_private=True), person)

    with django_assert_max_num_queries(3):  # two of them the user's permissions
        assert len(Incident.objects.visible_to(user)) == 3
