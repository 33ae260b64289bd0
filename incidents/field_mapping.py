"""Which field of a message means what, for monitors that no adapter was written for.

What a person chose on the mapping screen comes first; what they left open is guessed from names
that monitors commonly use. A path that goes through the list in `each` stands for the same place in
every item of it: one message, several alerts. Pure: no ORM, no clock.
"""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from incidents import patterns
from incidents.document_paths import (
    MISSING,
    Leaf,
    Path,
    PathError,
    find,
    leaves,
    parse,
    write,
)
from incidents.intake.notification import (
    TITLE_LENGTH,
    Action,
    IntakeError,
    Link,
    NormalisedAlert,
    Notification,
    bounded_key,
    clean_labels,
    clean_text,
    hashed_key,
    http_link,
    labels_of,
    moment,
    unix_moment,
    word,
)

ITEMS = 500
LINKS = 5
# Seconds since 1970 have ten digits until 2286; with more, they are milliseconds.
MILLISECONDS_FROM = 100_000_000_000

RESOLVED = (
    "resolved", "resolve", "ok", "okay", "up", "closed", "close", "recovered", "recovery",
    "recover", "normal", "healthy", "success", "succeeded", "passed", "cleared", "clear",
    "inactive", "green", "end", "ended", "fixed",
)  # fmt: skip
FIRING = ("firing", "alerting", "triggered", "trigger", "open", "opened", "active", "problem")
ACKNOWLEDGED = ("acknowledged", "acknowledge", "acknowledgement", "ack", "acked")

# Names by which monitors call things, best first, without case, dashes and underscores. A bare id
# is no key: often it is the message's, and another one when the alert ends.
GUESSES: dict[str, tuple[str, ...]] = {
    "title": ("title", "summary", "alertname", "alerttitle", "subject", "headline", "message",
              "name", "rulename", "monitorname", "checkname", "text", "msg", "description"),
    "key": ("fingerprint", "dedupkey", "dedupekey", "deduplicationkey", "alias", "incidentkey",
            "alertkey", "alertid", "alertuid", "monitorid", "checkid", "ruleid", "incidentid"),
    "state": ("status", "state", "alertstatus", "alertstate", "currentstate", "newstate",
              "eventaction", "eventtype", "transition", "action", "result"),
    "severity": ("severity", "priority", "level", "alertlevel", "urgency", "criticality",
                 "importance"),
    "service": ("service", "servicename", "application", "app", "component"),
    "description": ("description", "details", "body", "message", "reason", "text", "output"),
    "time": ("starttime", "startsat", "startedat", "firedat", "triggeredat", "occurredat",
             "timestamp", "time", "date", "createdat"),
}  # fmt: skip
END_NAMES = ("endtime", "endsat", "endedat", "resolvedat", "closedat")
# What tells alerts of one title apart, where nothing is a key (WIRE-FORMATS §13: not its times).
PLACES = ("service", "source", "host", "hostname", "instance", "environment",
          "gitlabenvironmentname", "monitoringtool")  # fmt: skip


