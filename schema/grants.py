"""What can be done about a partner's access to an account."""

import strawberry
from strawberry import ID

from domain import grants
from domain.policy import Permission
from schema.accounts import AccessGrant
from schema.errors import UserError
from schema.fields import given, given_row, plain, verb


@plain
class GrantPayload:
    """The access as it is now."""

    grant: AccessGrant | None = given_row()
    user_errors: list[UserError] = given()


@strawberry.type
class GrantsMutation:
    """The verbs of this slice."""

    grant_request: GrantPayload = verb(
        grants.request,
        {"grant_id": ID, "message": str | None},
        permission=Permission.GRANT_REQUEST,
        gives="grant",
        doc="Asks the account's owner to be let in again; open for 14 days. NOT_FOUND, FORBIDDEN, NOT_CONNECTED, "
        "WRONG_STATE (the partner has access), ALREADY_PROPOSED.",
    )
    grant_enable: GrantPayload = verb(
        grants.enable,
        {"grant_id": ID},
        permission=Permission.GRANT_ENABLE,
        gives="grant",
        doc="Lets a partner in again, at once; the clock of its access restarts, and a request that waits is approved. "
        "NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, NOT_CONNECTED, WRONG_STATE (it has access).",
    )
    grant_disable: GrantPayload = verb(
        grants.disable,
        {"grant_id": ID, "reason": str | None},
        permission=Permission.GRANT_DISABLE,
        gives="grant",
        doc="Shuts a partner out, at once; it stays connected, and keeps revenue share and status credits. NOT_FOUND, "
        "FORBIDDEN, CAPABILITY_DENIED, NOT_CONNECTED, WRONG_STATE (it was disabled).",
    )
    grant_disconnect: GrantPayload = verb(
        grants.disconnect,
        {"grant_id": ID, "reason": str, "confirmation": str},
        permission=Permission.GRANT_DISCONNECT,
        gives="grant",
        doc="Ends a connection at once, with all that `disconnectPreview` shows, whose `confirmation` it takes. "
        "NOT_FOUND, FORBIDDEN, REASON_REQUIRED, CAPABILITY_DENIED, NOT_CONNECTED, STALE_CONFIRMATION.",
    )
