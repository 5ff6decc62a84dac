"""The Formgrader: its pages are nbgrader's, made by a program of its own (`courses.formgrader`).

The classroom asks who comes, sets the pages' policy, keeps on record what changes, and adds what a
student says about the grade.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, unquote

from tornado.web import StaticFileHandler, authenticated

from courses import formgrader
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.classroom.pages.complaints import complaint

# What a student handed in is on these pages: nothing of it runs or loads, whatever the cleaning
# (courses.coursedir.harmless) may have missed. The pages send no form, and none other frames them.
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_STATIC = "static/formgrader"


class FormgraderPage(PersonalPage):
    """All that is below a course's ``formgrader/``."""

    def _set_policy(self) -> None:
        self.set_header("Content-Security-Policy", _POLICY.format(nonce=self._nonce))
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")

    @authenticated
    async def get(self, slug: str, address: str) -> None:
        look = self.shared.desks.formgrader.look
        directory = await self.work(look, self.who, slug, address or "/")
        await self._pass_on(slug, directory, address)

    @authenticated
    async def post(self, slug: str, address: str) -> None:
        await self._change(slug, address)

    @authenticated
    async def put(self, slug: str, address: str) -> None:
        await self._change(slug, address)

    async def _change(self, slug: str, address: str) -> None:
        directory = await self.work(self.shared.desks.formgrader.change, self.who, slug)
        await self._pass_on(slug, directory, address)

    async def _pass_on(self, slug: str, directory: Path, address: str) -> None:
        request = self.request
        query = f"?{request.query}" if request.query else ""
        answer = await self.shared.formgraders.ask(
            *(slug, directory, f"formgrader{quote(address) or '/'}{query}"),
            method=request.method or "GET",
            headers={
                formgrader.BASE: self.base(slug),
                formgrader.STATIC: f"{self.shared.auth.base_url}{_STATIC}",
                formgrader.NONCE: self._nonce,
                formgrader.XSRF: self.xsrf,
            },
            body=None if request.method == "GET" else request.body,
        )
        student = unquote(answer.headers.get(formgrader.STUDENT, ""))
        assignment = unquote(answer.headers.get(formgrader.ASSIGNMENT, ""))
        if told := answer.headers.get(formgrader.CHANGED):
            changed = self.shared.desks.formgrader.changed
            facts = json.loads(unquote(told))
            await self.work(changed, self.who, slug, student, assignment, facts)
        self.set_status(answer.code, answer.reason)
        self.set_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        if location := answer.headers.get("Location"):
            self.set_header("Location", location)
        mark = formgrader.notes_mark(self._nonce)
        page = answer.body or b""
        if student and mark in page:
            page = page.replace(mark, await self._notes(slug, student, assignment), 1)
        self.finish(page)

    async def _notes(self, slug: str, student: str, assignment: str) -> bytes:
        """What the student says about the grade, as HTML."""
        found = self.shared.desks.formgrader.complaints
        course, complaints = await self.work(found, slug, assignment, student)
        if not complaints:
            return b""
        shown = [complaint(each, course, self.base(slug)) for each in complaints]
        template = self.shared.templates.get_template("formgrader-notes.html")
        return template.render(complaints=shown).encode()

    def write_sentence(self, status: int, message: str) -> None:
        if self.request.path.partition("/formgrader/")[2].startswith("api/"):
            Handler.write_sentence(self, status, message)
        else:
            super().write_sentence(status, message)


def statics() -> list[tuple[str, type[StaticFileHandler], dict[str, str]]]:
    """The Formgrader's scripts and styles, which are everybody's: nbgrader's, and ours."""
    ours = Path(formgrader.__file__).parent / "static"
    places = find_spec("nbgrader")
    assert places is not None  # noqa: S101  it is a dependency
    assert places.submodule_search_locations is not None  # noqa: S101  it is a package
    nbgraders = Path(places.submodule_search_locations[0]) / "server_extensions/formgrader/static"
    return [
        (f"{_STATIC}/ours/(.*)", StaticFileHandler, {"path": str(ours)}),
        (f"{_STATIC}/(.*)", StaticFileHandler, {"path": str(nbgraders)}),
    ]


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"courses/([^/]+)/formgrader(/.*|)": FormgraderPage}
