"""Who may work on a postmortem or an action item: by permission, or because it is theirs."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from postmortems.models import ActionItem, Postmortem

type User = AbstractBaseUser | AnonymousUser | PermissionsMixin


def may_write(user: User, postmortem: Postmortem) -> bool:
    """Write it, move its review, send it to review. Reads `owner`, so select it."""
    return user.has_perm("postmortems.change_postmortem") or _is_of(user, postmortem)


def may_finish(user: User, item: ActionItem) -> bool:
    """Finish or drop it. Reads `owner`, so select it."""
    return user.has_perm("postmortems.change_actionitem") or _is_of(user, item)


def _is_of(user: User, row: Postmortem | ActionItem) -> bool:
    return row.owner is not None and row.owner.user_id is not None and row.owner.user_id == user.pk
