import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from roster import oncall
from roster.models import (
    ApiToken,
    EscalationPolicy,
    Layer,
    Override,
    Participant,
    Person,
    Schedule,
)
from tests.factories.roster import (
    make_contact_method,
    make_layer,
    make_override,
    make_person,
    make_policy,
    make_schedule,
    make_team,
)

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MODELS = ["person", "team", "schedule", "layer", "override", "escalationpolicy", "apitoken"]


@pytest.fixture(autouse=True)
def frozen(now: datetime) -> Any:  # a generator fixture
    with time_machine.travel(now, tick=False):
        yield


def management(prefix: str, total: int, initial: int = 0) -> dict[str, str]:
    return {f"{prefix}-TOTAL_FORMS": str(total), f"{prefix}-INITIAL_FORMS": str(initial)}


def make_one_of_each(now: datetime) -> None:
    ana = make_person()
    make_contact_method(ana)
    team = make_team(members=[ana], lead=ana)
    schedule = make_schedule(ana, team=team)
    make_override(schedule, ana, starts_at=now, ends_at=now + timedelta(hours=1))
    make_policy(schedule, team=team)
    owner = User.objects.create_user(f"robot-{ana.pk}")
    ApiToken.issue(user=owner, name="bot", at=now)


@pytest.mark.parametrize("model", MODELS)
def test_list_add_and_change_pages_open(admin_client: Client, now: datetime, model: str) -> None:
    make_one_of_each(now)
    changelist = reverse(f"admin:roster_{model}_changelist")
    pk = admin_client.get(changelist).context["cl"].result_list[0].pk

    pages = [
        f"{changelist}?q=a",
        reverse(f"admin:roster_{model}_add"),
        reverse(f"admin:roster_{model}_change", args=[pk]),
        reverse(f"admin:roster_{model}_history", args=[pk]),
    ]

    assert [admin_client.get(page).status_code for page in pages] == [200] * len(pages)


@pytest.mark.parametrize("model", MODELS)
def test_list_takes_the_same_queries_for_three_rows_as_for_one(
    admin_client: Client, now: datetime, model: str
) -> None:
    changelist = reverse(f"admin:roster_{model}_changelist")
    make_one_of_each(now)
    admin_client.get(changelist)
    with CaptureQueriesContext(connection) as one:
        admin_client.get(changelist)
    make_one_of_each(now)
    make_one_of_each(now)

    with CaptureQueriesContext(connection) as three:
        admin_client.get(changelist)

    assert len(three) == len(one)


# --- People ------------------------------------------------------------------------------------


def test_contact_details_show_with_their_permission_only(
    client: Client, user_with: MakeUser
) -> None:
    ana = make_person(email="ana@private.example", phone="+44 20 7946 0000")
    make_contact_method(ana, address="night@private.example")
    url = reverse("admin:roster_person_change", args=[ana.pk])

    client.force_login(user_with("roster.view_person", username="plain"))
    hidden = client.get(url).text
    client.force_login(
        user_with("roster.view_person", "roster.view_contactmethod", username="trusted")
    )
    shown = client.get(url).text

    details = ("ana@private.example", "+44 20 7946 0000", "night@private.example")
    assert [detail in hidden for detail in details] == [False, False, False]
    assert [detail in shown for detail in details] == [True, True, True]


def test_contact_details_are_not_found_by_search(client: Client, user_with: MakeUser) -> None:
    make_person(name="Ana", email="ana@private.example")
    client.force_login(user_with("roster.view_person"))

    response = client.get(reverse("admin:roster_person_changelist"), {"q": "private"})

    assert list(response.context["cl"].result_list) == []


def own_page(person: Person, **changed: str) -> dict[str, str]:
    return {
        "phone": "",
        "time_zone": person.time_zone,
        "reminder_hours": "12",
        "work_from": "09:00",
        "work_until": "17:00",
        **management("contact_methods", 1),
        "contact_methods-0-channel": "email",
        "contact_methods-0-address": "night@example.com",
        "contact_methods-0-verified_at_0": "2026-03-02",
        "contact_methods-0-is_verified": "on",
        **management("notification_rules", 0),
        **changed,
    }


