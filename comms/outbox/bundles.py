"""One message that says many: made of what waits for one address, and worded when it is sent.

A bundle's row holds no words. They are made of those parts that are still true at the moment of
sending, so that nobody is asked for what is answered, and nothing of a private incident stands
where others look.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256

from django.db import connection, transaction
from django.db.models import Case, F, PositiveIntegerField, Q, When

from comms.content import Content
from comms.facts import absolute
from comms.models import WITHDRAWABLE_STATES, Message, MessageState
from comms.models.messages import MessageQuerySet
from comms.outbox.pacing import RATES, WINDOW, Plan, Sent, Waiting, plan
from comms.outbox.still_true import still_true
from comms.outbox.writing import GIVE_UP_AFTER, withdraw
from comms.rendering import escape_markdown
from roster.links import make_url
from roster.models import Channel

PREFIX = "bundle-"
# What only tells, asks for nothing, and comes in bursts: by the beginning of its key.
NEWS = ("ended-", "customers-")
SHOWN = 12  # incidents named in a bundle; My pages has them all
CROWD = 1_000  # messages to one batch's people that are looked at together


def is_bundle(message: Message) -> bool:
    return message.key.startswith(PREFIX)


# --- Making them -------------------------------------------------------------------------------


def arrange(batch: list[Message], *, at: datetime) -> list[Message]:
    """What of a batch just claimed is sent now, one by one, in its order.

    The rest was bundled with what else is due to the same address, postponed, or taken back as no
    longer true. Four queries and one for each change; none for messages to nobody in particular.
    """
    movable = [message for message in batch if _may_be_moved(message)]
    if not movable:
        return batch
    with transaction.atomic():
        crowd = _crowd(movable, at=at)
        true = still_true(crowd, at=at)
        moved = {message.pk for message in crowd if message.pk not in true}
        _take_back(moved)
        by_address: dict[tuple[int | None, str], list[Message]] = defaultdict(list)
        for message in crowd:
            if message.pk in true:
                by_address[message.person_id, message.recipient].append(message)
        sent = _sent_lately(by_address, at=at)
        for address, messages in by_address.items():
            waiting = [Waiting(each.pk, each.priority, _kind(each)) for each in messages]
            rate = RATES[Channel(messages[0].channel)]
            found = plan(waiting, sent[address], rate=rate, at=at)
            moved |= _carry_out(found, messages, at=at)
    return [message for message in batch if message.pk not in moved]


def _may_be_moved(message: Message) -> bool:
    """Not what may have gone out already, which keeps its key, nor a code that is waited for."""
    return bool(
        message.person_id
        and message.state in WITHDRAWABLE_STATES
        and not message.possibly_sent_twice
        and not message.is_confidential
    )


def _crowd(movable: Sequence[Message], *, at: datetime) -> list[Message]:
    """All that is due to the same people on this channel and in no other worker's hands."""
    is_free = Q(leased_until__isnull=True) | Q(leased_until__lte=at)
    rows = Message.objects.withdrawable().filter(
        is_free | Q(lease_token=movable[0].lease_token),
        channel=movable[0].channel,
        person__in={message.person_id for message in movable},
        due_at__lte=at,
        possibly_sent_twice=False,
        is_confidential=False,
    )
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return list(rows.in_sending_order()[:CROWD])


def _sent_lately(
    addresses: Iterable[tuple[int | None, str]], *, at: datetime
) -> dict[tuple[int | None, str], list[Sent]]:
    rows = Message.objects.filter(
        person__in={person for person, _ in addresses}, sent_at__gt=at - WINDOW
    )
    found: dict[tuple[int | None, str], list[Sent]] = defaultdict(list)
    for person, recipient, sent_at, priority in rows.values_list(
        "person", "recipient", "sent_at", "priority"
    ):
        if sent_at:
            found[person, recipient].append(Sent(sent_at, priority))
    return found


def _kind(message: Message) -> str:
    if message.page_id:
        return "page"
    return "news" if message.key.startswith(NEWS) else ""


