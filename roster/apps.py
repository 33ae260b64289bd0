from django.apps import AppConfig


class RosterConfig(AppConfig):
    """People and when they are on call. Knows nothing of the apps to its right."""

    name = "roster"
    verbose_name = "Roster"
