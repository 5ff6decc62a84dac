"""The Formgrader in a real browser: an instructor gives marks, and nothing of a student's acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import graded_course
import pytest
from classrooms import browser_missing, chromium
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.api import Gradebook
from playwright.sync_api import Browser, Page, expect, sync_playwright

if TYPE_CHECKING:
    from conftest import Classroom

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-sync".split()
ELSEWHERE = "http://elsewhere.invalid"
ACT = "window.acted = (window.acted || 0) + 1"
HTML = f"""
<script>{ACT}</script><script src="{ELSEWHERE}/a.js"></script><style>body {{display: none}}</style>
<img src=x onerror="{ACT}"><img src="{ELSEWHERE}/pixel.png"><img src="/hub/logout">
<svg onload="{ACT}"><script>{ACT}</script></svg><iframe src="/hub/home" srcdoc="<b>"></iframe>
<a href="javascript:{ACT}" id="lure">click</a><a href="/hub/logout" id="leave">out</a>
<form action="/hub/logout"><button id="send">send</button></form>
<input class="score tabbable" id="why" value="3"><div data-toggle="tooltip" title="<b>">x</div>
<object data="{ELSEWHERE}/o"></object><embed src="{ELSEWHERE}/e"><base href="{ELSEWHERE}/">
<link rel="stylesheet" href="{ELSEWHERE}/l.css"><meta http-equiv="refresh" content="0;{ELSEWHERE}">
<div style="position: fixed; inset: 0; background: url({ELSEWHERE}/s.png)">over</div>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={ACT}&gt;">
"""
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="{ACT}"><script>{ACT}'
HOSTILE = [
    {"output_type": "display_data", "data": {"text/html": HTML}},
    {
        "output_type": "display_data",
        "data": {"text/html": f"<script>{ACT}</script>"},
        "metadata": {"text/html": {"isolated": True}},
    },
    {"output_type": "display_data", "data": {"application/javascript": ACT}},
    {"output_type": "display_data", "data": {"image/svg+xml": f"{SVG}</script></svg>"}},
    {"output_type": "display_data", "data": {"image/svg+xml": f'"><script>{ACT}</script>'}},
    {
        "output_type": "display_data",
        "data": {"image/png": graded_course.PIXEL},
        "metadata": {"image/png": {"width": f'1" onload="{ACT}'}},
    },
    {"output_type": "display_data", "data": {"image/png": f'"><script>{ACT}</script>'}},
    {"output_type": "display_data", "data": {"text/latex": f"<script>{ACT}</script>$<style>$"}},
    {"output_type": "display_data", "data": {"text/markdown": HTML}},
    {"output_type": "display_data", "data": {"text/vnd.mermaid": f"<script>{ACT}</script>"}},
    {
        "output_type": "display_data",
        "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "</script><script>"}},
    },
    {"output_type": "stream", "name": "stdout", "text": f"<script>{ACT}</script>\x1b[31m<b>"},
    {
        "output_type": "error",
        "ename": f"<script>{ACT}</script>",
        "evalue": "x",
        "traceback": [f"<img src=x onerror={ACT}>"],
    },
]
CELLS = [
    new_markdown_cell(HTML),
    new_markdown_cell(
        f"[a](javascript:{ACT}) ![b](javascript:{ACT}) ![c]({ELSEWHERE}/c.png)\n\n"
        "![d](/hub/logout) ![e](../../../gradebook.db) <https://elsewhere.invalid/x>\n\n"
        f"`<script>{ACT}</script>` $<img src=x onerror={ACT}>$\n\n"
        f"```mermaid\n<img src=x onerror={ACT}>\n```\n\n![f](attachment:f)\n\n"
        f"$\\text{{<img src=x onerror={ACT}>}} \\href{{javascript:{ACT}}}{{\\text{{over}}}}$ "
        f'![$\\text{{" onerror={ACT} x=}}$](data:image/png;base64,{graded_course.PIXEL})',
        attachments={"f": {f'image/png"><script>{ACT}</script>': "QUJD"}},
    ),
    new_code_cell(
        f"<script>{ACT}</script>",
        metadata={
            "nbgrader": {"grade_id": f'"><script>{ACT}</script>', "grade": True, "points": "<b>"},
            "tags": [f'"><script>{ACT}</script>'],
            "magics_language": f"<script>{ACT}</script>",
        },
        outputs=[new_output("display_data", data={"text/plain": f"<script>{ACT}</script>"})],
    ),
    new_code_cell(
        "stolen",
        metadata={"nbgrader": {"grade_id": "notes", "grade": True, "solution": True, "points": 99}},
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if missing := browser_missing():
        pytest.skip("No browser here: " + " ".join(missing))
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=FLAGS, timeout=120_000
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, classroom: Classroom) -> Iterator[Page]:
    """Of ada, who has logged in."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(classroom.url)
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password", exact=False).first.fill("pw-ada")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(classroom.url)
        page.goto("about:blank")  # the classroom's own pages ask for news by themselves
        yield page


def by_hand(directory: Path, student: str) -> dict[str, tuple[float | None, bool]]:
    """A student's marks by hand, by cell, and whether it waits for some."""
    with Gradebook(f"sqlite:///{directory / 'gradebook.db'}") as book:
        grades = book.find_submission_notebook("notes", "lenses", student).grades
        return {each.name: (each.manual_score, each.needs_manual_grade) for each in grades}


