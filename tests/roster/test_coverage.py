from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from roster import coverage
from roster.coverage.found import episodes
from roster.models import (
    Coverage,
    CoverageFinding,
    CoverageWindow,
    FindingKind,
    Layer,
    Notice,
    NoticeKind,
    Override,
    Person,
    QualificationException,
    Schedule,
    ScheduleWatch,
    TimeOff,
    Urgency,
)
from roster.watch import prove_soon
from tests.factories.qualifications import make_grant, make_practised, make_qualification
from tests.factories.roster import (
    make_contact_method,
    make_layer,
    make_override,
    make_person,
    make_schedule,
    make_team,
)

pytestmark = pytest.mark.django_db


def make_ready(slug: str, **fields: object) -> Person:
    """Somebody whom no check has anything to say about."""
    person = make_person(slug=slug, **fields)
    make_contact_method(person)
    make_practised(person)
    return person


def found(*kinds: FindingKind) -> list[CoverageFinding]:
    return list(CoverageFinding.objects.standing().filter(kind__in=kinds).order_by("starts_at"))


def test_proof_finds_nothing_wrong_with_a_covered_schedule(now: datetime) -> None:
    make_schedule(make_ready("ana"), make_ready("bo"))

    coverage.prove(at=now)

    assert list(CoverageFinding.objects.all()) == []


def test_gap_is_where_nobody_is_on_call(now: datetime) -> None:
    schedule = make_schedule(make_ready("ana"), make_ready("bo"))
    make_override(
        schedule,
        Person.objects.get(slug="bo"),
        kind=Override.Kind.REMOVE,
        starts_at=datetime(2026, 3, 10, tzinfo=UTC),
        ends_at=datetime(2026, 3, 11, tzinfo=UTC),
    )

    coverage.prove(at=now)

    [gap] = found(FindingKind.GAP)
    assert (gap.schedule, gap.person) == (schedule, None)
    assert gap.starts_at == datetime(2026, 3, 10, tzinfo=UTC)
    assert gap.ends_at == datetime(2026, 3, 11, tzinfo=UTC)
    assert gap.text == f"Nobody is on call for {schedule}."


def test_gap_is_reported_as_somebody_who_left(now: datetime) -> None:
    make_schedule(make_ready("ana"), make_ready("bo", is_active=False), name="Database")

    coverage.prove(at=now)

    first, *rest = found(FindingKind.GAP)
    assert first.starts_at == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert first.ends_at == datetime(2026, 3, 16, 9, tzinfo=UTC)
    expected = "Nobody is on call for Database: it is the turn of Bo, who is inactive."
    assert first.text == expected
    assert [gap.starts_at for gap in rest] == [datetime(2026, 3, 23, 9, tzinfo=UTC)]


def test_gap_counts_only_in_the_hours_that_must_be_covered(now: datetime) -> None:
    schedule = make_schedule(coverage=Coverage.HOURS, time_zone="Europe/Berlin")
    make_layer(schedule, make_ready("ana"), make_ready("bo"), unit=Layer.Unit.WEEK)
    Layer.objects.update(effective_until=datetime(2026, 3, 28, tzinfo=UTC))
    CoverageWindow.objects.create(
        schedule=schedule, opens_on=0, opens_at=time(9), closes_on=0, closes_at=time(17)
    )

    coverage.prove(at=now)

    [gap] = found(FindingKind.GAP)
    # Summer time began on the day before.
    assert gap.starts_at == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert gap.ends_at == datetime(2026, 3, 30, 15, tzinfo=UTC)


def test_gap_is_none_where_nobody_has_to_be_on_call(now: datetime) -> None:
    make_schedule(coverage=Coverage.NONE)

    coverage.prove(at=now)

    assert found(FindingKind.GAP) == []


