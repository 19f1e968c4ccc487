"""The other ends: a receiver of webhooks and a mail server that fail now and then, and write down what they took.

What they do to the first try of an id follows from the id, so that no run is luckier than another; later tries succeed.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.mailer.post_office import hang_up
from tests.outbox import receivers
from tests.outbox.receivers import Receiver

# Of a hundred first tries.
FAILING, LOSING = 5, 3
# It holds a sender up for as long as that has patience: one of each sort is enough.
HANGING = 1
OK, FAILED = receivers.answers(204), receivers.answers(500)


@dataclass
class Moods:
    """What comes next for an id: nothing unusual, a failure, silence, or an answer that is lost."""

    hanging: int
    tried: Counter[str] = field(default_factory=Counter)
    hung: int = 0

    def next(self, of: str) -> str:
        self.tried[of] += 1
        if self.tried[of] > 1:
            return "good"
        chance = zlib.crc32(of.encode()) % 100
        if chance < FAILING:
            return "fails"
        if chance < FAILING + LOSING:
            return "loses"
        if self.hung < self.hanging and chance % 7 == 0:
            self.hung += 1
            return "hangs"
        return "good"


@dataclass
class Hooks:
    """How the receiver of webhooks behaves."""

    moods: Moods
    receiver: Receiver | None = None

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        assert self.receiver is not None
        mood = self.moods.next(self.receiver.received[-1].id)
        behaves = {"good": OK, "fails": FAILED, "loses": receivers.resets, "hangs": receivers.hangs}[mood]
        await behaves(writer)


@asynccontextmanager
async def hooks(*, hanging: int = HANGING) -> AsyncIterator[Receiver]:
    """Receive webhooks; the receiver, whose `received` is its log."""
    behaviour = Hooks(moods=Moods(hanging))
    async with receivers.opened(behaviour) as receiver:
        behaviour.receiver = receiver
        yield receiver


@dataclass
class Mails:
    """Takes mails: `received` holds what was acknowledged, or would have been; the content of each by Message-ID."""

    moods: Moods
    port: int = 0
    received: list[tuple[str, bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        content = envelope.content
        assert isinstance(content, bytes)
        message_id = str(message_from_bytes(content, policy=policy.default)["Message-ID"])
        match self.moods.next(message_id):
            case "fails":
                return "451 Not now"
            case "hangs":
                await asyncio.Event().wait()
            case "loses":
                self.received.append((message_id, content))
                hang_up(server)
                return "250 Nobody hears it"
        self.received.append((message_id, content))
        return "250 OK"


@asynccontextmanager
async def mails(*, hanging: int = HANGING) -> AsyncIterator[Mails]:
    """Take mails at a free port."""
    taken = Mails(Moods(hanging))
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(taken, hostname="post.example"), "127.0.0.1", 0
    )
    taken.port = server.sockets[0].getsockname()[1]
    async with server:
        yield taken
