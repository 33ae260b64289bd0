"""A machine around Muster: a token, and the calls made with it."""

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from roster.models import ApiToken


def client_of(user: User) -> APIClient:
    """A client with a token of this user; the token was in use a moment ago."""
    token, key = ApiToken.issue(user=user, name="tests", at=timezone.now())
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now())
    return with_key(key)


def with_key(key: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def refusal(response: Response) -> tuple[int, str, list[str]]:
    """Status, code and the fields named by an answer in the documented error shape."""
    [(name, error)] = response.json().items()
    assert (name, sorted(error)) == ("error", ["code", "fields", "message"])
    assert error["message"]
    for sentences in error["fields"].values():
        assert sentences
        assert all(isinstance(sentence, str) for sentence in sentences)
    return response.status_code, error["code"], sorted(error["fields"])


def slugs(response: Response) -> list[str]:
    """What a list shows, in its order."""
    assert sorted(response.json()) == ["next", "previous", "results"]
    return [row["slug"] for row in response.json()["results"]]
