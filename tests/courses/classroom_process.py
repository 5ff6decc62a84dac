"""A classroom as a process of its own, with the real engine, in which a class has handed in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from classroom_kit import enrol, zipped
from grading_kit import answered, author
from killing.hub_stand_in import token
from killing.victims import ClassroomProcess

from courses.coursedir.sync import sync
from courses.store import Store

SLUG = "optics"
LENSES = f"api/courses/{SLUG}/assignments/lenses"
SECONDS = 240


@dataclass(frozen=True)
class Taught:
    """A course of one assignment of 2 points."""

    classroom: ClassroomProcess
    home: Path

    def client(self, user: str) -> httpx.Client:
        """A program that speaks to the classroom as this person."""
        return httpx.Client(
            base_url=self.classroom.url,
            headers={"Authorization": f"token {token(user)}"},
            timeout=60,
        )

    def hand_in(self, user: str, answer: str) -> None:
        with self.client(user) as program:
            released = program.get(f"{LENSES}/release").raise_for_status().content
            content = zipped({"nb.ipynb": answered(released, answer).encode()})
            program.post(f"{LENSES}/submissions", content=content).raise_for_status()

    def grade(self) -> None:
        """Press the button."""
        with self.client("ada") as ada:
            ada.post(f"{LENSES}/grading").raise_for_status()

    def state(self) -> dict[str, Any]:
        """The newest run, and what came of each person's work."""
        with self.client("ada") as ada:
            return dict(ada.get(f"{LENSES}/grading").raise_for_status().json())

    def line(self) -> str:
        """What the assignment's page shows of the run, as text."""
        with self.client("ada") as ada:
            far = ada.get(f"courses/{SLUG}/assignments/lenses/progress").raise_for_status().json()
        return " ".join(re.sub("<[^>]*>", " ", far["html"]).split())

    def until(self, happened: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Until a run is so."""
        deadline = time.monotonic() + SECONDS
        while not happened(found := self.state()):
            assert time.monotonic() < deadline, (found, self.classroom.log.read_text()[-3000:])
            time.sleep(0.2)
        return found

    def over(self) -> dict[str, Any]:
        """Until the run is over."""
        return self.until(lambda found: found["run"]["state"] not in ("waiting", "running"))


def taught(home: Path, classroom: ClassroomProcess, people: list[str], more: str = "") -> Taught:
    """A course with these students in it, released; the classroom is started.

    Args:
        more: of course.toml, about its assignment.
    """
    author(home / "course", SLUG, "assert focus == 2")
    with (home / "course" / "course.toml").open("a") as toml:
        toml.write(more)
    store = Store.of_home(home)
    sync(store, home / "course", actor="ada", release=True)
    enrol(store, SLUG, ada="instructor", **dict.fromkeys(people, "student"))
    store.close()
    classroom.start()
    return Taught(classroom, home)


def scores(found: dict[str, Any]) -> dict[str, tuple[str, float]]:
    """By person, the state and the score."""
    return {each["user"]: (each["state"], each["score"]) for each in found["outcomes"]}
