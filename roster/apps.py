from django.apps import AppConfig


class RosterConfig(AppConfig):
    """People and when they are on call. Knows nothing of the apps to its right."""

    name = "roster"
    verbose_name = "Roster"

    def ready(self) -> None:
        # Models must be loaded first. Importing link purposes registers them.
        from roster.link_purposes import (  # noqa: F401, PLC0415
            confidence,
            handoffs,
            page_tests,
            swaps,
        )
