from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from comms.models import Message
from roster import handoffs, notices, oncall
from roster.errors import DomainError
from roster.links import make_url
from roster.models import HandoffNote, Notice, Person, Schedule
from roster.tasks import remind_shifts
from tests.factories.incidents import make_incident, make_service
from tests.factories.roster import make_override, make_person, make_policy, make_schedule

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
# Bo is on call until then, Ana afterwards; `now` is a Monday, 10:00.
MONDAY = datetime(2026, 3, 9, 9, tzinfo=UTC)


@pytest.fixture
def ana() -> Person:
    return make_person(name="Ana")


@pytest.fixture
def bo() -> Person:
    return make_person(name="Bo")


@pytest.fixture
def schedule(ana: Person, bo: Person) -> Schedule:
    return make_schedule(bo, ana, name="Primary")


def write(schedule: Schedule, author: Person, at: datetime, text: str = "Watch db-3.") -> Any:
    return handoffs.write_note(schedule, author=author, text=text, at=at)


def refusal(change: Callable[[], object]) -> str:
    with pytest.raises(DomainError) as caught:
        change()
    return caught.value.code


def told() -> list[tuple[str, str]]:
    rows = Notice.objects.order_by("pk").select_related("person")
    return [(row.kind, row.person.name) for row in rows]


# --- Which handoff -------------------------------------------------------------------------------


def test_person_on_call_writes_for_their_next_handoff(
    schedule: Schedule, ana: Person, bo: Person, now: datetime
) -> None:
    found = handoffs.handoff_of(schedule, bo, at=now)

    assert found == handoffs.Handoff(schedule, MONDAY, bo, [ana])


def test_person_just_relieved_writes_for_the_handoff_behind_them(
    schedule: Schedule, ana: Person, bo: Person
) -> None:
    found = handoffs.handoff_of(schedule, bo, at=MONDAY + 12 * HOUR)

    assert found == handoffs.Handoff(schedule, MONDAY, bo, [ana])
    assert handoffs.handoff_of(schedule, bo, at=MONDAY + 12 * HOUR + MINUTE) is None


def test_turns_in_a_row_are_handed_over_once(ana: Person, bo: Person, now: datetime) -> None:
    twice = make_schedule(bo, bo, ana)  # the tenth week is Ana's third; then Bo has two

    found = handoffs.handoff_of(twice, bo, at=MONDAY)

    assert found is not None
    assert found.at == MONDAY + timedelta(weeks=2)
    assert found.incoming == [ana]


def test_person_who_is_never_relieved_has_no_handoff(bo: Person, now: datetime) -> None:
    assert handoffs.handoff_of(make_schedule(bo), bo, at=now) is None


def test_swap_moves_the_handoff(schedule: Schedule, ana: Person, bo: Person, now: datetime) -> None:
    cy = make_person(name="Cy")
    make_override(schedule, cy, starts_at=now + HOUR, ends_at=now + 5 * HOUR)

    assert handoffs.handoff_of(schedule, bo, at=now) == handoffs.Handoff(
        schedule, now + HOUR, bo, [cy]
    )


# --- The note ------------------------------------------------------------------------------------


def test_note_goes_to_the_incoming_at_once(
    schedule: Schedule, ana: Person, bo: Person, now: datetime
) -> None:
    note = write(schedule, bo, now, text=" Watch db-3. ")
    notices.deliver_due(at=now)

    assert (note.text, note.handoff_at, note.author) == ("Watch db-3.", MONDAY, bo)
    message = Message.objects.get()
    assert (message.person, message.subject) == (ana, "Handoff of Primary")
    assert message.body == ("Bo hands Primary over to you, Mon 9 Mar, 09:00 UTC:\n\n> Watch db-3.")


def test_somebody_else_may_not_write(schedule: Schedule, now: datetime) -> None:
    assert refusal(lambda: write(schedule, make_person(), now)) == "nothing_to_hand_over"
    assert not HandoffNote.objects.exists()


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 5001])
def test_note_needs_words_and_not_too_many(
    schedule: Schedule, bo: Person, now: datetime, text: str
) -> None:
    assert refusal(lambda: write(schedule, bo, now, text=text)) == "note_text"


def test_note_cannot_smuggle_a_link_or_a_heading_out_of_its_quotation(
    schedule: Schedule, bo: Person, now: datetime
) -> None:
    write(schedule, bo, now, text="See\n\n[here](https://evil.example)\n<b>now</b>")
    notices.deliver_due(at=now)

    message = Message.objects.get()
    assert "> [here](https://evil.example)" in message.body
    assert 'href="https://evil.example' not in message.html
    assert "<b>" not in message.html


