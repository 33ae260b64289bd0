"""Which schedules somebody wants to see of all there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from roster.calendar.facts import part_of, taking_part
from roster.models import Person, Schedule

# More rows than this are neither read by anybody nor drawn quickly.
ROWS_SHOWN = 100


@dataclass(frozen=True)
class Choice:
    """A team by its slug, words in the name of a schedule or of one of its people, only one's own.

    Empty: all active schedules.
    """

    team: str = ""
    words: str = ""
    is_mine: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Choice":
        return cls(
            team=query.get("team", ""),
            words=query.get("q", "").strip()[:100],
            is_mine=query.get("mine") == "1",
        )

    def __bool__(self) -> bool:
        return bool(self.team or self.words or self.is_mine)

    def query(self) -> str:
        """The same as an address has it, to put behind others."""
        values = {"team": self.team, "q": self.words, "mine": "1" if self.is_mine else ""}
        return urlencode({name: value for name, value in values.items() if value})

    def schedules(self, person: Person | None) -> QuerySet[Schedule]:
        """By name, with their teams. `person` is who “mine” means; without one nothing is."""
        found = Schedule.objects.active().select_related("team").order_by("name")
        if self.team:
            found = found.filter(team__slug=self.team)
        if self.words:
            named = Person.objects.filter(name__icontains=self.words)
            about = Q(name__icontains=self.words) | Q(team__name__icontains=self.words)
            found = found.filter(about | part_of(named))
        if self.is_mine:
            found = found.filter(taking_part(person)) if person else found.none()
        return found
