"""Payments: what clients have paid for their accounts, and what partners earn by it (mission 1.10)."""

from datetime import date
from decimal import Decimal

from tortoise.exceptions import IntegrityError

from domain import changes, connections, errors, inputs, money, policy
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.access_grant import AccessGrant
from models.account import Account
from models.enums import AccessStatus, Audience, UserErrorCode
from models.payment import Commission, Payment


async def record(  # noqa: PLR0913  the input's fields
    *, by: Seat, account_id: str, amount: Decimal, currency: str, paid_on: date, reference: str
) -> str:
    """Record what a client has paid for an account, once for each reference; return the payment's id.

    The partner that was connected earliest when the account reached its jobs earns its share while it is connected,
    whatever its access; what is less than half a minor unit is nothing. Refuses NOT_FOUND, FORBIDDEN, INVALID, and
    CONFLICT at `reference`: it belongs to a payment of other details.
    """
    policy.require(Permission.PAYMENT_RECORD, by=by)
    await policy.find(Account, account_id, "accountId", by=by)
    code = money.currency(currency, "currency")
    paid = money.minor_units(amount, code, "amount")
    if paid <= 0:
        raise errors.invalid("A payment is more than nothing.", "amount")
    wanted = Payment(
        account_id=account_id,
        amount=paid,
        currency=code,
        paid_on=paid_on,
        reference=inputs.required_line(reference, "reference"),
    )
    async with changes.change(by=by) as c:
        # Of one account one at a time: a repeat finds what it repeats.
        [account] = await connections.lock_accounts([account_id])
        known = await Payment.get_or_none(reference=wanted.reference)
        if known is not None:
            if _details(known) != _details(wanted):
                raise _taken()
            return known.id
        wanted.recorded_at = c.now
        try:
            await wanted.save(force_create=True)
        except IntegrityError:  # for another account, in the same moment
            raise _taken() from None
        _tell(c, account, wanted)
        await _share(c, wanted)
    return wanted.id


def _details(payment: Payment) -> tuple[str, int, str, date]:
    return payment.account_id, payment.amount, payment.currency, payment.paid_on


def _taken() -> errors.Refusal:
    message = "Another payment was recorded under this reference."
    return errors.Refusal(UserErrorCode.CONFLICT, message, "reference")


def _tell(c: Change, account: Account, payment: Payment) -> None:
    details = {
        "amount": money.decimal_of(payment.amount, payment.currency),
        "currency": payment.currency,
        "paid_on": payment.paid_on,
        "reference": payment.reference,
    }
    c.event(
        "payment.recorded",
        stream=account.id,
        subject=payment.id,
        # What is paid is between the vendor and the account's owner; a partner reads of its own share alone.
        audience=Audience.VENDOR,
        changes=changes.differences({}, details),
        account_id=account.id,
        client_id=account.client_id,
    )


async def _share(c: Change, payment: Payment) -> None:
    earliest = AccessGrant.filter(account_id=payment.account_id, is_earliest=True)
    connected = earliest.exclude(status=AccessStatus.DISCONNECTED).select_for_update(no_key=True)
    grant = await connected.get_or_none()
    if grant is None:
        return
    await grant.fetch_related("partner")
    rate = grant.partner.revenue_share_ppm
    earned = 0 if rate is None else money.share(payment.amount, rate)
    if rate is None or earned == 0:
        return
    commission = await Commission.create(
        partner_id=grant.partner_id,
        account_id=payment.account_id,
        grant_id=grant.id,
        payment_id=payment.id,
        paid=payment.amount,
        amount=earned,
        currency=payment.currency,
        rate_ppm=rate,
        earned_at=c.now,
    )
    details = {
        "amount": money.decimal_of(earned, payment.currency),
        "currency": payment.currency,
        "payment": money.decimal_of(payment.amount, payment.currency),
        "rate": money.rate_of(rate),
    }
    c.event(
        "commission.earned",
        stream=grant.partner_id,
        subject=commission.id,
        audience=Audience.PARTNER,
        changes=changes.differences({}, details),
        partner_id=grant.partner_id,
        account_id=payment.account_id,
    )
