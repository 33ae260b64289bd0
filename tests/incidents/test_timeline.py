from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from incidents.models import Announcement, TimelineEntry
from incidents.timeline import AppendOnlyError
from roster.actors import Actor
from tests.factories.incidents import make_incident
from tests.factories.roster import make_person

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")


def test_record_stores_who_how_and_when(now):
    person = make_person(name="Lena Vogt")
    incident = make_incident()

    entry = TimelineEntry.record(
        incident, "note_added", by=Actor.of_person(person), at=now, text="Hello", data={"n": 1}
    )

    entry.refresh_from_db()
    assert (entry.incident, entry.actor, entry.actor_name) == (incident, person, "Lena Vogt")
    assert (entry.via, entry.text, entry.data) == ("link", "Hello", {"n": 1})
    assert (entry.at, entry.recorded_at) == (now, now)


def test_record_announces_its_entry(now):
    entry = TimelineEntry.record(make_incident(), "note_added", by=RUTH, at=now)

    announcement = Announcement.objects.get()
    assert (announcement.entry, announcement.due_at) == (entry, now)


def test_record_of_an_earlier_happening_is_announced_now(now):
    earlier = now - timedelta(hours=1)

    entry = TimelineEntry.record(
        make_incident(), "note_added", by=RUTH, at=now, happened_at=earlier
    )

    assert (entry.at, entry.recorded_at) == (earlier, now)
    assert Announcement.objects.get().due_at == now


def test_write_costs_the_same_for_one_entry_and_for_three(now, django_assert_num_queries):
    incident = make_incident()

    for number in (1, 3):
        drafts = [
            TimelineEntry.draft(incident, "note_added", by=RUTH, at=now) for _ in range(number)
        ]
        with django_assert_num_queries(4):  # a savepoint around two inserts
            TimelineEntry.write(drafts)

    assert Announcement.objects.count() == 4


def test_record_without_an_actor_is_refused(now):
    with pytest.raises(IntegrityError):
        TimelineEntry.record(make_incident(), "note_added", by=Actor.system(""), at=now)


def test_entry_cannot_be_changed_or_deleted(now):
    entry = TimelineEntry.record(make_incident(), "note_added", by=RUTH, at=now)
    entries = TimelineEntry.objects.filter(pk=entry.pk)

    for change in (
        entry.save,
        entry.delete,
        entries.delete,
        lambda: entries.update(text="Different"),
    ):
        with pytest.raises(AppendOnlyError):
            change()

    assert entries.get().text == ""


def test_entries_cannot_be_changed_in_bulk(now):
    entry = TimelineEntry.record(make_incident(), "note_added", by=RUTH, at=now)

    with pytest.raises(AppendOnlyError), transaction.atomic():
        TimelineEntry.objects.bulk_update([entry], ["text"])


def test_entries_read_in_the_order_of_what_happened(now):
    incident = make_incident()
    second = TimelineEntry.record(incident, "note_added", by=RUTH, at=now)
    third = TimelineEntry.record(incident, "note_added", by=RUTH, at=now)
    first = TimelineEntry.record(
        incident, "note_added", by=RUTH, at=now, happened_at=now - timedelta(hours=1)
    )

    assert list(incident.timeline.all()) == [first, second, third]
    assert list(TimelineEntry.objects.newest_first()) == [third, second, first]
