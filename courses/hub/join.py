"""``/hub/join/CODE``: the link that is projected on a wall."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jupyterhub.handlers.base import BaseHandler

from courses import language, words
from courses.classroom.statuses import status_of
from courses.classroom.templating import gettext
from courses.course import Course
from courses.errors import BadName, CourseError, NotFound
from courses.hub import guesses
from courses.joining import CodeState, JoinCode
from courses.store import access, joining
from courses.store.audit import now


class JoinHandler(BaseHandler):
    """A page that says what joining means, and a button; nothing changes before it is pressed."""

    async def prepare(self) -> None:
        await super().prepare()
        accept = self.request.headers.get("Accept-Language", "")
        cookie = self.get_cookie(language.COOKIE, "") or ""
        language.set_current(language.choose(cookie, accept))

    async def get(self, text: str) -> None:
        if not await self._tried_too_many():
            await self._answer(text)

    async def post(self, text: str) -> None:
        if await self._tried_too_many():
            return
        try:
            done = await self._act(text)
        except CourseError as error:
            self.set_status(status_of(error))
            await self._answer(text, problem=str(error))
            return
        if done:
            self.redirect(done, status=303)

    async def _act(self, text: str) -> str:
        """Join; returns where to go, or nothing where a page is the answer already."""
        book, user = self.authenticator.book, self.current_user
        if user is not None:
            with_name = user.name

            def join() -> str:
                with book.store.writing() as session:
                    return joining.join(session, text, with_name, at=now())

            return self._course(await asyncio.to_thread(join))
        if self.get_body_argument("username", ""):
            data = {
                "username": self.get_body_argument("username").strip(),
                "password": self.get_body_argument("password", ""),
            }
            if await self.login_user(data) is None:
                self.set_status(403)
                problem = gettext("The name and the passphrase do not belong together.")
                await self._answer(text, problem=problem)
                return ""
            course, _code = await asyncio.to_thread(self._look_up, text)
            return self._course(course.slug)
        shown = self.get_body_argument("shown", "")
        guest, passphrase = await asyncio.to_thread(book.welcome, text, shown)
        user = await self.auth_to_user(self.authenticator.model(guest.name))
        self.set_login_cookie(user)
        self._jupyterhub_user = user
        self.log.info("the guest %s has come in", guest.name)
        course, code = await asyncio.to_thread(self._look_up, text)
        await self._page(
            course, code, guest=guest, passphrase=passphrase, onward=self._course(guest.course)
        )
        return ""

    async def _answer(self, text: str, problem: str = "") -> None:
        try:
            course, code = await asyncio.to_thread(self._look_up, text)
        except CourseError as error:
            if isinstance(error, NotFound | BadName):
                self._count_wrong()
            self.set_status(status_of(error))
            await self._page(None, None, problem=str(error))
            return
        user = self.current_user
        if user and await asyncio.to_thread(self._is_in, course.slug, user.name):
            self.redirect(self._course(course.slug))
            return
        await self._page(course, code, problem=problem)

    async def _tried_too_many(self) -> bool:
        """Answer that nothing is looked up now, where that is so."""
        user = self.current_user
        by_person = user is not None and guesses.persons.too_many(user.name)
        if not by_person and not guesses.addresses.too_many(self.request.remote_ip):
            return False
        guesses.TOO_MANY.inc()
        self.set_status(429)
        problem = gettext(
            "Too many links that lead nowhere were tried from here. Ask for the right one, and try "
            "again in ten minutes."
        )
        await self._page(None, None, problem=str(problem))
        return True

    def _count_wrong(self) -> None:
        user, address = self.current_user, self.request.remote_ip
        guesses.WRONG.inc()
        guesses.addresses.wrong(address)
        if user is not None:
            guesses.persons.wrong(user.name)
        if guesses.addresses.too_many(address) or (user and guesses.persons.too_many(user.name)):
            self.log.warning(
                "too many wrong join codes: %s from %s", user.name if user else "nobody", address
            )

    async def _page(self, course: Course | None, code: JoinCode | None, **values: Any) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")
        login = urlencode({"next": self.request.path})
        shown = self.template_namespace | {
            "_": gettext,
            "language": language.current(),
            "xsrf": self.xsrf_token.decode("ascii"),
            "xsrf_token": self.xsrf_token.decode("ascii"),
            "login": f"{self.settings['login_url']}?{login}",
            "classroom": self.authenticator.classroom_url,
            "course": course,
            "problem": "",
            "guest": None,
            "passphrase": "",
        }
        shown |= _code(course, code) if course and code else {"open": False, "makes_guests": False}
        self.finish(await self._template().render_async(shown | values))

    def _template(self) -> Any:
        # Not by name: it extends the hub's own page, wherever the site has that one from.
        return self.settings["jinja2_env"].from_string(_source())

    def _look_up(self, text: str) -> tuple[Course, JoinCode]:
        with self.authenticator.book.store.reading() as session:
            return joining.look_up(session, text)

    def _is_in(self, slug: str, user: str) -> bool:
        with self.authenticator.book.store.reading() as session:
            return access.role_of(session, slug, user) is not None

    def _course(self, slug: str) -> str:
        return f"{self.authenticator.classroom_url}courses/{quote(slug)}"


def _code(course: Course, code: JoinCode) -> dict[str, Any]:
    ends = code.wish.guests_until
    return {
        "role": words.role(code.wish.role),
        "open": code.state(now()) is CodeState.OPEN,
        "makes_guests": ends is not None,
        "ends": words.date(ends, course.timezone) if ends else "",
    }


@cache
def _source() -> str:
    return (Path(__file__).parent / "templates" / "join.html").read_text(encoding="utf-8")
