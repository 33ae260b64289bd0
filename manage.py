#!/usr/bin/env python
"""The one entry point: `manage.py up` runs everything, `manage.py help` lists the rest."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from environs import EnvError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EnvError) as error:
        # A setting is missing or wrong, and the sentence says which: a traceback would hide it.
        sys.exit(f"Muster cannot start. {error}")


if __name__ == "__main__":
    main()
