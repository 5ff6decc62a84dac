"""docs/batch.md does what it says: its notebook, its Python and its commands are run."""

from __future__ import annotations

import json
import re
import subprocess

import nbformat
import pytest
from deployed import CHECKOUT
from extensions.batch.stand_in import PYTHON, Desk

pytestmark = pytest.mark.slow
PAGE = (CHECKOUT / "docs" / "batch.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_is_true(desk: Desk) -> None:
    settings, submit, training, sweep = blocks("python")
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(each) for each in (settings, training)]
    book.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(book, desk.home / "train.ipynb")
    printed = desk.python(
        f"{submit}\nassert run.wait(120) == 'done', str(run)\n{sweep}\n"
        "import json\nprint(json.dumps(sweep.results()))\n"
        "print(json.dumps([p.summary() for p in batch.parameters('train.ipynb')]))"
    )
    results, parameters = (json.loads(line) for line in printed.splitlines())
    assert [(row["rate"], row["seed"], row["steps"], row["state"]) for row in results] == [
        (0.1, 1, 10, "done"),
        (0.1, 2, 10, "done"),
        (0.01, 1, 10, "done"),
        (0.01, 2, 10, "done"),
    ]
    assert [each["help"] for each in parameters] == [
        "of learning",
        "of the random numbers",
        "how long to train",
        "where to go on; filled in when the run is resumed",
    ]


def test_its_commands_are_there(desk: Desk) -> None:
    program = "import sys; from lesesal_notebook.batch.command import main; main(sys.argv[1:])"
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) == 4
    for name in {line.split()[1] for line in lines}:
        subprocess.run(
            [PYTHON, "-P", "-c", program, name, "--help"],
            env=desk.variables,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    flags = set(re.findall(r"--[a-z]+", PAGE))
    source = (CHECKOUT / "extensions/lesesal_notebook/batch/command.py").read_text()
    assert {flag for flag in flags if f'"{flag}"' not in source} == set()
