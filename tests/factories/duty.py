"""Rows about what was on call and what it is paid."""

from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from roster.models import DutyRecord, Person, RatePlan, RateRule, Schedule

_numbers = count(1)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_duty(
    schedule: Schedule, person: Person, starts_at: datetime, ends_at: datetime | None, **fields: Any
) -> DutyRecord:
    return DutyRecord.objects.create(
        schedule=schedule, person=person, starts_at=starts_at, ends_at=ends_at, **fields
    )


def make_rate_plan(*people: Person, **fields: Any) -> RatePlan:
    fields.setdefault("name", f"Plan {next(_numbers)}")
    plan = RatePlan.objects.create(**fields)
    plan.people.set(people)
    return plan


def make_rate(plan: RatePlan, kind: RateRule.Kind, amount: str, **fields: Any) -> RateRule:
    return RateRule.objects.create(plan=plan, kind=kind, amount=Decimal(amount), **fields)