def test_notes_are_shown_until_the_stretch_they_were_written_for_is_over(
    schedule: Schedule, ana: Person, bo: Person, now: datetime
) -> None:
    note = write(schedule, bo, now)

    def shown(at: datetime) -> list[HandoffNote]:
        on_call = oncall.on_call([schedule], at)
        return handoffs.notes_of([schedule], on_call, at=at)[schedule.pk]

    assert shown(now) == [note]
    assert shown(MONDAY) == [note]
    assert shown(MONDAY + timedelta(days=7) - MINUTE) == [note]
    assert shown(MONDAY + timedelta(days=7)) == []


def test_notes_of_many_schedules_take_one_query(
    now: datetime, django_assert_num_queries: Any
) -> None:
    schedules = [make_schedule(make_person(), make_person()) for _ in range(5)]
    on_call = oncall.on_call(schedules, now)
    for schedule in schedules:
        write(schedule, on_call[schedule.pk][0].person, now)

    with django_assert_num_queries(1):
        found = handoffs.notes_of(schedules, on_call, at=now)
        assert [note.author.name for notes in found.values() for note in notes]


# --- Being asked ---------------------------------------------------------------------------------


def test_outgoing_person_is_asked_an_hour_before(
    schedule: Schedule, ana: Person, bo: Person
) -> None:
    assert handoffs.ask_due(at=MONDAY - HOUR - MINUTE) == 0
    assert handoffs.ask_due(at=MONDAY - HOUR) == 1
    assert handoffs.ask_due(at=MONDAY - 59 * MINUTE) == 0

    notices.deliver_due(at=MONDAY - HOUR)
    message = Message.objects.get()
    assert (message.person, message.subject) == (bo, "You hand over Primary soon")
    assert message.body.startswith("You hand Primary over to Ana, Mon 9 Mar, 09:00 UTC.")
    assert make_url("handoff.note", schedule.pk, bo).rpartition(":")[0][:40] in message.body


def test_who_wants_no_reminders_is_not_asked(schedule: Schedule, bo: Person) -> None:
    Person.objects.filter(pk=bo.pk).update(reminder_hours=0)

    assert handoffs.ask_due(at=MONDAY - HOUR) == 0


def test_short_turns_are_not_asked_about(ana: Person, bo: Person, now: datetime) -> None:
    schedule = make_schedule(bo, ana)
    schedule.layers.update(unit="hour", length=3)

    assert sum(handoffs.ask_due(at=now + hours * HOUR) for hours in range(12)) == 0


def test_nobody_is_asked_where_nobody_takes_over(bo: Person, now: datetime) -> None:
    schedule = make_schedule(bo)
    schedule.layers.update(effective_until=MONDAY)

    assert handoffs.ask_due(at=MONDAY - HOUR) == 0


def test_asking_takes_the_same_queries_for_all_schedules(
    now: datetime, django_assert_num_queries: Any
) -> None:
    make_schedule(make_person(), make_person())
    with django_assert_num_queries(8):
        assert handoffs.ask_due(at=MONDAY - HOUR) == 1
    for _ in range(20):
        make_schedule(make_person(), make_person())
    with django_assert_num_queries(8):
        assert handoffs.ask_due(at=MONDAY - HOUR) == 20


def test_sweep_asks(schedule: Schedule, clock: Any) -> None:
    clock.move_to(MONDAY - HOUR)

    remind_shifts()
    remind_shifts()

    assert sorted(told()) == [("handoff_asked", "Bo"), ("shift_reminder", "Ana")]


# --- By link -------------------------------------------------------------------------------------


def test_person_without_a_login_writes_by_link(
    schedule: Schedule, bo: Person, now: datetime, clock: Any, client: Client
) -> None:
    link = make_url("handoff.note", schedule.pk, bo)

    shown = client.get(link).text
    client.post(link, {"text": "Watch db-3."})

    assert "Hand over Primary" in shown
    assert "Ana" in shown
    assert [(note.author, note.text) for note in HandoffNote.objects.all()] == [(bo, "Watch db-3.")]


def test_link_of_somebody_off_duty_is_refused_with_the_reason(
    schedule: Schedule, clock: Any, client: Client
) -> None:
    response = client.post(
        make_url("handoff.note", schedule.pk, make_person(name="Cy")), {"text": "Hello."}
    )

    assert response.status_code == 409
    assert "Only who goes off duty writes the note." in response.text


