"""The API's own description is complete, and what it says is true, also under nonsense."""

from __future__ import annotations

import copy
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hubs
import pytest
import requests
import schemathesis
from classroom_world import ARCHIVE, ROLES, Person, World
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tornado.web import RequestHandler

from courses.classroom import api
from courses.classroom.api.openapi import document

if TYPE_CHECKING:
    from conftest import Classroom

PREFIX = "/services/classroom/"
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]

# What is sent for an archive: a right one, one that was cut or changed on the way, and no archive.
schemathesis.openapi.media_type(
    "application/zip",
    st.one_of(
        st.just(ARCHIVE),
        st.integers(0, len(ARCHIVE)).map(lambda end: ARCHIVE[:end]),
        st.tuples(st.integers(0, len(ARCHIVE) - 1), st.integers(0, 255)).map(
            lambda change: ARCHIVE[: change[0]] + bytes([change[1]]) + ARCHIVE[change[0] + 1 :]
        ),
        st.binary(max_size=200),
    ),
)
schemathesis.serializer.alias("application/zip", "application/octet-stream")


def test_every_route_and_method_is_in_the_document() -> None:
    known = {route: handler for route, handler in api.routes().items() if "(?:" not in route}
    routes = {
        (method.lower(), address)
        for address, handler in known.items()
        for method in RequestHandler.SUPPORTED_METHODS
        if getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())
    }
    described = [
        (method, path.removeprefix("/"))
        for path, operations in document(PREFIX)["paths"].items()
        for method in operations
    ]
    found = [
        [(method, route) for route in sorted(known) if re.fullmatch(route, path)]
        for method, path in described
    ]
    assert all(len(each) == 1 for each in found), "an operation that no route answers"
    assert {route for [route] in found} == routes


def test_it_is_published(classroom: Classroom, clients: dict[str, Person]) -> None:
    assert clients["nobody"].get("api/openapi.json").json() == document(PREFIX)


def fuzzed(world: World) -> schemathesis.BaseSchema:
    """The document as nobody keeps to it: other values too, and this world's names in between."""
    found: dict[str, Any] = copy.deepcopy(document(PREFIX))
    for operations in found["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] in world.names:
                    known = {"enum": [world.names[parameter["name"]]]}
                    parameter["schema"] = {"anyOf": [known, parameter["schema"]]}
                elif parameter["in"] == "query":
                    parameter["schema"] = {"anyOf": [parameter["schema"], {"type": "string"}]}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                body["schema"] = {"anyOf": [body["schema"], {}]}
    return schemathesis.openapi.from_dict(found)


def beside_the_store(home: Path) -> dict[str, str]:
    """All files of the state folder that are none of the store's or the hub's, by digest."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.rglob("*")
        if path.is_file()
        and path.relative_to(home).parts[0] != "blobs"
        and not path.name.startswith(("classroom.sqlite", "jupyterhub"))
        and path.suffix != ".log"
    }


def fuzz(classroom: Classroom, clients: dict[str, Person], role: str, examples: int) -> None:
    """Send nonsense to every operation, as somebody of this role."""
    world = World(classroom, clients)
    schema = fuzzed(world)
    before = beside_the_store(classroom.home)
    base = classroom.direct.rstrip("/")
    headers = {
        name: value
        for name, value in clients[role].program.headers.items()
        if name.lower() == "authorization"
    }
    with requests.Session() as session:
        for result in schema.get_all_operations():

            @given(case=result.ok().as_strategy())
            @settings(
                max_examples=examples,
                database=None,
                deadline=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def send(case: schemathesis.Case) -> None:
                answer = case.call(base_url=base, headers=headers, session=session, timeout=60)
                assert b"Traceback" not in answer.content
                case.validate_response(answer, checks=CHECKS)

            send()
    assert beside_the_store(classroom.home) == before
    incoming = classroom.home / "blobs" / "incoming"
    # What was refused is removed after the answer.
    hubs.until(lambda: not list(incoming.iterdir()), "nothing is left of what came in")


@pytest.mark.parametrize("role", ["nobody", "student", "instructor", "operator"])
def test_nonsense_is_refused_in_sentences(
    classroom: Classroom, clients: dict[str, Person], role: str
) -> None:
    fuzz(classroom, clients, role, 4)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("role", ROLES)
def test_much_nonsense_is(classroom: Classroom, clients: dict[str, Person], role: str) -> None:
    fuzz(classroom, clients, role, 100)
