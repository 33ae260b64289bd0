"""What the coverage watch has to say: findings in a digest, and time off beside on-call shifts."""

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from comms.content import Content
from comms.notices.registry import words_for
from comms.rendering import escape_markdown
from roster.coverage.advice import ADVICE, by_kind, calendar_link, link_of
from roster.models import CoverageFinding, Notice, NoticeKind, Person, QualificationGrant
from roster.replacements import replacements

# Of each kind in a message; the rest is counted, and the list shows all.
SHOWN = 8
OFFERED = 5  # people who could stand in


@words_for(NoticeKind.COVERAGE_FINDINGS)
def digest(notice: Notice) -> Content | None:
    """What still stands of what was new, the worst first; None if nothing is left of it."""
    rows = list(
        CoverageFinding.objects.standing()
        .filter(pk__in=notice.data["findings"])
        .select_related("schedule", "person")
    )
    grants = QualificationGrant.objects.filter(pk__in=notice.data["expiring"])
    expiring = list(grants.select_related("person", "qualification").order_by("expires_on", "pk"))
    if not rows and not expiring:
        return None
    parts = ["The coverage watch looked at the next 30 days and found something new."]
    for kind, found in by_kind(rows):
        parts.append(f"**{kind.label}.** {ADVICE[kind]}")
        parts.append("\n".join(_lines(found, notice.person)))
    if expiring:
        parts.append("**Qualifications that end soon.** Renew them, or find somebody else.")
        parts.append("\n".join(_ending(grant) for grant in expiring))
    url = reverse("admin:roster_coveragefinding_changelist")
    parts.append(f"[All findings]({settings.PUBLIC_URL}{url})")
    return Content(_subject(rows, expiring), "\n\n".join(parts))


@words_for(NoticeKind.TIME_OFF_CONFLICT)
def time_off_conflict(notice: Notice) -> Content | None:
    """Who is away while on call, and who could stand in. None if it is settled meanwhile."""
    finding = (
        CoverageFinding.objects.standing()
        .filter(pk=notice.data["finding"])
        .select_related("schedule", "person")
        .first()
    )
    if not finding or not finding.schedule or not finding.person or not finding.starts_at:
        return None
    is_own = finding.person == notice.person
    who = "You are" if is_own else f"{escape_markdown(finding.person.name)} is"
    name = escape_markdown(finding.schedule.name)
    when = _span(finding, notice.person)
    parts = [f"{who} on call for {name} {when}, and away at that time."]
    if finding.ends_at:
        free = replacements(finding.schedule, finding.starts_at, finding.ends_at)
        parts.append(_who_could(free, is_own=is_own))
    else:
        parts.append("Find somebody who takes it.")
    parts.append(f"[Calendar of {name}]({settings.PUBLIC_URL}{calendar_link(finding)})")
    subject = f"{'You are' if is_own else f'{finding.person} is'} on call during time off"
    return Content(f"{subject}: {finding.schedule}", "\n\n".join(parts))


@words_for(NoticeKind.QUALIFICATION_EXPIRES)
def qualification_expires(notice: Notice) -> Content | None:
    grants = QualificationGrant.objects.select_related("qualification")
    grant = grants.filter(pk=notice.data["grant"]).first()
    if grant is None or grant.expires_on is None:
        return None
    name = grant.qualification.name
    return Content(
        f"Your qualification “{name}” ends on {grant.expires_on:%-d %B %Y}",
        f"“{escape_markdown(name)}” is yours until {grant.expires_on:%A %-d %B %Y}. From then on "
        "you are not offered for what asks for it.\n\nAsk your roster editor or team lead how to "
        "renew it; they have been told too.",
    )


def _subject(rows: list[CoverageFinding], expiring: list[QualificationGrant]) -> str:
    if not rows:
        count = len(expiring)
        return f"{count} qualification{'s' if count > 1 else ''} will expire soon"
    [(kind, first), *others] = by_kind(rows)
    if len(rows) == 1:
        about = first[0].schedule or first[0].text
        return f"Coverage: {kind.label.lower()}, {about}"
    more = f" and {len(rows) - len(first)} more" if others else ""
    return f"Coverage: {kind.label.lower()} ({len(first)}){more}"


def _lines(rows: list[CoverageFinding], person: Person) -> Iterable[str]:
    for row in rows[:SHOWN]:
        text = escape_markdown(row.text)
        when = f" From{span.removeprefix('from')}." if (span := _span(row, person)) else ""
        link = link_of(row)
        yield f"- {text}{when}" + (f" [Show]({settings.PUBLIC_URL}{link})" if link else "")
    if len(rows) > SHOWN:
        query = urlencode({"kind": rows[0].kind})
        url = f"{reverse('admin:roster_coveragefinding_changelist')}?{query}"
        yield f"- [and {len(rows) - SHOWN} more]({settings.PUBLIC_URL}{url})"


def _ending(grant: QualificationGrant) -> str:
    who, what = escape_markdown(grant.person.name), escape_markdown(grant.qualification.name)
    return f"- {who}: “{what}” until {grant.expires_on:%-d %b %Y}."


def _who_could(people: list[Person], *, is_own: bool) -> str:
    if not people:
        return "Nobody else of the rotation is free then. Ask outside it, or move the time off."
    *first, last = [escape_markdown(person.name) for person in people[:OFFERED]]
    names = f"{', '.join(first)} or {last}" if first else last
    how = "Offer them the shift." if is_own else "Ask one of them, or arrange a swap."
    return f"Free and qualified: {names}. {how}"


def _span(finding: CoverageFinding, person: Person) -> str:
    """From when to when, in the reader's zone; empty for what has no time."""
    zone = ZoneInfo(person.time_zone)
    if finding.starts_at is None:
        return ""
    begins = finding.starts_at.astimezone(zone)
    if finding.ends_at is None:
        return f"from {_moment(begins)} {begins:%Z} on"
    ends = finding.ends_at.astimezone(zone)
    end = f"{ends:%H:%M}" if ends.date() == begins.date() else _moment(ends)
    return f"from {_moment(begins)} to {end} {ends:%Z}"


def _moment(moment: datetime) -> str:
    return f"{moment:%a %-d %b %H:%M}"
