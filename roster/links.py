"""Signed links: what a person may do from a message, without logging in.

A link names its purpose, its subject and the person it was made for, signed and dated. Opening one
changes nothing, since mail scanners open links too; the button on its page does. Apps register
their purposes in `ready()`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from roster.models import Person


class LinkPurpose[Subject: Model](ABC):
    """One thing a link allows. An instance is registered once and shared by all threads.

    With a `form`, its fields stand above the button and its cleaned data reaches `perform` as
    keyword arguments.
    """

    name: str
    lifetime: timedelta
    button: str = "Confirm"
    form: type[forms.Form] | None = None

    @abstractmethod
    def load(self, pk: int) -> Subject | None:
        """The subject, or None if it is gone."""

    @abstractmethod
    def title(self, subject: Subject) -> str:
        """The heading of the page."""

    def form_for(self, subject: Subject, person: Person) -> Callable[..., forms.Form]:
        """The form that this person is shown; `form`, unless a purpose has reason to differ."""
        return self.form or forms.Form

    def button_for(self, subject: Subject, person: Person) -> str:
        """What the button says to this person."""
        return self.button

    def respond(
        self, request: HttpRequest, subject: Subject, person: Person
    ) -> HttpResponse | None:
        """A page of the purpose's own, for GET and POST; None for the usual one."""
        return None

    @abstractmethod
    def perform(self, subject: Subject, person: Person, *args: Any, **answers: Any) -> str:
        """Do it at the moment `at`; answer the sentence shown afterwards. May raise DomainError.

        Signature of an implementation: `(subject, person, *, at, <form fields>)`; `Any` is how
        the type checker is told that it may vary.
        """

    def context(self, subject: Subject, person: Person) -> dict[str, object]:
        """What the page shows: `facts` and `links`, lists of (label, value) and (label, url)."""
        return {}

    def onward(self, subject: Subject) -> list[tuple[str, str]]:
        """Links shown once it is done: (label, url)."""
        return []

    def done(self, subject: Subject) -> str | None:
        """The sentence shown instead of the button when there is nothing left to do."""
        return None


class LinkError(Exception):
    """The link cannot be followed: out of date if `is_expired`, otherwise never one of ours."""

    def __init__(self, *, is_expired: bool = False) -> None:
        super().__init__("expired" if is_expired else "not ours")
        self.is_expired = is_expired


@dataclass(frozen=True)
class Link:
    """What a valid token stands for."""

    purpose: LinkPurpose[Any]  # purposes of any subject live in one registry
    subject: Model
    person: Person


_purposes: dict[str, LinkPurpose[Any]] = {}


def register_purpose(purpose: LinkPurpose[Any]) -> None:
    _purposes[purpose.name] = purpose


def make_url(purpose_name: str, subject_pk: int, person: Person) -> str:
    """The absolute address of a link for `person`, good for the purpose's lifetime."""
    purpose = _purposes[purpose_name]
    token = f"{purpose.name}:{_signer(purpose).sign(f'{subject_pk}-{person.pk}')}"
    return settings.PUBLIC_URL + reverse("signed-link", kwargs={"token": token})


def read_token(token: str) -> Link:
    """Follow a token to its subject and person. Raises LinkError. Two queries.

    A person made inactive since has lost their links with everything else.
    """
    name, _, signed = token.partition(":")
    purpose = _purposes.get(name)
    if purpose is None:
        raise LinkError
    try:
        value = _signer(purpose).unsign(signed, max_age=purpose.lifetime)
    except SignatureExpired:
        raise LinkError(is_expired=True) from None
    except BadSignature:
        raise LinkError from None
    subject_pk, person_pk = (int(number) for number in value.split("-"))
    subject = purpose.load(subject_pk)
    person = Person.objects.active().filter(pk=person_pk).first()
    if subject is None or person is None:
        raise LinkError
    return Link(purpose=purpose, subject=subject, person=person)


def _signer(purpose: LinkPurpose[Any]) -> TimestampSigner:
    """A salt of its own keeps a token of one purpose from passing for another's."""
    return TimestampSigner(salt=f"roster.links.{purpose.name}")
