"""Nagios, Icinga 2 and Checkmk (WIRE-FORMATS §9): what their notification commands know.

None of them speaks HTTP by itself. `snippets/muster-notify.sh` posts for all three; its field names
are ours. Those of Checkmk's JSON, and the macros of Nagios by their own names, are understood too.
"""

import json
import re
from datetime import datetime
from typing import Any

from incidents.intake.adapter import Adapter, Guide, Snippet
from incidents.intake.bodies import check_by, parameters
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    Envelope,
    IntakeError,
    NormalisedAlert,
    NormalisedNote,
    Notification,
    bounded_key,
    clean_text,
    labels_of,
    links_of,
    unix_moment,
    word,
)
from incidents.intake.snippets import snippet

WHAT = "what our notification script sends"
# Ours first, then as Nagios' macros, Checkmk's variables and its JSON example have them.
NAMES = {
    "type": ("type", "notificationtype"),
    "host": ("host", "hostname"),
    "host_name": ("host_name", "hostalias", "hostdisplayname"),
    "service": ("service", "servicedesc", "servicedescription"),
    "service_name": ("service_name", "servicedisplayname"),
    "state": ("state", "servicestate", "hoststate", "status"),
    "output": ("output", "serviceoutput", "hostoutput"),
    "author": ("author", "notificationauthor", "serviceackauthor", "hostackauthor"),
    "comment": ("comment", "notificationcomment", "serviceackcomment", "hostackcomment"),
    "changed": ("changed", "lastservicestatechange", "laststatechange", "lasthoststatechange"),
    "address": ("address", "hostaddress"),
    "url": ("url", "serviceurl", "hosturl"),
    "site": ("site", "omdsite"),
    "event": ("event",),
}
SEVERITIES = {
    "critical": "critical",
    "down": "critical",
    "unreachable": "high",
    "warning": "medium",
    "unknown": "low",
}
GOOD = {"ok", "up"}
# A macro that does not apply here arrives as it was written.
UNRESOLVED = re.compile(r"\$[\w.]+\$")


def read(envelope: Envelope) -> Notification:
    fields = _fields(parameters(envelope, WHAT))
    if not fields["host"]:
        raise IntakeError("wrong_shape", f"It names no host. Send {WHAT}.")
    key = bounded_key("!".join(filter(None, (fields["host"], fields["service"]))))
    kind = re.sub(r"[^a-z]", "", word(fields["type"]).partition("(")[0])
    notification = Notification()
    if action := _action(kind, _state(fields)):
        notification.alerts.append(_alert(fields, key, action))
    if not action or kind.startswith(("downtime", "flapping")):
        notification.notes.append(NormalisedNote(key, _note(kind, fields), fields["author"]))
    return notification


def _fields(sent: dict[str, Any]) -> dict[str, str]:
    by_name = {_plain(name): clean_text(value).strip() for name, value in sent.items()}
    exact = {name: clean_text(value).strip() for name, value in sent.items()}

    def first(names: tuple[str, ...]) -> str:
        found = (exact.get(name) or by_name.get(name, "") for name in names)
        return next((text for text in found if text and not UNRESOLVED.fullmatch(text)), "")

    return {field: first(names) for field, names in NAMES.items()}


def _plain(name: str) -> str:
    """NOTIFY_HOSTNAME and NAGIOS_HOSTNAME, HOSTNAME, hostname: all the same."""
    plain = clean_text(name, 100).lower()
    plain = plain.removeprefix("notify_").removeprefix("nagios_")
    return plain.replace("_", "")


def _state(fields: dict[str, str]) -> str:
    """The state, or what Checkmk's "UP -> DOWN" arrived at."""
    arrived = fields["event"].rpartition("->")[2] if "->" in fields["event"] else ""
    return word(fields["state"] or arrived)


def _action(kind: str, state: str) -> Action | None:
    """What a notification asks for; None where it is only worth a note.

    While something flaps, or is in downtime, the monitor holds back its recovery: how it stands is
    then said only when that ends.
    """
    if kind == "problem":
        return Action.TRIGGER
    if kind == "recovery":
        return Action.RESOLVE
    if kind == "acknowledgement":
        return Action.ACKNOWLEDGE
    if kind in ("flappingstop", "flappingend", "flappingdisabled"):
        return Action.RESOLVE if state in GOOD else Action.TRIGGER
    if kind in ("downtimeend", "downtimeremoved", "downtimecancelled") and state in GOOD:
        return Action.RESOLVE
    if kind.startswith(("downtime", "flapping", "custom")):
        return None
    if state in GOOD:
        return Action.RESOLVE
    return Action.TRIGGER if state in SEVERITIES else None


