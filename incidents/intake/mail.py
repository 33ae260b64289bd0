"""Mails as alerts (WIRE-FORMATS §14): what most older monitoring can send, and nothing else.

A mail has no key and no state, so both are read from the subject: the words for states are taken
out of it, and what is left tells alerts apart. An integration may say otherwise with patterns of
its own. Replies that programs write (RFC 3834) and bounces report nothing.
"""

import re
from datetime import datetime
from email.message import Message
from email.utils import format_datetime, parseaddr
from typing import Annotated

import msgspec

from incidents import patterns
from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.mail_text import header, parse, parse_headers, sent_at, text_of
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    Glance,
    Importance,
    IntakeError,
    Link,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_text,
    hashed_key,
    http_link,
    labels_of,
    word,
)

CONTENT_TYPE = "message/rfc822"
LINKS_KEPT = 3

# Words as subjects have them. Those of an end that also occur in bad news ("connection closed")
# count only before any word of a trouble. Short ones count in capitals: "look up" is no state.
OVER = ("resolved", "recovered", "cleared", "solved")
PERHAPS_OVER = ("recovery", "restored", "closed", "normal")
PERHAPS_OVER_IN_CAPITALS = ("OK", "UP")
FIRING = (
    "problem", "firing", "triggered", "critical", "crit", "warning", "warn", "failed", "failure",
    "error", "unreachable", "unknown", "disaster", "emergency",
)  # fmt: skip
FIRING_IN_CAPITALS = ("DOWN",)
# They say nothing of the state, and come and go with it.
NEUTRAL = ("alarm", "alert", "alerting")
SEVERITIES = (
    "disaster", "emergency", "fatal", "critical", "crit", "major", "minor", "warning", "warn",
    "p1", "p2", "p3", "p4", "p5", "sev1", "sev2", "sev3", "sev4", "sev5",
)  # fmt: skip
# Only as in "[high]" or "severity: high": a subject may well begin with "High CPU load".
MARKED_SEVERITIES = ("high", "average", "medium", "low", "error", "info", "information")

_REPLY = re.compile(r"(?i)^\s*(?:(?:re|fw|fwd|aw|wg|sv|vs|tr)\s*(?:\[\d+\])?:\s*)+")
# "OK -> CRITICAL", "OK → CRITICAL", "(OK => CRITICAL)": the state before is over.
_BEFORE = re.compile(r"\b[A-Za-z]+\s*(?:->|=>|→)\s*")
_LASTED = re.compile(r"(?i)\bin (?:\d+\s*[dhms]\s*)+(?=:)")
_URL = re.compile(r"https?://[^\s<>\"')\]]+")
_DMARC = re.compile(r"(?i)\bdmarc\s*=\s*([a-z]+)")


def _one_of(insensitive: tuple[str, ...], capitals: tuple[str, ...] = ()) -> re.Pattern[str]:
    exact = f"|{'|'.join(capitals)}" if capitals else ""
    return re.compile(
        rf"(?<![\w-])(?<!not )(?<!not be )(?:(?i:{'|'.join(insensitive)}){exact})(?![\w-])"
        r"(?!(?i:\s+(?:failed|failure|error)))"
    )


_OVER = _one_of(OVER)
_PERHAPS_OVER = _one_of(PERHAPS_OVER, PERHAPS_OVER_IN_CAPITALS)
_FIRING = _one_of(FIRING, FIRING_IN_CAPITALS)
_STATE = _one_of(
    (*OVER, *PERHAPS_OVER, *FIRING, *NEUTRAL, *SEVERITIES),
    (*PERHAPS_OVER_IN_CAPITALS, *FIRING_IN_CAPITALS),
)
_SEVERITY = _one_of(SEVERITIES)
_MARKED = re.compile(
    rf"(?i)(?:[\[(]|\b(?:severity|priority)\W{{1,3}})({'|'.join(MARKED_SEVERITIES)})\b"
)

type _Mail = Message[str, str]


