"""The pages, as people get them through a real hub's login."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
from classroom_kit import course, enrol, put, unzipped, zipped

from courses.classroom.pages import base

if TYPE_CHECKING:
    from conftest import Classroom

ARCHIVE = zipped({"lenses.ipynb": b'{"cells": []}'})
EVIL = b"<script>document.title = 'ran'</script><p>7 of 10</p>"
_numbers = itertools.count(1)


@pytest.fixture
def slug(classroom: Classroom) -> str:
    slug = f"pages-{next(_numbers)}"
    put(classroom.store, course(slug, title=f"Optics {slug}"))
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
    return slug


@pytest.fixture(scope="module")
def ben(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ben") as browser:
        yield browser


@pytest.fixture(scope="module")
def ada(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ada") as browser:
        yield browser


@pytest.fixture(scope="module")
def cleo(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("cleo") as browser:
        yield browser


@pytest.fixture
def submission(classroom: Classroom, slug: str) -> str:
    """ben's submission, with feedback from ada."""
    with classroom.client("ada") as ada, classroom.client("ben") as ben:
        base = f"api/courses/{slug}"
        ada.put(f"{base}/assignments/lenses/release", content=ARCHIVE).raise_for_status()
        receipt = ben.post(f"{base}/assignments/lenses/submissions", content=ARCHIVE).json()
        ada.put(
            f"{base}/submissions/{receipt['id']}/feedback?score=7&max_score=10",
            content=zipped({"lenses.html": EVIL, "more/second.html": b"second"}),
        ).raise_for_status()
    return str(receipt["id"])


def test_the_first_page_wants_a_login(classroom: Classroom) -> None:
    answer = httpx.get(classroom.url, timeout=60)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/hub/api/oauth2/authorize?")


def test_my_courses(ben: httpx.Client, slug: str, submission: str) -> None:
    page = ben.get("")
    assert page.status_code == 200
    (nonce,) = set(re.findall('<script[^>]* nonce="([^"]+)"', page.text))
    policy = base._PAGE_POLICY.format(nonce=nonce)
    assert page.headers["Content-Security-Policy"] == policy
    assert ben.get("").headers["Content-Security-Policy"] != policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert f'<a href="/services/classroom/courses/{slug}">Optics {slug}</a>' in page.text
    assert f'href="/hub/spawn/ben/{slug}">Start session</a>' in page.text
    time = '<time datetime="2100-01-01T00:00:00.000000+00:00" data-zone="Europe/Oslo">'
    assert f"is due {time}1 Jan 2100, 01:00</time>" in page.text


def test_somebody_without_a_course(classroom: Classroom) -> None:
    with classroom.browser("nobody") as browser:
        assert "You are not in a course yet" in browser.get("").text


def test_the_students_page(ben: httpx.Client, slug: str, submission: str) -> None:
    page = ben.get(f"courses/{slug}").text
    address = f"/services/classroom/courses/{slug}/submissions/{submission}"
    assert f'<a href="{address}">Receipt</a>' in page
    assert f'<a href="{address}/feedback">Feedback</a>' in page
    time = '<time datetime="2100-01-01T00:00:00.000000+00:00" data-zone="Europe/Oslo">'
    assert f"Due {time}Friday 1 January 2100, 01:00</time>" in page
    assert "Late work is not taken." in page
    assert "Times are in Oslo time." in page
    assert "cleo" not in page


def test_the_staffs_page(ada: httpx.Client, slug: str, submission: str) -> None:
    page = ada.get(f"courses/{slug}").text
    assert [name in page for name in ("ada", "ben", "cleo")] == [True] * 3
    assert "7 of 10" in page
    assert "out of 2 who take the course" in page


def test_the_receipt(ben: httpx.Client, ada: httpx.Client, slug: str, submission: str) -> None:
    address = f"courses/{slug}/submissions/{submission}"
    for browser in (ben, ada):
        assert browser.get(address).status_code == 200
    download = ben.get(f"{address}/receipt.json")
    assert download.json()["id"] == submission
    assert download.headers["Content-Disposition"] == (
        f'attachment; filename="receipt-{slug}-{submission}.json"'
    )
    assert unzipped(ben.get(f"{address}/archive.zip").content) == unzipped(ARCHIVE)


