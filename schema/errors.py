"""How a mutation says no."""

import strawberry

from models import enums
from schema.fields import given


@strawberry.type(description="An expected refusal: nothing was changed.")
class UserError:
    """One reason why a mutation did nothing."""

    code: enums.UserErrorCode = strawberry.field(description="What a program reads.")
    message: str = strawberry.field(description="What a person reads: what is wrong and what to do.")
    field: list[str] | None = strawberry.field(description="The path of the input that is wrong; null: no single one.")


@strawberry.type(description="The same answer whether or not the address or object is known.")
class AcknowledgedPayload:
    """Nothing but refusals."""

    user_errors: list[UserError] = given(doc="Empty when it was done.")
