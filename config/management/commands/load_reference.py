"""`manage.py load_reference`: see `config.reference`."""

from typing import Any

from django.core.management.base import BaseCommand

from config.reference import load_reference


class Command(BaseCommand):
    help = "Create the reference data that is missing: severities, roles, templates, groups, …"

    def handle(self, *args: Any, **options: Any) -> None:
        created = {name: count for name, count in load_reference().items() if count}
        counts = ", ".join(f"{count} {name}" for name, count in created.items())
        self.stdout.write(
            f"Reference data: created {counts}." if counts else "Reference data is complete."
        )
