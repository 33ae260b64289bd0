"""What `manage.py up` finds or makes before anything runs; each step can be repeated."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from incidents.models import Integration, Service
from roster.actors import Actor
from roster.models import (
    Channel,
    ContactMethod,
    EscalationPolicy,
    EscalationStep,
    EscalationTarget,
    Person,
    Team,
)

FIRST = "first-steps"
KEY_FILE = "first-integration.key"
_UP = Actor.system("manage.py up")


@dataclass(frozen=True)
class Account:
    """The first administrator; `password` only where this start made it up."""

    user: User
    password: str = ""


@transaction.atomic
def first_administrator(*, at: datetime) -> Account | None:
    """Make the first administrator and the person who is paged; None where there are accounts."""
    if User.objects.exists():
        return None
    password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
    user = User.objects.create_superuser(
        settings.ADMIN_USERNAME, settings.ADMIN_EMAIL, password, first_name="Administrator"
    )
    person = Person.objects.create(
        slug="administrator", name="Administrator", email=user.email, user=user
    )
    ContactMethod.objects.create(
        person=person,
        channel=Channel.EMAIL,
        address=user.email,
        label="E-mail",
        verified_at=at,
    )
    return Account(user, "" if settings.ADMIN_PASSWORD else password)


@transaction.atomic
def first_integration(account: Account, *, at: datetime) -> None:
    """Make a service that pages the first administrator, and keep the key of its integration.

    Keys are stored hashed and shown once. This one is also kept in DATA_DIR, readable by its owner
    only, so that every start can offer a first alert; delete the file when it is no longer wanted.
    """
    person = account.user.person
    team = Team.objects.create(slug=FIRST, name="First steps", lead=person)
    person.teams.add(team)
    policy = EscalationPolicy.objects.create(slug=FIRST, name="Page the administrator", team=team)
    step = EscalationStep.objects.create(policy=policy)
    EscalationTarget.objects.create(step=step, kind=EscalationTarget.Kind.PERSON, person=person)
    team.default_policy = policy
    team.save(update_fields=["default_policy"])
    service = Service.objects.create(
        slug=FIRST, name="First steps", description="Made by `manage.py up`.", owner_team=team
    )
    _, key = Integration.issue(slug=FIRST, name="First steps", service=service, by=_UP, at=at)
    path = settings.DATA_DIR / KEY_FILE
    path.touch(mode=0o600)
    path.write_text(key)


def first_alert(public_url: str) -> str | None:
    """Return the shell line that fires a first alert; None where its key is gone or revoked."""
    path: Path = settings.DATA_DIR / KEY_FILE
    integration = Integration.objects.filter(slug=FIRST, revoked_at__isnull=True).first()
    if integration is None or not path.exists():
        return None
    key = path.read_text().strip()
    if not key.startswith(integration.key_prefix()):
        return None
    alert = {
        "status": "firing",
        "labels": {"alertname": "FirstAlert", "severity": "critical"},
        "annotations": {"summary": "The first alert: acknowledge it from the mail in the log"},
    }
    body = json.dumps({"version": "4", "status": "firing", "alerts": [alert]})
    return f"curl -H 'Content-Type: application/json' -d '{body}' {public_url}/ingest/{key}/"
