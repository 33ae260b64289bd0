"""What comms does when incidents announce a timeline entry.

Each reaction runs in a transaction of its own and may be repeated: idempotency keys make a
second run harmless. Time is the entry's, never the clock's. Entries that comms itself writes
are not listened to.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from comms import alarms, promises, stakeholders
from comms.content import Content
from comms.facts import absolute, context, moment
from comms.models import Message, MessageState, Priority, Purpose
from comms.notification import first_stage, stages
from comms.outbox import About, compose, enqueue, withdraw
from comms.rendering import escape_markdown
from comms.wording import written
from incidents.models import (
    ENDED_PHASES,
    Acknowledgement,
    Incident,
    Page,
    Responder,
    RoleAssignment,
)
from incidents.signals import entry_recorded
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind, sentence
from roster.actors import Actor
from roster.links import make_url
from roster.models import Person

MAX_LABELS = 20  # of an alert, in a page


def connect() -> None:
    entry_recorded.connect(react, dispatch_uid="comms.reactions")


def react(sender: type[TimelineEntry], entry: TimelineEntry, **kwargs: object) -> None:
    """Do what the entry calls for, all of it or nothing."""
    if reaction := REACTIONS.get(entry.kind):
        with transaction.atomic():
            reaction(entry)


# --- Pages -----------------------------------------------------------------------------------


def page_person(entry: TimelineEntry) -> None:
    """Queue a page by the person's rules; one already answered needs no message any more."""
    page = Page.objects.select_related("incident__severity", "person").get(pk=entry.data["page"])
    incident, person = page.incident, page.person
    if page.state != Page.State.PENDING or incident.phase in ENDED_PHASES:
        return
    links = _answer_links("page", page.pk, person)
    links["mine_url"] = make_url("pages.mine", person.pk, person)
    words = _page_words(page, at=entry.at, links=links, reason=_why_again(page))
    priority = _page_priority(page)
    enqueue(
        compose(
            _with_links(
                written(Purpose.PAGE, words, incident=incident, channel=stage.address.channel),
                links,
            ),
            stage.address,
            key=f"page-{page.pk}-{stage.address.slug}",
            priority=priority,
            about=About(incident=incident, page=page),
            at=entry.at,
            due_at=page.created_at + stage.delay,
        )
        for stage in stages(person, urgency=page.urgency, at=page.created_at)
    )


def _why_again(page: Page) -> str:
    """What became of an acknowledgement that no longer holds; empty for a first time."""
    last = Acknowledgement.objects.filter(incident=page.incident, at__lte=page.created_at)
    acknowledgement = last.order_by("-pk").first()
    if acknowledgement is None or acknowledgement.end != Acknowledgement.End.EXPIRED:
        return ""
    name, zone = escape_markdown(acknowledgement.by_name), page.person.time_zone
    if acknowledgement.until:
        return f"{name} had snoozed it until {moment(acknowledgement.until, zone)}."
    return f"{name} had it; no sign of work since {moment(acknowledgement.last_work_at, zone)}."


def _page_priority(page: Page) -> Priority:
    """A person's first page of an incident overtakes everything; its repeats wait behind."""
    is_repeat = page.incident.pages.filter(pk__lt=page.pk, person=page.person).exists()
    return Priority.PAGE if is_repeat else Priority.FIRST_PAGE


def _page_words(
    page: Page, *, at: datetime, links: Mapping[str, str], reason: str = ""
) -> dict[str, object]:
    alert = page.incident.alerts.order_by("-last_seen_at").first()
    labels = [f"{name}={value}" for name, value in alert.labels.items()] if alert else []
    return context(
        page.incident,
        at=at,
        zone=page.person.time_zone,
        person={"name": page.person.name},
        page={"via": page.via_target, "reason": reason, "labels": labels[:MAX_LABELS], **links},
    )


def _answer_links(purpose: str, pk: int, person: Person) -> dict[str, str]:
    return {
        "acknowledge_url": make_url(f"{purpose}.acknowledge", pk, person),
        "decline_url": make_url(f"{purpose}.decline", pk, person),
    }


def _with_links(content: Content, links: Mapping[str, str]) -> Content:
    """The content, with the links it cannot do without added where a template forgot them."""
    labels = {
        "acknowledge_url": "I have it",
        "decline_url": "I cannot take it",
        "mine_url": "My pages",
    }
    forgotten = [
        f"[{label}]({links[name]})"
        for name, label in labels.items()
        if name in links and links[name] not in content.markdown
    ]
    return Content(content.subject, "\n\n".join([content.markdown, *forgotten]))


