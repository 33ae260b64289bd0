import pytest
from django.test import override_settings

from comms.notices.registry import words_of
from roster.models import Notice, NoticeKind, RosterPlan
from tests.factories.plans import make_plan
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

State = RosterPlan.State


def notice_of(plan, now):
    return Notice.objects.create(
        key="plan",
        kind=NoticeKind.PLAN_READY,
        person=make_person(),
        data={"plan": plan.pk},
        created_at=now,
    )


@override_settings(PUBLIC_URL="https://muster.example")
def test_ready_proposal_is_linked(now):
    plan = make_plan(name="Spring [1]", state=State.PROPOSED)

    content = words_of(notice_of(plan, now))

    assert content.subject == "Roster proposal ready: Spring [1]"
    assert content.text == (
        "The proposal Spring [1] is ready. Nothing changes until somebody accepts it.\n\n"
        f"Look at it: https://muster.example/admin/roster/rosterplan/{plan.pk}/plan/"
    )


def test_impossible_plan_says_why(now):
    plan = make_plan(state=State.IMPOSSIBLE, result={"reasons": ["Everyone is away."]})

    content = words_of(notice_of(plan, now))

    assert content.subject == "No roster found: Spring"
    assert "- Everyone is away." in content.text


def test_settled_plan_is_not_told_of(now):
    assert words_of(notice_of(make_plan(state=State.ACCEPTED), now)) is None
