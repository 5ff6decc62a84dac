"""The end of a session as a person in JupyterLab sees it, and what is on disk afterwards."""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from classrooms import Classroom, running_classroom
from extensions.session.stand_in import Session, StandInHub, running_session
from lab_scripts import page_with_scripts
from notebooks import notebook
from people import COURSE, Person, arrive
from playwright.sync_api import Browser, Locator, Page, expect
from slurm_site import SlurmSite

pytestmark = pytest.mark.browser
MINUTE = 60
# Beside whole minutes: so long may it take until a page is there and has told how many are left.
REST = 55
HOUR = {"hours": 1.0, "how": "extend"}


NOTEBOOK = notebook("x = 1", "print('begun', flush=True)\nwhile True:\n    pass")


# What the clock says


@pytest.fixture(scope="module")
def clock(browser: Browser) -> Iterator[Callable[..., Any]]:
    """Calls a function of clock.js."""
    page = page_with_scripts(browser, "en-GB", "Europe/Oslo")

    def call(name: str, *arguments: Any) -> Any:
        return page.evaluate(
            "async ([name, args]) => (await import('/clock.js'))[name](...args)",
            [name, list(arguments)],
        )

    yield call
    page.close()


def test_each_warning_is_given_once_and_only_the_tightest(clock: Callable[..., Any]) -> None:
    def warnings(*lefts: float) -> list[int | None]:
        given, said = [], float("inf")
        for left in lefts:
            answer = clock("warn", left, said)
            given.append(answer["due"])
            said = answer["said"]
        return given

    assert warnings(3600, 901, 900, 899, 301) == [None, None, 15, None, None]
    assert warnings(301, 300, 299.5, 300.4, 299) == [15, 5, None, None, None]
    assert warnings(61, 60, 0) == [5, 1, None]
    assert warnings(40, 30) == [1, None]
    # An end that was moved is a new one; also by less than to before the first warning.
    assert warnings(299, 3900, 900, 300) == [5, None, 15, 5]
    assert warnings(59, 600, 300) == [1, None, 5]


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (7200, "2 h"),
        (4859, "1 h 20 min"),
        (3599, "59 min"),
        (60, "1 min"),
        (59.9, "59 s"),
        (-3, "0 s"),
    ],
)
def test_the_time_left_is_never_more_than_there_is(
    clock: Callable[..., Any], left: float, words: str
) -> None:
    assert clock("howLong", left) == words


def test_the_end_is_a_time_on_the_persons_clock(clock: Callable[..., Any]) -> None:
    now = 1795348800  # Sunday, 22 November 2026, 13:00 in Oslo
    assert clock("when", now + 90 * MINUTE, now) == "at 14:30"
    assert clock("when", now + 12 * 60 * MINUTE, now) == "on Monday at 01:00"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (HOUR, "Give me another hour"),
        ({"hours": 0.5, "how": "extend"}, "Give me another 30 minutes"),
        ({"hours": 2, "how": "extend"}, "Give me another 2 hours"),
        ({"hours": 1.0, "how": "follow"}, "Book another hour after it"),
    ],
)
def test_the_button_says_what_can_be_had(
    clock: Callable[..., Any], more: dict[str, Any], words: str
) -> None:
    assert clock("moreLabel", more) == words


# JupyterLab, with a hub that says what the test wants


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Session]:
    with running_session(tmp_path_factory.mktemp("session"), StandInHub()) as running:
        yield running


def tell(session: Session, left: float, **told: Any) -> None:
    """Let the session hear of its end from the hub."""
    session.hub.more = 200, {"ends": time.time() + left, "more": HOUR, "news": ""} | told
    with session.client() as client:
        client.post("lesesal/more").raise_for_status()


def open_lab(page: Page, session: Session, path: str = "") -> None:
    page.goto(f"{session.url}lab{'/tree/' + path if path else ''}?reset")
    expect(page.locator(".lesesal-End")).to_be_visible()


def notices(page: Page) -> Locator:
    return page.locator(".Toastify__toast")


@pytest.mark.slow
def test_in_the_language_that_was_chosen(page: Page, session: Session) -> None:
    tell(session, 80 * MINUTE + REST)
    page.context.add_cookies([{"name": "lesesal-language", "value": "nn", "url": session.url}])
    open_lab(page, session)
    expect(page.locator(".lesesal-End")).to_have_text("1 t 20 min att")
    page.locator(".lesesal-End").click()
    expect(page.get_by_role("dialog")).to_contain_text("Denne økta sluttar")


@pytest.mark.slow
def test_the_status_bar_shows_the_time_left_and_asks_for_more(page: Page, session: Session) -> None:
    tell(session, 80 * MINUTE + REST)
    open_lab(page, session)
    shown = page.locator(".lesesal-End")
    expect(shown).to_have_text("1 h 20 min left")
    expect(shown).to_have_attribute(
        "title", re.compile(r"^This session ends (on \w+ )?at \d\d:\d\d$")
    )
    expect(notices(page)).to_have_count(0)

    ends = time.time() + 140 * MINUTE + REST
    session.hub.more = 200, {"ends": ends, "more": None, "news": "Your session now ends later."}
    shown.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 h 20 min left. Shortly before the end")
    dialog.get_by_role("button", name="Give me another hour").click()
    expect(shown).to_have_text("2 h 20 min left")
    expect(notices(page)).to_have_text(["Your session now ends later."])

    shown.click()
    expect(dialog.get_by_role("button")).to_have_text(["Close"])