def test_person_keeps_their_own_contact_methods_and_nothing_else(
    client: Client, user_with: MakeUser, now: datetime
) -> None:
    user = user_with()
    ana = make_person(name="Ana", user=user)
    client.force_login(user)

    response = client.post(
        reverse("admin:roster_person_change", args=[ana.pk]), own_page(ana, name="Empress")
    )

    assert response.status_code == 302
    ana.refresh_from_db()
    assert (ana.name, ana.reminder_hours) == ("Ana", 12)
    # Verified it is not by a tick, but by the code that was sent there.
    assert [(row.address, row.verified_at) for row in ana.contact_methods.all()] == [
        ("night@example.com", None)
    ]


def test_person_may_not_change_somebody_else(client: Client, user_with: MakeUser) -> None:
    client.force_login(user_with("roster.view_person"))
    other = make_person()

    response = client.post(reverse("admin:roster_person_change", args=[other.pk]), own_page(other))

    assert response.status_code == 403
    assert other.contact_methods.count() == 0


def test_inactive_people_are_offered_nowhere(admin_client: Client) -> None:
    make_person(name="Ana Here")
    make_person(name="Ana Gone", is_active=False)

    response = admin_client.get(
        reverse("admin:autocomplete"),
        {"term": "ana", "app_label": "roster", "model_name": "override", "field_name": "person"},
    )

    assert [result["text"] for result in response.json()["results"]] == ["Ana Here"]


def test_unknown_time_zone_is_named_with_the_nearest_known(admin_client: Client) -> None:
    response = admin_client.post(
        reverse("admin:roster_schedule_add"),
        {
            "name": "Primary",
            "slug": "primary",
            "time_zone": "Europe/Londn",
            "coverage": "always",
            "rest_hours": "8",
            "is_active": "on",
            **management("coverage_windows", 0),
        },
    )

    assert response.context["adminform"].form.errors == {
        "time_zone": ["“Europe/Londn” is not a time zone. Did you mean Europe/London?"]
    }


# --- Layers ------------------------------------------------------------------------------------


def layer_form(schedule: Schedule, *people: Person | None, **changed: str) -> dict[str, str]:
    turns: dict[str, str] = {}
    for number, person in enumerate(people):
        turns[f"participants-{number}-position"] = str(number + 1)
        turns[f"participants-{number}-person"] = str(person.pk) if person else ""
    return {
        "schedule": str(schedule.pk),
        "name": "Weekly",
        "position": "1",
        "starts_on": "2026-03-09",
        "handoff_time": "09:00",
        "length": "1",
        "unit": "week",
        "time_zone": "",
        "turns": "elapsed",
        "_reviewed": "1",
        **management("participants", len(people)),
        **turns,
        **management("windows", 0),
        **changed,
    }


def existing(layer: Layer, *people: Person | None, **changed: str) -> dict[str, str]:
    """The form as the change page of `layer` shows it, with other people on its turns."""
    form = layer_form(layer.schedule, *people)
    form |= {
        "starts_on": str(layer.starts_on),
        "handoff_time": str(layer.handoff_time),
        "participants-INITIAL_FORMS": str(layer.participants.count()),
    }
    for number, row in enumerate(layer.participants.order_by("position")):
        form[f"participants-{number}-id"] = str(row.pk)
    return form | changed


def slugs(schedule: Schedule, at: datetime) -> list[str]:
    return [each.person.slug for each in oncall.on_call([schedule], at)[schedule.pk]]


def test_new_layer_puts_its_people_on_call(admin_client: Client) -> None:
    schedule = make_schedule()
    ana, bo = make_person(slug="ana"), make_person(slug="bo")

    response = admin_client.post(
        reverse("admin:roster_layer_add"), layer_form(schedule, ana, None, bo)
    )

    assert response["Location"] == reverse("admin:roster_schedule_change", args=[schedule.pk])
    mondays = [datetime(2026, 3, 9, 9, tzinfo=UTC) + timedelta(weeks=week) for week in range(3)]
    assert [slugs(schedule, monday) for monday in mondays] == [["ana"], [], ["bo"]]


def test_new_layer_does_not_reach_into_the_past(admin_client: Client, now: datetime) -> None:
    schedule = make_schedule()

    admin_client.post(
        reverse("admin:roster_layer_add"),
        layer_form(schedule, make_person(slug="ana"), starts_on="2026-01-05"),
    )

    assert slugs(schedule, now - timedelta(seconds=1)) == []
    assert slugs(schedule, now) == ["ana"]


