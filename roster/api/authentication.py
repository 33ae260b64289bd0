"""Bearer tokens for the machines around Muster."""

from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from roster.actors import Actor
from roster.models import ApiToken

KEYWORD = "bearer"
# A busy client would otherwise write its token's row at every call.
LAST_USED_RESOLUTION = timedelta(minutes=1)


class BearerTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer mst_…`; acts with the rights of the token's owner (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiToken] | None:
        """Return the token's owner, or None where the header is absent or of another scheme."""
        scheme, _, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != KEYWORD:
            return None
        at = timezone.now()
        token = ApiToken.objects.usable(at).with_key(key.strip()).select_related("user").first()
        if token is None:
            raise AuthenticationFailed(
                "This token is unknown, expired or revoked. Ask its owner for a new one."
            )
        if token.last_used_at is None or at - token.last_used_at > LAST_USED_RESOLUTION:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, which makes a missing token a 401 instead of a 403."""
        return "Bearer"


def account_of(request: Request) -> AbstractBaseUser:
    """Return the account behind a call. Raises NotAuthenticated where there is none."""
    if not isinstance(request.user, AbstractBaseUser):
        raise NotAuthenticated
    return request.user


def actor_of(request: Request) -> Actor:
    """Return who is behind a call, as every change of the domain is told."""
    return Actor.of_user(account_of(request), via="api")
