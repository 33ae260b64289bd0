"""What an organisation learns from an incident: postmortems, their reviews and action items."""

from django.apps import AppConfig


class PostmortemsConfig(AppConfig):
    """Hears of restored incidents, and adds its words to the timeline and its signed links."""

    name = "postmortems"
    verbose_name = "Postmortems"

    def ready(self) -> None:
        from postmortems import kinds, link_purposes, reactions  # noqa: PLC0415 models must be loaded

        kinds.register_all()
        link_purposes.register_all()
        reactions.connect()