def _carry_out(found: Plan, messages: Sequence[Message], *, at: datetime) -> set[int]:
    """Write the plan down; answers the messages (ids) that are not sent as they are."""
    by_pk = {message.pk: message for message in messages}
    for pks in found.bundles:
        _bundle([by_pk[pk] for pk in pks], at=at)
    until: dict[datetime, list[int]] = defaultdict(list)
    for pk, moment in found.postponed.items():
        until[moment].append(pk)
    for moment, postponed in until.items():
        Message.objects.filter(pk__in=postponed).update(
            due_at=moment,
            give_up_at=moment + GIVE_UP_AFTER,
            # Nothing was tried: what this worker claimed is as it was.
            attempts=Case(
                When(lease_token__isnull=False, attempts__gt=0, then=F("attempts") - 1),
                default=F("attempts"),
                output_field=PositiveIntegerField(),
            ),
            lease_token=None,
            leased_until=None,
        )
    return {pk for pks in found.bundles for pk in pks} | found.postponed.keys()


def _bundle(parts: Sequence[Message], *, at: datetime) -> None:
    """One new message for these; from here on they are sent, fail and are taken back with it."""
    first = parts[0]
    digest = sha256(",".join(str(pk) for pk in sorted(part.pk for part in parts)).encode())
    slug = first.contact_method_id or "profile"
    bundle = Message.objects.create(
        key=f"{PREFIX}{digest.hexdigest()[:20]}-{slug}",
        channel=first.channel,
        recipient=first.recipient,
        person_id=first.person_id,
        contact_method_id=first.contact_method_id,
        priority=first.priority,
        subject=f"{len(parts)} {'pages' if first.page_id else 'messages'} in one",
        body="",
        created_at=at,
        due_at=min(part.due_at or at for part in parts),
        give_up_at=min(part.give_up_at for part in parts),
    )
    Message.objects.filter(pk__in=[part.pk for part in parts]).update(
        state=MessageState.BUNDLED,
        bundle=bundle,
        due_at=None,
        lease_token=None,
        leased_until=None,
    )


def _take_back(pks: set[int]) -> None:
    if pks:
        withdraw(Message.objects.filter(pk__in=pks))


# --- Wording them ------------------------------------------------------------------------------


def parts_of(bundle: Message, *, at: datetime) -> list[Message]:
    """What the bundle has to say at this moment: its parts that are still true. Three queries."""
    rows: MessageQuerySet = Message.objects.filter(bundle=bundle, state=MessageState.BUNDLED)
    parts = list(rows.select_related("incident__severity", "person").order_by("pk"))
    true = still_true(parts, at=at)
    return [part for part in parts if part.pk in true]


def words_of(parts: Sequence[Message]) -> Content:
    """The words for these parts; at least one. The worst come first, and of those the newest."""
    parts = sorted(parts, key=lambda part: (_rank(part), -part.pk))
    return _pages(parts) if parts[0].page_id else _news(parts)


def _rank(part: Message) -> int:
    return part.incident.severity.rank if part.incident else 0


def _pages(parts: Sequence[Message]) -> Content:
    """My pages comes first: what cuts a message short, cuts its end."""
    person = parts[0].person
    if person is None:
        raise ValueError("A bundle of pages goes to a person.")
    mine = make_url("pages.mine", person.pk, person)
    lines = [_page_line(part) for part in parts[:SHOWN]]
    count = len(parts)
    head = "This page waits" if count == 1 else f"{count} pages wait"
    text = [f"{head} for you. [My pages: answer all of them in one place]({mine})", *lines]
    if count > SHOWN:
        text.append(f"And {count - SHOWN} more, on My pages.")
    return Content(_subject(parts, "page"), "\n\n".join(text))


def _page_line(part: Message) -> str:
    incident, person = part.incident, part.person
    if incident is None or person is None or part.page_id is None:
        raise ValueError("A page is about an incident, and goes to a person.")
    link = make_url("page.acknowledge", part.page_id, person)
    title = escape_markdown(incident.title)
    severity = escape_markdown(incident.severity.name)
    return f"**{incident.reference} {severity}: {title}**\n[I have it]({link})"


def _news(parts: Sequence[Message]) -> Content:
    lines = []
    for part in parts[:SHOWN]:
        url = absolute(part.incident.get_absolute_url()) if part.incident else ""
        lines.append(f"- {escape_markdown(part.subject)}" + (f": {url}" if url else ""))
    if len(parts) > SHOWN:
        lines.append(f"- and {len(parts) - SHOWN} more.")
    text = "There is nothing here that you need to answer.\n\n" + "\n".join(lines)
    return Content(_subject(parts, "message"), text)


def _subject(parts: Sequence[Message], what: str) -> str:
    """What a lock screen shows: how many, and the worst of them."""
    first, more = parts[0], len(parts) - 1
    if not more:
        return first.subject
    return f"{len(parts)} {what}s: {first.subject} and {more} more"
