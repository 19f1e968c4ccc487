"""A person in front of the portal: a browser that speaks GraphQL, and a mailbox. Nothing else is a user's to use."""

import asyncio
import dataclasses
import re
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesParser
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

import settings
from tests.server.serving import LONGEST_WAIT

Json = dict[str, Any]
Refusal = tuple[str, list[str] | None]

PASSWORD = "a long enough password"
LINK = re.compile(r"^http://127\.0\.0\.1:8000/l/([\w-]{43})$", re.MULTILINE)
_HEAD = BytesParser(policy=policy.default)
WITHOUT_INPUT: dict[str, dict[str, str]] = {
    "seatTake": {"seatId": "ID!"},
    "signOut": {},
    "sessionEnd": {"sessionId": "ID!"},
    "signInLinkSend": {"email": "EmailAddress!"},
    "proposalWithdraw": {"proposalId": "ID!", "expectedVersion": "Int"},
    "proposalRemind": {"proposalId": "ID!"},
    "managersAdd": {"partnershipId": "ID!", "contactIds": "[ID!]!"},
    "managerRemove": {"managerId": "ID!"},
    "partnershipHide": {"partnershipId": "ID!"},
    "partnershipEnd": {"partnershipId": "ID!", "reason": "String!", "confirmation": "String!"},
    "contactErase": {"contactId": "ID!"},
    "accountOpen": {"accountId": "ID!"},
    "grantRequest": {"grantId": "ID!", "message": "String"},
    "grantEnable": {"grantId": "ID!"},
    "grantDisable": {"grantId": "ID!", "reason": "String"},
    "grantDisconnect": {"grantId": "ID!", "reason": "String!", "confirmation": "String!"},
    "accountHandOver": {"accountId": "ID!", "ownerEmail": "EmailAddress!", "ownerName": "String!"},
    "accountOwnerChange": {"accountId": "ID!", "staffId": "ID!"},
    "accountCancel": {"accountId": "ID!", "reason": "String!"},
    "staffInvite": {"accountId": "ID!", "email": "EmailAddress!", "role": "SecurityRole!"},
    "staffRoleSet": {"staffId": "ID!", "role": "SecurityRole!"},
    "staffRemove": {"staffId": "ID!"},
    "jobsRecord": {"accountId": "ID!", "jobsCreated": "Int!"},
    "partnerLicencesSet": {"partnerId": "ID!", "licences": "Int!"},
    "memberInvite": {"partnerId": "ID!", "email": "EmailAddress!", "name": "String", "projectIds": "[ID!]"},
    "memberRemove": {"memberId": "ID!"},
    "partnerAdminTransfer": {"partnerId": "ID!", "memberId": "ID!"},
    "partnerRevenueShareSet": {"partnerId": "ID!", "rate": "Decimal"},
    "partnerListingSet": {"partnerId": "ID!", "listing": "DirectoryListingInput"},
    "projectPartnerAdd": {"projectId": "ID!", "partnerId": "ID!", "memberIds": "[ID!]!"},
    "projectInvite": {"projectId": "ID!", "email": "EmailAddress!"},
    "projectMemberRemove": {"memberId": "ID!"},
    "projectPartnerRemove": {"projectId": "ID!", "partnerId": "ID!"},
    "conversationStart": {"projectId": "ID!", "title": "String!"},
    "messagePost": {"conversationId": "ID!", "body": "String!"},
    "conversationMarkRead": {"conversationId": "ID!"},
    "actionItemStatusSet": {"actionItemId": "ID!", "status": "ActionItemStatus!"},
    "widgetAdd": {"projectId": "ID!", "title": "String!", "url": "URL!"},
    "ratingRequest": {"projectId": "ID!", "userId": "ID!"},
    "ratingGive": {"ratingId": "ID!", "score": "Int!", "comment": "String"},
    "noticeMarkRead": {"noticeId": "ID!"},
    "noticesMarkRead": {"upTo": "Cursor!"},
    "noticeAcknowledge": {"noticeId": "ID!"},
    "noticePreferenceSet": {"topic": "String!", "channels": "[NoticeChannel!]!"},
    "webhookSecretRotate": {"endpointId": "ID!"},
    "webhookDelete": {"endpointId": "ID!"},
    "webhookTest": {"endpointId": "ID!"},
    "webhookRedeliver": {"deliveryId": "ID!"},
    "webhookReplay": {"endpointId": "ID!", "after": "Cursor!"},
    "fileUploadFinish": {"fileId": "ID!"},
    "fileDelete": {"fileId": "ID!"},
}


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that has arrived, as its reader sees it; `token` is its link's, null where it has none."""

    sender: str
    to: str
    subject: str
    text: str
    token: str | None


