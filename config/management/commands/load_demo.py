"""`manage.py load_demo`: see `config.demo`."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from config.demo import load_demo
from roster.errors import DomainError


class Command(BaseCommand):
    help = "Fill an empty installation with an invented company and three months of history."

    def handle(self, *args: Any, **options: Any) -> None:
        """A refusal is no failure: `up --demo` says it at every later start, and goes on."""
        try:
            demo = load_demo(at=timezone.now())
        except DomainError as error:
            self.stdout.write(error.message)
            return
        self.stdout.write(f"Demo: log in with the password {demo.password} as")
        for group, username in demo.logins.items():
            self.stdout.write(f"  {username} ({group})")
