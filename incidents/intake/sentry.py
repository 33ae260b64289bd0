"""Sentry's webhooks (WIRE-FORMATS §7): those of an internal integration, and the older plugin's.

https://docs.sentry.io/organization/integrations/integration-platform/webhooks/

An issue alert never says that it ended; the issue does, when it is resolved or archived in Sentry.
Both are therefore told apart by the issue. Which kind of webhook it is stands in a header; where a
relay dropped that, the body tells.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec

from incidents.intake.adapter import Adapter, Guide
from incidents.intake.nested import at as value_at
from incidents.intake.nested import first_at
from incidents.intake.notification import (
    LABEL_COUNT,
    TEXT_LENGTH,
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedAlert,
    NormalisedNote,
    Notification,
    bounded_key,
    clean_text,
    labels_of,
    links_of,
    moment,
    record,
    unix_moment,
    word,
)
from incidents.intake.signatures import require_hmac

RESOURCE = "sentry-hook-resource"
WHAT = "what Sentry's webhook posts"

_BY_CONTENT = {"metric_alert": "metric_alert", "event": "event_alert", "issue": "issue"}
# JSON objects of Sentry's, of which nothing but the names is certain.
type _Json = dict[str, Any]


class Options(msgspec.Struct, forbid_unknown_fields=True):
    issues_fire: Annotated[
        bool,
        msgspec.Meta(
            title="New and regressed issues fire",
            description="Besides issue alerts. Otherwise issues only end what alerts began.",
        ),
    ] = False


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError if it is not signed as agreed, or nothing that Sentry posts."""
    require_hmac(envelope, "Sentry-Hook-Signature")
    body = record(envelope.body, WHAT)
    resource = _resource(envelope, body)
    if resource not in ("event_alert", "metric_alert", "plugin", "issue"):
        return Glance(Importance.LATER)
    is_over = body.get("action") in ("resolved", "archived", "ignored", "assigned")
    return Glance(Importance.LATER if is_over else Importance.FIRING)


def read(envelope: Envelope) -> Notification:
    body = record(envelope.body, WHAT)
    resource = _resource(envelope, body)
    if resource == "issue":
        return _read_issue(body, msgspec.convert(dict(envelope.options), Options))
    if read_resource := _READERS.get(resource):
        return read_resource(body)
    return Notification(remark=f"Sentry's webhook of the kind “{resource}” asks for nothing.")


def _resource(envelope: Envelope, body: _Json) -> str:
    if named := word(envelope.headers.get(RESOURCE)):
        return named
    data = body.get("data")
    for key, name in _BY_CONTENT.items():
        if isinstance(data, dict) and key in data:
            return name
    if "installation" in body or "data" in body:
        return "installation"
    if "project" in body or "event" in body:
        return "plugin"
    raise IntakeError("wrong_shape", f"The body is JSON, but not {WHAT}.")


def _issue_key(issue: object) -> str:
    if not (key := bounded_key(issue)):
        raise IntakeError("no_key", "The body names no issue.")
    return f"issue:{key}"


def _read_event(body: _Json) -> Notification:
    """An alert rule of an issue: it fires for an event of that issue."""
    event = value_at(body, "data", "event")
    event = event if isinstance(event, dict) else {}
    rule = first_at(body, "data.triggered_rule", "data.issue_alert.title")
    return Notification(
        [
            NormalisedAlert(
                dedup_key=_issue_key(first_at(event, "issue_id", "groupID", "issue.id")),
                action=Action.TRIGGER,
                title=_title(event.get("title")),
                description=clean_text(first_at(event, "message", "logentry.formatted", "culprit")),
                severity_label=word(event.get("level")),
                labels=_tags(event) | labels_of(rule=rule, culprit=event.get("culprit")),
                links=links_of(sentry=event.get("web_url"), source=event.get("url")),
                started_at=moment(event.get("datetime")) or unix_moment(event.get("timestamp")),
            )
        ]
    )


def _tags(event: _Json) -> dict[str, str]:
    """Tags as labels; Sentry writes them as pairs, older ones as an object."""
    tags = event.get("tags")
    pairs = list(tags.items()) if isinstance(tags, dict) else tags
    named = {
        clean_text(pair[0], 200): pair[1]
        for pair in (pairs if isinstance(pairs, list) else [])[:LABEL_COUNT]
        if isinstance(pair, list | tuple) and len(pair) == 2
    }
    own = {name: event.get(name) for name in ("environment", "platform", "project", "release")}
    return labels_of(**named) | labels_of(**own)


