"""Batch jobs for JupyterLab, as a session's server answers; what runs them is in test_job.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from extensions.session.stand_in import Session, StandInHub, running_session

OFFERS = [{"name": "cpu", "title": "A place", "hours": 2.0, "gpus": 0}]


@dataclass
class BatchHub(StandInHub):
    """A hub that takes batch jobs, or refuses them, and runs none."""

    refusal: str = ""
    away: bool = False
    jobs: dict[str, Any] = field(default_factory=dict)

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        here = "/hub/api/batch/kim/ai"
        if not path.startswith(here):
            return super().answer(method, path, token, body)
        if self.away:
            return 502, {}
        match method:
            case "POST" if self.refusal:
                return 403, {"message": self.refusal}
            case "POST":
                told = {"state": "waiting", "reason": "waiting for a machine", "place": 2}
                self.jobs[body["run"]] = body, {**told, "queue_length": 5}
                return 201, {**body, "job": "7", "offer": "cpu", "hours": 2.0}
            case "GET":
                return 200, {
                    "runs": {run: told for run, (_, told) in self.jobs.items()},
                    "offers": OFFERS,
                }
            case _:
                run = path.rpartition("/")[2]
                if run in self.jobs:
                    self.jobs[run] = self.jobs[run][0], {"state": "ended"}
                return 204, None


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with running_session(tmp_path_factory.mktemp("session"), BatchHub()) as running:
        yield running


@pytest.fixture
def hub(session: Session) -> BatchHub:
    hub = session.hub
    assert isinstance(hub, BatchHub)
    hub.refusal, hub.away = "", False
    return hub


@pytest.fixture
def client(session: Session, hub: BatchHub) -> Iterator[httpx.Client]:
    with session.client() as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def _notebooks(session: Session) -> None:
    settings = nbformat.v4.new_code_cell(
        "lr = 0.1  # how fast it learns\nname: str = 'adam'", metadata={"tags": ["parameters"]}
    )
    write(session.home / "work" / "train.ipynb", settings, nbformat.v4.new_code_cell("print(lr)"))
    write(session.home / "plain.ipynb", nbformat.v4.new_code_cell("1"))


def write(path: Path, *cells: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)


def test_the_form_is_made_from_the_notebook_and_the_courses_offers(
    client: httpx.Client, hub: BatchHub
) -> None:
    form = client.get("lesesal/batch/form", params={"path": "work/train.ipynb"})
    assert form.json() == {
        "parameters": [
            {"name": "lr", "type": "float", "default": "0.1", "help": "how fast it learns"},
            {"name": "name", "type": "str", "default": "'adam'", "help": ""},
        ],
        "offers": OFFERS,
        "message": "",
    }
    hub.away = True
    form = client.get("lesesal/batch/form", params={"path": "plain.ipynb"})
    assert form.json() == {
        "parameters": [],
        "offers": [],
        "message": "The hub does not answer. Try again in a minute.",
    }


def test_it_says_how_it_is_understood(client: httpx.Client) -> None:
    wish = {"path": "work/train.ipynb", "values": {"lr": "0.1, 0.2, 0.3", "name": "sgd"}}
    answer = client.post("lesesal/batch/form", json=wish)
    assert answer.json() == {"tasks": 3, "wrong": {}, "message": ""}
    wish["values"] = {"lr": "fast"}
    wrong = client.post("lesesal/batch/form", json=wish).json()["wrong"]
    assert list(wrong) == ["lr"]


def test_a_run_is_started_listed_and_cancelled(
    client: httpx.Client, hub: BatchHub, session: Session
) -> None:
    wish = {
        "path": "work/train.ipynb",
        "values": {"lr": "0.1, 0.2", "name": "sgd"},
        "offer": "cpu",
        "hours": 1.5,
    }
    answer = client.post("lesesal/batch/runs", json=wish)
    assert answer.status_code == 201
    run = answer.json()
    body, _told = hub.jobs[run["id"]]
    assert body == {"run": run["id"], "offer": "cpu", "hours": 1.5, "tasks": 2}
    parameters = session.home / "batch" / run["id"] / "tasks" / "2" / "parameters.json"
    assert json.loads(parameters.read_text()) == {"lr": 0.2, "name": "sgd"}

    [listed] = client.get("lesesal/batch/runs").json()["runs"]
    assert listed.pop("submitted") > 0
    assert listed == {
        "id": run["id"],
        "name": "train",
        "state": "waiting",
        "word": "waiting",
        "alive": True,
        "resumable": False,
        "sentence": "waiting for a machine",
        "line": "place 2 of 5",
        "fraction": 0.0,
        "count": 2,
        "result": None,
    }
    [unfolded] = client.get("lesesal/batch/runs", params={"tasks": run["id"]}).json()["runs"]
    assert unfolded["tasks"] == [
        {"task": task, "values": {"lr": lr}, "word": "waiting", "result": None}
        for task, lr in ((1, 0.1), (2, 0.2))
    ]
    assert client.delete(f"lesesal/batch/runs/{run['id']}").status_code == 204
    assert hub.jobs[run["id"]][1] == {"state": "ended"}
    [listed] = client.get("lesesal/batch/runs").json()["runs"]
    assert (listed["word"], listed["alive"], listed["resumable"]) == ("cancelled", False, True)
    resumed = client.post(f"lesesal/batch/runs/{run['id']}")
    assert resumed.status_code == 201
    assert resumed.json()["id"] in hub.jobs


def test_each_refusal_is_a_sentence(client: httpx.Client, hub: BatchHub) -> None:
    def refused(method: str, path: str, **more: Any) -> tuple[int, str]:
        answer = client.request(method, f"lesesal/batch/{path}", **more)
        assert set(answer.json()) == {"message"}
        return answer.status_code, answer.json()["message"]

    plain = {"path": "plain.ipynb"}
    hub.refusal = "You have two batch jobs in this course already."
    assert refused("POST", "runs", json=plain) == (409, hub.refusal)
    hub.away = True
    assert refused("POST", "runs", json=plain) == (
        503,
        "The hub does not answer. Try again in a minute.",
    )
    status, sentence = refused("POST", "runs", json={"path": "none.ipynb"})
    assert status == 400
    assert sentence.startswith("There is no notebook ")
    status, sentence = refused(
        "POST", "runs", json={"path": "work/train.ipynb", "values": {"lr": "x"}}
    )
    assert status == 400
    assert "lr" in sentence
    assert refused("POST", "runs", json=[1]) == (
        400,
        "The form is not complete. Open it again.",
    )
    assert refused("DELETE", "runs/never-was") == (
        404,
        "There is no batch run never-was in ~/batch.",
    )


def test_nobody_else_may(session: Session) -> None:
    with httpx.Client(base_url=session.url) as client:
        for path in ("form?path=plain.ipynb", "runs"):
            answer = client.get(f"lesesal/batch/{path}")
            assert answer.status_code in {302, 403}
        assert client.post("lesesal/batch/runs", json={}).status_code == 403
