"""What goes on around the rosters of the demo: training, time away, swaps, pay, a page test."""

from datetime import datetime, time, timedelta
from decimal import Decimal

from config.demo.organisation import HISTORY, SETTING_UP, Organisation
from roster import duty, page_tests, qualification, swaps, time_off
from roster.actors import Actor
from roster.models import (
    Notice,
    PageTest,
    PageTestCall,
    Person,
    PlanPreference,
    Qualification,
    QualificationGrant,
    RatePlan,
    RateRule,
    Schedule,
    ScheduleWatch,
    Shadowing,
)
from roster.oncall import shifts_between
from roster.watch import prove_soon

DAY = timedelta(days=1)
EarnedBy = QualificationGrant.EarnedBy


def live_on_call(company: Organisation, at: datetime) -> None:
    """Three months of duty, and what a roster editor finds on the desk today."""
    _name_superiors(company)
    _remember_duty(company, at)
    _train(company, at)
    _learn_on_shift(company, at)
    _go_away(company, at)
    _offer_a_swap(company, at)
    _agree_on_pay()
    _test_pages(company, at)
    # Of the past nobody is to be told any more.
    Notice.objects.update(due_at=None, delivered_at=at)
    prove_soon((schedule.pk for schedule in company.schedules.values()), at=at)


def _name_superiors(company: Organisation) -> None:
    for team in company.teams.values():
        if team.lead:
            team.members.exclude(pk=team.lead.pk).update(reports_to=team.lead)
    company.services["payments"].schedules.add(company.schedules["applications-on-call"])
    company.services["data-platform"].schedules.add(company.schedules["platform-on-call"])


def _remember_duty(company: Organisation, at: datetime) -> None:
    """As if the sweep had run all the while."""
    for schedule in company.schedules.values():
        ScheduleWatch.objects.create(schedule=schedule, duty_recorded_until=at - HISTORY)
    while duty.record_due(at=at):
        pass


def _train(company: Organisation, at: datetime) -> None:
    lead = Qualification.objects.create(
        slug="incident-manager",
        name="Incident manager",
        description="Has led a drill and shadowed two weeks of incidents.",
        shadow_shifts=2,
        reverse_shadow_shifts=1,
        valid_months=24,
    )
    database = Qualification.objects.create(slug="databases", name="Databases")
    Qualification.objects.create(slug="public-communication", name="Public communication")
    managers = company.schedules["incident-managers"]
    for number, person in enumerate(_taking_turns(managers, at)):
        # The first grants of all run out one by one.
        granted_on = (at - timedelta(days=700 - 90 * number)).date()
        earned = qualification.Earned(granted_on, EarnedBy.SHADOWING, "Two weeks in 2024")
        qualification.grant(person, lead, earned, at=at)
    for slug in ("priya-nair", "mei-tan", "jonas-weber"):
        earned = qualification.Earned((at - HISTORY).date(), EarnedBy.COURSE, "Databases at 3 a.m.")
        qualification.grant(company.people[slug], database, earned, at=at)
    Schedule.objects.filter(pk=managers.pk).update(qualification=lead)


def _learn_on_shift(company: Organisation, at: datetime) -> None:
    """Tom will soon lead incidents: a week beside whoever does now."""
    Shadowing.objects.create(
        schedule=company.schedules["incident-managers"],
        person=company.people["tom-ashby"],
        starts_at=at - DAY,
        ends_at=at + 6 * DAY,
    )


def _go_away(company: Organisation, at: datetime) -> None:
    """Two are away; one of them takes turns meanwhile, which somebody has to see to."""
    platform = company.schedules["platform-on-call"]
    coming = [
        each
        for each in shifts_between(platform, at + 10 * DAY, at + 40 * DAY)
        if each.shift.source.layer == "Weekly"
    ]
    person = coming[0].person
    first = coming[0].shift.start.date() + 2 * DAY
    time_off.enter(
        person, *time_off.whole_days(person, first, first + 4 * DAY), note="Holiday", at=at
    )
    sofia = company.people["sofia-rossi"]
    today = at.date()
    time_off.enter(
        sofia, *time_off.whole_days(sofia, today + 3 * DAY, today + 5 * DAY), note="Moving", at=at
    )
    PlanPreference.objects.create(
        person=company.people["nora-kelly"],
        starts_on=today + 30 * DAY,
        ends_on=today + 44 * DAY,
        note="School holidays",
    )


def _offer_a_swap(company: Organisation, at: datetime) -> None:
    """One shift is offered to everybody, one has changed hands."""
    applications = company.schedules["applications-on-call"]
    own = [
        each
        for each in shifts_between(applications, at + 8 * DAY, at + 60 * DAY)
        if each.shift.source.layer == "Weekly" and each.shift.start > at + 8 * DAY
    ]
    offered = own[0]
    swaps.offer(
        swaps.Proposal(
            schedule=applications,
            giver=offered.person,
            starts_at=offered.shift.start,
            ends_at=offered.shift.end,
            note="My sister gets married",
        ),
        by=Actor.of_person(offered.person),
        at=at - timedelta(hours=5),
    )
    given = next(each for each in own if each.person != offered.person)
    taker = next(
        person
        for person in _taking_turns(applications, at)
        if person not in (given.person, offered.person)
    )
    swaps.arrange(
        swaps.Proposal(
            schedule=applications,
            giver=given.person,
            starts_at=given.shift.start,
            ends_at=given.shift.end,
            other=taker,
            note="Conference",
            despite=True,
        ),
        by=SETTING_UP,
        at=at - 2 * DAY,
    )


def _agree_on_pay() -> None:
    for country, currency, hour in (("", "EUR", "4.00"), ("GB", "GBP", "3.50")):
        plan = RatePlan.objects.create(
            name="United Kingdom" if country else "Everybody else",
            country=country,
            currency=currency,
            work_until=time(18),
        )
        for kind, amount in (
            (RateRule.Kind.OFF_HOURS_HOUR, hour),
            (RateRule.Kind.WEEKEND_HOUR, "2.00"),
            (RateRule.Kind.HOLIDAY_HOUR, "6.00"),
            (RateRule.Kind.OFF_HOURS_PAGE, "25.00"),
        ):
            RateRule.objects.create(plan=plan, kind=kind, amount=Decimal(amount))


def _test_pages(company: Organisation, at: datetime) -> None:
    """A fortnight ago everyone on call was paged without warning; one slept through it."""
    then = at - 14 * DAY
    page_tests.plan(
        PageTest(name="Autumn page test", starts_at=then),
        page_tests.Targets(schedules=list(company.schedules.values())),
        by=None,
        at=then,
    )
    page_tests.send_due(at=then)
    for number, call in enumerate(PageTestCall.objects.order_by("pk")):
        if number != 1:
            page_tests.acknowledge(call, at=then + timedelta(seconds=95 + 140 * number))


def _taking_turns(schedule: Schedule, at: datetime) -> list[Person]:
    layers = schedule.layers.filter(position=1)
    return list(Person.objects.filter(participations__layer__in=layers, is_active=True).distinct())
