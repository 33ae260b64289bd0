"""Templates in Liquid, rendered in a closed engine: plain data in, text out.

A template can reach nothing but the values below: no objects of ours, no files, no other
templates, no arithmetic, no ranges. Whatever it does, it stops at `MAX_LOOP`, `MAX_OUTPUT`
and the depth limits, so that a bad template costs an error message and never a worker.

Variables. Every template may use

    now                        "2 Mar 2026, 10:00 UTC" (as are all times below)
    organisation               the host name people know us by
    incident.reference         "INC-142"                incident.title
    incident.url               the incident's page      incident.kind, .kind_name
    incident.phase             "diagnosing"             incident.phase_name "Diagnosing"
    incident.severity          "sev2"                   incident.severity_name "SEV2"
    incident.severity_meaning  what the severity says of itself
    incident.services          list of names; use `| join: ", "`
    incident.customer_impact   .summary  .workaround  .suspected_cause  .confirmed_cause
    incident.manager           who runs it, or empty    incident.runbook_url
    incident.detected_at       .declared_at  .restored_at  .impact_began_at  (or empty)
    incident.duration          "1 h 20 min", from start of impact until restored or now
    incident.bridge_url        .chat_url  .ticket_url

and, by the template's purpose

    page, resolved_itself      person.name, page.via, page.acknowledge_url, page.decline_url,
                               page.mine_url (all that waits for this person), page.reason (why
                               again, or why no longer; mostly empty),
                               page.labels (list of "name=value")
    request, released          person.name, request.purpose, .message, .requested_by, .reason,
                               .contact, .is_reminder, .acknowledge_url, .decline_url
    role                       person.name, role.name, .purpose, .checklist (list), .note
    declared, update           update.next_at (empty when it is the last), update.is_last,
                               update.number (1 for the first), update.author
    reminder                   person.name, promise.kind, .due_at, .minutes_late, .overdue
    invitation                 person.name, postmortem.reference, .title, .url, .owner, .due_on,
                               .review_at, .review_minutes, .expectation, .respond_url

What is empty is nil: `{% if incident.workaround %}` asks whether there is one, and
`{{ incident.manager | default: "not yet named" }}` has something to say when there is none.

A body is Markdown. Values are escaped where they are printed, so that an alert called
`[click](https://…)` stays those words and never becomes a link.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache, wraps
from typing import TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.content import Literal
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.filters import array, misc, string
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags import (
    assign_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.static_analysis import Variable
from liquid.stringify import to_liquid_string

MAX_SOURCE = 20_000  # characters of one template
MAX_OUTPUT = 60_000  # bytes of one message
MAX_VALUE = 20_000  # characters that one filter may return
MAX_LOOP = 500  # rounds of one loop, with those around it


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INCIDENT = _names(
    "reference title url kind kind_name phase phase_name severity severity_name severity_meaning"
    " services customer_impact summary workaround suspected_cause confirmed_cause manager"
    " runbook_url detected_at declared_at restored_at impact_began_at duration bridge_url"
    " chat_url ticket_url"
)
_PERSON = _names("name")
_PAGE = _names("via acknowledge_url decline_url mine_url reason labels")
_REQUEST = _names(
    "purpose message requested_by reason contact is_reminder acknowledge_url decline_url"
)
_ROLE = _names("name purpose checklist note")
_UPDATE = _names("next_at is_last number author")
_PROMISE = _names("kind due_at minutes_late overdue")
_POSTMORTEM = _names(
    "reference title url owner due_on review_at review_minutes expectation respond_url"
)

# What a value is: None for text, a set for the names inside it.
Variables = Mapping[str, frozenset[str] | None]

_EVERYWHERE: Variables = {"now": None, "organisation": None, "incident": _INCIDENT}
_BY_PURPOSE: Mapping[str, Variables] = {
    "page": {"person": _PERSON, "page": _PAGE},
    "resolved_itself": {"person": _PERSON, "page": _PAGE},
    "request": {"person": _PERSON, "request": _REQUEST},
    "released": {"person": _PERSON, "request": _REQUEST},
    "role": {"person": _PERSON, "role": _ROLE},
    "declared": {"update": _UPDATE},
    "update": {"update": _UPDATE},
    "reminder": {
        "person": _PERSON,
        "promise": _PROMISE,
    },
    "invitation": {"person": _PERSON, "postmortem": _POSTMORTEM},
}


def variables_for(purpose: str) -> Variables:
    """The names that a template of this purpose may use."""
    return {**_EVERYWHERE, **_BY_PURPOSE.get(purpose, {})}


class TemplateError(Exception):
    """A template could not be parsed or rendered. `line` is 1 for the first; 0 is not known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Problem:
    line: int
    message: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.message}" if self.line else self.message


# --- The engine ------------------------------------------------------------------------------


def escape_markdown(value: str) -> str:
    """Take from text what could open a link, an image or HTML in Markdown."""
    return re.sub(r"([\\\[<])", r"\\\1", value)


class _EscapingOutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        return buffer.write(escape_markdown(to_liquid_string(value, autoescape=False)))


class _EscapingOutput(Output):
    node_class = _EscapingOutputNode


def _bounded(function: Callable[..., object]) -> Callable[..., object]:
    """`function` with a limit on what it returns, so that filters in a row cannot grow text."""

    @wraps(function)  # also carries the marks by which the engine passes its environment
    def limited(*args: object, **kwargs: object) -> object:
        value = function(*args, **kwargs)
        if isinstance(value, str) and len(value) > MAX_VALUE:
            raise TemplateError(f"A value is longer than {MAX_VALUE:,} characters.")
        return value

    return limited


