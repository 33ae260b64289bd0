"""What people report: into an incident at once, or into the triage queue (R099, R146, R176, R177).

A colleague who says that something is broken is believed: an incident is opened and its on-call
paged, for a person to decide on. What single customers say is counted, and becomes an incident when
enough of them say it of one service, or when somebody decides so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet, Sum

from incidents.escalation import start_escalation
from incidents.intake.notification import NormalisedReport
from incidents.lifecycle import detect
from incidents.models import Incident, Integration, Report, Service, Severity
from incidents.models.reports import PREFIX
from incidents.timeline import TimelineEntry
from incidents.vocabulary import Kind
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Person
from roster.references import next_number

# So many customers' reports of one service within so long a time propose an incident (R177).
ALIKE_NEEDED = 3
ALIKE_WITHIN = timedelta(hours=1)
# The same words by the same person within so long are a second press of the button.
SAME_WITHIN = timedelta(minutes=5)
# Where the first guess at the severity stands among them, the worst being 0: a person judges next.
GUESS, GUESS_IF_CUSTOMERS_NOTICE = 2, 1


@dataclass(frozen=True)
class Reporter:
    """Who told us, and where they want to hear how it goes on."""

    name: str
    email: str = ""
    person: Person | None = None

    @classmethod
    def of_person(cls, person: Person) -> "Reporter":
        return cls(person.name, person.email, person)

    @property
    def actor(self) -> Actor:
        return Actor(person=self.person, name=self.name, via="report")


@dataclass(frozen=True)
class Said:
    """What somebody reports. `customers` is how many it stands for, 0 if that is not known."""

    title: str
    text: str = ""
    source: str = Incident.Source.INDIVIDUAL
    service: Service | None = None
    may_affect_customers: bool = False
    customers: int = 0
    ticket_url: str = ""


def take(
    said: Said,
    by: Reporter,
    *,
    at: datetime,
    incident: Incident | None = None,
    integration: Integration | None = None,
) -> Report:
    """Write a report down and do what it calls for; what the reporter chose to join comes first.

    Saying the same again within minutes returns the report there is. Raises DomainError without a
    title, or if the chosen incident is over.
    """
    if not said.title.strip():
        raise DomainError("invalid", "Say in a few words what is broken.", {"title": ["Required."]})
    with transaction.atomic():
        _take_turns(said.service)
        if same := _same(said, by, at):
            return same
        report = Report.objects.create(
            number=next_number(PREFIX),
            source=said.source,
            title=said.title.strip(),
            text=said.text,
            service=said.service,
            may_affect_customers=said.may_affect_customers,
            customers=said.customers,
            ticket_url=said.ticket_url,
            reporter=by.person,
            reporter_name=by.name,
            reporter_email=by.email,
            integration=integration,
            created_at=at,
        )
        if incident is not None:
            attach(report, incident, by=by.actor, at=at)
        elif said.source == Incident.Source.CUSTOMER:
            _weigh(report, at=at)
        else:
            open_incident([report], by=by.actor, at=at)
    return report


def take_all(
    integration: Integration, received: Iterable[NormalisedReport], *, at: datetime
) -> list[Report]:
    """Take what a help desk sent, within the transaction that processes it.

    A service that nobody knows by this slug is the integration's own.
    """
    taken = []
    for each in received:
        service = Service.objects.filter(slug=each.service).first() if each.service else None
        sources = Incident.Source
        said = Said(
            title=each.title,
            text=each.text,
            source=sources.CUSTOMER if each.is_from_customer else sources.INDIVIDUAL,
            service=service or integration.service,
            may_affect_customers=each.is_from_customer,
            customers=each.customers,
            ticket_url=each.ticket_url,
        )
        by = Reporter(each.reporter, each.email if "@" in each.email else "")
        taken.append(take(said, by, at=at, integration=integration))
    return taken


def attach(report: Report, incident: Incident, *, by: Actor, at: datetime) -> None:
    """Let a report belong to an incident. Raises DomainError if either is decided already."""
    with transaction.atomic():
        incident.lock()
        if not incident.is_open:
            raise DomainError("incident_ended", f"{incident.reference} is over. Choose another.")
        _decide(report, incident=incident)
        if report.may_affect_customers and not incident.may_affect_customers:
            Incident.objects.filter(pk=incident.pk).update(may_affect_customers=True)
            incident.may_affect_customers = True
        data = {
            "report": report.pk,
            "reference": report.reference,
            "title": report.title,
            "reporter": report.reporter_name,
            "source": report.source,
            "customers": report.customers,
            "ticket": report.ticket_url,
        }
        TimelineEntry.record(
            incident, Kind.REPORT_ATTACHED, by=by, at=at, text=report.text, data=data
        )


def open_incident(
    reports: Sequence[Report], *, by: Actor, at: datetime, severity: Severity | None = None
) -> Incident:
    """Open an incident for these reports and page its on-call; the first gives it its title.

    A report that names no service reaches whoever must not be missed: the fallback.
    """
    first = reports[0]
    notice = any(report.may_affect_customers for report in reports)
    services = {report.service.pk: report.service for report in reports if report.service}
    with transaction.atomic():
        incident = detect(
            title=first.title,
            services=services.values(),
            severity=severity or _first_guess(notice),
            source=first.source,
            by=by,
            at=at,
            may_affect_customers=notice,
            evidence=first.text,
        )
        for report in reports:
            attach(report, incident, by=by, at=at)
        start_escalation(incident, by=by, at=at)
    return incident


def dismiss(report: Report, *, reason: str, by: Actor, at: datetime) -> None:
    """Decide that nothing follows from a report. Raises DomainError if it is decided already."""
    if not reason:
        sentence = "Say in one line why nothing follows from it."
        raise DomainError("invalid", sentence, {"reason": [sentence]})
    _decide(report, dismissed_at=at, dismissed_by_name=by.name, dismiss_reason=reason)


def alike(report: Report, *, at: datetime) -> QuerySet[Report]:
    """The waiting customers' reports of its service that came shortly before `at`, itself too."""
    recent = Report.objects.waiting().filter(created_at__gt=at - ALIKE_WITHIN)
    return recent.filter(source=Incident.Source.CUSTOMER, service=report.service)


