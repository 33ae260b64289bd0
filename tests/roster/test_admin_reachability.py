from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from comms.models import Message
from roster import notices, page_tests
from roster.models import ContactMethod, Notice, PageTestCall, Person
from roster.notification_summary import summaries
from tests.factories.reachability import make_page_test
from tests.factories.roster import make_contact_method, make_person, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

MakeUser = Callable[..., User]
FETCH = {"X-Requested-With": "fetch"}


def page_of(person: Person) -> str:
    return reverse("admin:roster_person_change", args=[person.pk])


def verify_url(method: ContactMethod, what: str = "verify") -> str:
    return reverse(f"admin:roster_contactmethod_{what}", args=[method.person_id, method.pk])


@pytest.fixture
def ana(user_with: MakeUser, client: Client) -> Person:
    """Logged in, with no right beyond her own page."""
    user = user_with(username="ana")
    client.force_login(user)
    return make_person(name="Ana", user=user)


# --- Proving an address --------------------------------------------------------------------------


def test_person_verifies_their_own_method_in_two_steps(
    client: Client, ana: Person, now: datetime
) -> None:
    method = make_contact_method(ana, address="new@example.com", verified=False)

    asked = client.get(verify_url(method)).text
    sent = client.post(verify_url(method), {"step": "send"}).text
    notices.deliver_due(at=now)
    code = Message.objects.get().body.split()[0]
    done = client.post(verify_url(method), {"step": "enter", "code": code}, headers=FETCH)

    assert "Send code" in asked
    assert "A six-digit code is on its way to <strong>new@example.com</strong>" in sent
    assert done["HX-Redirect"] == page_of(ana)
    method.refresh_from_db()
    assert method.verified_at == now
    assert "Verified</span> since 2 Mar 2026" in client.get(page_of(ana)).text


def test_opening_the_dialog_sends_nothing(client: Client, ana: Person) -> None:
    client.get(verify_url(make_contact_method(ana, verified=False)))

    assert not Notice.objects.exists()


def test_wrong_code_stays_in_the_dialog_with_the_reason(client: Client, ana: Person) -> None:
    method = make_contact_method(ana, verified=False)
    client.post(verify_url(method), {"step": "send"})

    response = client.post(verify_url(method), {"step": "enter", "code": "nope"}, headers=FETCH)

    assert response.status_code == 422
    assert "This is not the code that was sent. 4 more tries." in response.text


def test_code_asked_for_twice_says_why_not(client: Client, ana: Person) -> None:
    method = make_contact_method(ana, verified=False)
    client.post(verify_url(method), {"step": "send"})

    assert "less than a minute ago" in client.post(verify_url(method), {"step": "send"}).text
    assert Notice.objects.count() == 1


@pytest.mark.parametrize("what", ["verify", "vouch"])
def test_somebody_elses_method_is_not_ones_business(client: Client, ana: Person, what: str) -> None:
    other = make_contact_method(make_person(), verified=False)

    answers = [client.get(verify_url(other, what)), client.post(verify_url(other, what))]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert not Notice.objects.exists()


def test_method_is_not_found_below_another_person(client: Client, ana: Person) -> None:
    other = make_contact_method(make_person(), verified=False)

    url = reverse("admin:roster_contactmethod_verify", args=[ana.pk, other.pk])

    assert client.get(url).status_code == 404


def test_editor_may_send_a_code_but_not_vouch(client: Client, user_with: MakeUser) -> None:
    client.force_login(user_with("roster.change_contactmethod", username="rosa"))
    method = make_contact_method(make_person(), verified=False)

    assert client.post(verify_url(method), {"step": "send"}).status_code == 200
    assert client.post(verify_url(method, "vouch"), {"reason": "I know."}).status_code == 403
    method.refresh_from_db()
    assert (Notice.objects.count(), method.verified_at) == (1, None)


def test_own_method_cannot_be_vouched_for_without_the_right(client: Client, ana: Person) -> None:
    method = make_contact_method(ana, verified=False)

    assert client.post(verify_url(method, "vouch"), {"reason": "Me."}).status_code == 403


def test_administrator_vouches_with_a_reason(
    client: Client, user_with: MakeUser, now: datetime
) -> None:
    client.force_login(user_with("roster.verify_contactmethod", username="root"))
    method = make_contact_method(make_person(), verified=False)

    refused = client.post(verify_url(method, "vouch"), {"reason": ""}, headers=FETCH)
    client.post(verify_url(method, "vouch"), {"reason": "He called back."})

    assert refused.status_code == 422
    method.refresh_from_db()
    assert method.verified_at == now
    assert method.history.first().history_change_reason == "root: He called back."


# --- Test pages ----------------------------------------------------------------------------------


def test_own_page_sends_a_test_page_and_shows_what_became_of_it(
    client: Client, ana: Person, now: datetime
) -> None:
    make_rule(make_contact_method(ana, label="Work e-mail"))
    make_rule(make_contact_method(ana, label="Phone"), delay_minutes=2)
    url = reverse("admin:roster_person_test_page", args=[ana.pk])

    client.post(url)
    notices.deliver_due(at=now)
    waiting = client.get(page_of(ana)).text
    page_tests.acknowledge(PageTestCall.objects.get(), at=now + timedelta(seconds=12))
    answered = client.get(page_of(ana)).text

    assert "Send me a test page" in waiting
    assert "Work e-mail: queued" in waiting
    assert "Phone: queued" in waiting
    assert "data-live-url" in waiting
    assert "<span>after 12 s</span>" in answered
    assert "Phone: not needed any more" in answered
    assert "data-live-url" not in answered