def test_layer_without_participants_is_refused_and_not_saved(admin_client: Client) -> None:
    response = admin_client.post(
        reverse("admin:roster_layer_add"), layer_form(make_schedule(), **management("x", 0))
    )

    [turns, _] = response.context["inline_admin_formsets"]
    assert turns.formset.non_form_errors() == [
        "Say who takes turns: a layer without participants is empty."
    ]
    assert Layer.objects.count() == 0


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"length": "0"}, {"length": ["Ensure this value is greater than or equal to 1."]}),
        (
            {"time_zone": "Mars"},
            {"time_zone": ["“Mars” is not a time zone. Write it like Europe/London."]},
        ),
        ({"handoff_time": "09:00:30"}, {"handoff_time": ["Times are whole minutes."]}),
        (
            {"time_zone": "Europe/London", "starts_on": "2026-03-29", "handoff_time": "01:30"},
            {"starts_on": ["On 29 March 2026 the clock in Europe/London skips 01:30."]},
        ),
        (
            {
                "effective_from_0": "2026-05-01",
                "effective_from_1": "09:00",
                "effective_until_0": "2026-04-01",
                "effective_until_1": "09:00",
            },
            {"effective_until": ["A layer must end after it begins."]},
        ),
        (
            {"effective_until_0": "2026-02-01", "effective_until_1": "09:00"},
            {"effective_until": ["This has passed. Who was on call then stays as it was."]},
        ),
    ],
)
def test_layer_is_refused_on_the_field_at_fault(
    admin_client: Client, changed: dict[str, str], errors: dict[str, list[str]]
) -> None:
    response = admin_client.post(
        reverse("admin:roster_layer_add"), layer_form(make_schedule(), make_person(), **changed)
    )

    assert response.context["adminform"].form.errors == errors
    assert (Layer.objects.count(), Participant.objects.count()) == (0, 0)


def test_inactive_person_cannot_take_turns(admin_client: Client) -> None:
    gone = make_person(name="Gone", is_active=False)

    response = admin_client.post(
        reverse("admin:roster_layer_add"), layer_form(make_schedule(), gone)
    )

    [turns, _] = response.context["inline_admin_formsets"]
    assert turns.formset.errors == [{"person": ["Gone is inactive and cannot take turns."]}]


def test_changed_participants_count_from_now_and_leave_the_past(
    admin_client: Client, now: datetime
) -> None:
    schedule = make_schedule(make_person(slug="ana"))
    layer = schedule.layers.get()

    admin_client.post(
        reverse("admin:roster_layer_change", args=[layer.pk]),
        existing(layer, make_person(slug="bo")),
    )

    assert slugs(schedule, now - timedelta(minutes=1)) == ["ana"]
    assert slugs(schedule, now) == ["bo"]


def test_changed_rotation_ends_the_layer_and_begins_a_successor(
    admin_client: Client, now: datetime
) -> None:
    ana, bo = make_person(slug="ana"), make_person(slug="bo")
    schedule = make_schedule(ana, bo)
    layer = schedule.layers.get()
    before = oncall.shifts_between(schedule, now - timedelta(weeks=8), now)

    response = admin_client.post(
        reverse("admin:roster_layer_change", args=[layer.pk]),
        existing(layer, ana, bo, unit="day"),
    )

    assert response.status_code == 302
    assert [
        (row.unit, row.effective_from, row.effective_until)
        for row in schedule.layers.order_by("pk")
    ] == [
        ("week", None, now),
        ("day", now, None),
    ]
    assert oncall.shifts_between(schedule, now - timedelta(weeks=8), now) == before


def test_layer_that_has_not_begun_is_edited_in_place(admin_client: Client) -> None:
    ana = make_person(slug="ana")
    schedule = make_schedule()
    layer = make_layer(schedule, ana, starts_on=date(2026, 3, 9))

    admin_client.post(
        reverse("admin:roster_layer_change", args=[layer.pk]), existing(layer, ana, unit="day")
    )

    assert [row.unit for row in schedule.layers.all()] == ["day"]


def test_layer_change_may_wait_for_a_moment_to_come(admin_client: Client, now: datetime) -> None:
    schedule = make_schedule(make_person(slug="ana"))
    layer = schedule.layers.get()

    admin_client.post(
        reverse("admin:roster_layer_change", args=[layer.pk]),
        existing(
            layer,
            make_person(slug="bo"),
            takes_effect_at_0="2026-03-04",
            takes_effect_at_1="12:00",
        ),
    )

    assert slugs(schedule, datetime(2026, 3, 4, 11, 59, tzinfo=UTC)) == ["ana"]
    assert slugs(schedule, datetime(2026, 3, 4, 12, tzinfo=UTC)) == ["bo"]


