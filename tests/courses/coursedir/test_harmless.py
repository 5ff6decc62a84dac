"""Whatever is in a notebook: HTML that only shows something."""

from __future__ import annotations

import re
import time
from html import escape
from pathlib import Path

import graded_course
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from courses.coursedir import cleaning
from courses.coursedir.cleaning import Budget, clean, latex, markdown
from courses.coursedir.harmless import Reduce

PNG = f"data:image/png;base64,{graded_course.PIXEL}"


@pytest.mark.parametrize(
    ("html", "cleaned"),
    [
        ("<b>bold</b> 1 &lt; 2", "<b>bold</b> 1 &lt; 2"),
        ("<script>act()</script>after", "after"),
        ("<style>td {}</style><table><tr><td colspan=2 class=x>1</td></tr></table>",
         '<table><tbody><tr><td colspan="2">1</td></tr></tbody></table>'),
        ("<b id=why class='score tabbable' style='top:0' onclick='act()' data-toggle=x>b</b>",
         "<b>b</b>"),
        ('<a href="javascript:act()">here</a>', "here"),
        ('<a href="/hub/logout">here</a>', "here"),
        ('<form action="/hub"><input name=n><button>go</button></form>', "go"),
        ("<img src=x onerror=act()>", ""),
        ("<img src=http://elsewhere.invalid/p.png>", ""),
        ("<img src='data:text/html,x'>", ""),
        (f"<img src='{PNG}' width=10 onload=act()>", f'<img src="{PNG}" width="10">'),
        ("<svg><script>act()</script></svg>", ""),
        ("<noscript><p title='</noscript><img src=x onerror=act()>'>", ""),
    ],
)  # fmt: skip
def test_cleaned(html: str, cleaned: str) -> None:
    assert clean(html) == cleaned


def test_what_takes_too_long_is_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these takes minutes, or is nested too deeply for what comes after."""
    monkeypatch.setattr(cleaning, "_TEXT_SECONDS", 0.2)
    monkeypatch.setattr(cleaning, "_NOTEBOOK_SECONDS", 0.5)
    began = time.process_time()
    budget = Budget()
    for text in ("<b>" * 200, "<b>" * 1_000_000, "<div>" * 50_000, "<a " * 50_000):
        html = clean(text, budget)
        assert html.startswith(f"<pre>{escape(text[:90])}")
        assert "<" not in html[5:-6]
    for _ in range(100):
        assert markdown("[" * 200_000, budget=budget).startswith("<pre>[")
        assert latex("$\\frac12$ " * 4_000, budget).startswith("<pre>$")
    assert markdown("**b**", budget=budget) == "<pre>**b**</pre>"
    assert markdown("**b**", budget=Budget()).strip() == "<p><strong>b</strong></p>"
    assert time.process_time() - began < 5


def test_an_interrupt_that_is_lost_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised while the interpreter runs a finaliser reaches nobody."""
    interrupt, lost = cleaning._interrupt, []

    def lose_the_first(*_: object) -> None:
        lost.append(1)
        if len(lost) > 1:
            interrupt()

    monkeypatch.setattr(cleaning, "_TEXT_SECONDS", 0.1)
    monkeypatch.setattr(cleaning, "_interrupt", lose_the_first)
    assert clean("<b>" * 100_000).startswith("<pre>&lt;b&gt;")
    assert len(lost) > 1


ALPHABET = ["<", ">", "/", "'", '"', "=", " ", "!--", "-->", "script", "img", "src", "onerror"]
ALPHABET += [
    "svg",
    "math",
    "mtext",
    "table",
    "style",
    "a",
    "href",
    "javascript:",
    "`",
    "&lt;",
    "\0",
]
ALPHABET += ["](", "![", "[", ")", "$", "\n", "x", "title", "noscript", "textarea", "mglyph"]
ALPHABET += ["$$", "\\text{", "}", "\\href{", "\\[", "\\]", "\\begin{matrix}", "\\end{matrix}"]
MATHML = set(
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover"
    " mtable mtr mtd mstyle mpadded mphantom menclose".split()
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(ALPHABET), max_size=40).map("".join))
def test_nothing_else_comes_out(text: str) -> None:
    for html in (clean(text), markdown(text), latex(text)):
        for element in BeautifulSoup(html, "html.parser").find_all(True):
            assert element.name not in ("script", "style", "a", "svg", "form", "input", "mglyph")
            if element.name in MATHML:
                assert html != clean(text)
                assert not {"href", "style", "class", "id", "src"} & set(element.attrs), element
            else:
                assert element.attrs.keys() <= {"alt", "title", "src"}, element
            assert element.attrs.get("src", PNG).startswith("data:image/"), element


