"""People without the qualification that a schedule asks for, wherever they are put on call."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from roster.actors import Actor
from roster.admin.review import REVIEWED
from roster.errors import DomainError
from roster.models import (
    Layer,
    Override,
    OverrideShift,
    Person,
    QualificationException,
    Schedule,
)
from roster.override_changes import change_override, enter_override
from tests.factories.qualifications import make_grant, make_qualification
from tests.factories.roster import make_person, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

type UserWith = Callable[..., User]
EDITOR = Actor(None, "Bo", "admin")
SENTENCE = (
    "Ana does not hold “Storage”. Choose somebody else, or say here why it is all right this "
    "time; the reason stays on record."
)


@pytest.fixture
def schedule() -> Schedule:
    """Of trained people; Ana is not."""
    training = make_qualification(name="Storage")
    trained = make_person(name="Cy")
    make_grant(trained, training)
    return make_schedule(trained, name="Storage on call", qualification=training)


@pytest.fixture
def ana() -> Person:
    return make_person(name="Ana")


def draft(schedule: Schedule, person: Person | None, at: datetime, **fields: object) -> Override:
    values = {"starts_at": at, "ends_at": at + timedelta(hours=2)} | fields
    return Override(schedule=schedule, person=person, **values)


def exceptions() -> list[tuple[str, str, str]]:
    rows = QualificationException.objects.order_by("pk")
    return [(row.person.name, row.reason, row.allowed_by_name) for row in rows]


# --- Overrides -------------------------------------------------------------------------------


def test_override_by_somebody_untrained_needs_a_reason(
    schedule: Schedule, ana: Person, now: datetime
) -> None:
    with pytest.raises(DomainError) as refusal:
        enter_override(draft(schedule, ana, now), by=EDITOR, at=now)

    assert (refusal.value.code, refusal.value.fields) == ("not_qualified", {"reason": [SENTENCE]})
    assert not Override.objects.exists()


def test_override_by_somebody_untrained_is_entered_and_its_reason_kept(
    schedule: Schedule, ana: Person, now: datetime
) -> None:
    enter_override(draft(schedule, ana, now, reason="Cy is ill"), by=EDITOR, at=now)

    assert Override.objects.get().person == ana
    assert exceptions() == [("Ana", "Cy is ill", "Bo")]


def test_listed_shifts_are_checked_too(schedule: Schedule, ana: Person, now: datetime) -> None:
    override = draft(schedule, None, now, kind=Override.Kind.TEMPORARY)
    shift = OverrideShift(person=ana, starts_at=now, ends_at=now + timedelta(hours=1))

    with pytest.raises(DomainError) as refusal:
        enter_override(override, [shift], by=EDITOR, at=now)

    assert refusal.value.code == "not_qualified"


def test_taking_somebody_untrained_off_needs_no_reason(
    schedule: Schedule, ana: Person, now: datetime
) -> None:
    override = draft(schedule, ana, now, kind=Override.Kind.REMOVE)

    enter_override(override, by=EDITOR, at=now)

    assert exceptions() == []


def test_override_changed_to_somebody_untrained_needs_a_reason(
    schedule: Schedule, ana: Person, now: datetime
) -> None:
    trained = Person.objects.get(name="Cy")
    override = draft(schedule, trained, now + timedelta(hours=1))
    override.ends_at = now + timedelta(hours=4)
    enter_override(override, by=EDITOR, at=now)
    override.person = ana

    with pytest.raises(DomainError) as refusal:
        change_override(override, by=EDITOR, at=now)

    assert refusal.value.code == "not_qualified"


def test_override_form_of_a_schedule_s_page_asks_for_the_reason(
    schedule: Schedule, ana: Person, now: datetime, user_with: UserWith, client: Client
) -> None:
    client.force_login(
        user_with("roster.view_schedule", "roster.change_schedule", "roster.add_override")
    )
    begins = timezone.localtime(now)

    answer = client.post(
        reverse("admin:roster_override_add"),
        {
            "schedule": schedule.pk,
            "kind": "override",
            "person": ana.pk,
            "starts_at_0": f"{begins:%Y-%m-%d}",
            "starts_at_1": f"{begins:%H:%M}",
            "ends_at_0": f"{begins:%Y-%m-%d}",
            "ends_at_1": "23:00",
            "shifts-TOTAL_FORMS": 0,
            "shifts-INITIAL_FORMS": 0,
        },
    )

    assert answer.context["adminform"].form.errors == {"reason": [SENTENCE]}
    assert not Override.objects.exists()


# --- Layers ----------------------------------------------------------------------------------


@pytest.fixture
def editor(user_with: UserWith, client: Client) -> Client:
    rights = [
        f"roster.{verb}_{what}"
        for verb in ("view", "add", "change")
        for what in ("layer", "participant", "layerwindow")
    ]
    client.force_login(user_with("roster.view_schedule", *rights))
    return client


def add_layer(editor: Client, schedule: Schedule, person: Person, **fields: str) -> str:
    answer = editor.post(
        f"{reverse('admin:roster_layer_add')}?schedule={schedule.pk}",
        {
            "schedule": schedule.pk,
            "name": "Second",
            "position": 2,
            "starts_on": "2026-03-09",
            "handoff_time": "09:00",
            "length": 1,
            "unit": "week",
            "turns": "elapsed",
            "participants-TOTAL_FORMS": 1,
            "participants-INITIAL_FORMS": 0,
            "participants-0-position": 1,
            "participants-0-person": person.pk,
            "windows-TOTAL_FORMS": 0,
            "windows-INITIAL_FORMS": 0,
            REVIEWED: "yes",
            **fields,
        },
    )
    return answer.content.decode()


def test_layer_that_lists_somebody_untrained_needs_a_reason(
    editor: Client, schedule: Schedule, ana: Person
) -> None:
    page = add_layer(editor, schedule, ana)

    assert SENTENCE in page
    assert Layer.objects.count() == 1


def test_layer_that_lists_somebody_untrained_keeps_the_reason(
    editor: Client, schedule: Schedule, ana: Person
) -> None:
    add_layer(editor, schedule, ana, exception_reason="Learns with Cy")

    assert Layer.objects.filter(name="Second").count() == 1
    assert exceptions() == [("Ana", "Learns with Cy", "someone")]


def test_layer_of_trained_people_asks_for_nothing(editor: Client, schedule: Schedule) -> None:
    add_layer(editor, schedule, Person.objects.get(name="Cy"))

    assert Layer.objects.filter(name="Second").count() == 1
    assert exceptions() == []


def test_reason_is_asked_for_only_where_a_schedule_needs_training(
    editor: Client, schedule: Schedule
) -> None:
    url = reverse("admin:roster_layer_add")

    asked = editor.get(url, {"schedule": schedule.pk}).content.decode()
    other = editor.get(url, {"schedule": make_schedule().pk}).content.decode()

    assert 'name="exception_reason"' in asked
    assert 'name="exception_reason"' not in other


def test_those_listed_before_are_not_asked_about_again(
    editor: Client, schedule: Schedule, ana: Person
) -> None:
    layer = Layer.objects.get()
    layer.participants.update(person=ana)
    row = layer.participants.get()

    answer = editor.post(
        reverse("admin:roster_layer_change", args=[layer.pk]),
        {
            "name": "Renamed",
            "position": 1,
            "starts_on": "2026-01-05",
            "handoff_time": "09:00",
            "length": 1,
            "unit": "week",
            "turns": "elapsed",
            "effect": "now",
            "participants-TOTAL_FORMS": 1,
            "participants-INITIAL_FORMS": 1,
            "participants-0-id": row.pk,
            "participants-0-layer": layer.pk,
            "participants-0-position": 1,
            "participants-0-person": ana.pk,
            "windows-TOTAL_FORMS": 0,
            "windows-INITIAL_FORMS": 0,
            REVIEWED: "yes",
        },
    )

    assert answer.status_code == 302
    assert Layer.objects.get().name == "Renamed"
    assert exceptions() == []
