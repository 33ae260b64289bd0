"""Whose pay and load somebody may see."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

from roster.models import Person

# Whoever may see the rates may see what they come to.
SEES_ALL = "roster.view_rateplan"


def sees_all(user: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(user, PermissionsMixin | AnonymousUser) and user.has_perm(SEES_ALL)


def people_whose_load(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Person]:
    """Everybody for those who see the rates, by name; else the person of this login alone.

    People who have left are among them: they may have been on call in the period.
    """
    people = Person.objects.order_by("name", "pk")
    if sees_all(user):
        return people
    # Without a key the filter would find everybody who has no login.
    return people.filter(user__pk=user.pk) if user.pk else people.none()
