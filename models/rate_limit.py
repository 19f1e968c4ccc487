from tortoise import Model, fields
from tortoise.indexes import Index

from models import base


class RateLimit(Model):
    """How often a subject did what a rule counts, in the window that began then."""

    id = base.OwnIdField("limit")
    rule = base.TextField()
    # An address, an IP, a user's id.
    subject = base.TextField()
    window_start = base.UtcDatetimeField()
    count = fields.IntField()

    class Meta:
        table = "rate_limit"
        unique_together = (("rule", "subject", "window_start"),)
        indexes = (Index(fields=("window_start",), name="rate_limit_window"),)
