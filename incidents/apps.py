from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """Alerts, incidents, and the people working on them. Knows roster, and nothing to its right."""

    name = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        # Models must be loaded first. Importing the link purposes registers them.
        from incidents import (  # noqa: PLC0415
            link_purposes,  # noqa: F401
            my_pages_link,  # noqa: F401
            reactions,
            role_coverage,
        )
        from incidents.open_work import open_incidents  # noqa: PLC0415
        from incidents.page_load import pages_received  # noqa: PLC0415
        from incidents.signals import paging_settled  # noqa: PLC0415
        from roster.burden import register_page_source  # noqa: PLC0415
        from roster.handoffs import register_open_work  # noqa: PLC0415

        paging_settled.connect(reactions.stop_paging, dispatch_uid="incidents.stop_paging")
        role_coverage.register()
        register_open_work(open_incidents)
        register_page_source(pages_received)
