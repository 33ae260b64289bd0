"""PagerDuty's Events API, version 2 and version 1 (WIRE-FORMATS §1 and §1b).

https://developer.pagerduty.com/docs/events-api-v2-overview

A client of PagerDuty works here with another base address and an integration key of ours. Answers
are the vendor's to the word, since clients read them: 202 and nothing else is success in version 2,
Alertmanager logs `message` and `errors`, Zabbix shows the first of them. Limits of the vendor's
that guard a meaning are held (actions, severities, lengths); a link without an address is left out
and costs nobody the alert.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from incidents.intake.adapter import Adapter, Answer, Door, Guide, Snippet, answer
from incidents.intake.details import first_text, split_details
from incidents.intake.notification import (
    TEXT_LENGTH,
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    Link,
    NormalisedAlert,
    NormalisedChange,
    Notification,
    bounded_key,
    clean_text,
    document,
    hashed_key,
    http_link,
    labels_of,
    moment,
    word,
)

ENQUEUE = "v2/enqueue"
CHANGE = "v2/change/enqueue"
VERSION_1 = "generic/2010-04-15/create_event.json"

SUMMARY_LENGTH = 1024
DEDUP_KEY_LENGTH = 255
LINKS_KEPT = 20
# The vendor's words, and ours that mean the same: its "error" is one below the worst.
SEVERITIES = {"critical": "critical", "error": "high", "warning": "medium", "info": "info"}
# Under this name the door's answer and `read` find one and the same key.
DEDUP_KEY = "dedup_key"

INVALID = "Event object is invalid"
# Refusals of the door's own that are about the key; 403 would mean "too fast" in version 1.
ABOUT_THE_KEY = {"unknown_key", "integration_revoked", "key_ended", "wrong_kind"}

type Record = dict[str, Any]  # Any: JSON of the sender's


# --- At the door ---------------------------------------------------------------------------------


def key_of(envelope: Envelope) -> str:
    """The integration key that the body carries; older clients of the vendor's have a header."""
    name = "service_key" if _is_version_1(envelope) else "routing_key"
    key = _record(envelope.body).get(name) or envelope.headers.get("x-routing-key")
    if not isinstance(key, str) or not key.strip():
        raise IntakeError("invalid_event", INVALID, errors=(_missing(name),))
    return key.strip()


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError with every field that is wrong; give a trigger without a key a new one."""
    event = _event(envelope)
    if _is_change(envelope):
        return Glance(Importance.LATER, {DEDUP_KEY: str(uuid4())})
    key = clean_text(event.get(DEDUP_KEY), DEDUP_KEY_LENGTH).strip() or uuid4().hex
    return Glance(_importance(event), {DEDUP_KEY: key})


def _importance(event: Record) -> Importance:
    """Resolves may wait; an acknowledgement stops a telephone from ringing."""
    if word(event["event_action"]) == Action.RESOLVE:
        return Importance.LATER
    is_critical = word(_payload(event).get("severity")) == "critical"
    return Importance.CRITICAL if is_critical else Importance.FIRING


def accepted(envelope: Envelope, glance: Glance) -> Answer:
    if _is_change(envelope):
        return answer(202, {"status": "success", "message": "Change event processed"})
    key = glance.assigned[DEDUP_KEY]
    said = {"status": "success", "message": "Event processed"}
    if _is_version_1(envelope):
        return answer(200, said | {"incident_key": key})
    return answer(202, said | {"dedup_key": key})


def refused(error: IntakeError) -> Answer:
    match error.code:
        case "not_json" | "wrong_shape":
            what = "JSON parse error" if error.code == "not_json" else "Event is no JSON object"
            said = _said("Unrecognized object", "Event object format is unrecognized", what)
        case "throttled":
            said = {"status": "throttle exceeded", "message": error.message}
        case "invalid_event":
            said = _said("invalid event", error.message, *error.errors)
        case code if code in ABOUT_THE_KEY:
            said = _said("invalid event", INVALID, f"Invalid routing key. {error.message}")
            return answer(400, said)
        case _:
            said = _said(error.code.replace("_", " "), error.message, error.message)
    headers = {"Allow": "POST"} if error.status == 405 else {}
    return answer(error.status, said, **headers)


def _said(status: str, message: str, *errors: str) -> Record:
    return {"status": status, "message": message, "errors": list(errors)}


def throttled(envelope: Envelope) -> IntakeError:
    """Version 1 says "too fast" with 403; clients of both try again later."""
    sentence = "Requests for this service are arriving too quickly.  Please retry later."
    return IntakeError("throttled", sentence, status=403 if _is_version_1(envelope) else 429)


# --- Reading -------------------------------------------------------------------------------------


def read(envelope: Envelope) -> Notification:
    event = _event(envelope)
    assigned = envelope.headers.get(DEDUP_KEY, "")
    if _is_change(envelope):
        return Notification(changes=[_change(event, envelope.body, assigned)])
    key = bounded_key(event.get(DEDUP_KEY)) or bounded_key(assigned) or _hash_of(envelope.body)
    return Notification(alerts=[_alert(event, key)])


def _alert(event: Record, key: str) -> NormalisedAlert:
    payload = _payload(event)
    summary = clean_text(payload.get("summary")).strip()
    details = payload.get("custom_details")
    description = first_text(details, "description", "message", "body", "firing")
    if len(summary) > TITLE_LENGTH:
        description = clean_text(f"{summary}\n\n{description}".strip(), TEXT_LENGTH)
    severity = word(payload.get("severity"))
    named = {name: payload.get(name) for name in ("source", "component", "group", "class")}
    labels, annotations = split_details(
        details, labels_of(**named, severity=severity, client=event.get("client"))
    )
    return NormalisedAlert(
        dedup_key=key,
        action=Action(word(event["event_action"])),
        title=clean_text(summary, TITLE_LENGTH),
        description=description,
        severity_label=SEVERITIES.get(severity, ""),
        labels=labels,
        annotations=annotations,
        links=_links(event),
        started_at=_timestamp(payload.get("timestamp")),
    )


def _change(event: Record, body: bytes, assigned: str) -> NormalisedChange:
    """With a moment of its own the same body is the same change; without, each one is another."""
    payload = _payload(event)
    at = _timestamp(payload.get("timestamp"))
    details = payload.get("custom_details")
    labels, _ = split_details(details, labels_of(source=payload.get("source")))
    return NormalisedChange(
        key=_hash_of(body) if at or not assigned else assigned,
        title=clean_text(clean_text(payload.get("summary")).strip(), TITLE_LENGTH),
        environment=labels.get("environment", ""),
        source=labels.get("source", ""),
        actor=first_text(details, "user", "author", "actor")[:200],
        at=at,
        links=_links(event),
        labels=labels,
    )


def _hash_of(body: bytes) -> str:
    return hashed_key(body.decode(errors="replace"))


def _links(event: Record) -> list[Link]:
    found = [http_link(clean_text(event.get("client")) or "Source", event.get("client_url"))]
    found += [
        http_link(_label(each, "text"), each.get("href")) for each in _records(event, "links")
    ]
    for image in _records(event, "images"):
        found.append(http_link(_label(image, "alt", "Image"), image.get("src")))
        found.append(http_link(_label(image, "alt", "Behind the image"), image.get("href")))
    return list(dict.fromkeys(each for each in found if each))


def _label(link: Record, name: str, otherwise: str = "Link") -> str:
    return clean_text(link.get(name)).strip() or otherwise


def _records(event: Record, name: str) -> list[Record]:
    found = event.get(name)
    listed = found[:LINKS_KEPT] if isinstance(found, list) else []
    return [each for each in listed if isinstance(each, dict)]


# --- One shape for both versions ------------------------------------------------------------------


def _event(envelope: Envelope) -> Record:
    """The event in the shape of version 2. Raises IntakeError naming all that is wrong with it."""
    found = _record(envelope.body)
    if _is_version_1(envelope):
        errors = _errors(found, "event_type", "incident_key")
        if word(found.get("event_type")) == Action.TRIGGER:
            errors += _text_errors("description", found.get("description"), SUMMARY_LENGTH)
    elif _is_change(envelope):
        errors = _payload_errors(found, ("summary",))
    else:
        errors = _errors(found, "event_action", DEDUP_KEY)
        if word(found.get("event_action")) == Action.TRIGGER:
            errors += _payload_errors(found, ("summary", "source", "severity"))
    if errors:
        raise IntakeError("invalid_event", INVALID, errors=tuple(errors))
    return _as_version_2(found) if _is_version_1(envelope) else found


def _as_version_2(event: Record) -> Record:
    contexts = _records(event, "contexts")
    return {
        "event_action": event["event_type"],
        DEDUP_KEY: event.get("incident_key"),
        "payload": {"summary": event.get("description"), "custom_details": event.get("details")},
        "client": event.get("client"),
        "client_url": event.get("client_url"),
        "links": [each for each in contexts if each.get("type") == "link"],
        "images": [each for each in contexts if each.get("type") == "image"],
    }


def _record(body: bytes) -> Record:
    found = document(body, "one event of PagerDuty's Events API")
    if not isinstance(found, dict):
        raise IntakeError("wrong_shape", "The body is no JSON object.")
    return found


def _payload(event: Record) -> Record:
    payload = event.get("payload")
    return payload if isinstance(payload, dict) else {}


def _path(envelope: Envelope) -> str:
    return envelope.call.partition("?")[0].strip("/")


def _is_version_1(envelope: Envelope) -> bool:
    return _path(envelope) == VERSION_1


def _is_change(envelope: Envelope) -> bool:
    return _path(envelope) == CHANGE


# --- What is wrong with it ------------------------------------------------------------------------


def _errors(event: Record, action_name: str, key_name: str) -> list[str]:
    """What is wrong with the action, and with the key it needs."""
    action = word(event.get(action_name))
    errors = []
    if not action:
        errors.append(_missing(action_name))
    elif action not in list(Action):
        errors.append(_not_one_of(action_name, list(Action)))
    is_needed = action in (Action.ACKNOWLEDGE, Action.RESOLVE)
    return errors + _text_errors(
        key_name, event.get(key_name), DEDUP_KEY_LENGTH, is_required=is_needed
    )


def _payload_errors(event: Record, required: tuple[str, ...]) -> list[str]:
    if not isinstance(event.get("payload"), dict):
        return [_missing("payload") if not event.get("payload") else "'payload' must be an object"]
    payload = _payload(event)
    errors = []
    for name in ("summary", "source", "severity"):
        limit = SUMMARY_LENGTH if name == "summary" else TEXT_LENGTH
        errors += _text_errors(
            f"payload.{name}", payload.get(name), limit, is_required=name in required
        )
    severity = word(payload.get("severity"))
    if "severity" in required and severity and severity not in SEVERITIES:
        errors.append(_not_one_of("payload.severity", list(SEVERITIES)))
    if payload.get("timestamp") not in (None, "") and not _timestamp(payload["timestamp"]):
        errors.append(
            "'payload.timestamp' is invalid (must be a time in ISO 8601,"
            " such as 2026-03-02T10:00:00.000+0000)"
        )
    return errors


def _text_errors(name: str, value: object, limit: int, *, is_required: bool = True) -> list[str]:
    if isinstance(value, dict | list):
        return [f"'{name}' must be a string"]
    text = clean_text(value, limit + 1).strip()
    if not text:
        return [_missing(name)] if is_required else []
    is_long = len(text) > limit
    return [f"'{name}' is too long (maximum is {limit} characters)"] if is_long else []


def _missing(name: str) -> str:
    return f"'{name}' is missing or blank"


def _not_one_of(name: str, words: list[Any]) -> str:  # Any: enum members are words too
    *first, last = [f"'{each}'" for each in words]
    return f"'{name}' is invalid (must be one of the following: {', '.join(first)} or {last})"


def _timestamp(value: object) -> datetime | None:
    """ISO 8601 in the spellings that occur; the vendor's own client writes both offset and Z."""
    if isinstance(value, str):
        value = value.strip().replace("+00:00Z", "Z")
    return moment(value)