def test_test_page_is_sent_by_post_only(client: Client, ana: Person) -> None:
    url = reverse("admin:roster_person_test_page", args=[ana.pk])

    assert client.get(url).status_code == 405
    assert not PageTestCall.objects.exists()


def test_somebody_else_is_tested_with_the_right_to_plan_tests(
    client: Client, ana: Person, user_with: MakeUser
) -> None:
    url = reverse("admin:roster_person_test_page", args=[make_person().pk])

    assert client.post(url).status_code == 403
    client.force_login(user_with("roster.add_pagetest", username="rosa"))
    assert client.post(url).status_code == 302
    assert PageTestCall.objects.count() == 1


def test_unannounced_test_stays_a_surprise_until_it_is_over(
    client: Client, ana: Person, now: datetime
) -> None:
    make_page_test(name="Disk full", starts_at=now, people=[ana])
    page_tests.send_due(at=now)

    before = client.get(page_of(ana)).text
    page_tests.acknowledge(PageTestCall.objects.get(), at=now + timedelta(minutes=1))
    after = client.get(page_of(ana)).text

    assert "Disk full" not in before
    assert "Disk full" in after


def test_panel_shows_to_those_who_see_contact_details(client: Client, user_with: MakeUser) -> None:
    bo = make_person(name="Bo")
    make_contact_method(bo, label="Night phone")
    panel = reverse("admin:roster_person_reachability", args=[bo.pk])

    client.force_login(user_with("roster.view_person", username="plain"))
    assert "Night phone" not in client.get(page_of(bo)).text
    assert client.get(panel).status_code == 403
    client.force_login(
        user_with("roster.view_person", "roster.view_contactmethod", username="trusted")
    )
    assert "Night phone at once" in client.get(page_of(bo)).text
    assert "Night phone at once" in client.get(panel, headers=FETCH).text


def test_person_page_takes_the_same_queries_whatever_they_have(
    client: Client, ana: Person, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        make_rule(make_contact_method(ana))
        make_page_test(starts_at=now, people=[ana], number=100 + ContactMethod.objects.count())
    page_tests.send_due(at=now)
    url = reverse("admin:roster_person_reachability", args=[ana.pk])
    client.get(url)

    with django_assert_max_num_queries(11):  # session, login, person (3), and the panel's
        client.get(url)


WORK = {"work_from": "09:00", "work_until": "17:00", "work_days": ["0", "4"]}


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until"),
        ({"quiet_from": "22:00", "quiet_until": ""}, "__all__"),
    ],
)
def test_half_or_endless_quiet_hours_are_refused(
    client: Client, ana: Person, hours: dict[str, str], field: str
) -> None:
    empty = {
        f"{prefix}-{count}": "0"
        for prefix in ("contact_methods", "notification_rules")
        for count in ("TOTAL_FORMS", "INITIAL_FORMS")
    }

    response = client.post(
        page_of(ana), {"time_zone": "UTC", "reminder_hours": "24", **WORK, **hours, **empty}
    )

    assert list(response.context["adminform"].form.errors) == [field]


# --- In one sentence -----------------------------------------------------------------------------


def sentences(person: Person) -> list[str]:
    return [summary.sentence for summary in summaries(person)]


def test_rules_read_as_one_sentence_for_each_urgency() -> None:
    person = make_person(time_zone="Europe/London", quiet_from=time(22), quiet_until=time(7))
    mail = make_contact_method(person, label="Work e-mail")
    phone = make_contact_method(person, label="Phone")
    pager = make_contact_method(person, label="Pager")
    make_rule(mail)
    make_rule(phone, delay_minutes=2)
    make_rule(pager, delay_minutes=2)
    make_rule(pager, delay_minutes=9)
    make_rule(mail, urgency="low")

    assert sentences(person) == [
        "Work e-mail at once, Phone and Pager after 2 min.",
        "Work e-mail at once. Waits during quiet hours, 22:00 to 07:00 (Europe/London).",
    ]


def test_rule_for_an_unverified_method_is_warned_about() -> None:
    person = make_person()
    make_rule(make_contact_method(person, label="Mail"))
    make_rule(make_contact_method(person, label="Phone", verified=False), delay_minutes=2)

    high, low = summaries(person)

    assert high.sentence == "Mail at once."
    assert high.warnings == ["“Phone” is not verified: its rule is passed over until it is."]
    assert low.warnings == []


def test_without_rules_the_sentence_says_what_happens_instead() -> None:
    with_method, with_mail, with_nothing = make_person(), make_person(), make_person(email="")
    make_contact_method(with_method, label="Mail")

    assert sentences(with_method)[0] == "Mail at once; there is no rule."
    assert sentences(with_mail)[0] == (
        "The e-mail of the profile, at once; no contact method is verified."
    )
    assert sentences(with_nothing)[0] == "Nothing."
    assert "Nothing reaches" in summaries(with_nothing)[0].warnings[0]
