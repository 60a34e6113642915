"""The periodic tasks that beat sends; their messages expire before the next one."""

from django.db import migrations

TASKS = [
    # name, task, every, period, expires after seconds
    ("Tick: open the runs that are due", "flows.tasks.tick", 1, "minutes", 50),
    ("Recovery: take up what a dead worker left", "flows.tasks.recover", 1, "minutes", 50),
    ("Retention: delete what is past its days", "flows.tasks.purge", 1, "hours", 3000),
    ("Watchdog: report what is overdue", "flows.tasks.watch", 15, "minutes", 800),
]


def forwards(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, path, every, period, expires in TASKS:
        schedule, _ = interval.objects.get_or_create(every=every, period=period)
        task.objects.get_or_create(name=name, defaults={"task": path, "interval": schedule, "expire_seconds": expires})


def backwards(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(task__in=[path for _, path, *_ in TASKS]).delete()


class Migration(migrations.Migration):
    dependencies = [("flows", "0001_initial"), ("django_celery_beat", "0019_alter_periodictasks_options")]
    operations = [migrations.RunPython(forwards, backwards)]
