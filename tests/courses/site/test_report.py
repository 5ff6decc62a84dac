"""The report's files: whole in themselves, and with what has to be in them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from courses.rehearsal import Attempt, Outcome, Plan, Rehearsal, Step
from courses.site import report
from courses.site.plot import DARK

CAUSE = "<script>alert('7')</script> & more"
FAILED = Attempt("rehearsal-002", 5.0, (Outcome(Step.LOGIN, 5.0, 0.5, CAUSE),))
WENT = Attempt(
    "rehearsal-001", 0.0, tuple(Outcome(step, float(n), 1.0) for n, step in enumerate(Step))
)
REHEARSAL = Rehearsal(
    Plan("optics", 2, "gpu", "lenses", within=10),
    datetime(2026, 11, 22, 20, 0, tzinfo=UTC),
    (WENT, FAILED),
)


def test_three_files_in_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = report.write(tmp_path, REHEARSAL)
    assert sorted(path.name for path in folder.iterdir()) == [
        "report.html",
        "report.json",
        "report.svg",
    ]
    figures = json.loads((folder / "report.json").read_text())
    assert (figures["good"], figures["students"], figures["course"]) == (False, 2, "optics")
    assert figures["ready"] == {"count": 1, "p50": 2.0, "p90": 2.0, "p95": 2.0, "most": 2.0}
    assert figures["causes"] == [{"step": "log in", "sentence": CAUSE, "count": 1}]
    assert [len(each["outcomes"]) for each in figures["attempts"]] == [5, 1]


def test_the_page_needs_nothing_from_outside_and_believes_nothing(tmp_path: Path) -> None:
    page = (report.write(tmp_path, REHEARSAL) / "report.html").read_text()
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\"' )]*", page)) <= names
    assert not re.search(r"<(script|link|img|iframe)|@import|url\((?!#)|\ssrc=", page)
    assert "&lt;script&gt;alert" in page
    assert "1 of 2 students were in their notebooks within 2.0 s. 1 was not" in page
    assert "prefers-color-scheme: dark" in page


def test_the_plot_stands_alone_scales_and_has_a_dark_colour_for_each_light_one() -> None:
    plot = report.svg(REHEARSAL)
    root = ElementTree.fromstring(plot)
    assert {"width", "height"}.isdisjoint(root.attrib)
    assert root.attrib["viewBox"]
    assert "Rehearsal of optics with 2 students" in plot
    texts = {"".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"in the notebook", "handed in", "failed", "100 %"} <= texts
    drawn = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", plot.partition("</style>")[2]))
    assert drawn <= set(DARK)
    assert len(drawn) > 5
    assert report.svg(REHEARSAL) == plot
