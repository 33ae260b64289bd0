"""Handing over: each channel by itself, the most urgent first, in short turns.

A channel that waits for its provider holds up no other, for each is drained by a sweep of its own.
Where a channel has many providers, several messages are under way at once, and few of them with
any one provider. Everything the network does happens outside any transaction, and what happens
beside this thread touches no database.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from django.db.models import BooleanField, Case, F, Value, When

from comms.channels import ChannelError, ChannelModule, Sender, apprise, email
from comms.models import Message, MessageState
from comms.outbox.bundles import arrange, is_bundle, parts_of, words_of
from comms.outbox.failing import record_failure
from comms.outbox.still_true import still_true
from roster.leases import claim, still_mine
from roster.models import Channel

logger = logging.getLogger(__name__)

BATCH = 20
# A page that is queued meanwhile overtakes what is left of a batch after so long.
TURN = timedelta(seconds=1)
# Longer than a turn and the time-outs of one message, yet short: so long waits a page that a dead
# worker held.
LEASE_FOR = timedelta(seconds=100)
# Of a channel with several providers: how long one run goes on while some of them do not answer.
RUN_FOR = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=0.5)
CHANNELS: dict[str, ChannelModule] = {Channel.EMAIL: email, Channel.APPRISE: apprise}

type Step = Callable[[datetime], int]


def send_due(*, at: datetime, limit: int = BATCH) -> int:
    """Hand over what is due on every channel, one after another; answers how many were taken."""
    taken = 0
    for channel in CHANNELS:
        with draining(channel, limit=limit) as step:
            taken += step(at)
    return taken


@contextmanager
def draining(channel: str, *, limit: int = BATCH) -> Iterator[Step]:
    """The step of this channel's sweep: hands over a batch, and answers how many it took.

    What it connects to stays connected from one batch to the next.
    """
    module = CHANNELS[channel]
    with module.open() as sender:
        if module.AT_ONCE > 1:
            yield _SideBySide(channel, module, sender).run
        else:
            yield lambda at: _in_turn(channel, sender, at=at, limit=limit)


# --- One after another -------------------------------------------------------------------------


def _in_turn(channel: str, sender: Sender, *, at: datetime, limit: int) -> int:
    """A provider that could not be reached is not asked again for the rest of the batch."""
    turn = _Clock(at)
    waited = 0.0  # seconds, for the provider
    claimed, batch = _claim(channel, at=at, limit=limit)
    down: ChannelError | None = None
    for position, message in enumerate(batch):
        if position and not down and turn.elapsed() > TURN:
            _give_back(batch[position:])
            break
        if not _prepare(message, at=at):
            continue
        asked = monotonic()
        outcome = down or _attempt(sender, message)
        waited += monotonic() - asked
        if isinstance(outcome, ChannelError) and outcome.is_down:
            down = outcome
        _record(message, outcome, at=at + timedelta(seconds=int(waited)))
    return claimed


class _Clock:
    """The sweep's time, going on while a provider takes its own; to the second."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._started = monotonic()

    def elapsed(self) -> timedelta:
        return timedelta(seconds=monotonic() - self._started)

    def now(self) -> datetime:
        return self._at + timedelta(seconds=int(self.elapsed().total_seconds()))


# --- Side by side ------------------------------------------------------------------------------


@dataclass
class _SideBySide:
    """One run over the many providers of a channel."""

    channel: str
    module: ChannelModule
    sender: Sender
    _flights: dict[Future[str | ChannelError], Message] = field(default_factory=dict)
    _down: dict[str, ChannelError] = field(default_factory=dict)

    def run(self, at: datetime) -> int:
        """Hand over until nothing is due and nothing under way; answers how many were taken.

        What comes in meanwhile is taken up as well, unless its own provider is busy.
        """
        clock, taken = _Clock(at), 0
        with ThreadPoolExecutor(self.module.AT_ONCE) as pool:
            while True:
                if clock.elapsed() < RUN_FOR:
                    taken += self._take(pool, at=clock.now())
                if not self._flights:
                    return taken
                done, _ = wait(self._flights, LOOK_EVERY.total_seconds(), FIRST_COMPLETED)
                for flight in done:
                    self._land(flight, at=clock.now())

    def _take(self, pool: ThreadPoolExecutor, *, at: datetime) -> int:
        """Claim for the places that are free, one provider never taking them all."""
        taken = 0
        while free := self.module.AT_ONCE - len(self._flights):
            claimed, batch = _claim(
                self.channel, at=at, limit=min(free, self.module.AT_ONCE_EACH), busy=self._busy()
            )
            taken += claimed
            for message in batch:
                if _prepare(message, at=at):
                    self._start(pool, message, at=at)
            if not claimed:
                break
        return taken

    def _start(self, pool: ThreadPoolExecutor, message: Message, *, at: datetime) -> None:
        if down := self._down.get(self.module.provider_of(message.recipient)):
            _record(message, down, at=at)
        else:
            self._flights[pool.submit(_attempt, self.sender, message)] = message

    def _land(self, flight: Future[str | ChannelError], *, at: datetime) -> None:
        message, outcome = self._flights.pop(flight), flight.result()
        if isinstance(outcome, ChannelError) and outcome.is_down:
            self._down[self.module.provider_of(message.recipient)] = outcome
        _record(message, outcome, at=at)

    def _busy(self) -> list[str]:
        """How the addresses begin that are left alone for now."""
        recipients = [message.recipient for message in self._flights.values()]
        providers = Counter(self.module.provider_of(each) for each in recipients)
        families = Counter(self.module.family_of(each) for each in recipients)
        each, half = self.module.AT_ONCE_EACH, self.module.AT_ONCE // 2
        return [
            *(name for name, number in providers.items() if number >= each),
            *(name for name, number in families.items() if number >= half),
        ]


