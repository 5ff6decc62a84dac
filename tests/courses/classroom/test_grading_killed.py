"""A classroom that is killed while it grades: the run goes on when it is there again."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from classroom_process import Taught, scores, taught
from killing.hub_stand_in import hub_stand_in
from killing.victims import ClassroomProcess

from courses.store import default_url

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PEOPLE = [f"student{number}" for number in range(1, 9)]


def test_a_run_goes_on_when_the_classroom_is_there_again(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(hub_stand_in())
        classroom = ClassroomProcess(tmp_path, default_url(tmp_path), hub)
        stack.callback(classroom.end)
        room: Taught = taught(tmp_path, classroom, PEOPLE)
        for number, user in enumerate(PEOPLE):
            room.hand_in(user, f"import time; time.sleep(1)\nfocus = {2 + number % 2}")
        room.grade()
        room.until(lambda found: found["run"]["done"] >= 1)
        classroom.kill()
        assert room.state()["run"]["state"] in ("waiting", "running")
        found = room.over()
    assert (found["run"]["state"], found["run"]["says"]) == ("done", "")
    expected = {user: ("graded", 2.0 - 2 * (number % 2)) for number, user in enumerate(PEOPLE)}
    assert scores(found) == expected
