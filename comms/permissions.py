"""Who may speak for the organisation about an incident (R047, R210)."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from comms.models import AudienceKind
from comms.promises import COMMUNICATIONS_MANAGER, INCIDENT_MANAGER, LIAISON
from incidents.models import Incident, RoleAssignment

PERMISSION_TO_SEND = {
    AudienceKind.INTERNAL: "comms.send_update",
    AudienceKind.EXTERNAL: "comms.send_external_update",
}


def may_send(user: AbstractBaseUser | AnonymousUser, kind: str, incident: Incident) -> bool:
    """By permission, or by holding the role that speaks to that audience on this incident."""
    if not (isinstance(user, PermissionsMixin) and user.is_active):
        return False
    if user.has_perm(PERMISSION_TO_SEND[AudienceKind(kind)]):
        return True
    speakers = [LIAISON[AudienceKind(kind)], COMMUNICATIONS_MANAGER, INCIDENT_MANAGER]
    held = RoleAssignment.objects.current().filter(incident=incident, role__slug__in=speakers)
    return held.filter(person__user=user.pk).exists()
