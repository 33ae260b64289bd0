"""What tells the company that something is wrong: monitors, signs of life, changes, and people."""

from datetime import datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from config.demo.organisation import SETTING_UP, Organisation
from incidents import reports
from incidents.intake_rates import hour_of
from incidents.models import (
    Change,
    Heartbeat,
    Incident,
    IntakeHour,
    IntakeRefusal,
    Integration,
    MaintenanceWindow,
    RoutingMatcher,
    RoutingRule,
)
from incidents.reports import Reporter, Said

# Kind, name, service, and how many events come in a busy hour.
MONITORS = {
    "grafana": ("grafana", "Grafana, production", "data-platform", 40),
    "github": ("github", "GitHub deployments", "booking-api", 6),
    "uptime-kuma": ("uptime_kuma", "Uptime Kuma, from outside", "tracking", 3),
    "backups": ("heartbeat", "Nightly jobs", "data-platform", 12),
    "report-form": ("report", "Report form for everybody", "booking-api", 0),
}
ZONE = ZoneInfo("Europe/Berlin")


def connect_monitors(company: Organisation, at: datetime, rng: Random) -> None:
    since = at - timedelta(days=90)
    connected = {"prometheus": (company.integration, 120)}
    for slug, (kind, name, service, rate) in MONITORS.items():
        integration, _ = Integration.issue(
            slug=slug,
            name=name,
            kind=kind,
            service=company.services[service],
            by=SETTING_UP,
            at=since,
        )
        connected[slug] = (integration, rate)
    for integration, rate in connected.values():
        _send_for_two_weeks(integration, rate, at, rng)
    _refuse_some(company.integration, at)
    _live(connected["backups"][0], at)
    _deploy(company, connected["github"][0], at)
    _plan_maintenance(company, at)
    _try_a_rule(company)
    _report(company, at)


def _send_for_two_weeks(integration: Integration, rate: int, at: datetime, rng: Random) -> None:
    """As busy by day as by night, since machines do not sleep; a little more at noon."""
    if not rate:
        return
    hours = [hour_of(at) - timedelta(hours=number) for number in range(14 * 24)]
    IntakeHour.objects.filter(integration=integration).delete()
    IntakeHour.objects.bulk_create(
        IntakeHour(
            integration=integration,
            hour=hour,
            accepted=max(1, round(rate * rng.uniform(0.6, 1.1) * (1.3 if hour.hour == 12 else 1))),
        )
        for hour in hours
    )
    heard = at - timedelta(minutes=rng.randint(1, 20))
    Integration.objects.filter(pk=integration.pk).update(last_event_at=heard)


def _refuse_some(integration: Integration, at: datetime) -> None:
    IntakeRefusal.objects.create(
        integration=integration,
        hour=hour_of(at - timedelta(hours=7)),
        status=413,
        code="too_large",
        message="The body is over 512 KB. Send fewer alerts at once.",
        count=4,
        last_at=at - timedelta(hours=7),
    )


def _live(integration: Integration, at: datetime) -> None:
    """Two jobs that report every night, and one that is still to come."""
    for slug, name, hours in (
        ("backup", "Backup of the booking database", 5),
        ("invoices", "Invoices of the night", 4),
    ):
        heard = at - timedelta(hours=hours)
        Heartbeat.objects.create(
            integration=integration,
            slug=slug,
            name=name,
            every_minutes=24 * 60,
            grace_minutes=60,
            state=Heartbeat.State.ALIVE,
            last_ping_at=heard,
            due_at=heard + timedelta(hours=25),
        )
    Heartbeat.objects.create(
        integration=integration, slug="archive", name="Yearly archive", every_minutes=7 * 24 * 60
    )


def _deploy(company: Organisation, integration: Integration, at: datetime) -> None:
    for hours, service, version in ((2, "booking-api", "v4.18.2"), (9, "tracking", "v2.7.0")):
        when = at - timedelta(hours=hours)
        Change.objects.create(
            integration=integration,
            key=f"deployment:{version}",
            title=f"Deploy {company.services[service].name} {version} to production",
            kind="deployment",
            state="success",
            environment="production",
            source=f"shipping/{service}",
            actor_name="release-bot",
            at=when,
            received_at=when,
            service=company.services[service],
        )


def _plan_maintenance(company: Organisation, at: datetime) -> None:
    """Every Sunday before dawn the databases are patched."""
    local = at.astimezone(ZONE)
    sunday = local.date() - timedelta(days=local.weekday() + 1)
    begins = datetime.combine(sunday, time(3), ZONE)
    window = MaintenanceWindow.objects.create(
        name="Patching of the databases",
        reason="Security updates, one database after another.",
        starts_at=begins,
        ends_at=begins + timedelta(hours=2),
        time_zone=str(ZONE),
        repeats=MaintenanceWindow.Repeats.WEEKLY,
        weekdays=[6],
        created_by_name=SETTING_UP.name,
        created_at=at - timedelta(days=60),
    )
    window.services.add(company.services["data-platform"])


def _try_a_rule(company: Organisation) -> None:
    """Somebody wonders whether to wait a little for what mends itself; it is not switched on."""
    rule = RoutingRule.objects.create(
        name="Wait three minutes for queues that drain by themselves",
        position=5,
        integration=company.integration,
        is_active=False,
        hold_minutes=3,
    )
    RoutingMatcher.objects.create(
        rule=rule, label="alertname", operator=RoutingMatcher.Operator.MATCHES, value="Queue.*"
    )


def _report(company: Organisation, at: datetime) -> None:
    """A customer's word that waits for somebody to decide."""
    said = Said(
        "The portal shows delivery dates in the past",
        text="Two shops asked about it this morning. The parcels are on their way.",
        source=Incident.Source.CUSTOMER,
        service=company.services["customer-portal"],
        customers=2,
    )
    reports.take(said, Reporter("Customer support"), at=at - timedelta(minutes=25))
