from django.db import migrations, models

HELP = "Flows may be activated with this location although it has not passed a connection test."


class Migration(migrations.Migration):
    dependencies = [
        ("transfers", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="location",
            name="probed_at",
            field=models.DateTimeField(
                editable=False, help_text="When the connection test was passed with the present settings.", null=True
            ),
        ),
        # The locations that are in use already are accepted as they are; new ones are not.
        migrations.AddField(
            model_name="location",
            name="accepted_untested",
            field=models.BooleanField(default=True, help_text=HELP, verbose_name="accept untested"),
        ),
        migrations.AlterField(
            model_name="location",
            name="accepted_untested",
            field=models.BooleanField(default=False, help_text=HELP, verbose_name="accept untested"),
        ),
    ]
