"""More ways in for the end-to-end tests: one integration of a kind, for the seeded service."""

import sys

from tests.e2e.stack import Stack


def issue(stack: Stack, kind: str) -> str:
    """Make an integration of this kind, and return its key."""
    return stack.run("-m", "tests.e2e.integrations", kind).splitlines()[-1]


def main(kind: str) -> None:
    """Make it in the process that is set up for the stack's database, and print its key."""
    import django  # noqa: PLC0415  # the imports below need the apps set up first

    django.setup()

    from django.utils import timezone  # noqa: PLC0415  # see above

    from incidents.models import Integration, Service  # noqa: PLC0415  # see above
    from roster.actors import Actor  # noqa: PLC0415  # see above

    service = Service.objects.get(slug="checkout")
    slug = f"{kind}-of-the-test"
    by, at = Actor.system("seed"), timezone.now()
    _, key = Integration.issue(slug=slug, name=slug, service=service, kind=kind, by=by, at=at)
    sys.stdout.write(key + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
