"""Everything a person can do to an incident, each with its form. Declaring has its own module."""

from incidents.admin.actions import first_line, paging, phases, record, responders, roles

__all__ = ["first_line", "paging", "phases", "record", "responders", "roles"]