class Pick(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One field of the message; with a `pattern`, only what matches, or its first group."""

    path: str = ""
    pattern: str = ""

    def __bool__(self) -> bool:
        return bool(self.path)


class FieldMapping(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a person chose. What is empty is guessed, message by message.

    `each` is the path of a list that holds one alert an item; "[]" is the message itself.
    `resolved` and `acknowledged` are the words of `state` that mean so, in lower case.
    """

    each: str = ""
    title: Pick = Pick()
    key: Pick = Pick()
    key_too: Pick = Pick()
    state: Pick = Pick()
    severity: Pick = Pick()
    service: Pick = Pick()
    description: Pick = Pick()
    time: Pick = Pick()
    link: Pick = Pick()
    resolved: list[str] = []
    acknowledged: list[str] = []


PICKS = (
    "title", "key", "key_too", "state", "severity", "service", "description", "time", "link",
)  # fmt: skip
WHOLE = "[]"


def faults(mapping: FieldMapping) -> dict[str, str]:
    """What is wrong with paths and patterns, by name ("title", "title_pattern").

    Empty for a mapping that can be used.
    """
    wrong: dict[str, str] = {}
    for name, text in [("each", mapping.each), *((n, getattr(mapping, n).path) for n in PICKS)]:
        try:
            if text and text != WHOLE:
                parse(text)
        except PathError as error:
            wrong[name] = str(error)
    for name in PICKS:
        try:
            patterns.check(getattr(mapping, name).pattern)
        except patterns.PatternError as error:
            wrong[f"{name}_pattern"] = f"This is no regular expression: {error}."
    return wrong


def read(document: object, mapping: FieldMapping) -> Notification:
    """The alerts of one message. What cannot be read of a list is named in `problems`."""
    items = _items(document, mapping)
    if items == [None]:
        return Notification(alerts=[alert_of(document, mapping)])
    notification = Notification(missing=max(0, len(items) - ITEMS))
    for number, item in enumerate(items[:ITEMS], start=1):
        try:
            notification.alerts.append(alert_of(document, mapping, item=item))
        except IntakeError as error:
            notification.problems.append(f"Alert {number}: {error.message}")
    return notification


def alert_of(
    document: object, mapping: FieldMapping, *, item: Path | None = None
) -> NormalisedAlert:
    """The alert of the message, or of one item of its list.

    Raises IntakeError if nothing in it says what it is about.
    """
    fields = Fields(document, mapping, item)
    action = fields.action
    title, at = fields.text("title"), fields.moment("time")
    key = fields.key or _own_key(fields, title)
    if not key:
        raise IntakeError(
            "no_title",
            "Nothing in it says what it is about. Choose its title and key on the mapping page of"
            " the integration, then retry it.",
        )
    return NormalisedAlert(
        dedup_key=key,
        action=action,
        title=clean_text(title.strip() or f"Alert {key}", TITLE_LENGTH),
        description=fields.description(title),
        severity_label=word(fields.text("severity")),
        labels=fields.labels,
        links=fields.links,
        started_at=at if action == Action.TRIGGER else None,
        ended_at=fields.ended_at if action == Action.RESOLVE else None,
    )


def _items(document: object, mapping: FieldMapping) -> list[Path | None]:
    """The paths of the alerts in the message; None alone for a message that is one alert."""
    if mapping.each:
        start: Path = () if mapping.each == WHOLE else _parsed(mapping.each)
        found = find(document, start)
        return _numbered(start, found) if isinstance(found, list) else [None]
    if isinstance(document, list):
        return _numbered((), document)
    listed = document.get("alerts") if isinstance(document, dict) else None
    if isinstance(listed, list) and any(isinstance(each, dict) for each in listed):
        return _numbered(("alerts",), listed)
    return [None]


def _numbered(start: Path, listed: list[Any]) -> list[Path | None]:
    return [(*start, number) for number in range(len(listed))]


def _parsed(text: str) -> Path:
    """Forms refuse what is no path. Were one stored all the same, no alert must be lost to it."""
    try:
        return parse(text)
    except PathError:
        return ("",)


def _own_key(fields: "Fields", title: str) -> str:
    """A key for a message that has none: what it is about, and where."""
    places = [fields.named(name) for name in PLACES]
    if not title.strip():
        return ""
    return hashed_key("\x1f".join([title, fields.text("service"), *places]))


def guesses(document: object, mapping: FieldMapping) -> dict[str, str]:
    """Where fields are guessed to stand in the (first) alert of this message, by their names."""
    fields = Fields(document, mapping, next(iter(_items(document, mapping)), None))
    return {name: leaf.written for name in GUESSES if (leaf := fields.guess(name))}


def plain_name(name: object) -> str:
    """`alert_name`, `alertName`, `Alert-Name`: all the same."""
    return str(name)[:100].lower().replace("_", "").replace("-", "").replace(" ", "")


class Fields:
    """One alert's fields: chosen ones, and guesses among the values of its item and its message."""

    def __init__(self, document: object, mapping: FieldMapping, item: Path | None) -> None:
        self.document = document
        self.mapping = mapping
        self.item = item or ()

    @cached_property
    def leaves(self) -> list[Leaf]:
        """The item's own values first, then those of the message around it."""
        if not self.item:
            return leaves(self.document)
        own = leaves(self.document, under=self.item)
        around = leaves(self.document)
        return own + [leaf for leaf in around if not self._is_of_an_item(leaf.path)]

    def _is_of_an_item(self, path: Path) -> bool:
        length = len(self.item)
        return len(path) >= length and path[: length - 1] == self.item[:-1]

    @cached_property
    def _by_name(self) -> dict[str, Leaf]:
        """By plain name, what stands highest; of the same height, what comes first."""
        best: dict[str, Leaf] = {}
        for leaf in self.leaves:
            if not leaf.path or leaf.value in (None, ""):
                continue
            # An element of a list goes by the list's name: fingerprint may be a list.
            names = [step for step in leaf.path if isinstance(step, str)]
            name = plain_name(names[-1]) if names else ""
            if name not in best or self._depth(leaf) < self._depth(best[name]):
                best[name] = leaf
        return best

    def _depth(self, leaf: Leaf) -> int:
        is_own = leaf.path[: len(self.item)] == self.item
        return len(leaf.path) - (len(self.item) if is_own else 0)

    # --- one field --------------------------------------------------------------------------------

    def chosen(self, name: str) -> str | None:
        """What stands where the mapping says; None if nothing was chosen, or nothing is there."""
        pick: Pick = getattr(self.mapping, name)
        if not pick:
            return None
        found = find(self.document, self._of_this_item(_parsed(pick.path)))
        if found is MISSING or found is None:
            return None
        text = _joined(found)
        if not pick.pattern:
            return text
        try:
            return patterns.part(pick.pattern, text)
        except patterns.PatternError:
            return text

    def _of_this_item(self, path: Path) -> Path:
        """The same place in this item, for a path that goes through the list."""
        length = len(self.item)
        is_through = length and len(path) >= length and path[: length - 1] == self.item[:-1]
        if is_through and isinstance(path[length - 1], int):
            return (*self.item, *path[length:])
        return path

    def guess(self, name: str) -> Leaf | None:
        """Where the field probably stands."""
        found = (self._by_name.get(candidate) for candidate in GUESSES.get(name, ()))
        return next((leaf for leaf in found if leaf), None)

    def text(self, name: str) -> str:
        """The field as it was chosen, or else guessed; empty if there is none.

        What was chosen and is not there is not guessed instead, but for the title: an alert without
        one helps nobody.
        """
        chosen = self.chosen(name)
        if chosen is not None or (getattr(self.mapping, name) and name != "title"):
            return clean_text(chosen)
        leaf = self.guess(name)
        return clean_text(leaf.value) if leaf else ""

    def named(self, name: str) -> str:
        leaf = self._by_name.get(name)
        return clean_text(leaf.value) if leaf else ""

    # --- what they make ---------------------------------------------------------------------------

    @cached_property
    def key(self) -> str:
        chosen = [text for name in ("key", "key_too") if (text := self.chosen(name))]
        if chosen:
            return bounded_key(":".join(chosen))
        leaf = self.guess("key")
        if leaf is None:
            return ""
        last = leaf.path[-1]
        whole = find(self.document, leaf.path[:-1]) if isinstance(last, int) else leaf.value
        return bounded_key(_joined(whole))

    @cached_property
    def action(self) -> Action:
        """What the state's word means; an end that is given ends it too. The rest is a problem."""
        resolved = self.mapping.resolved or RESOLVED
        acknowledged = self.mapping.acknowledged or ACKNOWLEDGED
        said = word(self.text("state"))
        if said in resolved:
            return Action.RESOLVE
        if said in acknowledged:
            return Action.ACKNOWLEDGE
        if self.mapping.state or said in FIRING:
            return Action.TRIGGER
        return Action.RESOLVE if self.ended_at else Action.TRIGGER

    @cached_property
    def ended_at(self) -> datetime | None:
        found = (moment_of(leaf.value) for name in END_NAMES if (leaf := self._by_name.get(name)))
        return next((at for at in found if at), None)

    def moment(self, name: str) -> datetime | None:
        if getattr(self.mapping, name):
            return moment_of(self.chosen(name))
        leaf = self.guess(name)
        return moment_of(leaf.value) if leaf else None

    def description(self, title: str) -> str:
        """Chosen, or the first likely text that is not the title already."""
        if self.mapping.description:
            return clean_text(self.chosen("description"))
        texts = (self.named(name) for name in GUESSES["description"])
        return next((text for text in texts if text and text != title), "")

    @cached_property
    def labels(self) -> dict[str, str]:
        """Every value by its path within the alert, so that rules can ask for any of them."""
        found = {
            write(self._within(leaf.path)) or "value": leaf.value
            for leaf in self.leaves
            if leaf.value not in (None, "")
        }
        return clean_labels(labels_of(service=self.text("service")) | found)

    def _within(self, path: Path) -> Path:
        length = len(self.item)
        return path[length:] if length and path[:length] == self.item else path

    @cached_property
    def links(self) -> list[Link]:
        if self.mapping.link:
            return [link for link in [http_link("Link", self.chosen("link"))] if link]
        found = (
            http_link(str(leaf.path[-1]), leaf.value)
            for leaf in self.leaves
            if leaf.path and isinstance(leaf.value, str) and leaf.value.startswith("http")
        )
        return [link for link in found if link][:LINKS]


def _joined(value: object) -> str:
    """A value as text; a list of plain values with commas between."""
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        return ",".join(clean_text(each, 1_000) for each in value[:100])
    return clean_text(value)


def moment_of(value: object) -> datetime | None:
    """A moment as monitors write it: RFC 3339, or seconds or milliseconds since 1970."""
    if isinstance(value, bool):
        return None
    text = clean_text(value, 60).strip()
    try:
        number = float(text)
    except ValueError:
        return moment(text)
    unit = timedelta(milliseconds=1 if abs(number) >= MILLISECONDS_FROM else 1000)
    found = unix_moment(number, unit=unit)
    # A number that is no moment (an id, a duration) must not become one.
    return found if found and found > datetime(2000, 1, 1, tzinfo=UTC) else None
