"""TABLE: what can be done, what it takes, which verb it calls, and what its payload reads."""

from datetime import date, datetime

import strawberry
from strawberry import ID

from domain import clients, contacts, managers, modifications, partners, partnerships, proposals
from domain.policy import Permission
from models import enums
from models.enums import Role
from resolvers import modifications as drafts
from resolvers import sign_in as signing
from resolvers.sources import Function
from schema.contacts import Contact
from schema.errors import AcknowledgedPayload, UserError
from schema.fields import given, given_row, plain, root, verb
from schema.partnerships import Partnership
from schema.people import BusinessDetailsInput, Client, Partner
from schema.proposals import Invite, Modification, Proposal
from schema.scalars import EmailAddress
from schema.viewer import OWN_SESSION, Viewer

# ── inputs ──


@strawberry.input
class SignInInput:
    email: EmailAddress
    password: str


@strawberry.input
class SignInWithLinkInput:
    token: str
    challenge: str = strawberry.field(description="From `signInLink`.")


@strawberry.input
class PasswordChangeInput:
    new: str = strawberry.field(description="12 characters at least.")
    current: str | None = strawberry.field(
        default=strawberry.UNSET, description="Not asked of those who signed in by link within ten minutes."
    )


@strawberry.input(
    description="`name` and `password` where the invited person has no sign-in yet (`needsPassword`). "
    "`clientName`, `accountName`: a partnership offer to somebody who is not a client yet."
)
class InviteAcceptInput:
    token: str
    challenge: str = strawberry.field(description="From `invite`.")
    name: str | None = strawberry.UNSET
    password: str | None = strawberry.UNSET
    client_name: str | None = strawberry.UNSET
    account_name: str | None = strawberry.UNSET


@strawberry.input
class InviteDeclineInput:
    token: str
    challenge: str = strawberry.field(description="From `invite`.")
    comment: str | None = strawberry.UNSET


@strawberry.input
class PartnerCreateInput:
    name: str
    kind: enums.PartnerKind
    domain: str
    licences: int
    admin_email: EmailAddress
    admin_name: str
    details: BusinessDetailsInput | None = strawberry.UNSET
    copy_address: EmailAddress | None = strawberry.UNSET


@strawberry.input(description="What is left out stays as it is.")
class PartnerUpdateInput:
    partner_id: ID
    name: str | None = strawberry.UNSET
    details: BusinessDetailsInput | None = strawberry.UNSET
    copy_address: EmailAddress | None = strawberry.UNSET


@strawberry.input
class ClientCreateInput:
    name: str
    owner_email: EmailAddress
    owner_name: str
    account_name: str
    details: BusinessDetailsInput | None = strawberry.UNSET


@strawberry.input(description="What is left out stays as it is.")
class ClientUpdateInput:
    client_id: ID
    name: str | None = strawberry.UNSET
    details: BusinessDetailsInput | None = strawberry.UNSET


@strawberry.input
class ContactCreateInput:
    organisation_id: ID
    name: str
    title: str | None = strawberry.UNSET
    email: EmailAddress | None = strawberry.UNSET
    phone: str | None = strawberry.UNSET
    mobile: str | None = strawberry.UNSET
    purposes: list[enums.ContactPurpose] | None = strawberry.UNSET


@strawberry.input(
    description="What is left out stays as it is; null empties it. `onBehalfOf`: the vendor's staff records what the "
    "client asked for by e-mail."
)
class ContactUpdateInput:
    contact_id: ID
    name: str | None = strawberry.UNSET
    title: str | None = strawberry.UNSET
    email: EmailAddress | None = strawberry.UNSET
    phone: str | None = strawberry.UNSET
    mobile: str | None = strawberry.UNSET
    purposes: list[enums.ContactPurpose] | None = strawberry.UNSET
    on_behalf_of: EmailAddress | None = strawberry.UNSET


@strawberry.input
class PartnershipTermsInput:
    title: str
    description: str | None = strawberry.UNSET
    region: str | None = strawberry.UNSET
    starts_on: date | None = strawberry.UNSET


