"""The forms of a swap: which part, to whom, against what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.forms.boundfield import BoundWidget
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from roster.conflicts import Conflict, Span
from roster.models import FindingKind, Person, Schedule
from roster.swaps import Proposal
from roster.swaps.parts import OwnShift

EVERYBODY, SOMEBODY_ELSE = "all", "else"
LOCAL = "%Y-%m-%dT%H:%M"


def local_text(moment: datetime) -> str:
    return timezone.localtime(moment).strftime(LOCAL)


@dataclass(frozen=True)
class Option:
    """One of those who could take it, and a line beside the name."""

    radio: BoundWidget
    beside: str
    is_against: bool


class MomentField(forms.DateTimeField):
    """A moment on the viewer's clock. What is `known` is meant exactly, also in an hour that
    comes twice.
    """

    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": 60, "class": "mu-field-input"}, format=LOCAL
    )

    def __init__(self, *, known: Iterable[datetime] = (), **kwargs: Any) -> None:  # as Field
        super().__init__(**kwargs)
        self.known = {local_text(moment): moment for moment in known}

    def to_python(self, value: Any) -> datetime | None:  # as Field
        return self.known.get(str(value)) or super().to_python(value)


class SwapForm(forms.Form):
    """What both pages ask: which part of a shift, something in return, a word about why."""

    in_return = forms.ChoiceField(label="In return", required=False, widget=UnfoldAdminSelectWidget)
    note = forms.CharField(
        max_length=300, required=False, widget=UnfoldAdminTextInputWidget, label="Note"
    )
    despite = forms.BooleanField(label="Do it anyway", required=False, widget=UnfoldBooleanWidget)

    def __init__(
        self,
        *args: Any,  # as Form
        schedule: Schedule,
        giver: Person,
        span: Span,
        returns: Sequence[tuple[Person, OwnShift]],
        nothing: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.schedule, self.giver = schedule, giver
        start, end = span
        own = {
            "starts_at": MomentField(label="From", known=span, initial=start),
            "ends_at": MomentField(label="Until", known=span, initial=end),
        }
        self.fields = {**own, **self.fields}
        self.returns = {
            f"{who.pk}.{shift.starts_at.timestamp():.0f}": (who, shift) for who, shift in returns
        }
        field = self.fields["in_return"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", nothing), *self._groups()]

    def ask_again(self) -> None:
        """After a refusal for what stands against it: offer to confirm."""
        self.asks_again = True

    asks_again = False

    def proposal(self, other: Person | None) -> Proposal:
        """What the form says; `other` is who gets the shift, None: whoever wants it."""
        given = self.cleaned_data
        _, shift = self.returns.get(given["in_return"], (None, None))
        return Proposal(
            schedule=self.schedule,
            giver=self.giver,
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
            other=other,
            in_return=(shift.starts_at, shift.ends_at) if shift else None,
            note=given["note"].strip(),
            despite=given["despite"],
            reason=given.get("reason", "").strip(),
        )

    def _groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        groups: dict[str, list[tuple[str, str]]] = {}
        for value, (who, shift) in self.returns.items():
            groups.setdefault(who.name, []).append((value, shift_text(shift)))
        return list(groups.items())


class OfferForm(SwapForm):
    """Giving a shift away: to one person, or to whoever of the rotation takes it first."""

    to = forms.ChoiceField(label="Who takes it?", widget=forms.RadioSelect)
    somebody = forms.ModelChoiceField(
        Person.objects.active().order_by("name"),
        label="Somebody else",
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(
        label="If they lack the qualification: why it is all right",
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
    is_arranged = forms.BooleanField(
        label="Arrange it now: nobody is asked, both are told",
        required=False,
        widget=UnfoldBooleanWidget,
    )

    def __init__(
        self,
        *args: Any,  # as Form
        rotation: Sequence[Person],
        beside: Mapping[str, str],
        may_arrange: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.beside = beside
        self.rotation = {str(person.pk): person for person in rotation}
        everybody = [(EVERYBODY, "Everyone who takes turns")] if rotation else []
        people = [(pk, person.name) for pk, person in self.rotation.items()]
        field = self.fields["to"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [*everybody, *people, (SOMEBODY_ELSE, "Somebody else")]
            field.initial = EVERYBODY if rotation else SOMEBODY_ELSE
        if not may_arrange:
            del self.fields["is_arranged"]
        if not may_arrange or self.schedule.qualification_id is None:
            del self.fields["reason"]

    def options(self) -> list[Option]:
        """Whom to offer it to, with what stands against each of them."""
        hints = {EVERYBODY: "The first to say yes has it", SOMEBODY_ELSE: "Anybody in the roster"}
        found = []
        for radio in self["to"]:
            value = str(radio.data["value"])
            against = self.beside.get(value, "")
            found.append(Option(radio, against or hints.get(value, "Free then"), bool(against)))
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("to") == SOMEBODY_ELSE and not cleaned.get("somebody"):
            self.add_error("somebody", "Say who.")
        who, _ = self.returns.get(cleaned.get("in_return", ""), (None, None))
        other = self.other()
        if who and other and who != other:
            self.add_error("in_return", f"This is {who}'s shift. Choose one of {other}'s.")
        if cleaned.get("is_arranged") and not (other or who):
            self.add_error("to", "To arrange it, choose one person.")
        return cleaned

    def other(self) -> Person | None:
        """Who is asked; whose shift is wanted in return says it as well."""
        cleaned = self.cleaned_data
        if cleaned.get("to") == SOMEBODY_ELSE:
            chosen: Person | None = cleaned.get("somebody")
            return chosen
        person = self.rotation.get(cleaned.get("to", ""))
        who, _ = self.returns.get(cleaned.get("in_return", ""), (None, None))
        return person or who


def shift_text(shift: OwnShift) -> str:
    """“Mon 9 Mar 09:00 to Mon 16 Mar 09:00”, on the viewer's clock."""
    start, end = timezone.localtime(shift.starts_at), timezone.localtime(shift.ends_at)
    if start.date() == end.date():
        return f"{start:%a %-d %b %H:%M} to {end:%H:%M}"
    return f"{start:%a %-d %b %H:%M} to {end:%a %-d %b %H:%M}"


def brief(conflicts: Sequence[Conflict], schedule: Schedule) -> str:
    """What stands against somebody taking a shift of `schedule`, beside their name."""
    lines = []
    for each in conflicts:
        match each.kind:
            case FindingKind.TIME_OFF:
                lines.append("On time off then")
            case FindingKind.NO_REST:
                lines.append("Too little rest")
            case FindingKind.TWO_PRIMARIES:
                other = each.other if each.schedule == schedule else each.schedule
                is_here = other is None or other == schedule
                lines.append("On call here already" if is_here else f"On call for {other} then")
    return ". ".join(dict.fromkeys(lines))
