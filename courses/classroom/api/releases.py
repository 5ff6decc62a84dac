"""The student version of an assignment."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from courses.classroom.desks import Upload
from courses.classroom.handlers import Handler
from courses.classroom.uploads import UploadHandler
from courses.course import Caller
from courses.submissions import iso


class Release(UploadHandler):
    def expect(self, who: Caller, *names: str) -> Upload:
        return self.shared.desks.releases.release(who, *names)

    async def put(self, slug: str, name: str) -> None:
        self.finish({"released": iso(cast(datetime, await self.receive()))})

    async def delete(self, slug: str, name: str) -> None:
        await self.work(self.shared.desks.releases.withdraw, await self.person(), slug, name)
        self.set_status(204)

    async def get(self, slug: str, name: str) -> None:
        path = await self.work(self.shared.desks.releases.fetch, await self.person(), slug, name)
        await self.send_file(path, f"{name}.zip")


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {r"courses/([^/]+)/assignments/([^/]+)/release": Release}