def customers_of(incident: Incident) -> tuple[int, int]:
    """How many customers' reports an incident has, and for how many customers they stand."""
    told = incident.reports.filter(source=Incident.Source.CUSTOMER)
    counted = told.aggregate(number=Sum("customers"))["number"] or 0
    return told.count(), counted


def _take_turns(service: Service | None) -> None:
    """One at a time for a service, so that the third of three at once sees the other two."""
    if service is not None:
        list(Service.objects.select_for_update(no_key=True, of=("self",)).filter(pk=service.pk))


def _same(said: Said, by: Reporter, at: datetime) -> Report | None:
    recent = Report.objects.filter(created_at__gt=at - SAME_WITHIN, title=said.title.strip())
    return recent.filter(
        reporter_name=by.name, reporter_email=by.email, service=said.service, text=said.text
    ).first()


def _weigh(report: Report, *, at: datetime) -> None:
    """Join the one incident there is, open one if enough say the same, or wait for triage."""
    if report.service is None:
        return
    live = list(
        Incident.objects.live().filter(services=report.service, is_private=False).distinct()[:2]
    )
    by = Actor.system("customer reports")
    if len(live) == 1:
        attach(report, live[0], by=by, at=at)
        return
    found = list(alike(report, at=at).select_related("service").order_by("pk"))
    if len(found) >= ALIKE_NEEDED:
        open_incident(found, by=by, at=at)


def _first_guess(customers_notice: bool) -> Severity:
    severities = list(Severity.objects.order_by("rank"))
    if not severities:
        raise DomainError("no_severity", "There is no severity to give. Load the reference data.")
    wanted = GUESS_IF_CUSTOMERS_NOTICE if customers_notice else GUESS
    return severities[min(wanted, len(severities) - 1)]


def _decide(report: Report, **columns: object) -> None:
    if not Report.objects.waiting().filter(pk=report.pk).update(**columns):
        raise DomainError("report_decided", f"{report.reference} is decided on. Reload the page.")
    for name, value in columns.items():
        setattr(report, name, value)
