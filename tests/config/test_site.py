"""Every page of the admin opens, and its settings name things that exist."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Group, User
from django.contrib.staticfiles import finders
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.module_loading import import_string

from comms.models import AudienceKind
from config.site import MusterAdminSite
from incidents import reports
from incidents.models import Duty, PhaseGuide, Question
from incidents.reports import Reporter, Said
from postmortems.models import SectionGuide
from roster import feeds
from roster.models import (
    ApiToken,
    CoverageFinding,
    Person,
    QualificationException,
    Schedule,
)
from tests.factories import (
    availability,
    comms,
    duty,
    incidents,
    maintenance,
    plans,
    postmortems,
    qualifications,
    reachability,
    roster,
    swaps,
)

pytestmark = pytest.mark.django_db

OURS = ("auth", "comms", "incidents", "postmortems", "roster")


def registered() -> list[ModelAdmin[Any]]:
    return [
        model_admin
        for model, model_admin in admin.site._registry.items()
        if model._meta.app_label in OURS
    ]


def label(model_admin: ModelAdmin[Any]) -> str:
    return model_admin.model._meta.label


@pytest.fixture
def one_of_everything(admin_user: User, now: Any) -> None:
    """A row of each model that has a page."""
    person = roster.make_person(user=admin_user)
    schedule = roster.make_schedule(person)
    roster.make_policy(schedule)
    plans.make_plan(schedule)
    plans.make_wish(person)
    roster.make_override(schedule, person, starts_at=now, ends_at=now + timedelta(hours=8))
    availability.make_time_off(person, calendar=availability.make_calendar(person))
    feeds.issue(person, schedule, at=now)
    swaps.make_swap(schedule, person)
    duty.make_duty(schedule, person, now - timedelta(days=1), now)
    duty.make_rate_plan(person)
    reachability.make_page_test(schedules=[schedule], starts_at=now)
    make_training_of(person, schedule, now)
    CoverageFinding.objects.create(kind="gap", schedule=schedule, text="Nobody.", found_at=now)
    ApiToken.issue(user=admin_user, name="Script", at=now)
    Group.objects.create(name="Everyone")
    incident = incidents.make_incident(phase="restored", services=[incidents.make_service()])
    incidents.make_alert(incident)
    incidents.make_page(incident)
    incidents.make_responder(incident)
    incidents.make_event()
    incidents.make_heartbeat()
    reports.take(Said("Slow", source="customer"), Reporter("Ben"), at=now)
    incidents.make_change()
    incidents.make_routing_rule()
    maintenance.make_maintenance()
    incidents.make_role()
    Duty.objects.create(name="Keeps the timeline")
    PhaseGuide.objects.create(phase="detected", name="Detected", stage="Detection")
    Question.objects.create(code="Q01", text="What is wrong?", phase="investigating")
    comms.make_template()
    comms.make_update(incident, audiences=[comms.make_audience(person)])
    comms.make_promise(incident, kind=AudienceKind.INTERNAL, promised_for=now)
    comms.make_message(created_at=now)
    postmortem = postmortems.make_postmortem(incident)
    postmortems.make_action_item(incident, postmortem=postmortem)
    SectionGuide.objects.create(slug="summary", title="Summary", guidance="Short.", position=1)


def make_training_of(person: Person, schedule: Schedule, now: datetime) -> None:
    trained = qualifications.make_qualification()
    qualifications.make_grant(person, trained)
    qualifications.make_shadowing(schedule, person)
    QualificationException.objects.create(
        person=person, qualification=trained, where="Primary", reason="Nobody else", at=now
    )


@pytest.mark.usefixtures("one_of_everything")
@pytest.mark.parametrize("model_admin", registered(), ids=label)
def test_list_add_and_change_page_open(
    model_admin: ModelAdmin[Any], client: Client, admin_user: User
) -> None:
    name = model_admin.opts.label_lower.replace(".", "_")
    row: Model | None = model_admin.model._default_manager.first()
    assert row is not None, "one_of_everything lacks a row"
    request = RequestFactory().get("/")
    request.user = admin_user
    client.force_login(admin_user)

    pages = [
        reverse(f"admin:{name}_changelist"),
        reverse(f"admin:{name}_changelist") + "?q=anything",
        reverse(f"admin:{name}_change", args=[row.pk]),
    ]
    if model_admin.has_add_permission(request):
        pages.append(reverse(f"admin:{name}_add"))

    assert {page: client.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


@pytest.mark.parametrize("model_admin", registered(), ids=label)
def test_every_action_names_its_permission(model_admin: ModelAdmin[Any]) -> None:
    """Without one, Unfold lets any staff user run an action."""
    names = [
        *model_admin._extract_action_names(model_admin.actions_list),
        *model_admin._extract_action_names(model_admin.actions_row),
        *model_admin._extract_action_names(model_admin.actions_detail),
        *model_admin._extract_action_names(model_admin.actions_submit_line),
        *(name for name in model_admin.actions or () if isinstance(name, str)),
    ]

    unguarded = [
        name
        for name in names
        if not getattr(getattr(model_admin, name), "allowed_permissions", None)
    ]

    assert unguarded == []


def test_our_own_site_serves_the_admin() -> None:
    assert isinstance(import_string("django.contrib.admin.site")._wrapped, MusterAdminSite)


def dotted_paths(value: Any) -> Iterator[str]:
    """Every text in the settings of Unfold that looks like the path of a function of ours."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from dotted_paths(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from dotted_paths(inner)
    elif isinstance(value, str) and value.split(".")[0] in {*OURS, "config"} and "." in value:
        yield value


def test_unfold_settings_name_functions_that_exist() -> None:
    paths = list(dotted_paths(settings.UNFOLD))

    assert len(paths) >= 3
    for path in paths:
        assert callable(import_string(path)), path


@pytest.mark.parametrize("key", ["STYLES", "SCRIPTS"])
def test_unfold_settings_name_files_that_exist(key: str) -> None:
    for build in settings.UNFOLD[key]:
        path = build(RequestFactory().get("/")).removeprefix(settings.STATIC_URL)
        assert finders.find(path), path


@pytest.mark.parametrize("page", ["/admin/", "/admin/login/"])
def test_pages_carry_no_script_of_their_own(page: str, client: Client, admin_user: User) -> None:
    """The content security policy would stop it, silently for whoever wrote it."""
    if page == "/admin/":
        client.force_login(admin_user)

    html = client.get(page).content.decode()

    assert "<script>" not in html
    assert " onclick=" not in html
