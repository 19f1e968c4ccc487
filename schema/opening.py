"""Opening accounts: what lets somebody into the vendor's product."""

from datetime import datetime

import strawberry
from strawberry import ID

from domain.policy import Permission
from models import enums
from resolvers import opening
from schema.accounts import AccessGrant
from schema.errors import UserError
from schema.fields import column, given, given_row, plain, verb


@plain
class AccountSession:
    """Proof for the vendor's product that this user may act in this account now.

    A JWT signed with EdDSA (Ed25519), good for five minutes, with iss, aud, sub, act (the partner), account, grant,
    capabilities, iat, exp, jti. Its keys are at `/.well-known/jwks.json`. A product that must know of an end at once
    asks `GET /account-sessions/{jti}` (204 valid, 410 ended) or listens to the `grant.*` webhooks.
    """

    token: str = column()
    expires_at: datetime = column()
    capabilities: list[enums.Capability] = column()


@plain
class AccountOpenPayload:
    """The session, which is shown once, here: a repeat with the same Idempotency-Key answers null."""

    session: AccountSession | None = given()
    grant: AccessGrant | None = given_row(
        doc="The partner's access, which lasts anew; null for the account's own staff."
    )
    user_errors: list[UserError] = given()


@strawberry.type
class OpeningMutation:
    """The verbs of this slice."""

    account_open: AccountOpenPayload = verb(
        opening.open_account,
        {"account_id": ID},
        permission=Permission.ACCOUNT_OPEN,
        doc="Opens an account: the partner's access lasts anew from now, and the client reads it in `activityHistory`. "
        "NOT_FOUND, NOT_CONNECTED, FORBIDDEN, CAPABILITY_DENIED, ACCESS_EXPIRED, ACCESS_DISABLED, WRONG_STATE "
        "(cancelled).",
    )
