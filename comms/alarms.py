"""What somebody must hear at once although no policy pages them for it.

A hole in who is on call is the roster editors' to mend; what customers may notice is the incident
manager's from the first minute, before anybody has settled how bad it is (R075).
"""

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse
from django.utils.timezone import localdate

from comms.content import Content
from comms.facts import absolute, moment
from comms.models import Priority
from comms.notification import first_stage
from comms.outbox import About, compose, enqueue
from comms.rendering import escape_markdown
from incidents.models import Incident, Page, Role
from incidents.models.roles import IMOC, INCIDENT_MANAGER
from incidents.timeline import TimelineEntry
from roster import oncall
from roster.coverage.telling import editors
from roster.models import EscalationPolicy, Person, Urgency


def tell_of_hole(entry: TimelineEntry) -> None:
    """Nobody was on call at a step: the roster editors hear, once a step and day."""
    step = entry.data["step"]
    name = escape_markdown(str(entry.data["policy"]))
    _tell_editors(
        entry,
        place=f"step{step}",
        subject=f"Nobody was on call at step {step} of {entry.data['policy']}",
        text=f"step {step} of **{name}** was to page somebody, and nobody was on call."
        " The next step ran at once. Find somebody for it before it is needed again.",
    )


def tell_of_exhaustion(entry: TimelineEntry) -> None:
    """A policy that had nobody to page, or none to begin with; once a policy and day.

    Where people were paged and did not answer, the roster is not what is wrong; where nobody at
    all is left to page, it is.
    """
    fallback = str(entry.data.get("fallback", ""))
    pages = Page.objects.filter(incident=entry.incident_id, pass_number__gt=0)
    if fallback and pages.filter(created_at__lte=entry.at).exists():
        return
    name = escape_markdown(str(entry.data["policy"]))
    then = f"{escape_markdown(fallback)} was paged instead" if fallback else "nobody was paged"
    _tell_editors(
        entry,
        place="end" if fallback else "nobody",
        subject=f"Nobody to page: {entry.data['policy']}",
        text=f"**{name}** had nobody to page, and {then}. Give its steps somebody who is on call.",
    )


def _tell_editors(entry: TimelineEntry, *, place: str, subject: str, text: str) -> None:
    """Names no title: an editor of the roster may have no business with the incident."""
    policy = EscalationPolicy.objects.filter(name=entry.data["policy"]).first()
    slug = policy.slug if policy else "none"
    paths = [reverse("admin:roster_escalationpolicy_change", args=[policy.pk])] if policy else []
    for person in editors():
        parts = [f"On {moment(entry.at, person.time_zone)}, {text}"]
        parts += [f"[Escalation policy]({absolute(path)})" for path in paths]
        if not entry.incident.is_private:
            parts.append(f"[{entry.incident.reference}]({_url(entry.incident)})")
        _tell(
            person,
            Content(subject, "\n\n".join(parts)),
            stem=f"hole-{slug}-{place}-{localdate(entry.at):%Y%m%d}-{person.pk}",
            about=About(),
            at=entry.at,
        )


def tell_incident_manager(entry: TimelineEntry) -> None:
    """Of an incident that customers may notice and nobody manages yet; each person once."""
    incident = entry.incident
    if not (incident.may_affect_customers and incident.is_live) or incident.manager():
        return
    paged = set(Page.objects.filter(incident=incident).values_list("person", flat=True))
    for person in _managers_on_call(entry.at):
        if person.pk not in paged:
            _tell(
                person,
                _may_affect_customers(incident),
                stem=f"customers-{incident.pk}-{person.pk}",
                about=About(incident=incident),
                at=entry.at,
            )


def _may_affect_customers(incident: Incident) -> Content:
    title = "" if incident.is_private else incident.title
    parts = [
        f"**{escape_markdown(title)}**" if title else "It is private, so it has no title here.",
        "Customers may notice this. How bad it is has not been settled, and nobody manages it yet."
        " Whoever is on call for it is paged as usual.",
        f"[Look at it, and declare it if it is an incident]({_url(incident)})",
    ]
    subject = f"{incident.reference} may affect customers" + (f": {title}" if title else "")
    return Content(subject, "\n\n".join(parts))


def _managers_on_call(at: datetime) -> Iterable[Person]:
    """The incident manager on call; where there is none, the IMOC. Each person once."""
    for slug in (INCIDENT_MANAGER, IMOC):
        role = Role.objects.filter(slug=slug).select_related("schedule").first()
        if role and role.schedule:
            found = oncall.on_call([role.schedule], at)[role.schedule.pk]
            if found:
                return {each.person.pk: each.person for each in found}.values()
    return []


def _tell(person: Person, content: Content, *, stem: str, about: About, at: datetime) -> None:
    """At once, by the methods that come first in the person's rules for what is urgent."""
    enqueue(
        compose(
            content,
            address,
            key=f"{stem}-{address.slug}",
            priority=Priority.REQUEST,
            about=about,
            at=at,
        )
        for address in first_stage(person, urgency=Urgency.HIGH)
    )


def _url(incident: Incident) -> str:
    return absolute(incident.get_absolute_url())
