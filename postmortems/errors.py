"""Refusals of this app, as sentences a person can act on."""

from roster.errors import DomainError


class PostmortemError(DomainError):
    """A postmortem, invitation or action item that cannot change in the way asked for."""