@pytest.mark.slow
def test_a_warning_can_be_answered_and_a_refusal_says_why(page: Page, session: Session) -> None:
    tell(session, 5 * MINUTE + REST)
    open_lab(page, session)
    expect(notices(page)).to_have_text([re.compile("^This session ends in 5 min, (at|on) ")])
    expect(notices(page)).to_have_class([re.compile("jp-Notification-Toast-info")])
    # The next one takes its place.
    expect(notices(page)).to_have_class(
        [re.compile("jp-Notification-Toast-warning")], timeout=2 * REST * 1000
    )

    session.hub.more = 409, {"message": "The machine is booked from 15:00 on."}
    notices(page).get_by_role("button", name="Give me another hour").click()
    expect(page.get_by_role("dialog")).to_contain_text("The machine is booked from 15:00 on.")


@pytest.mark.slow
def test_an_end_that_is_moved_elsewhere_is_shown_at_once(page: Page, session: Session) -> None:
    tell(session, 30 * MINUTE + 30)
    open_lab(page, session)
    expect(page.locator(".lesesal-End")).to_have_text(re.compile("^(30|29) min left$"))
    tell(session, 14 * MINUTE + REST, more={"hours": 1.0, "how": "follow"})
    # It would ask by itself a minute after it was opened.
    expect(page.locator(".lesesal-End")).to_have_text("14 min left", timeout=30_000)
    expect(notices(page)).to_have_text(
        [re.compile("^This session ends in 14 min, .*Book another hour after it$")]
    )


@pytest.mark.slow
def test_the_sessions_page_counts_down_and_asks_for_more(page: Page, session: Session) -> None:
    tell(session, 2 * MINUTE + 20)
    page.clock.install()
    page.goto(f"{session.url}lesesal/session")
    expect(page.locator("#ends")).to_have_text(re.compile("at [0-9:]+, 2 min left$"))
    page.clock.fast_forward(25_000)
    expect(page.locator("#ends")).to_have_text(re.compile("at [0-9:]+, 1 min left$"))
    session.hub.more = 409, {"message": "The machine is booked from 15:00 on."}
    page.get_by_role("button", name="Give me another hour").click()
    expect(page.get_by_role("status")).to_have_text("The machine is booked from 15:00 on.")
    ends = time.time() + 62 * MINUTE + REST
    session.hub.more = 200, {"ends": ends, "more": None, "news": "Your session now ends later."}
    page.get_by_role("button", name="Give me another hour").click()
    expect(page.get_by_role("status")).to_have_text("Your session now ends later.")
    expect(page.locator("#ends")).to_have_text(re.compile("at [0-9:]+, 1 h 2 min left$"))
    expect(page.get_by_role("button")).to_be_hidden()
    # What was moved elsewhere is seen within a minute.
    tell(session, 30 * MINUTE + REST)
    page.clock.fast_forward(61_000)
    expect(page.locator("#ends")).to_have_text(re.compile("at [0-9:]+, 30 min left$"))


# The end itself


def work(page: Page) -> None:
    """Type what is not saved, and run what does not stop, in `NOTEBOOK`."""
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    expect(page.get_by_text("| Idle")).to_be_visible()
    cells.nth(0).locator(".cm-content").click()
    page.keyboard.press("End")
    page.keyboard.type("  # typed, not saved")
    cells.nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(cells.nth(1).locator(".jp-OutputArea-output")).to_have_text("begun\n")


