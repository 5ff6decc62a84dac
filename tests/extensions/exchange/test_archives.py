import io
import os
import stat
import zipfile

import pytest
from extensions.exchange.sessions import names

from lesesal_notebook.exchange.archives import extract, names_in, pack, staged
from lesesal_notebook.exchange.errors import ArchiveError


def nothing(_, names):
    return []


def make_zip(path, *members):
    """`members`: (name, mode, content)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, content in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def test_a_folder_travels_whole(tmp_path):
    folder = tmp_path / "ps1"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "ps1.ipynb").write_text("{}")
    (folder / "data" / "deep" / "æ ø.csv").write_bytes(b"1;2\n")
    packed = pack(folder, tmp_path / "a.zip", ignore=nothing, warn=pytest.fail)
    assert packed.names == ("ps1.ipynb", "data/deep/æ ø.csv")
    assert packed.notebooks == ["ps1.ipynb"]
    with staged(tmp_path / "new" / "ps1") as new:
        assert extract(tmp_path / "a.zip", new) == list(packed.names)
    copy = tmp_path / "new" / "ps1"
    assert (copy / "data" / "deep" / "æ ø.csv").read_bytes() == b"1;2\n"
    assert names(copy.parent) == ["ps1"]
    assert stat.S_IMODE(copy.stat().st_mode) == stat.S_IMODE(folder.stat().st_mode)


def test_links_and_special_files_stay_out_with_a_word(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("k")
    folder = tmp_path / "ps1"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "key").symlink_to(tmp_path / "secret" / "key")
    (folder / "dir").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    said = []
    packed = pack(folder, tmp_path / "a.zip", ignore=nothing, warn=said.append)
    assert packed.names == ("a.txt",)
    assert [line.partition(":")[0] for line in said] == [
        f"Left out {folder / name}" for name in ("dir", "key", "pipe")
    ]


def test_a_folder_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "ps1").mkdir()
    (tmp_path / "ps1" / "big").write_bytes(b"0" * 2_000_000)
    with pytest.raises(ArchiveError, match=r"more than 1\.0 MB"):
        pack(tmp_path / "ps1", tmp_path / "a.zip", ignore=nothing, warn=print, max_bytes=1_000_000)


FILE, LINK, DEVICE = 0o100644, 0o120777, 0o060644


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([("../evil", FILE, b"")], id="parent"),
        pytest.param([("a/../../evil", FILE, b"")], id="parent-inside"),
        pytest.param([("/etc/evil", FILE, b"")], id="absolute"),
        pytest.param([("a\\..\\evil", FILE, b"")], id="backslash"),
        pytest.param([("ok", FILE, b"x"), ("link", LINK, b"/etc/passwd")], id="symlink"),
        pytest.param([("disk", DEVICE, b"")], id="device"),
        pytest.param([("a", FILE, b"1"), ("./a", FILE, b"2")], id="twice"),
        pytest.param([("a", FILE, b"1"), ("a/b", FILE, b"2")], id="file-as-folder"),
        pytest.param([(".", FILE, b"")], id="dot"),
        pytest.param([("big", FILE, b"0" * 2000)], id="too-large"),
    ],
)
def test_an_archive_that_leads_out_leaves_nothing(tmp_path, members):
    archive = make_zip(tmp_path / "a.zip", *members)
    room = tmp_path / "room"
    room.mkdir()
    with pytest.raises(ArchiveError), staged(room / "ps1") as new:
        extract(archive, new, max_bytes=1000)
    assert names(room) == []
    assert names(tmp_path) == ["a.zip", "room"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04 cut"])
def test_what_is_no_archive_is_said_to_be_damaged(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ArchiveError, match="damaged"):
        names_in(tmp_path / "a.zip")


def test_a_cut_archive_leaves_nothing(tmp_path):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a", b"first")
        archive.writestr("b", b"second")
    (tmp_path / "a.zip").write_bytes(whole.getvalue().replace(b"second", b"sEcond"))
    with pytest.raises(ArchiveError, match="damaged"), staged(tmp_path / "ps1") as new:
        extract(tmp_path / "a.zip", new)
    assert names(tmp_path) == ["a.zip"]


def test_replacing_puts_the_old_one_back_when_the_new_one_fails(tmp_path):
    dest = tmp_path / "ps1"
    dest.mkdir()
    (dest / "old").touch()
    with pytest.raises(ArchiveError), staged(dest, replace=True) as new:  # noqa: PT012
        (new / "half").touch()
        raise ArchiveError("Not this one.")
    assert names(dest) == ["old"]
    with staged(dest, replace=True) as new:
        (new / "whole").touch()
    assert names(dest) == ["whole"]
    with pytest.raises(OSError), staged(dest) as new:  # noqa: PT011 - ENOTEMPTY or EEXIST
        (new / "other").touch()
    assert names(dest) == ["whole"]
    assert names(tmp_path) == ["ps1"]
