"""Deadlines on the reader's own clock, in JupyterLab's list and on the classroom's pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deployed import CHECKOUT
from lab_scripts import page_with_scripts
from playwright.sync_api import Browser

from lesesal_notebook.language import script_words

pytestmark = pytest.mark.browser
PAGES = CHECKOUT / "courses/classroom/static/times.js"
# 25 October 2026, 02:30 in Oslo, after the clocks were set back.
DUE = "2026-10-25T01:30:00+00:00"
DEADLINE = {
    "due": DUE,
    "extended": False,
    "late": "accept",
    "penalty_per_day": 0.0,
    "grace_minutes": 0,
}
PAGE = """
<!DOCTYPE html><html lang="{language}"><body>
<time datetime="{due}" data-zone="Europe/Oslo">25 Oct 2026, 02:30</time>
<script data-words="{{time}} your time">{script}</script>
</body></html>
"""


@pytest.fixture(scope="module")
def in_words(browser: Browser) -> Iterator[Callable[..., str]]:
    """The line in JupyterLab's list, in a time zone, some seconds before the deadline."""
    pages = {}

    def call(zone: str, before: int = 3 * 86_400, said: str = "en", **changes: Any) -> str:
        if zone not in pages:
            pages[zone] = page_with_scripts(browser, "nb-NO", zone)
        text = pages[zone].evaluate(
            """async ([language, words, deadline, before]) => {
                (await import("/words.js")).use({ language, words });
                const module = await import("/due.js");
                const now = Date.parse(deadline.due) - before * 1000;
                return module.inWords(deadline, now);
            }""",
            [said, script_words(said), DEADLINE | changes, before],
        )
        return str(text)

    yield call
    for page in pages.values():
        page.close()


def test_the_line_in_jupyterlabs_list(in_words: Callable[..., str]) -> None:
    assert in_words("Europe/Oslo") == "Due Sunday 25 October 2026 at 02:30, in 3 days"
    assert in_words("America/New_York") == "Due Saturday 24 October 2026 at 21:30, in 3 days"
    assert in_words("UTC", 3_700) == "Due Sunday 25 October 2026 at 01:30, in 1 hour"
    assert in_words("UTC", 0).endswith(", in less than a minute")
    assert in_words("UTC", -7_200).endswith(", 2 hours ago")


def test_the_line_in_the_persons_language(in_words: Callable[..., str]) -> None:
    rule = {"late": "penalty", "penalty_per_day": 0.125, "grace_minutes": 15}
    assert in_words("Europe/Oslo", said="nb", **rule) == (
        "Frist søndag 25. oktober 2026 kl. 02:30, om 3 dager · sen innlevering mister 12,5 % av "
        "poengene for hvert påbegynte døgn · 15 min ekstra"
    )
    assert in_words("Europe/Oslo", said="nn", extended=True) == (
        "Frist søndag 25. oktober 2026 kl. 02:30, om 3 dagar · utsett for deg"
    )


def test_the_rule_is_in_the_line(in_words: Callable[..., str]) -> None:
    assert in_words("UTC", extended=True, late="refuse").endswith(
        ", in 3 days · extended for you · late work is not taken"
    )
    assert in_words("UTC", late="penalty", penalty_per_day=0.125, grace_minutes=15).endswith(
        "in 3 days · late work loses 12.5 % of the points for each started day · 15 min of grace"
    )


@pytest.mark.parametrize(
    ("zone", "language", "shown"),
    [
        ("Europe/Oslo", "en", "25 Oct 2026, 02:30"),
        ("Europe/Berlin", "en", "25 Oct 2026, 02:30"),
        ("Europe/London", "en", "25 Oct 2026, 02:30 (25 Oct, 01:30 your time)"),
        ("America/New_York", "en", "25 Oct 2026, 02:30 (24 Oct, 21:30 your time)"),
        ("America/New_York", "nb", "25 Oct 2026, 02:30 (24. okt., 21:30 your time)"),
    ],
)
def test_pages_add_the_readers_time_where_it_differs(
    browser: Browser, zone: str, language: str, shown: str
) -> None:
    page = browser.new_page(timezone_id=zone)
    page.set_content(PAGE.format(due=DUE, script=PAGES.read_text(), language=language))
    assert page.locator("body").inner_text().strip() == shown
    page.close()
