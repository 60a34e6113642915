from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("flows", "0007_encrypted_deliveries"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="warned_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the account's managers were told that the file will be deleted uncollected.",
                null=True,
            ),
        ),
    ]
