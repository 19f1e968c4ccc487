from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base

if TYPE_CHECKING:
    from models.access_grant import AccessGrant
    from models.account import Account
    from models.partner import Partner


class Payment(Model):
    """What a client has paid for an account; the reference is whoever recorded it's, and there once."""

    id = base.OwnIdField("payment")
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    reference = base.TextField(unique=True)
    # In the currency's minor units.
    amount = fields.BigIntField()
    # ISO 4217.
    currency = base.TextField()
    paid_on = fields.DateField()
    recorded_at = base.UtcDatetimeField()

    class Meta:
        table = "payment"
        indexes = (Index(fields=("account_id", "id"), name="payment_account"),)
        constraints = (CheckConstraint(name="payment_amount", check="amount > 0"),)


class Commission(Model):
    """A partner's share of one payment, as agreed when it was recorded."""

    id = base.OwnIdField("commission")
    partner: fields.ForeignKeyRelation["Partner"] = base.reference("Partner")
    partner_id: str
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    grant: fields.ForeignKeyRelation["AccessGrant"] = base.reference("AccessGrant")
    grant_id: str
    payment: fields.OneToOneRelation[Payment] = fields.OneToOneField(
        "models.Payment", related_name=False, on_delete=fields.RESTRICT
    )
    payment_id: str
    # In the currency's minor units: the payment's, and the share of it.
    paid = fields.BigIntField()
    amount = fields.BigIntField()
    currency = base.TextField()
    # Parts per million.
    rate_ppm = fields.IntField()
    earned_at = base.UtcDatetimeField()

    class Meta:
        table = "commission"
        indexes = (
            Index(fields=("partner_id", "id"), name="commission_partner"),
            Index(fields=("account_id",), name="commission_account"),
            Index(fields=("grant_id",), name="commission_grant"),
        )
