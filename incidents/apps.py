from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """Alerts, incidents, and the people working on them. Knows roster, and nothing to its right."""

    name = "incidents"
    verbose_name = "Incidents"
