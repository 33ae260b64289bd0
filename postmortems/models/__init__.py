"""Every model of the app, one module an aggregate."""

from postmortems.models.action_items import ActionItem
from postmortems.models.invitations import Invitation
from postmortems.models.postmortems import Postmortem, PostmortemState
from postmortems.models.sections import Section, SectionGuide

__all__ = ["ActionItem", "Invitation", "Postmortem", "PostmortemState", "Section", "SectionGuide"]
