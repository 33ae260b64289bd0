"""Reminding people that a qualification of theirs ends soon (R118)."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from roster.models import Notice, NoticeKind, QualificationGrant
from roster.notices import tell_all
from roster.qualification import EXPIRES_SOON


def expiring(at: datetime) -> QuerySet[QualificationGrant]:
    """Grants of active people that end within `EXPIRES_SOON`, and that nothing renews."""
    later = QualificationGrant.objects.filter(
        Q(expires_on__isnull=True) | Q(expires_on__gt=OuterRef("expires_on")),
        person=OuterRef("person"),
        qualification=OuterRef("qualification"),
    )
    return QualificationGrant.objects.filter(
        ~Exists(later),
        expires_on__gt=at.date(),
        expires_on__lte=at.date() + EXPIRES_SOON,
        person__is_active=True,
    )


def remind(*, at: datetime) -> list[int]:
    """Tell each person once; answer the grants (ids) that were new, for the editors. Two queries,
    and one to write.
    """
    grants = {_key(grant): grant for grant in expiring(at).select_related("person")}
    known = set(Notice.objects.filter(key__in=grants).values_list("key", flat=True))
    new = {key: grant for key, grant in grants.items() if key not in known}
    if new:
        tell_all(
            Notice(
                key=key,
                kind=NoticeKind.QUALIFICATION_EXPIRES,
                person=grant.person,
                data={"grant": grant.pk},
                created_at=at,
                due_at=at,
            )
            for key, grant in new.items()
        )
    return [grant.pk for grant in new.values()]


def _key(grant: QualificationGrant) -> str:
    return f"qualification-expires-{grant.pk}"