def _alert(fields: dict[str, str], key: str, action: Action) -> NormalisedAlert:
    state = _state(fields)
    host = fields["host_name"] or fields["host"]
    service = fields["service_name"] or fields["service"]
    about = f"{service} on {host}" if service else host
    changed = unix_moment(fields["changed"])
    return NormalisedAlert(
        dedup_key=key,
        action=action,
        title=clean_text(f"{about} is {state.upper() or 'not well'}", TITLE_LENGTH),
        description=fields["output"],
        severity_label=SEVERITIES.get(state, ""),
        labels=labels_of(
            host=fields["host"],
            service=fields["service"],
            state=state.upper(),
            address=fields["address"],
            site=fields["site"],
        ),
        links=links_of(monitoring=fields["url"]),
        started_at=changed if action == Action.TRIGGER else None,
        ended_at=changed if action == Action.RESOLVE else None,
        text=fields["comment"],
        actor=fields["author"],
    )


def _note(kind: str, fields: dict[str, str]) -> str:
    said = {
        "downtimestart": "Its downtime began.",
        "downtimeend": "Its downtime ended.",
        "downtimeremoved": "Its downtime was cancelled.",
        "downtimecancelled": "Its downtime was cancelled.",
        "flappingstart": "It began to flap: the monitoring holds back further notifications.",
        "flappingstop": "It no longer flaps.",
        "flappingend": "It no longer flaps.",
        "flappingdisabled": "Watching for flapping was switched off.",
    }.get(kind, f"Notification {fields['type'] or 'without a type'}: {fields['output']}".strip())
    return clean_text(" ".join(filter(None, (said, fields["comment"]))))


def sample(at: datetime) -> Envelope:
    fields = {
        "type": "PROBLEM",
        "host": "web-1",
        "service": "Trial",
        "state": "WARNING",
        "output": "DISK WARNING - free space: / 1842 MB (9%)",
        "changed": str(int(at.timestamp())),
        "address": "192.0.2.10",
    }
    return Envelope(json.dumps(fields).encode(), "application/json")


ADAPTER = Adapter(
    kind="nagios",
    label="Nagios, Icinga 2, Checkmk",
    check=check_by(read),
    read=read,
    sample=sample,
    guide=Guide(
        steps=(
            "On the monitoring server save the script below as /usr/local/bin/muster-notify. It"
            " needs curl, flock (util-linux) and awk.",
            "Let only the user whom the monitoring runs as read it, and give it a folder: see"
            " “Permissions”.",
            "Try it as that user: muster-notify -t PROBLEM -l trial -s WARNING -o trial, then"
            " muster-notify -f",
            "Nagios: add the objects below to its configuration, add the contact muster to your"
            " contact group, and reload Nagios.",
            "Icinga 2: save the objects below as /etc/icinga2/conf.d/muster.conf and reload it.",
            "Checkmk: save the script as local/share/check_mk/notifications/muster in the site, and"
            " add a notification rule with the method “Muster”.",
            "What cannot be sent waits in the folder and follows in order. After a restart of the"
            " server the next notification takes it along; a line in cron does it sooner.",
        ),
        snippets=(
            Snippet("muster-notify", snippet("muster-notify.sh")),
            Snippet(
                "Permissions",
                """\
chown root:nagios /usr/local/bin/muster-notify
chmod 750 /usr/local/bin/muster-notify
install -d -o nagios -g nagios -m 700 /var/spool/muster-notify
echo '* * * * * nagios /usr/local/bin/muster-notify -f 2>/dev/null' > /etc/cron.d/muster-notify""",
                "Icinga 2 runs as nagios on Debian and as icinga elsewhere.",
            ),
            Snippet(
                "Nagios",
                snippet("nagios.cfg"),
                "Only macros that Nagios cleans are used; others reach the shell as they are.",
            ),
            Snippet("Icinga 2", snippet("icinga2.conf")),
        ),
    ),
)
