"""The contract of `spawners.jobs.Cluster`, over every adapter on the real thing."""

import asyncio
import contextlib
import json
import os
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from places import HUB, Place, local_place, slurm_place

from spawners.errors import Refused, SubmitRefused
from spawners.jobs import Job, JobId, JobSpec, JobState
from spawners.slurm import SlurmCluster

TOKEN = "0123456789abcdef" * 2
# Prints what the session finds, then waits to be ended.
LOOKS_AROUND = """
import json, os, pathlib, sys, time
folder = pathlib.Path(os.environ["LESESAL_SESSION_DIR"])
print(json.dumps({
    "folder": str(folder),
    "mode": oct(folder.stat().st_mode),
    "modes": {path.name: oct(path.stat().st_mode) for path in folder.iterdir()},
    "token": (folder / "token").read_text(),
    "settings": json.loads((folder / "session.json").read_text()),
    "leaks": [name for name in ("environ", "cmdline")
              if (folder / "token").read_text() in pathlib.Path("/proc/self", name).read_text()],
    "cwd": os.getcwd(),
    "home": os.environ["HOME"],
}, indent=1), flush=True)
time.sleep(120)
"""


@pytest.fixture(params=["local", pytest.param("slurm", marks=pytest.mark.slurm)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return local_place(tmp_path)
    return slurm_place(request.getfixturevalue("slurm_site"))


async def until(place: Place, job: JobId, wanted: Callable[[Job | None], bool]) -> Job | None:
    """The job as soon as it is as wanted; fails after 60 s."""
    async with asyncio.timeout(60):
        while True:
            seen = (await place.cluster.snapshot()).get(job)
            if wanted(seen):
                return seen
            await asyncio.sleep(0.1)


async def log(place: Place, lines: int = 20, spec: JobSpec | None = None, task: int = 0) -> str:
    spec = spec or place.spec
    return await place.cluster.log_tail(spec.key, spec.attempt, spec.username, lines, task)


async def printed(place: Place, lines: int = 20) -> str:
    async with asyncio.timeout(60):
        while not (text := await log(place, lines)):
            await asyncio.sleep(0.1)
    return text


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended; a container's pid 1 may leave it unreaped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def end(place: Place, job: JobId) -> None:
    await place.cluster.cancel(job, place.spec.username)
    await until(place, job, lambda seen: seen is None or seen.state is JobState.ENDED)
    await place.cluster.forget(place.spec.key, place.spec.username)


async def test_a_session_finds_its_token_in_a_private_file_and_nowhere_else(place: Place) -> None:
    job = await place.cluster.submit(place.running(LOOKS_AROUND))
    found = json.loads(await printed(place, lines=200))
    assert found["token"] == TOKEN == place.spec.token
    assert found["settings"] == {"COLOUR": "blue"}
    assert found["mode"] == oct(stat.S_IFDIR | 0o700)
    assert found["modes"] == {
        "token": oct(stat.S_IFREG | 0o600),
        "session.json": oct(stat.S_IFREG | 0o600),
    }
    assert found["leaks"] == []
    assert found["cwd"] == found["home"]
    await end(place, job)
    assert Path(found["folder"]).parts[-3:] == (HUB, "ai-foundations", "1")
    assert not Path(found["folder"]).parent.exists()


async def test_a_job_is_seen_with_its_key_while_it_runs(place: Place) -> None:
    job = await place.cluster.submit(place.running("import time; time.sleep(120)"))
    seen = await until(place, job, lambda seen: bool(seen and seen.state is JobState.RUNNING))
    assert seen is not None
    assert (seen.key, seen.attempt) == (place.spec.key, 1)
    assert seen.node in place.node
    assert seen.exit_code is None
    assert seen.starts is not None
    assert seen.submitted is not None
    assert seen.submitted <= seen.starts <= time.time()
    assert seen.ends == pytest.approx(seen.starts + 3600, abs=5)
    await end(place, job)


async def test_a_job_that_fails_tells_its_exit_code_and_its_last_words(place: Place) -> None:
    job = await place.cluster.submit(
        place.running("import sys; print('one'); print('two'); sys.exit(3)")
    )
    seen = await until(place, job, lambda seen: bool(seen and seen.state is JobState.ENDED))
    assert seen is not None
    assert seen.exit_code == 3
    assert await log(place, lines=1) == "two\n"
    await place.cluster.forget(place.spec.key, place.spec.username)


async def test_cancelling_ends_it_with_its_children_and_may_be_repeated(place: Place) -> None:
    job = await place.cluster.submit(
        place.running(
            "import subprocess, time;"
            "child = subprocess.Popen(['sleep', '120'], start_new_session=True);"
            "print(child.pid, flush=True); time.sleep(120)"
        )
    )
    child = int(await printed(place))
    await end(place, job)
    async with asyncio.timeout(60):  # Slurm says COMPLETING while it still ends processes
        while runs(child):
            await asyncio.sleep(0.1)
    await place.cluster.cancel(job, place.spec.username)
    await place.cluster.forget(place.spec.key, place.spec.username)


async def test_one_that_ends_by_itself_while_it_is_cancelled_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = local_place(tmp_path)
    job = await place.cluster.submit(place.running("import time; time.sleep(120)"))
    children = psutil.Process.children

    def and_ends(process: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
        found = children(process, recursive)
        process.kill()
        with contextlib.suppress(ChildProcessError):  # asyncio was before us
            os.waitpid(process.pid, 0)
        return found

    monkeypatch.setattr(psutil.Process, "children", and_ends)
    await place.cluster.cancel(job, place.spec.username)
    assert (await place.cluster.snapshot())[job].state is JobState.ENDED


async def test_a_job_of_another_hub_is_not_seen(place: Place) -> None:
    key = replace(place.spec.key, hub="another")
    job = await place.elsewhere.submit(
        replace(place.running("import time; time.sleep(120)"), key=key)
    )
    assert job not in await place.cluster.snapshot()
    assert job in await place.elsewhere.snapshot()
    await place.elsewhere.cancel(job, place.spec.username)
    await place.elsewhere.forget(key, place.spec.username)


async def test_a_program_that_is_not_there_leaves_nothing_behind(place: Place) -> None:
    spec = replace(place.spec, argv=("/nowhere/lesesal-session",))
    if place.refuses_at_once:
        with pytest.raises(SubmitRefused):
            await place.cluster.submit(spec)
        assert await place.cluster.snapshot() == {}
    else:
        job = await place.cluster.submit(spec)
        seen = await until(place, job, lambda seen: bool(seen and seen.state is JobState.ENDED))
        assert seen is not None
        assert seen.exit_code in {126, 127}
        assert "/nowhere/lesesal-session" in await printed(place)
        await place.cluster.forget(place.spec.key, place.spec.username)


async def test_a_process_that_ends_before_it_is_noted_is_a_job_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = asyncio.create_subprocess_exec

    async def start_and_wait(*args: Any, **kwargs: Any) -> asyncio.subprocess.Process:
        process = await start(*args, **kwargs)
        await process.wait()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_and_wait)
    place = local_place(tmp_path)
    job = await place.cluster.submit(place.running("raise SystemExit(3)"))
    seen = (await place.cluster.snapshot())[job]
    assert (seen.state, seen.word, seen.exit_code) == (JobState.ENDED, "FAILED", 3)
    assert seen.key == place.spec.key


async def test_two_attempts_of_a_session_have_their_own_files_and_logs(place: Place) -> None:
    first = place.running("print('first', flush=True); import time; time.sleep(120)")
    second = replace(place.running("print('second')"), attempt=2)
    jobs = [await place.cluster.submit(spec) for spec in (first, second)]
    assert await printed(place) == "first\n"
    ended = await until(place, jobs[1], lambda seen: bool(seen and seen.state is JobState.ENDED))
    assert ended is not None
    assert (ended.key, ended.attempt) == (place.spec.key, 2)
    assert await place.cluster.log_tail(second.key, 2, second.username) == "second\n"
    assert await log(place) == "first\n"
    await end(place, jobs[0])


# Notes which task it is, then waits to be ended; one that is called "quick" does not.
OF_A_RUN = """
import json, os, pathlib, time
folder = pathlib.Path(os.environ["LESESAL_SESSION_DIR"])
settings = json.loads((folder / "session.json").read_text())
print(os.environ.get("SLURM_ARRAY_TASK_ID"), settings.get("LESESAL_BATCH_TASKS"),
      sorted(path.name for path in folder.iterdir()), flush=True)
time.sleep(0 if "quick" in folder.parent.name else 120)
"""


def run_of(place: Place, name: str, tasks: int) -> JobSpec:
    """A batch run beside the place's session."""
    spec = place.running(OF_A_RUN)
    return replace(
        spec, key=replace(spec.key, run=name), token="", tasks=tasks, at_once=min(2, tasks)
    )


async def jobs_of(place: Place, id_: JobId, wanted: Callable[[list[Job]], bool]) -> list[Job]:
    """All jobs of a run as soon as they are as wanted; fails after 60 s."""
    async with asyncio.timeout(60):
        while True:
            jobs = [job for job in (await place.cluster.snapshot()).values() if job.whole == id_]
            if wanted(jobs):
                return sorted(jobs, key=lambda job: job.task)
            await asyncio.sleep(0.1)


def states(jobs: list[Job]) -> list[str]:
    return sorted(job.state.value for job in jobs)


async def test_a_batch_run_has_a_job_for_all_tasks_or_one_for_each(place: Place) -> None:
    spec = run_of(place, "sweep", 4)
    arrays = isinstance(place.cluster, SlurmCluster)
    session = await place.cluster.submit(place.running("import time; time.sleep(120)"))
    run = await place.cluster.submit(spec)
    assert run.isdecimal() or not arrays
    expected = ["running"] * 2 + ["waiting"] * 2 if arrays else ["running"]
    jobs = await jobs_of(place, run, lambda jobs: states(jobs) == expected)
    assert {(job.key, job.attempt) for job in jobs} == {(spec.key, 1)}
    assert [job.task for job in jobs] == ([1, 2, 3, 4] if arrays else [0])
    for job in jobs:
        if job.state is JobState.RUNNING:
            async with asyncio.timeout(30):
                while not (text := await log(place, spec=spec, task=job.task)):
                    await asyncio.sleep(0.1)
            tasks = "None" if arrays else "4"
            assert text == f"{job.task or None} {tasks} ['session.json']\n"
    # The session beside it is another's job, and its end costs the run nothing.
    await end(place, session)
    assert all(job.alive for job in await jobs_of(place, run, lambda _: True))
    for _ in range(2):
        await place.cluster.cancel(run, spec.username)
    await jobs_of(place, run, lambda jobs: set(states(jobs)) <= {"ended"})
    await place.cluster.forget(spec.key, spec.username)


async def test_tasks_of_a_batch_run_end_by_themselves(place: Place) -> None:
    spec = run_of(place, "quick", 3)
    run = await place.cluster.submit(spec)
    jobs = await jobs_of(place, run, lambda jobs: set(states(jobs)) == {"ended"})
    assert {(job.word, job.exit_code) for job in jobs} == {("COMPLETED", 0)}
    await place.cluster.forget(spec.key, spec.username)


async def test_a_session_that_is_given_more_time_ends_later(place: Place) -> None:
    job = await place.cluster.submit(place.running("import time; time.sleep(120)"))
    seen = await until(place, job, lambda seen: bool(seen and seen.state is JobState.RUNNING))
    assert seen is not None
    await place.cluster.extend(job, place.spec.username, 1.5)
    later = (await place.cluster.snapshot())[job]
    assert seen.ends is not None
    assert later == replace(seen, ends=seen.ends + 5400)
    await end(place, job)
    with pytest.raises(Refused) as refused:
        await place.cluster.extend(job, place.spec.username, 1.5)
    assert refused.value.sentence == "This session has ended. Start it again."


async def test_the_whole_cluster_is_told_and_that_a_small_session_could_start(
    place: Place,
) -> None:
    look = await place.cluster.overview()
    assert tuple(node.name for node in look.nodes) == place.node
    assert all(0 < node.memory_mb.free <= node.memory_mb.total for node in look.nodes)
    assert all(0 < node.cpus.free <= node.cpus.total for node in look.nodes)
    assert look.at == pytest.approx(time.time(), abs=30)
    assert look.could_start_now(place.spec.offer)
    assert await place.cluster.expected_start(place.spec) == pytest.approx(time.time(), abs=30)
    assert place.spec.key not in [job.key for job in (await place.cluster.snapshot()).values()
                                  if job.alive]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can mount a file system to fill.")
async def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        place = local_place(tmp_path)
        filler = tmp_path / "filler"
        with contextlib.suppress(OSError):
            filler.write_bytes(bytes(10**6))
        with pytest.raises(SubmitRefused) as refused:
            await place.cluster.submit(place.running("print('never')"))
        assert refused.value.sentence == (
            "This machine could not start the session: No space left on device."
        )
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [filler]
    finally:
        subprocess.run(["umount", tmp_path], check=True)
