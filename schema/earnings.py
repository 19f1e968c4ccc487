"""What partners earn: shares of what clients pay."""

from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry import ID

from domain import jobs, money, partners, payments, shares
from domain.policy import Permission
from models import enums
from models.payment import Commission as CommissionRow
from schema import names
from schema.accounts import AccountPayload
from schema.errors import UserError
from schema.fields import column, derived, expression, given, given_rows, node, one, plain, verb
from schema.mutations import PartnerPayload
from schema.paging import Node


@node(CommissionRow)
class Commission(Node):
    """A partner's share of one payment, as agreed when it was recorded."""

    account: names.Account | None = one("account_id", doc="Null once the partner is not connected to it any more.")
    amount: Decimal = derived(
        money.decimal_of,
        "amount",
        "currency",
        doc="Half-even to the currency's minor unit, and written with all of it.",
    )
    currency: str = column(doc="After ISO 4217.")
    payment: Decimal = derived(money.decimal_of, "paid", "currency", doc="What the client has paid.")
    rate: Decimal = derived(money.rate_of, "rate_ppm", doc="0 to 1.")
    earned_at: datetime = column()


@plain
class RevenueShareEligibility:
    """Whether a connection earns revenue share. Access has no part in it: who is connected earns."""

    eligible: bool = expression(shares.EARNS)
    reason: enums.RevenueShareReason = expression(shares.REASON)


@plain
class PaymentPayload:
    """What the payment has earned, and whom; nothing where no connection earns."""

    commissions: list[Commission] | None = given_rows("payment_id")
    user_errors: list[UserError] = given()


@strawberry.input
class PaymentRecordInput:
    account_id: ID
    amount: Decimal
    currency: str = strawberry.field(description="After ISO 4217: EUR.")
    paid_on: date
    reference: str = strawberry.field(description="One's own, by which a payment is recorded once.")


@strawberry.type
class EarningsMutation:
    """The verbs of this slice."""

    partner_revenue_share_set: PartnerPayload = verb(
        partners.set_revenue_share,
        {"partner_id": ID, "rate": Decimal | None},
        permission=Permission.PARTNER_REVENUE_SHARE_SET,
        gives="partner",
        doc="Sets what a partner earns of each payment from now on: 0 to 1, with at most 6 decimals; null: nothing. "
        "NOT_FOUND, FORBIDDEN, INVALID.",
    )
    jobs_record: AccountPayload = verb(
        jobs.record,
        {"account_id": ID, "jobs_created": int},
        permission=Permission.JOBS_RECORD,
        gives="account",
        doc="Tells how many jobs the account has created so far; as many as before: nothing happens. NOT_FOUND, "
        "FORBIDDEN, INVALID, WRONG_STATE (fewer than before; a cancelled account).",
    )
    payment_record: PaymentPayload = verb(
        payments.record,
        {"input": PaymentRecordInput},
        permission=Permission.PAYMENT_RECORD,
        gives="commissions",
        doc="Records what was paid for an account, once for each `reference`: sent again, it answers as before. "
        "NOT_FOUND, FORBIDDEN, INVALID, CONFLICT at `reference` (of another payment).",
    )
