"""PostgreSQL: business keys are unique by their digest, since an index holds no text of more than 2,700 bytes."""

from django.db import migrations

NAME, TABLE = "one_profile_per_business_key", "interactions_profile"


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {NAME}")
        schema_editor.execute(f"CREATE UNIQUE INDEX {NAME} ON {TABLE} (md5(business_key), profile_table_id)")


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX {NAME}")
        schema_editor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {NAME} UNIQUE (profile_table_id, business_key)")


class Migration(migrations.Migration):
    dependencies = [("interactions", "0002_event_ids")]
    operations = [migrations.RunPython(forwards, backwards)]
