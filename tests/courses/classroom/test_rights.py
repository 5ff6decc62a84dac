"""Who may do what: every route of the classroom, by every role, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from classroom_world import ARCHIVE, CODE, EXTENSION, GROUP, ROLES, SAID, TEXT, Person, World
from tornado.web import RequestHandler

from courses.classroom import api, pages

if TYPE_CHECKING:
    from conftest import Classroom

# The last column is what is sent: a name in `BODIES`.
TABLE = """
                                                                                  nobody outsider student another assistant instructor elsewhere operator
GET    api/openapi.json                                                              200      200     200     200       200        200       200      200
GET    api/health                                                                    200      200     200     200       200        200       200      200
GET    api/receipt-keys                                                              200      200     200     200       200        200       200      200
GET    api/courses                                                                   403      200     200     200       200        200       200      200

GET    api/courses/{course}/assignments                                              403      403     200     200       200        200       403      403
GET    api/courses/{course}/announcements                                            403      403     200     200       200        200       403      403
GET    api/courses/{course}/directory                                                403      403     403     403       200        200       403      403
GET    api/courses/{course}/audit                                                    403      403     403     403       200        200       403      200
GET    api/courses/{course}/grades                                                   403      403     403     403       200        200       403      200
GET    api/courses/{course}/assignments/{assignment}/release                         403      403     200     200       200        200       403      403
PUT    api/courses/{course}/assignments/{assignment}/release                         403      403     403     403       403        201       403      403  archive
DELETE api/courses/{course}/assignments/{assignment}/release                         403      403     403     403       403        204       403      403
GET    api/courses/{course}/assignments/{assignment}/submissions                     403      403     403     403       200        200       403      200
POST   api/courses/{course}/assignments/{assignment}/submissions                     403      403     200     201       201        201       403      403  archive
GET    api/courses/{course}/submissions/{submission}                                 403      403     200     403       200        200       403      200
GET    api/courses/{course}/submissions/{submission}/receipt                         403      403     200     403       200        200       403      200
PUT    api/courses/{course}/submissions/{ungraded}/choice                            403      403     204     403       403        403       403      403
DELETE api/courses/{course}/submissions/{ungraded}/choice                            403      403     204     403       403        403       403      403
GET    api/courses/{course}/submissions/{submission}/feedback                        403      403     200     403       200        200       403      200
PUT    api/courses/{course}/submissions/{submission}/feedback                        403      403     403     403       201        201       403      403  archive
GET    api/courses/{course}/assignments/{assignment}/grading                         403      403     403     403       200        200       403      200
POST   api/courses/{course}/assignments/{assignment}/grading                         403      403     403     403       202        202       403      403
DELETE api/courses/{course}/assignments/{assignment}/grading                         403      403     403     403       404        404       403      403
POST   api/courses/{course}/assignments/{assignment}/publish                         403      403     403     403       202        202       403      403
GET    api/courses/{course}/extensions                                               403      403     403     403       200        200       403      200
PUT    api/courses/{course}/assignments/{assignment}/extensions/people/{person}      403      403     403     403       200        200       403      403  extension
DELETE api/courses/{course}/assignments/{assignment}/extensions/people/{extended}    403      403     403     403       204        204       403      403
GET    api/courses/{course}/assignments/{assignment}/lateness                        403      403     403     403       200        200       403      200
GET    api/courses/{course}/groups                                                   403      403     403     403       200        200       403      200
PUT    api/courses/{course}/groups/lab                                               403      403     403     403       200        200       403      403  group
DELETE api/courses/{course}/groups/{group}                                           403      403     403     403       204        204       403      403

GET    {}                                                                            302      200     200     200       200        200       200      200
GET    sessions                                                                      302      200     200     200       200        200       200      200
GET    me/data.zip                                                                   302      200     200     200       200        200       200      200
GET    take-home.zip                                                                 302      200     200     200       200        200       200      200
GET    language/en                                                                   303      303     303     303       303        303       303      303