def test_gap_every_night_is_one_finding_that_stays_the_same(now: datetime) -> None:
    schedule = make_schedule()
    layer = make_layer(schedule, make_ready("ana"), make_ready("bo"), unit=Layer.Unit.DAY)
    for day in range(7):
        layer.windows.create(opens_on=day, opens_at=time(8), closes_on=day, closes_at=time(20))

    coverage.prove(at=now)
    [gap] = found(FindingKind.GAP)
    coverage.prove(at=now + timedelta(days=3))
    [later] = found(FindingKind.GAP)

    assert gap.starts_at == datetime(2026, 3, 2, 20, tzinfo=UTC)
    assert gap.text == (f"Nobody is on call for {schedule}. 30 times in the next 30 days.")
    assert later.pk == gap.pk
    assert later.starts_at == datetime(2026, 3, 5, 20, tzinfo=UTC)


def test_gap_that_has_begun_stays_the_same_finding(now: datetime) -> None:
    schedule = make_schedule(make_ready("ana"), make_ready("bo"))
    Layer.objects.update(effective_until=now + timedelta(hours=1))

    coverage.prove(at=now)
    [before] = found(FindingKind.GAP)
    coverage.prove(at=now + timedelta(days=2))
    [during] = found(FindingKind.GAP)

    assert before.pk == during.pk
    assert before.starts_at == during.starts_at == now + timedelta(hours=1)
    assert before.ends_at is None
    assert schedule.findings.count() == 1


def test_finding_is_resolved_when_it_is_gone_and_stays_on_record(now: datetime) -> None:
    schedule = make_schedule()
    coverage.prove(at=now)

    make_layer(schedule, make_ready("ana"), make_ready("bo"))
    coverage.prove(at=now + timedelta(minutes=1))

    [finding] = CoverageFinding.objects.all()
    assert finding.kind == FindingKind.GAP
    assert finding.resolved_at == now + timedelta(minutes=1)


def test_finding_of_a_schedule_out_of_use_is_resolved(now: datetime) -> None:
    make_schedule()
    coverage.prove(at=now)

    Schedule.objects.update(is_active=False)
    coverage.prove(at=now)

    assert not CoverageFinding.objects.standing().exists()


def test_one_person_covering_all_is_found(now: datetime) -> None:
    alone = make_schedule(make_ready("ana"))
    make_schedule(make_ready("bo"), make_ready("cy"))
    # A month of one person's turn is no dependency on that person.
    monthly = make_schedule()
    make_layer(monthly, make_ready("di"), make_ready("ed"), unit=Layer.Unit.MONTH, length=6)

    coverage.prove(at=now)

    [finding] = found(FindingKind.SINGLE_PERSON)
    assert (finding.schedule, finding.person) == (alone, Person.objects.get(slug="ana"))


def test_person_without_verified_contact_method_is_found_once_per_schedule(now: datetime) -> None:
    silent = make_ready("ana")
    silent.contact_methods.update(verified_at=None)
    schedule = make_schedule(make_ready("bo"), silent)
    elsewhere = make_schedule(make_ready("cy"), make_ready("di"))

    coverage.prove(at=now)

    [finding] = found(FindingKind.UNREACHABLE)
    assert (finding.schedule, finding.person) == (schedule, silent)
    assert finding.starts_at == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert elsewhere.findings.count() == 0


def test_person_who_never_answered_a_page_is_found(now: datetime) -> None:
    new = make_person(slug="new")
    make_contact_method(new)
    schedule = make_schedule(make_ready("ana"), new)

    coverage.prove(at=now)

    [finding] = found(FindingKind.UNPRACTISED)
    assert (finding.schedule, finding.person) == (schedule, new)
    assert finding.starts_at == datetime(2026, 3, 9, 9, tzinfo=UTC)


