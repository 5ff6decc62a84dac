"""What pages have in common: who asks is told by the hub's OAuth, what is shown by the desks."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado.web import HTTPError

from courses.classroom import session_views, views
from courses.classroom.handlers import Handler, caller, hub_away
from courses.course import Caller, Course
from courses.language import gettext as _
from courses.store.audit import now

# The nonce, because 'self' is also where people's own notebook servers are.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_STATIC = Path(__file__).parents[1] / "static"


class Page(Handler):
    """HTML from a template."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self._nonce = secrets.token_urlsafe(16)
        self._set_policy()

    def _set_policy(self) -> None:
        self.set_header("Content-Security-Policy", _PAGE_POLICY.format(nonce=self._nonce))

    def show(self, template: str, **values: object) -> None:
        """Finish with a template; each gets ``site`` and ``user``."""
        auth = self.shared.auth
        site = {
            "prefix": auth.base_url,
            "static": f"{auth.base_url}static/",
            "hub": auth.hub_host + auth.hub_prefix,
            "version": static_version(),
            "nonce": self._nonce,
            "back": quote(self._back(), safe=""),
        }
        values = {"site": site, "user": self.user_name(), **values}
        self.finish(self.shared.templates.get_template(template).render(values))

    def _back(self) -> str:
        """This page's address below the prefix, for who changes the language on it."""
        if self.request.method != "GET":
            return ""
        return (self.request.uri or "").removeprefix(self.shared.auth.base_url)

    def user_name(self) -> str:
        """Who is logged in; empty where that does not matter."""
        return ""

    def write_sentence(self, status: int, message: str) -> None:
        self._set_policy()
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.show("error.html", status=status, heading=_heading(status), message=message)


class PersonalPage(HubOAuthenticated, Page):
    """A page of somebody who is logged in."""

    async def prepare(self) -> None:
        try:
            await self.hub_auth.get_user(self, sync=False)  # remembered for current_user
        except HTTPError as error:
            raise hub_away() from error
        if name := self.user_name():
            self.shared.keeper.seen(name)

    def user_name(self) -> str:
        try:
            user = self.current_user
        except HTTPError:  # the hub is away: this is its error page
            return ""
        return str(user["name"]) if user else ""

    @property
    def who(self) -> Caller:
        """Who asks."""
        return caller(self.current_user)

    @property
    def xsrf(self) -> str:
        return str(self.xsrf_token.decode())

    def base(self, slug: str) -> str:
        """A course's address."""
        return f"{self.shared.auth.base_url}courses/{quote(slug)}"

    async def sessions(self, *courses: Course) -> list[views.View]:
        """Each course's session."""
        user, auth = self.user_name(), self.shared.auth
        known = await self.shared.sessions.of(user)
        links = session_views.Links(auth.hub_host + auth.hub_prefix, auth.base_url, user)
        at = now()
        return [session_views.session(links, each, known.get(each.slug), at) for each in courses]


class NoSuchPage(Page):
    """All addresses that are none."""

    def prepare(self) -> None:
        raise HTTPError(404)

    def check_xsrf_cookie(self) -> None:
        """Nothing happens here that would need it."""


class Callback(Page, HubOAuthCallbackHandler):
    """Where the hub sends people back to after the login."""


def _heading(status: int) -> str:
    headings = {
        403: _("This is not yours to see"),
        404: _("Nothing is here"),
        503: _("Just a moment"),
    }
    return headings.get(status) or _("That did not work")


@cache
def static_version() -> str:
    """Changes when a static file does, so that browsers may keep them."""
    digest = hashlib.sha256()
    for path in sorted((_STATIC).iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