@dataclass(slots=True)
class Person:
    """Somebody with an address. `token` is the bearer token of the session that the person acts in."""

    browser: httpx2.AsyncClient
    address: str
    token: str | None = None
    opened: set[Path] = field(default_factory=set)

    # ── the browser ──

    async def sends(self, document: str, variables: Json | None = None, **headers: str) -> httpx2.Response:
        """Send a document as this person, with more headers if need be (`idempotency_key=…`)."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        return await self.browser.post("/graphql", json={"query": document, "variables": variables}, headers=sent)

    async def reads(self, document: str, **variables: object) -> Json:
        """Read what a document asks for; there must be no error in the answer."""
        answer = await self.sends(document, variables)
        assert (answer.status_code, list(answer.json())) == (200, ["data"]), answer.text
        data: Json = answer.json()["data"]
        return data

    async def does(self, verb: str, selection: str = "", **given: object) -> Json:
        """Do something that must be done; the rest of its payload."""
        payload = await self._tries(verb, selection, given)
        assert payload.pop("userErrors") == [], payload
        return payload

    async def is_refused(self, verb: str, **given: object) -> Refusal:
        """Try something that must be refused: with which code, and at which input."""
        code, field, _ = await self.is_told(verb, **given)
        return code, field

    async def is_told(self, verb: str, **given: object) -> tuple[str, list[str] | None, str]:
        """Try something that must be refused, once, in sentences: with which code, at which input, in which words."""
        payload = await self._tries(verb, "", given)
        [error] = payload["userErrors"]
        assert error["message"].endswith("."), error
        return error["code"], error["field"], error["message"]

    async def _tries(self, verb: str, selection: str, given: Json) -> Json:
        payload: Json = (await self.reads(mutation(verb, selection), **variables(verb, given)))[verb]
        return payload

    # ── the mailbox ──

    async def next_mail(self) -> Mail:
        """The mail that has waited longest unread; wait for it while the worker carries it."""
        async with asyncio.timeout(LONGEST_WAIT):
            while not (waiting := self._unread()):  # noqa: ASYNC110  what is waited for comes as a file
                await asyncio.sleep(0.01)
        self.opened.add(waiting[0])
        return _seen(_message(waiting[0]))

    def unread(self) -> list[str]:
        """The subjects of the mails that nobody has opened yet."""
        return [str(_message(file)["Subject"]) for file in self._unread()]

    def _unread(self) -> list[Path]:
        folder = settings.load().data_dir / "mail" / "new"
        unopened = [file for file in folder.glob("*") if file not in self.opened]
        return sorted(
            (file for file in unopened if _addressees(file) == (self.address,)),
            key=lambda file: file.stat().st_mtime_ns,
        )

    # ── what a person does in a few steps ──

    def elsewhere(self, token: str | None = None) -> "Person":
        """The same person at another browser, signed out or in another session; the mailbox is one."""
        return dataclasses.replace(self, token=token)

    async def opens(self, mail: Mail) -> Json:
        """Follow the link of an invite's mail: what the page shows before anything is decided."""
        return await self.previews(mail.token)

    async def previews(self, token: str | None) -> Json:
        """Follow an invite's link."""
        found: Json = (await self.reads(PREVIEW, token=token))["invite"]
        return found

    async def joins(self, mail: Mail, selection: str = "invite { id }", **given: str) -> Json:
        """Accept the invite of a mail, and be signed in."""
        page = await self.opens(mail)
        joined = await self.does(
            "inviteAccept", f"token {selection}", token=mail.token, challenge=page["challenge"], **given
        )
        self.token = joined.pop("token")
        return joined

    async def signs_in(self, password: str = PASSWORD) -> None:
        """Begin a session by password; the browser forgets the one before."""
        self.token = None
        self.token = (await self.does("signIn", "token", email=self.address, password=password))["token"]


PREVIEW = """
query Preview($token: String!) {
  invite(token: $token) { kind status email from to title expiresAt needsPassword challenge }
}
"""


def mutation(verb: str, selection: str = "") -> str:
    """The document that runs one mutation and reads a selection of its payload, refusals included."""
    flat = WITHOUT_INPUT.get(verb)
    declared = {"input": f"{verb[0].upper()}{verb[1:]}Input!"} if flat is None else flat
    heads = ", ".join(f"${name}: {kind}" for name, kind in declared.items())
    passed = ", ".join(f"{name}: ${name}" for name in declared)
    return (
        f"mutation Act{f'({heads})' if heads else ''} {{"
        f" {verb}{f'({passed})' if passed else ''} {{ {selection} userErrors {{ code field message }} }} }}"
    )


def variables(verb: str, given: Json) -> Json:
    """What a mutation's document is sent with."""
    return dict(given) if verb in WITHOUT_INPUT else {"input": given}


@cache
def _addressees(file: Path) -> tuple[str, ...]:
    """Whom a mail is to; every mailbox asks it of every mail, again and again."""
    with file.open("rb") as arrived:
        head = _HEAD.parse(arrived, headersonly=True)
    return tuple(each.addr_spec for each in head["To"].addresses)


def _message(file: Path) -> "EmailMessage[Any, Any]":
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _seen(message: "EmailMessage[Any, Any]") -> Mail:
    body = message.get_body(("plain",))
    assert body is not None
    text = str(body.get_content())
    links = LINK.findall(text)
    assert len(links) < 2, text
    return Mail(str(message["From"]), str(message["To"]), str(message["Subject"]), text, links[0] if links else None)
