"""Archives that are made to harm, sent as everything that takes an archive."""

from __future__ import annotations

import io
import os
import struct
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from classroom_kit import zipped
from classroom_world import ARCHIVE, Person, World

if TYPE_CHECKING:
    from conftest import Classroom

MB = 1_000_000


def bomb() -> bytes:
    """A file of 60 MB, far more than a student may send, in 0.06 MB."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.ipynb", "w") as file,
    ):
        for _ in range(60):
            file.write(bytes(MB))
    return out.getvalue()


def written(*entries: tuple[str, bytes, int]) -> bytes:
    """A zip by hand: names, bytes as stored, and the size that the headers claim."""
    body, listing = bytearray(), bytearray()
    for name, content, claimed in entries:
        raw = name.encode()
        rest = struct.pack(
            "<HHHHHIIIHH",
            *(20, 0, 0, 0, 0x21),
            *(zlib.crc32(content), claimed, claimed, len(raw), 0),
        )
        listing += b"PK\x01\x02" + struct.pack("<H", 20) + rest
        listing += struct.pack("<HHHII", 0, 0, 0, 0o644 << 16, len(body)) + raw
        body += b"PK\x03\x04" + rest + raw + content
    count = len(entries) & 0xFFFF  # what the field holds
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(listing), len(body), 0)
    return bytes(body + listing) + b"PK\x05\x06" + end


def overlapping() -> bytes:
    """Many members whose content is the same bytes: https://www.bamsoftware.com/hacks/zipbomb/."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(bytes(50 * MB)) + kernel.flush()
    crc = zlib.crc32(bytes(50 * MB))
    name = b"a"
    local = b"PK\x03\x04" + struct.pack(
        "<HHHHHIIIHH", 20, 0, 8, 0, 0x21, crc, len(packed), 50 * MB, len(name), 0
    )
    body, listing, count = local + name + packed, b"", 100
    for number in range(count):
        other = f"a{number}".encode()
        listing += b"PK\x01\x02" + struct.pack(
            "<HHHHHHIIIHHHHHII",
            *(20, 20, 0, 8, 0, 0x21, crc, len(packed), 50 * MB),
            *(len(other), 0, 0, 0, 0, 0o644 << 16, 0),
        )
        listing += other
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(listing), len(body), 0)
    return body + listing + b"PK\x05\x06" + end


def same_bytes_twice() -> bytes:
    """Two members of one name each in the list, and one place where both begin."""
    archive = bytearray(zipped({"a": b"x" * 100, "b": b"x" * 100}))
    second = archive.rfind(b"PK\x01\x02")
    archive[second + 42 : second + 46] = bytes(4)  # where its content begins: the first one's
    return bytes(archive)


def nested() -> bytes:
    """A bomb in a zip in a zip: what is inside stays a file."""
    return zipped({"inner.zip": zipped({"inner.zip": zipped({"a": bytes(90 * MB)})})})


def twice() -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("a.ipynb", b"1")
        archive.writestr("a.ipynb", b"2")
    return out.getvalue()


def many() -> bytes:
    """A list of 100 000 members."""
    return written(*((f"{number:05}", b"", 0) for number in range(100_000)))


def link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("a")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a bomb": bomb,
    "overlapping members": overlapping,
    "two members in one place": same_bytes_twice,
    "100 000 members": many,
    "a size that lies upwards": lambda: written(("a.ipynb", b"x" * 10, 4_000_000_000)),
    "a size that lies downwards": lambda: written(("a.ipynb", b"x" * 10, 3), ("b", b"", 0)),
    "one name twice": twice,
    "a symbolic link": link,
    "out of the folder": lambda: zipped({"../../escaped.txt": b"x"}),
    "an absolute name": lambda: zipped({"/tmp/escaped.txt": b"x"}),
    "a name of backslashes": lambda: zipped({"..\\escaped.txt": b"x"}),
    "a name of 3000 bytes": lambda: zipped({"a" * 3000: b"x"}),
    "a name in another direction": lambda: zipped({"a\u202etxt.exe": b"x"}),
    "a name with a line break": lambda: zipped({"a\nb": b"x"}),
    "no files": lambda: zipped({}),
    "nothing": lambda: b"",
    "no zip": lambda: os.urandom(10_000),
    "half a zip": lambda: ARCHIVE[: len(ARCHIVE) // 2],
    "a zip after a script": lambda: b"#!/bin/sh\n" * 10 + ARCHIVE[: len(ARCHIVE) - 4],
}
ADDRESSES = {
    "submit": ("student", "POST", "api/courses/{course}/assignments/{assignment}/submissions"),
    "release": ("instructor", "PUT", "api/courses/{course}/assignments/{assignment}/release"),
    "feedback": ("assistant", "PUT", "api/courses/{course}/submissions/{submission}/feedback"),
}


def kept(classroom: Classroom) -> set[Path]:
    return {path for path in classroom.home.rglob("*") if "blobs" in path.parts}


@pytest.fixture(scope="module")
def one_world(classroom: Classroom, clients: dict[str, Person]) -> World:
    return World(classroom, clients)


def service(classroom: Classroom) -> psutil.Process:
    """The classroom's process."""
    (found,) = (
        each
        for each in psutil.process_iter(["cmdline"])
        if f"--home={classroom.home}" in (each.info["cmdline"] or ())
    )
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_a_sentence_and_nothing_is_kept(
    classroom: Classroom, clients: dict[str, Person], one_world: World, name: str
) -> None:
    archive = HOSTILE[name]()
    before, process = kept(classroom), service(classroom)
    for what, (role, method, address) in ADDRESSES.items():
        if name == "a bomb" and what != "submit":
            continue  # staff may send so much
        worked = sum(process.cpu_times()[:2])
        answer = clients[role].request(method, address.format(**one_world.names), content=archive)
        assert answer.status_code in (400, 413), (name, answer.text)
        assert answer.json()["message"].endswith(".")
        # Its own work: how long it waited for a busy machine is not its.
        assert sum(process.cpu_times()[:2]) - worked < 10
    assert process.memory_info().rss < 400 * MB
    until = time.monotonic() + 60
    while (left := kept(classroom) - before) and time.monotonic() < until:
        time.sleep(0.05)  # what was refused is removed after the answer
    assert not left
    assert not list(Path("/").glob("escaped*")) + list(Path("/tmp").glob("escaped*"))


def test_a_zip_in_a_zip_is_only_a_file(clients: dict[str, Person], world: World) -> None:
    """Nobody looks into it: it comes back as it was."""
    address = "api/courses/{course}/assignments/{assignment}/submissions".format(**world.names)
    receipt = clients["student"].post(address, content=nested())
    assert receipt.status_code == 201
    (file,) = receipt.json()["files"]
    assert (file["path"], file["bytes"] < 2000) == ("inner.zip", True)
