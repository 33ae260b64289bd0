"""What a person may do from a message about an incident, without logging in.

Each link goes to one person and lets them answer for themselves only. A page is shown before
anything happens, since mail scanners open links too.
"""

from datetime import datetime, timedelta

from django import forms
from django.conf import settings
from django.utils.timezone import localtime

from incidents.acknowledgement import PRESETS, snooze
from incidents.escalation import acknowledge_page, decline_page, escalate, why_page_is_over
from incidents.models import Acknowledgement, Incident, Page, Responder
from roster.actors import Actor
from roster.links import LinkPurpose, make_url, register_purpose
from roster.models import Person

PAGE_LIFETIME = timedelta(days=2)
# An engagement may last as long as its incident does.
RESPONDER_LIFETIME = timedelta(days=14)


class ReasonForm(forms.Form):
    """One line that tells the others why; whoever wants to know asks, nobody is made to write."""

    reason = forms.CharField(
        label="Why not? (may stay empty)", required=False, max_length=300, strip=True
    )


class EscalationReasonForm(forms.Form):
    """What those who are called in should know."""

    reason = forms.CharField(
        label="Why? (may stay empty)", required=False, max_length=300, strip=True
    )


class SnoozeForm(forms.Form):
    """One tap is enough: the shortest time is chosen already."""

    minutes = forms.TypedChoiceField(
        label="For how long?", choices=PRESETS, coerce=int, initial=PRESETS[0][0]
    )


class _PagePurpose(LinkPurpose[Page]):
    """A link in a page: answered once, by the person it was sent to."""

    lifetime = PAGE_LIFETIME

    def load(self, pk: int) -> Page | None:
        pages = Page.objects.select_related("incident__severity", "person")
        return pages.filter(pk=pk).first()

    def onward(self, subject: Page) -> list[tuple[str, str]]:
        """What else this person may do from here, while they have the incident."""
        subject.refresh_from_db(fields=["state"])
        rest: list[tuple[str, str]] = []
        if subject.incident.is_live and subject.state == Page.State.ACKNOWLEDGED:
            rest = [(label, make_url(name, subject.pk, subject.person)) for name, label in _LATER]
        return [*rest, *_onward(subject.incident)]

    def done(self, subject: Page) -> str | None:
        if subject.state == Page.State.ACKNOWLEDGED:
            return f"You have {subject.incident.reference}. There is nothing more to confirm."
        if subject.state != Page.State.PENDING:
            return why_page_is_over(subject, subject.incident)
        return None

    def context(self, subject: Page, person: Person) -> dict[str, object]:
        """Show what it is about, and beside this answer the others."""
        others = [
            (label, make_url(name, subject.pk, person))
            for name, label in _ANSWERS
            if name != self.name and not (subject.acknowledged_at and name in _FIRST)
        ]
        return {"facts": _facts(subject.incident), "links": others}


class _LaterPurpose(_PagePurpose):
    """What may also be done once one has the incident."""

    def done(self, subject: Page) -> str | None:
        if not subject.incident.is_live:
            return why_page_is_over(subject, subject.incident)
        standing = Acknowledgement.objects.filter(incident=subject.incident).standing().first()
        is_ones_own = standing is None or standing.person_id == subject.person_id
        if subject.state == Page.State.PENDING or (
            subject.state == Page.State.ACKNOWLEDGED and is_ones_own
        ):
            return None
        return why_page_is_over(subject, subject.incident)


class AcknowledgePage(_PagePurpose):
    name = "page.acknowledge"
    button = "I have it"

    def title(self, subject: Page) -> str:
        return f"{subject.incident.reference}: {subject.incident.title}"

    def perform(self, subject: Page, person: Person, *, at: datetime) -> str:
        acknowledge_page(subject, by=Actor.of_person(person), at=at, via="link")
        return f"You have {subject.incident.reference} now. Nobody else is paged for it."


class DeclinePage(_PagePurpose):
    name = "page.decline"
    button = "I cannot take it"
    form = ReasonForm

    def title(self, subject: Page) -> str:
        return f"Pass on {subject.incident.reference}: {subject.incident.title}"

    def perform(self, subject: Page, person: Person, *, at: datetime, reason: str) -> str:
        decline_page(subject, by=Actor.of_person(person), at=at, reason=reason)
        return f"Thank you. {subject.incident.reference} is passed on to the next person."


class EscalatePage(_LaterPurpose):
    name = "page.escalate"
    button = "Call in the next level"
    form = EscalationReasonForm

    def title(self, subject: Page) -> str:
        return f"Call in the next level: {subject.incident.reference} {subject.incident.title}"

    def perform(self, subject: Page, person: Person, *, at: datetime, reason: str) -> str:
        escalate(subject.incident, by=Actor.of_person(person), at=at, reason=reason)
        keeps = " You keep it until they take it." if subject.acknowledged_at else ""
        return f"The next level is paged for {subject.incident.reference} now.{keeps}"


class SnoozePage(_LaterPurpose):
    name = "page.snooze"
    button = "Snooze"
    form = SnoozeForm

    def title(self, subject: Page) -> str:
        return f"Snooze {subject.incident.reference}: {subject.incident.title}"

    def perform(self, subject: Page, person: Person, *, at: datetime, minutes: int) -> str:
        until = at + timedelta(minutes=minutes)
        snooze(subject.incident, until, by=Actor.of_person(person), at=at)
        return (
            f"You have {subject.incident.reference}, snoozed until {localtime(until):%H:%M %Z}."
            " Then you are paged again, with whoever is on call, unless it is over."
        )


