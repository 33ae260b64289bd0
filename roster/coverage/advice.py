"""What to do about a finding, and the page to do it on."""

from collections.abc import Callable, Iterable

from django.urls import reverse

from roster.models import CoverageFinding, FindingKind

ADVICE: dict[str, str] = {
    FindingKind.GAP: "Enter who covers it, or change the rotation.",
    FindingKind.UNREACHABLE: "Ask them to enter a contact method and verify it by its code.",
    FindingKind.TIME_OFF: "Arrange who takes the shift: a swap, or an override.",
    FindingKind.TWO_PRIMARIES: "Take them off one of the two, or make one a secondary schedule.",
    FindingKind.NO_REST: "Move one of the shifts to somebody else.",
    FindingKind.UNQUALIFIED: "Train or renew, give the shift to somebody else, or allow it with a "
    "reason.",
    FindingKind.SINGLE_PERSON: "Train a second person and add them to the rotation.",
    FindingKind.UNPRACTISED: "Send them a test page before their shift.",
    FindingKind.ROLE_UNCOVERED: "See on the readiness page what the role lacks.",
}

# Contact methods and test pages are on the page of the person.
_ON_THE_PERSON = (FindingKind.UNREACHABLE, FindingKind.UNPRACTISED)

type LinkOf = Callable[[CoverageFinding], str]

_links: dict[str, LinkOf] = {}


def register_link(kind: FindingKind, link: LinkOf) -> None:
    """Let another app say which page repairs a kind of finding that only it knows about."""
    _links[kind] = link


def link_of(finding: CoverageFinding) -> str:
    """The page on which it can be repaired: a path. No queries; empty where there is none."""
    if finding.kind in _links:
        return _links[finding.kind](finding)
    if finding.kind in _ON_THE_PERSON and finding.person_id:
        return reverse("admin:roster_person_change", args=[finding.person_id])
    return calendar_link(finding)


def calendar_link(finding: CoverageFinding) -> str:
    """The schedule's calendar at that moment."""
    if not finding.schedule_id:
        return ""
    url = reverse("admin:roster_schedule_calendar", args=[finding.schedule_id])
    return f"{url}?from={finding.starts_at:%Y-%m-%d}" if finding.starts_at else url


def in_order(findings: Iterable[CoverageFinding]) -> list[CoverageFinding]:
    """The worst kinds first, and of a kind the next first."""
    rank = {kind: number for number, kind in enumerate(FindingKind.values)}
    return sorted(
        findings,
        key=lambda each: (
            rank.get(each.kind, len(rank)),
            each.starts_at.timestamp() if each.starts_at else 0,
            each.pk,
        ),
    )


def by_kind(findings: Iterable[CoverageFinding]) -> list[tuple[FindingKind, list[CoverageFinding]]]:
    """The same in groups of one kind."""
    groups: dict[str, list[CoverageFinding]] = {}
    for each in in_order(findings):
        groups.setdefault(each.kind, []).append(each)
    return [(FindingKind(kind), rows) for kind, rows in groups.items()]
