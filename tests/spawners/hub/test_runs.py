"""Batch runs in a real hub, on the embedded cluster."""

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest
from deployed import CHECKOUT
from hubs import SECONDS, Hub, running_hub, until

CONFIG = """
from spawners.hub import ClusterSpawner
from spawners.offers import Dataset, Terms

def terms(user, course):
    if course == "closed":
        return None
    limited = ("small", "gpu")
    data = (Dataset("words", "/data/words", 7),)
    return Terms(course, course.title(), limited, "student", (), ("/usr/bin/python3",), "", data)

def limits(person):
    if person.name.startswith("strict"):
        return {{"person": {{"sessions": 1}}}}
    if person.name.startswith("apart"):
        return {{"person": {{"sessions": 1, "batch": 3, "gpus": 3}}}}
    return {{"course": {{"batch": 1}}}} if person.course == "crowded" else {{}}

c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "runs"
c.ClusterSpawner.clusters = {{"here": {{"type": "local", "root": "{root}"}}}}
c.ClusterSpawner.offers = {{
    "small": {{"title": "Small", "cluster": "here", "hours": 2}},
    "gpu": {{"title": "A GPU", "cluster": "here", "gpus": {{"h100": 1}}}},
    "secret": {{"title": "Not of this course", "cluster": "here"}},
}}
c.ClusterSpawner.terms = terms
c.ClusterSpawner.limits = limits
c.ClusterSpawner.cmd = ["/usr/bin/python3", "{session}"]
c.ClusterSpawner.batch_command = ["{run}"]
c.ClusterSpawner.batch_tasks = 6
c.ClusterSpawner.orphan_grace = 1
c.ClusterSpawner.environment = {{"COLOUR": "blue"}}
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    session, run = CHECKOUT / "tests" / "stub_session.py", CHECKOUT / "tests" / "stub_run.py"
    config = CONFIG.format(root=folder / "local", session=session, run=run)
    with running_hub(folder, config) as running:
        yield running


class Person:
    """Somebody with a session of a course that runs, or ran once."""

    def __init__(self, hub: Hub, name: str, course: str = "ai") -> None:
        self.hub, self.name, self.course = hub, name, course
        self.home = hub.log.parent / "local" / "homes" / name
        hub.api("POST", f"users/{name}")
        hub.api("POST", f"users/{name}/servers/{course}")
        hub.until_ready(name, course)

    def token(self) -> str:
        """The session's own."""
        folder = self.home / ".local/state/lesesal/sessions/runs" / self.course / "1"
        return (folder / "token").read_text()

    def end_session(self) -> None:
        self.hub.api("DELETE", f"users/{self.name}/servers/{self.course}")
        until(lambda: self.hub.server(self.name, self.course) is None, "the session has ended")

    def ask(self, method: str, run: str = "", **how: Any) -> httpx.Response:
        path = f"batch/{self.name}/{self.course}"
        return self.hub.api(method, f"{path}/{run}" if run else path, **how)

    def submit(self, run: str, **more: Any) -> httpx.Response:
        return self.ask("POST", json={"run": run, "offer": None, "hours": None, "tasks": 1, **more})

    def told(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET").json()["runs"][run]
        return found

    def found(self, run: str, task: int = 1) -> dict[str, Any]:
        """What the run's program found."""
        file = self.home / "stub-runs" / run / f"{task}.json"
        until(file.exists, f"the run {run} has started")
        found: dict[str, Any] = json.loads(file.read_text())
        return found


@pytest.fixture
def person(hub: Hub, request: pytest.FixtureRequest) -> Iterator[Person]:
    """A person of the test's own; whose runs end with her."""
    name = getattr(request, "param", "user")
    found = Person(hub, f"{name}-{abs(hash(request.node.name)) % 10**6}")
    yield found
    found.end_session()
    hub.api("DELETE", f"users/{found.name}")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def noted(hub: Hub, run: str) -> Iterator[dict[str, Any]]:
    """What the database of a hub that has ended keeps beside a run, to be changed."""
    with sqlite3.connect(hub.log.parent / "jupyterhub.sqlite") as database:
        like = (f"%{run}%",)
        rows = database.execute("SELECT id, state FROM spawners WHERE state LIKE ?", like)
        [(id_, text)] = rows.fetchall()
        state = json.loads(text)
        yield state
        changed = (json.dumps(state), id_)
        database.execute("UPDATE spawners SET state = ? WHERE id = ?", changed)
    database.close()


def test_a_run_gets_its_course_and_nothing_of_the_hub(person: Person) -> None:
    before = time.time()
    answer = person.submit("first-1", hours=1, tasks=3, token=person.token())
    assert answer.status_code == 400, "no other field than the four"
    answer = person.submit("first-1", hours=1, tasks=3)
    assert answer.status_code == 201
    job = answer.json().pop("job")
    assert answer.json() == {"job": job, "offer": "small", "hours": 1.0, "tasks": 3}
    found = person.found("first-1")
    assert found["files"] == ["session.json"]
    settings = found["settings"]
    assert {name for name in settings if "TOKEN" in name or "JUPYTERHUB" in name} == set()
    assert person.token() not in json.dumps(found)
    assert json.loads(settings.pop("LESESAL_DATASET_SOURCES")) == [
        {"name": "words", "source": "/data/words", "size": 7}
    ]
    kept = {name: value for name, value in settings.items() if name.startswith(("LES", "COL"))}
    assert kept == {
        "COLOUR": "blue",
        "LESESAL_COURSE": "ai",
        "LESESAL_ROLE": "student",
        "LESESAL_OFFER": "Small",
        "LESESAL_GPU_KINDS": "",
        "LESESAL_PRELOAD": "",
        "LESESAL_BATCH_RUN": "first-1",
        "LESESAL_BATCH_TASKS": "3",
    }
    until(lambda: person.told("first-1")["state"] == "ended", "it has ended")
    told = person.told("first-1")
    assert before < told.pop("submitted") < time.time()
    task = told["tasks"]["1"]
    assert before < task["ends"] < time.time()
    ended = {**task, "state": "ended", "node": "127.0.0.1", "word": "COMPLETED", "sentence": ""}
    assert told == {
        "job": job,
        "offer": "small",
        "state": "ended",
        "reason": "",
        "place": None,
        "queue_length": None,
        "expected": None,
        "tasks": {"1": ended, "2": ended, "3": ended},
        "sentence": "It has run to its end.",
    }
    # The session beside it has lost nothing, and what the run had is gone, but for its log.
    assert person.token()
    state = person.home / ".local/state/lesesal"
    until(lambda: not (state / "sessions/runs/ai.first-1").exists(), "its files are removed")
    assert (state / "logs/runs/ai.first-1.1.log").read_text() == "task 1 of first-1\n"


def test_the_sessions_own_token_is_enough_and_another_sessions_is_not(
    hub: Hub, person: Person
) -> None:
    other = Person(hub, "lee")
    token = person.token()
    body = {"run": "mine", "offer": "small", "hours": 1, "tasks": 1}
    assert person.ask("POST", json=body, token=token).status_code == 201
    offers = person.ask("GET", token=token).json()["offers"]
    assert offers == [
        {"name": "small", "title": "Small", "hours": 2.0, "gpus": 0},
        {"name": "gpu", "title": "A GPU", "hours": 2.0, "gpus": 1},
    ]
    for method, run, how in (
        ("GET", "", {}),
        ("POST", "", {"json": {**body, "run": "theirs"}}),
        ("DELETE", "mine", {}),
    ):
        assert person.ask(method, run, token=other.token(), **how).status_code in {403, 404}
    assert person.ask("DELETE", "mine", token=token).status_code == 204
    assert set(person.ask("GET").json()["runs"]) == {"mine"}
    other.end_session()


def test_what_can_not_be_is_a_sentence(person: Person) -> None:
    sentences = {
        "Ai does not offer 'secret'. Choose one of: small, gpu.": {"offer": "secret"},
        "Small runs for at most 2 hours. Ask for fewer.": {"hours": 3},
        "The hours of a session are a number above 0.": {"hours": -1},
        "A batch run has at most 6 tasks. Make it smaller.": {"tasks": 7},
    }
    for sentence, wish in sentences.items():
        answer = person.submit("no", **wish)
        assert (answer.status_code, answer.json()["message"]) == (403, sentence)
    for run in ("", "-x", "X", "a" * 41, "../x", "a\n", 7, None):
        assert person.submit(run).status_code == 400, run
    for tasks in (0, True, 1.5, "1"):
        assert person.submit("no", tasks=tasks).status_code in {400, 403}, tasks
    assert person.ask("GET").json()["runs"] == {}
    stranger = person.hub.api("GET", f"batch/{person.name}/unseen")
    assert stranger.status_code == 404


def test_how_a_run_ended_is_told_and_its_name_is_free_again(person: Person) -> None:
    person.submit("fails-1")
    until(lambda: person.told("fails-1")["state"] == "ended", "it has failed")
    told = person.told("fails-1")
    assert told["sentence"] == "Its program stopped with exit code 3."
    assert told["tasks"]["1"]["word"] == "FAILED"
    assert person.submit("fails-1").status_code == 201
    person.submit("long-1")
    again = person.submit("long-1")
    assert (again.status_code, again.json()["message"]) == (409, "This run was submitted already.")
    # Who asks is told what was seen before, where the next look takes too long.
    until(lambda: person.told("long-1")["state"] == "running", "it runs")
    assert person.told("long-1")["sentence"] == "It runs on 127.0.0.1."
    pid = person.found("long-1")["pid"]
    for _ in range(2):
        assert person.ask("DELETE", "long-1").status_code == 204
    assert person.ask("DELETE", "never-was").status_code == 204
    until(lambda: person.told("long-1")["state"] == "ended", "it is cancelled")
    assert person.told("long-1")["sentence"] == "It was ended on request."
    assert not alive(pid)


@pytest.mark.slow
def test_a_run_outlives_its_session_and_the_hub(hub: Hub, person: Person) -> None:
    for run in ("long-a", "long-b", "long-lost"):
        person.submit(run)
    pids = [person.found(run)["pid"] for run in ("long-a", "long-b", "long-lost")]
    person.end_session()
    hub.kill()
    with noted(hub, "long-lost") as state:
        state["batch"].pop()
    hub.start()
    # Nobody has a session or asks. What nobody has noted is ended after its grace, all else stays.
    until(lambda: not alive(pids[2]), "the orphan is ended")
    assert [alive(pid) for pid in pids] == [True, True, False]
    for run in ("long-a", "long-b"):
        until(lambda run=run: person.told(run)["state"] == "running", f"{run} is seen")
    psutil.Process(pids[0]).kill()
    until(lambda: person.told("long-a")["state"] == "ended", "it was killed")
    # Nobody forgets a job of a session that starts now.
    hub.api("POST", f"users/{person.name}/servers/{person.course}")
    hub.until_ready(person.name, person.course)
    assert alive(pids[1])
    assert person.told("long-b")["state"] == "running"


@pytest.mark.slow
def test_a_job_that_was_not_noted_is_found_by_its_name(hub: Hub, person: Person) -> None:
    person.submit("long-c")
    pid = person.found("long-c")["pid"]
    hub.kill()
    with noted(hub, "long-c") as state:
        state["batch"][0]["job"] = ""
    hub.start()
    until(lambda: person.told("long-c")["state"] == "running", "it is found")
    assert int(person.told("long-c")["job"].split("-")[0]) == pid


def test_a_deleted_persons_runs_end(hub: Hub) -> None:
    person = Person(hub, "leaves")
    person.submit("long-1")
    pid = person.found("long-1")["pid"]
    person.end_session()
    assert hub.api("DELETE", "users/leaves").status_code == 204
    until(lambda: not alive(pid), "it is ended with its person")


@pytest.mark.parametrize("person", ["strict"], indirect=True)
def test_runs_count_as_sessions(hub: Hub, person: Person) -> None:
    full = person.submit("one")
    assert (full.status_code, full.json()["message"]) == (
        403,
        "You have as many batch runs and sessions at once as allowed. Cancel one of them, or "
        "submit this again when one has ended.",
    )
    person.end_session()
    assert person.submit("long-1").status_code == 201
    session = hub.api("POST", f"users/{person.name}/servers/{person.course}")
    assert (session.status_code, session.json()["message"]) == (
        403,
        "You have 1 session at once, as many as allowed. End one of them first.",
    )
    person.ask("DELETE", "long-1")
    until(lambda: person.told("long-1")["state"] == "ended", "it is cancelled")
    assert hub.api("POST", f"users/{person.name}/servers/{person.course}").status_code < 300


@pytest.mark.parametrize("person", ["apart"], indirect=True)
def test_runs_have_a_limit_of_their_own_and_gpus_count_together(person: Person) -> None:
    def click(number: int) -> int:
        return person.submit(f"long-{number}", offer="gpu").status_code

    with ThreadPoolExecutor(4) as clicks:
        assert sorted(clicks.map(click, range(4))) == [201, 201, 201, 403]
    full = person.submit("one-more").json()["message"]
    assert full == (
        "You have as many batch runs at once as allowed. Cancel one of them, or submit this again "
        "when one has ended."
    )
    for run in list(person.ask("GET").json()["runs"])[:2]:
        person.ask("DELETE", run)
        until(lambda run=run: person.told(run)["state"] == "ended", "it is cancelled")
    # One of three GPUs is in use: of four tasks, two may run at a time.
    assert person.submit("long-sweep", offer="gpu", tasks=4).status_code == 201
    full = person.submit("no-room", offer="gpu").json()["message"]
    assert full == (
        "Too many of the 3 GPUs that may be in use at once are in use already. Choose an offer "
        "with fewer GPUs, or submit this again when a session or a batch run has ended."
    )
    assert person.submit("no-gpu", offer="small").status_code == 201


def test_a_course_has_a_limit_for_all_and_metrics_count(hub: Hub) -> None:
    one, two = Person(hub, "one", "crowded"), Person(hub, "two", "crowded")
    assert one.submit("long-1").status_code == 201
    full = two.submit("long-1")
    assert full.json()["message"] == (
        "Your course has as many batch runs at once as allowed. Submit this again later."
    )
    headers = {"Authorization": f"token {hub.token}"}

    def metrics() -> str:
        return httpx.get(f"{hub.url}/hub/metrics", headers=headers, timeout=SECONDS).text

    one.told("long-1")
    line = 'lesesal_batch_jobs{course="crowded",offer="small",state="running"} 1.0'
    until(lambda: line in metrics(), line)
    assert re.search(r'lesesal_launches_refused_total\{reason="limit_reached"\} [1-9]', metrics())
    one.ask("DELETE", "long-1")
    until(lambda: one.told("long-1")["state"] == "ended", "it is cancelled")
    assert 'lesesal_batch_jobs{course="crowded"' not in metrics()
    assert two.submit("quick").status_code == 201
    for each in (one, two):
        each.end_session()
