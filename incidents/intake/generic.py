"""Any JSON or form: what no other adapter reads, by a mapping or by good guesses.

GitLab's own alert shape (WIRE-FORMATS §13) needs no mapping: title, description, start_time,
end_time, service, monitoring_tool, hosts, severity, fingerprint. A message that cannot be read is
set aside, and read again once its fields are mapped.
"""

import json
from datetime import datetime
from typing import Annotated

import msgspec

from incidents.field_mapping import FieldMapping
from incidents.field_mapping import read as read_mapped
from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.bodies import anything, check_by
from incidents.intake.notification import Envelope, IntakeError, Notification

WHAT = "a JSON object about one alert, or a list of them"


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """What its fields mean. Chosen on the mapping page, where a sample shows what comes of it."""

    mapping: Annotated[FieldMapping, msgspec.Meta(extra={"has_own_page": True})] = FieldMapping()


def read(envelope: Envelope) -> Notification:
    return read_mapped(anything(envelope, WHAT), mapping_of(envelope))


def mapping_of(envelope: Envelope) -> FieldMapping:
    """The mapping among the integration's options; one that is damaged is refused in words."""
    try:
        return msgspec.convert(envelope.options.get("mapping") or {}, FieldMapping)
    except msgspec.ValidationError:
        raise IntakeError(
            "wrong_mapping", "The mapping of this integration is damaged. Save it once more."
        ) from None


def sample(at: datetime) -> Envelope:
    body = {
        "title": "A trial alert",
        "description": "Sent to try the way.",
        "status": "firing",
        "severity": "medium",
        "service": "checkout",
        "host": "web-1",
        "fingerprint": "trial",
        "start_time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "url": "https://monitoring.example.com/alerts/1",
    }
    return Envelope(json.dumps(body).encode(), "application/json")


ADAPTER = Adapter(
    kind="generic",
    label="Any JSON",
    check=check_by(read),
    read=read,
    sample=sample,
    methods=("POST", "PUT"),
    options=Options,
    guide=Guide(
        steps=(
            "Let your tool post JSON (or a form) to {url} when something is wrong, and again when"
            " it is over.",
            "Common names are understood as they are: title or summary, status or state, severity,"
            " service, description, fingerprint, start_time, end_time.",
            "For anything else open “Map fields”: choose a message that arrived, and say which of"
            " its fields is what.",
        ),
        snippets=(
            Snippet(
                "Something is wrong",
                """\
curl -sS -H 'Content-Type: application/json' {url} -d '{
  "title": "Checkout answers slowly", "status": "firing", "severity": "high",
  "service": "checkout", "fingerprint": "checkout-latency"
}'""",
            ),
            Snippet(
                "It is over",
                """\
curl -sS -H 'Content-Type: application/json' {url} -d '{
  "title": "Checkout answers slowly", "status": "resolved", "fingerprint": "checkout-latency"
}'""",
                "The same fingerprint; without one, the same title, service and host.",
            ),
        ),
    ),
)