# The answers to a page, in the order in which its page offers them.
_FIRST = (AcknowledgePage.name, DeclinePage.name)
_LATER = [(EscalatePage.name, "Call in the next level"), (SnoozePage.name, "Snooze it")]
_ANSWERS = [
    (AcknowledgePage.name, "I have it"),
    (DeclinePage.name, "I cannot take it"),
    *_LATER,
]


class _ResponderPurpose(LinkPurpose[Responder]):
    """A link in a request for help, or in what an engaged responder is sent."""

    lifetime = RESPONDER_LIFETIME

    def load(self, pk: int) -> Responder | None:
        responders = Responder.objects.select_related("incident__severity", "person")
        return responders.filter(pk=pk).first()

    def onward(self, subject: Responder) -> list[tuple[str, str]]:
        return _onward(subject.incident)

    def context(self, subject: Responder, person: Person) -> dict[str, object]:
        asked = [("Asked by", subject.requested_by_name), ("For", subject.get_purpose_display())]
        if subject.message:
            asked.append(("Message", subject.message))
        return {"facts": [*_facts(subject.incident), *asked], "links": []}


class AcknowledgeRequest(_ResponderPurpose):
    name = "responder.acknowledge"
    button = "I am coming"

    def title(self, subject: Responder) -> str:
        return f"Can you help with {subject.incident.reference}: {subject.incident.title}?"

    def context(self, subject: Responder, person: Person) -> dict[str, object]:
        decline = make_url(DeclineRequest.name, subject.pk, person)
        return {**super().context(subject, person), "links": [("I cannot help", decline)]}

    def done(self, subject: Responder) -> str | None:
        return _request_is_over(subject)

    def perform(self, subject: Responder, person: Person, *, at: datetime) -> str:
        subject.acknowledge(by=Actor.of_person(person), at=at)
        where = subject.incident.bridge_url or subject.incident.chat_url
        return f"Thank you for coming to help with {subject.incident.reference}." + (
            f" The others are here: {where}" if where else ""
        )


class DeclineRequest(_ResponderPurpose):
    name = "responder.decline"
    button = "I cannot help"
    form = ReasonForm

    def title(self, subject: Responder) -> str:
        return f"Decline to help with {subject.incident.reference}?"

    def context(self, subject: Responder, person: Person) -> dict[str, object]:
        accept = make_url(AcknowledgeRequest.name, subject.pk, person)
        return {**super().context(subject, person), "links": [("I can help after all", accept)]}

    def done(self, subject: Responder) -> str | None:
        return _request_is_over(subject)

    def perform(self, subject: Responder, person: Person, *, at: datetime, reason: str) -> str:
        subject.decline(by=Actor.of_person(person), at=at, reason=reason)
        return f"Thank you. {subject.requested_by_name} is told that you cannot help."


class AskToLeave(_ResponderPurpose):
    name = "responder.leave"
    button = "Ask to leave"

    def title(self, subject: Responder) -> str:
        return f"Ask to leave {subject.incident.reference}: {subject.incident.title}"

    def done(self, subject: Responder) -> str | None:
        if subject.state == Responder.State.RELEASED:
            return f"You were released from {subject.incident.reference}. Thank you."
        if subject.wants_to_leave_at:
            return "You have asked to leave. The incident manager answers next."
        return None

    def perform(self, subject: Responder, person: Person, *, at: datetime) -> str:
        subject.ask_to_leave(by=Actor.of_person(person), at=at)
        return "The incident manager is asked to let you go. Stay until you are released."


def _request_is_over(responder: Responder) -> str | None:
    reference = responder.incident.reference
    match responder.state:
        case Responder.State.ACKNOWLEDGED:
            return f"You are a responder of {reference}. There is nothing more to confirm."
        case Responder.State.DECLINED:
            return f"You declined to help with {reference}. Whoever asked may ask again."
        case Responder.State.RELEASED:
            return f"You were released from {reference}. Thank you."
        case Responder.State.CANCELLED:
            return f"Your help with {reference} is no longer needed."
    return None


def _facts(incident: Incident) -> list[tuple[str, str]]:
    """What somebody woken up needs to see before they answer."""
    services = ", ".join(incident.services.order_by("name").values_list("name", flat=True))
    facts = [
        ("Severity", str(incident.severity)),
        ("Services", services or "not known yet"),
        ("Phase", incident.get_phase_display()),
        ("Since", f"{localtime(incident.detected_at):%-d %b %Y, %H:%M %Z}"),
    ]
    alert = incident.alerts.order_by("-last_seen_at").first()
    if alert and alert.description:
        facts.append(("Alert", alert.description[:500]))
    return facts


def _onward(incident: Incident) -> list[tuple[str, str]]:
    """Where to go from here; the page itself asks for a log-in."""
    runbooks = incident.services.exclude(runbook_url="").order_by("name")
    page = f"{settings.PUBLIC_URL}{incident.get_absolute_url()}"
    return [
        *((f"Runbook of {service.name}", service.runbook_url) for service in runbooks),
        (f"Open {incident.reference} in Muster", page),
    ]


for _purpose in (
    AcknowledgePage(),
    DeclinePage(),
    EscalatePage(),
    SnoozePage(),
    AcknowledgeRequest(),
    DeclineRequest(),
    AskToLeave(),
):
    register_purpose(_purpose)
