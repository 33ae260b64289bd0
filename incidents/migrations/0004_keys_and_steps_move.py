"""Keys and the progress of running escalations, from the columns they had to where they are now.

A migration of its own: PostgreSQL alters no table that the same transaction has written to.
"""

from django.db import migrations


def keys_into_their_table(apps, schema_editor):
    """Every integration keeps the key it has."""
    Integration = apps.get_model("incidents", "Integration")
    IntegrationKey = apps.get_model("incidents", "IntegrationKey")
    IntegrationKey.objects.bulk_create(
        IntegrationKey(
            integration=integration,
            prefix=integration.key_prefix,
            digest=integration.key_digest,
            created_by_name=integration.created_by_name,
            created_at=integration.created_at,
        )
        for integration in Integration.objects.all()
    )


def newest_key_back(apps, schema_editor):
    """One key fits in the row: the newest. An older one that still worked ends with this."""
    Integration = apps.get_model("incidents", "Integration")
    for integration in Integration.objects.prefetch_related("keys"):
        newest = max(integration.keys.all(), key=lambda key: (key.created_at, key.pk))
        integration.key_prefix, integration.key_digest = newest.prefix, newest.digest
        integration.save(update_fields=["key_prefix", "key_digest"])
    apps.get_model("incidents", "IntegrationKey").objects.all().delete()


def steps_by_identity(apps, schema_editor):
    """Whoever is paged next in a run stays so: the steps before that position have run."""
    Escalation = apps.get_model("incidents", "Escalation")
    Step = apps.get_model("roster", "EscalationStep")
    for escalation in Escalation.objects.filter(state="running"):
        steps = list(Step.objects.filter(policy=escalation.policy_id).order_by("position", "pk"))
        ahead = [step for step in steps if step.position >= escalation.step_position]
        escalation.steps_run = [step.pk for step in steps if step not in ahead]
        escalation.steps_ahead = [step.pk for step in ahead]
        escalation.save(update_fields=["steps_run", "steps_ahead"])


def steps_by_position(apps, schema_editor):
    Escalation = apps.get_model("incidents", "Escalation")
    Step = apps.get_model("roster", "EscalationStep")
    for escalation in Escalation.objects.filter(state="running"):
        last = Step.objects.filter(pk__in=escalation.steps_run).order_by("-position").first()
        escalation.step_position = last.position + 1 if last else 1
        escalation.save(update_fields=["step_position"])


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0003_alerts_and_paging"),
        ("roster", "0004_alerts_and_paging"),
    ]

    operations = [
        migrations.RunPython(keys_into_their_table, newest_key_back),
        migrations.RunPython(steps_by_identity, steps_by_position),
    ]
