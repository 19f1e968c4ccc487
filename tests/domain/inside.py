"""A project with everybody who can be on it: what most tests of what is inside projects need."""

from dataclasses import dataclass

import models
from domain import clock
from domain.changes import About
from domain.seats import Seat
from models.enums import Audience, PartnerMemberRole, SecurityRole
from models.event import Change
from tests import given


@dataclass
class Inside:
    """Cleo is assigned to the project, Ada is there as her company's admin, Carl is not on it; Paula may open the
    account as a partner, and Olga owns another client's, where `other` is.
    """

    account: models.Account
    project: models.Project
    other: models.Project
    broker: models.Partner
    grant: models.AccessGrant
    vera: Seat
    owner: Seat
    sam: Seat
    paula: Seat
    ada: Seat
    cleo: Seat
    carl: Seat
    olga: Seat

    @property
    def everybody(self) -> tuple[Seat, ...]:
        """Those who see the project."""
        return self.vera, self.owner, self.sam, self.paula, self.ada, self.cleo

    async def now(self) -> models.Project:
        """Read the project as it is."""
        return await models.Project.get(id=self.project.id)

    async def tallies(self) -> dict[str, tuple[int, int, int]]:
        """Read what is counted for each: open action items, pending ratings, messages read."""
        rows = await models.ProjectTally.filter(project_id=self.project.id, account_id=self.account.id)
        return {row.user_id: (row.open_action_items, row.pending_ratings, row.messages_read) for row in rows}

    async def told(self) -> list[tuple[str, str | None, str | None, list[Change]]]:
        """List what has happened in the project: topic, subject, actor, changes."""
        events = await models.Event.filter(stream=self.project.id).order_by("version")
        about: About = {"project_id": self.project.id, "client_id": self.account.client_id}
        filed = {**dict.fromkeys(About.__annotations__), **about, "visible_to": Audience.BOTH}
        assert all({name: getattr(event, name) for name in filed} == filed for event in events)
        assert await models.Event.all().count() == len(events)
        return [(event.topic, event.subject, event.actor_id, event.changes) for event in events]

    async def know(self, who: Seat) -> None:
        """Have somebody written in the project, so that all who see it know of them."""
        talk = await models.Conversation.create(project=self.project, title="Hello", created_at=clock.now())
        await models.Message.create(
            conversation=talk, project=self.project, seq=1, author_id=who.user_id, body="Hello.", sent_at=clock.now()
        )

    async def leave(self, who: Seat) -> None:
        """Take somebody of the broker's off the project, as the verbs about members do it."""
        members = models.ProjectMember.filter(project_id=self.project.id, user_id=who.user_id)
        await members.update(removed_at=self.project.created_at)


async def inside() -> Inside:
    """Write the project; nothing of it has an event."""
    client, broker, northwind = await given.client(), await given.client_partner(), await given.partner()
    account = await given.account(client)
    project = await given.project(account)
    other = await given.project(await given.account(await given.client("Oscorp")), "Elsewhere")
    await given.engaged(project, broker)
    ada = await given.member(broker, PartnerMemberRole.ADMIN, await given.user("Ada Admin"))
    cleo = await given.member(broker, user=await given.user("Cleo Collaborator"))
    await given.on_project(project, ada, is_assigned=False)
    await given.on_project(project, cleo)
    return Inside(
        account=account,
        project=project,
        other=other,
        broker=broker,
        grant=await given.grant(await given.partnership(northwind, client), account),
        vera=await given.admin(),
        owner=await given.staff(account),
        sam=await given.staff(account, SecurityRole.STAFF, await given.user("Sam Staff")),
        paula=await given.member(northwind),
        ada=ada,
        cleo=cleo,
        carl=await given.member(broker, user=await given.user("Carl Collaborator")),
        olga=await given.staff(await models.Account.get(id=other.account_id), user=await given.user("Olga Owner")),
    )
