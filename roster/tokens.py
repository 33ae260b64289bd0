"""Keys that machines use for the API: only their hash is kept."""

import secrets
from datetime import datetime
from hashlib import sha256
from typing import Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import Q

KEY_PREFIX = "mst_"
SHOWN_CHARACTERS = 10


def digest_of(key: str) -> str:
    """A plain hash suffices: the key is 256 random bits, beyond any dictionary."""
    return sha256(key.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, at: datetime) -> Self:
        """Neither revoked nor expired, and the owner may still log in."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=at),
            revoked_at__isnull=True,
            user__is_active=True,
        )

    def with_key(self, key: str) -> Self:
        return self.filter(digest=digest_of(key))


class ApiToken(models.Model):
    """A key that acts for `user` over the API, with that user's permissions.

    Issued in the admin, where the key is shown once; revoked there, never deleted, so that logs
    which name its prefix can be read later. `last_used_at` is written by the API.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens"
    )
    name = models.CharField(max_length=100, help_text="What uses this key, e.g. “deploy bot”.")
    prefix = models.CharField(max_length=SHOWN_CHARACTERS, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until revoked.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(
        cls,
        *,
        user: AbstractBaseUser,
        name: str,
        at: datetime,
        expires_at: datetime | None = None,
    ) -> "tuple[ApiToken, str]":
        """Make a token; the second value is the key, which nothing can show again."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        token = cls.objects.create(
            user_id=user.pk,
            name=name,
            prefix=key[:SHOWN_CHARACTERS],
            digest=digest_of(key),
            created_at=at,
            expires_at=expires_at,
        )
        return token, key

    def revoke(self, *, at: datetime) -> None:
        """Stop the key from working, at once. Revoking twice keeps the first moment."""
        type(self).objects.filter(pk=self.pk, revoked_at__isnull=True).update(revoked_at=at)
        self.refresh_from_db(fields=["revoked_at"])
