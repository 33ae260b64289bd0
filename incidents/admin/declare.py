"""Declaring: two answers propose a severity, a person decides. For a detected one or a new one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms

from incidents.admin import fields
from incidents.admin.desk import Action, register_action
from incidents.lifecycle import detect
from incidents.models import (
    ImpactDegree,
    ImpactExtent,
    Incident,
    Service,
    Severity,
    SeverityRule,
)
from incidents.responders import request_on_call
from roster.actors import Actor
from roster.errors import DomainError


@dataclass(frozen=True)
class Card:
    """One answer to one of the two questions, as a card to press."""

    name: str
    value: int
    title: str
    description: str
    is_chosen: bool


class ImpactQuestions(forms.Form):
    """The two questions, what the matrix makes of them, and the overruling."""

    extent = forms.ModelChoiceField(ImpactExtent.objects.all(), label="Who is affected?")
    degree = forms.ModelChoiceField(ImpactDegree.objects.all(), label="How badly?")
    severity = fields.one_of(
        "Severity", Severity.objects.all(), required=False, empty_label="As the answers say"
    )
    reason = fields.text("Why another than proposed", required=False, rows=2)

    def questions(self) -> Iterator[tuple[forms.BoundField, list[Card]]]:
        for name, model in (("extent", ImpactExtent), ("degree", ImpactDegree)):
            chosen = str(self[name].value() or "")
            yield (
                self[name],
                [
                    Card(name, row.pk, row.name, row.description, str(row.pk) == chosen)
                    for row in model._default_manager.all()
                ],
            )

    def matrix(self) -> dict[str, dict[str, Any]]:
        """What the page needs to propose while one answers; the server decides by itself."""
        return {
            f"{rule.extent_id}:{rule.degree_id}": {
                "id": rule.severity_id,
                "name": rule.severity.name,
                "tone": rule.severity.color,
                "description": rule.severity.description,
            }
            for rule in SeverityRule.objects.select_related("severity")
        }


@register_action
class Declare(ImpactQuestions, Action):
    slug = "declare"
    heading = "Declare the incident"
    button = "Declare"
    permission = "declare"
    explanation = "Roles are filled from the roster, and stakeholders are told."
    fields_template = "admin/incidents/incident/declare_fields.html"

    title = fields.line("Title: what is broken, in words a stakeholder understands", max_length=300)
    services = fields.some_of("Services", Service.objects.order_by("name"), required=False)
    customer_impact = fields.text("What customers notice", required=False, rows=2)
    is_private = fields.flag("Private: seen only by those who work on it")

    other_fields = ("title", "services", "customer_impact", "is_private")

    def __init__(self, incident: Incident, *args: Any, **kwargs: Any) -> None:  # as Action
        super().__init__(incident, *args, **kwargs)
        self.initial = {
            "title": incident.title,
            "services": list(incident.services.all()),
            "customer_impact": incident.customer_impact,
            "is_private": incident.is_private,
        }

    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in self.other_fields]

    def apply(self, *, by: Actor, at: datetime) -> str:
        given = self.cleaned_data
        details = ("services", "customer_impact", "is_private")
        self.incident.edit(**{name: given[name] for name in details}, by=by, at=at)
        answers = ("extent", "degree", "severity", "reason", "title")
        self.incident.declare(**{name: given[name] for name in answers}, by=by, at=at)
        return f"{self.incident.reference} is declared, as {self.incident.severity}."


class NewIncident(ImpactQuestions):
    """An incident that a person saw, or was told of: opened and declared in one go."""

    title = fields.line("Title: what is broken, in words a stakeholder understands", max_length=300)
    services = fields.some_of("Services", Service.objects.order_by("name"), required=False)
    source = fields.choice(
        "Who told us", [row for row in Incident.Source.choices if row[0] != "monitoring"]
    )
    kind = fields.choice("Kind", Incident.Kind.choices)
    customer_impact = fields.text("What customers notice", required=False, rows=2)
    is_private = fields.flag("Private: seen only by those who work on it")
    ask_on_call = fields.flag("Ask the on-call of these services to help", initial=True)

    other_fields = (
        "title",
        "services",
        "customer_impact",
        "source",
        "kind",
        "ask_on_call",
        "is_private",
    )

    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in self.other_fields]

    def clean(self) -> dict[str, Any]:
        """Refuse here what `declare` would, since the incident must not be opened by then."""
        cleaned = super().clean() or {}
        if not self.errors:
            proposed = Severity.objects.for_impact(cleaned["extent"], cleaned["degree"])
            cleaned["chosen"] = chosen = cleaned["severity"] or proposed
            if chosen is None:
                self.add_error("severity", "The matrix has no severity for this. Choose one.")
            elif proposed and chosen != proposed and not cleaned["reason"]:
                self.add_error("reason", f"The matrix says {proposed}. Say why it is {chosen}.")
        return cleaned

    def save(self, *, by: Actor, at: datetime) -> tuple[Incident, list[DomainError]]:
        """Open, declare, and ask the on-call; the refusals are of services nobody covers."""
        given = self.cleaned_data
        incident = detect(
            title=given["title"],
            services=given["services"],
            severity=given["chosen"],
            source=given["source"],
            kind=given["kind"],
            is_private=given["is_private"],
            by=by,
            at=at,
        )
        incident.edit(customer_impact=given["customer_impact"], by=by, at=at)
        answers = ("extent", "degree", "severity", "reason")
        incident.declare(**{name: given[name] for name in answers}, by=by, at=at)
        return incident, self._ask_on_call(incident, by=by, at=at) if given["ask_on_call"] else []

    def _ask_on_call(self, incident: Incident, *, by: Actor, at: datetime) -> list[DomainError]:
        refused: list[DomainError] = []
        services = self.cleaned_data["services"].select_related(
            "policy", "owner_team__default_policy"
        )
        for service in services:
            try:
                request_on_call(incident, service, by=by, at=at)
            except DomainError as error:
                refused.append(error)
        return refused
