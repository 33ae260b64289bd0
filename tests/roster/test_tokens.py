from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.forms import model_to_dict

from roster.models import ApiToken


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("robot")


def is_usable(key: str, at: datetime) -> bool:
    return ApiToken.objects.usable(at).with_key(key).exists()


def test_issued_key_is_usable_and_not_stored(owner: User, now: datetime) -> None:
    token, key = ApiToken.issue(user=owner, name="deploy bot", at=now)

    assert key.startswith("mst_")
    assert is_usable(key, now)
    assert key not in str(model_to_dict(token)) + str(vars(token))


def test_another_key_is_not_usable(owner: User, now: datetime) -> None:
    _, key = ApiToken.issue(user=owner, name="deploy bot", at=now)

    assert not is_usable(key + "x", now)


def test_revoked_token_is_not_usable(owner: User, now: datetime) -> None:
    token, key = ApiToken.issue(user=owner, name="deploy bot", at=now)

    token.revoke(at=now)

    assert not is_usable(key, now)


def test_revoking_twice_keeps_the_first_moment(owner: User, now: datetime) -> None:
    token, _ = ApiToken.issue(user=owner, name="deploy bot", at=now)
    token.revoke(at=now)

    token.revoke(at=now + timedelta(hours=1))

    assert token.revoked_at == now


def test_expired_token_is_not_usable(owner: User, now: datetime) -> None:
    _, key = ApiToken.issue(user=owner, name="bot", at=now, expires_at=now + timedelta(hours=1))

    assert is_usable(key, now)
    assert not is_usable(key, now + timedelta(hours=1))


def test_token_of_a_deactivated_login_is_not_usable(owner: User, now: datetime) -> None:
    _, key = ApiToken.issue(user=owner, name="bot", at=now)
    owner.is_active = False
    owner.save()

    assert not is_usable(key, now)
