"""TABLE: what can be done about a partner company's people, and its licences for them."""

import strawberry
from strawberry import ID

from domain import partners
from domain.policy import Permission
from schema.accounts import InvitePayload
from schema.fields import verb
from schema.mutations import PartnerPayload
from schema.scalars import EmailAddress


@strawberry.type
class MembersMutation:
    """The verbs of this slice."""

    partner_licences_set: PartnerPayload = verb(
        partners.set_licences,
        {"partner_id": ID, "licences": int},
        permission=Permission.PARTNER_LICENCES_SET,
        gives="partner",
        doc="Sets how many members a company may have. NOT_FOUND, FORBIDDEN, INVALID (fewer than its members and open "
        "invites use).",
    )
    member_invite: InvitePayload = verb(
        partners.invite_member,
        {"partner_id": ID, "email": EmailAddress, "name": str | None, "project_ids": list[ID] | None},
        permission=Permission.MEMBER_INVITE,
        gives="invite",
        doc="Mails somebody an invite to a company, which takes a licence: as its admin, where it has none and nobody "
        "is asked to be it. `projectIds`: where a client partner's new member is put to work. NOT_FOUND, FORBIDDEN, "
        "DOMAIN_MISMATCH, TAKEN (a member), ALREADY_PROPOSED, LICENCES_USED_UP, WRONG_STATE (a client partner that is "
        "on no project; a cancelled account), COMPANY_NOT_INVITED (at `projectIds`), INVALID.",
    )
    member_remove: PartnerPayload = verb(
        partners.remove_member,
        {"member_id": ID},
        permission=Permission.MEMBER_REMOVE,
        gives="partner",
        doc="Takes somebody off a company and all of its projects, at once; they are signed out of it. NOT_FOUND, "
        "FORBIDDEN, INVALID (the admin: `partnerAdminTransfer` first).",
    )
    partner_admin_transfer: PartnerPayload = verb(
        partners.transfer_admin,
        {"partner_id": ID, "member_id": ID},
        permission=Permission.PARTNER_ADMIN_TRANSFER,
        gives="partner",
        doc="Makes a member the company's one admin, at once; who was it stays as a collaborator. NOT_FOUND, "
        "FORBIDDEN, WRONG_STATE (somebody is invited to be the admin).",
    )
