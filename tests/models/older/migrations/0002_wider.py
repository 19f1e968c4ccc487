from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    operations = [
        ops.AlterField(model_name="Project", name="name", field=fields.CharField(max_length=200)),
        ops.AddField(model_name="Project", name="budget", field=fields.IntField(default=0, db_default=0)),
        ops.AddConstraint(model_name="Project", constraint=CheckConstraint(check="budget >= 0", name="project_budget")),
        ops.RemoveField(model_name="Project", name="nickname"),
    ]
