"""A rehearsal on a real hub with real sessions, its refusals, and what it leaves: nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import hubs
import pytest
from classroom_kit import LATER, NOW, course, enrol, put, zipped
from deployed import CHECKOUT

from courses.course import Assignment, LateRule
from courses.errors import NotAllowed, SetupError
from courses.rehearsal import Plan, Step, is_synthetic
from courses.site import people, wave
from courses.store import Store, releases, submissions
from courses.store import people as enrolled
from courses.store.audit import changes

# Nobody can log in: a synthetic student needs no identity provider.
CONFIG = """
from pathlib import Path
from courses.hub import StoreTerms, rehearsals
from spawners.hub import PAGES, ClusterSpawner
home = Path("{home}")
c.JupyterHub.template_paths = [str(PAGES)]
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "rehearsed"
c.ClusterSpawner.clusters = {{"here": {{"type": "local", "root": str(home / "sessions")}}}}
c.ClusterSpawner.offers = {{"cpu-small": {{
    "title": "This machine", "cluster": "here", "cpus": 1, "memory_mb": 2048}}}}
c.ClusterSpawner.terms = StoreTerms.of_home(home)
c.ClusterSpawner.cmd = ["{session}", "-P", "-m", "lesesal_notebook.session"]
c.ClusterSpawner.default_url = "/lab"
c.ClusterSpawner.environment = {{
    "LESESAL_CLASSROOM_URL": "http://127.0.0.1:{port}/services/classroom/"}}
c.JupyterHub.services += [rehearsals.service(home), {{
    "name": "classroom", "url": "http://127.0.0.1:{port}", "oauth_no_confirm": True,
    "timeout": 120,
    "command": ["{python}", "-m", "courses.classroom", "--home={home}"]}}]
entry = "access:services!service=classroom"
c.JupyterHub.load_roles += [
    rehearsals.role(),
    {{"name": "classroom", "services": ["classroom"], "scopes": ["read:servers", "servers"]}},
    {{"name": "user", "scopes": ["self", entry]}},
    {{"name": "server", "scopes": ["users:activity!user", "access:servers!server", entry]}},
]
"""
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@dataclass
class Site:
    """A hub with a course, the classroom's state, and what the rehearsal may."""

    hub: hubs.Hub
    home: Path
    store: Store

    @property
    def token(self) -> str:
        return (self.home / "rehearsal-token").read_text().strip()

    def command(self, *words: object) -> list[str]:
        options = [f"--home={self.home}", f"--url={self.hub.url}"]
        return [sys.executable, "-m", "courses.cli", *map(str, words), *options]

    def lesesal(self, *words: object, code: int = 0) -> str:
        """What the command says, with its exit status as expected and no traceback."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LESESAL_")}
        done = subprocess.run(
            self.command(*words),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=250,
        )
        assert done.returncode == code, done.stdout
        assert "Traceback" not in done.stdout
        return done.stdout

    def report(self) -> dict[str, Any]:
        """The figures of the latest rehearsal."""
        path = max((self.home / "rehearsals").glob("*/report.json"))
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def synthetic(self) -> tuple[set[str], set[str]]:
        """The synthetic students that hub and classroom know."""
        users = self.hub.api("GET", "users").json()
        with self.store.reading() as session:
            known = people_of(session)
        return {u["name"] for u in users if is_synthetic(u["name"])}, known

    def sessions(self) -> int:
        """Jobs of the cluster that are not forgotten."""
        return len(list((self.home / "sessions" / "jobs").glob("*.json")))


def people_of(session: Any) -> set[str]:
    """The synthetic ones of the course, with work or without."""
    found = {each.receipt.user for each in submissions.of_course(session, "optics")}
    found |= {user for _, user in releases.fetches(session, "optics")}
    found |= {each.user for each in enrolled.people(session, "optics")}
    return {name for name in found if is_synthetic(name)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("rehearsed")
    home.chmod(0o700)
    store = Store.of_home(home)
    assignments = (
        Assignment("closed", "Closed", NOW, LateRule.REFUSE),
        Assignment("lenses", "Lenses", LATER, LateRule.REFUSE),
    )
    put(store, course(assignments=assignments, offers=("cpu-small", "nowhere")))
    enrol(store, "optics", ada="student", ben="instructor")
    archive = home / "lenses.zip"
    archive.write_bytes(zipped({"lenses.ipynb": NOTEBOOK}))
    blob = store.blobs.keep_file(archive)
    with store.writing() as session:
        for each in assignments:
            releases.release(session, "optics", each.name, blob.sha256, actor="ben", at=NOW)
        # A person's own, which a rehearsal must not touch.
        releases.remember_fetch(session, "optics", "lenses", "ada", NOW)
        signer = store.keys.signer
        submissions.record(
            session, "optics", assignments[1], user="ada", at=NOW, files=[], signer=signer
        )
    python = sys.executable
    session_side = CHECKOUT / ".venv" / "session" / "bin" / "python"
    (port,) = hubs.free_ports(1)
    config = CONFIG.format(home=home, session=session_side, port=port, python=python)
    with hubs.running_hub(home, config) as hub:
        hub.api("POST", "users", json={"usernames": ["ada"]}).raise_for_status()
        yield Site(hub, home, store)
    store.close()


def documented() -> list[str]:
    """The command as the operators' page has it."""
    page = (CHECKOUT / "docs" / "operators.md").read_text()
    [command] = re.findall(r"^ +lesesal (rehearse --.*)$", page, re.MULTILINE)
    return command.split()


