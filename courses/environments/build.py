"""From a course's folder to an environment that its sessions run in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

from courses import catalogue
from courses.catalogue import requirements
from courses.course import Course
from courses.environment import Environment, contradictions, version_of
from courses.environments import image, seal
from courses.environments.base import Base, SessionSide, find_base, shut_to_others, uv
from courses.environments.run import run
from courses.environments.shelf import Shelf
from courses.errors import BuildFailed

# Tells that a step begins, and by its end how long it took.
Step = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Wishes:
    """What an operator says of a build.

    Attributes:
        root: the folder of all environments.
        side: the session side to put in.
        python: the interpreter to build with; None to look for one.
        squashfs: whether to make an image too.
        only_mine: whether sessions of other accounts need not be able to use it.
    """

    root: Path
    side: SessionSide
    python: Path | None = None
    squashfs: bool = False
    only_mine: bool = False


@dataclass(frozen=True)
class Built:
    """What came of a build.

    Attributes:
        folder: where the environment is.
        new: whether it was built now; False when it was there already.
        switched: whether new sessions ran in another one before, or in none.
    """

    folder: Path
    new: bool
    switched: bool


def build(folder: Path, wishes: Wishes, step: Step) -> Built:
    """Build the environment of the course in this folder and let new sessions run in it.

    What is there already is checked and used, not built again; where it is damaged, it is built
    again beside it. Raises `CatalogueError`, `BuildFailed` or `SetupError`; then everything is as
    it was.
    """
    with step("Reading the course and finding its Python"):
        course = catalogue.load(folder)
        environment = course.environment
        if environment is None:
            raise BuildFailed(
                f"{course.slug} names no environment, so its sessions run in the site's own. Put "
                'into course.toml: [environment], and below it requirements = "requirements.txt".'
            )
        base = find_base(environment.python, wishes.python, only_mine=wishes.only_mine)
        _agree(folder, environment, wishes.side, base)
        if wishes.squashfs:
            image.mksquashfs()
        wanted = version_of(
            {
                "requirements": environment.sha256,
                "session side": wishes.side.digest(),
                "python": f"{base.minor} {base.executable}",
                "lesesal": version("lesesal"),
            }
        )
    shelf = Shelf(wishes.root, course.slug)
    shelf.make()
    if not wishes.only_mine and (shut := shut_to_others(shelf.folder)):
        raise BuildFailed(
            f"Other accounts cannot enter {shut}, so their sessions could not run from there. "
            "Name a folder that everybody, on the nodes too, can enter with --environments, or "
            "say --only-mine where all sessions run under this account."
        )

    def waits() -> None:
        with step("Waiting for another build of this course"):
            pass

    with shelf.building(waits) as (new, held):
        there = _there(shelf, wanted, step)
        name = there or _name(shelf, wanted)
        if there is None:
            _fill(new, folder, environment, wishes.side, base, step, held)
            with step("Counting and sealing its files"):
                _seal(new, course, environment, name, base, held)
                shelf.add(new, name)
        if wishes.squashfs and not image.image_of(shelf[name]).ready:
            with step("Making the image"):
                image.make(shelf[name], new, held)
        return Built(shelf[name], there is None, shelf.use(name))


def _agree(folder: Path, environment: Environment, side: SessionSide, base: Base) -> None:
    """Raise `BuildFailed` where the course pins another version than the session side."""
    file = environment.requirements
    found = contradictions(requirements.pins(folder, environment), side.pins(), base.markers)
    if found:
        lines = "\n".join(
            f"  | {file} line {theirs.line}: {theirs.text}; the session side has {ours.text}"
            for theirs, ours in found
        )
        raise BuildFailed(
            f"{file} contradicts the session side, which runs in the same environment.\n{lines}\n"
            "Compile it so that the two agree: uv pip compile --universal --generate-hashes "
            f"requirements.in -c {side.pins_file} -o {file}"
        )


def _there(shelf: Shelf, wanted: str, step: Step) -> str | None:
    """The newest undamaged one of what is wanted; None when there is none."""
    for name in reversed([each for each in shelf.versions() if each.split("-")[0] == wanted]):
        with step("It is built already; checking its files"):
            if not shelf.problems(name):
                return name
    return None


def _name(shelf: Shelf, wanted: str) -> str:
    """The name of what is built: a damaged one keeps its own, because sessions may run in it."""
    taken = [each for each in shelf.folder.iterdir() if each.name.split("-")[0] == wanted]
    number = len([each for each in taken if each.is_dir()]) + 1
    return wanted if number == 1 else f"{wanted}-{number}"


def _fill(
    new: Path,
    folder: Path,
    environment: Environment,
    side: SessionSide,
    base: Base,
    step: Step,
    held: Sequence[int],
) -> None:
    program, python = uv(), new / "bin" / "python"
    # Copies: what is sealed here must not be uv's cache, nor go when that is cleaned.
    install: list[str | Path] = [
        *(program, "pip", "install", "--quiet", "--python", python),
        *("--compile-bytecode", "--link-mode", "copy"),
    ]
    with step(f"Making the environment with Python {base.version}"):
        run(
            [
                *(program, "venv", "--quiet", "--relocatable", "--allow-existing"),
                *("--no-python-downloads", "--python", base.executable, new),
            ],
            keep=held,
        )
    pins = [folder / environment.requirements, side.pins_file]
    options = [option for file in pins for option in ("-r", file)]
    with step("Installing the packages and compiling them"):
        run([*install, "--require-hashes", *options], keep=held)
    with step("Installing the session side"):
        own = ("--no-deps", "--no-build-isolation", "--reinstall")
        run([*install, *own, side.package], keep=held)
    with as_file(files("courses.environments") / "enter") as enter:
        shutil.copyfile(enter, new / "enter")


def _seal(
    new: Path,
    course: Course,
    environment: Environment,
    name: str,
    base: Base,
    held: Sequence[int],
) -> None:
    seal.write(
        new,
        course=course.slug,
        version=name,
        python=base.version,
        executable=str(base.executable),
        lesesal=version("lesesal"),
        requirements=environment.sha256,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # Before it gets its name: after a power cut it is whole, or not there.
    run(["sync", "--file-system", new], keep=held)
