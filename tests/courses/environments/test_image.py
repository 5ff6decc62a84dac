"""An environment as one image: mounted for a program alone, or its folder where that can't be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from environment_kit import Site
from hubs import until

from courses.environments.image import MARK, image_of
from courses.environments.sessions import interpreter_of

NOBODY = 65534
SEES = "import os, sys; print(os.path.exists(sys.prefix + '/.image'), sys.prefix, os.getpid())"
# What the node's administrator does, in a mount namespace of the test's own: /dev/fuse is
# everybody's.
NODE = """
mknod {folder}/fuse c 10 229 && chmod 666 {folder}/fuse && mount --bind {folder}/fuse /dev/fuse
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""

pytestmark = pytest.mark.skipif(
    shutil.which("mksquashfs") is None, reason="Needs mksquashfs (Debian package squashfs-tools)."
)
can_mount = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("squashfuse") is None or not Path("/dev/fuse").exists(),
    reason="Needs root, squashfuse (Debian package squashfuse) and /dev/fuse.",
)


@pytest.fixture
def program(with_image: Site) -> Iterator[list[str]]:
    """What runs Python in an environment with an image; afterwards no mount is left."""
    shelf = with_image.shelf
    image = image_of(shelf[shelf.current()])
    found = interpreter_of(with_image.root, "optics")
    assert found is not None
    yield list(found)
    until(lambda: not mounters(image.path), "the mount is gone")


def mounters(image: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if str(image) in (process.info["cmdline"] or [])
        and "squashfuse" in process.info["cmdline"][0]
    ]


def as_nobody(*command: str, path: str = os.defpath) -> tuple[str, str]:
    """What a program prints, run by another account on this machine as it is."""
    done = subprocess.run(
        command,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        env={"PATH": path},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.strip(), done.stderr.strip()


def on_a_node(site: Site, *command: str) -> subprocess.Popen[str]:
    """The same where everybody may use FUSE."""
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", NODE.format(folder=site.root.parent), "sh", *command],
        env={"PATH": os.defpath},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@can_mount
def test_a_program_runs_from_the_image_and_nobody_else_sees_it(
    site: Site, program: list[str]
) -> None:
    folder = site.shelf[site.shelf.current()]
    with on_a_node(site, *program, "-c", f"{SEES}; sys.stdout.flush(); input()") as running:
        assert running.stdout is not None
        # The same process all the way: a job's number is its session's.
        assert running.stdout.readline().split() == ["True", str(folder), str(running.pid)]
        assert not (folder / MARK).exists()
        [mounter] = mounters(image_of(folder).path)
        # The rights that mounting takes are gone.
        status = Path(f"/proc/{running.pid}/status").read_text()
        assert "CapEff:\t0000000000000000\n" in status
        assert "CapInh:\t0000000000000000\n" in status
        _, said = running.communicate("\n", timeout=60)
        assert (running.returncode, said) == (0, "")
    until(lambda: not psutil.pid_exists(mounter), "the mount's process has ended")


@can_mount
def test_the_mount_outlives_the_signals_that_a_session_handles(
    site: Site, program: list[str]
) -> None:
    # Slurm sends SIGTERM to all processes of a job; what a session does then, it may import first.
    saves = """
        import os, signal, sys, time
        def save(*_):
            time.sleep(0.3)
            import lesesal_notebook.later as later
            mounted = os.path.exists(sys.prefix + "/.image")
            os.write(1, f"{mounted} {later.__file__}".encode())
            sys.exit(0)
        signal.signal(signal.SIGTERM, save)
        os.write(1, b"ready\\n")
        signal.pause()
    """
    with on_a_node(site, *program, "-c", textwrap.dedent(saves)) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        os.killpg(running.pid, signal.SIGTERM)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    assert out.startswith(f"True {site.shelf[site.shelf.current()]}/lib/")


@can_mount
def test_a_killed_program_leaves_no_mount(site: Site, program: list[str]) -> None:
    image = image_of(site.shelf[site.shelf.current()]).path
    with on_a_node(site, *program, "-c", f"{SEES}; sys.stdout.flush(); input()") as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("True")
        assert len(mounters(image)) == 1
        running.kill()
    until(lambda: not mounters(image), "the mount is gone")


@can_mount
def test_an_image_that_cannot_be_mounted(site: Site, program: list[str]) -> None:
    folder = site.shelf[site.shelf.current()]
    image_of(folder).path.write_bytes(b"no image")
    assert site.shelf.problems(folder.name) == [f"{folder.name}.squashfs was changed."]
    with on_a_node(site, *program, "-c", SEES) as running:
        out, err = running.communicate(timeout=60)
    assert out.startswith(f"False {folder} ")
    assert "runs from its folder: its image was not mounted." in err


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account.")
def test_a_node_that_cannot_mount_runs_from_the_folder(site: Site, program: list[str]) -> None:
    folder = site.shelf[site.shelf.current()]
    sentence = "The course's environment runs from its folder: {} on this machine."
    out, err = as_nobody(*program, "-c", SEES)
    assert out.startswith(f"False {folder} ")
    if Path("/dev/fuse").exists() and Path("/dev/fuse").stat().st_mode & 0o006:
        pytest.skip("Here everybody may use FUSE.")
    assert err == sentence.format("/dev/fuse cannot be used")
    # And without the program.
    out, err = as_nobody(*program, "-c", SEES, path="/nowhere")
    assert out.startswith(f"False {folder} ")
    assert err == sentence.format("squashfuse is not installed")


def test_an_image_is_added_to_what_is_there_and_goes_with_it(built: Site) -> None:
    site = built
    first = site.build()
    second = site.build(squashfs=True)
    assert (second.folder, second.new) == (first.folder, False)
    image = image_of(first.folder)
    assert oct(image.path.stat().st_mode & 0o777) == "0o444"
    assert subprocess.run(
        ["sha256sum", "--check", image.sums], cwd=image.path.parent, check=True, capture_output=True
    ).stdout.decode() == (f"{image.path.name}: OK\n")
    assert ", image\n" in site.lesesal("list")
    site.write((site.course / "requirements.txt").read_text() + "# another\n")
    third = site.build()
    site.lesesal("remove", "optics", first.folder.name)
    assert site.files == {third.folder.name, "current"}
