"""The API's description for programs: an OpenAPI document, from one table of all operations.

`courses.classroom.api.operations` has the table; a test compares it with the routes.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from typing import Any

from apispec import APISpec

from courses.classroom.api.operations import OPERATIONS, Operation
from courses.classroom.api.schemas import SCHEMAS
from courses.classroom.handlers import Handler

_WORDS = {
    "archive": "What is to be stored, a zip file.",
    "course": "The course's slug.",
    "assignment": "The assignment's name in the course.",
    "submission": "The submission's number, as its receipt has it.",
    "person": "The hub's name of a person.",
    "group": "The name of a group of the course.",
}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(kind: str) -> dict[str, Any]:
    """A body: a schema's name, a list of them (``[Assignment]``), or a media type."""
    if "/" in kind:
        binary = kind == "application/zip"
        schema = {"type": "string", **({"format": "binary"} if binary else {})}
        return {kind: {"schema": schema}}
    if kind.startswith("["):
        return {"application/json": {"schema": {"type": "array", "items": _reference(kind[1:-1])}}}
    return {"application/json": {"schema": _reference(kind)}}


def _described(operation: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(operation.status): {"description": operation.answers_with}
        | ({"content": _content(operation.answer)} if operation.answer else {}),
    }
    if operation.again:
        answers["200"] = {"description": operation.again, "content": _content(operation.answer)}
    answers["default"] = {
        "description": "Nothing was done; the sentence says why.",
        "content": _content("Error"),
    }
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": answers,
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": _WORDS.get(name, "Its number."),
                "schema": {"type": "string"},
            }
            for name in operation.names
        ]
        + [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in operation.query.items()
        ],
    }
    if operation.body:
        found["requestBody"] = {"required": True, "content": _content(operation.body)}
    if operation.open:
        found["security"] = []
    return found


@cache
def document(prefix: str) -> dict[str, Any]:
    """The document of a service that is at this path, ``/services/classroom/``."""
    spec = APISpec(
        title="Lesesal's classroom",
        version=version("lesesal"),
        openapi_version="3.1.0",
        info={"description": "Courses, assignments, hand-ins and feedback."},
        servers=[{"url": prefix.rstrip("/")}],
        security=[{"token": []}],
    )
    spec.components.security_scheme(
        "token",
        {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`token` and a JupyterHub token that may access the classroom.",
        },
    )
    for name, schema in SCHEMAS.items():
        spec.components.schema(name, schema)
    for operation in OPERATIONS:
        spec.path(f"/{operation.path}", operations={operation.method: _described(operation)})
    found: dict[str, Any] = spec.to_dict()
    return found


class Document(Handler):
    """For whoever writes a program against the API; needs no token."""

    async def get(self) -> None:
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(json.dumps(document(self.shared.auth.base_url)))


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {r"openapi\.json": Document}