def withdraw_pages(entry: TimelineEntry) -> None:
    """Somebody answered, or it is over: what is left of the pages not pending is taken back."""
    pages = Page.objects.filter(incident=entry.incident).exclude(state=Page.State.PENDING)
    withdraw(Message.objects.filter(page__in=pages))


def tell_the_paged(entry: TimelineEntry) -> None:
    """The incident was dismissed: whoever a page has reached hears that nothing is left to do.

    Whether by itself or by a person makes no difference to someone on the way to a keyboard.
    """
    incident = entry.incident
    withdraw(Message.objects.filter(incident=incident, page__isnull=False))
    promises.withdraw_all(incident, at=entry.at)
    left = [MessageState.SENT, MessageState.SENDING]
    has_left = Q(state__in=left) | Q(state=MessageState.BUNDLED, bundle__state__in=left)
    messages = Message.objects.filter(has_left, incident=incident, page__isnull=False)
    reached = Page.objects.filter(pk__in=messages.values("page")).order_by("pk")
    by_person = {page.person_id: page for page in reached.select_related("person")}
    if entry.actor_id:
        by_person.pop(entry.actor_id, None)
    for page in by_person.values():
        words = _page_words(page, at=entry.at, links={}, reason=entry.text)
        _send_to(
            page.person,
            written(Purpose.RESOLVED_ITSELF, words, incident=incident),
            incident,
            stem=f"ended-{entry.pk}-{page.person_id}",
            at=entry.at,
        )


# --- Responders and roles ----------------------------------------------------------------------


def ask_responder(entry: TimelineEntry) -> None:
    """Queue the request, or its reminder, by the person's rules until they have answered."""
    responder = Responder.objects.select_related("incident__severity", "person").get(
        pk=entry.data["responder"]
    )
    if responder.state != Responder.State.REQUESTED:
        return
    person, incident = responder.person, responder.incident
    links = _answer_links("responder", responder.pk, person)
    is_reminder = entry.kind == Kind.RESPONDER_REMINDED
    words = _request_words(responder, at=entry.at, is_reminder=is_reminder, **links)
    content = _with_links(written(Purpose.REQUEST, words, incident=incident), links)
    enqueue(
        compose(
            content,
            stage.address,
            key=f"request-{responder.pk}-{entry.pk}-{stage.address.slug}",
            priority=Priority.REQUEST,
            about=About(incident=incident, responder=responder),
            at=entry.at,
            due_at=entry.at + stage.delay,
        )
        for stage in stages(person, urgency=incident.severity.urgency, at=entry.at)
    )


def _request_words(responder: Responder, *, at: datetime, **more: object) -> dict[str, object]:
    person, manager = responder.person, responder.incident.manager()
    return context(
        responder.incident,
        at=at,
        zone=person.time_zone,
        person={"name": person.name},
        request={
            "purpose": responder.get_purpose_display(),
            "message": responder.message,
            "requested_by": responder.requested_by_name,
            "reason": responder.release_reason,
            "contact": manager.name if manager else responder.released_by_name,
            **more,
        },
    )


def withdraw_request(entry: TimelineEntry) -> None:
    withdraw(Message.objects.filter(responder=entry.data["responder"]))


def tell_of_refusal(entry: TimelineEntry) -> None:
    withdraw_request(entry)
    tell_manager(entry)


def thank_responder(entry: TimelineEntry) -> None:
    responder = Responder.objects.select_related("incident__severity", "person").get(
        pk=entry.data["responder"]
    )
    withdraw(Message.objects.filter(responder=responder))
    words = _request_words(responder, at=entry.at)
    _send_to(
        responder.person,
        written(Purpose.RELEASED, words, incident=responder.incident),
        responder.incident,
        stem=f"released-{responder.pk}",
        at=entry.at,
        responder=responder,
    )


def tell_manager(entry: TimelineEntry) -> None:
    """A request that came to nothing, or a wish to leave, waits for the manager to act (R021)."""
    incident = entry.incident
    manager = incident.manager()
    if manager is None or manager == entry.actor or incident.phase in ENDED_PHASES:
        return
    words = sentence(entry)
    lines = [escape_markdown(words), escape_markdown(entry.text)]
    lines.append(f"Decide here: {absolute(incident.get_absolute_url())}")
    _send_to(
        manager,
        Content(f"{incident.reference} {words}", "\n\n".join(filter(None, lines))),
        incident,
        stem=f"manager-{entry.pk}",
        at=entry.at,
    )


