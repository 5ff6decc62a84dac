"""An assignment's plots, whole as a reader has them: texts, colours, times."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from courses import language, plots
from courses.submissions import TaskPoints

DUE = datetime(2026, 11, 27, 22, 59, tzinfo=UTC)
ZONE = "Europe/Oslo"
TIMES = [DUE - timedelta(hours=each) for each in (50, 30, 9, 3, 1, -2)]
TASKS = [TaskPoints("focus", 1.5, 4), TaskPoints("$blur$ & <b>", 2, 2), TaskPoints("x" * 80, 0, 1)]


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    assert {"width", "height"}.isdisjoint(root.attrib)
    assert root.attrib["role"] == "img"
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


def all_plots() -> list[str]:
    return [
        plots.hand_ins(TIMES, 8, DUE, ZONE),
        plots.scores([1, 5, 5.5, 12], 10),
        plots.tasks(TASKS),
    ]


def test_every_colour_has_a_dark_one_and_nothing_comes_from_outside() -> None:
    for plot in all_plots():
        drawn = plot.partition("</style>")[2]
        assert set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawn)) <= set(plots.DARK)
        assert set(re.findall(r"https?://[^\"' )]*", plot)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }


def test_what_the_hand_ins_say() -> None:
    found = texts(plots.hand_ins(TIMES, 8, DUE, ZONE))
    assert {"26 Nov", "27 Nov", "28 Nov", "12:00", "deadline", "students"} <= set(found)


def test_a_deadline_far_away_leaves_the_hand_ins_their_room() -> None:
    for due in (None, DUE + timedelta(days=200)):
        found = texts(plots.hand_ins(TIMES, 8, due, ZONE))
        assert "deadline" not in found
        assert "26 Nov" in found


def test_midnight_is_midnight_also_when_the_clocks_change() -> None:
    change = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    times = [change + timedelta(days=each) for each in (-2, 0, 2)]
    found = texts(plots.hand_ins(times, 3, None, ZONE))
    assert [each for each in found if "Oct" in each] == [f"{day} Oct" for day in range(23, 28)]
    assert not any(re.fullmatch(r"(23|01):00", each) for each in found)


@pytest.mark.parametrize("span", [timedelta(0), timedelta(minutes=5), timedelta(days=900)])
def test_any_span_has_few_ticks_and_some(span: timedelta) -> None:
    found = texts(plots.hand_ins([DUE, DUE + span], 2, None, ZONE))
    ticks = [each for each in found if re.search(r"[A-Z][a-z]{2}$|\d:\d", each)]
    assert 1 <= len(ticks) <= 11


def test_what_tasks_say() -> None:
    found = texts(plots.tasks(TASKS))
    minus = "\N{MINUS SIGN}"
    assert {"focus", "$blur$ & <b>", f"{minus}2.5", "0", f"{minus}1"} <= set(found)
    assert "x" * 33 + "…" in found


def test_the_readers_language() -> None:
    with language.use("nb"):
        found = texts(plots.tasks(TASKS))
    assert "\N{MINUS SIGN}2,5" in found


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.hand_ins([], 3, DUE, ZONE),
        lambda: plots.scores([], 10),
        lambda: plots.scores([0], 0),
        lambda: plots.tasks([]),
    ],
)
def test_nothing_to_draw(draw: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        draw()  # type: ignore[operator]


def test_threads_that_draw_at_once_draw_what_one_alone_does() -> None:
    alone, found = all_plots(), []
    threads = [threading.Thread(target=lambda: found.append(all_plots())) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [alone] * 2
