"""Reading other people's calendars: as time off of a person, or as shifts of a schedule.

What comes from outside is fetched, read and expanded within limits, and refused with a sentence
that says what is wrong with it.
"""

from roster.calendar_import.entering import enter_address, enter_file, read_again, stop
from roster.calendar_import.errors import CalendarError
from roster.calendar_import.fetching import fetch
from roster.calendar_import.loop import fetch_due
from roster.calendar_import.reading import Occurrence, Reading, read_calendar

__all__ = [
    "CalendarError",
    "Occurrence",
    "Reading",
    "enter_address",
    "enter_file",
    "fetch",
    "fetch_due",
    "read_again",
    "read_calendar",
    "stop",
]
