"""The layer editor: a moment of effect, a look before saving, and word to those concerned."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from roster import oncall
from roster.layer_changes import LayerChange, change_layer
from roster.layer_plans import planned_changes
from roster.models import Layer, LayerWindow, Notice, Participant, Person, Schedule
from tests.factories.roster import make_layer, make_person, make_schedule

pytestmark = pytest.mark.django_db

# A Wednesday; turns are weeks from Mondays 09:00 UTC, and cy has this one.
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 9, tzinfo=UTC)
SAVED = {"_reviewed": "1"}


@pytest.fixture(autouse=True)
def frozen() -> Any:  # a generator fixture
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people() -> list[Person]:
    return [make_person(slug=slug) for slug in ("ana", "bo", "cy")]


def management(prefix: str, total: int, initial: int = 0) -> dict[str, str]:
    return {f"{prefix}-TOTAL_FORMS": str(total), f"{prefix}-INITIAL_FORMS": str(initial)}


def form_of(layer: Layer, *people: Person | None, at: datetime = NOW, **changed: str) -> dict:
    """The change form of `layer` with these people on its turns, in a browser's words."""
    rows = layer.order_at(at)
    form = {
        "name": layer.name,
        "position": str(layer.position),
        "starts_on": str(layer.starts_on),
        "handoff_time": str(layer.handoff_time),
        "length": str(layer.length),
        "unit": layer.unit,
        "time_zone": layer.time_zone,
        "turns": layer.turns,
        "effect": "now",
        **management("participants", len(people), len(rows)),
        **management("windows", layer.windows.count(), layer.windows.count()),
    }
    for number, person in enumerate(people):
        form[f"participants-{number}-position"] = str(number + 1)
        form[f"participants-{number}-person"] = str(person.pk) if person else ""
    for number, row in enumerate(rows):
        form[f"participants-{number}-id"] = str(row.pk)
        if number >= len(people):
            form[f"participants-{number}-position"] = str(row.position)
            form[f"participants-{number}-person"] = str(row.person_id or "")
            form[f"participants-{number}-DELETE"] = "on"
    form["participants-TOTAL_FORMS"] = str(max(len(people), len(rows)))
    return form | changed


def change_url(layer: Layer) -> str:
    return reverse("admin:roster_layer_change", args=[layer.pk])


def who(schedule: Schedule, *moments: datetime) -> str:
    schedule = Schedule.objects.get(pk=schedule.pk)
    return " ".join(
        "+".join(each.person.slug for each in oncall.on_call([schedule], at)[schedule.pk]) or "-"
        for at in moments
    )


def weeks(schedule: Schedule, count: int = 4) -> str:
    return who(schedule, *(NOW + timedelta(weeks=number) for number in range(count)))


def text_of(html: str) -> str:
    """What a person reads: no tags, one space between words."""
    body = re.sub(r"(?s).*<div class=\"review\">", "", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split()).replace(" .", ".")


# --- Reviewing -----------------------------------------------------------------------------------


