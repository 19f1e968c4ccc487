"""Addresses at which the bytes of files are put and got."""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain import files
from resolvers import runtime

if TYPE_CHECKING:
    from resolvers.context import Caller


async def links(caller: "Caller", *, file_ids: Sequence[str]) -> list[dict[str, object] | None]:
    """Where files can be had, in the order of their ids; LIMIT_EXCEEDED for more than a hundred."""
    runtime.at_most(files.MOST_LINKS, file_ids)
    found = await files.links(file_ids, caller.now, by=caller.signed_in)
    return [
        {"url": link.url, "expires_at": link.expires_at} if (link := found.get(file_id)) else None
        for file_id in file_ids
    ]


def upload_url(caller: "Caller", file_id: str, announced_at: dt.datetime | str) -> str:
    """Where the bytes of a file that was just announced go."""
    return files.upload_link(file_id, _moment(announced_at), caller.signed_in.session_id).url


def upload_expires_at(caller: "Caller", file_id: str, announced_at: dt.datetime | str) -> object:
    """Until when they may begin to."""
    return runtime.plain(files.upload_link(file_id, _moment(announced_at), caller.signed_in.session_id).expires_at)


def _moment(value: dt.datetime | str) -> dt.datetime:
    """A moment as either database's driver returns it."""
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
