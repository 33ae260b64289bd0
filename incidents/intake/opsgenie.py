"""Opsgenie's Alert API, heartbeats, and the creation of incidents (WIRE-FORMATS §4).

https://docs.opsgenie.com/docs/alert-api

A client of Opsgenie works here with another base address and a key of ours. An alert's key is its
alias, or where it has none the id we make. Ids are made from keys and back (`alert_id_of`), so that
what we answer is what a client may close by. What the vendor does and we leave to people (snoozing,
assigning, escalating by request) becomes a note on the incident. The vendor's length of messages is
not held: it would cost an alert, and only cuts a title.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID, uuid4

from incidents.intake.adapter import Adapter, Answer, Door, Guide, Snippet, answer, bearer
from incidents.intake.details import split_details
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedAlert,
    NormalisedNote,
    Notification,
    Ping,
    bounded_key,
    clean_text,
    hashed_key,
    http_link,
    labels_of,
    links_of,
    record,
    word,
)

KIND = "opsgenie"
ALERTS = "v2/alerts"
HEARTBEATS = "v2/heartbeats"
INCIDENTS = "v1/incidents/create"

ALIAS_LENGTH = 512
PRIORITIES = ("p1", "p2", "p3", "p4", "p5")
PRIORITY_NOT_GIVEN = "p3"
# Before a key that is written as an id; ids without it are keys themselves.
ENCODED = "k-"
# What `read` must know again: the method is not stored with an event, and a receipt is.
METHOD, RECEIPT = "method", "receipt"

CREATE, CREATE_INCIDENT, PING, DELETE = "create", "create_incident", "ping", "delete"
# The calls below an alert, and how a request's status names them.
VERBS = {
    "close": "Close",
    "acknowledge": "Acknowledge",
    "unacknowledge": "UnAcknowledge",
    "snooze": "Snooze",
    "escalate": "EscalateToNext",
    "assign": "AssignOwnership",
    "responders": "AddResponder",
    "notes": "AddNote",
    "tags": "AddTags",
    "details": "AddDetails",
    "actions": "ExecuteCustomAction",
    "message": "UpdateMessage",
    "description": "UpdateDescription",
    "priority": "UpdatePriority",
}
ACTION_NAMES = VERBS | {CREATE: "Create", DELETE: "Delete"}
HEARTBEAT = re.compile(rf"{HEARTBEATS}/(?P<name>.+)/ping", re.DOTALL)
BELOW_ALERT = re.compile(rf"(?P<id>.+)/(?P<verb>{'|'.join(VERBS)})(?:/(?P<name>[^/]+))?", re.DOTALL)

type Record = dict[str, Any]  # Any: JSON of the sender's


@dataclass(frozen=True)
class Call:
    """What was called: `what` is a verb or one of the constants above."""

    what: str
    identifier: str = ""
    name: str = ""
    is_removal: bool = False
    query: Mapping[str, list[str]] = field(default_factory=dict)


def call_of(envelope: Envelope) -> Call:
    """What this request calls. Raises IntakeError for what Muster does not know."""
    path, query = _split(envelope.call)
    method = envelope.headers.get(METHOD) or envelope.method
    if path in ("", ALERTS) and method == "POST":
        return Call(CREATE)
    if path == INCIDENTS and method == "POST":
        return Call(CREATE_INCIDENT)
    if pinged := HEARTBEAT.fullmatch(path):
        return Call(PING, pinged["name"])
    below = path.removeprefix(f"{ALERTS}/")
    if below != path and method not in ("GET", "HEAD"):
        is_removal = method == "DELETE"
        if found := BELOW_ALERT.fullmatch(below):
            name = found["name"] or ""
            return Call(found["verb"], found["id"], name, is_removal, parse_qs(query))
        if is_removal:
            return Call(DELETE, below, query=parse_qs(query))
    raise IntakeError(
        "not_found",
        "Muster does not know this call of Opsgenie's API. Alerts can be created, closed,"
        " acknowledged and added to, heartbeats pinged, incidents created.",
        status=404,
    )


def _split(call: str) -> tuple[str, str]:
    """Path and query. An alias may have a question mark of its own, and a slash after it."""
    path, mark, query = call.rpartition("?")
    if not mark or "/" in query:
        path, query = call, ""
    return path.strip("/"), query


# --- At the door ---------------------------------------------------------------------------------


def key_of(envelope: Envelope) -> str:
    return bearer(envelope, "geniekey")


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError with every field that is wrong. Each request gets a number to ask by."""
    call = call_of(envelope)
    body = _body(envelope)
    if errors := _errors(call, body):
        sentence = "Request body is not processable. Please check the errors."
        raise IntakeError("not_processable", sentence, status=422, errors=tuple(errors))
    assigned = {RECEIPT: str(uuid4()), METHOD: envelope.method}
    return Glance(_importance(call, body), assigned)


