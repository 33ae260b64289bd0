"""The admin application, with Muster's own site in place of Django's."""

from django.contrib.admin.apps import AdminConfig


class MusterAdminConfig(AdminConfig):
    """Registers every model of the four apps on `config.site.MusterAdminSite`."""

    default_site = "config.site.MusterAdminSite"
