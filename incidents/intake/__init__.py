"""Adapters: one module a monitor's format, found by the integration's kind.

A new format is one module beside these, and its line in `ADAPTERS`.
"""

from incidents.intake import (
    alertmanager,
    azure,
    datadog,
    generic,
    github,
    gitlab,
    google_cloud,
    grafana,
    heartbeat,
    mail,
    nagios,
    opsgenie,
    own,
    pagerduty,
    pingdom,
    prometheus,
    report,
    sentry,
    sns,
    uptime_kuma,
    uptimerobot,
    zabbix,
)
from incidents.intake.adapter import Adapter, Answer, Door, Guide, Snippet
from incidents.intake.notification import (
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedAlert,
    Notification,
    NotYetError,
)

__all__ = [
    "ADAPTERS",
    "KINDS",
    "Action",
    "Adapter",
    "Answer",
    "Door",
    "Envelope",
    "Glance",
    "Guide",
    "Importance",
    "IntakeError",
    "NormalisedAlert",
    "NotYetError",
    "Notification",
    "Snippet",
    "kinds",
    "opsgenie",
    "own",
]

ADAPTERS: dict[str, Adapter] = {
    adapter.kind: adapter
    for adapter in (
        alertmanager.ADAPTER,
        azure.ADAPTER,
        datadog.ADAPTER,
        generic.ADAPTER,
        github.ADAPTER,
        gitlab.ADAPTER,
        google_cloud.ADAPTER,
        grafana.ADAPTER,
        heartbeat.ADAPTER,
        mail.ADAPTER,
        nagios.ADAPTER,
        opsgenie.ADAPTER,
        pagerduty.ADAPTER,
        pingdom.ADAPTER,
        prometheus.ADAPTER,
        report.ADAPTER,
        sentry.ADAPTER,
        sns.ADAPTER,
        uptime_kuma.ADAPTER,
        uptimerobot.ADAPTER,
        zabbix.ADAPTER,
    )
}

KINDS = [(adapter.kind, adapter.label) for adapter in ADAPTERS.values()]


def kinds() -> list[tuple[str, str]]:
    """The choices of an integration's kind; a function, so that a new one needs no migration."""
    return KINDS
