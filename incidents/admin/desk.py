"""The incident page is made of panels, and everything done on it is an action.

Apps to the right contribute both from a module `admin_panels`, since incidents may not know them:
`register_panel` and `register_action`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from incidents.models import Incident
from incidents.permissions import may
from roster.actors import Actor
from roster.errors import DomainError
from roster.refusals import add_refusal


class Action(forms.Form):
    """One thing that can be done to an incident: who may, what is asked, what then happens.

    Shown as a form on GET and carried out on POST, by one view for all. `allowed` decides about
    this incident; `apply` calls the domain and may raise DomainError, which is shown on the form.
    """

    slug: ClassVar[str]
    heading: ClassVar[str]
    button: ClassVar[str]
    permission: ClassVar[str]
    explanation: ClassVar[str] = ""
    fields_template: ClassVar[str] = "admin/incidents/incident/fields.html"

    def __init__(
        self,
        incident: Incident,
        user: AbstractBaseUser | AnonymousUser,
        *args: Any,  # as forms.Form takes them
        **kwargs: Any,
    ) -> None:
        self.incident = incident
        self.user = user
        # Whether something was found missing that a reason can do without.
        self.asks_override = False
        super().__init__(*args, **kwargs)

    @classmethod
    def allowed(cls, user: AbstractBaseUser | AnonymousUser, incident: Incident) -> bool:
        return may(user, cls.permission, incident)

    def offer(self, name: str, rows: QuerySet[Any]) -> None:  # rows of any model
        """Let one of `rows`, or several, be chosen in the field of this name."""
        cast(forms.ModelChoiceField, self.fields[name]).queryset = rows

    def shown_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name != "override_reason" or self.asks_override]

    def refuse(self, error: DomainError) -> None:
        """Show why the domain would not."""
        add_refusal(self, error)
        self.asks_override = error.code == "something_missing"

    def apply(self, *, by: Actor, at: datetime) -> str:
        """Do it, and say what was done in one sentence."""
        raise NotImplementedError


class Desk:
    """One incident as one person sees it, for the length of one request."""

    def __init__(self, request: HttpRequest, incident: Incident) -> None:
        self.request = request
        self.incident = incident

    @cached_property
    def rights(self) -> frozenset[str]:
        """The actions this person may take now."""
        user = self.request.user
        return frozenset(
            slug for slug, action in ACTIONS.items() if action.allowed(user, self.incident)
        )

    def label_of(self, slug: str) -> str:
        return ACTIONS[slug].button

    def render(self, template: str, **context: Any) -> SafeString:  # Any: as templates take it
        shown = {"desk": self, "incident": self.incident, **context}
        return render_to_string(template, shown, self.request)


type Render = Callable[[Desk], SafeString | None]


@dataclass(frozen=True)
class Panel:
    """One part of the incident page. `render` gives it as HTML, or None to leave it out.

    On wide screens it stands in its `column`, "main" or "side"; on a phone all stand in one, in
    the order of `position`.
    """

    slug: str
    position: int
    column: str
    render: Render


PANELS: list[Panel] = []
ACTIONS: dict[str, type[Action]] = {}


def register_panel(slug: str, *, position: int, column: str = "main") -> Callable[[Render], Render]:
    """Decorator of the function that renders the panel."""

    def register(render: Render) -> Render:
        PANELS.append(Panel(slug, position, column, render))
        PANELS.sort(key=lambda panel: panel.position)
        return render

    return register


def register_action[A: type[Action]](action: A) -> A:
    """Class decorator: makes the action reachable at `/do/<slug>/` of every incident."""
    ACTIONS[action.slug] = action
    return action


def has_own_row(rows: Any, user: AbstractBaseUser | AnonymousUser) -> bool:  # a related manager
    """Whether one of the rows, pages or responders of an incident, is this user's own.

    Several actions ask the same of one request, so the answer is remembered on the user object, as
    Django does with permissions.
    """
    known: dict[tuple[type, int], bool] = vars(user).setdefault("_rows_on_incidents", {})
    key = (rows.model, rows.instance.pk)
    if key not in known:
        known[key] = rows.filter(person__user=user.pk, person__user__isnull=False).exists()
    return known[key]
