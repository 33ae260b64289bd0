"""The invented company of the demo: Halyard Freight, which books and tracks cargo."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.utils.text import slugify

from comms.models import Audience
from incidents.models import Integration, Role, RoutingMatcher, RoutingRule, Service
from roster.actors import Actor
from roster.models import (
    ContactMethod,
    EscalationPolicy,
    EscalationStep,
    EscalationTarget,
    Layer,
    LayerWindow,
    NotificationRule,
    Override,
    Participant,
    Person,
    Schedule,
    Team,
)

DOMAIN = "halyard.example"
LONDON, BERLIN = "Europe/London", "Europe/Berlin"
NEW_YORK, SINGAPORE = "America/New_York", "Asia/Singapore"
COUNTRIES = {LONDON: "GB", BERLIN: "DE", NEW_YORK: "US", SINGAPORE: "SG"}
SETTING_UP = Actor.system("demo")
HISTORY = timedelta(days=90)

# Team: name, kind, and its people (the lead first) with title and zone.
TEAMS = {
    "platform": (
        "Platform",
        Team.Kind.OPERATIONS,
        (
            ("Ines Okafor", "Head of platform", LONDON),
            ("Jonas Weber", "Site reliability engineer", BERLIN),
            ("Diego Ramos", "Site reliability engineer", NEW_YORK),
            ("Mei Tan", "Site reliability engineer", SINGAPORE),
            ("Priya Nair", "Database engineer", SINGAPORE),
        ),
    ),
    "booking": (
        "Booking",
        Team.Kind.ENGINEERING,
        (
            ("Hanna Lindqvist", "Engineering manager, booking", BERLIN),
            ("Tom Ashby", "Software engineer", LONDON),
            ("Carla Mendes", "Software engineer", NEW_YORK),
            ("Arjun Rao", "Software engineer", SINGAPORE),
        ),
    ),
    "tracking": (
        "Tracking",
        Team.Kind.ENGINEERING,
        (
            ("Felix Brandt", "Engineering manager, tracking", BERLIN),
            ("Sofia Rossi", "Software engineer", LONDON),
            ("Nora Kelly", "Software engineer", NEW_YORK),
            ("Ravi Pillai", "Software engineer", SINGAPORE),
        ),
    ),
    "customer-support": (
        "Customer support",
        Team.Kind.SUPPORT,
        (
            ("Ruth Adeyemi", "Head of customer support", LONDON),
            ("Marco Silva", "Support specialist", NEW_YORK),
            ("Lena Vogt", "Support specialist", BERLIN),
            ("Wei Lim", "Support specialist", SINGAPORE),
        ),
    ),
    "communications": (
        "Communications",
        Team.Kind.PR,
        (
            ("Amelie Laurent", "Head of communications", BERLIN),
            ("Sam Whitaker", "Press officer", NEW_YORK),
        ),
    ),
    "legal": (
        "Legal and compliance",
        Team.Kind.LEGAL,
        (
            ("Oliver Grant", "General counsel", LONDON),
            ("Yuki Mori", "Compliance officer", SINGAPORE),
        ),
    ),
    "leadership": (
        "Leadership",
        Team.Kind.EXECUTIVE,
        (
            ("Margaret Hale", "Chief executive", LONDON),
            ("Stefan Krüger", "Chief technology officer", BERLIN),
            ("Dana Brooks", "Head of operations", NEW_YORK),
            ("Elena Petrova", "Head of sales", BERLIN),
        ),
    ),
}
# Service: name, team, policy, tier, public, and what it needs.
SERVICES = {
    "booking-api": ("Booking", "booking", "applications", 1, True, ("payments",)),
    "payments": ("Payments", "booking", "applications", 1, True, ("carrier-gateway",)),
    "tracking": ("Shipment tracking", "tracking", "applications", 1, True, ("data-platform",)),
    "customer-portal": ("Customer portal", "booking", "applications", 2, True, ("booking-api",)),
    "carrier-gateway": ("Carrier gateway", "platform", "platform", 2, False, ()),
    "data-platform": ("Data platform", "platform", "platform", 3, False, ()),
}


@dataclass
class Organisation:
    """What the history needs of the company, by slug."""

    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    policies: dict[str, EscalationPolicy] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    integration: Integration = field(init=False)


def found(at: datetime) -> Organisation:
    """Set the company up as it was before its history begins."""
    company = Organisation()
    since = at - HISTORY - timedelta(days=30)
    _hire(company, since)
    _plan_rosters(company, since, at)
    _write_policies(company)
    _list_services(company)
    _connect_monitoring(company, since)
    _gather_audiences(company)
    return company


def _hire(company: Organisation, since: datetime) -> None:
    for slug, (name, kind, members) in TEAMS.items():
        team = Team.objects.create(slug=slug, name=name, kind=kind)
        for full_name, title, zone in members:
            person = _person(full_name, title, zone)
            company.people[person.slug] = person
            team.members.add(person)
            _make_reachable(person, since, is_technical=slug in {"platform", "booking", "tracking"})
        team.lead = company.people[slugify(members[0][0])]
        team.save(update_fields=["lead"])
        company.teams[slug] = team


def _person(name: str, title: str, zone: str) -> Person:
    slug = slugify(name)
    return Person.objects.create(
        slug=slug,
        name=name,
        email=f"{slug.replace('-', '.')}@{DOMAIN}",
        title=title,
        time_zone=zone,
        country=COUNTRIES[zone],
    )


def _make_reachable(person: Person, since: datetime, *, is_technical: bool) -> None:
    """Mail for everybody; who is on call also has a pager address that follows three minutes on."""
    mail = ContactMethod.objects.create(
        person=person, address=person.email, label="Work e-mail", verified_at=since
    )
    if not is_technical:
        return
    pager = ContactMethod.objects.create(
        person=person,
        address=f"{person.slug}@pager.{DOMAIN}",
        label="Pager",
        verified_at=since,
    )
    for method, delay in ((mail, 0), (pager, 3)):
        NotificationRule.objects.create(
            person=person, contact_method=method, delay_minutes=delay, urgency="high"
        )
    NotificationRule.objects.create(person=person, contact_method=mail, urgency="low")


# --- Rosters --------------------------------------------------------------------------------------


def _plan_rosters(company: Organisation, since: datetime, at: datetime) -> None:
    monday = since.date() - timedelta(days=since.weekday())
    platform = _schedule(company, "platform-on-call", "Platform on call", "platform", LONDON)
    _layer(company, platform, "Weekly", monday, time(9), "jonas-weber diego-ramos ines-okafor")
    daytime = _layer(
        company,
        platform,
        "Daytime in Asia",
        monday,
        time(9),
        "mei-tan priya-nair",
        position=2,
        time_zone=SINGAPORE,
    )
    _windows(daytime, range(7), time(9), time(17))

    applications = _schedule(
        company, "applications-on-call", "Applications on call", "booking", BERLIN
    )
    _layer(
        company,
        applications,
        "Weekly",
        monday + timedelta(days=1),
        time(10),
        "tom-ashby felix-brandt carla-mendes sofia-rossi nora-kelly",
    )
    asia = _layer(
        company,
        applications,
        "Working days in Asia",
        monday,
        time(9),
        "arjun-rao ravi-pillai",
        position=2,
        time_zone=SINGAPORE,
        unit=Layer.Unit.DAY,
        turns=Layer.Turns.ACTIVE_DAYS,
    )
    _windows(asia, range(5), time(9), time(17))

    managers = _schedule(
        company, "incident-managers", "Incident managers on call", "platform", "UTC"
    )
    _layer(
        company,
        managers,
        "Weekly",
        monday,
        time(8),
        "ines-okafor hanna-lindqvist dana-brooks felix-brandt stefan-kruger",
    )
    _cover(company, applications, at)
    Role.objects.filter(slug__in=["incident-manager", "imoc"], schedule=None).update(
        schedule=managers
    )


def _schedule(company: Organisation, slug: str, name: str, team: str, zone: str) -> Schedule:
    schedule = Schedule.objects.create(
        slug=slug, name=name, team=company.teams[team], time_zone=zone
    )
    company.schedules[slug] = schedule
    return schedule


def _layer(
    company: Organisation,
    schedule: Schedule,
    name: str,
    starts_on: date,
    handoff_time: time,
    participants: str,
    **columns: object,
) -> Layer:
    layer = Layer.objects.create(
        schedule=schedule, name=name, starts_on=starts_on, handoff_time=handoff_time, **columns
    )
    Participant.objects.bulk_create(
        Participant(layer=layer, position=position, person=company.people[slug])
        for position, slug in enumerate(participants.split(), start=1)
    )
    return layer


def _windows(layer: Layer, days: range, opens_at: time, closes_at: time) -> None:
    LayerWindow.objects.bulk_create(
        LayerWindow(
            layer=layer, opens_on=day, opens_at=opens_at, closes_on=day, closes_at=closes_at
        )
        for day in days
    )


def _cover(company: Organisation, schedule: Schedule, at: datetime) -> None:
    """Somebody stood in last week, and somebody will next week."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    for starts_in, length, slug, reason in (
        (timedelta(days=-9), timedelta(hours=10), "sofia-rossi", "Tom has a dentist's appointment"),
        (timedelta(days=6), timedelta(days=2), "hanna-lindqvist", "Covers a long weekend"),
    ):
        Override.objects.create(
            schedule=schedule,
            person=company.people[slug],
            starts_at=hour + starts_in,
            ends_at=hour + starts_in + length,
            reason=reason,
            created_by=company.people["hanna-lindqvist"],
        )


