"""Every model of the app, one module an aggregate."""

from postmortems.models.action_items import ActionItem
from postmortems.models.invitations import Invitation
from postmortems.models.postmortems import Postmortem, State
from postmortems.models.sections import Section, SectionGuide

__all__ = ["ActionItem", "Invitation", "Postmortem", "Section", "SectionGuide", "State"]
