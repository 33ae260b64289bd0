"""Answers, what they do to an escalation, and failing runs; the rules are in tests/paging."""

from datetime import time, timedelta
from uuid import uuid4

import pytest

from incidents.escalation import (
    moment,
    run_due,
    running,
    start_escalation,
    start_escalations,
    stop_escalation,
)
from incidents.models import Escalation, Page, RoleAssignment, Severity
from incidents.processing import process_due
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import claim
from tests.factories.incidents import make_incident, make_service
from tests.factories.roster import make_person, make_policy, make_schedule
from tests.incidents.paging import ADMIN, Paging, alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return make_person(slug="ada")


@pytest.fixture
def ben(db):
    return make_person(slug="ben")


@pytest.fixture
def paging(ada, ben, now):
    return Paging(make_policy(ada, ben), at=now)


def test_acknowledge_page_takes_the_incident(paging, ada):
    paging.fire()

    paging.acknowledge(ada)

    page = paging.page_of(ada)
    assert (page.state, page.acknowledged_at, page.acknowledged_via) == (
        "acknowledged",
        paging.at,
        "link",
    )
    assert paging.incident.acknowledged_at == paging.at
    assert paging.escalation.state == "acknowledged"
    assert RoleAssignment.objects.get().person == ada
    assert paging.story()[4:] == [
        "page_acknowledged",
        "incident_acknowledged",
        "role_assigned",
        "escalation_stopped",
    ]


def test_acknowledge_page_again_does_nothing(paging, ada):
    paging.fire()
    paging.acknowledge(ada)
    before = paging.story()

    paging.acknowledge(ada)

    assert paging.story() == before


def test_acknowledge_page_after_somebody_else_says_who(paging, ada, ben):
    paging.fire()
    paging.tick(minutes=5)
    paging.acknowledge(ben)

    with pytest.raises(DomainError, match=r"^Ben has INC-1 already\."):
        paging.acknowledge(ada)


def test_acknowledge_page_of_an_incident_that_is_over_says_so(paging, ada):
    paging.fire()
    paging.resolve()

    with pytest.raises(DomainError, match=r"^INC-1 is over\."):
        paging.acknowledge(ada)


def test_acknowledging_the_incident_itself_answers_ones_own_page(paging, ada):
    paging.fire()

    paging.incident.acknowledge(by=Actor.of_person(ada, via="admin"), at=paging.at)

    page = paging.page_of(ada)
    assert (page.state, page.acknowledged_via) == ("acknowledged", "admin")
    assert paging.escalation.state == "acknowledged"


def test_acknowledging_the_incident_without_a_page_stops_those_of_others(paging, ada):
    paging.fire()

    paging.incident.acknowledge(by=ADMIN, at=paging.at)

    assert paging.page_of(ada).state == "stopped"
    assert paging.entry("escalation_stopped").data == {"reason": "acknowledged by Administrator"}


def test_declaring_stops_paging(paging):
    paging.fire()
    severity = paging.incident.severity

    paging.incident.declare(
        extent=None, degree=None, severity=severity, reason="Seen.", by=ADMIN, at=paging.at
    )
    paging.tick(minutes=60)

    assert paging.paged() == ["Ada"]


def test_decline_page_keeps_the_reason(paging, ada):
    paging.fire()

    paging.decline(ada, "On a plane.")

    entry = paging.entry("page_declined")
    assert (entry.text, entry.actor) == ("On a plane.", ada)
    assert paging.page_of(ada).state == "declined"


def test_decline_page_twice_is_refused_in_friendly_words(paging, ada):
    paging.fire()
    paging.decline(ada)

    with pytest.raises(DomainError, match=r"^You declined this page\. INC-1 was passed on"):
        paging.decline(ada)


