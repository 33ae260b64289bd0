import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db.models import Model

from comms.models import Template
from config.reference import FILES, load_reference, rows_of
from incidents.models import ImpactDegree, ImpactExtent, Phase, PhaseGuide, Role, Severity

pytestmark = pytest.mark.usefixtures("reference_data")

GROUPS = [
    "Viewer",
    "Responder",
    "Incident manager",
    "Communications manager",
    "Roster editor",
    "Administrator",
]
# Permission, and the groups that have it.
ALLOWED = {
    "incidents.view_incident": set(GROUPS),
    "incidents.view_private_incident": {"Administrator"},
    "incidents.acknowledge_incident": set(GROUPS) - {"Viewer", "Roster editor"},
    "incidents.declare_incident": set(GROUPS) - {"Viewer", "Roster editor"},
    "incidents.note_incident": set(GROUPS) - {"Viewer", "Roster editor"},
    "incidents.restore_incident": {"Incident manager", "Administrator"},
    "incidents.close_incident": {"Incident manager", "Administrator"},
    "incidents.assign_role_incident": {"Incident manager", "Administrator"},
    "incidents.change_severity": {"Administrator"},
    "incidents.add_integration": {"Administrator"},
    "comms.send_update": {"Incident manager", "Communications manager", "Administrator"},
    "comms.send_external_update": {"Communications manager", "Administrator"},
    "comms.change_template": {"Communications manager", "Administrator"},
    # Messages hold links that act for their recipient.
    "comms.view_message": {"Communications manager", "Administrator"},
    "roster.view_contactmethod": {"Incident manager", "Roster editor", "Administrator"},
    "roster.change_schedule": {"Roster editor", "Administrator"},
    "roster.add_override": {"Roster editor", "Administrator"},
    "roster.change_apitoken": {"Administrator"},
    "postmortems.view_postmortem": set(GROUPS),
    "postmortems.change_postmortem": {"Incident manager", "Administrator"},
    "postmortems.approve_postmortem": {"Incident manager", "Administrator"},
    "postmortems.add_actionitem": set(GROUPS) - {"Viewer", "Roster editor"},
    "auth.change_user": {"Administrator"},
}


def all_rows() -> dict[type[Model], list[dict[str, object]]]:
    models = [apps.get_model(file.model) for file in FILES]
    return {model: list(model._default_manager.order_by("pk").values()) for model in models}


def test_loading_twice_changes_nothing() -> None:
    before = all_rows()

    created = load_reference()

    assert all_rows() == before
    assert set(created.values()) == {0}


def test_edited_severity_stays_edited() -> None:
    Severity.objects.filter(slug="sev2").update(acknowledge_within_minutes=7)

    load_reference()

    assert Severity.objects.get(slug="sev2").acknowledge_within_minutes == 7


def test_command_says_that_nothing_was_missing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_reference")

    assert capsys.readouterr().out == "Reference data is complete.\n"


def test_missing_row_is_created_again() -> None:
    Template.objects.filter(slug="page").delete()

    assert load_reference()["templates"] == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_every_row_is_valid(file) -> None:
    """Templates check their own Liquid in `clean`."""
    rows = apps.get_model(file.model)._default_manager.all()
    assert len(rows) == len(rows_of(file.path))
    for row in rows:
        row.full_clean()


def test_matrix_is_complete() -> None:
    for extent in ImpactExtent.objects.all():
        for degree in ImpactDegree.objects.all():
            assert Severity.objects.for_impact(extent, degree), f"{extent} × {degree}"


def test_wider_or_deeper_impact_is_never_milder() -> None:
    ranks = [
        [Severity.objects.for_impact(extent, degree).rank for degree in ImpactDegree.objects.all()]
        for extent in ImpactExtent.objects.all()
    ]

    for rows in (ranks, zip(*ranks, strict=True)):
        assert all(list(row) == sorted(row, reverse=True) for row in rows)


def test_phases_cover_the_five_stages() -> None:
    stages = PhaseGuide.objects.values_list("stage", flat=True)

    assert list(dict.fromkeys(stages)) == [
        "Detection",
        "Classification and declaration",
        "Diagnosis",
        "Resolution",
        "Closure",
    ]


@pytest.mark.parametrize("kind", ["internal", "external"])
@pytest.mark.parametrize(
    "phase", [Phase.MOBILIZING, Phase.DIAGNOSING, Phase.RESTORING, Phase.RESTORED, Phase.CLOSED]
)
def test_every_phase_has_a_template(kind: str, phase: Phase) -> None:
    [best, *_] = Template.objects.fitting("update", kind=kind, phase=phase)

    assert best.phase == phase


def test_external_templates_keep_internal_facts_inside() -> None:
    inside = ("incident.title", "incident.url", "suspected_cause", "incident.manager")
    for template in Template.objects.filter(audience_kind="external"):
        assert not [name for name in inside if name in template.subject + template.body]


def test_every_role_says_what_it_is_for() -> None:
    assert not Role.objects.filter(purpose="").exists()
    assert not Role.objects.filter(checklist="").exists()


@pytest.mark.parametrize("group", GROUPS)
def test_group_may_do_what_it_is_meant_to(group: str) -> None:
    user = User.objects.create_user(group)
    user.groups.add(Group.objects.get(name=group))

    allowed = {permission for permission in ALLOWED if user.has_perm(permission)}

    assert allowed == {permission for permission, groups in ALLOWED.items() if group in groups}
