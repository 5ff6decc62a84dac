"""Who is in a course: by hand, by roster, by join code."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import segno
from markupsafe import Markup
from tornado.web import HTTPError, authenticated

from courses import joining, roster, words
from courses.classroom import views
from courses.classroom.desks.people import Room
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.course import Course, Role
from courses.errors import Malformed, TooLarge
from courses.joining import CodeState, CodeWish, JoinCode
from courses.language import gettext as _
from courses.roster import Plan, Step
from courses.store.audit import now

PEOPLE = "courses/([^/]+)/people"


class PeoplePage(PersonalPage):
    """What the pages of a course's people have in common."""

    def people(self, slug: str) -> str:
        """The address of the people's page."""
        return f"{self.base(slug)}/people"

    def back(self, slug: str, part: str = "") -> None:
        """Done: show the page again, at one of its parts."""
        self.redirect(f"{self.people(slug)}{part}", status=303)

    def role(self) -> Role:
        """The role that the form names. Raises `Malformed`."""
        try:
            return Role(self.get_body_argument("role", ""))
        except ValueError:
            raise Malformed(_("There is no such role. Go back and choose one.")) from None

    def link(self, code: JoinCode) -> str:
        """The whole address that people open, as this page was opened."""
        auth = self.shared.auth
        host = auth.hub_host or f"{self.request.protocol}://{self.request.host}"
        return f"{host}{auth.hub_prefix}join/{code.code}"


class People(PeoplePage):
    @authenticated
    async def get(self, slug: str) -> None:
        room = await self.work(self.shared.desks.people.room, self.who, slug)
        codes = [
            {**_code(code, room.course), "link": self.link(code), "address": self.codes(slug, code)}
            for code in room.codes
        ]
        self.show(
            "people.html",
            course=room.course,
            back=self.base(slug),
            address=self.people(slug),
            xsrf=self.xsrf,
            zone=views.zone_words(room.course),
            codes=codes,
            roles=[(each.value, words.role(each)) for each in Role],
            code_roles=[(each.value, words.role(each)) for each in joining.CODE_ROLES],
            most_seats=joining.MOST_SEATS,
            **_room(room),
        )

    def codes(self, slug: str, code: JoinCode) -> str:
        return f"{self.people(slug)}/codes/{code.id}"


class Enrol(PeoplePage):
    @authenticated
    async def post(self, slug: str) -> None:
        user = self.get_body_argument("user", "")
        await self.work(self.shared.desks.people.enrol, self.who, slug, user, self.role())
        self.back(slug)


class Remove(PeoplePage):
    @authenticated
    async def post(self, slug: str) -> None:
        user = self.get_body_argument("user", "")
        await self.work(self.shared.desks.people.remove, self.who, slug, user)
        self.back(slug)


class RosterPreview(PeoplePage):
    """What a file would change. It is shown, and nothing is done."""

    @authenticated
    async def post(self, slug: str) -> None:
        files = self.request.files.get("roster", [])
        if len(files) != 1:
            raise Malformed(_("Choose a file first."))
        data, remove = files[0]["body"], bool(self.get_body_argument("remove", ""))
        if len(data) > roster.MAX_BYTES:
            raise TooLarge(_("This file is too large for a roster."))
        preview = self.shared.desks.people.preview
        found = await self.work(preview, self.who, slug, data, remove=remove)
        plan = found.plan
        self.show(
            "roster.html",
            course=found.course,
            back=self.people(slug),
            address=f"{self.people(slug)}/roster/apply",
            xsrf=self.xsrf,
            text=roster.as_csv(found.roster),
            remove=remove,
            basis=plan.basis,
            plan=plan,
            groups=_groups(plan),
            kept=[each.user for each in plan.kept],
        )


class RosterApply(PeoplePage):
    @authenticated
    async def post(self, slug: str) -> None:
        await self.work(
            self.shared.desks.people.apply,
            self.who,
            slug,
            self.get_body_argument("text", "").encode(),
            remove=bool(self.get_body_argument("remove", "")),
            basis=self.get_body_argument("basis", ""),
        )
        self.back(slug)


class MakeCode(PeoplePage):
    @authenticated
    async def post(self, slug: str) -> None:
        room = await self.work(self.shared.desks.people.room, self.who, slug)
        zone = ZoneInfo(room.course.timezone)
        guests = self.get_body_argument("guests_until", "")
        try:
            seats = int(self.get_body_argument("seats", ""))
        except ValueError:
            raise Malformed(_("Say as a number how many seats there are.")) from None
        wish = CodeWish(
            role=self.role(),
            until=_moment(self.get_body_argument("until", ""), zone),
            seats=seats,
            guests_until=_moment(guests, zone) if guests else None,
        )
        await self.work(self.shared.desks.people.make_code, self.who, slug, wish)
        self.back(slug, "#codes")


