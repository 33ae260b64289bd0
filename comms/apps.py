from django.apps import AppConfig


class CommsConfig(AppConfig):
    """What people are told, and whether it arrived. Reacts to the timeline of incidents."""

    name = "comms"
    verbose_name = "Communication"

    def ready(self) -> None:
        # Models must be loaded first.
        from comms import (  # noqa: PLC0415
            entry_kinds,
            leads,
            notices,
            reactions,
            reporters,
            shadow_copies,
            suggestions,
        )
        from comms.notices import (  # noqa: F401, PLC0415
            calendars,
            confidence,
            coverage,
            handoffs,
            page_tests,
            planning,
            reminders,
            report,
            shifts_changed,
            swaps,
            verification,
        )
        from roster.deliveries import register_reporter  # noqa: PLC0415
        from roster.notices import notice_due, notice_withdrawn  # noqa: PLC0415

        entry_kinds.register_all()
        reactions.connect()
        shadow_copies.connect()
        reporters.connect()
        leads.connect()
        notice_due.connect(notices.deliver, dispatch_uid="comms.notices")
        notice_withdrawn.connect(notices.withdraw, dispatch_uid="comms.notices.withdraw")
        register_reporter(report.deliveries)
        suggestions.register_all()