# --- Overrides ---------------------------------------------------------------------------------


def override_form(schedule: Schedule, person: Person, **changed: str) -> dict[str, str]:
    return {
        "schedule": str(schedule.pk),
        "kind": "override",
        "person": str(person.pk),
        "replaces": "",
        "starts_at_0": "2026-03-02",
        "starts_at_1": "10:00",
        "ends_at_0": "2026-03-02",
        "ends_at_1": "18:00",
        "reason": "Dentist",
        **changed,
    }


def test_override_from_the_on_call_page_puts_the_person_on_call(
    client: Client, user_with: MakeUser, now: datetime
) -> None:
    user = user_with("roster.view_schedule", "roster.add_override")
    schedule, cy = make_schedule(make_person()), make_person(slug="cy", user=user)
    client.force_login(user)

    response = client.post(reverse("admin:roster_override_enter"), override_form(schedule, cy))

    assert response["Location"] == reverse("admin:roster_oncall")
    assert slugs(schedule, now) == ["cy"]
    assert Override.objects.get().created_by == cy


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        (
            {"ends_at_1": "09:00"},
            {"ends_at": ["This has passed. Who was on call then stays as it was."]},
        ),
        ({"starts_at_1": "19:00"}, {"ends_at": ["An override must end after it starts."]}),
        (
            {"starts_at_0": "2026-03-01"},
            {"starts_at": ["This has passed. Who was on call then stays as it was."]},
        ),
        ({"kind": "replace"}, {"replaces": ["Say whom this person stands in for."]}),
    ],
)
def test_override_is_refused_on_the_field_at_fault(
    admin_client: Client, changed: dict[str, str], errors: dict[str, list[str]]
) -> None:
    response = admin_client.post(
        reverse("admin:roster_override_enter"),
        override_form(make_schedule(), make_person(), **{"ends_at_0": "2026-03-02", **changed}),
    )

    assert response.context["form"].errors == errors
    assert Override.objects.count() == 0


def test_override_by_an_inactive_person_is_refused(admin_client: Client) -> None:
    gone = make_person(name="Gone", is_active=False)

    response = admin_client.post(
        reverse("admin:roster_override_enter"), override_form(make_schedule(), gone)
    )

    assert response.context["form"].errors == {
        "person": ["Gone is inactive and cannot be put on call."]
    }


def test_override_needs_its_permission(client: Client, user_with: MakeUser) -> None:
    client.force_login(user_with("roster.view_schedule"))
    schedule = make_schedule()

    page = client.get(reverse("admin:roster_oncall"))
    response = client.post(
        reverse("admin:roster_override_enter"), override_form(schedule, make_person())
    )

    assert reverse("admin:roster_override_enter") not in page.text
    assert response.status_code == 403
    assert Override.objects.count() == 0


