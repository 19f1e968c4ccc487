"""The inside of two projects as a plain model: what is said, read, to be done and asked, and what waits for whom.

It shares no code with the product: lists that are counted anew for every answer, where the product keeps counts.
"""

from dataclasses import dataclass, field
from typing import Final

from tests.domain.plain import DONE

PROJECTS: Final = ("relaunch", "app")
# Olga is somebody else's; the others see both projects, Cleo and Carl those that they are on, Paula while she may.
WHO: Final = ("vera", "owner", "sam", "paula", "ada", "cleo", "carl", "olga")
ASSIGNED: Final = ("cleo", "carl")


@dataclass
class Talk:
    """A conversation: who wrote each message, and how many of them each has read."""

    project: str
    authors: list[str] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)


@dataclass
class Item:
    """Something to be done."""

    project: str
    assignee: str | None
    status: str = "OPEN"
    completed_by: str | None = None


@dataclass
class Asked:
    """A rating that was asked for; taken back: of somebody who has left since."""

    project: str
    person: str
    score: int | None = None
    is_taken_back: bool = False


@dataclass
class World:
    """Verbs answer DONE or a code."""

    on: dict[str, set[str]] = field(default_factory=lambda: {"cleo": set(PROJECTS), "carl": {"app"}})
    may_open: bool = True
    talks: list[Talk] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    # ── what is read ──

    def sees(self, who: str | None, project: str) -> bool:
        """Tell whether somebody sees a project."""
        if who in ASSIGNED:
            return project in self.on[who]
        return who in {"vera", "owner", "sam", "ada"} or (who == "paula" and self.may_open)

    def knows(self, who: str, person: str, project: str) -> bool:
        """Tell whether somebody may name who sees a project: Paula is not listed, she has to have shown there."""
        return (
            person != "paula"
            or who in {"vera", "paula"}
            or any(talk.project == project and person in talk.authors for talk in self.talks)
            or any(item.project == project and person in (item.assignee, item.completed_by) for item in self.items)
            or any((each.project, each.person) == (project, person) and not each.is_taken_back for each in self.asked)
        )

    def waits(self, who: str, project: str) -> tuple[int, int, int]:
        """Count what waits for somebody in a project: open action items, ratings to give, messages to read."""
        return (
            sum((item.project, item.assignee, item.status) == (project, who, "OPEN") for item in self.items),
            sum((each.project, each.person) == (project, who) and self.is_open(each) for each in self.asked),
            sum(self.unread(who, talk) for talk in self.talks if talk.project == project),
        )

    @staticmethod
    def unread(who: str, talk: Talk) -> int:
        """Count what somebody has not read of a conversation."""
        return len(talk.authors) - talk.read.get(who, 0)

    @staticmethod
    def is_open(asked: Asked) -> bool:
        """Tell whether a rating can be given."""
        return asked.score is None and not asked.is_taken_back

    def progress(self, project: str) -> tuple[int, int]:
        """Count the items that were not cancelled, and of them those that are done."""
        counted = [item.status for item in self.items if item.project == project and item.status != "CANCELLED"]
        return len(counted), counted.count("DONE")

    # ── what is done ──

    def start(self, who: str, project: str) -> str:
        """Start a conversation."""
        if not self.sees(who, project):
            return "NOT_FOUND"
        self.talks.append(Talk(project))
        return DONE

    def post(self, who: str, talk: Talk) -> str:
        """Write, having read."""
        if not self.sees(who, talk.project):
            return "NOT_FOUND"
        talk.authors.append(who)
        talk.read[who] = len(talk.authors)
        return DONE

    def mark_read(self, who: str, talk: Talk) -> str:
        """Read to the end."""
        if not self.sees(who, talk.project):
            return "NOT_FOUND"
        talk.read[who] = len(talk.authors)
        return DONE

    def create(self, who: str, project: str, assignee: str | None) -> str:
        """Say what is to be done."""
        if not self.sees(who, project):
            return "NOT_FOUND"
        if assignee and not (self.sees(assignee, project) and self.knows(who, assignee, project)):
            return "NOT_FOUND"
        self.items.append(Item(project, assignee))
        return DONE

    def set_status(self, who: str, item: Item, status: str) -> str:
        """Do, cancel, or open again: then for those who are still there."""
        if not self.sees(who, item.project):
            return "NOT_FOUND"
        if item.status != status:
            if status == "OPEN" and not self.sees(item.assignee, item.project):
                item.assignee = None
            item.status, item.completed_by = status, who if status == "DONE" else None
        return DONE

    def ask(self, who: str, project: str, person: str) -> str:
        """Ask for a rating."""
        refusals = {
            "FORBIDDEN": who != "vera",
            "NOT_FOUND": not self.sees(person, project),
            "INVALID": person == "vera",
            "ALREADY_PROPOSED": any(
                self.is_open(each) for each in self.asked if (each.project, each.person) == (project, person)
            ),
        }
        refused = next((code for code, is_so in refusals.items() if is_so), None)
        if refused:
            return refused
        self.asked.append(Asked(project, person))
        return DONE

    def give(self, who: str, asked: Asked, score: int) -> str:
        """Give a rating."""
        refusals = {
            "FORBIDDEN": who == "vera",
            "NOT_FOUND": asked.is_taken_back or not self.sees(who, asked.project),
            " FORBIDDEN": who != asked.person,
            "INVALID": score not in {1, 2, 3, 4, 5},
            "WRONG_STATE": asked.score is not None,
        }
        refused = next((code for code, is_so in refusals.items() if is_so), None)
        if refused:
            return refused.strip()
        asked.score = score
        return DONE

    def leave(self, who: str, project: str) -> None:
        """Take somebody off a project: what waited for those who do not see it waits for nobody."""
        self.on[who].discard(project)
        for item in self.items:
            if item.status == "OPEN" and not self.sees(item.assignee, item.project):
                item.assignee = None
        for each in self.asked:
            if self.is_open(each) and not self.sees(each.person, each.project):
                each.is_taken_back = True

    def come(self, who: str, project: str) -> None:
        """Put somebody on a project."""
        self.on[who].add(project)
