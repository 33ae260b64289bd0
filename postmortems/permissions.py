"""Who may work on a postmortem or an action item: by permission, or because it is theirs."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from incidents.models import Incident
from incidents.permissions import may
from postmortems.models import ActionItem, Postmortem

type User = AbstractBaseUser | AnonymousUser


def may_open(user: User, incident: Incident) -> bool:
    """Open the postmortem of an incident: by permission, or being in charge of it."""
    return _has(user, "postmortems.add_postmortem") or may(user, "close", incident)


def may_add_item(user: User, incident: Incident) -> bool:
    """Add an action item to an incident: by permission, or being in charge of it."""
    return _has(user, "postmortems.add_actionitem") or may(user, "close", incident)


def may_write(user: User, postmortem: Postmortem) -> bool:
    """Write it, move its review, send it to review. Reads `owner`, so select it."""
    return _has(user, "postmortems.change_postmortem") or _is_of(user, postmortem)


def may_finish(user: User, item: ActionItem) -> bool:
    """Finish or drop it. Reads `owner`, so select it."""
    return _has(user, "postmortems.change_actionitem") or _is_of(user, item)


def _has(user: User, permission: str) -> bool:
    return isinstance(user, PermissionsMixin) and user.has_perm(permission)


def _is_of(user: User, row: Postmortem | ActionItem) -> bool:
    return row.owner is not None and row.owner.user_id is not None and row.owner.user_id == user.pk
