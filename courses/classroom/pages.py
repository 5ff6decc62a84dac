"""The pages: who asks is told by the hub's OAuth, what is shown comes from the desk."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado.web import HTTPError, authenticated

from courses import archives, words
from courses.archives import Limits
from courses.classroom import session_views, views
from courses.classroom.handlers import Handler, hub_away
from courses.course import Course, Role
from courses.errors import NotFound
from courses.store.audit import now
from courses.submissions import receipt_json

# The nonce, because 'self' is also where people's own notebook servers are.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
# Feedback shows a student's own output, which may be any HTML: nothing in it runs, nothing in it
# loads, and it has no origin, so that it could not use anybody's cookies either.
_FEEDBACK_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)
_MAX_FEEDBACK_PAGE = 64_000_000
_HEADINGS = {
    403: "This is not yours to see",
    404: "Nothing is here",
    503: "Just a moment",
}


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
        }
        values = {"site": site, "user": self.user_name(), **values}
        self.finish(self.shared.templates.get_template(template).render(values))

    def user_name(self) -> str:
        """Who is logged in; empty where that does not matter."""
        return ""

    def write_sentence(self, status: int, message: str) -> None:
        self._set_policy()
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        heading = _HEADINGS.get(status, "That did not work")
        self.show("error.html", status=status, heading=heading, message=message)


class PersonalPage(HubOAuthenticated, Page):
    """A page of somebody who is logged in."""

    async def prepare(self) -> None:
        try:
            await self.hub_auth.get_user(self, sync=False)  # remembered for current_user
        except HTTPError as error:
            raise hub_away() from error

    def user_name(self) -> str:
        try:
            user = self.current_user
        except HTTPError:  # the hub is away: this is its error page
            return ""
        return str(user["name"]) if user else ""

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


class Home(PersonalPage):
    @authenticated
    async def get(self) -> None:
        user, at, desk = self.user_name(), now(), self.shared.desk
        courses = await self.work(desk.courses, user)
        cards = []
        sessions = await self.sessions(*(course for course, _ in courses))
        for (course, role), session in zip(courses, sessions, strict=True):
            standings = await self.work(desk.standings, user, course.slug)
            view = views.card(course, role, standings, at)
            cards.append({**view, "address": self.base(course.slug), "session": session})
        self.show("home.html", cards=cards, xsrf=self.xsrf)


class CoursePage(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        user, desk = self.user_name(), self.shared.desk
        course, role = await self.work(desk.course, user, slug)
        (session,) = await self.sessions(course)
        values: dict[str, object] = {
            "course": course,
            "session": session,
            "xsrf": self.xsrf,
            "zone": views.zone_words(course),
        }
        if role is Role.INSTRUCTOR:
            room = await self.work(desk.classroom, user, slug)
            self.show("staff.html", **values, **views.staff(room, now(), self.base(slug)))
        else:
            found = await self.work(desk.standings, user, slug)
            at = now()
            rows = [views.assignment(each, course, at, self.base(slug)) for each in found]
            self.show("course.html", **values, assignments=rows)


class SessionParts(PersonalPage):
    """The parts of pages that tell of sessions, anew, for the script that keeps them fresh."""

    @authenticated
    async def get(self) -> None:
        courses = await self.work(self.shared.desk.courses, self.user_name())
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
        user = self.user_name()
        await self.work(self.shared.desk.course, user, slug)
        await self.shared.sessions.stop(user, slug)
        self.redirect(self.base(slug), status=303)


class MoreTime(PersonalPage):
    @authenticated
    async def post(self, slug: str) -> None:
        user = self.user_name()
        await self.work(self.shared.desk.course, user, slug)
        if refusal := await self.shared.sessions.more(user, slug):
            self.set_status(409)
            self.write_sentence(409, refusal)
        else:
            self.redirect(self.base(slug), status=303)


class SubmissionPage(PersonalPage):
    """What is shown of one submission; subclasses say what."""

    async def look(self, slug: str, submission_id: str) -> tuple[Course, Any, dict[str, object]]:
        user, desk = self.user_name(), self.shared.desk
        course, _ = await self.work(desk.course, user, slug)
        submission = await self.work(desk.submission, user, slug, submission_id)
        values: dict[str, object] = {
            "course": course,
            "back": self.base(slug),
            "address": f"{self.base(slug)}/submissions/{submission_id}",
            "zone": views.zone_words(course),
        }
        return course, submission, values


class ReceiptPage(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        course, submission, values = await self.look(slug, submission_id)
        self.show("receipt.html", **values, **views.receipt(submission, course))


class ReceiptFile(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        _, submission, _ = await self.look(slug, submission_id)
        name = f"receipt-{slug}-{submission_id}.json"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(receipt_json(submission.receipt))


class ArchiveFile(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        user = self.user_name()
        path = await self.work(self.shared.desk.archive, user, slug, submission_id)
        await self.send_file(path, f"{slug}-{submission_id}.zip")


class FeedbackPage(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        course, submission, values = await self.look(slug, submission_id)
        path = await self.work(self.shared.desk.feedback, self.user_name(), slug, submission_id)
        names = await self.work(_html_files, path, self.shared.desk.staff_max_bytes)
        wanted = self.get_query_argument("notebook", names[0] if names else "")
        if names and wanted not in names:
            raise NotFound("There is no feedback on a notebook of this name.")
        address = str(values["address"])
        zone = course.timezone
        self.show(
            "feedback.html",
            **values,
            receipt=submission.receipt,
            title=views.title_of(course, submission.receipt.assignment),
            when=words.short_date(submission.receipt.timestamp, zone),
            released=words.short_date(submission.feedback.released, zone),
            score=views.score(submission.feedback),
            notebooks=[
                {
                    "name": PurePosixPath(name).stem,
                    "address": f"{address}/feedback?notebook={quote(name, safe='')}",
                    "current": name == wanted,
                }
                for name in names
            ],
            shown=f"{address}/feedback/{quote(wanted)}" if names else "",
        )


class FeedbackFile(SubmissionPage):
    """nbgrader's page itself, in a policy under which it is only ink."""

    @authenticated
    async def get(self, slug: str, submission_id: str, name: str) -> None:
        user, desk = self.user_name(), self.shared.desk
        path = await self.work(desk.feedback, user, slug, submission_id)
        if not name.endswith(".html"):
            raise NotFound("Only the pages of the feedback are shown here.")
        try:
            page = await self.work(archives.read, path, name, _MAX_FEEDBACK_PAGE)
        except KeyError:
            raise NotFound("There is no feedback on a notebook of this name.") from None
        self.set_header("Content-Security-Policy", _FEEDBACK_POLICY)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(page)


class NoSuchPage(Page):
    """All addresses that are none."""

    def prepare(self) -> None:
        raise HTTPError(404)

    def check_xsrf_cookie(self) -> None:
        """Nothing happens here that would need it."""


class Callback(Page, HubOAuthCallbackHandler):
    """Where the hub sends people back to after the login."""


def _html_files(path: Path, limit: int) -> list[str]:
    files = archives.inspect(path, Limits(limit))
    return sorted(each.path for each in files if each.path.endswith(".html"))


@cache
def static_version() -> str:
    """Changes when a static file does, so that browsers may keep them."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def routes() -> dict[str, type[Handler]]:
    """The pages' addresses, below the service's prefix."""
    course = r"courses/([^/]+)"
    submission = rf"{course}/submissions/([^/]+)"
    return {
        "": Home,
        "oauth_callback": Callback,
        course: CoursePage,
        "sessions": SessionParts,
        f"{course}/session/stop": StopSession,
        f"{course}/session/more": MoreTime,
        submission: ReceiptPage,
        rf"{submission}/receipt\.json": ReceiptFile,
        rf"{submission}/archive\.zip": ArchiveFile,
        f"{submission}/feedback": FeedbackPage,
        f"{submission}/feedback/(.+)": FeedbackFile,
    }
