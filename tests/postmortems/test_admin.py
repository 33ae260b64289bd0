from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.models import TimelineEntry
from postmortems.models import ActionItem, Postmortem, Section, SectionGuide
from tests.factories.incidents import make_incident
from tests.factories.postmortems import make_action_item, make_invitation, make_postmortem
from tests.factories.roster import make_person

READ = (
    "incidents.view_incident",
    "postmortems.view_postmortem",
    "postmortems.view_section",
    "postmortems.view_invitation",
    "postmortems.view_actionitem",
    "postmortems.view_sectionguide",
)
WRITE = (
    *READ,
    "postmortems.change_postmortem",
    "postmortems.change_actionitem",
    "postmortems.approve_postmortem",
    "postmortems.publish_postmortem",
)


@pytest.fixture
def reader(user_with: Callable[..., User], client: Client) -> User:
    user = user_with(*READ)
    client.force_login(user)
    return user


@pytest.fixture
def writer(user_with: Callable[..., User], client: Client) -> User:
    user = user_with(*WRITE)
    client.force_login(user)
    return user


def page(postmortem: Postmortem, button: str = "change") -> str:
    if button == "change":
        return reverse("admin:postmortems_postmortem_change", args=[postmortem.pk])
    return reverse(f"admin:postmortems_postmortem_{button}", args=[postmortem.pk])


def press(client: Client, url: str, **answers: str) -> object:
    """Submit a dialog as its form does."""
    return client.post(url, {"_form_submitted": "on", **answers})


@pytest.mark.parametrize("model", ["postmortem", "actionitem", "sectionguide"])
def test_list_opens_and_searches(writer: User, client: Client, model: str) -> None:
    make_action_item(make_postmortem().incident)
    SectionGuide.objects.create(slug="short", title="In short", guidance="", position=1)

    response = client.get(reverse(f"admin:postmortems_{model}_changelist"), {"q": "short"})

    assert response.status_code == 200


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_the_same_number_of_queries(
    writer: User, client: Client, count: int, django_assert_max_num_queries
) -> None:
    for _ in range(count):
        make_action_item(make_postmortem(due_on=timezone.localdate()).incident)

    for model in ("postmortem", "actionitem"):
        with django_assert_max_num_queries(12):
            client.get(reverse(f"admin:postmortems_{model}_changelist"))


def test_page_shows_sections_invitations_and_items(reader: User, client: Client) -> None:
    postmortem = make_postmortem()
    make_invitation(postmortem, make_person(name="Bo Ek"))
    make_action_item(postmortem.incident, postmortem=postmortem, title="Alert sooner")

    response = client.get(page(postmortem))

    assert response.status_code == 200
    for words in ("It broke.", "Bo Ek", "Alert sooner"):
        assert words in response.content.decode()


def test_private_postmortem_is_not_there_for_others(reader: User, client: Client) -> None:
    hidden = make_postmortem(make_incident(is_private=True, title="Stolen laptop"))
    make_action_item(hidden.incident, title="Encrypt disks")

    assert client.get(page(hidden)).status_code == 302
    for model in ("postmortem", "actionitem"):
        shown = client.get(reverse(f"admin:postmortems_{model}_changelist")).content.decode()
        assert "Stolen laptop" not in shown
        assert "Encrypt disks" not in shown


def test_saving_writes_sections(writer: User, client: Client) -> None:
    postmortem = make_postmortem()
    section = postmortem.sections.get()

    response = client.post(page(postmortem), form_of(postmortem, body="A new text."))

    assert response.status_code == 302
    assert Section.objects.get(pk=section.pk).body == "A new text."


def test_added_section_goes_to_the_end_and_need_not_be_written(
    writer: User, client: Client
) -> None:
    postmortem = make_postmortem()
    first = postmortem.sections.get()
    added = {
        "sections-1-title": "What surprised us",
        "sections-1-postmortem": str(postmortem.pk),
        "sections-TOTAL_FORMS": "2",
    }

    client.post(page(postmortem), form_of(postmortem) | added)

    [_, last] = postmortem.sections.all()
    assert (last.title, last.is_required) == ("What surprised us", False)
    assert last.position > first.position


def test_saving_adds_action_items_through_the_domain(writer: User, client: Client) -> None:
    postmortem = make_postmortem()
    added = {
        "action_items-0-title": "Alert sooner",
        "action_items-0-kind": "detect",
        "action_items-0-priority": "high",
        "action_items-0-postmortem": str(postmortem.pk),
        "action_items-TOTAL_FORMS": "1",
    }

    client.post(page(postmortem), form_of(postmortem) | added)

    item = ActionItem.objects.get()
    assert (item.title, item.incident, item.postmortem) == (
        "Alert sooner",
        postmortem.incident,
        postmortem,
    )
    assert TimelineEntry.objects.get().kind == "action_item_added"