# --- Who is paged, for what -----------------------------------------------------------------------


def _write_policies(company: Organisation) -> None:
    for slug, name, team, targets in (
        (
            "platform",
            "Platform",
            "platform",
            ("platform-on-call", "platform", "incident-managers"),
        ),
        (
            "applications",
            "Applications",
            "booking",
            ("applications-on-call", "incident-managers", "booking"),
        ),
    ):
        policy = EscalationPolicy.objects.create(
            slug=slug,
            name=name,
            team=company.teams[team],
            fallback_team=company.teams["leadership"],
        )
        for position, target in enumerate(targets, start=1):
            step = EscalationStep.objects.create(
                policy=policy, position=position, wait_minutes=5 if position == 1 else 10
            )
            if schedule := company.schedules.get(target):
                EscalationTarget.objects.create(step=step, kind="schedule", schedule=schedule)
            else:
                EscalationTarget.objects.create(
                    step=step, kind="team_lead", team=company.teams[target]
                )
        company.policies[slug] = policy
    for slug, default in (
        ("platform", "platform"),
        ("booking", "applications"),
        ("tracking", "applications"),
    ):
        Team.objects.filter(slug=slug).update(default_policy=company.policies[default])


def _list_services(company: Organisation) -> None:
    for slug, (name, team, policy, tier, is_public, _) in SERVICES.items():
        company.services[slug] = Service.objects.create(
            slug=slug,
            name=name,
            owner_team=company.teams[team],
            policy=company.policies[policy],
            tier=tier,
            is_public=is_public,
            runbook_url=f"https://wiki.{DOMAIN}/runbooks/{slug}",
        )
    for slug, (*_, needs) in SERVICES.items():
        company.services[slug].depends_on.set(company.services[name] for name in needs)


