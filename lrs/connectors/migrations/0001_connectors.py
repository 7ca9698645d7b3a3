import uuid
from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def make_lanes(apps: Any, schema_editor: Any) -> None:
    lane = apps.get_model("connectors", "Lane")
    lane.objects.bulk_create([lane(number=number) for number in range(33)])


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("lrs", "0001_initial"),
        ("statements", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Lane",
            fields=[
                ("number", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("holder", models.CharField(default="", max_length=32)),
                ("until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("provider", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=200, unique=True)),
                ("settings", models.JSONField(default=dict)),
                ("sealed", models.TextField(default="", help_text="the secret settings, encrypted")),
                (
                    "hook",
                    models.CharField(help_text="the last part of the webhook's address", max_length=64, unique=True),
                ),
                ("use_proxy", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("paused", "Paused")], default="active", max_length=10
                    ),
                ),
                ("checked", models.DateTimeField(null=True)),
                ("check_ok", models.BooleanField(null=True)),
                ("check_sentence", models.TextField(blank=True, default="")),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("token", models.TextField(default="", help_text="the access token and what renews it, encrypted")),
                ("token_holder", models.CharField(default="", help_text="who is renewing the token", max_length=32)),
                ("token_held", models.DateTimeField(null=True)),
                (
                    "credential",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="connection", to="lrs.credential"
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="connections", to="statements.store"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="OrderingState",
            fields=[
                ("ordering", models.UUIDField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(null=True)),
                ("progressed", models.BooleanField(default=False)),
                ("completed", models.BooleanField(default=False)),
                ("told", models.JSONField(default=list)),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bucket", models.CharField(max_length=60)),
                ("calls", models.JSONField(default=list, help_text="when, in seconds since 1970")),
                ("closed_until", models.DateTimeField(help_text="the provider asked for a pause", null=True)),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("connection", "bucket"), name="budget_once")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("received", models.DateTimeField()),
                ("headers", models.JSONField(default=dict)),
                ("method", models.CharField(default="POST", max_length=10)),
                ("query", models.TextField(default="")),
                ("body", models.BinaryField()),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("cut", "Cut"), ("unreadable", "Unreadable")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("events", models.IntegerField(default=0)),
                ("repeated", models.IntegerField(default=0, help_text="events that were here before")),
                ("problem", models.TextField(default="")),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="connectors.connection"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(condition=models.Q(("state", "waiting")), fields=["id"], name="delivery_waiting"),
                    models.Index(fields=["connection", "-id"], name="delivery_of_connection"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExternalUser",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external", models.CharField(max_length=200)),
                ("email", models.CharField(blank=True, default="", max_length=320)),
                ("name", models.CharField(blank=True, default="", max_length=400)),
                ("unique_id", models.CharField(blank=True, default="", max_length=320)),
                ("state", models.CharField(blank=True, default="", max_length=40)),
                ("missing", models.BooleanField(default=False, help_text="the provider does not know it")),
                ("read", models.DateTimeField(null=True)),
                ("wanted", models.DateTimeField(help_text="an event asked for it", null=True)),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["email"], name="external_user_email")],
                "constraints": [models.UniqueConstraint(fields=("connection", "external"), name="external_user_once")],
            },
        ),
        migrations.CreateModel(
            name="InboxEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "delivery",
                    models.BigIntegerField(help_text="none: read from the provider's API, or imported", null=True),
                ),
                ("key", models.UUIDField(unique=True)),
                ("account", models.CharField(max_length=200)),
                ("name", models.CharField(max_length=200)),
                ("event", models.CharField(max_length=400)),
                ("at", models.DateTimeField(null=True)),
                (
                    "ordering",
                    models.UUIDField(
                        help_text="events with the same value are worked off in the order of their arrival"
                    ),
                ),
                ("lane", models.SmallIntegerField()),
                ("data", models.TextField()),
                ("received", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("ignored", "Ignored"),
                            ("deferred", "Deferred"),
                            ("refused", "Refused"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("rule", models.CharField(blank=True, default="", max_length=40)),
                ("reason", models.TextField(blank=True, default="")),
                ("traceback", models.TextField(blank=True, default="")),
                ("waits_for", models.CharField(blank=True, default="", max_length=200)),
                ("attempts", models.IntegerField(default=0)),
                ("decided", models.DateTimeField(null=True)),
                ("statements", models.JSONField(default=list, help_text="ids of the statements that it became")),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="connectors.connection"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "waiting")), fields=["lane", "id"], name="inbox_waiting"),
                    models.Index(
                        condition=models.Q(("state", "deferred")),
                        fields=["connection", "waits_for"],
                        name="inbox_deferred",
                    ),
                    models.Index(fields=["connection", "state", "-id"], name="inbox_by_state"),
                    models.Index(fields=["ordering", "id"], name="inbox_ordering"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Instance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external", models.CharField(max_length=200)),
                (
                    "thing",
                    models.CharField(blank=True, default="", help_text="the thing's external id", max_length=200),
                ),
                ("names", models.JSONField(default=dict)),
                ("seats", models.IntegerField(null=True)),
                ("waiting", models.IntegerField(null=True)),
                ("enrolled", models.IntegerField(null=True)),
                ("state", models.CharField(blank=True, default="", max_length=40)),
                ("deleted", models.BooleanField(default=False)),
                ("at", models.DateTimeField(help_text="time of the newest event about it", null=True)),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("connection", "external"), name="instance_once")],
            },
        ),
        migrations.CreateModel(
            name="Reread",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=400)),
                ("due", models.DateTimeField()),
                ("hints", models.IntegerField(default=1)),
                ("problem", models.TextField(blank=True, default="")),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("connection", "key"), name="reread_once")],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("started", models.DateTimeField()),
                ("finished", models.DateTimeField(null=True)),
                ("ok", models.BooleanField(null=True)),
                ("rows", models.IntegerField(default=0)),
                ("total", models.IntegerField(null=True)),
                ("events", models.IntegerField(default=0)),
                ("problem", models.TextField(blank=True, default="")),
                ("notes", models.TextField(blank=True, default="")),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["connection", "-id"], name="run_of_connection")],
            },
        ),
        migrations.CreateModel(
            name="SeenRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=400)),
                ("data", models.JSONField()),
                ("seen", models.DateTimeField()),
                ("changed", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("connection", "key"), name="seen_row_once")],
            },
        ),
        migrations.CreateModel(
            name="Task",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("due", models.DateTimeField()),
                ("holder", models.CharField(default="", max_length=32)),
                ("until", models.DateTimeField(null=True)),
                ("cursor", models.JSONField(default=dict, help_text="where an interrupted run goes on")),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("connection", "kind"), name="task_once")],
            },
        ),
        migrations.CreateModel(
            name="Thing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external", models.CharField(max_length=200)),
                ("kind", models.CharField(blank=True, default="", max_length=40)),
                ("iri", models.TextField(blank=True, default="")),
                ("names", models.JSONField(default=dict)),
                ("state", models.CharField(blank=True, default="", max_length=40)),
                ("seconds", models.IntegerField(help_text="how long it takes", null=True)),
                ("deleted", models.BooleanField(default=False)),
                ("stale", models.BooleanField(default=True, help_text="the provider is to be asked about it")),
                ("at", models.DateTimeField(help_text="time of the newest event about it", null=True)),
                ("read", models.DateTimeField(help_text="when the provider last described it", null=True)),
                ("missing", models.BooleanField(default=False, help_text="the provider does not know it")),
                (
                    "connection",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="connectors.connection"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("connection", "external"), name="thing_once")],
            },
        ),
        migrations.RunPython(make_lanes, migrations.RunPython.noop),
    ]
