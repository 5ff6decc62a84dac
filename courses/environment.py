"""A course's environment: which packages, for which Python, and whether they agree with ours.

A requirements file is read as pip and uv read it, but for two things: every requirement is pinned
with hashes, and nothing in it leads outside (no other file, no address, no folder).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_HASH = re.compile(r"\s--hash=sha(?:256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})(?=\s|$)")
_COMMENT = re.compile(r"(^|\s)#.*$")
COMPILE = "Compile it with: uv pip compile --universal --generate-hashes requirements.in -o "


@dataclass(frozen=True)
class Environment:
    """What a course's sessions run in, as course.toml names it.

    Attributes:
        requirements: the requirements file beside course.toml.
        python: the Python version that it is for, ``"3.11"``; empty for any that serves.
        sha256: of the requirements file, when it was read.
    """

    requirements: str
    python: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Pin:
    """One line of a requirements file.

    Attributes:
        line: where it begins, from 1.
        name: in the normal form.
        text: ``numpy==2.3.1``, without marker and hashes.
        marker: for which Pythons and machines; empty for all.
    """

    line: int
    name: str
    text: str
    marker: str


def read_pins(file: str, text: str) -> tuple[list[Pin], list[str]]:
    """The pins of a requirements file, and what is wrong with it, a sentence for each line."""
    pins, problems = [], []
    for number, line in _lines(text):
        pin = _pin(number, line)
        if isinstance(pin, Pin):
            pins.append(pin)
        else:
            problems.append(f"{file} line {number}: {pin}")
    if not pins and not problems:
        problems.append(f"{file}: names no package. {COMPILE}{file}")
    return pins, problems


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first: a backslash at the end joins the next."""
    joined, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = _COMMENT.sub("", line).rstrip()
        first = first if joined else number
        joined += " " + bare.removesuffix("\\")
        if bare.endswith("\\"):
            continue
        if joined.strip():
            yield first, joined.strip()
        joined = ""
    if joined.strip():
        yield first, joined.strip()


def _pin(number: int, line: str) -> Pin | str:
    word = line.split()[0]
    if word.startswith("-"):
        return (
            f"{word.partition('=')[0]} is an option. The file may have packages and their hashes "
            "only; where they come from is the operator's to say."
        )
    wanted, hashes = _HASH.sub("", f"{line} "), len(_HASH.findall(f"{line} "))
    try:
        requirement = Requirement(wanted.strip())
    except InvalidRequirement:
        return f"{word!r} cannot be read. Write it as name==version, with its hashes."
    exact = [each for each in requirement.specifier if each.operator in ("==", "===")]
    if requirement.url or len(exact) != 1 or exact[0].version.endswith(".*"):
        return f"{requirement.name} has no exact version. Write it as name==version."
    if not hashes:
        return f"{requirement.name} has no hash. {COMPILE}requirements.txt"
    return Pin(
        number,
        canonicalize_name(requirement.name),
        f"{requirement.name}{requirement.specifier}",
        str(requirement.marker or ""),
    )


def contradictions(
    course: Sequence[Pin], session: Sequence[Pin], for_python: Mapping[str, str]
) -> list[tuple[Pin, Pin]]:
    """Where the course asks for another version than the session side, on this Python.

    Args:
        for_python: values of markers, ``{"python_version": "3.11", …}``.
    """
    ours = {pin.name: pin for pin in session if _applies(pin, for_python)}
    return [
        (pin, ours[pin.name])
        for pin in course
        if pin.name in ours
        and _applies(pin, for_python)
        and Requirement(pin.text).specifier != Requirement(ours[pin.name].text).specifier
    ]


def _applies(pin: Pin, for_python: Mapping[str, str]) -> bool:
    marker = Requirement(f"{pin.text} ; {pin.marker}").marker if pin.marker else None
    return marker is None or marker.evaluate(dict(for_python))


def version_of(ingredients: Mapping[str, str]) -> str:
    """The name of what is built of these: the same ingredients, the same 12 letters and digits."""
    text = json.dumps(dict(ingredients), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def is_version(text: str) -> bool:
    """Whether this can name a version: what `version_of` gives, or that and a number after it."""
    return re.fullmatch(r"[0-9a-f]{12}(-[1-9][0-9]*)?", text) is not None
