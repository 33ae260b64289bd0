"""What everybody carried before a period begins, and what a stretch on call weighs for them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Min

from roster import oncall
from roster.burden import Burden, Hours, burden_of, burden_of_span
from roster.models import DutyRecord, Participant, Person, RosterPlan
from roster.planning.problem import Candidate, Load, Turn
from roster.planning.turns import Span

_MINUTE = timedelta(minutes=1)
_AVERAGE_MONTH = timedelta(days=30, hours=10)


def load_of(person: Person, spans: Iterable[Span], hours: Hours) -> Load:
    load = Load()
    for start, end in spans:
        load += _load(burden_of_span(person, start, end, hours))
    return load


def _load(burden: Burden) -> Load:
    return Load(
        burden.night_hours // _MINUTE,
        burden.weekend_hours // _MINUTE,
        burden.holiday_hours // _MINUTE,
    )


@dataclass(frozen=True)
class Ledger:
    """What everybody carried in the months that count, and will have by the first handoff."""

    plan: RosterPlan
    people: Mapping[int, Person]
    hours: Mapping[int, Hours]
    starts_at: datetime
    at: datetime

    def candidates(
        self, shifts: Mapping[int, list[oncall.OnCall]], turns: Sequence[Turn]
    ) -> Iterable[Candidate]:
        past = burden_of(self.people.values(), self.opens_at, min(self.at, self.starts_at))
        carried = {key: _load(burden) for key, burden in past.items()}
        for key, spans in self._ahead(shifts).items():
            carried[key] += load_of(self.people[key], spans, self.hours[key])
        worked = self._worked(shifts, turns)
        credit = self._credit(carried)
        for key, person in sorted(self.people.items(), key=lambda item: (item[1].name, item[0])):
            yield Candidate(
                key,
                person.name,
                ledger=carried[key] + credit[key],
                credit=credit[key],
                worked=frozenset(worked[key]),
            )

    @property
    def opens_at(self) -> datetime:
        return self.starts_at - self.plan.ledger_months * _AVERAGE_MONTH

    def _ahead(self, shifts: Mapping[int, list[oncall.OnCall]]) -> dict[int, list[Span]]:
        found: dict[int, list[Span]] = defaultdict(list)
        since = max(self.at, self.opens_at)
        for each in (each for some in shifts.values() for each in some):
            begins, ends = max(each.shift.start, since), min(each.shift.end, self.starts_at)
            if each.person.pk in self.people and begins.timestamp() < ends.timestamp():
                found[each.person.pk].append((begins, ends))
        return found

    def _worked(
        self, shifts: Mapping[int, list[oncall.OnCall]], turns: Sequence[Turn]
    ) -> dict[int, set[int]]:
        """The turns before the period of which somebody is on call for at least half."""
        length = turns[0].ends_at - turns[0].starts_at
        seconds: dict[tuple[int, int], float] = defaultdict(float)
        reach = max(self.plan.rest_turns, self.plan.most_consecutive)
        for number in range(-reach, 0):
            since = turns[0].starts_at.timestamp() + number * length.total_seconds()
            until = since + length.total_seconds()
            for each in (each for some in shifts.values() for each in some):
                lasts = min(each.shift.end.timestamp(), until) - max(
                    each.shift.start.timestamp(), since
                )
                seconds[each.person.pk, number] += max(lasts, 0)
        found: dict[int, set[int]] = defaultdict(set)
        for (key, number), lasted in seconds.items():
            if lasted * 2 >= length.total_seconds():
                found[key].add(number)
        return found

    def _credit(self, carried: Mapping[int, Load]) -> dict[int, Load]:
        """For who joined within the months that count, what the others carried before.

        Otherwise the newest would be given every turn, to pay for months in which they were not
        there.
        """
        joined = self._joined()
        opens = min((moment for moment in joined.values() if moment), default=self.starts_at)
        opens = max(opens, self.opens_at)
        whole = (self.starts_at - opens).total_seconds()
        missed = {
            key: min(max((moment - opens).total_seconds() / whole, 0), 1)
            if moment and whole > 0
            else float(whole > 0)
            for key, moment in joined.items()
        }
        # What a whole membership carried, from those who were there for most of the time.
        there = [key for key, share in missed.items() if share <= 0.5]
        total = sum((carried[key] for key in there), Load())
        members = sum(1 - missed[key] for key in there)
        return {
            key: _share(total, share / members) if members else Load()
            for key, share in missed.items()
        }

    def _joined(self) -> dict[int, datetime | None]:
        """Since when each takes turns anywhere, by the rotations and by what was recorded."""
        found: dict[int, datetime | None] = dict.fromkeys(self.people)
        listed = Participant.objects.filter(person__in=self.people).select_related(
            "layer__schedule"
        )
        moments = [
            (row.person_id or 0, row.effective_at or row.layer.begins_at()) for row in listed
        ]
        recorded = DutyRecord.objects.filter(person__in=self.people).values("person_id")
        moments += recorded.annotate(first=Min("starts_at")).values_list("person_id", "first")
        for key, moment in moments:
            known = found[key]
            found[key] = moment if known is None else min(known, moment)
        return found


def _share(load: Load, part: float) -> Load:
    return replace(
        load,
        nights=round(load.nights * part),
        weekends=round(load.weekends * part),
        holidays=round(load.holidays * part),
    )
