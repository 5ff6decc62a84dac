"""The choice of language: a link on every page, remembered in a cookie."""

from __future__ import annotations

from urllib.parse import quote

from tornado.web import HTTPError

from courses import language
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import Page

_A_YEAR = 365 * 86_400
# What an address has that is quoted already.
_SAFE = "%/?&=:@!$'()*+,;~"


class Choose(Page):
    """Nobody needs to be logged in, and nothing else changes: so it may be a link."""

    async def get(self, name: str) -> None:
        if name not in language.LANGUAGES:
            raise HTTPError(404)
        auth = self.shared.auth
        self.set_cookie(
            language.COOKIE,
            name,
            max_age=_A_YEAR,
            # The hub's own pages are asked with it too.
            path=auth.hub_prefix.removesuffix("hub/") or "/",
            secure=self.request.protocol == "https",
            httponly=True,
            samesite="Lax",
        )
        back = self.get_query_argument("back", "")
        # Only to a page of the classroom, whoever made the link.
        self.redirect(auth.base_url + quote(back.lstrip("/\\"), safe=_SAFE), status=303)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"language/([a-z]+)": Choose}
