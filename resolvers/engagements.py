"""Inviting somebody into a project, whose payload reads the invite, or the place of who is a member already."""

from domain import engagements
from resolvers.context import Caller, Outcome


async def invite(caller: Caller, *, project_id: str, email: str) -> Outcome:
    """Invite by e-mail address."""
    invited = await engagements.invite(by=caller.signed_in, project_id=project_id, email=email)
    return Outcome({"invite": invited.invite_id, "member": invited.member_id})