# --- Trying and connecting it ---------------------------------------------------------------------


def sample(at: datetime) -> Envelope:
    event = {
        "routing_key": "{key}",
        "event_action": "trigger",
        "dedup_key": "trial",
        "payload": {
            "summary": "A trial alert",
            "source": "trial.example.com",
            "severity": "warning",
            "timestamp": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000+0000",
        },
        "client": "Trial",
    }
    return Envelope(json.dumps(event).encode(), "application/json", call=ENQUEUE)


ADAPTER = Adapter(
    kind="pagerduty",
    label="PagerDuty Events API",
    check=check,
    read=read,
    sample=sample,
    accepted=accepted,
    refused=refused,
    throttled=throttled,
    doors=(Door(CHANGE, key_of), Door(ENQUEUE, key_of), Door(VERSION_1, key_of)),
    guide=Guide(
        address="{base}/v2/enqueue",
        steps=(
            "For whatever sends to PagerDuty today: leave it as it is, and change two things.",
            "The address: {base} in place of https://events.pagerduty.com. The whole address of"
            " alerts is {url}, that of changes {base}/v2/change/enqueue.",
            "The integration key (routing key, service key): {key}.",
        ),
        snippets=(
            Snippet(
                "Alertmanager: alertmanager.yml",
                """\
receivers:
  - name: muster
    pagerduty_configs:
      - url: {url}
        routing_key: {key}
        severity: '{{ or .CommonLabels.severity "error" }}'""",
                "Use routing_key: with service_key Alertmanager sends to PagerDuty itself, whatever"
                " address is set. Alertmanager's own webhook, an integration of kind Alertmanager,"
                " tells more: each alert on its own.",
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
        type: pagerduty
        settings:
          integrationKey: {key}
          url: {url}
          severity: critical""",
                "In the interface it is the contact point of type PagerDuty, URL among its optional"
                " settings.",
            ),
            Snippet(
                "Zabbix: media type PagerDuty",
                """\
# Alerts, Media types, PagerDuty: in the script, the line with events.pagerduty.com becomes
request.post('{url}',
# and its parameter token
token = {key}""",
                "The script asks for the answer 202 and the status success; both are given.",
            ),
            Snippet(
                "Python: the official client",
                """\
from pagerduty import EventsApiV2Client

client = EventsApiV2Client("{key}", base_url="{base}")
client.trigger("Disk is full", "db-1.example.com", severity="error")""",
                "The client insists on https.",
            ),
        ),
    ),
)
