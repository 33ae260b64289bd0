"""The admin of postmortems: lists and forms, buttons as dialogs, a part of the incident page."""

from postmortems.admin import action_items, guides, postmortems

__all__ = ["action_items", "guides", "postmortems"]
