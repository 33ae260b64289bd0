from django.apps import AppConfig


class CommsConfig(AppConfig):
    """What people are told, and whether it arrived. Reacts to the timeline of incidents."""

    name = "comms"
    verbose_name = "Communication"

    def ready(self) -> None:
        # Models must be loaded first.
        from comms import entry_kinds, notices, reactions, suggestions  # noqa: PLC0415
        from roster.notices import notice_due  # noqa: PLC0415

        entry_kinds.register_all()
        reactions.connect()
        notice_due.connect(notices.deliver, dispatch_uid="comms.notices")
        suggestions.register_all()