@strawberry.input(
    description="To a client (`clientId`) or to somebody who is not one yet (`email`): exactly one of them."
)
class PartnershipOfferInput:
    partner_id: ID
    terms: PartnershipTermsInput
    client_id: ID | None = strawberry.UNSET
    email: EmailAddress | None = strawberry.UNSET
    client_name: str | None = strawberry.UNSET
    contact_ids: list[ID] | None = strawberry.UNSET
    account_ids: list[ID] | None = strawberry.UNSET
    message: str | None = strawberry.UNSET


@strawberry.input(
    description="Terms that are left out stay as they are. `expectedVersion`: the draft's, where there is one."
)
class ModificationDraftInput:
    partnership_id: ID
    expected_version: int | None = strawberry.UNSET
    add_contacts: list[ID] | None = strawberry.field(default=strawberry.UNSET, description="One's own.")
    release_contacts: list[ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Assigned ones, of either side."
    )
    add_accounts: list[ID] | None = strawberry.field(
        default=strawberry.UNSET, description="The client's, to which the partner is not connected."
    )
    terms: PartnershipTermsInput | None = strawberry.UNSET


@strawberry.input(description="What is put in the place of the other side's modification, as `ModificationDraftInput`.")
class ModificationCounterInput:
    proposal_id: ID
    message: str = strawberry.field(description="Why: the other side reads it.")
    expected_version: int | None = strawberry.UNSET
    add_contacts: list[ID] | None = strawberry.UNSET
    release_contacts: list[ID] | None = strawberry.UNSET
    add_accounts: list[ID] | None = strawberry.UNSET
    terms: PartnershipTermsInput | None = strawberry.UNSET


@strawberry.input
class ProposalSubmitInput:
    proposal_id: ID
    message: str | None = strawberry.field(
        default=strawberry.UNSET, description="Why: the other side reads it. A modification needs it."
    )
    expected_version: int | None = strawberry.UNSET


@strawberry.input
class ProposalAcceptInput:
    proposal_id: ID
    expected_version: int | None = strawberry.UNSET
    comment: str | None = strawberry.UNSET
    item_ids: list[ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description="A modification's items that are accepted; the others are declined. All, when left out.",
    )
    account_ids: list[ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description="A partnership offer: the client's accounts to connect, each owned by the acceptor; those offered, "
        "when left out. An offer by e-mail needs at least one.",
    )


@strawberry.input
class ProposalDeclineInput:
    proposal_id: ID
    expected_version: int | None = strawberry.UNSET
    comment: str | None = strawberry.UNSET


# ── payloads ──


@plain
class SignInPayload:
    """A session that has begun. `token` is shown once, here: send it as `Authorization: Bearer …`."""

    token: str | None = given()
    expires_at: datetime | None = given()
    viewer: Viewer | None = root(OWN_SESSION)
    user_errors: list[UserError] = given()


@plain
class InviteAcceptPayload:
    """The invite, and the session that it began; `token` is shown once, here."""

    invite: Invite | None = given_row()
    token: str | None = given()
    viewer: Viewer | None = root(OWN_SESSION)
    user_errors: list[UserError] = given()


@plain
class ProposalPayload:
    """The proposal as it is now."""

    proposal: Proposal | None = given_row()
    user_errors: list[UserError] = given()


@plain
class PartnerPayload:
    """The partner company as it is now."""

    partner: Partner | None = given_row()
    user_errors: list[UserError] = given()


@plain
class ClientPayload:
    """The client company as it is now."""

    client: Client | None = given_row()
    user_errors: list[UserError] = given()


@plain
class ContactPayload:
    """The contact as it is now."""

    contact: Contact | None = given_row()
    user_errors: list[UserError] = given()


@plain
class PartnershipPayload:
    """The partnership as it is now."""

    partnership: Partnership | None = given_row()
    user_errors: list[UserError] = given()


