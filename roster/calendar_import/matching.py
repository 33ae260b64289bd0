"""Whom an event of a schedule's calendar means."""

import re
from collections import defaultdict

from roster.calendar_import.reading import Occurrence
from roster.models import Channel, ContactMethod, Person

_WORD = re.compile(r"[\w'’.-]+")


class Directory:
    """Every active person by e-mail, slug and name. Two queries, however many events are asked."""

    def __init__(self) -> None:
        self._by_email: dict[str, set[int]] = defaultdict(set)
        self._people = {person.pk: person for person in Person.objects.active()}
        self._by_slug = {person.slug.lower(): person for person in self._people.values()}
        self._by_name: dict[str, list[Person]] = defaultdict(list)
        for person in self._people.values():
            self._by_name[" ".join(person.name.lower().split())].append(person)
            if person.email:
                self._by_email[person.email.lower()].add(person.pk)
        methods = ContactMethod.objects.filter(
            channel=Channel.EMAIL, person__is_active=True, verified_at__isnull=False
        )
        for address, pk in methods.values_list("address", "person_id"):
            self._by_email[address.lower()].add(pk)

    def people_of(self, event: Occurrence) -> tuple[list[Person], str]:
        """Attendees, or else the organiser, or else who the title names; and why if it is nobody.

        An address or a name that fits several people means none of them.
        """
        attendees = [person for email in event.attendees for person in self._with_email(email)]
        people = attendees or self._with_email(event.organizer) or self._named(event.summary)
        if people:
            return list({person.pk: person for person in people}.values()), ""
        title = f"“{event.summary}”" if event.summary else "An event without a title"
        asked = ", ".join(event.attendees) or event.organizer
        why = (
            f"nobody here has the address {asked}"
            if asked
            else "it invites nobody and its title names nobody here"
        )
        return [], f"{title} on {event.starts_at:%-d %b %Y}: {why}."

    def _with_email(self, email: str) -> list[Person]:
        found = self._by_email.get(email, set()) if email else set()
        return [self._people[pk] for pk in found] if len(found) == 1 else []

    def _named(self, summary: str) -> list[Person]:
        """By slug as a word of its own, or by the whole name."""
        text = " ".join(summary.lower().split())
        for word in _WORD.findall(text):
            if person := self._by_slug.get(word.strip(".")):
                return [person]
        named = [
            people[0]
            for name, people in self._by_name.items()
            if len(people) == 1 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        ]
        # “Ana” and “Ana Lopez” both fit “Ana Lopez”: the longest name is the one meant.
        return [max(named, key=lambda person: len(person.name))] if named else []
