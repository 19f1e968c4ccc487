"""The types that name each other across modules: Strawberry resolves them when the schema is built."""

from typing import Annotated, Any

from strawberry import lazy

from schema.paging import Connection

# mypy cannot follow names that only Strawberry resolves; the schema's tests hold every one of them.
Type = Any  # type: ignore[explicit-any]

AccessRequest: Type = Annotated["AccessRequest", lazy("schema.proposals")]
AccessGrant: Type = Annotated["AccessGrant", lazy("schema.accounts")]
Account: Type = Annotated["Account", lazy("schema.accounts")]
StaffMember: Type = Annotated["StaffMember", lazy("schema.accounts")]
Commission: Type = Annotated["Commission", lazy("schema.earnings")]
RevenueShareEligibility: Type = Annotated["RevenueShareEligibility", lazy("schema.earnings")]
DirectoryEntry: Type = Annotated["DirectoryEntry", lazy("schema.directory")]
DirectoryListing: Type = Annotated["DirectoryListing", lazy("schema.directory")]
Contact: Type = Annotated["Contact", lazy("schema.contacts")]
Event: Type = Annotated["Event", lazy("schema.events")]
AssignedContact: Type = Annotated["AssignedContact", lazy("schema.partnerships")]
EndPreview: Type = Annotated["EndPreview", lazy("schema.partnerships")]
Partnership: Type = Annotated["Partnership", lazy("schema.partnerships")]
PartnershipManager: Type = Annotated["PartnershipManager", lazy("schema.partnerships")]
Notice: Type = Annotated["Notice", lazy("schema.notices")]
NoticePreference: Type = Annotated["NoticePreference", lazy("schema.notices")]
Client: Type = Annotated["Client", lazy("schema.people")]
Partner: Type = Annotated["Partner", lazy("schema.people")]
PartnerMember: Type = Annotated["PartnerMember", lazy("schema.people")]
User: Type = Annotated["User", lazy("schema.people")]
Invite: Type = Annotated["Invite", lazy("schema.proposals")]
Modification: Type = Annotated["Modification", lazy("schema.proposals")]
ModificationItem: Type = Annotated["ModificationItem", lazy("schema.proposals")]
PartnershipOffer: Type = Annotated["PartnershipOffer", lazy("schema.proposals")]
Proposal: Type = Annotated["Proposal", lazy("schema.proposals")]
Seat: Type = Annotated["Seat", lazy("schema.viewer")]
Viewer: Type = Annotated["Viewer", lazy("schema.viewer")]
WebhookDelivery: Type = Annotated["WebhookDelivery", lazy("schema.webhooks")]
WebhookEndpoint: Type = Annotated["WebhookEndpoint", lazy("schema.webhooks")]

AccessRequestConnection: Type = Connection[AccessRequest]
AccessGrantConnection: Type = Connection[AccessGrant]
AccountConnection: Type = Connection[Account]
StaffMemberConnection: Type = Connection[StaffMember]
CommissionConnection: Type = Connection[Commission]
DirectoryEntryConnection: Type = Connection[DirectoryEntry]
ContactConnection: Type = Connection[Contact]
EventConnection: Type = Connection[Event]
AssignedContactConnection: Type = Connection[AssignedContact]
PartnershipConnection: Type = Connection[Partnership]
NoticeConnection: Type = Connection[Notice]
ClientConnection: Type = Connection[Client]
PartnerConnection: Type = Connection[Partner]
PartnerMemberConnection: Type = Connection[PartnerMember]
InviteConnection: Type = Connection[Invite]
ModificationConnection: Type = Connection[Modification]
ProposalConnection: Type = Connection[Proposal]
WebhookDeliveryConnection: Type = Connection[WebhookDelivery]
