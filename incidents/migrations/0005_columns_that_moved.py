from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("incidents", "0004_keys_and_steps_move")]

    operations = [
        migrations.RemoveField(model_name="integration", name="key_digest"),
        migrations.RemoveField(model_name="integration", name="key_prefix"),
        migrations.RemoveField(model_name="escalation", name="step_position"),
    ]
