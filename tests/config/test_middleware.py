"""Alerts take the short way; people see their own time."""

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from config.middleware import ViewerTimeZone
from tests.factories.roster import make_person


def zone_seen_by(rf, user) -> str:
    seen = []

    def view(request):
        seen.append(timezone.get_current_timezone_name())
        return HttpResponse()

    request = rf.get("/admin/")
    request.user = user
    ViewerTimeZone(view)(request)
    return seen[0]


@pytest.mark.django_db
def test_times_are_shown_in_the_zone_of_the_viewer(rf):
    user = User.objects.create_user("ana")
    make_person(user=user, time_zone="Asia/Tokyo")

    assert zone_seen_by(rf, user) == "Asia/Tokyo"
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.django_db
def test_user_without_a_person_sees_the_installations_zone(rf):
    assert zone_seen_by(rf, User.objects.create_user("ana")) == settings.TIME_ZONE


def test_anonymous_request_costs_no_query(rf, django_assert_num_queries):
    # No `db` fixture: any query would fail the test.
    assert zone_seen_by(rf, AnonymousUser()) == "UTC"


@pytest.mark.django_db
def test_ingest_skips_the_other_middleware(client, django_assert_num_queries):
    with django_assert_num_queries(1):  # the key is looked up, no session is
        answer = client.post("/ingest/no-such-key/", "{}", content_type="application/json")

    assert answer.status_code == 401
    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.django_db
def test_ingest_answers_whatever_host_is_named(client):
    answer = client.post(
        "/ingest/no-such-key/", "{}", content_type="application/json", headers={"host": "monitor"}
    )

    assert answer.status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/ingest/", "/ingest//", "/ingest/a/b/", "/ingest/%00/"])
def test_ingest_address_without_a_known_key_is_refused(client, path):
    assert client.post(path, "{}", content_type="application/json").status_code == 401


def test_ingest_address_can_be_reversed():
    assert reverse("ingest", args=["k3y"]) == "/ingest/k3y/"
