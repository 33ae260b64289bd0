"""Reports of people, by a form behind a secret address or from a help desk's webhook (R176, R177).

`/report/<key>/` is the form. What is posted to `/ingest/<key>/` as JSON is a report as well, so
that a support tool can send each ticket that sounds like an outage.
"""

import json
from datetime import datetime

from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.notification import (
    TITLE_LENGTH,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    NormalisedReport,
    Notification,
    clean_text,
    http_link,
    record,
    word,
)

WANTED = 'a JSON object with at least a "title"'
MOST_CUSTOMERS = 10**9


def check(envelope: Envelope) -> Glance:
    _title(record(envelope.body, WANTED))
    return Glance(Importance.FIRING)


def read(envelope: Envelope) -> Notification:
    body = record(envelope.body, WANTED)
    ticket = http_link("Ticket", body.get("ticket_url"))
    report = NormalisedReport(
        title=_title(body),
        text=clean_text(body.get("text")),
        is_from_customer=word(body.get("source")) != "individual",
        service=clean_text(body.get("service"), 100).strip(),
        customers=_count(body.get("customers")),
        ticket_url=ticket.url[:500] if ticket else "",
        reporter=clean_text(body.get("reporter"), 200).strip() or "Help desk",
        email=clean_text(body.get("email"), 250).strip(),
    )
    return Notification(reports=[report])


def _title(body: dict[str, object]) -> str:
    title = clean_text(body.get("title"), TITLE_LENGTH).strip()
    if not title:
        raise IntakeError("no_title", "The report has no title. Say in a few words what is broken.")
    return title


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, 0), MOST_CUSTOMERS)
    return 0


def sample(at: datetime) -> Envelope:
    report = {
        "title": "Trial: invoices cannot be downloaded",
        "text": f"Sent at {at:%H:%M} UTC to see that reports arrive.",
        "source": "customer",
        "reporter": "Help desk",
    }
    return Envelope(json.dumps(report).encode(), "application/json")


ADAPTER = Adapter(
    kind="report",
    label="Report form and help desk",
    check=check,
    read=read,
    sample=sample,
    guide=Guide(
        steps=(
            "Give this address to everybody who may report that something is broken: "
            "{base}/report/{key}/ It needs no log-in, so treat it as a secret of the company.",
            "Or have your help desk post each ticket that sounds like an outage to {url}",
        ),
        snippets=(
            Snippet(
                "What a help desk posts",
                """\
{
  "title": "Invoices cannot be downloaded",
  "text": "What the customer wrote",
  "source": "customer",
  "service": "billing",
  "customers": 1,
  "ticket_url": "https://help.example.com/tickets/4711",
  "reporter": "Help desk",
  "email": "support@example.com"
}""",
                "Only the title is needed. Three customers' reports of one service within an hour "
                "open an incident.",
            ),
        ),
    ),
)