def test_an_instructor_gives_marks(
    classroom: Classroom, page: Page, open_course: Callable[[], tuple[str, Path]]
) -> None:
    slug, directory = open_course()
    graded_course.hand_in(directory, "ben", why="They are **square**.")
    graded_course.hand_in(directory, "cleo")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{classroom.url}courses/{slug}/formgrader")
    page.get_by_role("link", name="lenses", exact=True).click()
    page.get_by_role("link", name="notes", exact=True).click()
    rows = page.locator("#overview tbody tr")
    expect(rows).to_have_count(2)
    expect(page.get_by_text("ben", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Show all names").click()
    page.get_by_role("link", name="ben", exact=True).click()
    expect(page.locator("strong")).to_have_text("square")

    score, comment = page.get_by_label("Score of why"), page.get_by_label("Comment on why")
    expect(score).to_have_class("score tabbable needs_manual_grade")
    with page.expect_response("**/api/grade/*"):
        score.fill("2.5")
        score.blur()
    with page.expect_response("**/api/comment/*"):
        comment.fill("Say why.")
        comment.blur()
    expect(score).not_to_have_class("needs_manual_grade")
    page.reload()
    expect(score).to_have_value("2.5")
    expect(comment).to_have_value("Say why.")
    assert by_hand(directory, "ben")["why"] == (2.5, False)
    assert by_hand(directory, "cleo")["why"] == (None, True)

    # A mark that could not be saved is not shown as if it were.
    page.route("**/api/grade/*", lambda route: route.abort())
    score.fill("1")
    score.blur()
    expect(page.get_by_role("alert")).to_contain_text("Not saved.")
    page.unroute("**/api/grade/*")

    here = page.url
    page.get_by_role("link", name="Next").click()
    expect(page).not_to_have_url(here)
    assert [each for each in said if "ERR_FAILED" not in each] == []


FORMULAS = r"""
The loss of a network with weights $w \in \mathbb{R}^7$ is

$$L(w) = \frac1n \sum_{i=1}^{n} \left(x_i^\top w - y_i\right)^2$$

\begin{align}
f(x) &= \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \\ &= \int_0^1 \sqrt{x}\,dx
\end{align}

| case | value |
| --- | --- |
| $\frac{1}{2}$ | $\hat y \le \max_j z_j$ |
"""
OVER = r"$\smash{\raise{35em}{\text{above}}} \smash{\lower{35em}{\text{below}}}$"
REACHES_OUT = """all => all.filter(each => {
  each.scrollIntoView({block: "center"});
  const box = each.getBoundingClientRect();
  const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const cell = each.closest(".rendered_html").getBoundingClientRect();
  const outside = box.bottom < cell.top || box.top > cell.bottom;
  return outside && seen && seen.closest("math");
}).map(each => each.textContent)"""


def test_formulas_are_read_as_formulas(
    classroom: Classroom, page: Page, open_course: Callable[[], tuple[str, Path]]
) -> None:
    slug, directory = open_course()
    latex = {"output_type": "display_data", "data": {"text/latex": "$e^{output}$"}}
    over = [new_markdown_cell(text) for text in ("before", OVER, "after")]
    graded_course.hand_in(directory, "ben", why=FORMULAS, outputs=[latex], more=over)
    page.goto(f"{classroom.url}courses/{slug}/formgrader/find?assignment=lenses&student=ben")
    formulas = page.locator("math")
    expect(formulas).to_have_count(8)
    texts = formulas.evaluate_all("all => all.map(each => each.textContent.replace(/\\s/g, ''))")
    assert {"x2", "eoutput", "w∈ℝ7", "L(w)=1n∑i=1n(xi⊤w−yi)2"} < set(texts)
    # Set as formulas: the fraction's parts are above each other, a limit below its function.
    parts = page.locator("td mfrac mn").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().top)"
    )
    assert parts[1] - parts[0] > 5
    assert page.locator("math mtext").evaluate_all(REACHES_OUT) == []


def test_nothing_of_a_student_acts(
    classroom: Classroom,
    page: Page,
    open_course: Callable[[], tuple[str, Path]],
) -> None:
    slug, directory = open_course()
    graded_course.hand_in(directory, "ben", why=HTML, outputs=HOSTILE, failed=HOSTILE, more=CELLS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append("dialog"))
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    base = f"{classroom.url}courses/{slug}/formgrader"
    page.goto(f"{base}/find?assignment=lenses&student=ben&task=why")
    expect(page.get_by_label("Score of why")).to_be_focused()
    page.wait_for_load_state("networkidle")
    for text in ("click", "out", "over"):
        for each in page.get_by_text(text, exact=True).all():
            each.click(force=True)
    assert page.evaluate("window.acted") is None
    assert page.url.startswith(f"{base}/submissions/")

    # It loads the page's own files and asks for the marks, and nothing else.
    own = urlsplit(classroom.url).path
    beside = {
        url
        for url in asked
        if not url.startswith("data:")
        and not urlsplit(url).path.startswith((f"{own}static/formgrader/", urlsplit(base).path))
    }
    assert beside == set()
    # The cleaning alone did it; the policy had nothing to refuse.
    assert refused == []
    shown = page.locator("#notebook")
    for tag in ("script", "style", "iframe", "form", "a", "svg", "object", "embed", "base", "meta"):
        assert shown.locator(tag).count() == 0, tag
    # Fields are those of the assignment's own cells.
    assert shown.locator("input").evaluate_all("all => all.map(each => each.id)") == [
        *("squares-test", "squares-test_extra_credit", "why", "why_extra_credit"),
    ]
    assert shown.locator(":not(textarea)[style], [onclick], [onerror], [onload]").count() == 0