@plain
class ModificationPayload:
    """The draft and its partnership as they are now; without a draft where there is none and none was needed."""

    modification: Modification | None = given_row()
    partnership: Partnership | None = given_row()
    user_errors: list[UserError] = given()


@plain
class InvitePreview:
    """What the link's holder may know before acting on it."""

    kind: enums.InviteKind
    status: enums.ProposalStatus
    email: EmailAddress
    from_: str = strawberry.field(name="from", description="The company that asks.")
    to: str = strawberry.field(description="What one would join, or whom the offer is for.")
    title: str
    expires_at: datetime
    needs_password: bool = strawberry.field(description="Whether accepting takes a name and a password.")
    challenge: str = strawberry.field(
        description="Signed, bound to the link, ten minutes: goes back with the answer, so that nothing that merely "
        "follows or posts the link decides."
    )


@plain
class SignInLinkPreview:
    """What the page that a sign-in link opens shows before the person signs in."""

    email: EmailAddress
    expires_at: datetime
    challenge: str = strawberry.field(description="Signed, bound to the link, ten minutes: goes back with the answer.")


@strawberry.type
class LinksQuery:
    """What e-mailed links are about. Reading it changes nothing."""

    invite: InvitePreview | None = root(
        Function(signing.invite_preview),
        arguments={"token": str},
        to=[Role.PUBLIC],
        doc="Null for what is no invite's link.",
    )
    sign_in_link: SignInLinkPreview | None = root(
        Function(signing.sign_in_link_preview),
        arguments={"token": str},
        to=[Role.PUBLIC],
        doc="Null for what is no sign-in link, or can no longer be used.",
    )


# ── verbs ──

MAY = Permission


