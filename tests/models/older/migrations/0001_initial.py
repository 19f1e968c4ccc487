from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.base import IdField, TextField, UtcDatetimeField


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Project",
            fields=[
                ("id", IdField(primary_key=True)),
                ("name", fields.CharField(max_length=20)),
                ("code", fields.CharField(max_length=20, unique=True)),
                ("region", fields.CharField(max_length=20)),
                ("nickname", TextField(null=True)),
            ],
            options={
                "table": "project",
                "unique_together": (("region", "name"),),
                "indexes": [
                    Index(fields=["name", "id"], name="project_name"),
                    Index(fields=["nickname"], name="project_nickname"),
                ],
            },
        ),
        ops.CreateModel(
            name="Task",
            fields=[
                ("id", IdField(primary_key=True)),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project", source_field="project_id", related_name=False, on_delete=fields.CASCADE
                    ),
                ),
                ("title", TextField()),
                ("done_at", UtcDatetimeField(null=True)),
            ],
            options={"table": "task", "indexes": [Index(fields=["project_id", "id"], name="task_project")]},
        ),
        ops.AddConstraint(model_name="Project", constraint=CheckConstraint(check="code <> ''", name="project_code")),
        ops.RunSQL(
            sql="create unique index project_one_of_a_kind on project (region) where code = 'ONLY; ONE'",
            reverse_sql="drop index project_one_of_a_kind",
        ),
        ops.RunSQL(
            sql="create unique index task_open_once on task (project_id, title) where done_at is null",
            reverse_sql="drop index task_open_once",
        ),
    ]