def test_feedback_is_only_ink(ben: httpx.Client, slug: str, submission: str) -> None:
    address = f"courses/{slug}/submissions/{submission}/feedback"
    page = ben.get(address).text
    assert f'src="/services/classroom/{address}/lenses.html"' in page
    assert "?notebook=more%2Fsecond.html" in page
    shown = ben.get(f"{address}/lenses.html")
    assert shown.content == EVIL
    assert {name: shown.headers[name] for name in ("Content-Type", "X-Content-Type-Options")} == {
        "Content-Type": "text/html; charset=UTF-8",
        "X-Content-Type-Options": "nosniff",
    }
    assert shown.headers["Content-Security-Policy"] == (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "frame-ancestors 'self'"
    )
    assert ben.get(f"{address}/more/second.html").content == b"second"
    assert ben.get(f"{address}/nope.html").status_code == 404
    assert ben.get(f"{address}?notebook=nope.html").status_code == 404


@pytest.mark.parametrize(
    "what", ["", "/receipt.json", "/archive.zip", "/feedback", "/feedback/lenses.html"]
)
def test_anothers_work(cleo: httpx.Client, slug: str, submission: str, what: str) -> None:
    answer = cleo.get(f"courses/{slug}/submissions/{submission}{what}")
    assert answer.status_code == 403
    assert "This submission is another person&#39;s. Look at the list of yours." in answer.text


def test_errors_are_sentences(ben: httpx.Client) -> None:
    for address, words in {
        "courses/nope": "There is no course &#39;nope&#39;. Look at the list of your courses.",
        "nothing/here": "There is nothing at this address. Look at the list of your courses.",
        "oauth_callback?error=x": "The request cannot be understood. Go back and try again.",
    }.items():
        answer = ben.get(address)
        assert answer.status_code in (400, 404)
        assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
        assert words in answer.text
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("what", ["stop", "more"])
def test_changing_a_session_needs_the_form(ben: httpx.Client, slug: str, what: str) -> None:
    """A page of another site that posts with ben's cookies gets nothing done."""
    answer = ben.post(f"courses/{slug}/session/{what}", data={})
    assert answer.status_code == 403


def xsrf_of(page: httpx.Response) -> str:
    """What a page gives its script to show that it is the page's."""
    return page.text.partition('data-xsrf="')[2].partition('"')[0]


def test_no_more_time_is_a_sentence(ben: httpx.Client, slug: str) -> None:
    """This hub's spawner is not ours: its sessions have no end."""
    form = {"_xsrf": xsrf_of(ben.get(f"courses/{slug}"))}
    answer = ben.post(f"courses/{slug}/session/more", data=form)
    assert answer.status_code == 409
    assert "<h1>That did not work</h1>" in answer.text
    assert "Traceback" not in answer.text


def test_the_pages_script_asks_for_its_parts(cleo: httpx.Client, slug: str) -> None:
    fetch = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    page = cleo.get(f"courses/{slug}")
    answer = cleo.get("sessions", headers={**fetch, "X-XSRFToken": xsrf_of(page)})
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    parts = answer.json()["sessions"][slug]
    assert parts == {
        "state": "none",
        "line": "",
        "buttons": f'<a class="button" href="/hub/spawn/cleo/{slug}">Start session</a>',
        "formgrader": '<span class="soft">Start the session to open the Formgrader, where you '
        "collect, grade and give feedback.</span>",
    }
    # The page has the same parts, so that nothing flickers.
    assert f'data-part="buttons"\n       data-state="none">{parts["buttons"]}</div>' in page.text
    # Another site's page has the cookie, but not the token.
    assert cleo.get("sessions", headers=fetch, follow_redirects=False).status_code != 200


def test_a_session_from_start_to_stop(
    classroom: Classroom, ben: httpx.Client, slug: str, submission: str
) -> None:
    classroom.hub.api("POST", f"users/ben/servers/{slug}").raise_for_status()
    classroom.hub.until_ready("ben", slug)
    page = ben.get(f"courses/{slug}")
    assert f'href="/user/ben/{slug}/">Open session</a>' in page.text
    assert '<p class="state live">' in page.text
    form = page.text.partition('name="_xsrf" value="')[2].partition('"')[0]
    answer = ben.post(f"courses/{slug}/session/stop", data={"_xsrf": form})
    assert (answer.status_code, str(answer.url)) == (200, f"{classroom.url}courses/{slug}")
    end = time.monotonic() + 120
    while "Start session" not in ben.get(f"courses/{slug}").text:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_nothing_went_wrong_unsaid(classroom: Classroom) -> None:
    """The last test here: no handler raised what it should not have."""
    assert "Traceback" not in classroom.hub.log.read_text()
