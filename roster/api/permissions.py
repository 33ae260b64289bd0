"""Django's model permissions, with reading guarded too."""

from rest_framework.permissions import DjangoModelPermissions


class ModelOrActionPermission(DjangoModelPermissions):
    """`view` to read, `add`/`change`/`delete` to write.

    An action that changes state names its own permission in `permission_classes`, because
    "may release a responder" is not "may change any field of an incident".
    """

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


class ViewPermission(DjangoModelPermissions):
    """`view` for whatever is asked; each change then names the right that it needs itself."""

    _METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
    perms_map = {method: ["%(app_label)s.view_%(model_name)s"] for method in _METHODS}
