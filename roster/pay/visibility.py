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
    return people if sees_all(user) else people.filter(user__pk=user.pk)
