"""The audit of a course."""

from __future__ import annotations

from courses.classroom.api.base import JsonHandler
from courses.classroom.asked import wanted_of
from courses.classroom.handlers import Handler
from courses.store.audit import Change
from courses.submissions import iso


def change_json(change: Change) -> dict[str, object]:
    """One change."""
    return {
        "id": change.id,
        "at": iso(change.at),
        "actor": change.actor,
        "action": change.action,
        "course": change.course,
        "subject": change.subject,
        "before": change.before,
        "after": change.after,
        "detail": change.detail,
    }


class Audit(JsonHandler):
    async def get(self, slug: str) -> None:
        who, wanted = await self.person(), wanted_of(self)
        found = await self.work(self.shared.desks.record.page, who, slug, wanted)
        self.write_json(
            {"changes": [change_json(each) for each in found.changes], "older": found.older}
        )


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {r"courses/([^/]+)/audit": Audit}