def test_links_are_text_and_pictures_are_in_the_page(tmp_path: Path) -> None:
    course = tmp_path / "course"
    course.mkdir()
    png = b"\x89PNG\r\n\x1a\n..."
    (course / "plot.png").write_bytes(png)
    (tmp_path / "other.png").write_bytes(png)
    (course / "link.png").symlink_to(tmp_path / "other.png")
    (course / "page.png").write_text("<script>")

    def shown(text: str) -> str:
        return markdown(text, folder=course).strip()

    assert shown("[a](https://x.no/?a&b)") == "<p>a (<code>https://x.no/?a&amp;b</code>)</p>"
    assert shown("<https://x.no>") == "<p>https://x.no</p>"
    assert "data:image/png;base64," in shown("![a](plot.png)")
    for path in ("../other.png", "link.png", "page.png", "/etc/passwd", "none.png", "//x.no/a.png"):
        assert shown(f"![a]({path})") == "<p>[a]</p>"


def math(inside: str) -> str:
    return f'<math display="inline"><mrow>{inside}</mrow></math>'


A_LESS_B = math("<mi>a</mi><mo>&lt;</mo><mi>b</mi>")
OUT = r'\text{" onerror=act() x=}'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("See $a<b$.", f"See {A_LESS_B}."),
        ("$$a<b$$", A_LESS_B.replace("inline", "block")),
        (r"\begin{equation}a\end{equation}",
         '<math display="block"><mrow><mrow><mi>a</mi></mrow></mrow></math>'),
        ("`$a<b$`", "<code>$a&lt;b$</code>"),
        # What is no formula is what was typed.
        (r"$\frac{a<b}{$", r"<code>$\frac{a&lt;b}{$</code>"),
        # Nothing of a formula is HTML, and no formula is in an attribute.
        (r"$\text{<img/onerror=act()>}$", math("<mtext>&lt;img/onerror=act()&gt;</mtext>")),
        (r"$\text{&lt;b&gt;&#x3c;}$", math("<mtext>&amp;lt;b&amp;gt;&lt;</mtext>")),
        (rf"![${OUT}$](none.png)", f"[${OUT}$]"),
        (rf"![${OUT}$]({PNG})", f"""<img alt='${OUT}$' src="{PNG}">"""),
        (r"$\href{javascript:act()}x \style{position:fixed}y \class{score}z$",
         math("<mrow><mi>x</mi></mrow><mi>y</mi><mi>z</mi>")),
        (r"$x\!y$", math("<mi>x</mi><mspace></mspace><mi>y</mi>")),  # elsewhere with a style
        ("<math><mtext><script>act()</script></mtext></math>after", "after"),
    ],
)  # fmt: skip
def test_formulas(text: str, html: str) -> None:
    assert markdown(text).strip() == f"<p>{html}</p>"


def test_formulas_in_html_and_tables() -> None:
    assert f"<div><b>{A_LESS_B}</b></div>" in markdown("<div><b>$a &lt; b$</b></div>")
    assert f"<td>{A_LESS_B}</td>" in markdown("| a |\n| - |\n| $a<b$ |")
    assert "<pre>$a$</pre>" in markdown("<pre>$a$</pre>")


