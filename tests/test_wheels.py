"""What the two distributions have in them."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
SHARED = ROOT / "extensions" / "lesesal_nbgrader"


@pytest.mark.parametrize(
    ("project", "packages"),
    [
        (ROOT, {"courses", "spawners", "lesesal_nbgrader"}),
        (ROOT / "extensions", {"lesesal_notebook", "lesesal_nbgrader"}),
    ],
    ids=["hub", "session"],
)
def test_a_wheel_is_whole(project: Path, packages: set[str], tmp_path: Path) -> None:
    """Each side can be installed alone, with what both need."""
    [wheel] = WheelBuilder(str(project)).build(directory=str(tmp_path), versions=["standard"])
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".d" not in name.split("/")[0]} == packages
    # What tests beside this one compile has other names until it is whole.
    files = {path for path in SHARED.rglob("*") if path.is_file()}
    here = {path for path in files if "__pycache__" not in path.parts}
    assert {f"lesesal_nbgrader/{path.relative_to(SHARED)}" for path in here} <= names
