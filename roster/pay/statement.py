"""What people carried in a period, and what that is paid by the rates in force (R157)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from roster.burden import (
    USUAL_HOURS,
    Burden,
    burden_of_pages,
    burden_of_span,
    doubled,
    pages_of,
)
from roster.models import DutyRecord, Person, RatePlan, RateRule
from roster.pay.plans import plans_of

_CENT = Decimal("0.01")
_A_DAY = timedelta(days=1)
_Kind = RateRule.Kind
# Which part of a burden a rate is paid for.
_COUNTED = {
    _Kind.ON_CALL_HOUR: "hours",
    _Kind.OFF_HOURS_HOUR: "off_hours",
    _Kind.NIGHT_HOUR: "night_hours",
    _Kind.WEEKEND_HOUR: "weekend_hours",
    _Kind.HOLIDAY_HOUR: "holiday_hours",
    _Kind.PAGE: "pages",
    _Kind.OFF_HOURS_PAGE: "off_hours_pages",
    _Kind.NIGHT_PAGE: "night_pages",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One rate and how much of it: hours or pages, and what they come to."""

    rule: RateRule
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """One person's period. Without a plan there is no amount, but the burden all the same."""

    person: Person
    burden: Burden
    plan: RatePlan | None = None
    lines: tuple[Line, ...] = ()

    @property
    def amount(self) -> Decimal | None:
        if self.plan is None:
            return None
        return sum((line.amount for line in self.lines), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch on call on one schedule."""

    schedule: int
    starts_at: datetime
    ends_at: datetime


@dataclass(slots=True)
class _Record:
    """What is known of one person before it is counted."""

    spans: list[_Span] = field(default_factory=list)
    pages: list[datetime] = field(default_factory=list)


def statements(
    people: Iterable[Person], first: date, last: date, *, at: datetime
) -> list[Statement]:
    """What each of these people carried from `first` to `last`, both days included.

    Days are those of the person's own clock, so that it does not matter who asks. Duty that goes
    on counts up to `at`. In the order of `people`; five queries and those of the page sources.
    """
    people = list(people)
    plans = plans_of(people)
    records = _records(people, first, last, at)
    return [_statement(person, plans[person.pk], records[person.pk]) for person in people]


def totals(found: Iterable[Statement]) -> tuple[Burden, dict[str, Decimal]]:
    """The burden of all together, and the amounts by currency."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    burden = Burden()
    for each in found:
        burden += each.burden
        if each.plan and each.amount is not None:
            amounts[each.plan.currency] += each.amount
    return burden, dict(sorted(amounts.items()))


def _records(people: list[Person], first: date, last: date, at: datetime) -> dict[int, _Record]:
    found: dict[int, _Record] = {person.pk: _Record() for person in people}
    if not people:
        return found
    periods = {person.pk: _period(person, first, last, at) for person in people}
    start = min(begins for begins, _ in periods.values())
    end = max(ends for _, ends in periods.values())
    rows = DutyRecord.objects.within(start, end).filter(person__in=people)
    for person_pk, schedule, begins, ends in rows.order_by("starts_at", "pk").values_list(
        "person_id", "schedule_id", "starts_at", "ends_at"
    ):
        opens, closes = periods[person_pk]
        begins, ends = max(begins, opens), min(ends or closes, closes)
        if begins < ends:
            found[person_pk].spans.append(_Span(schedule, begins, ends))
    for person_pk, calls in pages_of(people, start, end).items():
        opens, closes = periods[person_pk]
        found[person_pk].pages = sorted(call for call in calls if opens <= call < closes)
    return found


def _period(person: Person, first: date, last: date, at: datetime) -> tuple[datetime, datetime]:
    opens, closes = (_midnight(person, day) for day in (first, last + _A_DAY))
    return opens, max(opens, min(closes, at))


def _midnight(person: Person, day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(person.time_zone))


def _statement(person: Person, plan: RatePlan | None, record: _Record) -> Statement:
    hours = plan or USUAL_HOURS
    spans = [(span.starts_at, span.ends_at) for span in record.spans]
    burden = burden_of_pages(person, record.pages, hours)
    for span in spans:
        burden += burden_of_span(person, *span, hours)
    burden += Burden(doubled=doubled(spans))
    if plan is None:
        return Statement(person, burden)
    lines = (_line(person, plan, rule, record) for rule in _in_order(plan.rules.all()))
    return Statement(person, burden, plan, tuple(line for line in lines if line.quantity))


def _in_order(rules: Collection[RateRule]) -> list[RateRule]:
    kinds = list(_COUNTED)
    return sorted(rules, key=lambda rule: (kinds.index(_Kind(rule.kind)), rule.pk))


def _line(person: Person, plan: RatePlan, rule: RateRule, record: _Record) -> Line:
    """What one rate comes to: over the days on which it counts, on the schedule that it names.

    A page belongs to every schedule on which the person was on call when it came.
    """
    since = _midnight(person, rule.valid_from) if rule.valid_from else None
    until = _midnight(person, rule.valid_until + _A_DAY) if rule.valid_until else None
    spans = [span for span in record.spans if rule.schedule_id in (None, span.schedule)]
    burden = Burden()
    for span in spans:
        begins = max(span.starts_at, since or span.starts_at)
        ends = min(span.ends_at, until or span.ends_at)
        burden += burden_of_span(person, begins, ends, plan)
    calls = [
        call
        for call in record.pages
        if (since is None or since <= call)
        and (until is None or call < until)
        and (
            rule.schedule_id is None or any(span.starts_at <= call < span.ends_at for span in spans)
        )
    ]
    burden += burden_of_pages(person, calls, plan)
    quantity = _quantity(getattr(burden, _COUNTED[_Kind(rule.kind)]))
    return Line(rule, quantity, (quantity * rule.amount).quantize(_CENT, ROUND_HALF_UP))


def _quantity(counted: timedelta | int) -> Decimal:
    if isinstance(counted, timedelta):
        return Decimal(counted // timedelta(seconds=1)) / Decimal(3600)
    return Decimal(counted)
