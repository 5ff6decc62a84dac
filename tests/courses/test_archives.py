"""What comes in a zip, and what never does."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from classroom_kit import zipped
from hypothesis import example, given
from hypothesis import strategies as st

from courses import archives
from courses.archives import Limits
from courses.errors import BadArchive, TooLarge
from courses.submissions import PackedFile

LIMITS = Limits(bytes=10_000, files=20)

NAMES = st.text(
    st.sampled_from("ab/.\\\0\n:\u202eÅé\u0301 -~") | st.characters(), min_size=1, max_size=30
)


def refused(data: bytes, folder: Path, limits: Limits = LIMITS) -> str:
    source = folder / "archive.zip"
    source.write_bytes(data)
    with pytest.raises((BadArchive, TooLarge)) as caught:
        archives.inspect(source, limits)
    return str(caught.value)


@given(NAMES)
@example("../x")
@example("a/../../x")
@example("/x")
@example("a//b")
@example("./a")
@example("C:/x")
@example("a\\..\\x")
@example("a\0b")
@example("x" * 256)
def test_an_accepted_name_stays_below_its_folder(name: str) -> None:
    """Whatever the name: it is refused, or it means one file strictly below the folder."""
    try:
        plain = archives.check_name(name)
    except BadArchive:
        return
    root = Path("/srv/work")
    assert plain == name.removesuffix("/")
    assert os.path.normpath(root / plain) == f"{root}/{plain}"
    assert (root / plain).is_relative_to(root)
    assert (root / plain) != root
    assert all(char >= " " for char in plain)
    assert all(len(part.encode()) <= 255 for part in plain.split("/"))


@given(st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=5))
def test_extraction_gives_what_inspection_says(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "a.zip", Path(scratch) / "out"
        try:
            source.write_bytes(zipped(files))
            packed = archives.inspect(source, LIMITS)
        except (BadArchive, UnicodeEncodeError):  # zipfile itself cannot write a lone surrogate
            return
        # It cannot write a NUL either, and cuts the name there; see the test below.
        files = {name.partition("\0")[0]: content for name, content in files.items()}
        archives.extract(source, target, LIMITS)
        found = {p.relative_to(target).as_posix(): p for p in target.rglob("*") if p.is_file()}
        assert {name: path.read_bytes() for name, path in found.items()} == {
            name: content for name, content in files.items() if not name.endswith("/")
        }
        assert sorted(each.path for each in packed) == sorted(found)
        assert sorted(Path(scratch).iterdir()) == [source, target]


@given(st.data())
def test_damage_is_a_sentence(data: st.DataObject) -> None:
    """Any bytes changed anywhere: still accepted, or refused by us, and never anything else."""
    archive = bytearray(zipped({"a.ipynb": b"abc" * 50, "b/c.txt": b""}))
    changes = st.tuples(st.integers(0, len(archive) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(changes, min_size=1, max_size=8)):
        archive[at] = value
    cut = data.draw(st.integers(0, len(archive)))
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "a.zip"
        source.write_bytes(archive[:cut] if data.draw(st.booleans()) else archive)
        try:
            archives.inspect(source, LIMITS)
        except (BadArchive, TooLarge):
            return


def test_a_nul_in_a_name(tmp_path: Path) -> None:
    """zipfile cuts a name there when it reads it, so that it looks like another."""
    archive = zipped({"a.ipynbX.exe": b""}).replace(b"a.ipynbX.exe", b"a.ipynb\0.exe")
    assert "with a control character" in refused(archive, tmp_path)


def test_inspect(tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    source.write_bytes(zipped({"a.ipynb": b"one", "data/b.csv": b""}))
    assert archives.inspect(source, LIMITS) == (
        PackedFile("a.ipynb", 3, hashlib.sha256(b"one").hexdigest()),
        PackedFile("data/b.csv", 0, hashlib.sha256(b"").hexdigest()),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.ipynb", "A.ipynb"),
        ("Å.ipynb", "A\u030a.ipynb"),
        ("straße", "STRASSE"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("A/b", "a"),
    ],
)
def test_names_that_collide(tmp_path: Path, one: str, other: str) -> None:
    assert " of one name, " in refused(zipped({one: b"1", other: b"2"}), tmp_path)


def test_folders_are_fine_and_not_files(tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    source.write_bytes(zipped({"data/": b"", "data/a": b"1", "data/sub/": b"", "Data/b": b"2"}))
    assert [each.path for each in archives.inspect(source, LIMITS)] == ["Data/b", "data/a"]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (stat.S_IFLNK, "a symbolic link, 'x'. Put a copy of the file there."),
        (stat.S_IFIFO, "something that is not a regular file, 'x'."),
        (stat.S_IFCHR, "something that is not a regular file, 'x'."),
        (stat.S_IFSOCK, "something that is not a regular file, 'x'."),
    ],
)
def test_special_files(tmp_path: Path, kind: int, what: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("x")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert refused(out.getvalue(), tmp_path) == f"The archive has {what}"


def test_what_comes_out_counts_not_the_header(tmp_path: Path) -> None:
    """The header says 5 bytes; deflate would give 5 million."""
    bomb = bytearray(zipped({"a": b"0" * 5_000_000}))
    size = (5_000_000).to_bytes(4, "little")
    message = refused(bytes(bomb), tmp_path)
    assert message == (
        "The archive's files are larger than 10 kB together. Take out what is not needed."
    )
    assert bomb.count(size) == 2
    lying = bytes(bomb).replace(size, (5).to_bytes(4, "little"))
    assert refused(lying, tmp_path) == "The archive is damaged and cannot be read. Send it again."


def test_too_many_files(tmp_path: Path) -> None:
    names = {str(number): b"" for number in range(21)}
    assert refused(zipped(names), tmp_path) == (
        "The archive has 21 files; 20 are allowed. Take out what is not needed."
    )


def test_a_list_of_members_that_would_fill_the_memory(tmp_path: Path) -> None:
    """It is refused before zipfile reads it: an object for each of its entries."""
    many = zipped({f"{number:0200}": b"" for number in range(200)})
    assert refused(many, tmp_path) == (
        "The archive has too many files; 20 are allowed. Take out what is not needed."
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_without_a_bound(tmp_path: Path, method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a", b"x" * 1000)
    assert "in a way that is not accepted" in refused(out.getvalue(), tmp_path)


def test_pack_is_the_same_each_time_and_takes_no_links(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b").write_bytes(b"2")
    (folder / "a").write_bytes(b"1")
    archives.pack(folder, tmp_path / "1.zip")
    os.utime(folder / "a", (1, 1))
    archives.pack(folder, tmp_path / "2.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert [each.path for each in archives.inspect(tmp_path / "1.zip", LIMITS)] == ["a", "sub/b"]
    (folder / "c").symlink_to("/etc/passwd")
    with pytest.raises(BadArchive, match=r"^c is not a regular file"):
        archives.pack(folder, tmp_path / "3.zip")
