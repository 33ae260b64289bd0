"""Guessing passwords: whoever tries too often waits, and nobody else does."""

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/?next=/admin/password_change/"


def log_in(password: str, *, address: str) -> int:
    client = Client(REMOTE_ADDR=address)
    return client.post(LOGIN, {"username": "ana", "password": password}).status_code


def test_login_is_locked_after_too_many_wrong_passwords_for_that_address_alone(user_with):
    user_with(username="ana")

    wrong = [log_in("guess", address="192.0.2.1") for _ in range(settings.AXES_FAILURE_LIMIT + 1)]

    assert wrong[0] == 200
    assert wrong[-1] == 429
    assert log_in("pass", address="192.0.2.1") == 429
    assert log_in("pass", address="192.0.2.2") == 302


def test_login_that_succeeds_forgets_the_wrong_passwords_before(user_with):
    user_with(username="ana")

    for _ in range(2):
        for _ in range(settings.AXES_FAILURE_LIMIT - 1):
            assert log_in("guess", address="192.0.2.1") == 200
        assert log_in("pass", address="192.0.2.1") == 302