def _connect_monitoring(company: Organisation, since: datetime) -> None:
    company.integration, _ = Integration.issue(
        slug="prometheus",
        name="Prometheus, production",
        service=company.services["data-platform"],
        by=SETTING_UP,
        at=since,
    )
    for position, (slug, service) in enumerate(company.services.items(), start=1):
        rule = RoutingRule.objects.create(
            name=f"Alerts of {service.name}",
            position=position * 10,
            integration=company.integration,
            service=service,
            group_by=["alertname", "service"],
        )
        RoutingMatcher.objects.create(rule=rule, label="service", value=slug)
    staging = RoutingRule.objects.create(
        name="Staging pages nobody",
        position=1,
        integration=company.integration,
        is_suppressing=True,
        suppress_reason="Staging breaks by design; the build shows it.",
    )
    RoutingMatcher.objects.create(rule=staging, label="environment", value="staging")


def _gather_audiences(company: Organisation) -> None:
    for slug, team in (
        ("executives", "leadership"),
        ("support", "customer-support"),
        ("legal", "legal"),
    ):
        for audience in Audience.objects.filter(slug=slug, teams=None):
            audience.teams.add(company.teams[team])
    for audience in Audience.objects.filter(slug="sales", people=None):
        audience.people.add(company.people["elena-petrova"])
    for slug, address in (
        ("whole-company", f"everyone@{DOMAIN}"),
        ("customers", "shipping-news@customers.example"),
    ):
        Audience.objects.filter(slug=slug, addresses="").update(addresses=address)