class _ClosedEnvironment(Environment):
    """Only the tags and filters named here exist; anything else is a problem with a line."""

    block_nesting_limit = 10
    context_depth_limit = 10
    loop_iteration_limit = MAX_LOOP
    local_namespace_limit = 4 * MAX_VALUE
    output_stream_limit = MAX_OUTPUT

    tag_classes = (
        Literal,
        Illegal,
        if_tag.IfTag,
        unless_tag.UnlessTag,
        case_tag.CaseTag,
        for_tag.ForTag,
        for_tag.BreakTag,
        for_tag.ContinueTag,
        assign_tag.AssignTag,
        comment_tag.CommentTag,
        inline_comment_tag.InlineCommentTag,
    )
    filter_functions: Mapping[str, Callable[..., object]] = {
        "append": string.append,
        "capitalize": string.capitalize,
        "default": misc.default,
        "downcase": string.downcase,
        "first": array.first,
        "join": array.join,
        "last": array.last,
        "prepend": string.prepend,
        "size": misc.size,
        "squish": string.squish,
        "strip": string.strip,
        "strip_newlines": string.strip_newlines,
        "truncate": string.truncate,
        "truncatewords": string.truncatewords,
        "upcase": string.upcase,
    }

    def __init__(self, output: type[Output]) -> None:
        self._output = output
        super().__init__()

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        self.add_tag(self._output)
        for tag in self.tag_classes:
            self.add_tag(tag)
        for name, function in self.filter_functions.items():
            self.add_filter(name, _bounded(function))


FILTERS = sorted(_ClosedEnvironment.filter_functions)
_BODY = _ClosedEnvironment(_EscapingOutput)
_SUBJECT = _ClosedEnvironment(Output)


@lru_cache(maxsize=256)
def _parsed(source: str, environment: _ClosedEnvironment) -> BoundTemplate:
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"The text is longer than {MAX_SOURCE:,} characters.")
    try:
        template = environment.from_string(source)
        _refuse_ranges(template)
    except (LiquidError, RecursionError) as error:
        raise _explained(error) from error
    return template


def _refuse_ranges(template: BoundTemplate) -> None:
    """Ranges such as `(1..999999999)` are the one way to make work that no data asks for."""
    static = RenderContext(template)
    for node in _nodes(template.nodes, static):
        if any(isinstance(part, RangeLiteral) for part in _parts(node.expressions())):
            raise LiquidError("ranges are not available", token=node.token)


def _nodes(nodes: Iterable[Node], static: RenderContext) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _nodes(node.children(static), static)


def _parts(expressions: Iterable[Expression]) -> Iterator[Expression]:
    for expression in expressions:
        yield expression
        yield from _parts(expression.children())


def _explained(error: Exception) -> TemplateError:
    if not isinstance(error, LiquidError):
        return TemplateError("The text is nested too deeply.")
    place = error.context() if error.token else None
    message = str(error.message or "cannot be read")
    return TemplateError(f"{message[:1].upper()}{message[1:]}.", place[0] if place else 0)


# --- What the rest of Muster calls -------------------------------------------------------------


def check(source: str, known: Variables) -> list[Problem]:
    """What is wrong with `source`: syntax, filters and tags, and names that are not `known`."""
    try:
        analysis = _parsed(source, _BODY).analyze(include_partials=False)
    except TemplateError as error:
        return [Problem(error.line, error.message)]
    problems = [
        Problem(
            _line(source, span.index), f"Unknown filter “{name}”. There are: {', '.join(FILTERS)}."
        )
        for name, spans in analysis.filters.items()
        for span in spans
        if name not in FILTERS
    ]
    for uses in analysis.globals.values():
        for variable in uses:
            if message := _unknown(variable, known):
                problems.append(Problem(_line(source, variable.span.index), message))
    return sorted(problems, key=lambda problem: problem.line)


def _line(source: str, index: int) -> int:
    return source.count("\n", 0, index) + 1


def _unknown(variable: Variable, known: Variables) -> str:
    """A sentence when the name is not one a template may use, else nothing."""
    root, *rest = variable.segments
    if root not in known:
        return _not_known(str(root), known)
    names = known[str(root)]
    if not rest or names is None or rest[0] in names:
        return ""
    return _not_known(f"{root}.{rest[0]}", [f"{root}.{name}" for name in names])


def _not_known(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.75)
    hint = f"Did you mean “{near[0]}”?" if near else f"There are: {', '.join(sorted(known))}."
    return f"Unknown variable “{name}”. {hint}"


@dataclass(frozen=True)
class Rendered:
    subject: str
    body: str  # Markdown


def render(subject: str, body: str, context: Mapping[str, object]) -> Rendered:
    """Fill a template's subject and body from plain data. Raises TemplateError."""
    heading = " ".join(_filled(subject, _SUBJECT, context).split())
    return Rendered(heading, _filled(body, _BODY, context).strip())


def _filled(source: str, environment: _ClosedEnvironment, context: Mapping[str, object]) -> str:
    template = _parsed(source, environment)
    plain = {name: _plain(value) for name, value in context.items()}
    try:
        return template.render(**plain)
    except (LiquidError, RecursionError) as error:
        raise _explained(error) from error


def _plain(value: object) -> object:
    """Text, numbers, lists and dicts only: an object of ours is its text, what is empty is nil."""
    match value:
        case bool() | int():
            return value
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case None | "":
            return None
    return str(value)
