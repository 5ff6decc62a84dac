"""The requirements file that course.toml names: there, inside the folder, pinned with hashes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from courses.environment import COMPILE, Environment, Pin, read_pins


def read(folder: Path, environment: Environment) -> tuple[Environment, list[str]]:
    """The environment with the file's digest, and what is wrong with the file."""
    name = environment.requirements
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        return environment, [f"{name}: is a link to outside the folder. Put a copy there."]
    try:
        content = place.read_bytes()
        _, problems = read_pins(name, content.decode("utf-8"))
    except FileNotFoundError:
        return environment, [f"{name}: is missing. {COMPILE}{name}"]
    except UnicodeDecodeError:
        return environment, [f"{name}: is not UTF-8 text. Save it as UTF-8."]
    except OSError as error:
        return environment, [f"{name}: cannot be read: {error.strerror}."]
    return replace(environment, sha256=hashlib.sha256(content).hexdigest()), problems


def pins(folder: Path, environment: Environment) -> list[Pin]:
    """The pins of a file that `read` found nothing wrong with."""
    text = (folder / environment.requirements).read_text(encoding="utf-8")
    return read_pins(environment.requirements, text)[0]