def test_review_names_everybody_whose_shifts_change_and_saves_nothing(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    layer = schedule.layers.get()
    before = weeks(schedule)

    response = admin_client.post(change_url(layer), form_of(layer, ana, cy))

    text = text_of(response.text)
    assert "This takes effect as soon as you save it." in text
    assert "Bo Before Mon 16 Mar 09:00 to Mon 23 Mar 09:00" in text
    assert "Cy Before" in text
    assert "After Mon 16 Mar 09:00 to Mon 23 Mar 09:00" in text
    assert "Save and tell them" in text
    assert (weeks(schedule), Notice.objects.count()) == (before, 0)


def test_saving_after_the_review_tells_those_whose_shifts_change(
    admin_client: Client, people: list[Person], admin_user: User
) -> None:
    ana, bo, cy = people
    Person.objects.filter(pk=ana.pk).update(user=admin_user)
    schedule = make_schedule(ana, bo, cy)
    layer = schedule.layers.get()

    response = admin_client.post(change_url(layer), form_of(layer, ana, cy) | SAVED, follow=True)

    assert weeks(schedule) == "cy ana cy ana"
    assert [notice.person for notice in Notice.objects.order_by("person__name")] == [bo, cy]
    assert "Told Bo and Cy, whose shifts change by this." in unescape(response.text)


def test_review_carries_everything_typed_and_back_shows_it_again(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    layer = make_schedule(ana, bo, cy).layers.get()
    typed = form_of(layer, cy, ana, name="Renamed", effect="moment") | {
        "takes_effect_at_0": "2026-03-20",
        "takes_effect_at_1": "08:15",
    }
    review = admin_client.post(change_url(layer), typed)
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', review.text)
    carried = {name: unescape(value) for name, value in hidden}
    assert {name: carried.get(name) for name in typed} == typed

    back = admin_client.post(change_url(layer), carried | {"_back": "1"})

    form = back.context["adminform"].form
    assert form["name"].value() == "Renamed"
    assert form.errors == {}
    assert 'value="2026-03-20"' in back.text
    assert 'value="08:15"' in back.text
    assert Layer.objects.get().name == "Weekly"


def test_change_of_nobodys_shifts_is_saved_at_once(
    admin_client: Client, people: list[Person]
) -> None:
    layer = make_schedule(*people).layers.get()

    response = admin_client.post(change_url(layer), form_of(layer, *people, name="Renamed"))

    assert response.status_code == 302
    assert Layer.objects.get().name == "Renamed"
    assert Notice.objects.count() == 0


def test_new_layer_is_reviewed_too(admin_client: Client, people: list[Person]) -> None:
    ana, bo, _ = people
    schedule = make_schedule()
    form = {
        "schedule": str(schedule.pk),
        "name": "Weekly",
        "position": "1",
        "starts_on": "2026-03-09",
        "handoff_time": "09:00",
        "length": "1",
        "unit": "week",
        "turns": "elapsed",
        **management("participants", 2),
        "participants-0-person": str(ana.pk),
        "participants-1-person": str(bo.pk),
        **management("windows", 0),
    }

    review = admin_client.post(reverse("admin:roster_layer_add"), form)
    assert "Ana Before no shift After Mon 9 Mar 09:00 to Mon 16 Mar 09:00" in text_of(review.text)
    assert Layer.objects.count() == 0

    admin_client.post(reverse("admin:roster_layer_add"), form | SAVED)
    assert who(schedule, MONDAY, MONDAY + timedelta(weeks=1)) == "ana bo"
    assert Notice.objects.count() == 2


def test_new_daily_layer_counts_the_days_that_have_hours_unless_said_otherwise(
    admin_client: Client, people: list[Person]
) -> None:
    schedule = make_schedule()
    form = {
        "schedule": str(schedule.pk),
        "name": "Working hours",
        "position": "1",
        "starts_on": "2026-03-09",
        "handoff_time": "09:00",
        "length": "1",
        "unit": "day",
        "turns": "",
        **management("participants", 1),
        "participants-0-person": str(people[0].pk),
        **management("windows", 1),
        "windows-0-opens_on": "0",
        "windows-0-opens_at": "09:00",
        "windows-0-closes_on": "0",
        "windows-0-closes_at": "17:00",
    }

    admin_client.post(reverse("admin:roster_layer_add"), form | SAVED)

    assert Layer.objects.get().turns == "active_days"


def test_person_without_the_right_cannot_save(
    client: Client, user_with: Callable[..., User], people: list[Person]
) -> None:
    layer = make_schedule(*people).layers.get()
    client.force_login(user_with("roster.view_layer", "roster.view_schedule"))

    response = client.post(change_url(layer), form_of(layer, *people[:2]) | SAVED)

    assert response.status_code == 403
    assert layer.participants.count() == 3


# --- The moment ----------------------------------------------------------------------------------


def test_next_handoff_is_offered_with_its_moment(
    admin_client: Client, people: list[Person]
) -> None:
    layer = make_schedule(*people).layers.get()

    page = admin_client.get(change_url(layer))

    choices = page.context["adminform"].form.fields["effect"].choices
    assert [label for _, label in choices] == [
        "Now",
        "At the next handoff (Mon 9 Mar 09:00 UTC)",
        "At another moment",
    ]


def test_change_at_the_next_handoff_leaves_the_present_turn(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    layer = schedule.layers.get()

    admin_client.post(change_url(layer), form_of(layer, ana, bo, effect="handoff") | SAVED)

    [version] = set(
        layer.participants.exclude(effective_at=None).values_list("effective_at", flat=True)
    )
    assert version == MONDAY
    assert who(schedule, NOW, MONDAY, MONDAY + timedelta(weeks=1)) == "cy ana bo"


def test_handoff_that_passes_during_the_review_is_still_meant(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    schedule = make_schedule(ana, bo, cy)
    layer = schedule.layers.get()
    typed = form_of(layer, ana, bo, effect="handoff")
    with time_machine.travel(MONDAY - timedelta(minutes=1), tick=False):
        review = admin_client.post(change_url(layer), typed)
    [moment] = re.findall(r'name="_reviewed_effect" value="([^"]+)"', review.text)

    saved_at = MONDAY + timedelta(minutes=1)
    with time_machine.travel(saved_at, tick=False):
        admin_client.post(change_url(layer), typed | SAVED | {"_reviewed_effect": unescape(moment)})

    versions = layer.participants.exclude(effective_at=None)
    assert set(versions.values_list("effective_at", flat=True)) == {saved_at}


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"effect": "moment"}, {"takes_effect_at": ["Say when."]}),
        (
            {"takes_effect_at_0": "2026-03-20", "takes_effect_at_1": "09:00"},
            {"effect": ["There is a moment below, too. Choose “At another moment”, or clear it."]},
        ),
        (
            {
                "effect": "moment",
                "takes_effect_at_0": "2026-03-01",
                "takes_effect_at_1": "09:00",
            },
            {"takes_effect_at": ["This has passed. Who was on call then stays as it was."]},
        ),
    ],
)
def test_moment_is_refused_on_its_field_with_everything_typed_kept(
    admin_client: Client, people: list[Person], changed: dict, errors: dict
) -> None:
    layer = make_schedule(*people).layers.get()

    response = admin_client.post(
        change_url(layer), form_of(layer, *people[:2], name="Renamed", **changed) | SAVED
    )

    form = response.context["adminform"].form
    assert (form.errors, form["name"].value()) == (errors, "Renamed")
    assert Participant.objects.count() == 3


