"""How a run is drawn."""

from __future__ import annotations

import re

from lesesal_notebook.batch import drawing


def test_what_a_task_has_not_recorded_yet_is_an_empty_cell() -> None:
    done = {"task": 1, "state": "done", "rate": 0.1, "loss": 0.25, "best": None}
    drawn = drawing.results([done, {"task": 2, "state": "running", "rate": 0.2}], "en")
    cells = re.findall(r"<td>(.*?)</td>", drawn)
    assert cells == ["1", "done", "0.1", "0.25", "None", "2", "running", "0.2", "", ""]


def test_what_a_notebook_recorded_is_no_markup() -> None:
    drawn = drawing.results([{"task": 1, "state": "done", "<b>": "<i>"}], "en")
    assert "<b>" not in drawn
    assert "<i>" not in drawn
