"""Which rate plan is whose (R157)."""

from collections.abc import Iterable

from django.db.models import Prefetch

from roster.models import Person, RatePlan, RateRule


def plans_of(people: Iterable[Person]) -> dict[int, RatePlan | None]:
    """Everybody's plan by person id: the one that names them, their country's, or the default.

    None where no plan fits. Of several that fit alike the oldest counts. Rules are fetched too:
    three queries, however many people.
    """
    rules = Prefetch("rules", RateRule.objects.select_related("schedule"))
    named: dict[int, RatePlan] = {}
    by_country: dict[str, RatePlan] = {}
    for plan in RatePlan.objects.prefetch_related(rules, "people").order_by("pk"):
        members = plan.people.all()
        for member in members:
            named.setdefault(member.pk, plan)
        # A plan that names people is for these only, whatever country stands on it.
        if not members:
            by_country.setdefault(plan.country, plan)
    default = by_country.get("")
    return {
        person.pk: named.get(person.pk) or by_country.get(person.country) or default
        for person in people
    }
