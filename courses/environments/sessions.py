"""What a course's sessions are run with."""

from __future__ import annotations

from pathlib import Path

from courses.environments.image import image_of
from courses.environments.shelf import Shelf


def interpreter_of(root: Path, course: str) -> tuple[str, ...] | None:
    """What runs Python in the environment that new sessions of a course get; None without one.

    It names the version, not ``current``: a session that runs, or waits, keeps what it was given.
    """
    shelf = Shelf(root, course)
    version = shelf.current()
    if not version:
        return None
    folder = shelf[version]
    python = str(folder / "bin" / "python")
    if image_of(folder).ready:
        return ("/bin/sh", str(folder / "enter"), python)
    return (python,)