class RotateCode(PeoplePage):
    @authenticated
    async def post(self, slug: str, code_id: str) -> None:
        desk = self.shared.desks.people
        await self.work(desk.rotate_code, self.who, slug, _number(code_id))
        self.back(slug, "#codes")


class CloseCode(PeoplePage):
    @authenticated
    async def post(self, slug: str, code_id: str) -> None:
        desk = self.shared.desks.people
        await self.work(desk.close_code, self.who, slug, _number(code_id))
        self.back(slug, "#codes")


class Wall(PeoplePage):
    """The link in large, to be projected."""

    @authenticated
    async def get(self, slug: str, code_id: str) -> None:
        desk = self.shared.desks.people
        course, code = await self.work(desk.code, self.who, slug, _number(code_id))
        link = self.link(code)
        self.show(
            "wall.html",
            course=course,
            back=f"{self.people(slug)}#codes",
            link=link.partition("//")[2],
            code=joining.spaced(code.code),
            drawing=Markup(drawing(link)),  # noqa: S704  segno's own, of an address in ASCII
            zone=views.zone_words(course),
            **_code(code, course),
        )


class TakeHome(PersonalPage):
    """All that a person handed in."""

    @authenticated
    async def get(self) -> None:
        archive = await self.work(self.shared.desks.people.take_home, self.who)
        await self.send_file(archive, f"lesesal-{self.user_name()}.zip")


def drawing(link: str) -> str:
    """A QR code as SVG, dark on light whatever the page is: that is what cameras expect."""
    return segno.make(link, error="m", micro=False).svg_inline(
        border=4, omitsize=True, dark="#000", light="#fff", svgclass="qr"
    )


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """What a browser's field for a date and time gives, in the course's zone."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None and 2000 <= found.year < 2200:
            return found.replace(tzinfo=zone)
    except ValueError:
        pass
    raise Malformed(_("Give the end as a date and a time: 2026-11-27T16:00.")) from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPError(404)
    return int(text)


def _room(room: Room) -> views.View:
    return {
        "changes": room.changes,
        "members": [
            {
                "user": each.user,
                "shown": room.guests.get(each.user, ""),
                "role": each.role.value,
                "role_words": words.role(each.role),
                "since": words.short_date(each.since, room.course.timezone),
                "by_code": each.by_code,
            }
            for each in room.members
        ],
    }


def _code(code: JoinCode, course: Course) -> views.View:
    wish, zone = code.wish, course.timezone
    state = code.state(now())
    return {
        "role": words.role(wish.role),
        "until": words.short_date(wish.until, zone),
        "guests_until": words.short_date(wish.guests_until, zone) if wish.guests_until else "",
        "used": code.used,
        "seats": wish.seats,
        "open": state is CodeState.OPEN,
        "closed": state is CodeState.CLOSED,
        "state": {
            CodeState.OPEN: _("open"),
            CodeState.FULL: _("full"),
            CodeState.OVER: _("over"),
            CodeState.CLOSED: _("closed"),
        }[state],
    }


def _groups(plan: Plan) -> list[views.View]:
    """The changes of a roster, by kind."""
    heads = {
        "new": _("New in the course"),
        "role": _("Another role"),
        "removed": _("Leave the course; what they handed in stays"),
    }
    groups: list[views.View] = []
    for kind, head in heads.items():
        steps = [_step(each) for each in plan.steps if each.kind == kind]
        if steps:
            groups.append({"head": head, "steps": steps})
    return groups


def _step(step: Step) -> views.View:
    return {
        "user": step.user,
        "before": words.role(step.before) if step.before else "",
        "after": words.role(step.after) if step.after else "",
    }


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        r"take-home\.zip": TakeHome,
        PEOPLE: People,
        f"{PEOPLE}/enrol": Enrol,
        f"{PEOPLE}/remove": Remove,
        f"{PEOPLE}/roster": RosterPreview,
        f"{PEOPLE}/roster/apply": RosterApply,
        f"{PEOPLE}/codes": MakeCode,
        f"{PEOPLE}/codes/([^/]+)": Wall,
        f"{PEOPLE}/codes/([^/]+)/rotate": RotateCode,
        f"{PEOPLE}/codes/([^/]+)/close": CloseCode,
    }