def _read_metric(body: _Json) -> Notification:
    """A metric alert: critical, warning, or resolved."""
    found = value_at(body, "data", "metric_alert")
    alert = found if isinstance(found, dict) else {}
    key = first_at(alert, "id") or ":".join(
        clean_text(first_at(alert, path), 100) for path in ("alert_rule.id", "identifier")
    )
    if not bounded_key(key).strip(":"):
        raise IntakeError("no_key", "The body names no metric alert.")
    level = word(body.get("action"))
    is_over = level == "resolved"
    rule = first_at(alert, "alert_rule.name", "title")
    title = first_at(body, "data.description_title") or rule
    projects = alert.get("projects")
    return Notification(
        [
            NormalisedAlert(
                dedup_key=f"metric:{bounded_key(key)}",
                action=Action.RESOLVE if is_over else Action.TRIGGER,
                title=_title(title),
                description=clean_text(value_at(body, "data", "description_text")),
                severity_label="" if is_over else level,
                labels=labels_of(
                    rule=rule,
                    project=value_at(projects, 0),
                    environment=first_at(alert, "alert_rule.environment"),
                ),
                links=links_of(sentry=value_at(body, "data", "web_url")),
                started_at=moment(alert.get("date_started")),
                ended_at=moment(alert.get("date_closed")) if is_over else None,
            )
        ]
    )


def _read_issue(body: _Json, options: Options) -> Notification:
    """What people and Sentry do to an issue; by itself it fires only where that is wanted."""
    found = value_at(body, "data", "issue")
    issue = found if isinstance(found, dict) else {}
    key = _issue_key(issue.get("id"))
    action = word(body.get("action"))
    actor = clean_text(value_at(body, "actor", "name"), 200)
    if action in ("resolved", "archived", "ignored"):
        text = f"{action.capitalize()} in Sentry"
        ended = NormalisedAlert(key, Action.RESOLVE, text=text, actor=actor)
        return Notification([ended])
    if action == "assigned":
        to = clean_text(first_at(issue, "assignedTo.name", "assignedTo.email"), 200)
        note = NormalisedNote(key, f"Assigned to {to or 'somebody'} in Sentry", actor)
        return Notification(notes=[note])
    if action not in ("created", "unresolved") or not options.issues_fire:
        return Notification(remark=f"An issue was {action or 'changed'}, which asks for nothing.")
    return Notification(
        [
            NormalisedAlert(
                dedup_key=key,
                action=Action.TRIGGER,
                title=_title(issue.get("title")),
                description=clean_text(issue.get("culprit")),
                severity_label=word(issue.get("level")),
                labels=labels_of(
                    project=first_at(issue, "project.slug", "project.name"),
                    platform=issue.get("platform"),
                    issue=issue.get("shortId"),
                ),
                links=links_of(sentry=first_at(issue, "web_url", "permalink")),
                started_at=moment(issue.get("lastSeen")),
            )
        ]
    )


def _read_comment(body: _Json) -> Notification:
    if body.get("action") != "created":
        return Notification(remark="A comment was changed, which asks for nothing.")
    key = _issue_key(value_at(body, "data", "issue_id"))
    text = clean_text(value_at(body, "data", "comment"), TEXT_LENGTH)
    return Notification(
        notes=[NormalisedNote(key, text, clean_text(value_at(body, "actor", "name"), 200))]
    )


def _read_plugin(body: _Json) -> Notification:
    """The older WebHooks plugin of a project: flat, and about an event of an issue."""
    event = body.get("event")
    event = event if isinstance(event, dict) else {}
    rules = body.get("triggering_rules")
    return Notification(
        [
            NormalisedAlert(
                dedup_key=_issue_key(body.get("id")),
                action=Action.TRIGGER,
                title=_title(
                    first_at(event, "title") or body.get("message") or body.get("culprit")
                ),
                description=clean_text(body.get("message")),
                severity_label=word(body.get("level")),
                labels=_tags(event)
                | labels_of(
                    project=first_at(body, "project_slug", "project"),
                    culprit=body.get("culprit"),
                    rule=value_at(rules, 0),
                ),
                links=links_of(sentry=body.get("url")),
                started_at=unix_moment(event.get("timestamp")),
            )
        ]
    )


def _title(text: object) -> str:
    return clean_text(clean_text(text, TEXT_LENGTH).strip() or "Alert without a name", TITLE_LENGTH)


_READERS: dict[str, Callable[[_Json], Notification]] = {
    "event_alert": _read_event,
    "metric_alert": _read_metric,
    "comment": _read_comment,
    "plugin": _read_plugin,
}


def sample(at: datetime) -> Envelope:
    event = {
        "issue_id": "trial",
        "title": "A trial alert",
        "level": "warning",
        "datetime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "tags": [["environment", "trial"]],
    }
    body = {"action": "triggered", "data": {"event": event, "triggered_rule": "Trial"}}
    headers = {RESOURCE: "event_alert"}
    return Envelope(json.dumps(body).encode(), "application/json", headers)


ADAPTER = Adapter(
    kind="sentry",
    label="Sentry",
    check=check,
    read=read,
    sample=sample,
    kept_headers=(RESOURCE,),
    secret="Client secret",  # noqa: S106 (the name of the field in Sentry)
    options=Options,
    guide=Guide(
        steps=(
            "In Sentry open Settings, Developer Settings, and create an internal integration with"
            " this address as its webhook URL and “Alert rule action” switched on: {url}",
            "Under its webhooks subscribe to issue: without it, alerts about issues never end."
            " Subscribe to comment if remarks should reach the timeline.",
            "Save it, and enter its client secret as this integration's secret.",
            "Add the integration as an action of your issue alerts and metric alerts.",
        ),
    ),
)