def test_a_class_of_two_comes_works_and_leaves_nothing(site: Site) -> None:
    words = documented()
    words[words.index("--students") + 1] = "2"
    words[words.index("--course") + 1] = "optics"
    words[words.index("--within") + 1] = "0.5"
    said = site.lesesal(*words)
    assert re.search(
        r"^2 of 2 students were in their notebooks within [0-9.]+ s; .*\.$", said, re.M
    )
    assert "The class can come." in said
    assert "2 logged in, 2 in the notebook, 2 ran a cell, 2 handed in, 2 left, 0 failed" in said

    report = site.report()
    assert (report["good"], report["assignment"], report["causes"]) == (True, "lenses", [])
    assert {step: each["count"] for step, each in report["steps"].items()} == dict.fromkeys(Step, 2)
    # The first waits for the other before leaving.
    first, second = (
        {each["step"]: each for each in attempt["outcomes"]} for attempt in report["attempts"]
    )
    handed_in = [way["submit"]["at"] + way["submit"]["seconds"] for way in (first, second)]
    assert min(way["stop"]["at"] for way in (first, second)) >= max(handed_in)

    assert site.synthetic() == (set(), set())
    assert site.sessions() == 0
    homes = site.home / "sessions" / "homes"
    assert [list(homes.glob(f"rehearsal-00{n}/optics*")) for n in (1, 2)] == [[], []]
    with site.store.reading() as session:
        assert [each.receipt.user for each in submissions.of_course(session, "optics")] == ["ada"]
        assert set(releases.fetches(session, "optics")) == {("lenses", "ada")}
        audit = [(each.action, each.actor) for each in changes(session, "optics")]
    for each in ("rehearsal-001", "rehearsal-002"):
        assert {("fetch", each), ("submit", each)} <= set(audit)
    assert audit[-1] == ("rehearsal-over", people.ACTOR)


