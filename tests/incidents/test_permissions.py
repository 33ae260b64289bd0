import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User

from incidents.models import Incident
from incidents.permissions import PERMISSIONS, may
from tests.factories.incidents import make_assignment, make_incident, make_role
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db


def holder(incident: Incident, role: str, **fields: object) -> User:
    user = User.objects.create_user("lena")
    make_assignment(incident, make_role(role), make_person(user=user), **fields)
    return user


@pytest.mark.parametrize("action", PERMISSIONS)
def test_action_is_allowed_by_its_permission_only(action, user_with):
    incident = make_incident()
    others = [
        permission for permission in PERMISSIONS.values() if permission != PERMISSIONS[action]
    ]

    assert may(user_with(PERMISSIONS[action], username="may"), action, incident)
    assert not may(user_with(*others, username="may-not"), action, incident)


def test_every_permission_exists():
    known = Permission.objects.filter(content_type__app_label="incidents")
    codes = {f"incidents.{code}" for code in known.values_list("codename", flat=True)}

    assert set(PERMISSIONS.values()) <= codes


@pytest.mark.parametrize("role", ["incident-manager", "deputy"])
@pytest.mark.parametrize("action", PERMISSIONS)
def test_commander_may_do_anything_on_that_incident(action, role):
    incident = make_incident()
    user = holder(incident, role)

    assert may(user, action, incident)
    assert not may(user, action, make_incident())
    assert not may(user, action)


def test_tech_lead_may_request_responders_and_not_release_them():
    incident = make_incident()
    user = holder(incident, "tech-lead")

    assert may(user, "request_responder", incident)
    assert not may(user, "release_responder", incident)


def test_role_that_ended_lets_nothing_be_done(now):
    incident = make_incident()

    assert not may(holder(incident, "incident-manager", ends_at=now), "close", incident)


def test_nobody_may_do_anything_without_a_login():
    incident = make_incident()
    locked_out = holder(incident, "incident-manager")
    locked_out.is_active = False

    assert not may(AnonymousUser(), "note", incident)
    assert not may(locked_out, "note", incident)


def test_asking_for_every_action_reads_roles_once(django_assert_num_queries):
    incident = make_incident()
    user = holder(incident, "tech-lead")

    with django_assert_num_queries(3):  # permissions of the user, of its groups, roles
        for action in PERMISSIONS:
            may(user, action, incident)
