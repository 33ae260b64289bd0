"""The form by which anybody reports that something is broken, in under a minute (R146, R176)."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet

from incidents.models import Incident, Service
from incidents.reports import Reporter, Said
from roster.models import Person

NONE_OF_THEM = "none"
KNOWN_SHOWN = 5


class ReportForm(forms.Form):
    """What is broken, in the reporter's words. Where a live incident may be the same, it asks.

    `person` is who is logged in; without one, a name and an address are asked for.
    """

    title = forms.CharField(
        label="What is broken?",
        max_length=300,
        help_text="In a few words: “Invoices cannot be downloaded”.",
    )
    service = forms.ModelChoiceField(
        Service.objects.order_by("name"), required=False, empty_label="I do not know", label="Where"
    )
    source = forms.ChoiceField(
        label="How do you know?",
        choices=[
            (Incident.Source.INDIVIDUAL, "I see it myself"),
            (Incident.Source.CUSTOMER, "Customers told us"),
        ],
        initial=Incident.Source.INDIVIDUAL,
        widget=forms.RadioSelect,
    )
    customers = forms.IntegerField(
        label="How many customers? (may stay empty)", required=False, min_value=0, max_value=10**9
    )
    may_affect_customers = forms.BooleanField(label="Customers may notice it", required=False)
    text = forms.CharField(
        label="What did you see? (may stay empty)",
        required=False,
        max_length=8_000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    ticket_url = forms.URLField(
        label="Link to a ticket (may stay empty)",
        required=False,
        max_length=500,
        assume_scheme="https",
    )
    name = forms.CharField(label="Your name", max_length=200)
    email = forms.EmailField(
        label="Your e-mail (may stay empty)",
        required=False,
        help_text="To hear how it goes on.",
    )

    def __init__(self, *args: Any, person: Person | None = None, **kwargs: Any) -> None:  # as Form
        super().__init__(*args, **{"label_suffix": ""} | kwargs)
        self.person = person
        self.known: Sequence[Incident] = ()
        if person is not None:
            del self.fields["name"], self.fields["email"]

    def clean(self) -> dict[str, Any]:
        """Ask once whether it is what is known already: a storm of reports pages nobody anew."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        candidates = list(_live(cleaned["service"])[:KNOWN_SHOWN])
        if not candidates:
            return cleaned
        self.known = candidates
        self.fields["same_as"] = forms.ChoiceField(
            label="Is it one of these? They are being worked on.",
            choices=[
                *((row.reference, f"{row.reference}: {row.title}") for row in candidates),
                (NONE_OF_THEM, "No, it is something else"),
            ],
            widget=forms.RadioSelect,
        )
        answer = self.data.get("same_as")
        chosen = {row.reference: row for row in candidates}
        if answer not in chosen and answer != NONE_OF_THEM:
            self.add_error("same_as", "Please choose one, then send it again.")
        cleaned["incident"] = chosen.get(answer or "")
        return cleaned

    def said(self) -> Said:
        given = self.cleaned_data
        return Said(
            title=given["title"],
            text=given["text"],
            source=given["source"],
            service=given["service"],
            may_affect_customers=given["may_affect_customers"]
            or given["source"] == Incident.Source.CUSTOMER,
            customers=given["customers"] or 0,
            ticket_url=given["ticket_url"],
        )

    def reporter(self) -> Reporter:
        if self.person is not None:
            return Reporter.of_person(self.person)
        return Reporter(self.cleaned_data["name"], self.cleaned_data["email"])


def _live(service: Service | None) -> QuerySet[Incident]:
    """What is known of this service, or of anything where the reporter does not know which.

    Titles of private incidents are for nobody who only holds the form's address.
    """
    rows = Incident.objects.live().filter(is_private=False)
    if service is not None:
        rows = rows.filter(services=service)
    return rows.order_by("-detected_at")
