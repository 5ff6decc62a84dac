"""Deadlines of a course, for its staff: extensions, and the groups they are given to."""

from __future__ import annotations

from urllib.parse import quote

from tornado.web import authenticated

from courses.classroom import deadline_views
from courses.classroom.desks.deadlines import Plan, Whom
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.classroom.statuses import status_of
from courses.classroom.views import View
from courses.deadlines import moment
from courses.errors import Malformed, Refused
from courses.language import gettext as _
from courses.store.audit import now


class DeadlinePage(PersonalPage):
    """The page, and what its forms have in common."""

    @authenticated
    async def get(self, slug: str) -> None:
        plan = await self.plan(slug)
        name, whom = (self.get_query_argument(each, "") for each in ("assignment", "whom"))
        self.show_page(plan, deadline_views.chosen(plan, name, whom))

    async def plan(self, slug: str) -> Plan:
        return await self.work(self.shared.desks.deadlines.plan, self.who, slug)

    def show_page(self, plan: Plan, chosen: View, problem: str = "") -> None:
        address = f"{self.base(plan.course.slug)}/deadlines"
        self.show(
            "deadlines.html",
            back=self.base(plan.course.slug),
            address=address,
            xsrf=self.xsrf,
            problem=problem,
            **deadline_views.page(plan, now(), chosen),
        )

    async def refuse(self, slug: str, error: Malformed | Refused, chosen: View | None) -> None:
        """The page again, with what was typed and what is wrong with it."""
        plan = await self.plan(slug)
        self.set_status(status_of(error))
        self.show_page(plan, chosen or deadline_views.chosen(plan, "", ""), str(error))

    def done(self, slug: str, place: str) -> None:
        self.redirect(f"{self.base(slug)}/deadlines#{quote(place)}", status=303)

    def whom(self) -> Whom:
        """Who is chosen in the form; raises `Malformed`."""
        kind, _colon, name = self.get_body_argument("whom", "").partition(":")
        match kind:
            case "person" if name:
                return Whom(user=name)
            case "group" if name:
                return Whom(group=name)
        raise Malformed(_("Choose a person or a group."))


class Extend(DeadlinePage):
    @authenticated
    async def post(self, slug: str) -> None:
        desk = self.shared.desks.deadlines
        typed = {
            name: self.get_body_argument(name, "")
            for name in ("assignment", "whom", "due", "reason")
        }
        await self.work(desk.check, self.who, slug)
        try:
            await self.work(
                desk.extend,
                self.who,
                slug,
                typed["assignment"],
                self.whom(),
                lambda zone: moment(typed["due"], zone),
                typed["reason"],
            )
        except Malformed as error:
            await self.refuse(slug, error, {**typed})
        else:
            self.done(slug, "extensions")


class Withdraw(DeadlinePage):
    @authenticated
    async def post(self, slug: str) -> None:
        desk, name = self.shared.desks.deadlines, self.get_body_argument("assignment", "")
        await self.work(desk.check, self.who, slug)
        await self.work(desk.withdraw, self.who, slug, name, self.whom())
        self.done(slug, "extensions")


class PutGroup(DeadlinePage):
    @authenticated
    async def post(self, slug: str) -> None:
        desk, name = self.shared.desks.deadlines, self.get_body_argument("name", "")
        members = self.get_body_argument("members", "").replace(",", " ").split()
        try:
            await self.work(desk.put_group, self.who, slug, name, members)
        except Malformed as error:
            await self.refuse(slug, error, None)
        else:
            self.done(slug, "groups")


class RemoveGroup(DeadlinePage):
    @authenticated
    async def post(self, slug: str) -> None:
        desk, name = self.shared.desks.deadlines, self.get_body_argument("name", "")
        try:
            await self.work(desk.remove_group, self.who, slug, name)
        except (Malformed, Refused) as error:
            await self.refuse(slug, error, None)
        else:
            self.done(slug, "groups")


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    base = "courses/([^/]+)/deadlines"
    return {
        base: DeadlinePage,
        f"{base}/extend": Extend,
        f"{base}/withdraw": Withdraw,
        f"{base}/group": PutGroup,
        f"{base}/remove-group": RemoveGroup,
    }
