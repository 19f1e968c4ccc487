"""Mail servers that take mails, refuse them, and break: what is at the other end of SMTP_URL."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "portal@countersign.example", "p@ss/word: 50%"
ESCAPED = "portal%40countersign.example:p%40ss%2Fword%3A%2050%25"


@dataclass(frozen=True, slots=True)
class Received:
    sender: str
    recipients: list[str]
    content: bytes
    is_encrypted: bool
    user: object


@dataclass
class Office:
    """A server that is up: what it took, what it was asked, and what it is to answer instead of 250.

    `refusals`: by recipient, or by the word MAIL, DATA or RSET; each answer is an SMTP one, or something to do.
    """

    port: int = 0
    refusals: dict[str, str | Callable[[SMTP], Coroutine[Any, Any, str]]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    asked: list[str] = field(default_factory=list)

    async def _answer(self, server: SMTP, word: str) -> str | None:
        refusal = self.refusals.get(word)
        return refusal if refusal is None or isinstance(refusal, str) else await refusal(server)

    async def handle_EHLO(  # noqa: N802  aiosmtpd's name
        self, _: SMTP, session: Session, __: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return responses

    async def handle_RSET(self, server: SMTP, _: Session, __: Envelope) -> str:  # noqa: N802  as above
        return await self._answer(server, "RSET") or "250 OK"

    async def handle_MAIL(  # noqa: N802  as above
        self, server: SMTP, _: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from, envelope.mail_options = address, options
        return await self._answer(server, "MAIL") or "250 OK"

    async def handle_RCPT(  # noqa: N802  as above
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        refusal = await self._answer(server, address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  as above
        refusal = await self._answer(server, "DATA")
        if refusal is None:
            content, sender = envelope.content, envelope.mail_from
            assert isinstance(content, bytes)
            assert sender is not None
            is_encrypted = session.ssl is not None
            self.received.append(Received(sender, envelope.rcpt_tos, content, is_encrypted, session.auth_data))
        return refusal or "250 OK"


class _Counted(SMTP):
    """A server's end of one connection, which is counted, and whose commands are noted."""

    def __init__(self, office: Office, **options: Any) -> None:
        super().__init__(office, hostname="post.example", enable_SMTPUTF8=True, **options)
        self._office = office
        office.connections += 1
        office.open_connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._office.open_connections -= 1
        super().connection_lost(error)

    async def _call_handler_hook(self, command: str, *args: Any) -> Any:
        self._office.asked.append(command)
        return await super()._call_handler_hook(command, *args)


def hang_up(server: SMTP) -> None:
    """Break a connection off, whatever is under way on it."""
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


def _let_in(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    fits = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
    return AuthResult(success=fits, handled=False, auth_data=data.login.decode())


@asynccontextmanager
async def opened(*, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Office]:
    """Open a server at a free port; whoever speaks TLS to it may sign in."""
    office = Office()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Counted(office, tls_context=starttls, auth_require_tls=tls is None, authenticator=_let_in),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    office.port = server.sockets[0].getsockname()[1]
    async with server:
        yield office


@asynccontextmanager
async def scripted(*lines: bytes | None) -> AsyncIterator[int]:
    """Open a server that says one line after another, whatever it hears; null: nothing more, and it stays open."""
    writers: list[asyncio.StreamWriter] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        for line in lines:
            if line is None:
                await reader.read()
                return
            writer.write(line)
            await writer.drain()
            await reader.readline()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for writer in writers:
        writer.close()


@dataclass(frozen=True, slots=True)
class Certificates:
    """A server's certificate for 127.0.0.1, and the authority that it is from."""

    server: ssl.SSLContext
    authority: Path


def certificates(folder: Path, *, name: str = "127.0.0.1") -> Certificates:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return Certificates(context, path)


def trust(known: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(known.authority))
