"""What the session uses, as somebody in JupyterLab sees it: the status bar, ``gpu()``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from extensions.machine import cards
from extensions.session.stand_in import Session
from extensions.session.test_usage import with_card
from lab_scripts import page_with_scripts
from notebooks import notebook
from playwright.sync_api import Browser, Page, expect

from lesesal_notebook import language

pytestmark = pytest.mark.browser
GIB = cards.GIB
HOST = {
    "cpu": {"used": 1.25, "count": 4},
    "memory": {"used": 3.14 * GIB, "limit": 64 * GIB},
    "silent": False,
}
CARD = {
    "name": "A card",
    "use": 0.451,
    "memory": {"used": 12.34 * GIB, "limit": 80 * GIB},
    "watts": 319.7,
    "energy": {"watt_hours": 1.234, "since": 1795348800, "counted": True},
}
SLICE = {
    "name": "A slice",
    "use": None,
    "memory": {"used": 3 * GIB, "limit": 10 * GIB},
    "watts": None,
    "energy": None,
}
NO_GPU = "This session has no GPU. To get one, start a session with an offer that has one."


@pytest.fixture(scope="module")
def words(browser: Browser) -> Iterator[Callable[..., Any]]:
    """Calls a function of usage.js."""
    page = page_with_scripts(browser, "en-GB", "Europe/Oslo")

    def call(name: str, **known: Any) -> Any:
        return page.evaluate(
            "async ([name, known]) => (await import('/usage.js'))[name](known)",
            [name, HOST | known],
        )

    yield call
    page.close()


@pytest.mark.parametrize(
    ("known", "brief"),
    [
        ({"gpus": []}, "CPU 1.3 of 4 cores · Memory 3.1 of 64 GiB"),
        ({"gpus": [CARD]}, "GPU 45 % · 12.3 of 80 GiB · Memory 3.1 of 64 GiB"),
        ({"gpus": [SLICE]}, "GPU 3 of 10 GiB · Memory 3.1 of 64 GiB"),
        (
            {"gpus": [CARD, CARD | {"use": 0.9}]},
            "2 GPUs 68 % · 24.7 of 160 GiB · Memory 3.1 of 64 GiB",
        ),
        ({"gpus": [], "silent": True}, "The GPU does not answer · Memory 3.1 of 64 GiB"),
    ],
)
def test_what_there_is_room_for(
    words: Callable[..., Any], known: dict[str, Any], brief: str
) -> None:
    assert words("inBrief", **known) == brief


def test_all_that_is_known(words: Callable[..., Any]) -> None:
    host = ["CPU: 1.3 of 4 cores", "Memory: 3.1 of 64 GiB"]
    assert words("inFull", gpus=[]) == [NO_GPU, *host]
    assert words("inFull", gpus=[CARD, SLICE]) == [
        "A card: 45 %, 12.3 of 80 GiB, 320 W, 1.23 Wh since 13:00",
        "A slice: 3 of 10 GiB",
        *host,
    ]
    about = CARD | {"energy": {"watt_hours": 123.4, "since": 1795348800, "counted": False}}
    assert "about 123 Wh since 13:00, from its power" in words("inFull", gpus=[about])[0]
    assert words("inFull", gpus=[], cpu={"used": None, "count": 2})[1] == "CPU: – of 2 cores"


def test_in_the_persons_language(browser: Browser) -> None:
    page = page_with_scripts(browser, "nb", "Europe/Oslo")
    found = page.evaluate(
        """async ([words, known]) => {
            (await import("/words.js")).use({ language: "nb", words });
            const { inBrief, inFull } = await import("/usage.js");
            return [inBrief(known), inFull(known)];
        }""",
        [language.script_words("nb"), HOST | {"gpus": []}],
    )
    assert found == [
        "Prosessor 1,3 av 4 kjerner · Minne 3,1 av 64 GiB",
        [
            "Denne økten har ingen GPU. For å få en, start en økt med et tilbud som har en.",
            "Prosessor: 1,3 av 4 kjerner",
            "Minne: 3,1 av 64 GiB",
        ],
    ]
    page.close()


def test_memory_that_is_nearly_full(words: Callable[..., Any]) -> None:
    assert not words("isNearlyFull", gpus=[CARD])
    assert words("isNearlyFull", gpus=[], memory={"used": 58 * GIB, "limit": 64 * GIB})
    assert words("isNearlyFull", gpus=[SLICE | {"memory": {"used": 9.5 * GIB, "limit": 10 * GIB}}])
    assert not words("isNearlyFull", gpus=[SLICE | {"memory": {"used": None, "limit": None}}])


# JupyterLab


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Session]:
    """On a machine with a busy card."""
    with with_card(tmp_path_factory.mktemp("session"), "BusyCard") as running:
        yield running


@pytest.mark.slow
def test_the_status_bar_shows_it_while_somebody_looks(page: Page, session: Session) -> None:
    asked: list[str] = []
    page.on("request", lambda each: "lesesal/usage" in each.url and asked.append(each.url))
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => window.away ?? false })"
    )
    page.clock.install()
    page.goto(f"{session.url}lab?reset")
    expect(page.locator("#jp-main-dock-panel")).to_be_visible()
    page.clock.fast_forward(5_000)
    shown = page.locator(".lesesal-Usage")
    expect(shown).to_have_text(
        re.compile(r"^GPU 45 % · 12 of 80 GiB · Memory [\d.]+ of [\d.]+ GiB$")
    )
    expect(shown).to_have_attribute("title", re.compile("H100.*320 W, .* Wh since"))
    # Memory stands there once.
    assert page.locator("#jp-main-statusbar").inner_text().count("Mem") == 1

    page.evaluate("window.away = true")
    before = len(asked)
    page.clock.run_for(30_000)
    # What was asked before this is known by now.
    page.evaluate("async () => { await fetch(location.href); }")
    assert len(asked) == before
    with page.expect_response(lambda each: "lesesal/usage" in each.url):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")

    shown.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("What this session uses")
    expect(dialog).to_contain_text("NVIDIA H100 80GB HBM3: 45 %, 12 of 80 GiB, 320 W")
    expect(dialog).to_contain_text("from lesesal_notebook import gpu; gpu()")
    dialog.get_by_role("button", name="Close").click()


@pytest.mark.slow
def test_the_gauge_moves_while_a_cell_runs(page: Page, session: Session) -> None:
    gauge_shown, endless = (
        "from lesesal_notebook import gpu\ngpu()",
        "import time\nwhile True: time.sleep(0.1)",
    )
    Path(session.home, "gauge.ipynb").write_text(notebook(gauge_shown, endless))
    page.goto(f"{session.url}lab/tree/gauge.ipynb?reset")
    expect(page.get_by_text("| Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    gauge = page.get_by_role("group", name="GPU, CPU and memory")
    expect(gauge).to_be_visible()
    expect(gauge.get_by_role("meter", name="GPU memory")).to_have_attribute("aria-valuenow", "15")
    energy = gauge.get_by_text(re.compile(r"Wh since"))
    first = energy.inner_text()
    expect(page.get_by_text("[*]:")).to_be_visible()
    expect(energy).not_to_have_text(first)
    second = energy.inner_text()
    expect(energy).not_to_have_text(second)
