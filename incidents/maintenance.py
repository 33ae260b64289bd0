"""Which maintenance is on, whom it keeps from being paged, and how it ends.

A window covers alerts of its services that have all of its labels. What `recurrence` says of its
plan holds, less what people ended early: `cut_at` the occurrence that was on then, `ended_at` all
that would follow. Where several cover an alert, one that mutes goes before one that tags.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import islice, product
from typing import Self

from django.db import transaction

from incidents.models import Alert, Escalation, Incident, MaintenanceWindow, Service
from incidents.recurrence import Span, occurrences
from roster.actors import Actor
from roster.errors import DomainError

# How often one window may take over from another before we stop asking how long it goes on.
TAKE_OVERS = 50
OCCURRENCES_COMPARED = 30


def spans(window: MaintenanceWindow, since: datetime) -> Iterator[Span]:
    """When it is on, from `since` on: whole occurrences, in order, in UTC. Maybe without end."""
    for starts_at, planned in occurrences(window.plan, since):
        ends_at = planned
        if window.cut_at and starts_at <= window.cut_at < planned:
            ends_at = window.cut_at
        if window.ended_at and window.ended_at <= starts_at:
            return
        ends_at = min(ends_at, window.ended_at or ends_at).astimezone(UTC)
        if ends_at > starts_at and ends_at > since:
            yield starts_at, ends_at


def occurrence(window: MaintenanceWindow, at: datetime) -> Span | None:
    """The occurrence that is on at `at`, in UTC; None if it is off."""
    span = next(spans(window, at), None)
    return span if span and span[0] <= at else None


def next_change(window: MaintenanceWindow, at: datetime) -> datetime | None:
    """When it is next switched on or off after `at`; None if nothing of it is to come."""
    span = next(spans(window, at), None)
    return span and (span[0] if span[0] > at else span[1])


def upcoming(window: MaintenanceWindow, at: datetime, limit: int) -> list[Span]:
    """The occurrence that is on and those that follow, `limit` at most."""
    return list(islice(spans(window, at), limit))


def overlaps(window: MaintenanceWindow, at: datetime) -> list[tuple[MaintenanceWindow, Span]]:
    """Other windows of the same services that are on while it is, and when first. Two queries.

    Of each the next `OCCURRENCES_COMPARED` occurrences are looked at.
    """
    others = MaintenanceWindow.objects.not_over(at).exclude(pk=window.pk)
    sharing = others.filter(services__in=window.services.all()).distinct().order_by("pk")
    own = upcoming(window, at, OCCURRENCES_COMPARED)
    found = ((other, _first_shared(own, other, at)) for other in sharing)
    return [(other, span) for other, span in found if span]


def _first_shared(own: list[Span], other: MaintenanceWindow, at: datetime) -> Span | None:
    pairs = product(own, upcoming(other, at, OCCURRENCES_COMPARED))
    shared = [(max(a[0], b[0]), min(a[1], b[1])) for a, b in pairs]
    return min((span for span in shared if span[0] < span[1]), default=None)


class Windows:
    """The maintenance that is on at one moment, read once for a batch of alerts. Two queries."""

    def __init__(self, windows: Collection[MaintenanceWindow], at: datetime) -> None:
        """`windows` have their services prefetched."""
        self.ends: dict[MaintenanceWindow, datetime] = {}
        for window in sorted(windows, key=_muting_first):
            if span := occurrence(window, at):
                self.ends[window] = span[1]
        self._services = {
            window: {each.pk for each in window.services.all()} for window in self.ends
        }

    @classmethod
    def at(cls, at: datetime) -> Self:
        rows = MaintenanceWindow.objects.not_over(at).filter(starts_at__lte=at)
        return cls(list(rows.prefetch_related("services")), at)

    def covering(self, service: Service, labels: Mapping[str, str]) -> MaintenanceWindow | None:
        """The window that alerts of this service with these labels come during."""
        return next(
            (
                window
                for window in self.ends
                if service.pk in self._services[window] and is_narrowed_to(window, labels)
            ),
            None,
        )

    def muting(self) -> list[tuple[MaintenanceWindow, set[int]]]:
        """Those that mute, and the ids of the services of each."""
        return [
            (window, self._services[window])
            for window in self.ends
            if window.mode == MaintenanceWindow.Mode.MUTE
        ]


def is_narrowed_to(window: MaintenanceWindow, labels: Mapping[str, str]) -> bool:
    """Whether these labels have all that the window asks for; one that asks none takes all."""
    return all(labels.get(name) == value for name, value in window.labels.items())


def _muting_first(window: MaintenanceWindow) -> tuple[bool, int]:
    return window.mode != MaintenanceWindow.Mode.MUTE, window.pk or 0


# --- What is kept from being paged ---------------------------------------------------------------


def muting_until(incident_pks: Collection[int], at: datetime) -> dict[int, datetime]:
    """Of these incidents, those that page nobody now, and until when; the others are left out.

    An incident is muted while every one of its services is. A window with labels mutes it if each
    of its alerts that still fire has them. Only what monitoring found: a person who reports
    something during maintenance means it. Four queries, two if no maintenance is on.
    """
    rows = list(MaintenanceWindow.objects.not_over(at).prefetch_related("services"))
    windows_at = cache(partial(Windows, rows))
    if not windows_at(at).muting():
        return {}
    services = _services_of(incident_pks)
    labels = _labels_of(services) if any(window.labels for window in rows) else {}
    found: dict[int, datetime] = {}
    for pk, affected in services.items():
        if until := _muted_on(windows_at, affected, labels.get(pk, []), at):
            found[pk] = until
    return found


def _services_of(incident_pks: Collection[int]) -> dict[int, set[int]]:
    """By incident that monitoring found, the ids of its services."""
    rows = Incident.services.through.objects.filter(
        incident__in=incident_pks, incident__source=Incident.Source.MONITORING
    )
    found: dict[int, set[int]] = {}
    for incident, service in rows.values_list("incident_id", "service_id"):
        found.setdefault(incident, set()).add(service)
    return found


def _labels_of(incident_pks: Collection[int]) -> dict[int, list[dict[str, str]]]:
    """By incident, the labels of each of its alerts that fire."""
    firing = Alert.objects.firing().filter(incident__in=incident_pks)
    found: dict[int, list[dict[str, str]]] = {}
    for incident, labels in firing.values_list("incident_id", "labels"):
        found.setdefault(incident or 0, []).append(labels)
    return found


def _muted_on(
    windows_at: Callable[[datetime], Windows],
    services: set[int],
    labels: list[dict[str, str]],
    at: datetime,
) -> datetime | None:
    """Until when all of these services are muted, one window taking over from another."""
    until: datetime | None = None
    for _ in range(TAKE_OVERS):
        end = _all_muted_until(windows_at(until or at), services, labels)
        if end is None:
            break
        until = end
    return until


def _all_muted_until(
    on: Windows, services: set[int], labels: list[dict[str, str]]
) -> datetime | None:
    """When the first of these services stops being muted by what is on; None if one is not."""
    ends: dict[int, datetime] = {}
    for window, covered in on.muting():
        narrows = bool(window.labels)
        if narrows and not (labels and all(is_narrowed_to(window, each) for each in labels)):
            continue
        for pk in covered & services:
            ends[pk] = max(on.ends[window], ends.get(pk, on.ends[window]))
    return min(ends.values()) if ends.keys() == services else None


# --- Ending it -----------------------------------------------------------------------------------


def end_now(window: MaintenanceWindow, *, by: Actor, at: datetime) -> None:
    """End what is on now; one that repeats comes back as planned.

    What still fires is looked at again at once, and the escalations that waited for the end are
    due. Raises DomainError if it is not on.
    """
    if occurrence(window, at) is None:
        raise DomainError("not_on", f"{window} is not on now. There is nothing to end.")
    if window.repeats == MaintenanceWindow.Repeats.NEVER:
        _end(window, by=by, at=at, columns={"ended_at": at, "ended_by_name": by.name})
    else:
        _end(window, by=by, at=at, columns={"cut_at": at, "cut_by_name": by.name})


def cancel(window: MaintenanceWindow, *, by: Actor, at: datetime) -> None:
    """Call it off: it ends if it is on, and does not come again.

    Raises DomainError if it is over.
    """
    if next_change(window, at) is None:
        raise DomainError("already_over", f"{window} is over already.")
    _end(window, by=by, at=at, columns={"ended_at": at, "ended_by_name": by.name})


def _end(
    window: MaintenanceWindow, *, by: Actor, at: datetime, columns: dict[str, datetime | str]
) -> None:
    with transaction.atomic():
        waiting = waiting_for(window, at)
        untouched = MaintenanceWindow.objects.not_over_by_hand().filter(
            pk=window.pk, cut_at=window.cut_at
        )
        if not untouched.update(**columns):
            raise DomainError(
                "changed_meanwhile", f"Somebody else has just ended {window}. Reload the page."
            )
        look_again(window, waiting, at)
    for name, value in columns.items():
        setattr(window, name, value)


def waiting_for(window: MaintenanceWindow, at: datetime) -> list[int]:
    """The escalations that are postponed until a maintenance of which this one is a part ends."""
    services = window.services.all()
    running = Escalation.objects.running().filter(incident__services__in=services, due_at__gt=at)
    rows = list(running.values_list("pk", "incident_id", "due_at").distinct())
    until = muting_until({incident for _, incident, _ in rows}, at)
    return [pk for pk, incident, due_at in rows if until.get(incident) == due_at]


@contextmanager
def replanning(window: MaintenanceWindow, at: datetime) -> Iterator[None]:
    """Around a change of a window: what waits for its end is looked at again, in one transaction.

    `waiting_for` reads the window as it is stored, hence before the change.
    """
    with transaction.atomic():
        waiting = waiting_for(window, at)
        yield
        look_again(window, waiting, at)


def look_again(window: MaintenanceWindow, waiting: Collection[int], at: datetime) -> None:
    """Have its alerts that still fire routed anew, and `waiting` escalations go on, both at once.

    For after a change of the window; what is still muted then waits again.
    """
    Alert.objects.firing().filter(maintenance=window).update(look_again_at=at)
    Escalation.objects.running().filter(pk__in=waiting).update(due_at=at)
