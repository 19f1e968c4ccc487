"""The projects of the filled world: two customers that share a client partner, and all that a project can hold."""

from datetime import date, timedelta
from typing import Any, Final

import models
from domain import clock
from domain.seats import Seat
from models.enums import (
    ActionItemStatus,
    Audience,
    FileStatus,
    PartnershipKind,
    PartnershipStatus,
    ProjectStatus,
    ProposalKind,
    ProposalStatus,
    Side,
)
from tests import given
from tests.resolvers.cast import ODD_NAMES, Cast

DAY: Final = timedelta(days=1)
NAMES: Final = ("Relaunch", "relaunch", ODD_NAMES[0], "Spring menu", ODD_NAMES[2], ODD_NAMES[4], "Till", "Quay")
# Means that round up and down; null: asked, and not answered yet.
SCORES: Final[tuple[tuple[int | None, ...], ...]] = ((5, 4, None), (1, 2, 2, None), (), (None,), (3,), (4, 4, 5))
ANSWERED: Final = frozenset({ProposalStatus.ACCEPTED, ProposalStatus.DECLINED})


class Projects:
    """What is worked on together.

    The shop and its twin belong to customers of one name; Harrow's people work for both, Fenwick's for the first. The
    direct partners come and go with their access. The last project is the client's alone, the one before of an account
    that was cancelled.
    """

    def __init__(self, people: Cast, seats: dict[str, Seat | None]) -> None:
        self.people = people
        self.seats = seats
        self.projects: list[models.Project] = []
        self.approvals: list[models.Proposal] = []

    async def written(self) -> None:
        """Write them, with who is on them and what they hold."""
        shop, annex, cancelled, twin, odd = self.people.worked_in
        accounts = (shop, shop, annex, twin, twin, odd, cancelled, shop)
        for number, (account, name) in enumerate(zip(accounts, NAMES, strict=True)):
            self.projects.append(
                await given.project(
                    account,
                    name,
                    status=list(ProjectStatus)[number % 4],
                    starts_on=date(2026, 11, 1) + number * DAY if number % 2 else None,
                    due_on=date(2027, 1, 31) + number * DAY if number % 3 else None,
                )
            )
        await self.companies()
        await self.members()
        for number, project in enumerate(self.projects):
            await self.items(project, number)
            await self.conversations(project, number)
            await self.files(project, number)
            await self.ratings(project, number)
            for place in range(number % 3):
                await models.Widget.create(
                    project=project,
                    title=ODD_NAMES[place],
                    url=f"https://widgets.example/{number}?a=1&b={place}",
                    added_at=clock.now(),
                )
            await self.asked(project, number)

    def user(self, seat: str) -> str:
        """The person who holds a seat."""
        held = self.seats[seat]
        if held is None:
            raise LookupError(seat)
        return held.user_id

    # ── who is on them ──

    async def companies(self) -> None:
        """Bring Harrow into most of them and Fenwick into two; both were taken off one, and Harrow off a customer."""
        harrow, fenwick = self.people.brokers
        for project in self.projects[:6]:
            await given.engaged(project, harrow)
        for project in self.projects[:2]:
            await given.engaged(project, fenwick)
        await self.taken_off(self.projects[2], fenwick)
        over = self.projects[5]
        await models.ProjectPartner.filter(project=over).update(removed_at=clock.now())
        await models.Partnership.filter(
            kind=PartnershipKind.INTERMEDIARY, client_id=(await models.Account.get(id=over.account_id)).client_id
        ).update(
            status=PartnershipStatus.ENDED,
            ended_at=clock.now(),
            ended_by=Side.VENDOR,
            end_reason="Taken off the last project.",
        )

    async def taken_off(self, project: models.Project, partner: models.Partner) -> None:
        """Write that a company was on a project."""
        made = await given.engaged(project, partner)
        await models.ProjectPartner.filter(id=made.id).update(removed_at=clock.now())

    async def members(self) -> None:
        """The admins on every project of their accounts, assigned to one; the others on one or two; some no more."""
        seated = [self.seats[f"client partner {who}"] for who in ("admin", "member", "on one project", "of another")]
        admin, member, single, other = (seat for seat in seated if seat is not None)
        for number, project in enumerate(self.projects[:5]):
            await given.on_project(project, admin, is_assigned=number == 1)
        for number in (0, 3):
            await given.on_project(self.projects[number], member, added_at=clock.now() - number * DAY)
        await given.on_project(self.projects[1], member, removed_at=clock.now())
        await given.on_project(self.projects[4], single)
        for number in (0, 1):
            await given.on_project(self.projects[number], other, is_assigned=False)
        await given.on_project(self.projects[5], admin, is_assigned=False, removed_at=clock.now())

    def takers(self) -> list[str]:
        """Those who take part, of every side."""
        seats = ("client partner admin", "client partner member", "account owner", "partner member", "vendor admin")
        return [self.user(seat) for seat in (*seats, "account owner of the twin", "several: staff")]

    # ── what they hold ──

    async def items(self, project: models.Project, number: int) -> None:
        """In every status, of somebody or of nobody; every third project has none."""
        statuses = [*list(ActionItemStatus) * 2, ActionItemStatus.DONE][: 0 if number % 3 == 2 else 7]
        takers = self.takers()
        open_of: dict[str, int] = {}
        for place, status in enumerate(statuses):
            assignee = takers[(number + place) % len(takers)] if place % 4 else None
            is_done = status is ActionItemStatus.DONE
            await models.ActionItem.create(
                project=project,
                title=f"{ODD_NAMES[place % 5]} {place}",
                assignee_id=assignee,
                due_on=date(2026, 12, 1) + place * DAY if place % 2 else None,
                status=status,
                completed_by_id=takers[place % len(takers)] if is_done else None,
                completed_at=clock.now() if is_done else None,
                created_at=clock.now(),
            )
            if assignee is not None and status is ActionItemStatus.OPEN:
                open_of[assignee] = open_of.get(assignee, 0) + 1
        for user, count in open_of.items():
            await self.tallied(project, user, open_action_items=count)
        counted = [status for status in statuses if status is not ActionItemStatus.CANCELLED]
        await models.Project.filter(id=project.id).update(
            items=len(counted), items_done=counted.count(ActionItemStatus.DONE)
        )

    async def conversations(self, project: models.Project, number: int) -> None:
        """Some, the longest longer than a page; read to the end, to the middle, or not at all."""
        takers, messages, read = self.takers(), 0, dict.fromkeys(self.takers()[:4], 0)
        for place in range(number % 3 + (number % 3 == 0)):
            length = 24 if (number, place) == (1, 0) else 3 * place + number
            conversation = await models.Conversation.create(
                project=project, title=ODD_NAMES[place], last_seq=length, created_at=clock.now()
            )
            for seq in range(1, length + 1):
                await models.Message.create(
                    conversation=conversation,
                    project=project,
                    seq=seq,
                    author_id=takers[(number + seq) % len(takers)],
                    body=f"{seq}: {ODD_NAMES[seq % 5]}\n👋",
                    sent_at=clock.now() - (length - seq) * DAY,
                )
            messages += length
            for turn, user in enumerate(read):
                seen = (length, length // 2, 0, length)[turn]
                if seen:
                    await models.ConversationReading.create(conversation=conversation, user_id=user, read_seq=seen)
                    read[user] += seen
        await models.Project.filter(id=project.id).update(messages=messages)
        for user, seen in read.items():
            if seen:
                await self.tallied(project, user, messages_read=seen)

    async def files(self, project: models.Project, number: int) -> None:
        """In every status, and one that was deleted."""
        takers = self.takers()
        for place, status in enumerate([*FileStatus, FileStatus.READY][: 4 if number % 2 else 2]):
            is_deleted = place == 3
            await models.ProjectFile.create(
                project=project,
                name=f"{ODD_NAMES[place]}.pdf",
                status=status,
                content_type="application/pdf",
                size=2_147_483_647 if place == 1 else 1 + place,
                digest=f"{place:064x}" if status is FileStatus.READY else None,
                uploaded_by_id=takers[(number + place) % len(takers)],
                uploaded_at=clock.now(),
                deleted_at=clock.now() if is_deleted else None,
                emptied_at=clock.now() if is_deleted or status is FileStatus.REFUSED else None,
            )

    async def ratings(self, project: models.Project, number: int) -> None:
        """Given or waiting."""
        takers = self.takers()
        for place, score in enumerate(SCORES[number % len(SCORES)]):
            user = takers[(number + place) % len(takers)]
            await models.Rating.create(
                project=project,
                requested_from_id=user,
                score=score,
                comment=ODD_NAMES[place] if score and place % 2 else None,
                requested_at=clock.now() - DAY,
                given_at=clock.now() if score else None,
            )
            if score is None:
                await self.tallied(project, user, pending_ratings=1)

    async def tallied(self, project: models.Project, user: str, **counts: int) -> None:
        """Count for a person in a project what waits for it."""
        tally, _ = await models.ProjectTally.get_or_create(
            {"account_id": project.account_id}, project_id=project.id, user_id=user
        )
        await models.ProjectTally.filter(id=tally.id).update(**counts)

    # ── what is asked ──

    async def asked(self, project: models.Project, number: int) -> None:
        """Approvals in every state, asked by every side of somebody on the project; with files, some of them gone."""
        harrow, _ = self.people.brokers
        takers, now = self.takers(), clock.now()
        client_id = (await models.Account.get(id=project.account_id)).client_id
        files = [file.id for file in await models.ProjectFile.filter(project=project).order_by("id")]
        askers: list[dict[str, Any]] = [
            {"proposed_by_side": Side.VENDOR},
            {"proposed_by_side": Side.CLIENT, "from_client_id": client_id},
            {"proposed_by_side": Side.PARTNER, "from_partner": harrow},
            {"proposed_by_side": Side.PARTNER, "from_partner": self.people.partners[0]},
        ]
        statuses = [status for status in ProposalStatus if status is not ProposalStatus.DRAFT]
        turns = [*((status, now + 9 * DAY) for status in statuses), (ProposalStatus.PENDING, now)]
        turns += [(ProposalStatus.PENDING, now + DAY + place * 10 * DAY) for place in range(2)]
        for place, (status, ends) in enumerate(turns):
            is_answered = status in ANSWERED
            made = await models.Proposal.create(
                id=f"approval_{number:013d}{place:013d}",
                kind=ProposalKind.PROJECT_APPROVAL,
                status=status,
                version=1 + place % 3,
                title=ODD_NAMES[place % 5],
                message="Grüße 👋" if place % 2 else None,
                proposed_by_id=takers[place % len(takers)] if place % 3 else None,
                project=project,
                account_id=project.account_id,
                approver_id=takers[(number + place) % len(takers)],
                file_id=files[place % len(files)] if place % 2 else None,
                decided_by_id=takers[(number + place) % len(takers)] if is_answered else None,
                decided_at=now if is_answered else None,
                comment="No." if status is ProposalStatus.DECLINED else None,
                proposed_at=now - DAY,
                expires_at=ends,
                created_at=now - DAY,
                **askers[(number + place) % len(askers)],
            )
            self.approvals.append(made)

    # ── what happened ──

    async def events(self) -> list[dict[str, Any]]:
        """What the log says of each project: about each type that it holds; of one more than a page."""
        found = []
        for number, project in enumerate(self.projects):
            of = {"project_id": project.id}
            held: list[str | None] = [project.id, None]
            for model in (
                *(models.ActionItem, models.Conversation, models.Message, models.ProjectFile, models.Widget),
                *(models.Rating, models.ProjectMember),
            ):
                held += [row.id for row in await model.filter(**of).order_by("id").limit(2)]
            asked = [approval.id for approval in self.approvals if approval.project_id == project.id]
            account = await models.Account.get(id=project.account_id)
            found += [
                {
                    "stream": project.id,
                    "version": version,
                    "subject": [*held, *asked][version % (len(held) + len(asked))],
                    "proposal_id": asked[version % len(asked)] if version % 3 == 0 else None,
                    "project_id": project.id,
                    "client_id": account.client_id,
                    "visible_to": Audience.BOTH,
                }
                for version in range(1, 26 if number == 0 else 16)
            ]
        return found
