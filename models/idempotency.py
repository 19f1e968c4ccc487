from tortoise import Model, fields
from tortoise.indexes import Index

from models import base


class Idempotency(Model):
    """What an Idempotency-Key did, kept so that a repeat does nothing again."""

    id = base.OwnIdField("idempotency")
    # The session's id, or `public`.
    scope = base.TextField()
    key = base.TextField()
    # Of document and variables.
    request_hash = base.TextField()
    # Ids, or the refusal; never the answer.
    outcome: "fields.Field[dict[str, object] | None]" = fields.JSONField(null=True)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "idempotency"
        unique_together = (("scope", "key"),)
        indexes = (Index(fields=("created_at",), name="idempotency_created"),)
