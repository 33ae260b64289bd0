from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import IntegrityError

from incidents.models import TimelineEntry
from postmortems.action_items import NewActionItem, add_action_item
from postmortems.errors import PostmortemError
from postmortems.models import Invitation, Postmortem, PostmortemState, Section
from postmortems.models.postmortems import ALLOWED_FROM
from roster.actors import Actor
from tests.factories.incidents import make_incident
from tests.factories.postmortems import make_action_item, make_invitation, make_postmortem
from tests.factories.roster import make_person

BY = Actor.system("tests")
CHANGES: dict[PostmortemState, Callable[[Postmortem, datetime], None]] = {
    PostmortemState.DRAFT: lambda row, at: row.return_to_draft(reason="Wrong time", by=BY, at=at),
    PostmortemState.IN_REVIEW: lambda row, at: row.send_to_review(by=BY, at=at),
    PostmortemState.APPROVED: lambda row, at: row.approve(by=BY, at=at),
    PostmortemState.PUBLISHED: lambda row, at: row.publish(by=BY, at=at),
}


@pytest.mark.parametrize("target", list(PostmortemState))
@pytest.mark.parametrize("current", list(PostmortemState))
def test_state_changes_only_along_the_table(
    db: None, now: datetime, current: PostmortemState, target: PostmortemState
) -> None:
    postmortem = make_postmortem(state=current, no_actions_reason="A one-off.")

    if current in ALLOWED_FROM[target]:
        CHANGES[target](postmortem, now)
    else:
        with pytest.raises(PostmortemError, match="cannot become"):
            CHANGES[target](postmortem, now)

    expected = target if current in ALLOWED_FROM[target] else current
    assert Postmortem.objects.get().state == postmortem.state == expected
    assert TimelineEntry.objects.count() == (1 if current in ALLOWED_FROM[target] else 0)


def test_change_by_somebody_faster_is_refused(db: None, now: datetime) -> None:
    postmortem = make_postmortem()
    stale = Postmortem.objects.get()
    postmortem.send_to_review(by=BY, at=now)

    with pytest.raises(PostmortemError, match="meanwhile"):
        stale.send_to_review(by=BY, at=now)


def test_failing_entry_leaves_the_state_alone(
    db: None, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    postmortem = make_postmortem()

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(TimelineEntry, "record", fail)
    with pytest.raises(RuntimeError):
        postmortem.send_to_review(by=BY, at=now)

    assert Postmortem.objects.get().state == postmortem.state == PostmortemState.DRAFT


def test_review_needs_owner_and_required_sections(db: None, now: datetime) -> None:
    postmortem = make_postmortem(owner=None)
    Section.objects.create(postmortem=postmortem, title="Why it happened", position=2)
    Section.objects.create(postmortem=postmortem, title="Luck", position=3, is_required=False)

    with pytest.raises(PostmortemError) as refusal:
        postmortem.send_to_review(by=BY, at=now)

    reference = postmortem.reference
    assert refusal.value.message == (
        f"{reference} cannot go to review yet. Name an owner who presents it."
        " Write the section “Why it happened”."
    )


def test_approval_needs_an_action_item_or_a_reason(db: None, now: datetime) -> None:
    postmortem = make_postmortem(state="in_review")

    with pytest.raises(PostmortemError, match="Add an action item, or say why none is needed"):
        postmortem.approve(by=BY, at=now)

    make_action_item(postmortem.incident, postmortem=postmortem)
    postmortem.approve(by=BY, at=now)
    assert postmortem.approved_by_name == "tests"


def test_returning_an_approved_one_takes_the_approval_back(db: None, now: datetime) -> None:
    make_postmortem(state="approved").return_to_draft(reason="A time is wrong", by=BY, at=now)

    assert Postmortem.objects.get().approved_at is None


def test_published_without_moment_breaks_a_constraint(db: None) -> None:
    with pytest.raises(IntegrityError):
        make_postmortem(state="published", published_at=None)


def test_excused_without_reason_breaks_a_constraint(db: None) -> None:
    with pytest.raises(IntegrityError):
        make_invitation(state=Invitation.State.EXCUSED)


def test_ended_item_without_moment_breaks_a_constraint(db: None) -> None:
    with pytest.raises(IntegrityError):
        make_action_item(state="done", ended_at=None)


def test_hand_over_names_both_on_the_timeline(db: None, now: datetime) -> None:
    postmortem = make_postmortem()

    postmortem.hand_over(make_person(name="Ines Okafor"), by=BY, at=now)

    assert TimelineEntry.objects.get().data["owner"] == "Ines Okafor"


def test_answering_twice_writes_one_entry(db: None, now: datetime) -> None:
    invitation = make_invitation()

    invitation.accept(by=BY, at=now)
    invitation.accept(by=BY, at=now)

    assert TimelineEntry.objects.count() == 1


def test_added_item_joins_the_postmortem(db: None, now: datetime) -> None:
    postmortem = make_postmortem()

    item = add_action_item(postmortem.incident, NewActionItem("Alert sooner"), by=BY, at=now)

    assert (item.postmortem, item.reference) == (postmortem, "AI-1")
    assert TimelineEntry.objects.get().kind == "action_item_added"


def test_item_without_title_is_refused_on_its_field(db: None, now: datetime) -> None:
    with pytest.raises(PostmortemError) as refusal:
        add_action_item(make_incident(), NewActionItem(" "), by=BY, at=now)

    assert refusal.value.fields == {"title": ["Say in a few words what will be done."]}


def test_finishing_an_item_twice_is_refused(db: None, now: datetime) -> None:
    item = make_action_item()
    item.finish(by=BY, at=now)

    with pytest.raises(PostmortemError, match="not open any more"):
        item.finish(by=BY, at=now)

    assert TimelineEntry.objects.get().kind == "action_item_done"


def test_dropping_an_item_needs_a_reason(db: None, now: datetime) -> None:
    with pytest.raises(PostmortemError, match="Say why"):
        make_action_item().drop(reason="", by=BY, at=now)


@pytest.mark.parametrize("reference", ["AI-1", "PM-", "PM-x", "31", "PM-٣", ""])
def test_wrong_references_find_nothing(db: None, reference: str) -> None:
    make_postmortem()

    with pytest.raises(Postmortem.DoesNotExist):
        Postmortem.objects.get_by_reference(reference)
