"""The points of each task, as they are packed."""

import json
import zipfile
from types import SimpleNamespace

from lesesal_notebook.exchange import tasks


def notebook(name, *grades):
    cells = [
        SimpleNamespace(name=cell, score=score, max_score=most) for cell, score, most in grades
    ]
    return SimpleNamespace(name=name, grades=cells)


def test_a_name_is_one_cells_also_with_several_notebooks():
    one = notebook("light", ("b", 1.0, 2.0), ("a", 0.5, 1.0))
    assert tasks.points(SimpleNamespace(notebooks=[one])) == [
        {"name": "a", "score": 0.5, "max_score": 1.0},
        {"name": "b", "score": 1.0, "max_score": 2.0},
    ]
    two = SimpleNamespace(notebooks=[one, notebook("dark", ("a", 0.0, 3.0))])
    assert [each["name"] for each in tasks.points(two)] == ["dark/a", "light/a", "light/b"]


def test_the_same_points_are_the_same_bytes(tmp_path):
    found = []
    for name in ("one.zip", "two.zip"):
        with zipfile.ZipFile(tmp_path / name, "x") as archive:
            archive.writestr(zipfile.ZipInfo("x.html"), "feedback")
        tasks.add(tmp_path / name, [{"name": "a", "score": 1.0, "max_score": 2.0}])
        found.append((tmp_path / name).read_bytes())
    assert found[0] == found[1]
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["x.html", ".tasks.json"]
        assert json.loads(archive.read(".tasks.json"))[0]["name"] == "a"