def test_a_formula_is_nowhere_but_in_text() -> None:
    """Where two parsers disagree about what is an attribute, there is no formula in it."""
    for text in ('<b title=">$x$">y</b>', "<div title='>$x$'>y</div>", "<img alt='>$x$'>"):
        assert "<math" not in markdown(text)
    assert "act" not in markdown(r"<div title='>$\text{' onclick=act()}$'>y</div>")
    # What is made of the same notebook is the same: feedback that changed is sent out again.
    assert markdown('<b title=">$x$">') == markdown('<b title=">$x$">')


def test_a_formula_costs_no_more_than_a_reader_waits() -> None:
    began = time.process_time()
    for piece in ("{", r"\sqrt{", "x^", r"\left(", r"\begin{matrix}", "&", r"\def\a{\a\a}\a"):
        assert len(markdown(f"$${piece * (4_900 // len(piece))}$$")) < 500_000
    assert time.process_time() - began < 10


def reduced(*cells: NotebookNode, hidden_tests: bool = True, **resources: object) -> NotebookNode:
    notebook = new_notebook(cells=list(cells), metadata={"title": "<script>", "widgets": {}})
    found, _resources = Reduce(hidden_tests=hidden_tests).preprocess(notebook, resources)
    return found


def marked(name: str, source: str = "") -> NotebookNode:
    metadata = {"nbgrader": {"grade_id": name, "grade": True, "points": 2, "comment": "<b>"}}
    return new_code_cell(source, metadata=metadata)


def test_a_cell_is_nbgraders_when_the_gradebook_has_it() -> None:
    cells = [marked("squares"), marked("stolen"), marked('"><script>')]
    found = reduced(*cells, cells={"squares"}).cells
    assert [cell.metadata for cell in found] == [
        {
            "nbgrader": {
                "grade_id": "squares",
                "points": 2.0,
                "schema_version": 3,
                "grade": True,
                "solution": False,
                "locked": False,
                "task": False,
            }
        },
        {},
        {},
    ]


def test_an_output_has_one_form_and_no_metadata() -> None:
    def shown(**data: object) -> dict[str, str]:
        forms = {key.replace("_", "/", 1): value for key, value in data.items()}
        output = new_output("display_data", data=forms, metadata={"text/html": {"isolated": True}})
        (cell,) = reduced(new_code_cell("", outputs=[output])).cells
        assert cell.outputs[0].metadata == {}
        return dict(cell.outputs[0].data)

    assert shown(text_html="<script>1</script>", text_plain="x") == {"text/plain": "x"}
    assert shown(text_html="<b>1</b>", text_plain="x") == {"text/html": "<b>1</b>"}
    assert shown(image_png='"><script>', text_plain="x") == {"text/plain": "x"}
    assert shown(image_png=graded_course.PIXEL) == {"image/png": graded_course.PIXEL}
    assert shown(application_javascript="act()") == {"text/plain": "(application/javascript)"}
    assert shown(text_markdown="*1*")["text/html"].strip() == "<p><em>1</em></p>"
    assert shown(text_latex="<b>$a<b$", text_plain="x") == {"text/html": f"&lt;b&gt;{A_LESS_B}"}


def test_hidden_tests_stay_hidden_with_all_that_tells_of_them() -> None:
    hidden = "    ### BEGIN HIDDEN TESTS\n    assert f(7)\n    ### END HIDDEN TESTS"
    source = f"assert f(1)\nif True:\n{hidden}"
    outputs = [
        new_output("stream", text="f(7) is False"),
        new_output("error", ename="AssertionError", evalue="f(7)", traceback=["assert f(7)"]),
    ]
    cell = marked("tests", source)
    cell.outputs = outputs
    others = new_markdown_cell("### BEGIN HIDDEN TESTS\nf(7)"), new_code_cell("1", outputs=outputs)
    tests, text, code = reduced(cell, *others, hidden_tests=False).cells
    assert tests.source == "assert f(1)\nif True:\n    # (tests that are not shown)"
    assert not re.search(r"f\(7\)", str([tests, text]))
    assert [each.traceback for each in tests.outputs] == [
        ["AssertionError: a test of this cell failed"]
    ]
    assert len(code.outputs) == 2
    assert "f(7)" in str(reduced(cell).cells)
