"""One's sessions: what the pages say of them, and their buttons."""

from __future__ import annotations

from typing import Any

from tornado.web import authenticated

from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage


class SessionParts(PersonalPage):
    """The parts of pages that tell of sessions, anew, for the script that keeps them fresh."""

    @authenticated
    async def get(self) -> None:
        courses = await self.work(self.shared.desks.courses.of, self.who)
        sessions = await self.sessions(*(course for course, _ in courses))
        macros: Any = self.shared.templates.get_template("session.html").module
        self.finish(
            {
                "sessions": {
                    str(each["slug"]): {
                        "state": each["state"],
                        "line": macros.line(each).strip(),
                        "buttons": macros.buttons(each, self.xsrf).strip(),
                        "formgrader": macros.formgrader(each).strip(),
                    }
                    for each in sessions
                }
            }
        )


class StopSession(PersonalPage):
    @authenticated
    async def post(self, slug: str) -> None:
        await self.work(self.shared.desks.courses.one, self.who, slug)
        await self.shared.sessions.stop(self.user_name(), slug)
        self.redirect(self.base(slug), status=303)


class MoreTime(PersonalPage):
    @authenticated
    async def post(self, slug: str) -> None:
        await self.work(self.shared.desks.courses.one, self.who, slug)
        if refusal := await self.shared.sessions.more(self.user_name(), slug):
            self.set_status(409)
            self.write_sentence(409, refusal)
        else:
            self.redirect(self.base(slug), status=303)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        "sessions": SessionParts,
        "courses/([^/]+)/session/stop": StopSession,
        "courses/([^/]+)/session/more": MoreTime,
    }
