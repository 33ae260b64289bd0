"""Everything a person can do to an incident, each with its form. Declaring has its own module."""

from incidents.admin.actions import paging, phases, record, responders, roles

__all__ = ["paging", "phases", "record", "responders", "roles"]
