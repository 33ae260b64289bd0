"""What one address can bear, without a database."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from comms.models import Priority
from comms.outbox.pacing import FEW, STORM_PAUSE, WINDOW, Plan, Sent, Waiting, plan

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
RATE = 6
SECOND = timedelta(seconds=1)


def firsts(number: int, start: int = 1) -> list[Waiting]:
    return [Waiting(pk, Priority.FIRST_PAGE, "page") for pk in range(start, start + number)]


def repeats(number: int, start: int = 101) -> list[Waiting]:
    return [Waiting(pk, Priority.PAGE, "page") for pk in range(start, start + number)]


def sent(number: int, priority: Priority, *, ago: timedelta = SECOND) -> list[Sent]:
    return [Sent(NOW - ago, priority)] * number


def planned(waiting: list[Waiting], before: list[Sent] | None = None) -> Plan:
    return plan(waiting, before or [], rate=RATE, at=NOW)


def test_few_pages_go_one_by_one():
    assert planned(firsts(FEW)) == Plan()


def test_many_pages_go_as_one():
    assert planned(firsts(300)).bundles == [list(range(1, 301))]


def test_first_page_never_waits_for_repeats():
    assert planned(firsts(1), sent(100, Priority.PAGE)) == Plan()


def test_first_page_is_not_hidden_among_repeats():
    found = planned([*firsts(1), *repeats(10)])

    assert found.bundles == [list(range(101, 111))]
    assert found.postponed == {}


def test_repeats_beyond_the_rate_wait_until_there_is_room():
    found = planned(repeats(1), sent(RATE, Priority.PAGE, ago=10 * SECOND))

    assert found.postponed == {101: NOW + WINDOW - 10 * SECOND}


def test_repeats_that_waited_go_as_one_when_there_is_little_room():
    assert planned(repeats(2), sent(RATE - 1, Priority.PAGE)).bundles == [[101, 102]]


def test_first_pages_leave_repeats_no_room():
    found = planned([*firsts(2), *repeats(1)], sent(RATE - 2, Priority.PAGE))

    assert list(found.postponed) == [101]


def test_in_a_storm_new_pages_gather_for_two_seconds_and_go_as_one():
    storm = sent(RATE, Priority.FIRST_PAGE, ago=SECOND)

    assert planned(firsts(2), storm).postponed == dict.fromkeys([1, 2], NOW + STORM_PAUSE - SECOND)
    assert planned(firsts(2), sent(RATE, Priority.FIRST_PAGE, ago=STORM_PAUSE)).bundles == [[1, 2]]


def test_what_is_no_page_stands_alone():
    requests = [Waiting(pk, Priority.REQUEST) for pk in range(1, RATE + 2)]

    found = planned(requests)

    assert found.bundles == []
    assert list(found.postponed) == [RATE + 1]


priorities = st.sampled_from([*Priority])
messages = st.lists(st.tuples(priorities, st.sampled_from(["page", "news", ""])), max_size=40)
histories = st.lists(
    st.builds(
        Sent,
        at=st.integers(0, 59).map(lambda seconds: NOW - timedelta(seconds=seconds)),
        priority=priorities,
    ),
    max_size=60,
)


@given(messages, histories, st.integers(1, 30))
def test_nothing_is_lost_said_twice_or_put_off_for_long(
    found: list[tuple[Priority, str]], before: list[Sent], rate: int
) -> None:
    waiting = [Waiting(pk, *each) for pk, each in enumerate(sorted(found))]

    result = plan(waiting, before, rate=rate, at=NOW)

    bundled = [pk for pks in result.bundles for pk in pks]
    assert len(bundled) == len(set(bundled))
    assert not set(bundled) & result.postponed.keys()
    assert all(len(pks) > 1 for pks in result.bundles)
    assert all(NOW < until <= NOW + WINDOW for until in result.postponed.values())
    for message in waiting:
        if message.priority == Priority.FIRST_PAGE and message.pk in result.postponed:
            assert result.postponed[message.pk] <= NOW + STORM_PAUSE
    singles = [each for each in waiting if each.pk not in {*bundled, *result.postponed}]
    late = [each for each in singles if each.priority != Priority.FIRST_PAGE]
    going_late = len(late) + sum(
        1 for pks in result.bundles if waiting[pks[0]].priority != Priority.FIRST_PAGE
    )
    assert len(before) + going_late <= max(rate, len(before))
