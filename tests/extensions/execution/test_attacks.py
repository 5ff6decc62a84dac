"""What notebooks try on who executes them: the corpus of tests/hostile, as it comes to the worker.

All of it runs in one worker inside an outer pid namespace (`running.OUTER`).
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from extensions.execution.running import HONEST, TOTAL, Folder, notebook, work

CORPUS = Path(__file__).parents[2] / "hostile" / "kinds"
# What is done to the notebook's own structure never gets as far as the worker.
KEYS = {"tries", "must", "at_most", "reason", "never", "squares", "total", "tags", "files"}
KINDS = {
    path.stem: kind
    for path in sorted(CORPUS.glob("*.toml"))
    if (kind := tomllib.loads(path.read_text("utf-8"))).keys() <= KEYS
}
QUICK = (
    *("ast_parse_replaced", "ast_transformer", "compile_without_asserts", "do_execute_replaced"),
    *("equals_everything", "exit_in_test", "forged_execute_result", "input_transformer"),
    *("input_transformer_post", "one_huge_line", "reads_the_test", "reply_rewritten"),
    *("run_cell_replaced", "run_code_replaced", "tag_skip_execution", "too_many_points"),
)


def execute(folder: Folder, names: list[str]) -> Folder:
    for name in names:
        kind = KINDS[name]
        book = notebook(
            kind.get("squares", HONEST), kind.get("total", TOTAL), tags=kind.get("tags", {})
        )
        folder.add(name, book, files=kind.get("files", {}))
        folder.add(f"beside {name}", notebook()) if len(folder.keys) % 8 == 1 else None
    work(folder, "--workers", "3")
    return folder


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return execute(Folder(tmp_path_factory.mktemp("quick") / "run"), list(QUICK))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    limits = {"cell_seconds": 8.0, "seconds": 40.0}
    folder = Folder(tmp_path_factory.mktemp("slow") / "run", **limits)
    return execute(folder, [name for name in KINDS if name not in QUICK])


def judge(folder: Folder, name: str) -> None:
    kind: dict[str, Any] = KINDS[name]
    result = folder.result(name)
    assert result["state"] in kind["must"], result
    assert folder.score(name) <= kind["at_most"], result
    if "reason" in kind and result["state"] != "graded":
        assert result["reason"]["kind"] == kind["reason"], result
    assert bool(result["evidence"]) == (result["state"] == "suspect")
    shown = json.dumps([one.get("outputs") for one in folder.executed(name).cells])
    assert not [word for word in kind.get("never", []) if word in shown]


@pytest.mark.parametrize("name", QUICK)
def test_it_gives_nothing(quick: Folder, name: str) -> None:
    judge(quick, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KINDS if name not in QUICK])
def test_it_gives_nothing_either(slow: Folder, name: str) -> None:
    judge(slow, name)


def test_others_are_not_disturbed(quick: Folder) -> None:
    beside = [name for name in quick.keys if name.startswith("beside")]
    assert len(beside) >= 2
    assert {quick.score(name) for name in beside} == {6}
    assert {quick.result(name)["state"] for name in beside} == {"graded"}
