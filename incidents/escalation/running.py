"""Running the steps that are due, many escalations in one transaction.

What a step leads to is asked once for all of them, so that a storm of incidents of one policy costs
a handful of queries. If one of them fails, each is tried on its own, and it holds up nobody.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from incidents.escalation.answers import SYSTEM, data_of, is_in_hand, let_go_of_who_left, named
from incidents.escalation.moment import Moment
from incidents.escalation.places import first_rung, steps_left
from incidents.escalation.starting import begin, stop
from incidents.models import Escalation, Incident, Page, TimelineEntry
from incidents.vocabulary import Kind
from roster.escalation_targets import Resolved
from roster.leases import backoff, claim, release
from roster.models import EscalationPolicy, EscalationStep
from roster.quiet_hours import first_notified_at
from roster.working_hours import allows

logger = logging.getLogger(__name__)

LEASE_FOR = timedelta(seconds=30)
# Somebody answers for the incident at this very moment: look again when they are done.
BUSY_AGAIN_AFTER = timedelta(seconds=1)
BACKLOG_AGAIN_AFTER = timedelta(seconds=5)
# Where the pages of the fallback stand, which no step and no pass has.
FALLBACK = 0
VIA_LENGTH = 200
COLUMNS = [
    "state",
    "ended_at",
    "due_at",
    "policy_version",
    "steps_run",
    "steps_ahead",
    "pass_number",
    "postponed_until",
    "waits_for_backlog",
    "lease_token",
    "leased_until",
    "attempts",
    "last_error",
]


def run_due(*, at: datetime, limit: int = 100) -> int:
    """Run the step of each escalation that is due; answer how many were taken in hand."""
    let_go_of_who_left(at=at)
    claimed = claim(Escalation.objects.running(), at=at, limit=limit, lease_for=LEASE_FOR)
    if claimed:
        _run(claimed, at)
    return len(claimed)


def _run(claimed: Sequence[Escalation], at: datetime) -> None:
    try:
        busy = _run_together(claimed, at)
    except Exception as error:
        if len(claimed) > 1:
            logger.info("Running %s escalations one by one", len(claimed), exc_info=error)
            for escalation in claimed:
                _run([escalation], at)
            return
        logger.exception("Escalation %s stopped short and is tried again", claimed[0].pk)
        due_at = at + backoff(claimed[0].attempts)
        release(claimed[0], due_at=due_at, error=type(error).__name__)
    else:
        for escalation in busy:
            release(escalation, due_at=at + BUSY_AGAIN_AFTER)


def _run_together(claimed: Sequence[Escalation], at: datetime) -> list[Escalation]:
    """Run them in one transaction; answer those whose incident somebody else holds just now.

    Waiting for those could be waiting for each other. What was answered since we claimed it, or is
    another worker's by now, is left alone.
    """
    with transaction.atomic():
        incidents = _held({escalation.incident_id for escalation in claimed})
        mine = Escalation.objects.running().filter(
            pk__in=[each.pk for each in claimed if each.incident_id in incidents],
            lease_token=claimed[0].lease_token,
        )
        mine = mine.select_related("policy", "also_paged").order_by("pk")
        rows = list(mine.select_for_update(of=("self",)))
        for row in rows:
            row.incident = incidents[row.incident_id]
        _Round(rows, at).take_steps()
    return [each for each in claimed if each.incident_id not in incidents]


def _held(pks: set[int]) -> dict[int, Incident]:
    """The incidents, their rows held until the transaction ends, but for those held by others."""
    skips = connection.features.has_select_for_update_skip_locked
    rows = Incident.objects.select_related("severity").filter(pk__in=pks).order_by("pk")
    held = rows.select_for_update(no_key=True, of=("self",), skip_locked=skips)
    return {incident.pk: incident for incident in held}


class _Round:
    """Many escalations at one moment: what is decided for each, and then written at once."""

    def __init__(self, rows: Sequence[Escalation], at: datetime) -> None:
        """`rows` have their incidents, policies and `also_paged` selected, and are held."""
        self.rows = rows
        self.at = at
        self.moment = Moment(rows, at)
        # The pages of each so far, as pass and person.
        self.paged: dict[int, set[tuple[int, int]]] = {row.pk: set() for row in rows}
        pages = Page.objects.filter(escalation__in=rows)
        for row, number, person in pages.values_list("escalation", "pass_number", "person"):
            self.paged[row].add((number, person))
        self.entries: list[TimelineEntry] = []
        self.moved: dict[Incident, EscalationPolicy | None] = {}
        self.to_come: list[Escalation] = []

    def take_steps(self) -> None:
        """Let each page by its next steps, until somebody is reached or none is left."""
        runs = [_Run(row, self.moment, self.paged[row.pk]) for row in self._ready()]
        going = runs
        while going:
            rungs = [run.next_rung() for run in going]
            self.moment.learn({step.pk: step for rung in rungs for step in rung}.values())
            for run, rung in zip(going, rungs, strict=True):
                run.page(rung)
            going = [run for run in going if not run.is_over]
        Page.objects.bulk_create(page for run in runs for page in run.pages)
        for run in runs:
            self.entries.extend(run.entries())
        self._save()

    def _save(self) -> None:
        if self.entries:
            TimelineEntry.write(self.entries)
        _write(self.rows)
        Escalation.objects.bulk_create(self.to_come)
        begin(self.moved, by=SYSTEM, at=self.at, reason="Another policy applies now.")
        for row in self.rows:
            if row.incident in self.moved and row.also_paged and not self.paged[row.pk]:
                new = Escalation.objects.running().filter(incident=row.incident_id)
                new.update(also_paged=row.also_paged)

    def _ready(self) -> list[Escalation]:
        """Those that page now; the others are stopped, moved to another policy, or put off."""
        ready = []
        for row in self.rows:
            policy = self.moment.policy_of(row.incident)
            if is_in_hand(row.incident, row):
                self._stop(row)
            elif policy != row.policy:
                _give_back(row, state=Escalation.State.STOPPED, ended_at=self.at)
                self.moved[row.incident] = policy
            elif until := self.moment.muted.get(row.incident_id):
                self._postpone(row, until)
            elif self.moment.waits(row):
                _give_back(row, due_at=self.at + BACKLOG_AGAIN_AFTER)
            else:
                ready.append(row)
        return ready

    def _stop(self, row: Escalation) -> None:
        """Somebody answered without our being told, or it is over. Rare: every answer tells us."""
        state, reason = Escalation.State.STOPPED, "somebody has it in hand"
        keeps = row.incident.is_live
        stop(row.incident, state, by=SYSTEM, at=self.at, reason=reason, keeps=keeps)
        _give_back(row, state=state, ended_at=self.at)

    def _postpone(self, row: Escalation, until: datetime) -> None:
        """Put it off until the maintenance ends; it then begins with the first step."""
        if row.postponed_until != until:
            self.entries.append(
                TimelineEntry.draft(
                    row.incident,
                    Kind.PAGING_POSTPONED,
                    by=SYSTEM,
                    at=self.at,
                    data={"until": until.isoformat()},
                )
            )
        if not self.paged[row.pk]:
            _give_back(row, due_at=until, postponed_until=until)
            return
        _give_back(row, state=Escalation.State.STOPPED, ended_at=self.at)
        self.to_come.append(
            Escalation(
                incident=row.incident,
                policy=row.policy,
                policy_version=row.policy_version,
                started_at=self.at,
                due_at=until,
                postponed_until=until,
            )
        )


def _write(rows: Sequence[Escalation]) -> None:
    """Store them, all that are alike in one query: in a storm most are."""
    alike: dict[str, list[Escalation]] = {}
    for row in rows:
        alike.setdefault(repr([getattr(row, name) for name in COLUMNS]), []).append(row)
    for same in alike.values():
        values = {name: getattr(same[0], name) for name in COLUMNS}
        Escalation.objects.filter(pk__in=[row.pk for row in same]).update(**values)


def _give_back(row: Escalation, **changes: Any) -> None:  # columns of any type
    """Say what becomes of a row, and that nobody has it in hand any more. Written later."""
    if "ended_at" in changes:
        changes = {"due_at": None, **changes}
    over = {"lease_token": None, "leased_until": None, "attempts": 0, "last_error": ""}
    for name, value in (over | changes).items():
        setattr(row, name, value)


class _Run:
    """One escalation taking steps at one moment. Reads nothing; what it decides is written later.

    `paged` are the pages it made before, each as its pass and its person.
    """

    def __init__(self, row: Escalation, moment: Moment, paged: set[tuple[int, int]]) -> None:
        self.row = row
        self.moment = moment
        self.policy = row.policy
        self.pages: list[Page] = []
        self.is_over = False
        self._paged = paged
        self._is_new = not paged and not row.steps_run
        self._said: list[tuple[TimelineEntry, Page | None]] = []

    def next_rung(self) -> list[EscalationStep]:
        """The steps to run next, of another pass if the policy repeats; none: the fallback."""
        if self.policy is None:
            return []
        order = self.moment.steps_of(self.policy)
        left = steps_left(order, self.row.steps_run, self.row.steps_ahead)
        if not left and self._may_repeat(self.policy):
            self.row.pass_number += 1
            self.row.steps_run, self.row.steps_ahead = [], []
            left = order
        return first_rung(left)

    def _may_repeat(self, policy: EscalationPolicy) -> bool:
        """A pass that paged nobody is not repeated: the fallback must not wait for it."""
        somebody = any(number == self.row.pass_number for number, _ in self._paged)
        return somebody and self.row.pass_number <= policy.repeats

    def page(self, rung: Sequence[EscalationStep]) -> None:
        """Run these steps, or the fallback if there is none."""
        self._page_also(rung)
        if not rung:
            self._page_fallback()
            return
        waits = [step.wait_minutes for step in rung if self._page_step(step)]
        self._pass_on_from(rung)
        if waits:
            self._end(due_at=self._first_told_at() + timedelta(minutes=max(waits)))

    def _first_told_at(self) -> datetime:
        """From when the wait counts: what is not urgent reaches nobody in their quiet hours."""
        at = self.moment.at
        return min(
            (first_notified_at(page.person, page.urgency, at) for page in self.pages), default=at
        )

    def _page_also(self, rung: Sequence[EscalationStep]) -> None:
        """Page whoever had the incident, beside the first step, if not as part of it."""
        person, is_new = self.row.also_paged, self._is_new
        self._is_new = False
        if person is None or not is_new or not person.is_active:
            return
        if any(each.person == person for step in rung for each in self._allowed(step)[0]):
            return
        each = Resolved(person, "had acknowledged it")
        self._page([each], step=rung[0] if rung else None, must_answer=False)

    def _page_step(self, step: EscalationStep) -> bool:
        """Whether the step pages anybody, or shares whom it would page with one beside it."""
        found = self.moment.people_of(step)
        allowed, left_out = self._allowed(step)
        is_paging = self._page(allowed, step=step, must_answer=step.all_must_acknowledge)
        if not found:
            self._say(Kind.NOBODY_ON_CALL, {"step": step.position})
        elif left_out and not is_paging:
            names = [each.person.name for each in left_out]
            self._say(
                Kind.STEP_PASSED_OVER,
                {"step": step.position, "reason": _why(step, names), "people": names},
            )
        return is_paging

    def _allowed(self, step: EscalationStep) -> tuple[list[Resolved], list[Resolved]]:
        """Whom the step's condition in time lets it page now, and whom it leaves out."""
        allowed: list[Resolved] = []
        left_out: list[Resolved] = []
        for each in self.moment.people_of(step):
            fits = allows(step.condition, each.person, self.moment.at)
            (allowed if fits else left_out).append(each)
        return allowed, left_out

    def _pass_on_from(self, rung: Sequence[EscalationStep]) -> None:
        order = self.moment.steps_of(rung[0].policy)
        run = [*self.row.steps_run, *(step.pk for step in rung)]
        left = steps_left(order, run, self.row.steps_ahead)
        self.row.steps_run, self.row.steps_ahead = run, [step.pk for step in left]

    def _page_fallback(self) -> None:
        """Page whoever must not be missed, and end: from here on it is the dashboard's to show.

        Those it paged before have declined, so that those behind them are next.
        """
        before = {person for number, person in self._paged if number == FALLBACK}
        for name, found in self.moment.fallback_of(self.policy):
            fresh = [each for each in found if each.person.pk not in before]
            if self._page(fresh, step=None, must_answer=False):
                self._say(Kind.ESCALATION_EXHAUSTED, {"fallback": name, "then": f"paging {name}"})
                break
        else:
            logger.error("Nobody at all could be paged for %s", self.row.incident.reference)
            self._say(Kind.ESCALATION_EXHAUSTED, {"fallback": "", "then": "nobody is left to page"})
        self._end(state=Escalation.State.EXHAUSTED, ended_at=self.moment.at)

    def _page(
        self, found: Sequence[Resolved], *, step: EscalationStep | None, must_answer: bool
    ) -> bool:
        """Page these people, each once; False if none of them can be reached."""
        number = self.row.pass_number if step else FALLBACK
        position = step.position if step else FALLBACK
        reached = False
        together = {page.person_id: page for page in self.pages}
        for each in found:
            if not each.person.reachable_methods():
                self._say(Kind.PAGE_UNREACHABLE, named(each.person) | {"target": each.via})
                continue
            reached = True
            if page := together.get(each.person.pk):
                page.must_answer = page.must_answer or must_answer
                continue
            page = Page(
                escalation=self.row,
                incident=self.row.incident,
                person=each.person,
                step=step,
                must_answer=must_answer,
                step_position=position,
                pass_number=number,
                via_target=each.via[:VIA_LENGTH],
                urgency=self.row.incident.page_urgency(),
                created_at=self.moment.at,
            )
            self.pages.append(page)
            self._paged.add((number, each.person.pk))
            place: dict[str, object] = {
                "step": position,
                "pass_number": number,
                "target": page.via_target,
            }
            self._say(Kind.RESPONDER_PAGED, place, page)
        return reached

    def _end(self, **changes: Any) -> None:  # columns of any type
        version = self.policy.version if self.policy else 0
        _give_back(self.row, policy_version=version, postponed_until=None, **changes)
        self.row.waits_for_backlog = False
        self.is_over = True

    def _say(self, kind: str, data: dict[str, object], page: Page | None = None) -> None:
        """Entries name the policy and the version of it that did this."""
        data = data | {
            "policy": str(self.policy or "no policy"),
            "policy_version": self.policy.version if self.policy else 0,
        }
        entry = TimelineEntry.draft(
            self.row.incident, kind, by=SYSTEM, at=self.moment.at, data=data
        )
        self._said.append((entry, page))

    def entries(self) -> list[TimelineEntry]:
        """What it did, in order. Pages must be stored first, since entries name them."""
        for entry, page in self._said:
            if page:
                entry.data |= data_of(page)
        return [entry for entry, _ in self._said]


def _why(step: EscalationStep, names: Sequence[str]) -> str:
    """In words: these people are not at work at a step that asks for it, or the other way round."""
    works = step.condition == EscalationStep.Condition.WORKING_HOURS
    they = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    return f"it is {'outside' if works else 'within'} the working hours of {they}"