GET    courses/{course}                                                              302      403     200     200       200        200       403      403
POST   courses/{course}/session/stop                                                 403      403     303     303       303        303       403      403
POST   courses/{course}/session/more                                                 403      403     409     409       409        409       403      403
GET    courses/{course}/submissions/{submission}                                     302      403     200     403       200        200       403      200
GET    courses/{course}/submissions/{submission}/receipt.json                        302      403     200     403       200        200       403      200
GET    courses/{course}/submissions/{submission}/archive.zip                         302      403     200     403       200        200       403      200
POST   courses/{course}/submissions/{ungraded}/choice                                403      403     303     403       403        403       403      403
GET    courses/{course}/submissions/{submission}/feedback                            302      403     200     403       200        200       403      200
GET    courses/{course}/submissions/{submission}/feedback/{file}                     302      403     200     403       200        200       403      200
GET    courses/{course}/submissions/{submission}/complaint                           302      403     200     403       200        200       403      200
POST   courses/{course}/submissions/{submission}/complaint                           403      403     303     403       403        403       403      403  text

GET    courses/{course}/complaints                                                   302      403     403     403       200        200       403      200
POST   courses/{course}/complaints/{complaint}/answer                                403      403     403     403       303        303       403      403  text
GET    courses/{course}/formgrader/gradebook                                         302      403     403     403       404        404       403      404
POST   courses/{course}/formgrader/api/submitted_notebook/1/flag                     403      403     403     403       404        404       403      403
PUT    courses/{course}/formgrader/api/grade/1                                       403      403     403     403       404        404       403      403
GET    courses/{course}/announcements                                                302      403     403     403       200        200       403      403
POST   courses/{course}/announcements                                                403      403     403     403       303        303       403      403  said
POST   courses/{course}/announcements/{announcement}/take-down                       403      403     403     403       303        303       403      403
GET    courses/{course}/audit                                                        302      403     403     403       200        200       403      200
GET    courses/{course}/history/{person}                                             302      403     403     403       200        200       403      200
GET    courses/{course}/live                                                         302      403     403     403       200        200       403      403
GET    courses/{course}/grades.csv                                                   302      403     403     403       200        200       403      200
GET    courses/{course}/grades.json                                                  302      403     403     403       200        200       403      200
GET    courses/{course}/assignments/{assignment}                                     302      403     403     403       200        200       403      200
GET    courses/{course}/assignments/{assignment}/plots/hand-ins.svg                  302      403     403     403       200        200       403      200
GET    courses/{course}/assignments/{assignment}/plots/tasks.svg                     302      403     403     403       404        404       403      404
GET    courses/{course}/assignments/{assignment}/plots/scores.svg                    302      403     403     403       200        200       403      200
GET    courses/{course}/assignments/{assignment}/outcomes                            302      403     403     403       200        200       403      200
GET    courses/{course}/assignments/{assignment}/progress                            302      403     403     403       200        200       403      403
GET    courses/{course}/assignments/{assignment}/publish                             302      403     403     403       200        200       403      200
POST   courses/{course}/assignments/{assignment}/publish                             403      403     403     403       303        303       403      403
GET    courses/{course}/assignments/{assignment}/preview                             302      403     403     403       200        200       403      200
POST   courses/{course}/assignments/{assignment}/preview                             403      403     403     403       303        303       403      403
POST   courses/{course}/assignments/{assignment}/tests                               403      403     403     403       303        303       403      403
POST   courses/{course}/assignments/{assignment}/collect                             403      403     403     403       303        303       403      403
POST   courses/{course}/assignments/{assignment}/grade                               403      403     403     403       303        303       403      403
POST   courses/{course}/assignments/{assignment}/stop                                403      403     403     403       404        404       403      403
POST   courses/{course}/assignments/{assignment}/take-back                           403      403     403     403       403        303       403      403
POST   courses/{course}/assignments/{assignment}/release                             403      403     403     403       403        404       403      403
GET    courses/{course}/source                                                       302      403     403     403       403        200       403      403
POST   courses/{course}/source                                                       403      403     403     403       403        404       403      403
GET    courses/{course}/people                                                       302      403     403     403       200        200       403      200
POST   courses/{course}/people/enrol                                                 403      403     403     403       403        303       403      303  enrolment
POST   courses/{course}/people/remove                                                403      403     403     403       403        303       403      303  person
POST   courses/{course}/people/roster                                                403      403     403     403       403        200       403      200  roster
POST   courses/{course}/people/roster/apply                                          403      403     403     403       403        409       403      409  plan
POST   courses/{course}/people/codes                                                 403      403     403     403       403        303       403      303  code
GET    courses/{course}/people/codes/{code}                                          302      403     403     403       403        200       403      200
POST   courses/{course}/people/codes/{code}/rotate                                   403      403     403     403       403        303       403      303
POST   courses/{course}/people/codes/{code}/close                                    403      403     403     403       403        303       403      303
GET    courses/{course}/deadlines                                                    302      403     403     403       200        200       403      200
GET    courses/{course}/deadlines/extend                                             302      403     403     403       200        200       403      200
GET    courses/{course}/deadlines/withdraw                                           302      403     403     403       200        200       403      200
GET    courses/{course}/deadlines/group                                              302      403     403     403       200        200       403      200
GET    courses/{course}/deadlines/remove-group                                       302      403     403     403       200        200       403      200
POST   courses/{course}/deadlines/extend                                             403      403     403     403       303        303       403      403  longer
POST   courses/{course}/deadlines/withdraw                                           403      403     403     403       404        404       403      403  longer
POST   courses/{course}/deadlines/group                                              403      403     403     403       303        303       403      403  lab
POST   courses/{course}/deadlines/remove-group                                       403      403     403     403       404        404       403      403  lab
"""  # noqa: E501

BODIES: dict[str, dict[str, Any]] = {
    "": {},
    "archive": {"content": ARCHIVE},
    "extension": {"json": EXTENSION},
    "group": {"json": GROUP},
    "text": {"data": TEXT},
    "said": {"data": SAID},
    "code": {"data": CODE},
    "person": {"data": {"user": "another"}},
    "enrolment": {"data": {"user": "dan", "role": "student"}},
    "roster": {"files": {"roster": ("roster.csv", b"user,role\ndan,student\n")}},
    "plan": {"data": {"text": "user,role\r\ndan,student\r\n", "basis": "another"}},
    "longer": {
        "data": {
            "assignment": "lenses",
            "whom": "person:student",
            "due": "2100-02-01T12:00",
            "reason": "ill",
        }
    },
    "lab": {"data": {"name": "lab", "members": "student"}},
}
# Addresses that ask nothing of anybody: JupyterHub's own, and those that are none.
OUTSIDE = {"oauth_callback", "api(?:/.*)?"}


@dataclass(frozen=True)
class Row:
    method: str
    address: str
    statuses: dict[str, int]
    body: str


def rows() -> Iterator[Row]:
    for line in TABLE.strip().splitlines()[1:]:
        if not line:
            continue
        method, address, *cells = line.split()
        statuses, body = cells[: len(ROLES)], cells[len(ROLES) :]
        assert len(statuses) == len(ROLES), line
        yield Row(
            method,
            address,
            {role: int(status) for role, status in zip(ROLES, statuses, strict=True)},
            *(body or [""]),
        )


ROWS = list(rows())


def test_the_table_has_every_route_and_method() -> None:
    routes = {
        (method, address)
        for address, handler in {**api.routes(), **pages.routes()}.items()
        for method in RequestHandler.SUPPORTED_METHODS
        if getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())
    }
    named = {
        (row.method, route)
        for row in ROWS
        for route in {*api.routes(), *pages.routes()} - OUTSIDE
        if re.fullmatch(route, row.address.strip("{}") if row.address == "{}" else row.address)
    }
    assert named == {(method, route) for method, route in routes if route not in OUTSIDE}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.address}")
def test_rights(classroom: Classroom, clients: dict[str, Person], row: Row) -> None:
    world = World(classroom, clients)
    found = {}
    for role, expected in row.statuses.items():
        address = world.address(row.address) if row.address != "{}" else ""
        answer = clients[role].request(row.method, address, **BODIES[row.body])
        found[role] = answer.status_code
        assert "Traceback" not in answer.text
        if (
            row.method != "GET" and expected < 400
        ):  # what it has changed is the next one's to change
            world = World(classroom, clients)
    assert found == row.statuses
