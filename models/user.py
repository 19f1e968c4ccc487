from tortoise import Model, fields

from models import base


class User(Model):
    """A person who signs in. Never deleted; erasing empties the row and keeps its id."""

    id = base.OwnIdField("user")
    name = base.TextField()
    # Lower case; null once erased.
    email = base.TextField(null=True, unique=True)
    locale = base.TextField(null=True)
    # Null: signs in by link only.
    password_hash = base.TextField(null=True)
    is_vendor = fields.BooleanField(default=False)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "app_user"
