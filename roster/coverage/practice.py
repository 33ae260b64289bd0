"""Who has answered a page before, be it a test (R110)."""

from collections.abc import Callable, Collection

from roster.models import PageTestCall

type PracticeSource = Callable[[Collection[int]], Collection[int]]
"""From people's ids to the ids of those of them who have practised; a constant number of queries.
"""

_sources: list[PracticeSource] = []


def register_practice_source(source: PracticeSource) -> None:
    """Let another app say who has practised, such as by answering a real page.

    Asked once in every proof, for those whom nobody has vouched for yet. Twice the same is one.
    """
    if source not in _sources:
        _sources.append(source)


def unpractised(people: Collection[int]) -> set[int]:
    """Those who have never answered a page, not even a test. One query, and the sources'."""
    left = set(people)
    answered = PageTestCall.objects.filter(person__in=left, acknowledged_at__isnull=False)
    left -= set(answered.values_list("person_id", flat=True))
    for source in _sources:
        left -= set(source(left))
    return left
