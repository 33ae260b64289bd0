"""The project itself as an app, and the admin with Muster's own site in place of Django's."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class MusterConfig(AppConfig):
    """What spans all four apps: settings, dashboard, API root, health, `manage.py up`."""

    name = "config"
    default = True


class MusterAdminConfig(admin_apps.AdminConfig):
    """Registers every model of the four apps on `config.site.MusterAdminSite`."""

    default = False
    default_site = "config.site.MusterAdminSite"
