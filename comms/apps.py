from django.apps import AppConfig


class CommsConfig(AppConfig):
    """What people are told, and whether it arrived. Reacts to the timeline of incidents."""

    name = "comms"
    verbose_name = "Communication"

    def ready(self) -> None:
        # Models must be loaded first.
        from comms import entry_kinds, reactions, suggestions  # noqa: PLC0415

        entry_kinds.register_all()
        reactions.connect()
        suggestions.register_all()
