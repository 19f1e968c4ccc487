from tortoise.indexes import Index

from models import base


class Client(base.BusinessDetails):
    id = base.OwnIdField("client")
    name = base.TextField()
    name_key = base.KeyField()
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "client"
        indexes = (Index(fields=("name_key", "id"), name="client_name"),)
