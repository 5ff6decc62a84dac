"""What the desk says, in the person's language, and nothing of it is anybody's HTML."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lesesal_notebook import language
from lesesal_notebook.exchange.values import Assignment, Check, Submission
from lesesal_notebook.session.allotment import Allotment
from lesesal_notebook.widgets.desk import html, words
from lesesal_notebook.widgets.desk.values import (
    Entry,
    Problem,
    Receipt,
    Session,
    State,
    Validation,
    entry,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def oslo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock is that of Oslo."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "Europe/Oslo")
        time.tzset()
        yield
    time.tzset()


def submission(hours: float, *, on_time: bool = True, **changes: object) -> Submission:
    received = NOW + timedelta(hours=hours)
    values = {"feedback": None, "score": None, "max_score": None, "to_grade": True}
    return Submission("42", "", received, on_time, **(values | changes))  # type: ignore[arg-type]


def made(folder: Path, *submissions: Submission, title: str = "Lenses", **changes: object) -> Entry:
    values: dict[str, object] = {
        "due": NOW + timedelta(days=3, minutes=1),
        "extended": False,
        "late": "accept",
        "penalty_per_day": 0.0,
        "grace_minutes": 0,
        "max_bytes": None,
        "released": NOW,
    }
    found = Assignment("lenses", title, submissions=submissions, **(values | changes))  # type: ignore[arg-type]
    return entry(found, "optics", folder)


def test_how_far_one_is(tmp_path: Path) -> None:
    folder = tmp_path / "lenses"
    one = made(folder)
    assert (one.state, words.state(one)) == (State.RELEASED, "Not fetched yet")
    (folder / "feedback").mkdir(parents=True)
    assert not made(folder).fetched
    (folder / "nb.ipynb").touch()
    one = made(folder)
    assert (one.state, words.state(one)) == (State.FETCHED, "Fetched, not handed in")
    (folder / ".lesesal").mkdir()
    (folder / ".lesesal" / "release.json").write_text('{"course": "biology"}')
    assert not made(folder).fetched
    assert words.state(made(folder, submission(-2), submission(-1))) == "Handed in"
    late = made(folder, submission(-2), submission(-1, on_time=False))
    assert (late.versions, words.state(late)) == (2, "Handed in late")
    assert words.state(made(folder, submission(-1, on_time=False), due=None)) == "Handed in"
    graded = submission(-2, feedback=NOW, score=1.5, max_score=2.0)
    one = made(folder, graded, submission(-1))
    assert (one.state, words.state(one)) == (
        State.FEEDBACK,
        "Feedback is there: 1.5 of 2 points",
    )


def test_what_else_there_is_to_say_of_a_deadline(tmp_path: Path) -> None:
    rules = {"late": "penalty", "penalty_per_day": 0.125, "grace_minutes": 15, "extended": True}
    assert words.rules(made(tmp_path, **rules)) == [
        "extended for you",
        "late work loses 12.5 % of the points for each started day",
        "15 min of grace",
    ]
    assert words.rules(made(tmp_path, late="refuse")) == ["late work is not taken"]
    assert words.rules(made(tmp_path, due=None, late="refuse")) == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3 * 86_400 + 1, "in 3 days"),
        (86_399, "in 23 hours"),
        (59, "in less than a minute"),
        (-59, "just now"),
        (-7_300, "2 hours ago"),
    ],
)
def test_how_far_away_that_is(seconds: float, said: str) -> None:
    assert words.distance(NOW + timedelta(seconds=seconds), NOW) == said


@pytest.mark.usefixtures("oslo")
def test_in_the_persons_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(language.VARIABLE, "nb")
    given = Allotment("En plass", "gpu1", 2, 4096, ())
    text = words.as_text([made(tmp_path / "lenses")], Session(given), "Optikk")
    assert text.splitlines()[0] == "Emnet Optikk"
    assert "Ikke hentet ennå" in text
    assert words.when(NOW) == "lør. 21. nov. 2026, 13:00 CET"
    assert words.points(1.5, 2.0) == "1,5 av 2 poeng"
    shown = html.about(made(tmp_path))
    assert "Frist <time" in shown


def test_nothing_that_comes_from_elsewhere_is_html(tmp_path: Path) -> None:
    (tmp_path / f"{HOSTILE.replace('/', '')}.ipynb").touch()
    check = Check(waiting=False, passed=1, count=2, failed=(HOSTILE,), says=HOSTILE)
    one = made(tmp_path, submission(-1, check=check), title=HOSTILE)
    given = Allotment(HOSTILE, HOSTILE, 2, 4096, (HOSTILE,))
    receipt = Receipt(HOSTILE, NOW, NOW, True, HOSTILE, notes=(HOSTILE,))
    result = Validation(HOSTILE, failed=(Problem(HOSTILE, HOSTILE),), changed=(HOSTILE,))
    for shown in (
        html.head(HOSTILE),
        html.about(one),
        html.state(one),
        html.session(Session(given)),
        html.receipt(receipt),
        html.validations([result]),
        html.links("Open", [Path.home() / HOSTILE]),
    ):
        assert "<img" not in shown
        assert "&lt;img" in shown
