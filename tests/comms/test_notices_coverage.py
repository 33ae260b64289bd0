from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from comms.content import Content
from comms.notices.registry import words_of
from roster import coverage
from roster.models import (
    CoverageFinding,
    FindingKind,
    Notice,
    NoticeKind,
    Override,
    Person,
    TimeOff,
)
from tests.factories.qualifications import make_grant, make_practised, make_qualification
from tests.factories.roster import (
    make_contact_method,
    make_override,
    make_person,
    make_schedule,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(user_with: Callable[..., User]) -> Person:
    user = user_with("roster.resolve_coverage")
    return make_person(slug="editor", user=user, time_zone="Europe/Berlin")


def make_ready(name: str) -> Person:
    person = make_person(name=name)
    make_contact_method(person)
    make_practised(person)
    return person


def told(person: Person, kind: NoticeKind) -> Content | None:
    return words_of(Notice.objects.get(person=person, kind=kind))


def test_digest_names_what_was_found_the_worst_first(now: datetime, editor: Person) -> None:
    ana = make_ready("Ana")
    make_schedule(ana, name="*Storage*")
    empty = make_schedule(name="Network")

    coverage.prove(at=now)

    content = told(editor, NoticeKind.COVERAGE_FINDINGS)
    assert content is not None
    assert content.subject == "Coverage: nobody on call (1) and 1 more"
    gap, single = content.text.index("Nobody takes turns on Network."), content.text.index("Ana")
    assert gap < single
    assert "Ana covers all of *Storage*; nobody else takes turns." in content.text
    assert "Enter who covers it, or change the rotation." in content.text
    assert f"/admin/roster/schedule/{empty.pk}/calendar/" in content.text


def test_digest_tells_moments_in_the_zone_of_its_reader(now: datetime, editor: Person) -> None:
    ana, bo = make_ready("Ana"), make_ready("Bo")
    schedule = make_schedule(ana, bo, name="Network")
    make_override(
        schedule,
        bo,
        kind=Override.Kind.REMOVE,
        starts_at=datetime(2026, 3, 10, 7, tzinfo=UTC),
        ends_at=datetime(2026, 3, 10, 9, tzinfo=UTC),
    )

    coverage.prove(at=now)

    content = told(editor, NoticeKind.COVERAGE_FINDINGS)
    assert content is not None
    assert content.subject == "Coverage: nobody on call, Network"
    assert "Nobody is on call for Network. From Tue 10 Mar 08:00 to 10:00 CET." in content.text


def test_digest_leaves_out_what_was_repaired_meanwhile(now: datetime, editor: Person) -> None:
    make_schedule()
    coverage.prove(at=now)

    CoverageFinding.objects.update(resolved_at=now)

    assert told(editor, NoticeKind.COVERAGE_FINDINGS) is None


def test_digest_counts_what_it_does_not_show(now: datetime, editor: Person) -> None:
    for _ in range(11):
        make_schedule()

    coverage.prove(at=now)

    content = told(editor, NoticeKind.COVERAGE_FINDINGS)
    assert content is not None
    assert content.text.count("Nobody takes turns on") == 8
    assert "and 3 more" in content.text


def test_digest_names_qualifications_that_end_soon(now: datetime, editor: Person) -> None:
    training = make_qualification(name="Database")
    make_grant(make_ready("Ana"), training, expires_on=date(2026, 3, 20))

    coverage.prove(at=now)

    content = told(editor, NoticeKind.COVERAGE_FINDINGS)
    assert content is not None
    assert content.subject == "1 qualification will expire soon"
    assert "Ana: “Database” until 20 Mar 2026." in content.text


def test_holder_is_told_that_a_qualification_ends(now: datetime) -> None:
    ana = make_ready("Ana")
    make_grant(ana, make_qualification(name="Database"), expires_on=date(2026, 3, 20))

    coverage.prove(at=now)

    content = told(ana, NoticeKind.QUALIFICATION_EXPIRES)
    assert content is not None
    assert content.subject == "Your qualification “Database” ends on 20 March 2026"
    assert "until Friday 20 March 2026" in content.text


def test_time_off_conflict_proposes_who_is_free(now: datetime, editor: Person) -> None:
    ana, bo, cy = make_ready("Ana"), make_ready("Bo"), make_ready("Cy")
    make_schedule(bo, cy, ana, name="Network")
    starts_at = datetime(2026, 3, 3, 12, tzinfo=UTC)
    TimeOff.objects.create(person=ana, starts_at=starts_at, ends_at=starts_at + timedelta(hours=6))
    TimeOff.objects.create(person=cy, starts_at=starts_at, ends_at=starts_at + timedelta(hours=6))

    coverage.prove(at=now)

    for_editor = told(editor, NoticeKind.TIME_OFF_CONFLICT)
    for_ana = told(ana, NoticeKind.TIME_OFF_CONFLICT)
    assert for_editor is not None
    assert for_ana is not None
    assert for_editor.subject == "Ana is on call during time off: Network"
    assert "Ana is on call for Network from Tue 3 Mar 13:00 to 19:00 CET" in for_editor.text
    assert "Free and qualified: Bo. Ask one of them, or arrange a swap." in for_editor.text
    assert for_ana.subject == "You are on call during time off: Network"
    assert "Free and qualified: Bo. Offer them the shift." in for_ana.text


def test_time_off_conflict_is_not_told_once_settled(now: datetime, editor: Person) -> None:
    ana = make_ready("Ana")
    make_schedule(ana, make_ready("Bo"), make_ready("Cy"))
    TimeOff.objects.create(person=ana, starts_at=now, ends_at=now + timedelta(days=20))
    coverage.prove(at=now)

    CoverageFinding.objects.filter(kind=FindingKind.TIME_OFF).update(resolved_at=now)

    notice = Notice.objects.filter(person=editor, kind=NoticeKind.TIME_OFF_CONFLICT).first()
    assert notice is not None
    assert words_of(notice) is None
