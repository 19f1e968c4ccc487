"""What many tests begin with, kept when the first of them has it: its rows, and its mails and keys.

The rows are kept beside the tables: in a schema of PostgreSQL's, or in a file of SQLite's.
"""

import dataclasses
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from tortoise.connection import get_connection

import models
import settings
from domain import identity
from models import database as databases
from models.enums import DeliveryStatus, MailStatus
from models.sql import Dialect
from tests.conftest import EVERY_TABLE
from tests.journeys.northwind import Asked, Northwind, Partners
from tests.journeys.portal import Person
from tests.server.serving import until

Story = TypeVar("Story", Northwind, Asked, Partners)


@dataclass
class Rows:
    """The rows of all tables at one moment."""

    dialect: Dialect
    folder: Path
    name: str = field(default_factory=lambda: f"kept_{secrets.token_hex(6)}")
    filled: list[str] = field(default_factory=list)

    async def keep(self) -> None:
        """Keep all that there is."""
        client = get_connection(databases.CONNECTION)
        asked = " union all ".join(
            f"select '{each}' as name where exists (select 1 from {each})" for each in EVERY_TABLE
        )
        self.filled = [str(row["name"]) for row in await client.execute_query_dict(asked)]
        copies = "; ".join(f"create table {self.name}.{each} as select * from {each}" for each in self.filled)
        if self.dialect is Dialect.POSTGRES:
            await client.execute_script(f"create schema {self.name}; {copies}")
        else:
            await client.execute_script(f"{self._attached}; begin; {copies}; commit; detach {self.name}")

    async def put_back(self) -> None:
        """Fill the tables, which are empty, as they were filled then. Rows of two of them point at each other."""
        # The sessions of the test before had the same names.
        identity._seen.clear()
        client = get_connection(databases.CONNECTION)
        fills = [f"insert into {each} select * from {self.name}.{each}" for each in self.filled]
        if self.dialect is Dialect.POSTGRES:
            # One statement, after which references are checked.
            each_as = ", ".join(f"_{number} as ({fill})" for number, fill in enumerate(fills))
            await client.execute_script(f"with {each_as} select")
        else:
            await client.execute_script(
                f"pragma foreign_keys = off; {self._attached}; begin; {'; '.join(fills)}; commit;"
                f" detach {self.name}; pragma foreign_keys = on"
            )

    @property
    def _attached(self) -> str:
        return f"attach '{self.folder / self.name}' as {self.name}"


@dataclass(frozen=True)
class Beginning:
    """How far a story had come, and where its mails and keys were."""

    rows: Rows
    folder: Path
    admin_link: str
    story: Any


@dataclass
class Beginnings:
    """Those of one run, by what tests call them; `begun`: what this test goes on with, by the same."""

    dialect: Dialect
    folder: Path
    kept: dict[str, Beginning] = field(default_factory=dict)
    begun: dict[str, Any] = field(default_factory=dict)

    async def begin(self, wanted: list[str]) -> str | None:
        """Put back what has come furthest of what a test wants: the link that it began with. Null if there is none."""
        self.begun = {}
        furthest = next(
            (name for name in ("partners", "asked", "northwind") if name in wanted and name in self.kept), None
        )
        if furthest is None:
            return None
        kept, data_dir = self.kept[furthest], settings.load().data_dir
        await kept.rows.put_back()
        shutil.copytree(kept.folder, data_dir, dirs_exist_ok=True)
        story = moved(kept.story, kept.folder, data_dir)
        partners = story if isinstance(story, Partners) else None
        asked = partners.asked if partners else story if isinstance(story, Asked) else None
        northwind = asked.northwind if asked else story
        self.begun = {"partners": partners, "asked": asked, "northwind": northwind}
        return kept.admin_link

    def goes_on(self, name: str, browser: httpx2.AsyncClient) -> Any:
        """Return what has begun already, for a browser; null for nothing."""
        story = self.begun.get(name)
        for person in people(story):
            person.browser = browser
        return story

    async def keep(self, name: str, story: Story, admin_link: str) -> Story:
        """Keep how far it has come, once everybody has heard and every mail has arrived."""
        await until(at_rest)
        data_dir, rows, folder = settings.load().data_dir, Rows(self.dialect, self.folder), self.folder / name
        await rows.keep()
        shutil.copytree(data_dir, folder)
        self.kept[name] = Beginning(rows, folder, admin_link, moved(story, data_dir, folder))
        return story


async def at_rest() -> bool:
    """Tell whether the worker has nothing left to do."""
    return not (
        await models.Event.filter(pos=None).exists()
        or await models.Mail.filter(status=MailStatus.QUEUED).exists()
        or await models.WebhookDelivery.filter(status=DeliveryStatus.PENDING).exists()
    )


def people(story: Any) -> list[Person]:
    """Everybody in a story."""
    if isinstance(story, Person):
        return [story]
    if not dataclasses.is_dataclass(story):
        return []
    return [person for each in dataclasses.fields(story) for person in people(getattr(story, each.name))]


def moved(story: Any, old: Path, new: Path) -> Any:
    """The same story of people of its own, whose mails are elsewhere."""
    if isinstance(story, Person):
        return dataclasses.replace(story, opened={new / mail.relative_to(old) for mail in story.opened})
    if not dataclasses.is_dataclass(story) or isinstance(story, type):
        return story
    changes = {each.name: moved(getattr(story, each.name), old, new) for each in dataclasses.fields(story)}
    return dataclasses.replace(story, **changes)
