"""What late work costs, as it is noted in a course directory."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from lesesal_nbgrader.late import noted


def test_what_nothing_was_noted_of(tmp_path: Path) -> None:
    submitted = datetime(2031, 1, 31, 12)  # noqa: DTZ001  as nbgrader has it
    assert noted(tmp_path, "ps1", "hacker", submitted) is None
    folder = tmp_path / ".lesesal" / "late"
    folder.mkdir(parents=True)
    kept = {"hacker": {"2031-01-31T12:00:00+00:00": {"days": 1, "penalty": 0.1}}}
    (folder / "ps1.json").write_text(json.dumps(kept))
    assert noted(tmp_path, "ps1", "hacker", submitted) == 0.1
    assert noted(tmp_path, "ps1", "hacker", submitted + timedelta(seconds=1)) is None
    assert noted(tmp_path, "ps1", "bitdiddle", submitted) is None
    assert noted(tmp_path, "ps1", "hacker", None) is None
    (folder / "ps1.json").write_text("half")
    assert noted(tmp_path, "ps1", "hacker", submitted) is None
