"""What is held on a person, as a download."""

from __future__ import annotations

from tornado.web import authenticated

from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage


class Data(PersonalPage):
    @authenticated
    async def get(self) -> None:
        archive = await self.work(self.shared.desks.belongings.archive, self.who)
        await self.send_file(archive, f"lesesal-{self.user_name()}.zip")


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {r"me/data\.zip": Data}