def type_first(page: Page, text: str) -> None:
    """Type at the beginning of the file in the editor."""
    page.locator(".jp-FileEditor .cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type(text)


def until(seconds: float, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def is_saved(path: Path) -> bool:
    """Whether the notebook on disk has what `work` did, and the interrupt."""
    try:
        first, second = json.loads(path.read_text())["cells"]
    except ValueError:  # it is being written
        return False
    errors = [each["ename"] for each in second["outputs"] if each["output_type"] == "error"]
    return "# typed, not saved" in "".join(first["source"]) and errors == ["KeyboardInterrupt"]


def expect_the_end(page: Page, path: Path, seconds: float = 60) -> None:
    """What a person sees at the end within that time, and what is on disk; the kernel lives."""
    expect(notices(page)).to_contain_text(
        [
            "This session is about to end. "
            "All that is open is being saved, and what runs is stopped."
        ],
        timeout=seconds * 1000,
    )
    until(60, lambda: is_saved(path))
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(0).locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("'begun' if In else ''")
    page.keyboard.press("Control+Enter")
    expect(cells.nth(0).locator(".jp-OutputArea-output")).to_have_text("'begun'")
    # It was the same kernel, and what came after the first saving is saved too.
    until(60, lambda: '"execution_count": 2' in path.read_text())


@pytest.mark.slow
def test_at_the_signal_all_is_saved_and_what_runs_is_stopped(page: Page, session: Session) -> None:
    tell(session, 60 * MINUTE)
    notebook, text = session.home / "work.ipynb", session.home / "notes.txt"
    notebook.write_text(NOTEBOOK)
    text.write_text("first\n")
    open_lab(page, session, "notes.txt")
    type_first(page, "typed ")
    page.get_by_role("listitem", name=re.compile("work.ipynb")).dblclick()
    work(page)
    assert not is_saved(notebook)
    os.kill(session.process.pid, signal.SIGUSR1)
    expect_the_end(page, notebook)
    assert text.read_text() == "typed first\n"


@pytest.mark.slow
def test_the_plain_notebook_interface_saves_too(page: Page, session: Session) -> None:
    tell(session, 60 * MINUTE)
    path = session.home / "plain.ipynb"
    path.write_text(NOTEBOOK)
    page.goto(f"{session.url}notebooks/plain.ipynb")
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("End")
    page.keyboard.type("  # typed")
    # It listens, once it has heard of this.
    tell(session, 14 * MINUTE + REST)
    expect(notices(page)).to_contain_text([re.compile("This session ends in 1[34] min")])
    os.kill(session.process.pid, signal.SIGUSR1)
    until(60, lambda: "# typed" in path.read_text())


@pytest.mark.slow
def test_a_file_that_changed_on_disk_is_saved_beside_it(page: Page, session: Session) -> None:
    tell(session, 60 * MINUTE)
    path = session.home / "shared.py"
    path.write_text("ours = 1\n")
    open_lab(page, session, "shared.py")
    type_first(page, "typed = 2; ")
    path.write_text("theirs = 1\n")
    os.kill(session.process.pid, signal.SIGUSR1)
    copy = session.home / "shared-unsaved.py"
    until(60, lambda: copy.exists() and copy.read_text() == "typed = 2; ours = 1\n")
    expect(page.get_by_role("dialog")).to_contain_text("has changed on disk")
    assert path.read_text() == "theirs = 1\n"


# With a real hub


def start(person: Person, offer: str, hours: float) -> None:
    """Start a session over the hub's API, as the form does, which has whole hours only."""
    person.page.goto(f"{person.classroom.url}/hub/spawn/{person.name}/{COURSE}")
    status = person.page.evaluate(
        """async ([path, options]) => (await fetch(path, {
            method: "POST",
            headers: {
                "X-XSRFToken": window.jhdata.xsrf_token,
                "Content-Type": "application/json",
            },
            body: JSON.stringify(options),
        })).status""",
        [
            f"/hub/api/users/{person.name}/servers/{COURSE}",
            {"user_options": {"offer": offer, "hours": hours}},
        ],
    )
    assert status in {201, 202}


def open_work(person: Person) -> None:
    """Open the notebook in JupyterLab, once the session is there."""
    person.page.goto(f"{person.classroom.url}/user/{person.name}/{COURSE}/lab/tree/work.ipynb")
    expect(person.page.locator(".lesesal-End")).to_be_visible()
    work(person.page)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_session_of_the_embedded_cluster_is_told_of_its_end(
    browser: Browser, tmp_path: Path
) -> None:
    with running_classroom(tmp_path / "state") as classroom:
        student = arrive(browser, classroom, "student1")
        home = classroom.home / "sessions" / "homes" / "student1"
        home.mkdir(mode=0o700, parents=True)
        (home / "work.ipynb").write_text(NOTEBOOK)
        # Two and a half minutes to open it and work in it, and the one before the end.
        start(student, "cpu-small", hours=3.5 / 60)
        open_work(student)
        expect(student.page.locator(".lesesal-End")).to_have_text(
            re.compile("^(1 min|[0-9]+ s) left$"), timeout=180_000
        )
        expect_the_end(student.page, home / "work.ipynb", seconds=120)
        student.context.close()


@pytest.mark.slurm
@pytest.mark.slow
def test_a_job_is_told_of_its_end(
    browser: Browser, slurm_classroom: Classroom, slurm_site: SlurmSite
) -> None:
    student = arrive(browser, slurm_classroom, "student3")
    account = pwd.getpwnam("student3")
    path = Path(account.pw_dir, "work.ipynb")
    path.write_text(NOTEBOOK)
    os.chown(path, account.pw_uid, account.pw_gid)
    start(student, "cpu-small", hours=2)
    open_work(student)
    expect(student.page.locator(".lesesal-End")).to_have_text(re.compile(r"^1 h 5\d min left$"))
    machine = slurm_site.machine
    [job] = machine.command("squeue", "--noheader", "--user=student3", "-o", "%A").stdout.split()
    machine.command("scancel", "--signal=USR1", "--batch", job)
    expect_the_end(student.page, path)
    student.context.close()
