"""Three months of incidents at Halyard Freight, and the two that are open right now."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from config.demo.organisation import HISTORY, Organisation
from config.demo.replay import Replay
from config.demo.stories import MAJOR, MIDDLING, NOISE, REASONS_TO_DISMISS, SMALL, Story
from incidents.models import Incident, Phase
from incidents.responders import release_all
from roster.actors import Actor

# How many of each kind there are, and how one of them goes.
MAJORS, MIDDLINGS, SMALLS, DISMISSED, FLEETING = 10, 13, 18, 8, 13
ALERT_LABELS = {"sev1": "high", "sev2": "high", "sev3": "medium", "sev4": "low", "sev5": "info"}


def tell_history(company: Organisation, at: datetime, rng: Random) -> None:
    """Tell every closed incident in the order in which they began."""
    small: list[Callable[[Replay], None]] = [
        *(_telling(_middling, MIDDLING[number % len(MIDDLING)]) for number in range(MIDDLINGS)),
        *(_telling(_small, SMALL[number % len(SMALL)]) for number in range(SMALLS)),
        *([_dismissed] * DISMISSED),
        *([_fleeting] * FLEETING),
    ]
    rng.shuffle(small)
    plots = _with_majors_between(small)
    for plot, starts_at in zip(plots, _moments(at, len(plots), rng), strict=True):
        replay = Replay(company, starts_at, rng)
        plot(replay)
        replay.finish()


def _with_majors_between(small: list[Callable[[Replay], None]]) -> list[Callable[[Replay], None]]:
    """At even distances, so that a postmortem of every age is there to look at."""
    plots = list(small)
    for number in range(MAJORS):
        major = _telling(_major, MAJOR[number % len(MAJOR)])
        plots.insert(round((number + 0.9) * (len(small) / MAJORS)) + number, major)
    return plots


def _telling(plot: Callable[[Replay, Story], None], story: Story) -> Callable[[Replay], None]:
    return lambda replay: plot(replay, story)


def _moments(at: datetime, count: int, rng: Random) -> list[datetime]:
    """Spread over the three months, more by day than by night, the last ones some days ago."""
    begin, length = at - HISTORY, HISTORY - timedelta(days=3)
    moments = []
    for number in range(count):
        day = begin + length * (number / count)
        hour = rng.choice([2, 6, 7, 8, 9, 9, 10, 11, 12, 13, 13, 14, 15, 16, 17, 20, 23])
        moments.append(day.replace(hour=hour, minute=rng.randint(0, 59), second=rng.randint(0, 59)))
    return sorted(moments)


# --- The small ones -------------------------------------------------------------------------------


def _fleeting(replay: Replay) -> None:
    """An alert that goes away before anybody answers."""
    service, name, title = replay.rng.choice(NOISE)
    replay.alert(service, name, title, "medium", is_over=False)
    replay.page()
    replay.clock.pass_minutes(2, 4)
    replay.alert(service, name, title, "medium", is_over=True)


def _dismissed(replay: Replay) -> None:
    """An alert that somebody looks at and finds to be nothing."""
    service, name, title = replay.rng.choice(NOISE)
    replay.alert(service, name, title, "medium", is_over=False)
    by = replay.take(within_minutes=9)
    replay.clock.pass_minutes(4, 25)
    replay.do(replay.incident.dismiss, reason=replay.rng.choice(REASONS_TO_DISMISS), by=by)
    replay.alert(service, name, title, "medium", is_over=True)


def _small(replay: Replay, story: Story) -> None:
    """One person does it all, and it closes with one line."""
    by = _begin(replay, story, "low")
    replay.clock.pass_minutes(10, 40)
    replay.declare(story, by=by)
    replay.clock.pass_minutes(15, 180)
    _end_alert(replay, story)
    replay.do(replay.incident.close, summary=story.fix, by=by)


def _middling(replay: Replay, story: Story) -> None:
    """A manager and one or two people, an update inside, no postmortem."""
    by = _begin(replay, story, "medium")
    replay.clock.pass_minutes(4, 15)
    replay.declare(story, by=by)
    manager = replay.manager()
    for responder in replay.call_in_on_call("carrier-gateway")[:1]:
        replay.join(responder)
    _diagnose(replay, story, manager)
    _restore(replay, story, manager)
    replay.send_final(by=manager)
    replay.clock.pass_minutes(60, 60 * 20)
    replay.do(replay.incident.close, summary=story.fix, by=manager)


# --- The big ones ---------------------------------------------------------------------------------


def _major(replay: Replay, story: Story) -> None:
    """Everything: roles, responders, updates inside and outside, and a postmortem at the end."""
    by = _begin(replay, story, "high")
    replay.clock.pass_minutes(2, 9)
    _mobilise(replay, story, by)
    manager = replay.manager()
    speaker = replay.assign("communications-manager", replay.rng.choice(SPEAKERS))
    approver = _another(replay, "amelie-laurent", "sam-whitaker", speaker)
    replay.tell("external", "customers", by=speaker, approver=approver, next_in=60)
    _diagnose(replay, story, manager)
    replay.tell("internal", "executives support", by=speaker, approver=approver, next_in=60)
    replay.clock.pass_minutes(10, 40)
    replay.advance(Phase.RESTORING, by=manager, note=story.fix)
    # Every fourth update comes late, so that the record of promises has something to say.
    replay.clock.pass_minutes(50, 58) if replay.rng.random() > 0.25 else replay.clock.pass_minutes(
        66, 80
    )
    replay.tell("external", "customers", by=speaker, approver=approver, next_in=60)
    _restore(replay, story, manager)
    replay.tell("external", "customers", by=speaker, approver=approver, next_in=None)
    replay.send_final(by=speaker)


SPEAKERS = ("amelie-laurent", "sam-whitaker")
# Who is asked besides those on call, for what, and in which words.
EXPERTS = (
    ("priya-nair", "investigate", "Could you look at the database with us?"),
    ("ruth-adeyemi", "communicate", "Support needs an answer for customers."),
    ("oliver-grant", "consult", "Do we owe anybody a report on this?"),
    ("arjun-rao", "investigate", "You wrote the last change; can you check it?"),
    ("ravi-pillai", "mitigate", "Can we switch the feature off?"),
)


def _mobilise(replay: Replay, story: Story, by: Actor) -> None:
    replay.declare(story, by=by)
    manager = replay.manager()
    replay.clock.pass_minutes(1, 4)
    replay.assign("tech-lead", by.person.slug if by.person else "jonas-weber")
    if replay.incident.severity.rank == 1:
        replay.assign("scribe", replay.rng.choice(("lena-vogt", "wei-lim")))
        replay.assign("deputy", replay.rng.choice(("diego-ramos", "dana-brooks")))
    for responder in replay.call_in_on_call("carrier-gateway"):
        replay.join(responder)
    busy = set(replay.incident.responders.open().values_list("person__slug", flat=True))
    experts = [expert for expert in EXPERTS if expert[0] not in busy]
    for number, (person, purpose, message) in enumerate(replay.rng.sample(experts, 3)):
        responder = replay.call_in(person, purpose, message)
        replay.clock.pass_minutes(1, 5)
        if number == 2 and replay.rng.random() < 0.4:
            reason = "I am travelling until the evening."
            replay.do(responder.decline, by=Actor.of_person(responder.person), reason=reason)
            replay.settle()
        else:
            replay.join(responder)
    replay.do(replay.incident.note, "The call is open; everyone asked has joined.", by=manager)


def _diagnose(replay: Replay, story: Story, manager: Actor) -> None:
    replay.clock.pass_minutes(2, 8)
    replay.advance(Phase.DIAGNOSING, by=manager)
    for note in story.notes:
        replay.clock.pass_minutes(4, 18)
        author = Actor.of_person(replay.rng.choice(replay.engineers()), via="admin")
        replay.do(replay.incident.note, note, by=author)
    if story.suspicion:
        replay.do(
            replay.incident.edit,
            by=manager,
            suspected_cause=story.suspicion,
            workaround=story.workaround,
        )


def _restore(replay: Replay, story: Story, manager: Actor) -> None:
    replay.clock.pass_minutes(5, 45)
    replay.do(replay.incident.edit, by=manager, confirmed_cause=story.cause)
    _end_alert(replay, story)
    replay.clock.pass_minutes(1, 12)
    replay.do(replay.incident.restore, by=manager, summary=story.fix)
    replay.clock.pass_minutes(2, 10)
    replay.do(release_all, replay.incident, by=manager, reason="Thank you, it holds.")


# --- Beginnings and ends --------------------------------------------------------------------------


def _begin(replay: Replay, story: Story, label: str) -> Actor:
    """Mostly an alert; sometimes a customer or a colleague is faster."""
    if replay.rng.random() < 0.75:
        replay.alert(story.service, story.alert, story.title, label, is_over=False)
        return replay.take(within_minutes=7)
    reporter, source = replay.rng.choice(
        (
            ("marco-silva", Incident.Source.CUSTOMER),
            ("lena-vogt", Incident.Source.CUSTOMER),
            ("dana-brooks", Incident.Source.INDIVIDUAL),
        )
    )
    replay.report(story, replay.company.people[reporter], source)
    return replay.take(within_minutes=7)


def _end_alert(replay: Replay, story: Story) -> None:
    if replay.incident.alerts.exists():
        replay.alert(story.service, story.alert, story.title, "medium", is_over=True)


def _another(replay: Replay, first: str, second: str, than: Actor) -> Actor:
    slug = second if than.person and than.person.slug == first else first
    return Actor.of_person(replay.company.people[slug], via="admin")


# --- Right now ------------------------------------------------------------------------------------


def tell_present(company: Organisation, at: datetime, rng: Random) -> None:
    """A SEV2 that people are working on, and an alert that nobody has answered yet."""
    _live_major(Replay(company, at - timedelta(minutes=52), rng), at)
    detected = Replay(company, at - timedelta(minutes=3), rng)
    detected.alert(
        "carrier-gateway",
        "CarrierQueueGrowing",
        "Orders to Baltic Freight are queueing",
        "medium",
        is_over=False,
    )
    detected.page()


def _live_major(replay: Replay, at: datetime) -> None:
    story = MAJOR[2]
    replay.alert(story.service, story.alert, story.title, "high", is_over=False)
    by = replay.take(within_minutes=4)
    replay.clock.pass_minutes(2, 3)
    replay.declare(story, by=by)
    manager = replay.manager()
    lead = replay.assign("tech-lead", "sofia-rossi", note="Knows the consumer best.")
    speaker = replay.assign("communications-manager", "amelie-laurent")
    approver = Actor.of_person(replay.company.people["sam-whitaker"], via="admin")
    replay.tell("external", "customers", by=speaker, approver=approver, next_in=60)
    for responder in replay.call_in_on_call("data-platform"):
        replay.join(responder)
    replay.join(replay.call_in("wei-lim", "communicate", "Support needs an answer."))
    leaving = replay.call_in("oliver-grant", "consult", "Do we owe anybody a report on this?")
    replay.join(leaving)
    replay.advance(Phase.DIAGNOSING, by=manager)
    for note in story.notes[:2]:
        replay.clock.pass_minutes(2, 4)
        replay.do(replay.incident.note, note, by=lead)
    replay.do(replay.incident.edit, by=manager, suspected_cause=story.suspicion)
    replay.clock.at = max(replay.at, at - timedelta(minutes=6))
    reason = "Nothing to report; I have said so to the team."
    replay.do(leaving.ask_to_leave, by=Actor.of_person(leaving.person), reason=reason)
    replay.call_in("yuki-mori", "consult", "May we drop one customs message from the log?")
    replay.finish()