# --- Planned changes -----------------------------------------------------------------------------


def plan(layer: Layer, people: list[Person], at: datetime) -> None:
    turns = list(enumerate(people, start=1))
    change_layer(layer, LayerChange(participants=turns), takes_effect_at=at, at=NOW)


def test_planned_change_shows_on_the_pages_of_its_layer_and_schedule(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    schedule = make_schedule(ana, bo)
    layer = schedule.layers.get()
    plan(layer, [ana, bo, cy], MONDAY)

    own = admin_client.get(change_url(layer)).text
    above = admin_client.get(reverse("admin:roster_schedule_change", args=[schedule.pk])).text

    assert "From <strong>Mon 9 Mar 2026 09:00</strong>: Ana, Bo, Cy." in own
    assert "<strong>From 9 Mar 2026 09:00: </strong>Ana, Bo, Cy" in above
    assert "<strong></strong>Ana, Bo<" in above


def test_form_shows_the_order_in_force_and_a_link_the_planned_one(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    layer = make_schedule(ana, bo).layers.get()
    plan(layer, [ana, bo, cy], MONDAY)

    now = admin_client.get(change_url(layer))
    later = admin_client.get(f"{change_url(layer)}?at=2026-03-09T09:00:00%2B00:00")

    orders = [
        [form.initial.get("person") for form in page.context["inline_admin_formsets"][0].formset]
        for page in (now, later)
    ]
    assert [[pk for pk in order if pk] for order in orders] == [
        [ana.pk, bo.pk],
        [ana.pk, bo.pk, cy.pk],
    ]


def test_planned_change_is_withdrawn_after_a_look(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    layer = make_schedule(ana, bo).layers.get()
    plan(layer, [ana, bo, cy], MONDAY)
    url = reverse("admin:roster_layer_withdraw", args=[layer.pk])
    address = f"{url}?at=2026-03-09T09:00:00%2B00:00"

    look = admin_client.get(address)
    assert "Take back and tell them" in text_of(look.text)
    assert len(planned_changes([layer], NOW)) == 1

    admin_client.post(address, SAVED)
    assert planned_changes([layer], NOW) == []
    assert Notice.objects.filter(person=cy).count() == 1


def test_review_names_planned_changes_that_this_one_replaces(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    layer = make_schedule(ana, bo).layers.get()
    plan(layer, [ana, bo, cy], NOW + timedelta(weeks=30))

    review = admin_client.post(change_url(layer), form_of(layer, bo, ana))

    assert "This replaces what was planned for later From Wed 30 Sep 2026 12:00: Ana, Bo, Cy" in (
        text_of(review.text)
    )


# --- Bad input -----------------------------------------------------------------------------------


def test_overlapping_windows_are_refused_on_the_later_one(
    admin_client: Client, people: list[Person]
) -> None:
    layer = make_schedule(*people).layers.get()
    windows = {
        **management("windows", 2),
        "windows-0-opens_on": "0",
        "windows-0-opens_at": "09:00",
        "windows-0-closes_on": "4",
        "windows-0-closes_at": "17:00",
        "windows-1-opens_on": "4",
        "windows-1-opens_at": "16:00",
        "windows-1-closes_on": "5",
        "windows-1-closes_at": "09:00",
    }

    response = admin_client.post(change_url(layer), form_of(layer, *people) | windows | SAVED)

    formset = response.context["inline_admin_formsets"][1].formset
    assert formset.errors == [
        {},
        {
            "opens_on": [
                "Friday 16:00 to Saturday 09:00 overlaps Monday 09:00 to Friday 17:00. "
                "Join them into one."
            ]
        },
    ]
    assert LayerWindow.objects.count() == 0


def test_person_twice_on_one_turn_is_refused(admin_client: Client, people: list[Person]) -> None:
    ana, bo, _ = people
    layer = make_schedule(ana, bo).layers.get()
    form = form_of(layer, ana, ana) | {"participants-1-position": "1"} | SAVED

    response = admin_client.post(change_url(layer), form)

    formset = response.context["inline_admin_formsets"][0].formset
    assert formset.non_form_errors() == ["Ana stands twice on turn 1."]


def test_order_changed_meanwhile_is_said_and_not_overwritten(
    admin_client: Client, people: list[Person]
) -> None:
    ana, bo, cy = people
    layer = make_schedule(ana, bo).layers.get()
    typed = form_of(layer, bo, ana)
    change_layer(layer, LayerChange(participants=[(1, ana), (2, cy)]), takes_effect_at=NOW)

    response = admin_client.post(change_url(layer), typed | SAVED)

    formset = response.context["inline_admin_formsets"][0].formset
    assert formset.non_form_errors() == [
        "The order was changed meanwhile. Open this page anew to see it, then change it."
    ]
    assert weeks(layer.schedule, 2) == "ana cy"


def test_refusal_of_the_domain_is_shown_with_everything_typed_kept(
    admin_client: Client, people: list[Person]
) -> None:
    schedule = make_schedule()
    layer = make_layer(schedule, *people, starts_on=date(2026, 4, 6))
    form = form_of(layer, *people, name="Renamed", starts_on="2026-05-04") | SAVED
    form |= {"effective_until_0": "2026-05-01", "effective_until_1": "09:00"}

    response = admin_client.post(change_url(layer), form)

    page = response.context["adminform"].form
    assert page.errors == {"effective_until": ["A layer must end after it begins."]}
    assert page["name"].value() == "Renamed"
    assert (Layer.objects.get().name, Layer.objects.get().starts_on) == (
        "Weekly",
        date(2026, 4, 6),
    )


@pytest.mark.parametrize("layers", [1, 3])
def test_schedule_page_takes_the_same_queries_for_three_layers(
    admin_client: Client, people: list[Person], layers: int, django_assert_num_queries: Any
) -> None:
    schedule = make_schedule()
    for position in range(layers):
        layer = make_layer(schedule, *people, position=position + 1, handoff_time=time(9))
        plan(layer, people[:2], MONDAY)
    url = reverse("admin:roster_schedule_change", args=[schedule.pk])
    admin_client.get(url)

    with django_assert_num_queries(12):
        admin_client.get(url)
