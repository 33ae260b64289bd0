"""The sweeps of this app. Beat runs each every second (reminders every ten), and a doorbell sooner.

A missed run costs its period; two runs at once share the rows between them.
"""

from celery import shared_task

from incidents import (
    acknowledgement,
    alert_watch,
    announcements,
    escalation,
    heartbeats,
    leads,
    processing,
    responders,
    retention,
)
from roster.sweeps import run_sweep


@shared_task(name="incidents.process_events")
def process_events() -> None:
    """Turn accepted events into alerts and incidents."""
    run_sweep("incidents.process_events", lambda at: processing.process_due(at=at))


@shared_task(name="incidents.look_at_alerts")
def look_at_alerts() -> None:
    """End what nobody repeats, and let people hear of what was held back long enough."""
    run_sweep(alert_watch.SWEEP, lambda at: alert_watch.look_again(at=at))


@shared_task(name="incidents.run_escalations")
def run_escalations() -> None:
    """Page whoever is next for incidents that nobody has taken."""
    run_sweep("incidents.run_escalations", lambda at: escalation.run_due(at=at))


@shared_task(name="incidents.expire_acknowledgements")
def expire_acknowledgements() -> None:
    """Page again for what somebody has taken and does not work on (every five seconds)."""
    run_sweep("incidents.expire_acknowledgements", lambda at: acknowledgement.expire_due(at=at))


@shared_task(name="incidents.announce_entries")
def announce_entries() -> None:
    """Tell the other apps what was written to timelines."""
    run_sweep("incidents.announce_entries", lambda at: announcements.announce_due(at=at))


@shared_task(name="incidents.check_heartbeats")
def check_heartbeats() -> None:
    """Say of heartbeats that they are missing (every five seconds)."""
    run_sweep(heartbeats.SWEEP, lambda at: heartbeats.check_due(at=at))


@shared_task(name="incidents.remind_responders")
def remind_responders() -> None:
    """Repeat requests for help that nobody has answered."""
    run_sweep("incidents.remind_responders", lambda at: responders.remind_due(at=at))


@shared_task(name="incidents.watch_leads")
def watch_leads() -> None:
    """Say of declared incidents that nobody leads them (every half minute)."""
    run_sweep("incidents.watch_leads", lambda at: leads.alarm_due(at=at))


@shared_task(name="incidents.prune_events")
def prune_events() -> None:
    """Forget what arrived long ago (every five minutes)."""
    run_sweep("incidents.prune_events", lambda at: retention.prune(at=at))
