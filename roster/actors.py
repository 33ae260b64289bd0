"""Who did it, as every domain change is told."""

from dataclasses import dataclass
from typing import Self

from django.contrib.auth.base_user import AbstractBaseUser

from roster.models import Person

SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """The one behind a change: a person, a login without a person, or the system itself.

    `name` is stored as text beside the reference, so a record reads the same after a renaming.
    `via` is the way in: "admin", "api", "link", "system".
    """

    person: Person | None
    name: str
    via: str

    @classmethod
    def of_user(cls, user: AbstractBaseUser, via: str = "admin") -> Self:
        """The person behind a login, or the login's own name where none is linked (one query)."""
        person = Person.objects.filter(user_id=user.pk).first()
        return cls(person=person, name=person.name if person else user.get_username(), via=via)

    @classmethod
    def of_person(cls, person: Person, via: str = "link") -> Self:
        return cls(person=person, name=person.name, via=via)

    @property
    def is_system(self) -> bool:
        """Whether nobody decided this: it follows from a rule, or from a machine's word."""
        return self.via == SYSTEM

    @classmethod
    def system(cls, name: str) -> Self:
        return cls(person=None, name=name, via=SYSTEM)
