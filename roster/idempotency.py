"""What a client was answered under its `Idempotency-Key`."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, models, transaction

# Nobody repeats a request after this.
KEPT_FOR = timedelta(days=1)


class IdempotencyRecordQuerySet(models.QuerySet["IdempotencyRecord"]):
    def open(
        self,
        *,
        user: AbstractBaseUser,
        key: str,
        fingerprint: str,
        at: datetime,
        give_up_after: timedelta,
    ) -> "IdempotencyRecord | None":
        """Begin under `key`, or return the settled record of the same request.

        None where the key stands for another request, or the same one is still being worked on.
        An unsettled record older than `give_up_after` is taken over: its process died. Forgets
        what this user sent more than `KEPT_FOR` ago.
        """
        self.filter(user_id=user.pk).older_than(at - KEPT_FOR).delete()
        try:
            with transaction.atomic():
                return self.create(user_id=user.pk, key=key, fingerprint=fingerprint, began_at=at)
        except IntegrityError:
            known = self.get(user_id=user.pk, key=key)
        if known.fingerprint != fingerprint:
            return None
        if known.status_code is not None:
            return known
        abandoned = self.filter(
            pk=known.pk, status_code=None, began_at=known.began_at, began_at__lt=at - give_up_after
        )
        return known if abandoned.update(began_at=at) else None

    def older_than(self, moment: datetime) -> Self:
        return self.filter(began_at__lt=moment)


class IdempotencyRecord(models.Model):
    """One POST sent with an `Idempotency-Key`: begun, then settled with its answer.

    Written by the API alone. `fingerprint` is a hash of address and body, so that a key reused
    for another request is refused instead of answered wrongly.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    began_at = models.DateTimeField(db_index=True)
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    objects = IdempotencyRecordQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")
        ]

    def __str__(self) -> str:
        return self.key

    # Any JSON the API answers with.
    def settle(self, *, status_code: int, body: Any) -> None:
        """Keep the answer; forget a failure of ours, so that the client may try again."""
        if status_code >= 500:
            self.delete()
            return
        type(self).objects.filter(pk=self.pk).update(status_code=status_code, body=body)