class Options(msgspec.Struct, forbid_unknown_fields=True):
    key_pattern: Annotated[
        str,
        msgspec.Meta(
            title="Pattern of the key",
            description="A regular expression, looked for in the subject and then in the text. Its"
            " first group tells alerts apart. Empty: the subject without words for states.",
        ),
    ] = ""
    over_pattern: Annotated[
        str,
        msgspec.Meta(
            title="Pattern of an end",
            description="What it matches, in the subject or the text, is over. Empty: by words such"
            " as RESOLVED, RECOVERY, OK in the subject.",
        ),
    ] = ""
    severity_pattern: Annotated[
        str,
        msgspec.Meta(
            title="Pattern of the severity",
            description="Its first group is the word. Empty: by words such as CRITICAL in the"
            " subject.",
        ),
    ] = ""
    ignored_pattern: Annotated[
        str,
        msgspec.Meta(
            title="Pattern of what is ignored",
            description="Mails that it matches, in the subject or the text, report nothing.",
        ),
    ] = ""
    by_thread: Annotated[
        bool,
        msgspec.Meta(
            title="A thread is one alert",
            description="For monitors that answer their own first mail: told apart by what they"
            " answer instead of by the subject.",
        ),
    ] = False
    senders: Annotated[
        list[str],
        msgspec.Meta(
            title="Senders",
            description="Addresses, or domains as @example.com, one a line. Others are ignored."
            " Empty: everybody who knows the address.",
        ),
    ] = []

    def __post_init__(self) -> None:
        for pattern in (
            self.key_pattern,
            self.over_pattern,
            self.severity_pattern,
            self.ignored_pattern,
        ):
            patterns.check(pattern)


def check(envelope: Envelope) -> Glance:
    """Raise IntakeError for what is no mail. The subject alone decides what comes first."""
    subject = header(parse_headers(envelope.body), "Subject")
    is_over = _is_over(subject)
    return Glance(Importance.LATER if is_over else Importance.FIRING)


def read(envelope: Envelope) -> Notification:
    """The one alert of the mail, or a remark why it is none."""
    mail = parse(envelope.body)
    options = msgspec.convert(dict(envelope.options), Options)
    subject, text = header(mail, "Subject"), text_of(mail)
    sender = parseaddr(header(mail, "From"))[1].lower()
    if reason := _reports_nothing(mail, envelope) or _unwanted(options, sender, subject, text):
        return Notification(remark=reason)
    is_over = _is_over_by(options, subject, text)
    return Notification(
        [
            NormalisedAlert(
                dedup_key=_key(mail, options, subject, text),
                action=Action.RESOLVE if is_over else Action.TRIGGER,
                title=clean_text(_REPLY.sub("", subject) or "Mail without a subject", TITLE_LENGTH),
                description=text,
                severity_label="" if is_over else _severity(options, subject, text),
                labels=_labels(mail, sender),
                links=_links(text),
                started_at=None if is_over else sent_at(mail),
            )
        ]
    )


# --- What reports nothing ------------------------------------------------------------------------


def _reports_nothing(mail: _Mail, envelope: Envelope) -> str:
    """Why a mail is an automatic answer or a bounce; empty for any other.

    `auto-generated` is no answer: it is what well-behaved monitors call themselves.
    """
    is_reply = word(header(mail, "Auto-Submitted")).startswith("auto-replied")
    if is_reply or word(mail.get("Precedence")) == "auto_reply":
        return "An automatic reply, which reports nothing."
    if any(mail.get(name) for name in ("X-Autoreply", "X-Autorespond")):
        return "An automatic reply, which reports nothing."
    is_report = mail.get_content_type() == "multipart/report"
    is_bounce = is_report and word(mail.get_param("report-type")) == "delivery-status"
    if is_bounce or parseaddr(header(mail, "From"))[1].lower().startswith("mailer-daemon@"):
        return "A mail that could not be delivered came back; it reports nothing."
    return ""


def _unwanted(options: Options, sender: str, subject: str, text: str) -> str:
    allowed = [entry.lower() for entry in options.senders]
    if allowed and not any(
        sender.endswith(entry) if entry.startswith("@") else sender == entry for entry in allowed
    ):
        return f"The sender {clean_text(sender, 150) or '(none)'} is not among those allowed."
    if _found(options.ignored_pattern, subject, text) is not None:
        return "The integration's pattern says that such mails report nothing."
    return ""


# --- Key, state, severity ------------------------------------------------------------------------


def _found(pattern: str, *texts: str) -> str | None:
    """What the pattern's first group matches in the first text that it matches; None if nowhere."""
    if not pattern:
        return None
    try:
        return next(
            (found for text in texts if (found := patterns.part(pattern, text)) is not None), None
        )
    except patterns.PatternError as error:
        raise IntakeError(
            "bad_pattern", f"A pattern of this integration is wrong: {error}"
        ) from None


def _key(mail: _Mail, options: Options, subject: str, text: str) -> str:
    if given := (_found(options.key_pattern, subject, text) or "").strip():
        return bounded_key(given)
    if options.by_thread and (thread := _thread(mail)):
        return hashed_key(thread)
    if same := _stripped(subject):
        return bounded_key(same)
    return hashed_key(_stripped(text[:500]) or header(mail, "Message-ID"))


def _thread(mail: _Mail) -> str:
    """The id of the thread's first mail: its own, if it answers none."""
    for name in ("References", "In-Reply-To", "Message-ID"):
        if ids := header(mail, name).split():
            return ids[0]
    return ""


