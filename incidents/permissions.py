"""Who may do what to an incident: by a permission of their login, or by their role on it."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from incidents.models import DEPUTY, IMOC, INCIDENT_MANAGER, TECH_LEAD, Incident, RoleAssignment

# Each thing one may do, and the permission that lets one do it to every incident.
PERMISSIONS = {
    "acknowledge": "incidents.acknowledge_incident",
    "advance": "incidents.advance_incident",
    "assign_role": "incidents.assign_role_incident",
    "classify": "incidents.classify_incident",
    "close": "incidents.close_incident",
    "declare": "incidents.declare_incident",
    "dismiss": "incidents.dismiss_incident",
    "edit": "incidents.change_incident",
    "note": "incidents.note_incident",
    "release_responder": "incidents.release_responder_incident",
    "request_responder": "incidents.request_responder_incident",
    "restore": "incidents.restore_incident",
}
# What the holder of a role may do to that one incident besides (R008, R017, R038, R058).
RIGHTS_OF_ROLES = {
    INCIDENT_MANAGER: frozenset(PERMISSIONS),
    DEPUTY: frozenset(PERMISSIONS),
    IMOC: frozenset({"assign_role", "note", "release_responder", "request_responder"}),
    TECH_LEAD: frozenset({"note", "request_responder"}),
}


def may(
    user: AbstractBaseUser | AnonymousUser, action: str, incident: Incident | None = None
) -> bool:
    """Whether this user may do `action` (a key of `PERMISSIONS`), to this incident if given.

    That the user sees the incident at all is for `visible_to` to decide, before. Roles are read
    once for each user and incident, and like Django's permissions remembered on the user object.
    """
    permission = PERMISSIONS[action]
    if not (isinstance(user, PermissionsMixin) and user.is_active):
        return False
    if user.has_perm(permission):
        return True
    return incident is not None and any(
        action in RIGHTS_OF_ROLES.get(role, ()) for role in _roles_held(user, incident)
    )


def _roles_held(user: AbstractBaseUser, incident: Incident) -> frozenset[str]:
    remembered: dict[int, frozenset[str]] = vars(user).setdefault("_roles_on_incidents", {})
    if incident.pk not in remembered:
        held = RoleAssignment.objects.current().filter(incident=incident, person__user=user.pk)
        remembered[incident.pk] = frozenset(held.values_list("role__slug", flat=True))
    return remembered[incident.pk]
