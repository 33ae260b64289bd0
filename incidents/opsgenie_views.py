"""What Opsgenie's clients ask after: what became of a request (WIRE-FORMATS §4).

https://docs.opsgenie.com/docs/alert-api, "Get Request Status"
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.utils import timezone

from incidents.intake import Answer, Envelope, IntakeError, NormalisedAlert, opsgenie
from incidents.intake.notification import NormalisedNote
from incidents.models import Alert, AlertEvent, Integration

# Below the vendor's own address, or below the integration's.
REQUESTS = re.compile(r"/(?:ingest/(?P<key>[^/]+)/)?v2/alerts/requests/(?P<receipt>[^/]+)/?")
MARK = "/v2/alerts/requests/"


def lane_of(path: str) -> Callable[[WSGIRequest], HttpResponse] | None:
    """What answers this path past sessions and log-in, if it asks after a request."""
    if MARK not in path or not (found := REQUESTS.fullmatch(path)):
        return None
    return partial(request_status, key=found["key"] or "", receipt=found["receipt"])


def request_status(request: WSGIRequest, *, key: str, receipt: str) -> HttpResponse:
    """Answer the status of a request of the integration whose key is given, and of no other."""
    try:
        answer = _answer(request, key, receipt)
    except IntakeError as error:
        answer = opsgenie.refused(error)
    except (OperationalError, InterfaceError):
        sentence = "The database cannot tell at the moment. Ask again."
        answer = opsgenie.refused(IntakeError("unavailable", sentence, status=503))
    return HttpResponse(
        answer.body, status=answer.status, content_type=answer.content_type, headers=answer.headers
    )


def _answer(request: WSGIRequest, key: str, receipt: str) -> Answer:
    if request.method not in ("GET", "HEAD"):
        raise IntakeError("method_not_allowed", "Ask with GET.", status=405)
    now = timezone.now()
    integration = _integration(key or _key_of(request), at=now)
    try:
        events = AlertEvent.objects.filter(integration=integration, receipt=UUID(receipt))
    except ValueError:
        events = AlertEvent.objects.none()
    event = events.select_related("integration").first()
    if event is None or event.state == AlertEvent.State.RECEIVED:
        # The vendor's words; its clients ask again on 404.
        sentence = "Request not found. It might not be processed, yet."
        raise IntakeError("not_found", sentence, status=404)
    return opsgenie.reply(200, {"data": _status(event, at=now)}, request_id=receipt)


def _key_of(request: WSGIRequest) -> str:
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    return opsgenie.key_of(Envelope(b"", headers={"authorization": authorization}))


def _integration(key: str, *, at: datetime) -> Integration:
    active = Integration.objects.active().filter(kind=opsgenie.KIND)
    if found := active.with_key(key, at=at).first():
        return found
    raise IntakeError("unknown_key", "No Opsgenie integration has this key.", status=401)


def _status(event: AlertEvent, *, at: datetime) -> dict[str, object]:
    call = opsgenie.call_of(event.envelope())
    key = _dedup_key(event)
    is_done, status = _outcome(event, call.what, key)
    return {
        "success": is_done,
        "isSuccess": is_done,
        "action": opsgenie.ACTION_NAMES.get(call.what, call.what),
        "processedAt": _written(event.processed_at or event.received_at),
        "integrationId": event.integration.slug,
        "status": status,
        "alertId": opsgenie.alert_id_of(key) if is_done and key else "",
        "alias": key if is_done else "",
    }


def _outcome(event: AlertEvent, what: str, key: str) -> tuple[bool, str]:
    if event.state == AlertEvent.State.SET_ASIDE:
        return False, event.set_aside_reason
    alerts = Alert.objects.filter(integration=event.integration, dedup_key=key)
    if key and what not in (opsgenie.CREATE, opsgenie.CREATE_INCIDENT) and not alerts.exists():
        return False, "Alert does not exist"
    return True, "Created alert" if what == opsgenie.CREATE else "Request is processed"


def _dedup_key(event: AlertEvent) -> str:
    """The alert that the request was about; empty where it was about none."""
    try:
        said = opsgenie.read(event.envelope())
    except IntakeError:
        return ""
    about: list[NormalisedAlert | NormalisedNote] = [*said.alerts, *said.notes]
    return about[0].dedup_key if about else ""


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
