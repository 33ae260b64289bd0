"""What a person is asked about being away, and about the calendar that knows it."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.files.uploadedfile import UploadedFile
from unfold.widgets import UnfoldAdminTextInputWidget

from roster import time_off
from roster.calendar_import.unpacking import LIMIT_BYTES, too_large
from roster.models import Person, TimeOff


def _native(kind: str) -> UnfoldAdminTextInputWidget:
    """The browser's own picker: a thumb finds it too."""
    return UnfoldAdminTextInputWidget(attrs={"type": kind})


class TimeOffForm(forms.Form):
    """Whole days unless times are given; days are those of the person's zone."""

    starts_at = forms.DateField(label="From", widget=_native("date"))
    ends_at = forms.DateField(label="To, that day included", widget=_native("date"))
    starts_time = forms.TimeField(label="From this time", required=False, widget=_native("time"))
    ends_time = forms.TimeField(label="Until this time", required=False, widget=_native("time"))
    note = forms.CharField(
        label="Note",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Seen by this person and by roster editors only.",
    )

    DAYS = ("starts_at", "ends_at", "note")
    TIMES = ("starts_time", "ends_time")

    def __init__(
        self, *args: Any, person: Person, row: TimeOff | None = None, **kwargs: Any
    ) -> None:
        self.person = person
        if row is not None:
            kwargs["initial"] = _initial(row, ZoneInfo(person.time_zone))
        super().__init__(*args, **kwargs)

    def clean_starts_at(self) -> date:
        return _of_our_time(self.cleaned_data["starts_at"])

    def clean_ends_at(self) -> date:
        return _of_our_time(self.cleaned_data["ends_at"])

    def span(self) -> tuple[datetime, datetime]:
        """From when until when, as typed; the domain judges it."""
        given = self.cleaned_data
        first: date = given["starts_at"]
        last: date = given["ends_at"]
        starts_at, ends_at = time_off.whole_days(self.person, first, last)
        zone = ZoneInfo(self.person.time_zone)
        if given["starts_time"] is not None:
            starts_at = datetime.combine(first, given["starts_time"], zone)
        if given["ends_time"] is not None:
            ends_at = datetime.combine(last, given["ends_time"], zone)
        return starts_at, ends_at

    def days(self) -> list[forms.BoundField]:
        return [self[name] for name in self.DAYS]

    def times(self) -> list[forms.BoundField]:
        return [self[name] for name in self.TIMES]

    def has_times(self) -> bool:
        return any(self[name].value() or self[name].errors for name in self.TIMES)


def _of_our_time(day: date) -> date:
    """Beyond these years some zone's clock has no name for the moment."""
    if day.year not in range(1971, 2200):
        raise forms.ValidationError("Check the year.")
    return day


def _initial(row: TimeOff, zone: ZoneInfo) -> dict[str, object]:
    begins, ends = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
    first, last = time_off.days_of(row, zone)
    found: dict[str, object] = {"starts_at": first, "ends_at": last, "note": row.note}
    if begins.time() != time.min or ends.time() != time.min:
        found |= {"starts_time": f"{begins:%H:%M}", "ends_time": f"{ends:%H:%M}"}
        found["ends_at"] = ends.date()
    return found


class CalendarForm(forms.Form):
    """An address that is read every hour, or a file that is read now."""

    name = forms.CharField(
        label="Name", max_length=100, widget=UnfoldAdminTextInputWidget, initial="Holidays"
    )
    url = forms.CharField(
        label="iCalendar address",
        max_length=1000,
        required=False,
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": "https://… .ics", "inputmode": "url", "autocomplete": "off"}
        ),
        help_text="The private or secret address that a calendar program offers for sharing. It is "
        "read now, and then every hour.",
    )
    file = forms.FileField(
        label="Or a file, read once",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar", "class": "mu-field-input"}),
    )

    def clean_file(self) -> UploadedFile | None:
        """Before any of it is held in memory at once."""
        file: UploadedFile | None = self.cleaned_data["file"]
        if file and (file.size or 0) > LIMIT_BYTES:
            raise forms.ValidationError(too_large("file").message)
        return file

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and bool(cleaned.get("url")) == bool(cleaned.get("file")):
            self.add_error("url", "Give an address or a file: one of the two.")
        return cleaned
