"""What the pages say of a session, whole, in each of its states."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from classroom_kit import course

from courses.classroom import session_views, templating
from courses.classroom.sessions import Last, More, Session, Told
from courses.classroom.views import View

MACROS = templating.environment().get_template("session.html").module
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LINKS = session_views.Links("/hub/", "/services/classroom/", "o'neil@x.org")
MINUTE, HOUR = 60, 3600


def at(seconds: float) -> float:
    return NOW.timestamp() + seconds


def time(iso: str, words: str) -> str:
    return f'<time datetime="2026-11-{iso}:00+00:00">{words}</time>'


def view(state: str, **told: object) -> View:
    known = Session("optics", "/user/o%27neil@x.org/optics/", state, Told(**told))
    return session_views.session(LINKS, course(), known, NOW)


def said(part: str, session: View, *more: str) -> str:
    html = re.sub(r"\s+", " ", str(getattr(MACROS, part)(session, *more)))
    return re.sub(r"\s*(</?(?:p|form|input|button)\b[^>]*>)\s*", r"\1", html).strip()


def line(state: str, **told: object) -> str:
    return said("line", view(state, **told))


def test_running() -> None:
    assert line("ready") == '<p class="state live">Running</p>'
    assert line("ready", ends=at(2 * HOUR)) == (
        f'<p class="state live">Running until {time("21T14:00", "15:00")}, '
        f'<span data-ends="{int(at(2 * HOUR))}">2 hours left</span></p>'
    )


@pytest.mark.parametrize(
    ("seconds", "left", "ending"),
    [
        (48 * HOUR, "48 hours left", False),
        (2 * HOUR - 1, "119 minutes left", False),
        (15 * MINUTE + 1, "15 minutes left", False),
        (15 * MINUTE, "15 minutes left", True),
        (119, "1 minute left", True),
        (59, "less than a minute left", True),
        (0, "its time is over", True),
        (-5, "its time is over", True),
    ],
)
def test_the_end_is_near(seconds: float, left: str, ending: bool) -> None:
    html = line("ready", ends=at(seconds))
    assert re.findall(r">([^<]*)</span>", html) == [left]
    assert ('class="state live ending"' in html) is ending


def test_waiting() -> None:
    place = {"phase": "waiting", "place": 4, "queue_length": 12}
    assert line("starting", **place, expected=(at(20 * MINUTE), at(24 * HOUR))) == (
        '<p class="state wait">Waiting: number 4 of 12 in the queue, expected between '
        f"{time('21T12:20', '13:20')} and {time('22T12:00', 'tomorrow 13:00')}</p>"
    )
    assert line("starting", **place, expected=(at(-60), at(-1))) == (
        '<p class="state wait">Waiting: number 4 of 12 in the queue, expected any moment now</p>'
    )
    assert line("starting", phase="waiting") == (
        '<p class="state wait">Waiting, the cluster does not say yet when it starts</p>'
    )


def test_what_else_there_is_to_know() -> None:
    html = line(
        "starting",
        phase="booting",
        news="Your session is starting on <gpu1>",
        silent_since=at(-HOUR),
        switching_to="Two & four cores",
        notes=["The reservation is not open."],
    )
    assert html == (
        '<p class="state wait">Your session is starting on &lt;gpu1&gt;</p>'
        f'<p class="state wait">The cluster has not answered since {time("21T11:00", "12:00")}. '
        "Nothing is lost.</p>"
        '<p class="state">“Two &amp; four cores” is asked for too. '
        "The place in the queue is kept until it runs.</p>"
        '<p class="state">The reservation is not open.</p>'
    )


def test_other_states() -> None:
    assert line("returning", phase="returning") == (
        '<p class="state wait">Its machine failed; it is coming back on another one.</p>'
    )
    assert line("stopping") == '<p class="state wait">Stopping</p>'
    assert line("none") == ""
    last = Last(at=at(-HOUR), sentence="Its time was over.")
    assert line("none", phase="ended", last=last) == (
        '<p class="state">Your last session ended '
        '<time datetime="2026-11-21T11:00:00+00:00" data-at>at 12:00</time>. Its time was over.</p>'
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (More(hours=1, how="extend"), "Give me another hour"),
        (More(hours=0.5, how="extend"), "Give me another 30 minutes"),
        (More(hours=2, how="follow"), "Book another 2 hours after this"),
    ],
)
def test_more_time(more: More, words: str) -> None:
    def form(what: str, words: str) -> str:
        return (
            f'<form method="post" action="/services/classroom/courses/optics/session/{what}">'
            f'<input type="hidden" name="_xsrf" value="&#34;x">'
            f'<button class="button quiet" type="submit">{words}</button></form>'
        )

    base = "/user/o%27neil@x.org/optics/"
    assert said("buttons", view("ready", more=more), '"x') == (
        f'<a class="button" href="{base}">Open session</a>{form("stop", "Stop")}'
        f'{form("more", words)}<a href="{base}lesesal/session">What it was given</a>'
    )
    assert said("buttons", view("none", more=more), "x") == (
        '<a class="button" href="/hub/spawn/o%27neil@x.org/optics">Start session</a>'
    )