def tell_role_holder(entry: TimelineEntry) -> None:
    """Whoever took the role with their own hands knows already."""
    held = RoleAssignment.objects.current().filter(
        incident=entry.incident,
        role__slug=entry.data["role"],
        person=entry.data["person_id"],
    )
    assignment = held.select_related("incident__severity", "person", "role").first()
    if assignment is None or assignment.person == entry.actor:
        return
    person, role = assignment.person, assignment.role
    words = context(
        assignment.incident,
        at=entry.at,
        zone=person.time_zone,
        person={"name": person.name},
        role={
            "name": role.name,
            "purpose": role.purpose,
            "checklist": role.checklist.splitlines(),
            "note": assignment.note,
        },
    )
    _send_to(
        person,
        written(Purpose.ROLE, words, incident=assignment.incident),
        assignment.incident,
        stem=f"role-{assignment.pk}",
        at=entry.at,
    )


def _send_to(
    person: Person,
    content: Content,
    incident: Incident,
    *,
    stem: str,
    at: datetime,
    responder: Responder | None = None,
) -> None:
    """One notice, at once, by the methods that come first in the person's rules."""
    enqueue(
        compose(
            content,
            address,
            key=f"{stem}-{address.slug}",
            priority=Priority.REQUEST,
            about=About(incident=incident, responder=responder),
            at=at,
        )
        for address in first_stage(person, urgency=incident.severity.urgency)
    )


# --- Stakeholders --------------------------------------------------------------------------------


def tell_stakeholders(entry: TimelineEntry) -> None:
    stakeholders.tell_at_declare(entry.incident, by=_actor(entry), at=entry.at)


def tell_newly_concerned(entry: TimelineEntry) -> None:
    stakeholders.tell_newly_concerned(entry.incident, by=_actor(entry), at=entry.at)


def draft_final_update(entry: TimelineEntry) -> None:
    promises.withdraw_all(entry.incident, at=entry.at)
    stakeholders.draft_final(entry.incident, by=_actor(entry), at=entry.at)


def _actor(entry: TimelineEntry) -> Actor:
    """Whoever did it is the author of what is told about it."""
    return Actor(person=entry.actor, name=entry.actor_name, via=entry.via)


def end_promises(entry: TimelineEntry) -> None:
    promises.withdraw_all(entry.incident, at=entry.at)


REACTIONS: Mapping[str, Callable[[TimelineEntry], None]] = {
    Kind.RESPONDER_PAGED: page_person,
    Kind.PAGE_ACKNOWLEDGED: withdraw_pages,
    Kind.PAGE_DECLINED: withdraw_pages,
    Kind.PAGE_STOPPED: withdraw_pages,
    Kind.ESCALATION_STOPPED: withdraw_pages,
    Kind.INCIDENT_DISMISSED: tell_the_paged,
    Kind.NOBODY_ON_CALL: alarms.tell_of_hole,
    Kind.ESCALATION_EXHAUSTED: alarms.tell_of_exhaustion,
    Kind.INCIDENT_DETECTED: alarms.tell_incident_manager,
    Kind.ALERT_ATTACHED: alarms.tell_incident_manager,
    Kind.DETAILS_CHANGED: alarms.tell_incident_manager,
    Kind.RESPONDER_REQUESTED: ask_responder,
    Kind.RESPONDER_REMINDED: ask_responder,
    Kind.RESPONDER_ACKNOWLEDGED: withdraw_request,
    Kind.RESPONDER_DECLINED: tell_of_refusal,
    Kind.RESPONDER_UNANSWERED: tell_manager,
    Kind.RESPONDER_ASKED_TO_LEAVE: tell_manager,
    Kind.REQUEST_WITHDRAWN: withdraw_request,
    Kind.RESPONDER_RELEASED: thank_responder,
    Kind.ROLE_ASSIGNED: tell_role_holder,
    Kind.INCIDENT_DECLARED: tell_stakeholders,
    Kind.SEVERITY_CHANGED: tell_newly_concerned,
    Kind.INCIDENT_RESTORED: draft_final_update,
    Kind.INCIDENT_CLOSED: end_promises,
}