# --- Open incidents ------------------------------------------------------------------------------


@pytest.fixture
def service(schedule: Schedule) -> Any:
    return make_service(policy=make_policy(schedule))


def labels(schedule: Schedule, viewer: Any, at: datetime) -> list[str]:
    work = handoffs.open_work(schedule, at=at, viewer=viewer)
    return [label.partition(" (")[0] for label, _ in work]


def test_open_incidents_of_what_the_schedule_answers_for(
    schedule: Schedule, service: Any, ana: Person, now: datetime
) -> None:
    mine = make_incident(title="Checkout is down", services=[service])
    expert = make_service()
    expert.schedules.add(schedule)
    theirs = make_incident(title="Search is slow", services=[expert])
    make_incident(title="Elsewhere", services=[make_service()])
    make_incident(title="Over", services=[service], phase="closed")

    assert sorted(labels(schedule, ana, now)) == [
        f"{mine.reference} Checkout is down",
        f"{theirs.reference} Search is slow",
    ]


def test_private_incident_stays_with_those_involved(
    schedule: Schedule, service: Any, ana: Person, now: datetime, user_with: Any
) -> None:
    make_incident(title="Layoffs", services=[service], is_private=True)
    user = user_with("incidents.view_incident")
    trusted = user_with(
        "incidents.view_incident", "incidents.view_private_incident", username="trusted"
    )
    with_login = make_person(user=user)

    assert labels(schedule, ana, now) == []
    assert labels(schedule, with_login, now) == []
    assert labels(schedule, user, now) == []
    assert len(labels(schedule, trusted, now)) == 1


def test_login_without_the_right_to_see_incidents_sees_none(
    schedule: Schedule, service: Any, now: datetime, user_with: Callable[..., User]
) -> None:
    make_incident(services=[service])

    assert labels(schedule, user_with("roster.view_schedule"), now) == []


def test_mail_to_the_incoming_lists_what_is_open_and_nothing_private(
    schedule: Schedule, service: Any, bo: Person, now: datetime
) -> None:
    make_incident(title="Checkout is down", services=[service])
    make_incident(title="Layoffs", services=[service], is_private=True)

    write(schedule, bo, now)
    notices.deliver_due(at=now)

    body = Message.objects.get().body
    assert "Checkout is down" in body
    assert "Layoffs" not in body


# --- The page ------------------------------------------------------------------------------------


def note_url(schedule: Schedule) -> str:
    return reverse("admin:roster_handoff_note", args=[schedule.pk])


@pytest.fixture
def as_bo(bo: Person, client: Client, user_with: Callable[..., User], clock: Any) -> Client:
    """Bo is on call and logged in, with the right to look at schedules."""
    bo.user = user_with("roster.view_schedule", username="bo")
    bo.save(update_fields=["user"])
    client.force_login(bo.user)
    return client


def test_person_on_call_writes_the_note_and_everybody_finds_it(
    as_bo: Client, schedule: Schedule, bo: Person
) -> None:
    asked = as_bo.get(note_url(schedule)).text
    sent = as_bo.post(
        note_url(schedule), {"text": "Watch db-3."}, headers={"X-Requested-With": "fetch"}
    )

    assert "takes over from you on Monday 9 March, 09:00 UTC" in asked
    assert sent["HX-Redirect"] == reverse("admin:roster_schedule_calendar", args=[schedule.pk])
    assert [note.author for note in HandoffNote.objects.all()] == [bo]
    assert "Watch db-3." in as_bo.get(reverse("admin:roster_oncall")).text


def test_empty_note_is_refused_on_its_field(as_bo: Client, schedule: Schedule) -> None:
    response = as_bo.post(note_url(schedule), {"text": " "})

    assert response.status_code == 422
    assert not HandoffNote.objects.exists()


def test_only_whoever_goes_off_duty_is_offered_the_form(
    as_bo: Client, schedule: Schedule, ana: Person
) -> None:
    other = make_schedule(ana)

    assert "Notes are written by" in as_bo.get(note_url(other)).text
    assert as_bo.post(note_url(other), {"text": "Hello."}).status_code == 403
    page = as_bo.get(reverse("admin:roster_oncall")).text
    assert note_url(schedule) in page
    assert note_url(other) not in page


def test_page_needs_the_right_to_see_schedules(
    client: Client, schedule: Schedule, user_with: Callable[..., User]
) -> None:
    client.force_login(user_with(username="plain"))

    assert client.get(note_url(schedule)).status_code == 403
