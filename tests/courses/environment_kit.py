"""A course with an environment, and how its build is run."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from deployed import CHECKOUT

from courses import cli
from courses.environments.base import session_side
from courses.environments.build import Built, Wishes, build
from courses.environments.shelf import Shelf

COURSE = """slug = "optics"
title = "Optics"
summary = "Light."
offers = ["cpu-small"]
timezone = "Europe/Oslo"
[environment]
requirements = "requirements.txt"
"""
PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "backend"
backend-path = ["."]
[project]
name = "lesesal-notebook"
version = "0.1.0"
[tool.hatch.build.targets.wheel]
packages = ["lesesal_notebook"]
"""
# hatchling, but it stands still while a file is there.
BACKEND = """import os, pathlib, time
from hatchling.build import *
gate = pathlib.Path(os.environ.get("LESESAL_TEST_GATE", "/dev/null/no-gate"))
if gate.exists():
    gate.with_suffix(".reached").touch()
until = time.monotonic() + 250
while gate.exists() and time.monotonic() < until:
    time.sleep(0.01)
"""


def pins(file: str, *packages: str) -> str:
    """What one of our own files pins of these, with the hashes."""
    text = (CHECKOUT / "requirements" / file).read_text()
    blocks = re.findall(r"^[a-zA-Z0-9].*?(?=^[a-zA-Z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    return "".join(block for block in blocks if block.partition("==")[0] in packages)


@dataclass(frozen=True)
class Site:
    """A course's folder, the folder of environments, and a release's."""

    course: Path
    root: Path
    release: Path

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.root, "optics")

    @property
    def files(self) -> set[str]:
        """What is in the course's folder of environments, hidden things too, but the lock."""
        return {each.name for each in self.shelf.folder.iterdir()} - {".lock"}

    def write(self, requirements: str, more: str = "") -> None:
        self.course.mkdir(exist_ok=True)
        (self.course / "course.toml").write_text(COURSE + more)
        (self.course / "requirements.txt").write_text(requirements)

    def build(self, **wishes: object) -> Built:
        """In this process."""
        return build(self.course, self.wishes(**wishes), silently)

    def wishes(self, **wishes: object) -> Wishes:
        return Wishes(self.root, session_side(self.release), **wishes)  # type: ignore[arg-type]

    def command(self, *argv: object) -> list[str]:
        where = ["--environments", str(self.root)]
        if argv[0] == "build":
            where += ["--release-folder", str(self.release)]
        return [sys.executable, "-m", "courses.cli", "env", *map(str, argv), *where]

    def lesesal(self, *argv: object, code: int = 0) -> str:
        """`lesesal env …`, in this process: what it says, both streams in one."""
        said = io.StringIO()
        with (
            mock.patch.object(sys, "argv", self.command(*argv)[2:]),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
        assert ended.value.code == code, said.getvalue()
        return said.getvalue()


@contextlib.contextmanager
def silently(_: str) -> Iterator[None]:
    yield


def said_by(python: Path | str, program: str, user: int | None = None) -> str:
    """What a program prints, run by this Python under another account's number."""
    done = subprocess.run(
        [python, "-I", "-c", program],
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        env={"PATH": os.defpath},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout.strip()