def test_other_apps_say_who_has_practised(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    new = make_person(slug="new")
    make_contact_method(new)
    make_schedule(make_ready("ana"), new)
    monkeypatch.setattr("roster.coverage.practice._sources", [])
    coverage.register_practice_source(lambda people: people)

    coverage.prove(at=now)

    assert found(FindingKind.UNPRACTISED) == []


def test_qualification_counts_at_the_time_of_the_turn(now: datetime) -> None:
    training = make_qualification(name="Database")
    trained, expiring, untrained = make_ready("ana"), make_ready("bo"), make_ready("cy")
    make_grant(trained, training)
    make_grant(expiring, training, expires_on=date(2026, 3, 12))
    schedule = make_schedule(expiring, untrained, trained, name="Storage", qualification=training)

    coverage.prove(at=now)

    rows = found(FindingKind.UNQUALIFIED)
    assert [(row.person, row.starts_at, row.text) for row in rows] == [
        (
            expiring,
            datetime(2026, 3, 12, tzinfo=UTC),
            "Bo is on call for Storage after “Database” has expired.",
        ),
        (
            untrained,
            datetime(2026, 3, 16, 9, tzinfo=UTC),
            "Cy is on call for Storage without “Database”.",
        ),
    ]
    assert schedule.findings.count() == 2


def test_qualification_may_be_renewed_during_a_turn(now: datetime) -> None:
    training = make_qualification()
    people = make_ready("ana"), make_ready("bo")
    for person in people:
        make_grant(person, training, expires_on=date(2026, 3, 5))
        make_grant(person, training, granted_on=date(2026, 3, 5))
    make_schedule(*people, qualification=training)

    coverage.prove(at=now)

    assert found(FindingKind.UNQUALIFIED) == []


def test_exception_speaks_for_a_person_without_qualification(now: datetime) -> None:
    training = make_qualification()
    people = make_ready("ana"), make_ready("bo")
    schedule = make_schedule(*people, qualification=training)
    make_grant(people[0], training)
    QualificationException.objects.create(
        person=people[1],
        qualification=training,
        where=str(schedule),
        schedule=schedule,
        reason="Learns fast",
        allowed_by_name="Ana",
        at=now,
    )

    coverage.prove(at=now)
    before = found(FindingKind.UNQUALIFIED)
    coverage.prove(at=now + timedelta(days=90))
    after = found(FindingKind.UNQUALIFIED)

    assert before == []
    assert [row.person for row in after] == [people[1]]


def test_conflicts_are_findings(now: datetime) -> None:
    ana = make_ready("ana")
    make_schedule(ana, make_ready("bo"), name="Network")
    make_schedule(ana, make_ready("cy"), name="Storage")
    TimeOff.objects.create(
        person=ana,
        starts_at=datetime(2026, 3, 17, tzinfo=UTC),
        ends_at=datetime(2026, 3, 19, tzinfo=UTC),
    )

    coverage.prove(at=now)

    [double, *_] = found(FindingKind.TWO_PRIMARIES)
    away = found(FindingKind.TIME_OFF)
    assert double.text == (
        "Ana is on call for Network and Storage at once. 3 times in the next 30 days."
    )
    assert double.starts_at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert {row.schedule.name for row in away if row.schedule} == {"Network", "Storage"}
    assert {row.starts_at for row in away} == {datetime(2026, 3, 17, tzinfo=UTC)}


def test_conflict_of_somebody_who_left_is_only_a_gap(now: datetime) -> None:
    ana = make_person(slug="ana", is_active=False)
    make_schedule(ana, make_ready("bo"), make_ready("cy"))
    TimeOff.objects.create(person=ana, starts_at=now, ends_at=now + timedelta(days=30))

    coverage.prove(at=now)

    kinds = CoverageFinding.objects.values_list("kind", flat=True)
    assert set(kinds) == {FindingKind.GAP}


# --- When it is due ------------------------------------------------------------------------------


def test_prove_due_watches_every_active_schedule_and_is_due_next_night(now: datetime) -> None:
    berlin = make_schedule(time_zone="Europe/Berlin")
    tokyo = make_schedule(time_zone="Asia/Tokyo")
    make_schedule(is_active=False)

    assert coverage.prove_due(at=now) == 2
    assert coverage.prove_due(at=now) == 0

    due = dict(ScheduleWatch.objects.values_list("schedule", "due_at"))
    assert due == {
        berlin.pk: datetime(2026, 3, 3, 2, tzinfo=UTC),
        tokyo.pk: datetime(2026, 3, 2, 18, tzinfo=UTC),
    }
    watch = ScheduleWatch.objects.get(schedule=berlin)
    assert (watch.proven_at, watch.proven_until) == (now, now + timedelta(days=30))


def test_prove_due_again_after_a_change(now: datetime) -> None:
    schedule = make_schedule()
    coverage.prove_due(at=now)
    make_layer(schedule, make_ready("ana"), make_ready("bo"))

    prove_soon([schedule.pk], at=now)

    assert coverage.prove_due(at=now) == 1
    assert not CoverageFinding.objects.standing().exists()


def test_change_during_a_proof_is_proven_again(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = make_schedule()
    changed = False

    def change_meanwhile(outlook: coverage.Outlook) -> list[coverage.Found]:
        nonlocal changed
        if not changed:
            changed = True
            prove_soon([schedule.pk], at=now + timedelta(seconds=1))
        return []

    monkeypatch.setattr("roster.coverage.proof._checks", [change_meanwhile])

    later = now + timedelta(seconds=1)
    assert coverage.prove_due(at=now) == 1
    assert coverage.prove_due(at=later) == 1
    assert coverage.prove_due(at=later) == 0


def test_prove_due_leaves_it_to_whoever_does_it_already(now: datetime) -> None:
    busy, due = make_schedule(), make_schedule()
    ScheduleWatch.objects.create(schedule=busy, leased_until=now + timedelta(minutes=1))
    ScheduleWatch.objects.create(schedule=due, due_at=now)

    assert coverage.prove_due(at=now) == 0
    assert coverage.prove_due(at=now + timedelta(minutes=1)) == 1


def test_proof_that_fails_is_tried_again_later(
    now: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(outlook: coverage.Outlook) -> list[coverage.Found]:
        raise ValueError("no")

    make_schedule()
    monkeypatch.setattr("roster.coverage.proof._checks", [fail])

    assert coverage.prove_due(at=now) == 1

    [watch] = ScheduleWatch.objects.all()
    assert watch.last_error == "ValueError"
    assert watch.due_at is not None
    assert watch.due_at > now
    assert not CoverageFinding.objects.exists()
    assert "Could not prove" in caplog.text


def test_proof_asks_the_same_number_of_queries_for_any_number(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    training = make_qualification()
    for number in range(3):
        make_schedule(
            make_person(slug=f"one-{number}"),
            make_person(slug=f"two-{number}"),
            qualification=training,
        )
    coverage.prove_due(at=now)
    few = CoverageFinding.objects.count()
    for number in range(9):
        make_schedule(make_person(slug=f"three-{number}"), qualification=training)
    ScheduleWatch.objects.update(due_at=now)

    with django_assert_num_queries(41):
        coverage.prove_due(at=now)

    assert CoverageFinding.objects.count() > few


# --- Telling ------------------------------------------------------------------------------------


@pytest.fixture
def editor(user_with: Callable[..., User]) -> Person:
    return make_person(slug="editor", user=user_with("roster.resolve_coverage"))


def told(person: Person) -> list[tuple[str, list[int]]]:
    rows = Notice.objects.filter(person=person).order_by("pk")
    return [(row.kind, row.data.get("findings", [row.data.get("finding")])) for row in rows]


def test_editors_are_told_once_of_all_that_is_new(now: datetime, editor: Person) -> None:
    make_schedule()
    make_schedule()

    coverage.prove(at=now)
    coverage.prove(at=now + timedelta(minutes=1))

    pks = list(CoverageFinding.objects.order_by("starts_at", "pk").values_list("pk", flat=True))
    assert told(editor) == [(NoticeKind.COVERAGE_FINDINGS, pks)]


def test_superusers_are_editors_and_others_are_not(
    now: datetime, user_with: Callable[..., User]
) -> None:
    root = User.objects.create_superuser("root", "root@example.com", "pass")
    superuser = make_person(user=root)
    viewer = make_person(user=user_with("roster.view_schedule"))
    left = make_person(user=user_with("roster.resolve_coverage", username="left"), is_active=False)
    make_schedule()

    coverage.prove(at=now)

    assert len(told(superuser)) == 1
    assert told(viewer) == told(left) == []


def test_team_lead_is_told_of_own_schedules_only(now: datetime) -> None:
    lead = make_person()
    own = make_schedule(team=make_team(lead=lead))
    make_schedule()

    coverage.prove(at=now)

    assert told(lead) == [(NoticeKind.COVERAGE_FINDINGS, [own.findings.get().pk])]


@pytest.mark.parametrize(
    ("gap_in", "urgency"),
    [(timedelta(hours=1), Urgency.HIGH), (timedelta(hours=3), Urgency.LOW)],
)
def test_gap_that_is_near_is_urgent(
    now: datetime, editor: Person, gap_in: timedelta, urgency: str
) -> None:
    make_schedule(make_ready("ana"), make_ready("bo"))
    Layer.objects.update(effective_until=now + gap_in)

    coverage.prove(at=now)

    assert Notice.objects.get(person=editor).urgency == urgency


def test_time_off_is_told_some_days_ahead_to_editors_and_the_person(
    now: datetime, editor: Person, settings: object
) -> None:
    ana = make_ready("ana")
    make_schedule(ana, make_ready("bo"))
    starts_at = datetime(2026, 3, 18, tzinfo=UTC)  # sixteen days ahead
    TimeOff.objects.create(person=ana, starts_at=starts_at, ends_at=starts_at + timedelta(days=1))

    coverage.prove(at=now)
    early = told(editor)
    coverage.prove(at=now + timedelta(days=3))
    coverage.prove(at=now + timedelta(days=4))

    finding = CoverageFinding.objects.get(kind=FindingKind.TIME_OFF)
    assert early == []
    assert told(editor) == [(NoticeKind.TIME_OFF_CONFLICT, [finding.pk])]
    assert told(ana) == [(NoticeKind.TIME_OFF_CONFLICT, [finding.pk])]


def test_expiring_qualification_is_told_once_unless_renewed(now: datetime, editor: Person) -> None:
    training = make_qualification()
    ending, renewed, later = make_ready("ana"), make_ready("bo"), make_ready("cy")
    grant = make_grant(ending, training, expires_on=date(2026, 4, 1))
    make_grant(renewed, training, expires_on=date(2026, 4, 1))
    make_grant(renewed, training, granted_on=date(2026, 3, 1))
    make_grant(later, training, expires_on=date(2026, 4, 2))

    coverage.prove(at=now)
    coverage.prove(at=now + timedelta(minutes=1))

    assert [row.kind for row in Notice.objects.filter(person=ending)] == [
        NoticeKind.QUALIFICATION_EXPIRES
    ]
    [digest] = Notice.objects.filter(person=editor)
    assert digest.data == {"findings": [], "expiring": [grant.pk]}
    assert not Notice.objects.filter(person__in=[renewed, later]).exists()


# --- When two finds are the same one -------------------------------------------------------------

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, tzinfo=UTC)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 40)), max_size=12),
    st.integers(0, 7 * 24),
)
def test_episodes_name_each_stretch_ahead_once(parts: list[tuple[int, int]], hour: int) -> None:
    stretches, clock = [], START
    for pause, length in parts:
        begins = clock + pause * HOUR
        clock = begins + length * HOUR
        stretches.append((begins, clock))
    at = START + hour * HOUR

    found = episodes(stretches, since=START, at=at, until=clock)

    ahead = [stretch for stretch in stretches if stretch[1] > at]
    assert sum(each.count for each in found) == len(ahead)
    assert [each.starts_at for each in found][:1] == [begins for begins, _ in ahead][:1]
    assert len(found) < 3
    assert len({each.mark for each in found}) == len(found)
