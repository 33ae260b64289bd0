"""What holds for every call: tokens, sessions, repeated requests, and how many are taken."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.utils import timezone
from rest_framework.test import APIClient

from roster.api.idempotency import GIVE_UP_AFTER
from roster.api.throttling import WriteThrottle
from roster.api.views import PersonViewSet
from roster.idempotency import KEPT_FOR
from roster.models import ApiToken, IdempotencyRecord, Person
from tests.factories.api import client_of, refusal, with_key

pytestmark = pytest.mark.django_db

PEOPLE = "/api/v1/people"
ANA = {"slug": "ana", "name": "Ana"}


@pytest.fixture
def user(user_with):
    return user_with("roster.view_person", "roster.add_person", username="robot")


@pytest.fixture
def client(user):
    return client_of(user)


# --- Tokens and sessions -------------------------------------------------------------------------


def test_token_logs_in_and_is_noted_as_used(user, clock, now):
    token, key = ApiToken.issue(user=user, name="tests", at=now)

    assert with_key(key).get(PEOPLE).status_code == 200
    token.refresh_from_db()
    assert token.last_used_at == now


@pytest.mark.parametrize(
    "scheme", ["Bearer {}x", "Bearer", "Bearer  ", "bearer mst_", "Bearer \x00"]
)
def test_wrong_token_is_401_with_the_scheme_to_use(scheme, user):
    _, key = ApiToken.issue(user=user, name="tests", at=timezone.now())
    wrong = APIClient()
    wrong.credentials(HTTP_AUTHORIZATION=scheme.format(key))

    answer = wrong.get(PEOPLE)

    assert refusal(answer) == (401, "authentication_failed", [])
    assert answer["WWW-Authenticate"] == "Bearer"


def test_token_that_was_revoked_is_refused(user, now):
    token, key = ApiToken.issue(user=user, name="tests", at=now)
    token.revoke(at=now)

    assert refusal(with_key(key).get(PEOPLE))[0] == 401


def test_token_that_expired_is_refused(user, now, clock):
    _, key = ApiToken.issue(user=user, name="x", at=now, expires_at=now + timedelta(days=1))

    assert with_key(key).get(PEOPLE).status_code == 200
    clock.shift(timedelta(days=1))
    assert refusal(with_key(key).get(PEOPLE))[0] == 401


def test_token_of_an_inactive_user_is_refused(user, client):
    user.is_active = False
    user.save()

    assert refusal(client.get(PEOPLE))[0] == 401


def test_session_reads_and_writes_only_with_its_csrf_token(user):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(user)
    read = browser.get(PEOPLE)
    forged = browser.post(PEOPLE, ANA)

    assert read.status_code == 200
    assert refusal(forged) == (403, "permission_denied", [])
    assert "CSRF" in forged.json()["error"]["message"]
    assert not Person.objects.exists()


def test_database_that_does_not_answer_is_503(client, monkeypatch):
    def fail(*args: object) -> None:
        raise OperationalError

    monkeypatch.setattr(PersonViewSet, "perform_create", fail)

    answer = client.post(PEOPLE, ANA)

    assert refusal(answer) == (503, "database_unavailable", [])
    assert answer["Retry-After"] == "5"


# --- Repeated requests ---------------------------------------------------------------------------


def test_repeated_post_is_answered_as_the_first_time(client):
    first = client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})
    second = client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert Person.objects.count() == 1


def test_repeated_post_without_a_key_is_another_request(client):
    client.post(PEOPLE, ANA)

    assert refusal(client.post(PEOPLE, ANA)) == (400, "invalid", ["slug"])


def test_refusal_is_repeated_too(client):
    for _ in range(2):
        answer = client.post(PEOPLE, {"slug": "ana"}, headers={"Idempotency-Key": "k"})
        assert refusal(answer) == (400, "invalid", ["name"])


@pytest.mark.parametrize(
    ("path", "body"), [(PEOPLE, {**ANA, "name": "Bo"}), ("/api/v1/schedules/preview", ANA)]
)
def test_key_of_another_request_is_refused(path, body, client):
    client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})

    answer = client.post(path, body, headers={"Idempotency-Key": "k"})

    assert refusal(answer) == (409, "idempotency_conflict", [])


def test_key_of_another_user_is_free(client, user_with):
    other = client_of(user_with("roster.view_person", "roster.add_person", username="other"))
    client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})

    answer = other.post(PEOPLE, {"slug": "bo", "name": "Bo"}, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 201


def test_key_that_is_too_long_is_refused(client):
    answer = client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k" * 201})

    assert refusal(answer) == (400, "invalid", ["Idempotency-Key"])


@pytest.mark.parametrize("fault", [OperationalError, ZeroDivisionError])
def test_failure_of_ours_is_forgotten(fault, user, monkeypatch):
    def fail(*args: object) -> None:
        raise fault

    client = client_of(user)
    client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(PersonViewSet, "perform_create", fail)
        failed = client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})

    again = client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})

    assert failed.status_code in (500, 503)
    assert again.status_code == 201


def begin(client: APIClient) -> IdempotencyRecord:
    """Leave a request as a process leaves it that dies while answering."""
    client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})
    Person.objects.all().delete()
    record = IdempotencyRecord.objects.get()
    record.status_code = record.body = None
    record.save()
    return record


def test_key_still_worked_on_is_refused(user, clock):
    client = client_of(user)
    begin(client)

    clock.shift(GIVE_UP_AFTER)

    answer = client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})
    assert refusal(answer) == (409, "idempotency_conflict", [])


def test_key_of_a_process_that_died_is_taken_over(user, clock):
    client = client_of(user)
    record = begin(client)

    clock.shift(GIVE_UP_AFTER + timedelta(seconds=1))
    answer = client.post(PEOPLE, ANA, headers={"Idempotency-Key": "k"})

    record.refresh_from_db()
    assert (answer.status_code, record.status_code) == (201, 201)


def test_answers_are_forgotten_after_a_day(user, clock):
    client = client_of(user)
    client.post(PEOPLE, ANA, headers={"Idempotency-Key": "old"})

    clock.shift(KEPT_FOR + timedelta(seconds=1))
    client.post(PEOPLE, {"slug": "bo", "name": "Bo"}, headers={"Idempotency-Key": "new"})

    assert [record.key for record in IdempotencyRecord.objects.all()] == ["new"]


def test_key_works_for_a_session_whose_body_was_read_already(user):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(user)
    token = browser.get("/admin/password_change/").context["csrf_token"]
    sent = {"Idempotency-Key": "k", "X-CSRFToken": str(token)}

    answers = [browser.post(PEOPLE, ANA, headers=sent) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert Person.objects.count() == 1


# --- How many ------------------------------------------------------------------------------------


def test_writes_are_limited_and_reads_are_not(client, monkeypatch):
    cache.clear()
    monkeypatch.setattr(WriteThrottle, "THROTTLE_RATES", {"write": "2/min"})

    for _ in range(2):
        assert client.post(PEOPLE, {}).status_code == 400
    refused = client.post(PEOPLE, {})

    assert refusal(refused) == (429, "throttled", [])
    assert 0 < int(refused["Retry-After"]) <= 60
    assert client.get(PEOPLE).status_code == 200