def form_of(postmortem: Postmortem, body: str = "It broke.") -> dict[str, str]:
    section = postmortem.sections.get()
    management = {
        f"{prefix}-{name}": value
        for prefix, count in (("sections", "1"), ("action_items", "0"), ("invitations", "0"))
        for name, value in (
            ("TOTAL_FORMS", count),
            ("INITIAL_FORMS", count),
            ("MIN_NUM_FORMS", "0"),
            ("MAX_NUM_FORMS", "1000"),
        )
    }
    return management | {
        "review_minutes": "60",
        "review_place": "",
        "no_actions_reason": "",
        "sections-0-id": str(section.pk),
        "sections-0-postmortem": str(postmortem.pk),
        "sections-0-title": section.title,
        "sections-0-body": body,
    }


@pytest.mark.parametrize("button", ["send_to_review", "move_review", "invite", "hand_over"])
def test_opening_a_dialog_changes_nothing(writer: User, client: Client, button: str) -> None:
    postmortem = make_postmortem()

    response = client.get(page(postmortem, button))

    assert response.status_code == 200
    assert not TimelineEntry.objects.exists()


@pytest.mark.parametrize(
    ("button", "state"),
    [
        ("send_to_review", "draft"),
        ("approve", "in_review"),
        ("publish", "approved"),
        ("move_review", "draft"),
        ("hand_over", "draft"),
    ],
)
def test_buttons_refuse_readers(reader: User, client: Client, button: str, state: str) -> None:
    postmortem = make_postmortem(state=state)

    assert press(client, page(postmortem, button)).status_code == 403
    assert Postmortem.objects.get().state == state


def test_buttons_walk_the_whole_way(writer: User, client: Client) -> None:
    postmortem = make_postmortem()
    make_action_item(postmortem.incident, postmortem=postmortem)

    for button in ("send_to_review", "approve", "publish"):
        assert press(client, page(postmortem, button)).headers["HX-Redirect"] == page(postmortem)

    assert Postmortem.objects.get().state == "published"


def test_refusal_stays_in_the_dialog(writer: User, client: Client) -> None:
    postmortem = make_postmortem(owner=None)

    response = press(client, page(postmortem, "send_to_review"))

    assert "Name an owner who presents it." in response.content.decode()


def test_owner_may_write_without_permission(reader: User, client: Client) -> None:
    postmortem = make_postmortem(owner=make_person(user=reader))

    press(client, page(postmortem, "send_to_review"))

    assert Postmortem.objects.get().state == "in_review"


def test_review_is_moved_from_the_page(writer: User, client: Client) -> None:
    postmortem = make_postmortem(review_at=datetime(2026, 3, 4, 14, tzinfo=UTC))
    tomorrow = (timezone.now() + timedelta(days=1)).date()

    press(
        client,
        page(postmortem, "move_review"),
        review_at_0=tomorrow.isoformat(),
        review_at_1="15:00",
    )

    assert Postmortem.objects.get().review_at == datetime(
        tomorrow.year, tomorrow.month, tomorrow.day, 15, tzinfo=UTC
    )


def test_overdue_items_can_be_filtered(writer: User, client: Client) -> None:
    today = timezone.localdate()
    make_action_item(title="Late one", due_on=today - timedelta(days=2))
    make_action_item(title="Early one", due_on=today + timedelta(days=2))

    response = client.get(reverse("admin:postmortems_actionitem_changelist"), {"overdue": "yes"})

    assert "2 days overdue" in response.content.decode()
    assert "Early one" not in response.content.decode()


def test_item_is_finished_from_its_page(writer: User, client: Client) -> None:
    item = make_action_item()

    press(client, reverse("admin:postmortems_actionitem_finish", args=[item.pk]), outcome="Done.")

    assert (ActionItem.objects.get().state, ActionItem.objects.get().outcome) == ("done", "Done.")


def test_items_are_finished_together(writer: User, client: Client) -> None:
    open_item, ended = make_action_item(), make_action_item(state="dropped")

    client.post(
        reverse("admin:postmortems_actionitem_changelist"),
        {"action": "finish_selected", "_selected_action": [open_item.pk, ended.pk]},
    )

    states = ActionItem.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["done", "dropped"]