def _importance(call: Call, body: Record) -> Importance:
    if call.what in (CREATE, CREATE_INCIDENT):
        return Importance.CRITICAL if _priority(body) == "p1" else Importance.FIRING
    # It stops a telephone from ringing.
    return Importance.FIRING if call.what == "acknowledge" else Importance.LATER


def _errors(call: Call, body: Record) -> list[str]:
    """What is wrong, each as "field: what", the way `refused` takes them apart."""
    errors = []
    if call.what in (CREATE, CREATE_INCIDENT, "message") and not _text(body, "message"):
        errors.append("message: can not be empty")
    if call.what == CREATE_INCIDENT and not _text(body, "serviceId"):
        errors.append("serviceId: can not be empty")
    if call.what == "notes" and not _text(body, "note"):
        errors.append("note: can not be empty")
    if body.get("priority") and word(body["priority"]) not in PRIORITIES:
        errors.append("priority: should be one of [ P1, P2, P3, P4, P5 ]")
    if len(clean_text(body.get("alias"), ALIAS_LENGTH + 1)) > ALIAS_LENGTH:
        errors.append(f"alias: should not be longer than {ALIAS_LENGTH} characters")
    if call.query.get("identifierType") == ["tiny"]:
        errors.append("identifierType: Muster gives out no tiny ids; use alias, or id")
    return errors


def accepted(envelope: Envelope, glance: Glance) -> Answer:
    is_ping = call_of(envelope).what == PING
    said = "PONG - Heartbeat received" if is_ping else "Request will be processed"
    return reply(202, {"result": said}, request_id=glance.assigned[RECEIPT])


def reply(status: int, said: Mapping[str, object], *, request_id: str = "") -> Answer:
    """An answer in the vendor's shape, with its headers."""
    request_id = request_id or str(uuid4())
    document = dict(said) | {"took": 0.001, "requestId": request_id}
    headers = {"X-Request-Id": request_id, "X-RateLimit-State": "OK"}
    if status == 429:
        headers |= {
            "X-RateLimit-State": "THROTTLED",
            "X-RateLimit-Reason": "INTEGRATION",
            "X-RateLimit-Period-In-Sec": "60",
        }
    return answer(status, document, **headers)


def refused(error: IntakeError) -> Answer:
    said: Record = {"message": error.message}
    if error.errors:
        said["errors"] = dict(each.split(": ", 1) for each in error.errors)
    match error.code:
        case "unknown_key" | "integration_revoked" | "key_ended":
            return reply(401, {"message": f"Could not authenticate. {error.message}"})
        case "wrong_kind":
            return reply(403, said)
        case "wrong_shape":
            return reply(422, said)
    return reply(error.status, said)


def throttled(envelope: Envelope) -> IntakeError:
    return IntakeError("throttled", "You are making too many requests!", status=429)


# --- Reading -------------------------------------------------------------------------------------


def read(envelope: Envelope) -> Notification:
    call, body = call_of(envelope), _body(envelope)
    match call.what:
        case "ping":
            return Notification(pings=[Ping(clean_text(call.identifier, 200))])
        case "create" | "create_incident":
            return _created(call, body, envelope)
        case "close" | "delete":
            return Notification(alerts=[_about(call, body, Action.RESOLVE)])
        case "acknowledge":
            return Notification(alerts=[_about(call, body, Action.ACKNOWLEDGE)])
    note = NormalisedNote(key_in(call), _sentence(call, body), clean_text(body.get("user"), 200))
    return Notification(notes=[note])


