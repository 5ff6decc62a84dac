"""A course with an environment of its own is graded in that, with what only it has."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from classroom_process import scores, taught
from deployed import CHECKOUT
from environment_kit import Site, pins
from killing.hub_stand_in import hub_stand_in
from killing.victims import ClassroomProcess

from courses.store import default_url

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ENVIRONMENT = '[environment]\nrequirements = "requirements.txt"\n'
# Only the course's environment has this package.
ANSWER = "import sys, iniconfig\nfocus = 2 if {folder!r} in sys.prefix else 0"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A course whose environment is not built yet, with this release's session side."""
    site = Site(tmp_path / "course", tmp_path / "environments", CHECKOUT)
    site.course.mkdir()
    (site.course / "requirements.txt").write_text(pins("dev.txt", "iniconfig"))
    yield site
    # What is sealed is its owner's to remove only once it may be written.
    for place, _, _ in os.walk(site.root):
        Path(place).chmod(0o700)


def test_a_course_is_graded_in_its_environment(site: Site, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(hub_stand_in())
        option = f"--Grading.environments={site.root}"
        classroom = ClassroomProcess(tmp_path, default_url(tmp_path), hub, option)
        stack.callback(classroom.end)
        room = taught(tmp_path, classroom, ["student1"], ENVIRONMENT)
        room.hand_in("student1", ANSWER.format(folder=str(site.root)))
        room.grade()
        found = room.over()
        assert found["run"]["state"] == "failed"
        assert "lesesal env build" in found["run"]["says"]
        built = site.build(only_mine=True).folder
        assert built.is_relative_to(site.root)
        room.grade()
        found = room.over()
        assert (found["run"]["state"], scores(found)) == ("done", {"student1": ("graded", 2.0)})
