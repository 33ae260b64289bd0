"""Qualifications, shadowing and lines of command, as roster editors keep them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from roster.models import (
    ConfidenceRating,
    Person,
    Qualification,
    QualificationGrant,
    ScheduleWatch,
    Shadowing,
)
from tests.factories.qualifications import make_grant, make_qualification, make_shadowing
from tests.factories.roster import make_person, make_schedule, make_team

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

type UserWith = Callable[..., User]
EDITOR = (
    "roster.view_person",
    "roster.change_person",
    "roster.view_qualification",
    "roster.add_qualification",
    "roster.change_qualification",
    "roster.view_qualificationgrant",
    "roster.add_qualificationgrant",
    "roster.change_qualificationgrant",
    "roster.view_schedule",
    "roster.view_shadowing",
    "roster.add_shadowing",
    "roster.change_shadowing",
    "roster.delete_shadowing",
)


@pytest.fixture
def editor(user_with: UserWith, client: Client) -> Client:
    client.force_login(user_with(*EDITOR))
    return client


def moment_of(name: str, value: datetime) -> dict[str, str]:
    """A split date and time, as the form sends it."""
    local = timezone.localtime(value)
    return {f"{name}_0": f"{local:%Y-%m-%d}", f"{name}_1": f"{local:%H:%M:%S}"}


# --- Qualifications -------------------------------------------------------------------------------


def test_grant_entered_alone_expires_by_itself(editor: Client) -> None:
    training, person = make_qualification(valid_months=6), make_person()
    schedule = make_schedule(qualification=training)

    editor.post(
        reverse("admin:roster_qualificationgrant_add"),
        {
            "person": person.pk,
            "qualification": training.pk,
            "granted_on": "2026-03-01",
            "expires_on": "",
            "earned_by": "drill",
            "evidence": "Drill 7",
        },
    )

    granted = QualificationGrant.objects.get()
    assert (granted.person, granted.expires_on) == (person, date(2026, 9, 1))
    assert ScheduleWatch.objects.filter(schedule=schedule).exists()


def test_grant_held_as_long_already_is_refused_on_the_form(editor: Client) -> None:
    training, person = make_qualification(), make_person(name="Ana")
    make_grant(person, training)

    answer = editor.post(
        reverse("admin:roster_qualificationgrant_add"),
        {
            "person": person.pk,
            "qualification": training.pk,
            "granted_on": "2026-03-01",
            "earned_by": "drill",
        },
    )

    assert f"Ana holds “{training}” without end already." in answer.content.decode()
    assert QualificationGrant.objects.count() == 1


def test_grants_of_a_person_show_whether_they_hold(editor: Client) -> None:
    person = make_person()
    for name, expires_on in (
        ("Network", None),
        ("Storage", date(2026, 3, 20)),
        ("Database", date(2026, 3, 2)),
    ):
        make_grant(person, make_qualification(name=name, slug=name), expires_on=expires_on)

    page = editor.get(reverse("admin:roster_person_change", args=[person.pk])).content.decode()

    for status in ("Valid", "Expires soon", "Expired"):
        assert f">{status}</span>" in page


@pytest.mark.parametrize(
    ("status", "expected"),
    [("valid", {"network", "storage"}), ("soon", {"storage"}), ("expired", {"database"})],
)
def test_grants_are_filtered_by_status(editor: Client, status: str, expected: set[str]) -> None:
    person = make_person()
    for slug, expires_on in (
        ("network", None),
        ("storage", date(2026, 3, 20)),
        ("database", date(2026, 3, 2)),
    ):
        make_grant(person, make_qualification(slug=slug), expires_on=expires_on)

    answer = editor.get(reverse("admin:roster_qualificationgrant_changelist"), {"status": status})

    assert {row.qualification.slug for row in answer.context["cl"].result_list} == expected


@pytest.mark.parametrize("count", [1, 3])
def test_grants_ask_a_constant_number_of_queries(
    editor: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_grant(make_person(), make_qualification())
    url = reverse("admin:roster_qualificationgrant_changelist")
    editor.get(url)

    with django_assert_num_queries(7):
        assert len(editor.get(url).context["cl"].result_list) == count


def test_qualification_must_not_need_itself(editor: Client) -> None:
    first = make_qualification(name="First", slug="first")
    second = make_qualification(name="Second", slug="second", requires=first)

    answer = editor.post(
        reverse("admin:roster_qualification_change", args=[first.pk]),
        {
            "name": "First",
            "slug": "first",
            "requires": second.pk,
            "shadow_shifts": 0,
            "reverse_shadow_shifts": 0,
        },
    )

    assert "Each would need the other first." in answer.content.decode()
    assert Qualification.objects.get(pk=first.pk).requires is None


def test_one_qualification_is_granted_to_several_people(editor: Client) -> None:
    training = make_qualification(name="Database", valid_months=12)
    ana, bo = make_person(name="Ana"), make_person(name="Bo")
    make_grant(bo, training)
    chosen = editor.post(
        reverse("admin:roster_person_changelist"),
        {"action": "grant_qualification", "_selected_action": [ana.pk, bo.pk]},
    )

    answer = editor.post(
        chosen.headers["Location"].partition("?")[0],
        {
            "person": [ana.pk, bo.pk],
            "qualification": training.pk,
            "granted_on": "2026-03-02",
            "earned_by": "course",
        },
        follow=True,
    )

    said = [str(message) for message in answer.context["messages"]]
    assert said == [
        "Bo: Bo holds “Database” without end already.",
        "Granted “Database” to 1.",
    ]
    assert QualificationGrant.objects.get(person=ana).expires_on == date(2027, 3, 2)


def test_granting_to_several_shows_whom_and_changes_nothing_by_get(editor: Client) -> None:
    ana = make_person(name="Ana")
    make_qualification()

    page = editor.get(f"{reverse('admin:roster_person_grant')}?person={ana.pk}")

    assert "Ana" in page.content.decode()
    assert not QualificationGrant.objects.exists()


def test_granting_needs_its_permission(user_with: UserWith, client: Client) -> None:
    client.force_login(user_with("roster.view_person", "roster.change_person"))
    person, training = make_person(), make_qualification()

    answer = client.post(
        reverse("admin:roster_person_grant"),
        {"person": person.pk, "qualification": training.pk, "granted_on": "2026-03-02"},
    )

    assert answer.status_code == 403
    assert not QualificationGrant.objects.exists()


# --- The path -------------------------------------------------------------------------------------


def test_path_shows_what_is_left_to_do(editor: Client) -> None:
    training = make_qualification(name="Database", shadow_shifts=2, reverse_shadow_shifts=1)
    person = make_person()
    schedule = make_schedule(qualification=training)
    make_shadowing(schedule, person, starts_at=datetime(2026, 2, 2, 9, tzinfo=UTC))

    page = editor.get(reverse("admin:roster_person_path", args=[person.pk])).content.decode()

    assert "1 of 2" in page
    assert "0 of 1" in page
    assert "On the way" in page


def test_path_shows_ratings_to_the_person_and_to_those_who_may(
    editor: Client, user_with: UserWith, client: Client
) -> None:
    own_login = user_with(username="own")
    person = make_person(user=own_login)
    ConfidenceRating.objects.create(
        person=person, to_respond=4, to_lead=2, note="Still shaky", at=timezone.now()
    )
    url = reverse("admin:roster_person_path", args=[person.pk])

    for_editor = editor.get(url).content.decode()
    client.force_login(own_login)
    for_oneself = client.get(url).content.decode()

    assert "Still shaky" not in for_editor
    assert "Still shaky" in for_oneself


def test_path_of_others_needs_the_right_to_see_grants(user_with: UserWith, client: Client) -> None:
    client.force_login(user_with("roster.view_person"))

    answer = client.get(reverse("admin:roster_person_path", args=[make_person().pk]))

    assert answer.status_code == 403


@pytest.mark.parametrize("count", [1, 3])
def test_path_asks_a_constant_number_of_queries(
    editor: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    person = make_person()
    for _ in range(count):
        training = make_qualification()
        make_grant(person, training)
        make_shadowing(make_schedule(qualification=training), person)
    url = reverse("admin:roster_person_path", args=[person.pk])

    with django_assert_num_queries(11):
        editor.get(url)


# --- Shadowing ------------------------------------------------------------------------------------


def test_shadowing_is_entered_from_its_schedule(editor: Client, now: datetime) -> None:
    schedule, learner = make_schedule(make_person()), make_person()
    filled_in = editor.get(reverse("admin:roster_shadowing_add"), {"schedule": schedule.pk})

    editor.post(
        reverse("admin:roster_shadowing_add"),
        {
            "schedule": schedule.pk,
            "kind": "shadow",
            "person": learner.pk,
            **moment_of("starts_at", now + timedelta(days=1)),
            **moment_of("ends_at", now + timedelta(days=2)),
        },
    )

    assert str(schedule) in filled_in.content.decode()
    assert Shadowing.objects.get().person == learner


def test_shadowing_refusals_stand_on_their_field(editor: Client, now: datetime) -> None:
    schedule = make_schedule(make_person())

    answer = editor.post(
        reverse("admin:roster_shadowing_add"),
        {
            "schedule": schedule.pk,
            "kind": "reverse",
            "person": make_person().pk,
            **moment_of("starts_at", now + timedelta(days=1)),
            **moment_of("ends_at", now + timedelta(days=2)),
        },
    )

    errors = answer.context["adminform"].form.errors
    assert errors == {"follows": ["Say which trainee this person stands by."]}


def test_shadowing_that_has_begun_can_only_be_cut_short(editor: Client, now: datetime) -> None:
    row = make_shadowing(make_schedule(), make_person(), starts_at=now - timedelta(hours=1))
    url = reverse("admin:roster_shadowing_change", args=[row.pk])

    editor.post(
        url,
        {"person": make_person().pk, **moment_of("ends_at", now + timedelta(hours=1))},
    )
    deleted = editor.post(reverse("admin:roster_shadowing_delete", args=[row.pk]), {"post": "yes"})

    kept = Shadowing.objects.get()
    assert (kept.person, kept.ends_at) == (row.person, now + timedelta(hours=1))
    assert deleted.status_code == 403


@pytest.mark.parametrize("count", [1, 3])
def test_shadowings_ask_a_constant_number_of_queries(
    editor: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_shadowing(make_schedule(), make_person(), follows=make_person())
    url = reverse("admin:roster_shadowing_changelist")
    editor.get(url)

    with django_assert_num_queries(7):
        assert len(editor.get(url).context["cl"].result_list) == count


# --- Lines of command -----------------------------------------------------------------------------


def test_person_cannot_stand_above_themselves() -> None:
    boss = make_person(name="Boss")
    lead = make_person(reports_to=boss)
    worker = make_person(reports_to=lead)
    boss.reports_to = worker

    with pytest.raises(ValidationError) as refusal:
        boss.full_clean()

    assert refusal.value.message_dict == {
        "reports_to": ["Boss would stand above itself. Choose another one."]
    }
    Person.objects.get(pk=worker.pk).full_clean()


def test_team_cannot_be_part_of_itself() -> None:
    department = make_team(name="Department")
    part = make_team(part_of=department)
    department.part_of = part

    with pytest.raises(ValidationError) as refusal:
        department.full_clean()

    assert list(refusal.value.message_dict) == ["part_of"]


def test_person_page_asks_who_is_above(editor: Client) -> None:
    boss, person = make_person(), make_person()

    page = editor.get(reverse("admin:roster_person_change", args=[person.pk])).content.decode()

    assert 'name="reports_to"' in page
    assert Person.objects.get(pk=boss.pk).reports.count() == 0
