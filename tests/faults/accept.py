"""Posts a file to the intake from a process that ends: `python -m tests.faults.accept KEY FILE`."""

import sys
from pathlib import Path

import django


def main() -> None:
    """Post, and print the status of the answer."""
    key, path = sys.argv[1:]
    django.setup()
    from django.test import Client  # noqa: PLC0415  # needs the apps set up first

    answer = Client().post(
        f"/ingest/{key}/", Path(path).read_bytes(), content_type="application/json"
    )
    sys.stdout.write(f"{answer.status_code}\n")


if __name__ == "__main__":
    main()
