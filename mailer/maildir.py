import asyncio
import os
from pathlib import Path

from mailer.letters import Letter

FOLDERS = ("tmp", "new", "cur")
OWNER_ONLY = 0o700


async def deliver(message: Letter, folder: Path) -> None:
    """Put a mail into the Maildir, which is made when it is missing; when this returns, the mail is on the disk.

    Raises OSError where the disk refuses; then nothing is in the folder.
    """
    await asyncio.to_thread(_deliver, message.as_bytes(), folder)


def _deliver(message: bytes, folder: Path) -> None:
    import mailbox  # noqa: PLC0415  all kinds of them: a server starts without

    # Links in mails let people in: nobody else reads this folder. Made by hand, because two deliveries at once
    # make mailbox.Maildir(create=True) fail.
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    for part in FOLDERS:
        (folder / part).mkdir(mode=OWNER_ONLY, exist_ok=True)
    mailbox.Maildir(folder, create=False).add(message)
    # The library has synced the file; its name is kept by the folder.
    directory = os.open(folder / "new", os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
