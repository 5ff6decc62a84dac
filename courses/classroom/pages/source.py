"""Where a course comes from: what changed there, and the button that brings it in."""

from __future__ import annotations

from tornado.web import authenticated

from courses import words
from courses.classroom.desks.source import Origin
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.errors import CatalogueError, GenerateError


class SourcePage(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        await self._page(slug)

    @authenticated
    async def post(self, slug: str) -> None:
        desk, expected = self.shared.desks.source, self.get_body_argument("content", "")
        try:
            if not expected:
                await self._page(slug, found=await self.work(desk.compare, self.who, slug))
                return
            done = await self.work(desk.bring_in, self.who, slug, expected)
        except (CatalogueError, GenerateError) as error:
            self.set_status(409)
            await self._page(slug, problems=str(error).splitlines())
            return
        await self._page(slug, done=done)

    async def _page(self, slug: str, **values: object) -> None:
        origin: Origin = await self.work(self.shared.desks.source.origin, self.who, slug)
        shown: dict[str, object] = {"found": None, "done": None, "problems": [], **values}
        self.show(
            "source.html",
            course=origin.course,
            back=self.base(slug),
            folder=origin.folder,
            revision=origin.revision[:12] + ("+" if origin.revision.endswith("+") else ""),
            when=words.short_date(origin.synchronised, origin.course.timezone),
            xsrf=self.xsrf,
            **shown,
        )


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"courses/([^/]+)/source": SourcePage}
