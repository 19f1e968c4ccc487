"""Files of projects: how their bytes come and go."""

from datetime import datetime

import strawberry
from strawberry import ID

from domain import files as law
from domain.policy import Permission
from models.enums import Role
from models.project import ProjectFile as ProjectFileRow
from resolvers import files
from resolvers.sources import Function
from schema.errors import UserError
from schema.fields import derived, given, given_row, node, one, plain, root, verb
from schema.projects import ProjectFile, ProjectPayload
from schema.scalars import URL


@plain
class FileLink:
    """Where a file can be had, by whoever asked, as long as they may see it."""

    url: URL
    expires_at: datetime = strawberry.field(description="Five minutes after it was asked for.")


@node(ProjectFileRow)
class FileUpload:
    """A file that is expected."""

    file: ProjectFile = one("id")
    upload_url: URL = derived(
        files.upload_url,
        "id",
        "uploaded_at",
        seat=True,
        doc="Where the bytes go, by HTTP PUT, as many as were announced: 204. Put again, they replace the first.",
    )
    expires_at: datetime = derived(
        files.upload_expires_at, "id", "uploaded_at", seat=True, doc="When the PUT must have begun."
    )


@plain
class FileUploadPayload:
    """What is to be uploaded, and where."""

    upload: FileUpload | None = given_row()
    user_errors: list[UserError] = given()


@plain
class FilePayload:
    """The file as it is now: READY or REFUSED."""

    file: ProjectFile | None = given_row()
    user_errors: list[UserError] = given()


@strawberry.input
class FileUploadInput:
    project_id: ID
    name: str = strawberry.field(description="Without a path.")
    content_type: str = strawberry.field(
        description="A media type: application/pdf. What is of a known type must show it; application/octet-stream "
        "may be anything."
    )
    size: int = strawberry.field(description="Bytes, exactly: 1 to 2,147,483,647.")


@strawberry.type
class FilesQuery:
    """The roots of this slice."""

    file_links: list[FileLink | None] | None = root(
        Function(files.links),
        arguments={"file_ids": list[ID]},
        to=[Role.USER],
        doc="Where up to 100 files can be had, in the order of their ids, each for five minutes, and as long as the "
        "viewer may see it. Null for what is not READY.",
    )


@strawberry.type
class FilesMutation:
    """The verbs of this slice."""

    file_upload: FileUploadPayload = verb(
        law.upload,
        {"input": FileUploadInput},
        permission=Permission.FILE_UPLOAD,
        gives="upload",
        doc="Announces a file to a project: its bytes go to `uploadUrl`, and then `fileUploadFinish` checks them. "
        "NOT_FOUND, FORBIDDEN, INVALID, WRONG_STATE (the account was cancelled).",
    )
    file_upload_finish: FilePayload = verb(
        law.finish,
        {"file_id": ID},
        permission=Permission.FILE_UPLOAD_FINISH,
        gives="file",
        doc="After the bytes were put to `uploadUrl`: checks size and content, then READY or REFUSED. Unfinished "
        "uploads vanish after an hour. NOT_FOUND, FORBIDDEN (somebody else's), WRONG_STATE (nothing arrived, or "
        "finished before), EXPIRED.",
    )
    file_delete: ProjectPayload = verb(
        law.delete,
        {"file_id": ID},
        permission=Permission.FILE_DELETE,
        gives="project",
        doc="Takes a file off its project: whoever uploaded it, the account's owner, the vendor. NOT_FOUND, FORBIDDEN, "
        "WRONG_STATE (the account was cancelled).",
    )