def test_override_that_has_begun_keeps_its_beginning(admin_client: Client, now: datetime) -> None:
    ana = make_person()
    schedule = make_schedule()
    begun_at = now - timedelta(hours=1)
    override = make_override(schedule, ana, starts_at=begun_at, ends_at=now + timedelta(hours=8))

    admin_client.post(
        reverse("admin:roster_override_change", args=[override.pk]),
        override_form(schedule, make_person(), starts_at_1="17:00", ends_at_1="12:00")
        | management("shifts", 0),
    )

    override.refresh_from_db()
    assert (override.person, override.starts_at) == (ana, begun_at)
    assert override.ends_at == datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [(1, 2, []), (-1, 2, [(-1, 0)]), (-2, -1, [(-2, -1)])],
    ids=["to come", "running", "over"],
)
def test_withdrawing_an_override_keeps_what_it_has_answered(
    admin_client: Client, now: datetime, start: int, end: int, left: list[tuple[int, int]]
) -> None:
    override = make_override(
        make_schedule(),
        make_person(),
        starts_at=now + timedelta(hours=start),
        ends_at=now + timedelta(hours=end),
    )

    admin_client.post(
        reverse("admin:roster_override_changelist"),
        {"action": "withdraw", "_selected_action": [str(override.pk)]},
    )

    hour = timedelta(hours=1)
    assert [
        ((row.starts_at - now) // hour, (row.ends_at - now) // hour)
        for row in Override.objects.all()
    ] == left


# --- Escalation policies -----------------------------------------------------------------------


def policy_form(*targets: dict[str, str]) -> dict[str, str]:
    form = {
        "name": "Payments",
        "slug": "payments",
        "repeats": "1",
        **management("steps", 1),
        "steps-0-position": "1",
        "steps-0-wait_minutes": "5",
        "steps-0-condition": "always",
        **management("steps-0-targets", len(targets)),
    }
    for number, target in enumerate(targets):
        form |= {f"steps-0-targets-{number}-{name}": value for name, value in target.items()}
    return form


def test_policy_is_saved_with_its_steps_and_targets(admin_client: Client) -> None:
    schedule = make_schedule()

    response = admin_client.post(
        reverse("admin:roster_escalationpolicy_add"),
        policy_form({"kind": "schedule", "schedule": str(schedule.pk)}),
    )

    assert response.status_code == 302
    [step] = EscalationPolicy.objects.get().steps.all()
    assert [target.schedule for target in step.targets.all()] == [schedule]


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        ([], "Say whom this step pages."),
        ([{"kind": "person"}], "Choose the person to page."),
        ([{"kind": "team_lead"}], "Choose the team to page."),
    ],
)
def test_step_without_targets_is_refused(
    admin_client: Client, targets: list[dict[str, str]], sentence: str
) -> None:
    response = admin_client.post(
        reverse("admin:roster_escalationpolicy_add"), policy_form(*targets)
    )

    assert sentence in response.text
    assert EscalationPolicy.objects.count() == 0


def test_steps_are_numbered_in_their_order_unless_said_otherwise(admin_client: Client) -> None:
    target = {"kind": "person", "person": str(make_person().pk)}
    second = {
        name.replace("steps-0", "steps-1"): value for name, value in policy_form(target).items()
    }
    form = second | policy_form(target) | management("steps", 2)
    form |= {"steps-0-position": "", "steps-1-position": ""}

    admin_client.post(reverse("admin:roster_escalationpolicy_add"), form)

    steps = EscalationPolicy.objects.get().steps.all()
    assert [step.position for step in steps] == [1, 2]


def test_changing_a_policy_counts_its_version(admin_client: Client) -> None:
    policy = make_policy()

    admin_client.post(
        reverse("admin:roster_escalationpolicy_change", args=[policy.pk]),
        {"name": "Renamed", "slug": "renamed", "repeats": "1", **management("steps", 0)},
    )

    policy.refresh_from_db()
    assert (policy.name, policy.version) == ("Renamed", 2)


# --- Keys and history --------------------------------------------------------------------------


def test_key_is_shown_once(admin_client: Client, admin_user: User, now: datetime) -> None:
    response = admin_client.post(
        reverse("admin:roster_apitoken_add"),
        {"user": str(admin_user.pk), "name": "deploy bot"},
        follow=True,
    )

    token = ApiToken.objects.get()
    [key] = re.findall(r"<code>(mst_[^<]+)</code>", response.text)
    assert ApiToken.objects.usable(now).with_key(key).get() == token
    again = admin_client.get(reverse("admin:roster_apitoken_change", args=[token.pk]))
    assert key not in again.text


def test_revoking_keys_needs_its_permission(
    client: Client, user_with: MakeUser, admin_user: User, now: datetime
) -> None:
    token, _ = ApiToken.issue(user=admin_user, name="bot", at=now)
    changelist = reverse("admin:roster_apitoken_changelist")
    post = {"action": "revoke", "_selected_action": [str(token.pk)]}

    client.force_login(user_with("roster.view_apitoken", username="reader"))
    client.post(changelist, post)
    token.refresh_from_db()
    assert token.revoked_at is None

    client.force_login(
        user_with("roster.view_apitoken", "roster.change_apitoken", username="keeper")
    )
    client.post(changelist, post)
    token.refresh_from_db()
    assert token.revoked_at == now


def test_history_cannot_be_written_back(admin_client: Client) -> None:
    schedule = make_schedule(name="New name")
    version = schedule.history.get()

    response = admin_client.post(
        reverse("admin:roster_schedule_simple_history", args=[schedule.pk, version.pk]),
        {"name": "Old name", "slug": "old", "time_zone": "UTC"},
    )

    assert response.status_code == 403
    schedule.refresh_from_db()
    assert schedule.name == "New name"
