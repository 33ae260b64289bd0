"""Overrides in the admin: lists of shifts, telling people, and a look before taking one back."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from roster import oncall
from roster.models import (
    Coverage,
    CoverageWindow,
    Layer,
    Notice,
    Override,
    OverrideShift,
    Person,
    Schedule,
    ScheduleWatch,
)
from tests.factories.roster import make_override, make_person, make_policy, make_schedule

pytestmark = pytest.mark.django_db

# A Wednesday; turns are weeks from Mondays 09:00 UTC, and cy has this one.
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def frozen() -> Any:  # a generator fixture
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people() -> list[Person]:
    return [make_person(slug=slug) for slug in ("ana", "bo", "cy")]


def management(prefix: str, total: int, initial: int = 0) -> dict[str, str]:
    return {f"{prefix}-TOTAL_FORMS": str(total), f"{prefix}-INITIAL_FORMS": str(initial)}


def moments(prefix: str, start: datetime, end: datetime) -> dict[str, str]:
    return {
        f"{prefix}starts_at_0": f"{start:%Y-%m-%d}",
        f"{prefix}starts_at_1": f"{start:%H:%M}",
        f"{prefix}ends_at_0": f"{end:%Y-%m-%d}",
        f"{prefix}ends_at_1": f"{end:%H:%M}",
    }


def form(schedule: Schedule, *shifts: tuple[Person, int, int], **changed: str) -> dict[str, str]:
    """An override from one hour from now, for ten, which lists these shifts in hours from now."""
    found = {
        "schedule": str(schedule.pk),
        "kind": "temporary",
        "person": "",
        "replaces": "",
        **moments("", NOW + HOUR, NOW + 11 * HOUR),
        "reason": "Move to the new office",
        **management("shifts", len(shifts)),
    }
    for number, (person, start, end) in enumerate(shifts):
        prefix = f"shifts-{number}-"
        found[f"{prefix}person"] = str(person.pk)
        found |= moments(prefix, NOW + start * HOUR, NOW + end * HOUR)
    return found | changed


def who(schedule: Schedule, *hours: int) -> str:
    moments = [NOW + hour * HOUR for hour in hours]
    return " ".join(
        "+".join(each.person.slug for each in oncall.on_call([schedule], at)[schedule.pk]) or "-"
        for at in moments
    )


def test_listed_shifts_are_all_that_counts(admin_client: Client, people: list[Person]) -> None:
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)

    response = admin_client.post(
        reverse("admin:roster_override_add"), form(schedule, (ana, 1, 4), (bo, 6, 11)), follow=True
    )

    assert who(schedule, 0, 1, 4, 6, 11) == "cy ana - bo cy"
    assert "Told Ana, Bo and Cy, whose shifts change by this." in unescape(response.text)
    assert Notice.objects.count() == 3


@pytest.mark.parametrize(
    ("shifts", "errors"),
    [
        ((0, 4), [{"starts_at": ["This is before the override starts."]}]),
        ((2, 12), [{"ends_at": ["This is after the override ends."]}]),
        ((4, 2), [{"ends_at": ["A shift must end after it starts."]}]),
    ],
)
def test_listed_shift_outside_its_override_is_refused_on_its_field(
    admin_client: Client, people: list[Person], shifts: tuple[int, int], errors: list
) -> None:
    response = admin_client.post(
        reverse("admin:roster_override_add"), form(make_schedule(), (people[0], *shifts))
    )

    [inline] = response.context["inline_admin_formsets"]
    assert inline.formset.errors == errors
    assert (Override.objects.count(), OverrideShift.objects.count()) == (0, 0)


def test_list_of_no_shifts_is_refused(admin_client: Client) -> None:
    response = admin_client.post(reverse("admin:roster_override_add"), form(make_schedule()))

    [inline] = response.context["inline_admin_formsets"]
    assert inline.formset.non_form_errors() == [
        "List at least one shift: without any, nobody would be on call."
    ]
    assert Override.objects.count() == 0


def test_shifts_of_another_kind_are_refused(admin_client: Client, people: list[Person]) -> None:
    typed = form(make_schedule(), (people[0], 1, 4), kind="override", person=str(people[1].pk))

    response = admin_client.post(reverse("admin:roster_override_add"), typed)

    [inline] = response.context["inline_admin_formsets"]
    assert inline.formset.non_form_errors() == [
        "Remove these, or choose “Only the shifts listed count” as the kind."
    ]
    assert Override.objects.count() == 0


def test_override_that_ends_before_it_starts_is_refused_with_everything_typed_kept(
    admin_client: Client, people: list[Person]
) -> None:
    typed = form(make_schedule(), (people[0], 1, 4)) | moments("", NOW + 5 * HOUR, NOW + 3 * HOUR)

    response = admin_client.post(reverse("admin:roster_override_add"), typed)

    page = response.context["adminform"].form
    assert page.errors == {"ends_at": ["An override must end after it starts."]}
    assert page["reason"].value() == "Move to the new office"


def make_listed(schedule: Schedule, person: Person, start: int, end: int) -> Override:
    override = Override.objects.create(
        schedule=schedule,
        kind="temporary",
        starts_at=NOW + start * HOUR,
        ends_at=NOW + end * HOUR,
    )
    override.shifts.create(person=person, starts_at=override.starts_at, ends_at=override.ends_at)
    return override


@pytest.mark.parametrize("page", ["changelist", "change", "history"])
def test_pages_show_an_override_that_names_nobody(
    admin_client: Client, people: list[Person], page: str
) -> None:
    override = make_listed(make_schedule(), people[0], 1, 4)
    args = [] if page == "changelist" else [override.pk]

    response = admin_client.get(reverse(f"admin:roster_override_{page}", args=args))

    assert response.status_code == 200
    schedule_page = reverse("admin:roster_schedule_change", args=[override.schedule_id])
    assert "Shifts listed" in admin_client.get(schedule_page).text


def test_shifts_of_a_list_that_has_begun_stay(admin_client: Client, people: list[Person]) -> None:
    ana, bo, _ = people
    schedule = make_schedule()
    override = make_listed(schedule, ana, -2, 4)
    [line] = override.shifts.all()
    typed = form(schedule, (bo, -2, 4)) | management("shifts", 1, 1)
    typed |= {"shifts-0-id": str(line.pk)} | moments("", NOW - 2 * HOUR, NOW + 2 * HOUR)

    admin_client.post(reverse("admin:roster_override_change", args=[override.pk]), typed)

    override.refresh_from_db()
    assert override.ends_at == NOW + 2 * HOUR
    assert [shift.person for shift in override.shifts.all()] == [ana]
    assert who(schedule, 1, 3) == "ana -"


def test_override_made_by_an_editor_is_told_to_the_others(
    client: Client, user_with: Callable[..., User], people: list[Person]
) -> None:
    ana, bo, cy = people
    user = user_with("roster.view_override", "roster.add_override", "roster.view_schedule")
    Person.objects.filter(pk=ana.pk).update(user=user)
    schedule = make_schedule(ana, bo, cy)
    client.force_login(user)

    client.post(
        reverse("admin:roster_override_add"), form(schedule, kind="override", person=str(ana.pk))
    )

    assert who(schedule, 1) == "ana"
    assert [notice.person for notice in Notice.objects.all()] == [cy]
    assert ScheduleWatch.objects.get(schedule=schedule).due_at == NOW


def test_taking_back_shows_what_comes_back_first(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    override = make_override(
        schedule, bo, starts_at=NOW + HOUR, ends_at=NOW + 3 * HOUR, reason="Dentist"
    )
    address = reverse("admin:roster_override_withdraw", args=[override.pk])

    look = " ".join(unescape(re.sub(r"<[^>]+>", " ", admin_client.get(address).text)).split())
    assert "Bo Before Wed 4 Mar 13:00 to Wed 4 Mar 15:00 After no shift" in look
    assert Override.objects.count() == 1

    admin_client.post(address, {"_back": "1"})
    assert Override.objects.count() == 1

    admin_client.post(address, {"_reviewed": "1"})
    assert Override.objects.count() == 0
    assert {notice.person.slug for notice in Notice.objects.all()} == {"bo", "cy"}


def test_taking_back_needs_the_right(
    client: Client, user_with: Callable[..., User], people: list[Person]
) -> None:
    override = make_override(
        make_schedule(), people[0], starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR
    )
    client.force_login(user_with("roster.view_override"))

    response = client.post(reverse("admin:roster_override_withdraw", args=[override.pk]))

    assert (response.status_code, Override.objects.count()) == (403, 1)


def test_override_that_is_over_is_not_taken_back(
    admin_client: Client, people: list[Person]
) -> None:
    override = make_override(
        make_schedule(), people[0], starts_at=NOW - 2 * HOUR, ends_at=NOW - HOUR
    )
    address = reverse("admin:roster_override_withdraw", args=[override.pk])

    response = admin_client.get(address, follow=True)

    assert "is over, and stays on record. There is nothing to end." in response.text


# --- Schedules -----------------------------------------------------------------------------------


def schedule_form(schedule: Schedule, **changed: str) -> dict[str, str]:
    return {
        "name": schedule.name,
        "slug": schedule.slug,
        "time_zone": schedule.time_zone,
        "coverage": schedule.coverage,
        "rest_hours": str(schedule.rest_hours),
        "is_primary": "on",
        "is_active": "on",
        **management("coverage_windows", 0),
        **management("layers", 0),
        **management("overrides", 0),
        **changed,
    }


def windows(*spans: tuple[str, str, str, str]) -> dict[str, str]:
    found = management("coverage_windows", len(spans))
    for number, span in enumerate(spans):
        names = ("opens_on", "opens_at", "closes_on", "closes_at")
        pairs = zip(names, span, strict=True)
        found |= {f"coverage_windows-{number}-{name}": value for name, value in pairs}
    return found


def test_another_zone_leaves_the_past_and_tells_people(
    admin_client: Client, people: list[Person]
) -> None:
    schedule = make_schedule(*people)
    before = who(schedule, -72, -48, -24)

    response = admin_client.post(
        reverse("admin:roster_schedule_change", args=[schedule.pk]),
        schedule_form(schedule, time_zone="Asia/Tokyo"),
    )

    assert response.status_code == 302
    stored = Schedule.objects.get(pk=schedule.pk)
    assert stored.time_zone == "Asia/Tokyo"
    assert who(stored, -72, -48, -24) == before
    assert Layer.objects.filter(schedule=schedule, time_zone="UTC").count() == 1
    assert Notice.objects.count() == 3


def test_hours_that_must_be_covered_are_entered_with_the_schedule(
    admin_client: Client,
) -> None:
    schedule = make_schedule()

    admin_client.post(
        reverse("admin:roster_schedule_change", args=[schedule.pk]),
        schedule_form(schedule, coverage="hours", **windows(("0", "09:00", "4", "17:00"))),
    )

    assert Schedule.objects.get(pk=schedule.pk).coverage == Coverage.HOURS
    assert [str(window) for window in CoverageWindow.objects.all()] == [
        "Monday 09:00 to Friday 17:00"
    ]
    assert ScheduleWatch.objects.get(schedule=schedule).due_at == NOW


@pytest.mark.parametrize(
    ("spans", "sentence"),
    [
        ((), "List the hours that must be covered."),
        (
            (("0", "09:00", "4", "17:00"), ("3", "09:00", "3", "12:00")),
            "Two of these windows overlap.",
        ),
    ],
)
def test_hours_that_make_no_sense_are_refused(
    admin_client: Client, spans: tuple[tuple[str, str, str, str], ...], sentence: str
) -> None:
    schedule = make_schedule()

    response = admin_client.post(
        reverse("admin:roster_schedule_change", args=[schedule.pk]),
        schedule_form(schedule, coverage="hours", **windows(*spans)),
    )

    assert response.context["inline_admin_formsets"][0].formset.non_form_errors() == [sentence]
    assert Schedule.objects.get(pk=schedule.pk).coverage == Coverage.ALWAYS


def test_schedule_made_inactive_warns_of_policies_that_page_it(admin_client: Client) -> None:
    schedule = make_schedule(name="Payments")
    make_policy(schedule, name="Checkout")
    typed = schedule_form(schedule)
    del typed["is_active"]

    response = admin_client.post(
        reverse("admin:roster_schedule_change", args=[schedule.pk]), typed, follow=True
    )

    assert "Payments is inactive, and still paged by: Checkout." in response.text
    assert not Schedule.objects.get(pk=schedule.pk).is_active


def test_override_entered_below_its_schedule_is_told(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    override = {
        **management("overrides", 1),
        "overrides-0-kind": "override",
        "overrides-0-person": str(ana.pk),
        **moments("overrides-0-", NOW + HOUR, NOW + 2 * HOUR),
    }

    response = admin_client.post(
        reverse("admin:roster_schedule_change", args=[schedule.pk]),
        schedule_form(schedule) | override,
        follow=True,
    )

    assert who(schedule, 1) == "ana"
    assert "Told Ana and Cy, whose shifts change by this." in unescape(response.text)
