"""Opening an account, and whether the proof of it still holds."""

from domain import clock, opening, tokens
from models import sql
from resolvers.context import Caller, Outcome
from resolvers.reads import PostgresReads, SqliteReads


async def open_account(caller: Caller, *, account_id: str) -> Outcome:
    """Let somebody into an account; the JWT is shown this once."""
    opened = await opening.open_account(account_id, by=caller.signed_in)
    session = {"token": opened.token, "expires_at": opened.expires_at, "capabilities": opened.capabilities}
    return Outcome({"grant": opened.grant_id}, {"session": session})


async def holds(reads: PostgresReads | SqliteReads, jti: str) -> bool:
    """Tell whether an opening's right lasts, in one statement."""
    values = {"jti_hash": tokens.digest(jti), "now": clock.now()}
    return await reads.finds(*sql.bind(opening.HOLDS, values, reads.dialect))
