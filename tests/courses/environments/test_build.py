"""`lesesal env build`: real environments, small ones, built with uv."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from deployed import CHECKOUT
from environment_kit import Site, pins, said_by, silently

from courses import catalogue, cli
from courses.catalogue.folder import digest
from courses.environment import read_pins
from courses.environments import base
from courses.environments import shelf as shelves
from courses.environments.build import build
from courses.errors import BuildFailed, CatalogueError
from courses.hub.environments import finding

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")


def until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_a_build(site: Site) -> None:
    said = site.lesesal("build", site.course)
    version = site.shelf.current()
    folder = site.root / "optics" / version
    *steps, last = said.splitlines()
    assert [re.sub(r"^ *\d+\.\d s  ", "", step) for step in steps] == [
        "Reading the course and finding its Python",
        f"Making the environment with Python {site.shelf.manifest(version).python}",
        "Installing the packages and compiling them",
        "Installing the session side",
        "Counting and sealing its files",
    ]
    assert last.startswith(f"{folder} is built, in ")
    assert site.files == {version, "current"}
    everything = [folder, *folder.rglob("*")]
    modes = {oct(path.stat().st_mode & 0o777) for path in everything if not path.is_symlink()}
    assert modes == {"0o555", "0o444"}
    modules = [
        path for path in folder.glob("lib/**/*.py") if path.parent.name in {"iniconfig", "pluggy"}
    ]
    assert len(modules) > 5
    cached = {path.name.split(".")[0] for path in folder.glob("lib/**/__pycache__/*.pyc")}
    assert {path.stem for path in modules} - cached == set()
    # Nothing in it remembers the folder that it was built in.
    assert not [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and b".building-" in path.read_bytes()
    ]
    assert site.lesesal("verify", "optics") == (
        f"{folder}: all {site.shelf.manifest(version).files} files are as built.\n"
    )
    # What is there is used, not built again.
    before = folder.stat().st_ino
    again = site.lesesal("build", site.course).splitlines()
    assert again[-1] == (
        f"{folder} was there already, undamaged. New sessions ran in it before, too; those that "
        "run keep what they have."
    )
    assert (folder.stat().st_ino, site.files) == (before, {version, "current"})
    assert site.lesesal("list").startswith(f"optics\n  * {version}  built ")


@root_only
def test_another_account_runs_in_it(built: Site) -> None:
    folder = built.build().folder
    program = "import sys, iniconfig, lesesal_notebook; print(sys.prefix, iniconfig.__cached__)"
    prefix, cached = said_by(folder / "bin" / "python", program, NOBODY).split()
    assert (prefix, Path(cached).is_file()) == (str(folder), True)
    write = f"open('{folder}/lib/new', 'w')"
    assert "PermissionError" in said_by(folder / "bin" / "python", write, NOBODY)


def test_what_runs_keeps_its_own_when_a_new_one_is_built(built: Site) -> None:
    first = built.build()
    program = "import sys; input(); import lesesal_notebook.later as m; print(m.__file__)"
    with subprocess.Popen(
        [first.folder / "bin" / "python", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        built.write((built.course / "requirements.txt").read_text() + "# another\n")
        second = built.build()
        assert second.folder != first.folder
        assert (second.new, second.switched, built.shelf.current()) == (
            True,
            True,
            second.folder.name,
        )
        out, _ = running.communicate("\n", timeout=60)
    assert Path(out.strip()).is_relative_to(first.folder)
    # And back.
    old = first.folder.name
    assert built.lesesal("use", "optics", old) == f"New sessions of optics now run in {old}.\n"
    assert built.shelf.current() == old
    assert built.lesesal("remove", "optics", old, code=1) == (
        f"New sessions of optics run in {old}. Let them use another first: "
        "lesesal env use optics VERSION\n"
    )
    assert "has no environment '../x'" in built.lesesal("use", "optics", "../x", code=1)
    built.lesesal("remove", "optics", second.folder.name)
    assert built.files == {old, "current"}


@pytest.mark.slow
def test_the_switch_leaves_no_moment_without_an_environment(built: Site) -> None:
    first = built.build().folder.name
    built.write((built.course / "requirements.txt").read_text() + "# another\n")
    second = built.build().folder.name
    program = (
        "import os, sys\n"
        "seen = {os.readlink(sys.argv[1])}\n"
        "print('looks', flush=True)\n"
        "while not os.path.exists(sys.argv[2]):\n"
        "    seen.add(os.readlink(sys.argv[1]))\n"
        "    if len(seen) > 1:\n"
        "        open(sys.argv[3], 'w').close()\n"
        "print(*sorted(seen))\n"
    )
    stop, both = built.root / "stop", built.root / "both"
    with subprocess.Popen(
        [sys.executable, "-c", program, built.shelf.folder / "current", stop, both],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as looking:
        assert looking.stdout is not None
        looking.stdout.readline()
        switches = 0
        # It may be held up for as long as 300 of them take.
        while switches < 300 or not (both.exists() or looking.poll() is not None):
            built.shelf.use(first)
            built.shelf.use(second)
            switches += 1
        stop.touch()
        assert looking.stdout.read().split() == sorted([first, second])
    assert looking.returncode == 0


def test_a_failed_build_leaves_the_old_one_and_says_why(built: Site) -> None:
    good = built.build().folder.name
    text = (built.course / "requirements.txt").read_text()
    built.write(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", text))
    said = built.lesesal("build", built.course, code=1)
    assert "uv failed (exit status 1)." in said
    assert "Hash mismatch for `iniconfig" in said
    # Nor may a package bring another that the file does not pin.
    built.write(pins("dev.txt", "jinja2"))
    said = built.lesesal("build", built.course, code=1)
    assert "no trusted hash was provided for" in said
    assert "markupsafe" in said
    assert (built.shelf.current(), built.files) == (good, {good, "current"})
    assert built.lesesal("verify", "optics").endswith("files are as built.\n")


def test_a_killed_build_leaves_the_old_one_and_the_next_one_works(
    built: Site, tmp_path: Path
) -> None:
    good = built.build().folder.name
    built.write((built.course / "requirements.txt").read_text() + "# another\n")
    gate = tmp_path / "gate"
    gate.touch()
    with subprocess.Popen(
        built.command("build", built.course),
        env={**os.environ, "LESESAL_TEST_GATE": str(gate)},
        stderr=subprocess.PIPE,
    ) as killed:
        until(gate.with_suffix(".reached").exists, "the build came to its last step")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    # Another one meanwhile: uv still writes, so it waits.
    said = tmp_path / "said"
    with (
        said.open("w") as file,
        subprocess.Popen(built.command("build", built.course), stderr=file) as waiting,
    ):
        try:
            until(lambda: "Waiting for another" in said.read_text(), "it waits")
            assert built.shelf.current() == good
            assert [name for name in built.files if name.startswith(".building-")]
        finally:
            gate.unlink()
        assert waiting.wait(200) == 0
    assert built.shelf.current() != good
    assert built.files == {good, built.shelf.current(), "current"}


def test_damage_is_found_and_built_anew_beside(built: Site) -> None:
    folder = built.build().folder
    module = next(folder.glob("lib/*/site-packages/iniconfig/__init__.py"))
    for path in (module, module.parent):
        path.chmod(0o755)
    content = module.read_bytes()
    module.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    (module.parent / "added.py").touch()
    (module.parent / "py.typed").unlink()
    link = folder / "bin" / "python3"
    link.parent.chmod(0o755)
    link.unlink()
    link.symlink_to("/bin/sh")
    (folder / "pyvenv.cfg").chmod(0o644)
    inside = module.parent.relative_to(folder)
    said = built.lesesal("verify", "optics", code=1).splitlines()
    assert said == [
        f"{folder} is not what was built.",
        f"  | {inside}/py.typed is missing.",
        f"  | {inside}/added.py was added.",
        f"  | {inside}/__init__.py was changed.",
        "  | pyvenv.cfg may be written.",
        "  | bin/python3 points to /bin/sh, not to python.",
        "Build it again: lesesal env build COURSE puts a whole one beside it.",
    ]
    again = built.build()
    assert (again.folder.name, again.new) == (f"{folder.name}-2", True)
    assert built.shelf.problems(built.shelf.current()) == []


def session_pluggy(site: Site) -> str:
    """How the session side pins it."""
    [text] = [pin.text for pin in site.wishes().side.pins() if pin.name == "pluggy"]
    return text


def test_pins_that_contradict_the_session_side(site: Site) -> None:
    pinned = "--hash=sha256:" + "0a" * 32
    site.write(f"iniconfig==2.3.1 {pinned}\npluggy==1.5.0 {pinned}\n")
    side = site.release / "requirements" / "session.txt"
    with pytest.raises(BuildFailed) as caught:
        site.build()
    assert str(caught.value) == (
        "requirements.txt contradicts the session side, which runs in the same environment.\n"
        "  | requirements.txt line 2: pluggy==1.5.0; the session side has "
        f"{session_pluggy(site)}\n"
        "Compile it so that the two agree: uv pip compile --universal --generate-hashes "
        f"requirements.in -c {side} -o requirements.txt"
    )
    assert not site.root.exists()


@pytest.mark.slow
def test_what_the_documents_say_how_to_compile_is_what_builds(site: Site) -> None:
    page = (CHECKOUT / "docs" / "instructors.md").read_text()
    [command] = re.findall(r"^    (uv pip compile .+)$", page, re.MULTILINE)
    (site.course / "requirements.in").write_text("iniconfig\npluggy\n")
    shutil.copy(site.release / "requirements" / "session.txt", site.course)
    (site.course / "requirements.txt").unlink()
    _, *arguments = shlex.split(command)
    subprocess.run([base.uv(), *arguments], cwd=site.course, check=True, capture_output=True)
    text = (site.course / "requirements.txt").read_text()
    found = {pin.name: pin.text for pin in read_pins("requirements.txt", text)[0]}
    # As the session side has it, and not the newest there is.
    assert found == {"iniconfig": found["iniconfig"], "pluggy": session_pluggy(site)}
    assert site.build().new


def test_what_other_accounts_cannot_enter_is_refused(site: Site) -> None:
    site.root.mkdir(0o700)
    with pytest.raises(BuildFailed, match=f"Other accounts cannot enter {site.root}, so their"):
        site.build()
    assert site.build(only_mine=True).new
    # Nor a Python in somebody's home.
    home = site.root.parent / "home"
    home.mkdir(0o700)
    python = home / "python3"
    python.write_bytes(Path("/usr/bin/python3").read_bytes())
    python.chmod(0o755)
    with pytest.raises(BuildFailed, match=f"{python}: other accounts cannot enter {home}."):
        site.build(python=python)


def test_a_python_that_is_not_here(site: Site) -> None:
    site.write((site.course / "requirements.txt").read_text(), 'python = "3.99"\n')
    with pytest.raises(BuildFailed, match=r"There is no Python 3\.99 here that everybody can run"):
        site.build()


def test_a_course_without_an_environment(site: Site) -> None:
    toml = site.course / "course.toml"
    toml.write_text(toml.read_text().partition("[environment]")[0])
    assert site.lesesal("build", site.course, code=1) == (
        "optics names no environment, so its sessions run in the site's own. Put into "
        'course.toml: [environment], and below it requirements = "requirements.txt".\n'
    )
    assert site.lesesal("list").startswith("There is no environment in ")


@pytest.mark.slow
def test_a_file_system_without_locks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(shelves.NO_LOCKS[0], "Function not implemented")

    monkeypatch.setattr(shelves.fcntl, "flock", flock)
    assert build(site.course, site.wishes(), silently).new


def test_what_the_check_of_a_site_says(site: Site) -> None:
    course = catalogue.load(site.course)
    assert "  environment: requirements.txt\n" in cli.summary(course) + "\n"
    missing = finding(course, site.root)
    assert (missing.state, missing.where) == ("failed", "course optics")
    built = site.build().folder
    assert finding(course, site.root).state == "ok"
    site.root.chmod(0o700)
    closed = finding(course, site.root)
    assert (closed.state, f"cannot enter {site.root};" in closed.sentence) == ("warning", True)
    site.root.chmod(0o755)
    site.write((site.course / "requirements.txt").read_text() + "# another\n")
    other = finding(catalogue.load(site.course), site.root)
    assert (other.state, other.sentence) == (
        "warning",
        f"{built.name} was built from other requirements than the course has now.",
    )


def test_the_requirements_file_is_checked_with_the_course(site: Site) -> None:
    file = site.course / "requirements.txt"
    before = digest(site.course)
    file.write_text(file.read_text() + "# another\n")
    assert digest(site.course) != before
    file.write_text("six==1.17.0\n")
    with pytest.raises(CatalogueError, match=r"^requirements.txt line 1: six has no hash\."):
        catalogue.load(site.course)
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(CatalogueError, match=r"requirements\.txt: is a link to outside the folder"):
        catalogue.load(site.course)
    file.unlink()
    with pytest.raises(CatalogueError, match=r"requirements\.txt: is missing"):
        catalogue.load(site.course)
    toml = site.course / "course.toml"
    for wrong, sentence in (
        (
            'requirements = "../r.txt"',
            "line 7, environment.requirements: '../r.txt' is outside",
        ),
        ('requirement = "r.txt"', "environment.requirement: is not known. Did you mean 'req"),
        ("python = 3.11", "line 7, environment.python: must be a Python version in"),
    ):
        toml.write_text(toml.read_text().partition("requirements =")[0] + wrong + "\n")
        with pytest.raises(CatalogueError) as caught:
            catalogue.load(site.course)
        assert sentence in str(caught.value)
        toml.write_text(toml.read_text().replace(wrong, 'requirements = "r.txt"'))