def test_stop_escalation_twice_records_once(paging):
    paging.fire()

    assert stop_escalation(paging.incident, by=ADMIN, at=paging.at, reason="drill over")
    assert not stop_escalation(paging.incident, by=ADMIN, at=paging.at, reason="drill over")

    assert paging.entry("escalation_stopped").data == {"reason": "drill over"}
    assert paging.waiting() == []


def test_start_escalation_twice_is_one(paging):
    paging.fire()

    again = start_escalation(paging.incident, by=ADMIN, at=paging.at)

    assert again == paging.escalation
    assert Escalation.objects.count() == 1


def test_run_due_after_kill_before_commit_pages_once(paging, monkeypatch):
    """The step is undone with the worker, and done again when its lease is over."""
    paging.send_alert_only()
    with monkeypatch.context() as patch:
        patch.setattr(running, "_write", _die)
        with pytest.raises(KeyboardInterrupt):
            run_due(at=paging.at)
    assert Page.objects.count() == 0

    paging.tick(minutes=1)

    assert paging.paged() == ["Ada"]


def test_run_of_what_another_worker_has_taken_pages_nobody(paging):
    paging.send_alert_only()
    claimed = claim(
        Escalation.objects.running(), at=paging.at, limit=1, lease_for=running.LEASE_FOR
    )
    Escalation.objects.update(lease_token=uuid4())

    running._run(claimed, paging.at)

    assert Page.objects.count() == 0


def test_run_due_backs_off_after_an_unexpected_error_and_goes_on(paging, monkeypatch):
    paging.send_alert_only()
    with monkeypatch.context() as patch:
        patch.setattr(moment, "people_behind", lambda *args, **kwargs: 1 / 0)
        run_due(at=paging.at)
    stopped_short = paging.escalation
    assert (stopped_short.last_error, stopped_short.lease_token) == ("ZeroDivisionError", None)
    assert paging.at < stopped_short.due_at < paging.at + timedelta(minutes=1)

    paging.tick(minutes=1)

    assert paging.paged() == ["Ada"]


def test_one_that_cannot_run_holds_up_none_of_the_others(paging, ada, ben, now, monkeypatch):
    paging.send(alert("a"), group="a")
    paging.send(alert("b"), group="b")
    process_due(at=now)
    broken = Escalation.objects.order_by("pk")[0]
    page = running._Run.page

    def page_or_fail(self, rung):
        return page(self, rung) if self.row.pk != broken.pk else 1 / 0

    monkeypatch.setattr(running._Run, "page", page_or_fail)
    run_due(at=now)

    assert [each.escalation_id for each in Page.objects.all()] == [broken.pk + 1]


@pytest.mark.parametrize("incidents", [1, 30])
def test_run_due_takes_the_same_queries_for_any_number_of_incidents_of_a_policy(
    incidents, ada, now, django_assert_num_queries
):
    service = make_service(policy=make_policy(make_schedule(ada)))
    opened = [make_incident(services=[service]) for _ in range(incidents)]
    start_escalations(opened, by=ADMIN, at=now)

    with django_assert_num_queries(30):
        run_due(at=now)

    assert Page.objects.count() == incidents


def test_entries_name_the_version_of_the_policy(paging):
    paging.service.policy.next_version()

    paging.fire()

    data = paging.entry("responder_paged").data
    assert (data["policy_version"], data["step"], data["pass_number"]) == (2, 1, 1)
    assert data["page"] == Page.objects.get().pk


def _die(rows: object) -> None:
    raise KeyboardInterrupt


def test_wait_counts_from_the_end_of_the_quiet_hours_where_a_page_can_wait(now):
    """Or it would run out over people who slept and were never told."""
    ada = make_person(slug="ada", time_zone="UTC", quiet_from=time(9), quiet_until=time(12))
    paging = Paging(make_policy(ada, make_person(slug="ben")), at=now)
    Severity.objects.update(urgency="low")
    paging.fire()

    paging.tick(minutes=124)
    assert paging.paged() == ["Ada"]

    paging.tick(minutes=1)
    assert paging.paged() == ["Ada", "Ben"]