def _created(call: Call, body: Record, envelope: Envelope) -> Notification:
    receipt = envelope.headers.get(RECEIPT)
    own = receipt or hashed_key(envelope.body.decode(errors="replace"))
    alert = _alert(body, own if call.what == CREATE_INCIDENT else _alias(body) or own)
    note = NormalisedNote(alert.dedup_key, _text(body, "note"), alert.actor)
    return Notification(alerts=[alert], notes=[note] if note.text else [])


def _alert(body: Record, key: str) -> NormalisedAlert:
    details = body.get("details")
    known = details if isinstance(details, dict) else {}
    named = labels_of(
        source=body.get("source"),
        entity=body.get("entity"),
        service=body.get("serviceId"),
        team=_responders(body, of_type="team"),
        responders=_responders(body),
        tags=_listed(body.get("tags")),
        priority=body.get("priority"),
    )
    labels, annotations = split_details(details, named)
    if isinstance(page := body.get("statusPageEntry"), dict):
        annotations |= labels_of(status_page_title=page.get("title"))
        annotations |= labels_of(status_page_detail=page.get("detail") or page.get("details"))
    source = http_link("Source", body.get("source"))
    runbook = links_of(runbook=known.get("runbook_url") or known.get("runbook"))
    return NormalisedAlert(
        dedup_key=key,
        action=Action.TRIGGER,
        title=clean_text(_text(body, "message"), TITLE_LENGTH),
        description=_text(body, "description"),
        severity_label=_priority(body),
        labels=labels,
        annotations=annotations,
        links=[*runbook, *([source] if source else [])],
        actor=clean_text(body.get("user"), 200),
    )


def _about(call: Call, body: Record, action: Action) -> NormalisedAlert:
    """A change of an alert that is there already: whoever did it, and what they said."""
    return NormalisedAlert(
        dedup_key=key_in(call),
        action=action,
        text=_text(body, "note"),
        actor=clean_text(body.get("user"), 200),
    )


def _sentence(call: Call, body: Record) -> str:
    """What was asked of the alert, as a note; with the note that came with it."""
    verb, note = call.what, _text(body, "note")
    match verb:
        case "notes":
            return note
        case "unacknowledge":
            said = "Asked to take the acknowledgement back, which Muster leaves to people."
        case "snooze":
            until = clean_text(body.get("endTime"), 60)
            said = f"Asked to snooze the alert until {until}, which Muster leaves to people."
        case "escalate":
            said = f"Asked to escalate to {_named(body.get('escalation'))}."
        case "assign":
            said = f"Asked to assign the alert to {_named(body.get('owner'))}."
        case "responders":
            said = f"Asked for another responder: {_named(body.get('responder'))}."
        case "actions":
            said = f"Action run: {clean_text(call.name, 200)}."
        case "tags" | "details":
            what = "removed" if call.is_removal else "added"
            said = f"{verb.capitalize()} {what}: {_given(call, body)}."
        case _:
            said = f"New {verb}: {_text(body, verb)}"
    return clean_text(f"{said} {note}".strip())


def _given(call: Call, body: Record) -> str:
    """The tags or details of this call; a removal has them in its query."""
    if call.is_removal:
        names = call.query.get("tags") or call.query.get("keys") or []
        return clean_text(", ".join(names), 1_000)
    found = body.get(call.what)
    if isinstance(found, dict):
        pairs = [
            f"{clean_text(name, 100)} = {clean_text(value, 200)}" for name, value in found.items()
        ]
        return clean_text(", ".join(pairs[:50]), 2_000)
    return _listed(found)


def _listed(values: object) -> str:
    if not isinstance(values, list):
        return clean_text(values, 1_000)
    return clean_text(", ".join(clean_text(value, 100) for value in values[:50]), 1_000)


def _responders(body: Record, *, of_type: str = "") -> str:
    found = body.get("responders")
    people = [each for each in (found if isinstance(found, list) else []) if isinstance(each, dict)]
    chosen = [each for each in people if not of_type or each.get("type") == of_type]
    return ", ".join(_named(each) for each in chosen[:50])