# --- A message's way ---------------------------------------------------------------------------


def _claim(
    channel: str, *, at: datetime, limit: int, busy: Sequence[str] = ()
) -> tuple[int, list[Message]]:
    """Claim due messages; answers how many, and those to be sent now, marked as being sent.

    A row found in `sending` had a worker that died: whether it went out is unknown.
    """
    due = Message.objects.unsent().filter(channel=channel).in_sending_order()
    for beginning in busy:
        due = due.exclude(recipient__startswith=beginning)
    rows = due.select_related("incident", "person")
    claimed = claim(rows, at=at, limit=limit, lease_for=LEASE_FOR)
    if not claimed:
        return 0, []
    in_doubt = {row.pk for row in claimed if row.state == MessageState.SENDING}
    batch = arrange(claimed, at=at)
    taken = [row.pk for row in batch]
    Message.objects.filter(pk__in=taken, lease_token=claimed[0].lease_token).update(
        state=MessageState.SENDING,
        possibly_sent_twice=Case(
            When(pk__in=in_doubt, then=Value(True)),
            default=F("possibly_sent_twice"),
            output_field=BooleanField(),
        ),
    )
    return len(claimed), batch


def _give_back(messages: Sequence[Message]) -> None:
    """What was claimed and not tried is due as before, for whoever is next."""
    for message in messages:
        still_mine(message).update(
            state=MessageState.QUEUED,
            lease_token=None,
            leased_until=None,
            attempts=F("attempts") - 1,
        )


def _prepare(message: Message, *, at: datetime) -> bool:
    """Make the message ready to leave; False if there is nothing left to say, and it is over."""
    if is_bundle(message):
        parts = parts_of(message, at=at)
        if parts:
            content = words_of(parts)
            message.subject, message.body = content.subject[:300], content.text
            message.html = content.html if message.channel == Channel.EMAIL else ""
        is_true = bool(parts)
    else:
        is_true = message.pk in still_true([message], at=at)
    if not is_true:
        _finish(message, state=MessageState.WITHDRAWN)
    return is_true


def _attempt(sender: Sender, message: Message) -> str | ChannelError:
    """What the provider answered, or why it was not handed over. Runs beside other threads."""
    try:
        return sender.send(message)
    except ChannelError as error:
        return error
    except Exception:  # a provider's library may raise anything; the queue goes on
        logger.exception("Could not hand over message %s", message.key)
        return ChannelError("The channel failed unexpectedly.", permanent=False)


def _record(message: Message, outcome: str | ChannelError, *, at: datetime) -> None:
    if isinstance(outcome, ChannelError):
        if not record_failure(message, outcome, at=at):
            _warn_of_lost_lease(message)
        return
    _finish(
        message,
        state=MessageState.SENT,
        sent_at=at,
        provider_response=outcome,
        **_forgotten(message),
    )


def _finish(message: Message, *, state: MessageState, **outcome: object) -> None:
    ours = still_mine(message).update(
        state=state, due_at=None, lease_token=None, leased_until=None, last_error="", **outcome
    )
    if not ours:
        _warn_of_lost_lease(message)


def _warn_of_lost_lease(message: Message) -> None:
    logger.warning("Message %s outlived its lease and was taken by another", message.key)


def _forgotten(message: Message) -> dict[str, str]:
    """What is blanked when it is sent: a secret has no business in the outbox any more."""
    return {"body": "", "html": ""} if message.is_confidential else {}
