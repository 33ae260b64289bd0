"""The step before an edit is saved: eight weeks before and after, and whose shifts change."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from roster.actors import Actor
from roster.admin.review_strips import legend_of, weeks_of
from roster.admin_base import refusals_as_messages
from roster.layer_plans import PlannedChange
from roster.models import Person, Schedule
from roster.shift_changes import Comparison, compared, told

MOST_NAMED = 5
# What the review itself posts, beside the form that it carries on.
REVIEWED, BACK, EFFECT = "_reviewed", "_back", "_reviewed_effect"
_OWN = {REVIEWED, BACK, EFFECT, "csrfmiddlewaretoken"}


@dataclass(frozen=True)
class Review:
    """An edit that waits to be saved. `since` is when it takes effect."""

    title: str
    comparison: Comparison
    since: datetime
    replaced: Sequence[PlannedChange] = ()
    save_label: str = "Save"


class ReviewNeeded(Exception):  # a turn of the conversation, not an error
    """Nothing is saved yet: the person looks at what would change first."""

    def __init__(self, review: Review) -> None:
        super().__init__(review.title)
        self.review = review


def review_page(request: HttpRequest, review: Review, *, by: Person | None) -> HttpResponse:
    """Show the review; its form posts everything typed again, so that nothing is lost."""
    changes = review.comparison.changes
    zone = timezone.get_current_timezone()
    meant = [each for each in changes if each.person.is_active and each.person != by]
    weeks = weeks_of(review.comparison, zone)
    context = {
        **admin.site.each_context(request),
        "title": review.title,
        "review": review,
        "changes": changes,
        "told": meant,
        "viewer": by,
        "weeks": weeks,
        "legend": legend_of(review.comparison),
        "zone": timezone.get_current_timezone_name(),
        "typed": typed(request),
        "reviewed": REVIEWED,
        "back": BACK,
        "effect": EFFECT,
        "is_now": review.since <= timezone.now(),
    }
    return render(request, "admin/roster/review.html", context)


@dataclass(frozen=True)
class Withdrawal:
    """Something to be taken back from `since` on; `withdraw` is given the present."""

    title: str
    schedule: Schedule
    since: datetime
    withdraw: Callable[[datetime], object]
    done: str
    back: str


def withdrawal_page(request: HttpRequest, withdrawal: Withdrawal, by: Actor) -> HttpResponse:
    """A GET shows what comes back; a POST withdraws, and tells those whose shifts change."""
    at = timezone.now()
    since, schedule = max(withdrawal.since, at), withdrawal.schedule
    with refusals_as_messages(request):
        if request.method != "POST":
            found = compared(schedule, lambda: withdrawal.withdraw(at), since=since)
            review = Review(withdrawal.title, found, since, save_label="Take back")
            return review_page(request, review, by=by.person)
        if BACK not in request.POST:
            with told(schedule, at=at, by=by.person, by_name=by.name, since=since) as telling:
                withdrawal.withdraw(at)
            messages.success(request, withdrawal.done)
            if telling.told:
                messages.info(request, told_sentence(telling.told))
            return redirect("admin:roster_schedule_change", schedule.pk)
    return redirect(withdrawal.back)


def told_sentence(people: Sequence[Person]) -> str:
    names = [person.name for person in people]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} others"]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"Told {listed}, whose shifts change by this."


def moment_of(text: str | None) -> datetime | None:
    """Read a moment with offset, as links carry it; None for anything else."""
    with suppress(ValueError):
        # In an address a plus sign reads as a space.
        moment = datetime.fromisoformat((text or "").replace(" ", "+"))
        return moment if moment.tzinfo and 1971 <= moment.year <= 2199 else None
    return None


def typed(request: HttpRequest) -> list[tuple[str, str]]:
    """Every field of the form as it came, to be posted again."""
    return [
        (name, value)
        for name, values in request.POST.lists()
        if name not in _OWN
        for value in values
    ]