def _named(who: object) -> str:
    """Somebody, by whatever they are named with."""
    if not isinstance(who, dict):
        return clean_text(who, 200) or "somebody"
    found = who.get("name") or who.get("username") or who.get("id")
    return clean_text(found, 200) or "somebody"


def _priority(body: Record) -> str:
    return word(body.get("priority")) or PRIORITY_NOT_GIVEN


def _text(body: Record, name: str) -> str:
    return clean_text(body.get(name)).strip()


def _body(envelope: Envelope) -> Record:
    """The body's object; calls that need to say nothing come without one."""
    if not envelope.body.strip():
        return {}
    return record(envelope.body, "the request's JSON as Opsgenie's API has it")


# --- Keys and ids --------------------------------------------------------------------------------


def _alias(body: Record) -> str:
    return bounded_key(body.get("alias"))


def key_in(call: Call) -> str:
    """The dedup key of the alert that a call is about."""
    is_alias = call.query.get("identifierType") == ["alias"]
    return bounded_key(call.identifier if is_alias else _decoded(call.identifier))


def alert_id_of(key: str) -> str:
    """The id that we tell clients: from it alone `key_in` finds the key again."""
    if _is_uuid(key):
        return key
    return ENCODED + urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decoded(identifier: str) -> str:
    if not identifier.startswith(ENCODED):
        return identifier
    written = identifier.removeprefix(ENCODED)
    try:
        return urlsafe_b64decode(written + "=" * (-len(written) % 4)).decode()
    except ValueError:
        return identifier


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


# --- Trying and connecting it ---------------------------------------------------------------------


def sample(at: datetime) -> Envelope:
    alert = {
        "message": "A trial alert",
        "alias": "trial",
        "description": f"Sent at {at:%H:%M:%S}.",
        "priority": "P3",
        "source": "trial.example.com",
    }
    headers = {"authorization": "GenieKey {key}"}
    return Envelope(json.dumps(alert).encode(), "application/json", headers, call=ALERTS)


ADAPTER = Adapter(
    kind=KIND,
    label="Opsgenie Alert API",
    check=check,
    read=read,
    sample=sample,
    accepted=accepted,
    refused=refused,
    throttled=throttled,
    methods=("POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"),
    doors=(
        Door(ALERTS, key_of, ("POST", "PUT", "PATCH", "DELETE")),
        Door(HEARTBEATS, key_of, ("GET", "POST", "PUT", "PATCH", "HEAD")),
        Door(INCIDENTS, key_of),
    ),
    guide=Guide(
        address="{base}/v2/alerts",
        steps=(
            "For whatever sends to Opsgenie today: leave it as it is, and change two things.",
            "The address: {base} in place of https://api.opsgenie.com (or api.eu.opsgenie.com).",
            "The API key: {key}.",
            "Alerts are created, closed, acknowledged and added to, by alias or by the id that the"
            " status of a request gives. What the vendor's roster did (assigning, snoozing) is"
            " noted on the incident and left to people.",
        ),
        snippets=(
            Snippet(
                "Alertmanager: alertmanager.yml",
                """\
global:
  opsgenie_api_url: {base}/
  opsgenie_api_key: {key}""",
                "With opsgenie_configs as they are. Alertmanager's own webhook, an integration of"
                " kind Alertmanager, tells more: each alert on its own.",
            ),
            Snippet(
                "Grafana: a contact point, as a file of provisioning",
                """\
apiVersion: 1
contactPoints:
  - orgId: 1
    name: muster
    receivers:
      - uid: muster
        type: opsgenie
        settings:
          apiKey: {key}
          apiUrl: {url}""",
            ),
            Snippet(
                "Close the alert by its alias",
                "curl -X POST '{base}/v2/alerts/trial/close?identifierType=alias'"
                " -H 'Authorization: GenieKey {key}' -H 'Content-Type: application/json' -d '{}'",
            ),
            Snippet(
                "A heartbeat",
                "curl -X GET '{base}/v2/heartbeats/nightly-backup/ping'"
                " -H 'Authorization: GenieKey {key}'",
                "It is made by its first ping. How often it is expected is set on its own page.",
            ),
        ),
    ),
)