@pytest.mark.slow
def test_beside_a_session_it_needs_a_yes_and_what_is_refused_is_a_cause(site: Site) -> None:
    site.hub.api("POST", "users/ada/servers/optics").raise_for_status()
    site.hub.until_ready("ada", "optics")
    plan = Plan("optics", 3, "nowhere", "lenses", within=0)
    with pytest.raises(NotAllowed) as refused:
        asyncio.run(
            wave.rehearse(
                *(site.store, plan, site.hub.url, site.token),
                yes=False,
                say=lambda _: None,
                tell=lambda *_: None,
            )
        )
    assert str(refused.value) == (
        "1 session runs or waits on this hub, 1 of them in optics. 3 synthetic students would get "
        "in the way. Rehearse when nobody is there, or add --yes."
    )
    assert site.synthetic() == (set(), set())

    options = ["--course", "optics", "--students", 3, "--offer", "nowhere", "--within", 0]
    said = site.lesesal("rehearse", *options, "--yes", code=1)
    cause = "Optics does not offer 'nowhere'. Choose one of: cpu-small."
    assert f"3 failed to start: {cause}" in said
    assert "None of 3 students got into a notebook." in said
    assert [(each["step"], each["count"]) for each in site.report()["causes"]] == [("start", 3)]
    assert site.synthetic() == (set(), set())
    # Ada has noticed nothing.
    assert site.hub.server("ada", "optics")["ready"]  # type: ignore[index]
    site.hub.api("DELETE", "users/ada/servers/optics").raise_for_status()
    hubs.until(lambda: site.hub.server("ada", "optics") is None, "Ada's session has ended")


@pytest.mark.parametrize(
    "end", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_an_interrupted_one_leaves_nothing_after_the_clean(site: Site, end: signal.Signals) -> None:
    options = ["--course", "optics", "--students", 2, "--within", 0]
    rehearsing = subprocess.Popen(
        site.command("rehearse", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    two = {"rehearsal-001", "rehearsal-002"}
    hubs.until(
        lambda: site.synthetic() == (two, two) and site.sessions() == 2,
        *("their sessions start", 120),
    )
    # One at a time, in one classroom.
    with pytest.raises(SetupError, match="Another rehearsal is on"), people.alone(site.home):
        pass
    rehearsing.send_signal(end)
    said = rehearsing.communicate(timeout=180)[0]
    if end is signal.SIGINT:
        assert rehearsing.returncode == 130
        assert said.endswith("Interrupted; the synthetic students are removed.\n")
    else:
        assert site.synthetic() == (two, two)
        said = site.lesesal("rehearse", "--clean")
        assert said.endswith("2 synthetic students were left; none is now.\n")
    assert site.synthetic() == (set(), set())
    assert site.sessions() == 0


def test_its_token_reaches_nobody_else(site: Site) -> None:
    def ask(method: str, path: str, **body: object) -> httpx.Response:
        return site.hub.api(method, path, token=site.token, json=body or None)

    assert (site.home / "rehearsal-token").stat().st_mode & 0o777 == 0o600
    # The hub does not even say that somebody is there.
    for method, path in [
        ("POST", "users/mallory"),
        ("POST", "users"),
        ("POST", "users/ada/tokens"),
        ("POST", "users/ada/servers/optics"),
        ("DELETE", "users/ada"),
        ("GET", "users/ada"),
        ("POST", "groups/staff"),
    ]:
        answer = ask(method, path, usernames=["mallory"]) if path == "users" else ask(method, path)
        assert answer.status_code in {403, 404}, (method, path)
    assert ask("POST", "users/rehearsal-001").status_code == 201
    seen = ask("GET", "users?name_filter=a").json()
    assert [each["name"] for each in seen] == ["rehearsal-001"]
    assert ask("PATCH", "users/rehearsal-001", admin=True).status_code == 403
    assert ask("DELETE", "users/rehearsal-001").status_code == 204
    everybody = [each["name"] for each in site.hub.api("GET", "users").json()]
    assert everybody == ["ada"]


def test_mistakes_are_sentences(site: Site, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not take the rehearsal's token"):
        asyncio.run(wave.clean(site.store, site.hub.url, "wrong", lambda _: None))
    said = site.lesesal("rehearse", "--course", "acoustics", code=1)
    assert said == "There is no course 'acoustics'. This classroom has: optics.\n"
    said = site.lesesal("rehearse", "--course", "optics", f"--token-file={tmp_path / 'x'}", code=1)
    assert said.startswith(f"The rehearsal's token cannot be read from {tmp_path / 'x'}: No such")
    assert people.handed_in(site.store, "optics", "closed") == (
        "",
        "closed is past its deadline and refuses late work.",
    )