def _stripped(subject: str) -> str:
    """A subject without what differs between the mails about one alert."""
    text = _BEFORE.sub("", _REPLY.sub("", subject))
    text = _LASTED.sub("", text)
    text = re.sub(r"(?i)\b(firing|resolved):\s*\d+", r"\1", text)
    text = re.sub(r"[^\w./:@%-]+", " ", _STATE.sub(" ", text))
    return " ".join(part for part in text.lower().split() if part.strip(":-./"))


def _is_over_by(options: Options, subject: str, text: str) -> bool:
    if options.over_pattern:
        return _found(options.over_pattern, subject, text) is not None
    return _is_over(subject)


def _is_over(subject: str) -> bool:
    """Whether the words for states say so: `[RESOLVED] Host DOWN`, `RECOVERY: HTTP is OK`."""
    subject = _BEFORE.sub("", subject)
    if _OVER.search(subject):
        return True
    perhaps, firing = _PERHAPS_OVER.search(subject), _FIRING.search(subject)
    return bool(perhaps and (firing is None or perhaps.start() < firing.start()))


def _severity(options: Options, subject: str, text: str) -> str:
    if options.severity_pattern:
        return word(_found(options.severity_pattern, subject, text))
    subject = _BEFORE.sub("", subject)
    if marked := _MARKED.search(subject):
        return word(marked[1])
    found = _SEVERITY.search(subject)
    return word(found[0]) if found else ""


# --- The rest ------------------------------------------------------------------------------------


def _labels(mail: _Mail, sender: str) -> dict[str, str]:
    """Who sent it, and what our own mail server found of that: the topmost header is its."""
    dmarc = _DMARC.search(header(mail, "Authentication-Results"))
    return labels_of(
        sender=sender,
        sender_domain=sender.rpartition("@")[2],
        dmarc=dmarc[1].lower() if dmarc else "",
        list=header(mail, "List-Id"),
    )


def _links(text: str) -> list[Link]:
    urls = dict.fromkeys(found.rstrip(".,;:!?") for found in _URL.findall(text))
    names = ("Link", *(f"Link {number}" for number in range(2, LINKS_KEPT + 1)))
    found = (http_link(name, url) for name, url in zip(names, urls, strict=False))
    return [link for link in found if link]


def sample(at: datetime) -> Envelope:
    mail = (
        f"From: trial@example.com\r\nDate: {format_datetime(at)}\r\nMessage-ID: <trial@example.com>"
        "\r\nSubject: PROBLEM: A trial alert\r\n\r\nSent to try the way it goes.\r\n"
    )
    return Envelope(mail.encode(), CONTENT_TYPE)


ADAPTER = Adapter(
    kind="mail",
    label="E-mail",
    check=check,
    read=read,
    sample=sample,
    options=Options,
    guide=Guide(
        address="{key}@YOUR-MAIL-DOMAIN",
        steps=(
            "Have your mail server pass mail for one domain, such as muster.example.com, to"
            " Muster, in one of the ways below. Mails are then alerts when sent to {key}@ that"
            " domain: the key is the secret part of the address, in lower case.",
            "Send the monitor's mails there. One alert is told from another by the subject without"
            " words such as PROBLEM, RECOVERY or CRITICAL; the settings of this integration may say"
            " otherwise.",
            "A subject that begins with RESOLVED, RECOVERY, OK or the like ends the alert. Where"
            " nothing ever does, let alerts end by themselves after a while.",
        ),
        snippets=(
            Snippet(
                "A listener behind the mail server",
                "python manage.py receive_mail --listen 127.0.0.1:2525",
                "Started by `manage.py up` too, if MAIL_LISTEN is set to that address. It speaks"
                " plain SMTP and is meant for the mail server alone, never for the Internet.",
            ),
            Snippet(
                "Postfix: /etc/postfix/transport",
                "muster.example.com  smtp:[127.0.0.1]:2525",
                "And in main.cf: relay_domains = muster.example.com, transport_maps ="
                " hash:/etc/postfix/transport. Then run postmap and reload.",
            ),
            Snippet(
                "Or each mail by a pipe: /etc/postfix/master.cf",
                """\
muster  unix  -  n  n  -  4  pipe
  flags=Rq user=muster argv=/srv/muster/.venv/bin/python /srv/muster/manage.py
  receive_mail --to ${original_recipient}""",
                "With muster.example.com  muster: in the transport file. While the database is away"
                " Postfix keeps the mail and comes again.",
            ),
            Snippet(
                "Try it", "swaks --to {key}@muster.example.com --header 'Subject: PROBLEM: trial'"
            ),
        ),
    ),
)