@strawberry.type
class MainMutation:
    """The verbs of people, companies and partnerships."""

    sign_in: SignInPayload = verb(
        signing.sign_in,
        {"input": SignInInput},
        permission=MAY.SIGN_IN,
        sole=True,
        doc="Refuses an unknown address and a wrong password alike (INVALID); RATE_LIMITED.",
    )
    seat_take: SignInPayload = verb(
        signing.seat_take,
        {"seat_id": ID},
        permission=MAY.SEAT_TAKE,
        doc="Begins a session in another of one's own seats, without signing in again; the one that asks goes "
        "on beside it. NOT_FOUND.",
    )
    sign_out: AcknowledgedPayload = verb(
        signing.sign_out,
        permission=MAY.SIGN_OUT,
        doc="Ends the session that asks, its streams included.",
    )
    session_end: AcknowledgedPayload = verb(
        signing.session_end,
        {"session_id": ID},
        permission=MAY.SESSION_END,
        doc="Ends another of the viewer's sessions, its streams included.",
    )
    sign_in_link_send: AcknowledgedPayload = verb(
        signing.sign_in_link_send,
        {"email": EmailAddress},
        permission=MAY.SIGN_IN_LINK_SEND,
        sole=True,
        doc="Mails a one-time link, good for 15 minutes. The same answer whether or not the address is known; "
        "RATE_LIMITED.",
    )
    sign_in_with_link: SignInPayload = verb(
        signing.sign_in_with_link,
        {"input": SignInWithLinkInput},
        permission=MAY.SIGN_IN_WITH_LINK,
        sole=True,
        doc="Uses the link up. NOT_FOUND, WRONG_STATE (used or replaced), EXPIRED, INVALID at `challenge`, "
        "RATE_LIMITED.",
    )
    password_change: AcknowledgedPayload = verb(
        signing.password_change,
        {"input": PasswordChangeInput},
        permission=MAY.PASSWORD_CHANGE,
        doc="Ends all other sessions. `current` is not asked of those who signed in by link within ten minutes.",
    )

    proposal_submit: ProposalPayload = verb(
        proposals.submit,
        {"input": ProposalSubmitInput},
        permission=MAY.PROPOSAL_SUBMIT,
        gives="proposal",
        doc="Sends a draft to the other side, open for 30 days. NOT_FOUND, FORBIDDEN, WRONG_STATE, CONFLICT "
        "(`expectedVersion`; terms that changed meanwhile), NO_CHANGES, REASON_REQUIRED, ALREADY_PROPOSED, "
        "CAPABILITY_DENIED.",
    )
    proposal_accept: ProposalPayload = verb(
        proposals.accept,
        {"input": ProposalAcceptInput},
        permission=MAY.PROPOSAL_ACCEPT,
        gives="proposal",
        doc="Says yes, and all that it asks takes effect; of a modification, the chosen items. NOT_FOUND, FORBIDDEN "
        "(the side that asks), WRONG_STATE, EXPIRED, CONFLICT (`expectedVersion`; terms that changed meanwhile); at "
        "`accountIds` and `itemIds` CAPABILITY_DENIED, WRONG_STATE, INVALID; at `itemIds` NOT_FOUND.",
    )
    proposal_decline: ProposalPayload = verb(
        proposals.decline,
        {"input": ProposalDeclineInput},
        permission=MAY.PROPOSAL_DECLINE,
        gives="proposal",
        doc="Says no; the comment is kept, and shown to who asked. NOT_FOUND, FORBIDDEN, WRONG_STATE, "
        "EXPIRED, CONFLICT, REASON_REQUIRED (a modification without a comment).",
    )
    proposal_withdraw: ProposalPayload = verb(
        proposals.withdraw,
        {"proposal_id": ID, "expected_version": int | None},
        permission=MAY.PROPOSAL_WITHDRAW,
        gives="proposal",
        doc="Takes back what one's own side asked. NOT_FOUND, FORBIDDEN, WRONG_STATE, EXPIRED, CONFLICT.",
    )
    proposal_remind: ProposalPayload = verb(
        proposals.remind,
        {"proposal_id": ID},
        permission=MAY.PROPOSAL_REMIND,
        gives="proposal",
        doc="Sends the e-mail again, with a new link; the old link stops working. At most once an hour.",
    )

    invite_accept: InviteAcceptPayload = verb(
        signing.invite_accept,
        {"input": InviteAcceptInput},
        permission=MAY.INVITE_ACCEPT,
        sole=True,
        doc="Brings the link's holder in, and signs them in. A partnership's offer is then answered by "
        "`proposalAccept`. NOT_FOUND, WRONG_STATE, EXPIRED, FORBIDDEN (members of a partner company, for "
        "a client), ADMIN_EXISTS, ALREADY_PARTNERS, INVALID, RATE_LIMITED.",
    )
    invite_decline: AcknowledgedPayload = verb(
        signing.invite_decline,
        {"input": InviteDeclineInput},
        permission=MAY.INVITE_DECLINE,
        sole=True,
        doc="Declines, and with it the partnership offer that the invite carries; the comment is kept. "
        "NOT_FOUND, WRONG_STATE, EXPIRED, INVALID, RATE_LIMITED.",
    )

    partner_create: PartnerPayload = verb(
        partners.create,
        {"input": PartnerCreateInput},
        permission=MAY.PARTNER_CREATE,
        gives="partner",
        doc="Creates a partner company and mails its admin an invite; a client partner's is told, and invited with "
        "its first project. FORBIDDEN, INVALID, DOMAIN_MISMATCH, TAKEN (another client partner's domain).",
    )
    partner_update: PartnerPayload = verb(
        partners.update,
        {"input": PartnerUpdateInput},
        permission=MAY.PARTNER_UPDATE,
        gives="partner",
        doc="Changes one's own company at once; its clients are told. NOT_FOUND, FORBIDDEN, INVALID.",
    )
    client_create: ClientPayload = verb(
        clients.create,
        {"input": ClientCreateInput},
        permission=MAY.CLIENT_CREATE,
        gives="client",
        doc="Creates a client with its first account and mails the owner an invite. FORBIDDEN, INVALID.",
    )
    client_update: ClientPayload = verb(
        clients.update,
        {"input": ClientUpdateInput},
        permission=MAY.CLIENT_UPDATE,
        gives="client",
        doc="Changes one's own company at once; its partners are told. NOT_FOUND, FORBIDDEN, INVALID.",
    )
    contact_create: ContactPayload = verb(
        contacts.create,
        {"input": ContactCreateInput},
        permission=MAY.CONTACT_CREATE,
        gives="contact",
        doc="Adds a contact to one's own company, or to a client that one works for. NOT_FOUND, FORBIDDEN, "
        "CAPABILITY_DENIED, INVALID.",
    )
    contact_update: ContactPayload = verb(
        contacts.update,
        {"input": ContactUpdateInput},
        permission=MAY.CONTACT_UPDATE,
        gives="contact",
        doc="Changes a contact. NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, WRONG_STATE (erased), INVALID.",
    )
    contact_erase: ContactPayload = verb(
        contacts.erase,
        {"contact_id": ID},
        permission=MAY.CONTACT_ERASE,
        gives="contact",
        doc="Erases the personal data; events keep their shape, not the person. NOT_FOUND, FORBIDDEN, "
        "WRONG_STATE (erased).",
    )
    partnership_offer: PartnershipPayload = verb(
        partnerships.offer,
        {"input": PartnershipOfferInput},
        permission=MAY.PARTNERSHIP_OFFER,
        gives="partnership",
        doc="Asks a client, or somebody who may become one; open for 30 days. NOT_FOUND, FORBIDDEN, INVALID, "
        "SELF_PARTNERSHIP, ALREADY_PARTNERS, ALREADY_PROPOSED.",
    )
    modification_draft: ModificationPayload = verb(
        drafts.draft,
        {"input": ModificationDraftInput},
        permission=MAY.MODIFICATION_DRAFT,
        doc="Replaces one's own side's draft by exactly these items; without any it is emptied. NOT_FOUND, FORBIDDEN, "
        "WRONG_STATE, CONFLICT, CAPABILITY_DENIED, INVALID.",
    )
    modification_counter: ProposalPayload = verb(
        modifications.counter,
        {"input": ModificationCounterInput},
        permission=MAY.MODIFICATION_COUNTER,
        gives="proposal",
        doc="Supersedes a pending modification and puts one's own side's in its place, in one step. NOT_FOUND, "
        "FORBIDDEN, WRONG_STATE, EXPIRED, CONFLICT, REASON_REQUIRED, NO_CHANGES, ALREADY_PROPOSED, CAPABILITY_DENIED, "
        "INVALID.",
    )
    managers_add: PartnershipPayload = verb(
        managers.add,
        {"partnership_id": ID, "contact_ids": list[ID]},
        permission=MAY.MANAGERS_ADD,
        gives="partnership",
        doc="Puts some of one's own contacts on one's own side's team, at once; the other side is told that it "
        "changed. NOT_FOUND, FORBIDDEN, WRONG_STATE, INVALID.",
    )
    manager_remove: PartnershipPayload = verb(
        managers.remove,
        {"manager_id": ID},
        permission=MAY.MANAGER_REMOVE,
        gives="partnership",
        doc="Takes somebody off one's own side's team, at once. NOT_FOUND, FORBIDDEN, WRONG_STATE.",
    )
    partnership_hide: PartnershipPayload = verb(
        partnerships.hide,
        {"partnership_id": ID},
        permission=MAY.PARTNERSHIP_HIDE,
        gives="partnership",
        doc="Takes a partnership that is over off one's own side's home page; the other side keeps its own. "
        "NOT_FOUND, FORBIDDEN, WRONG_STATE.",
    )
    partnership_end: PartnershipPayload = verb(
        partnerships.end,
        {"partnership_id": ID, "reason": str, "confirmation": str},
        permission=MAY.PARTNERSHIP_END,
        gives="partnership",
        doc="Ends it at once, with all that `endPreview` shows, whose `confirmation` it takes. NOT_FOUND, FORBIDDEN, "
        "REASON_REQUIRED, WRONG_STATE, STALE_CONFIRMATION.",
    )
