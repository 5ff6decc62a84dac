"""A running session as JupyterLab uses it: a kernel, and nbgrader's list of assignments."""

from __future__ import annotations

import json
import secrets
from typing import Any

from courses.site.front import Front, Trouble

CELL, RESULT = "1 + 1", "2"


class Kernel:
    """A kernel of the session."""

    def __init__(self, front: Front, base: str, kernel: str) -> None:
        self._front = front
        self._path = f"{base}api/kernels/{kernel}/channels"

    @classmethod
    async def start(cls, front: Front, base: str) -> Kernel:
        """Start one. Raises `Trouble`."""
        answer = await front.get("Starting a kernel", "POST", f"{base}api/kernels", {})
        return cls(front, base, str(answer.json()["id"]))

    async def run(self, code: str) -> str:
        """The text of the code's result; empty without one. Raises `Trouble`."""
        talk = secrets.token_hex(8)
        async with self._front.websocket(f"{self._path}?session_id={talk}") as socket:
            message = _request(talk, code)
            await socket.send_str(json.dumps(message))
            result = ""
            async for received in socket:
                told = json.loads(received.data)
                if told.get("parent_header", {}).get("msg_id") != message["header"]["msg_id"]:
                    continue
                kind, content = told["msg_type"], told["content"]
                if kind == "error":
                    raise Trouble(f"The cell failed: {content['ename']}: {content['evalue']}")
                if kind == "execute_result":
                    result = content["data"]["text/plain"]
                # The reply and the result come over channels that do not wait for each other.
                if kind == "status" and content["execution_state"] == "idle":
                    return result
        raise Trouble("The kernel's connection was closed before the cell was answered.")


def _request(talk: str, code: str) -> dict[str, Any]:
    header = {"msg_id": secrets.token_hex(8), "msg_type": "execute_request", "session": talk}
    return {
        "header": {**header, "username": "", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "content": {"code": code, "silent": False, "allow_stdin": False},
    }


class Assignments:
    """nbgrader's list of a course's assignments, with its buttons."""

    def __init__(self, front: Front, base: str, course: str) -> None:
        self._front = front
        self._path = f"{base}assignments"
        self._course = course

    async def fetch(self, name: str) -> str:
        """Fetch an assignment; the new folder, or empty when it was there before.

        Raises `Trouble`.
        """
        listed = await self._front.get(
            "The list of assignments", "GET", self._path, course_id=self._course
        )
        if _entry(listed.json(), name, "fetched"):
            return ""
        told = await self._press("fetch", name)
        found = _entry(told, name, "fetched")
        if found is None:
            raise Trouble("nbgrader did not fetch the assignment; the session's log says why.")
        return str(found["path"])

    async def submit(self, name: str) -> None:
        """Hand the fetched folder in. Raises `Trouble`."""
        await self._press("submit", name)

    async def _press(self, action: str, name: str) -> Any:
        body = {"course_id": self._course, "assignment_id": name}
        what = f"nbgrader's button {action}"
        return _value((await self._front.get(what, "POST", f"{self._path}/{action}", body)).json())


def _value(told: Any) -> Any:
    """The list; nbgrader answers what went wrong with a traceback, whose last line says it."""
    if not told.get("success"):
        lines = str(told.get("value", "")).strip().splitlines() or ["nbgrader did not say why."]
        raise Trouble(lines[-1].rpartition("Error: ")[2].strip())
    return told["value"]


def _entry(told: Any, name: str, status: str) -> dict[str, Any] | None:
    listed = _value(told) if isinstance(told, dict) else told
    for entry in listed:
        if entry.get("assignment_id") == name and entry.get("status") == status:
            return dict(entry)
    return None
