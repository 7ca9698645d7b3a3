from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("statements", "0004_glance"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(fields=["store", "-stored", "-statement"], name="finding_newest"),
        ),
        migrations.AddIndex(
            model_name="progress",
            index=models.Index(
                condition=models.Q(("completed_at__isnull", False)),
                fields=["store", "completed_at"],
                name="progress_completed",
            ),
        ),
    ]
