import asyncio
import mailbox
import stat
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailer import maildir
from mailer.letters import Letter


def letter(number: int) -> Letter:
    message: Letter = EmailMessage()
    message["Message-ID"] = f"<{number}@countersign.example>"
    message.set_content("Grüße\n", cte="quoted-printable")
    return message


def mode(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)


async def test_a_mail_lies_in_new_as_it_was_sent_and_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mail"
    await maildir.deliver(letter(1), folder)
    [file] = (folder / "new").iterdir()
    assert file.read_bytes() == letter(1).as_bytes()
    assert [*(folder / "tmp").iterdir(), *(folder / "cur").iterdir()] == []
    assert [mode(folder), mode(folder / "new")] == ["drwx------", "drwx------"]


async def test_many_deliveries_at_once_into_a_folder_that_is_not_there_yet_are_all_kept(tmp_path: Path) -> None:
    await asyncio.gather(*[maildir.deliver(letter(number), tmp_path / "mail") for number in range(50)])
    arrived = sorted(str(message["Message-ID"]) for message in mailbox.Maildir(tmp_path / "mail"))
    assert arrived == sorted(str(letter(number)["Message-ID"]) for number in range(50))


async def test_a_disk_that_refuses_is_told_of_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="File exists"):
        await maildir.deliver(letter(1), tmp_path / "mail")
    assert not (tmp_path / "mail").is_dir()
