"""A small database that has had a past: its newest form. Its migrations alter tables that rows point at."""

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base


class Project(Model):
    id = base.IdField(primary_key=True)
    name = fields.CharField(max_length=200)
    code = fields.CharField(max_length=20, unique=True)
    region = fields.CharField(max_length=20)
    budget = fields.IntField(default=0, db_default=0)

    class Meta:
        table = "project"
        unique_together = (("region", "name"),)
        indexes = (Index(fields=("name", "id"), name="project_name"),)
        constraints = (
            CheckConstraint(name="project_code", check="code <> ''"),
            CheckConstraint(name="project_budget", check="budget >= 0"),
        )


class Task(Model):
    id = base.IdField(primary_key=True)
    project: fields.ForeignKeyRelation[Project] = fields.ForeignKeyField(
        "models.Project", related_name=False, on_delete=fields.CASCADE
    )
    project_id: str
    title = base.TextField()
    done_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "task"
        indexes = (Index(fields=("project_id", "id"), name="task_project"),)
