"""Whether the service is well."""

from __future__ import annotations

from courses.classroom.handlers import Handler


class Health(Handler):
    """For whoever watches the service; needs no token."""

    async def get(self) -> None:
        await self.work(self._look)
        self.finish({"status": "ok"})

    def _look(self) -> None:
        with self.shared.desks.store.reading() as session:
            session.connection()


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {"health": Health}
