"""Extensions of deadlines, groups, and how late hand-ins are."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from courses.classroom.api.base import JsonHandler, moment
from courses.classroom.desks.deadlines import Late, Whom
from courses.classroom.handlers import Handler
from courses.deadlines import Extension, Group, exact
from courses.errors import Malformed
from courses.language import gettext as _
from courses.submissions import iso

Body = TypeVar("Body", bound=BaseModel)


class ExtensionBody(BaseModel):
    """What is sent to give more time."""

    model_config = ConfigDict(extra="forbid", strict=True)

    due: str
    reason: str


class GroupBody(BaseModel):
    """What is sent to say who is in a group."""

    model_config = ConfigDict(extra="forbid", strict=True)

    members: list[str]


def extension_json(extension: Extension) -> dict[str, object]:
    """One extension; exactly one of ``user`` and ``group`` is not null."""
    return {
        "assignment": extension.assignment,
        "user": extension.user or None,
        "group": extension.group or None,
        "due": iso(extension.due),
        "reason": extension.reason,
        "given_by": extension.given_by,
        "given": iso(extension.given),
    }


def group_json(group: Group) -> dict[str, object]:
    return {"name": group.name, "members": list(group.members)}


def late_json(late: Late) -> dict[str, object]:
    """How late one hand-in is by the deadline that its person has now."""
    return {
        "id": late.submission.receipt.id,
        "user": late.submission.receipt.user,
        "timestamp": iso(late.submission.receipt.timestamp),
        "due": moment(late.assignment.due),
        "extended": late.assignment.extended,
        "days": late.lateness.days,
        "penalty": late.lateness.penalty,
    }


class BodyHandler(JsonHandler):
    """Takes JSON."""

    def body(self, kind: type[Body]) -> Body:
        """The request's body; raises `Malformed`."""
        try:
            return kind.model_validate_json(self.request.body)
        except ValidationError as error:
            fields = ", ".join(kind.model_fields)
            raise Malformed(
                _("The body must be a JSON object with {fields}.", fields=fields)
            ) from error


class Extensions(JsonHandler):
    async def get(self, slug: str) -> None:
        plan = await self.work(self.shared.desks.deadlines.plan, await self.person(), slug)
        self.write_json([extension_json(each) for each in plan.extensions])


class ExtensionOf(BodyHandler):
    """One person's or one group's extension of one assignment."""

    async def put(self, slug: str, name: str, kind: str, whom: str) -> None:
        who, desk = await self.person(), self.shared.desks.deadlines
        await self.work(desk.check, who, slug)  # before anything is said of the body
        body = self.body(ExtensionBody)
        due = exact(body.due)
        found = await self.work(
            desk.extend, who, slug, name, _whom(kind, whom), lambda _zone: due, body.reason
        )
        self.write_json(extension_json(found))

    async def delete(self, slug: str, name: str, kind: str, whom: str) -> None:
        who, desk = await self.person(), self.shared.desks.deadlines
        await self.work(desk.withdraw, who, slug, name, _whom(kind, whom))
        self.set_status(204)


class Groups(JsonHandler):
    async def get(self, slug: str) -> None:
        plan = await self.work(self.shared.desks.deadlines.plan, await self.person(), slug)
        self.write_json([group_json(each) for each in plan.groups])


class GroupOf(BodyHandler):
    async def put(self, slug: str, name: str) -> None:
        who, desk = await self.person(), self.shared.desks.deadlines
        await self.work(desk.check, who, slug)
        found = await self.work(desk.put_group, who, slug, name, self.body(GroupBody).members)
        self.write_json(group_json(found))

    async def delete(self, slug: str, name: str) -> None:
        who = await self.person()
        await self.work(self.shared.desks.deadlines.remove_group, who, slug, name)
        self.set_status(204)


class Lateness(JsonHandler):
    async def get(self, slug: str, name: str) -> None:
        who = await self.person()
        found = await self.work(self.shared.desks.deadlines.late, who, slug, name)
        self.write_json([late_json(each) for each in found])


def _whom(kind: str, name: str) -> Whom:
    return Whom(user=name) if kind == "people" else Whom(group=name)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {
        r"courses/([^/]+)/extensions": Extensions,
        r"courses/([^/]+)/assignments/([^/]+)/extensions/(people|groups)/([^/]+)": ExtensionOf,
        r"courses/([^/]+)/assignments/([^/]+)/lateness": Lateness,
        r"courses/([^/]+)/groups": Groups,
        r"courses/([^/]+)/groups/([^/]+)": GroupOf,
    }
