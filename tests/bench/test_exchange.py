"""What `make bench-exchange` does and makes of its figures, without running it."""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from bench import exchange
from bench.exchange_people import Done, Errand, notebook
from bench.exchange_rush import Outcome, Visit, draw, pool, rush


def minute(p95: float, failures: int = 0) -> dict[str, object]:
    return {"submit": {"p95_s": p95}, "failures": failures}


def test_flat_keys_are_medians_of_the_rounds_ratios() -> None:
    rounds = [
        {"ours": minute(0.2), "nbgrader": minute(0.02), "ngshare": minute(0.4)},
        {"ours": minute(0.3, 1), "nbgrader": minute(0.1, 7), "ngshare": minute(0.2)},
        {"ours": minute(0.4, 1), "nbgrader": minute(0.1), "ngshare": minute(0.0, 200)},
    ]
    assert exchange.summarise(rounds) == {
        "submit_p95_s": 0.3,
        "failures": 2,
        "nbgrader_ratio": 4.0,
        "ngshare_ratio": 1.0,
    }
    assert exchange.summarise([{"ours": minute(0.2)}]) == {"submit_p95_s": 0.2, "failures": 0}


def outcome(kind: str, seconds: float, why_not: str = "") -> Outcome:
    errand = Errand(kind, "student1", "rush", "ps1", "", "", 0)
    return Outcome(errand, Done(seconds, 0.1, why_not), 0.5)


def test_what_failed_and_what_is_gone_afterwards_are_failures() -> None:
    outcomes = [outcome(exchange.SUBMIT, number / 10) for number in range(1, 21)]
    outcomes += [outcome(exchange.FETCH, 0.3), outcome(exchange.SUBMIT, 60, "It was refused.")]
    found = exchange.figures(outcomes, ["student1"], 11, 22)
    assert found == {
        "submit": {"p50_s": 1.5, "p95_s": 2.4, "max_s": 2.5},
        "fetch": {"p50_s": 0.8, "p95_s": 0.8, "max_s": 0.8},
        "failures": 2,
        "submitted": 20,
        "there_afterwards": 19,
        "client_cpu_s": 0.1,
        "server_cpu_s": 0.5,
        "late_s": 0.5,
        "why_not": ["It was refused.", "lost: student1"],
    }


def test_a_notebook_is_as_large_as_wanted_and_hardly_packs() -> None:
    made = notebook("student1", 2_000_000)
    assert made == notebook("student1", 2_000_000)
    assert made != notebook("student2", 2_000_000)
    assert abs(len(made) - 2_000_000) < 20_000
    assert 0.7 < len(zlib.compress(made)) / len(made) < 0.8
    [output] = json.loads(made)["cells"][0]["outputs"]
    assert len(base64.b64decode(output["data"]["image/png"])) > 30_000


def test_people_come_late_and_nobody_after_the_deadline() -> None:
    visits = draw(200, 60, 1)
    assert visits == draw(200, 60, 1)
    assert len(visits) == 200
    assert all(0 <= visit.fetch < visit.submit - 1 < 59 for visit in visits)
    assert 75 < sum(visit.submit > 45 for visit in visits) < 110


CLIENT = """
import os

from exchange_people import notebook


class ExchangeFetchAssignment:
    def __init__(self, coursedir, authenticator, size):
        self.folder, self.size = coursedir.root, size

    def start(self):
        os.makedirs("ps1")
        open("ps1/problem1.ipynb", "wb").write(notebook("release", self.size))


class ExchangeSubmit(ExchangeFetchAssignment):
    username = ""
    timestamp = "now"

    def start(self):
        if self.username == "student2":
            self.timestamp = None
        if self.username == "student3":
            raise SystemExit("Not today.")
"""


# What of nbgrader the processes use themselves; the real one takes seconds to import.
NBGRADER = {
    "__init__.py": "",
    "auth.py": "class Authenticator: pass",
    "coursedir.py": "class CourseDirectory:\n    def __init__(self, root, **_): self.root = root",
}


async def test_errands_are_done_and_what_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    (tmp_path / "nbgrader").mkdir()
    for name, text in NBGRADER.items():
        (tmp_path / "nbgrader" / name).write_text(text)

    def errand(kind: str, user: str, seed: str, size: int = 60_000) -> Errand:
        (tmp_path / user).mkdir(exist_ok=True)
        home, traits = str(tmp_path / user), {"size": size}
        return Errand(kind, user, "rush", "ps1", home, seed, 60_000, traits=traits)

    visits = []
    for user in ("student1", "student2", "student3"):
        fetch, submit = errand(exchange.FETCH, user, "release"), errand(exchange.SUBMIT, user, user)
        visits.append((Visit(0, 0.1), fetch, submit))
    small = errand(exchange.FETCH, "student4", "release", size=50_000)
    visits.append((Visit(0, 0.1), small, errand(exchange.SUBMIT, "student4", "")))
    async with pool(
        Path(sys.executable), ["client"], 2, tmp_path / "log", {"PYTHONPATH": str(tmp_path)}
    ) as people:
        outcomes = await rush(people, visits)
    assert told(outcomes) == [
        ("student1", exchange.FETCH, ""),
        ("student1", exchange.SUBMIT, ""),
        ("student2", exchange.FETCH, ""),
        ("student2", exchange.SUBMIT, "It was not submitted."),
        ("student3", exchange.FETCH, ""),
        ("student3", exchange.SUBMIT, "SystemExit: Not today."),
        ("student4", exchange.FETCH, "What was fetched is not what was released."),
    ]
    assert (tmp_path / "student1/ps1/problem1.ipynb").read_bytes() == notebook("student1", 60_000)


def told(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    return [(each.errand.user, each.errand.kind, each.done.why_not) for each in outcomes]


async def test_a_client_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="No module named 'nothing_here'"):
        async with pool(Path(sys.executable), ["nothing_here"], 1, tmp_path / "log", {}):
            pass
