"""What comes back from an account that is not believed: anything may."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from courses.workers import boxes

KEY = "000007"
NAME = "nb.ipynb"
HEAD = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
SENT: dict[str, Any] = {
    **HEAD,
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["Why?"]},
        {
            "cell_type": "code",
            "metadata": {"nbgrader": {"grade_id": "test", "points": 2}},
            "source": ["assert focus == 2"],
            "outputs": [],
            "execution_count": None,
        },
    ],
}
PRINTED = {"output_type": "stream", "name": "stdout", "text": "2\n"}
RESULT = {
    "state": "graded",
    "reason": {"kind": "", "facts": {}},
    "evidence": [],
    "seconds": 1.5,
    "cpu_seconds": 1,
    "memory_bytes": 1000,
    "notebooks": {NAME: {"cells": 1, "seconds": 1, "tests": {"test": 0.5}}},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    task = run / "tasks" / KEY
    for folder in (task / "notebooks", task / "files", run / "files", run / "results"):
        folder.mkdir(parents=True)
    (run / "tasks" / "000008").mkdir()
    (run / "run.json").write_text(json.dumps({"format": 1, "files": str(run / "files")}))
    (run / "files" / "data.csv").write_text("the course's")
    (task / "files" / "mine.txt").write_text("the student's")
    (task / "task.json").write_text(json.dumps({"notebooks": [NAME]}))
    (task / "notebooks" / NAME).write_text(json.dumps(SENT))
    return run


def executed(**changes: Any) -> dict[str, Any]:
    """The notebook as it comes back, with changes of its code cell."""
    markdown, code = SENT["cells"]
    code = {**code, "outputs": [PRINTED], "execution_count": 3, **changes}
    return {**SENT, "cells": [markdown, code]}


def archive(**files: Any) -> bytes:
    """As the worker's job makes one; keys are ``result`` and ``notebook``."""
    names = {"result": f"results/{KEY}.json", "notebook": f"results/{KEY}/{NAME}"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, value in files.items():
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            member = tarfile.TarInfo(names.get(name, name))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def taken(run: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The result and the notebook that the engine finds."""
    box = boxes.make(run, KEY)
    (box / "result.tar").write_bytes(content)
    assert boxes.take(box, run, KEY)
    return found(run)


def found(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    result = json.loads((run / "results" / f"{KEY}.json").read_text())
    file = run / "results" / KEY / NAME
    return result, json.loads(file.read_text()) if file.exists() else {}


def test_a_box_has_one_task_and_opens_to_who_knows_it(run: Path) -> None:
    box = boxes.make(run, KEY)
    files = sorted(str(path.relative_to(box)) for path in box.rglob("*") if path.is_file())
    assert files == [
        "run/keys",
        "run/run.json",
        f"run/tasks/{KEY}/files/data.csv",
        f"run/tasks/{KEY}/files/mine.txt",
        f"run/tasks/{KEY}/notebooks/{NAME}",
        f"run/tasks/{KEY}/task.json",
    ]
    assert json.loads((box / "run" / "run.json").read_text())["files"] is None
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (run, box.parent, box)}
    assert modes == {run: 0o711, box.parent: 0o711, box: 0o733}
    assert len(box.name) == 32
    assert not boxes.take(box, run, KEY)


def test_an_honest_result_comes_through(run: Path) -> None:
    result, notebook = taken(run, archive(result=RESULT, notebook=executed()))
    assert result == RESULT
    assert notebook["cells"] == executed()["cells"]


def test_only_outputs_are_taken(run: Path) -> None:
    forged = executed(source=["pass"], metadata={"nbgrader": {"grade_id": "test", "points": 99}})
    _result, notebook = taken(
        run, archive(result=RESULT, notebook={**forged, "metadata": {"a": 1}})
    )
    assert notebook["cells"] == executed()["cells"]
    assert set(notebook["metadata"]) == {"language_info"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"full marks, please",
        archive(result=RESULT),
        archive(notebook=executed()),
        archive(result={**RESULT, "state": "perfect"}, notebook=executed()),
        archive(result={**RESULT, "seconds": float("inf")}, notebook=executed()),
        archive(result={**RESULT, "reason": {"kind": "<b>", "facts": {}}}, notebook=executed()),
        archive(result=b"[" * 100_000, notebook=executed()),
        archive(result=RESULT, notebook=b"[" * 100_000),
        archive(result=RESULT, notebook={**SENT, "cells": SENT["cells"][:1]}),
        archive(result=RESULT, notebook={**SENT, "cells": SENT["cells"][::-1]}),
        archive(result=RESULT, notebook={**SENT, "cells": [None, None]}),
        archive(**{f"more{number}": b"" for number in range(200)}, result=RESULT),
    ],
)
def test_what_no_worker_writes_is_suspect_and_worth_nothing(run: Path, content: bytes) -> None:
    result, notebook = taken(run, content)
    assert (result["state"], result["reason"]["kind"]) == ("suspect", "forged")
    [output] = notebook["cells"][1]["outputs"]
    assert output["output_type"] == "error"


def link(path: Path) -> None:
    """To what would be believed in its place."""
    honest = path.with_name("honest.tar")
    honest.write_bytes(archive(result=RESULT, notebook=executed()))
    path.symlink_to(honest)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo, link])
def test_what_is_no_file_is_neither_followed_nor_waited_for(
    run: Path, put: Callable[[Path], None]
) -> None:
    box = boxes.make(run, KEY)
    put(box / "result.tar")
    assert boxes.take(box, run, KEY)
    assert found(run)[0]["state"] == "suspect"


def test_what_is_to_be_tried_again_has_no_notebooks(run: Path) -> None:
    result, notebook = taken(run, archive(result={**RESULT, "state": "retry"}, notebook=executed()))
    assert (result["state"], notebook) == ("retry", {})


def test_names_of_others_are_passed_over(run: Path) -> None:
    more = {"results/000008.json": b"{}", "/tmp/x": b"", "../../../run.json": b""}
    taken(run, archive(**more, result=RESULT, notebook=executed()))
    assert sorted(path.name for path in (run / "results").iterdir()) == [KEY, f"{KEY}.json"]
