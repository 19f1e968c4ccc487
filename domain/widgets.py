"""Widgets: pages of somebody else's that a project shows (mission 3.5)."""

from typing import Annotated, Final

from pydantic import HttpUrl, TypeAdapter, UrlConstraints, ValidationError

from domain import changes, errors, inputs, policy, projects
from domain.policy import Permission
from domain.seats import Seat
from models.project import Widget

_url: Final = TypeAdapter(Annotated[HttpUrl, UrlConstraints(allowed_schemes=["https"])])


async def add(*, by: Seat, project_id: str, title: str, url: str) -> str:
    """Show a page in a project; return the project's id.

    Refuses FORBIDDEN, INVALID (at `url` what is not https, is longer than 2,083 characters, or holds a user or a
    password, which everybody on the project would read), and as `projects.find` NOT_FOUND and WRONG_STATE.
    """
    policy.require(Permission.WIDGET_ADD, by=by)
    project = await projects.find(project_id, "projectId", by=by)
    named, address = inputs.required_line(title, "title"), _address(url, "url")
    async with changes.change(by=by) as c:
        added = await Widget.create(project_id=project.id, title=named, url=address, added_at=c.now)
        c.event("widget.added", stream=project.id, subject=added.id, **projects.about(project))
    return project.id


def _address(given: str, *path: str) -> str:
    """Return an https address in the one notation that it has."""
    try:
        url = _url.validate_python(given.strip())
    except ValidationError:
        raise errors.invalid("This must be an address that begins with https://.", *path) from None
    if url.username is not None or url.password is not None:
        raise errors.invalid("The address must not hold a user or a password.", *path)
    return str(url)
