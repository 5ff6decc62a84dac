"""Formulas as MathML: what browsers need of it, and what nobody gets into a page with it."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree.ElementTree import fromstring

import nbformat
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.filters.markdown_mistune import MarkdownWithMath

from lesesal_nbgrader.formulas import in_html, in_latex, mathml, tree, typed
from lesesal_nbgrader.markdown import Renderer
from lesesal_nbgrader.shape import NotConverted

CONTENT = Path(__file__).parents[3] / "courses" / "content"
EXPECTED = [
    (r"\ln x", '<mi>ln</mi><mspace width="0.1667em"></mspace><mi>x</mi>'),
    (r"\ln(x)", "<mi>ln</mi><mo"),
    (r"\arg\max_x", "<mi>arg</mi>"),
    (r"\operatorname{relu}(u)", "<mi>relu</mi><mo"),
    (r"\max_j z_j", "<munder><mo"),
    (r"\left( \sum_j z_j \right)", "<munder><mo>∑</mo>"),
    (r"\int_0^1", "<msubsup><mo>∫</mo>"),
    (r"\mathbb{RC} \mathcal{LH} \mathfrak{gC}", "<mi>ℝ</mi><mi>ℂ</mi>"),
    (r"\mathbb{RC} \mathcal{LH} \mathfrak{gC}", "<mi>ℒ</mi><mi>ℋ</mi>"),
    (r"\mathbb{RC} \mathcal{LH} \mathfrak{gC}", "<mi>𝔤</mi><mi>ℭ</mi>"),
    (r"= -x", '<mo form="prefix">−</mo>'),
    (r"a - x", "<mo>−</mo>"),
    (r"1{,}5", '<mo lspace="0" rspace="0">,</mo>'),
    (r"x\!y\mkern9mu z", 'style="margin-left: -0.1667em"'),
    (r"x\!y\mkern9mu z", 'width="0.5000em"'),
    (r"f''(x)", '<mi>f</mi><mo form="postfix" lspace="0" rspace="0">″</mo>'),
    (r"x_i'", '<mi>i</mi></msub><mo form="postfix"'),
    (r"x^{2}", "<msup><mi>x</mi><mrow><mn>2</mn></mrow></msup>"),
    (r"a \\ b", "<mtr>"),
    (r"\begin{gather} a \\ b \end{gather}", "<mtr>"),
    (r"\begin{eqnarray} a &=& b \end{eqnarray}", 'columnalign="center"'),
    (r"\begin{equation} a \end{equation}", "<mi>a</mi>"),
    (r"\begin{align} a &= b \nonumber \end{align}", 'columnalign="left"'),
    (r"\overline{AB}", '<menclose notation="top">'),
    (r"\xrightarrow{f}", '<mo stretchy="true">→</mo>'),
    (r"\begin{vmatrix} a \end{vmatrix}", 'stretchy="true">|</mo>'),
    (r"\lVert x \rVert^2", 'stretchy="false">‖</mo>'),
    (r"\lvert x \rvert \tag{7}", "<mtext>(7)</mtext>"),
]
REFUSED = [
    r"\frac{a}{",
    r"\left( x",
    r"}{",
    r"a & b",
    r"\unknown{x}",
    r"\begin{tikzpicture} x \end{tikzpicture}",
    r"\begin{matrix} x",
    # More of these would take all memory, or all of the stack.
    r"\def\a{xx}\def\b{\a\a}\def\c{\b\b}\def\d{\c\c}\d",
    r"\newcommand{\R}{\mathbb{R}} \R",
    "{" * 2000 + "}" * 2000,
    "x" * 5001,
]
# What the library reads, and what it reads as one thing or two.
PIECES = [
    *(r"\frac \sqrt \left( \right) { } { } ^ _ & \\ \text{ \href{ \style{ \class{ \raise{9em}"
      r" \Huge \hspace{99em} \color{red} \mathbb \begin{matrix} \end{matrix} \begin{aligned}"
      r" \end{aligned} \def\a \a \rule{9em}{9em} \unicode{x3c} \overline \sum \limits"
      r" \operatorname{ javascript: < > \" ' &#x3c; &lt; </math> <script> x 1 = - '").split(),
    " ",
]  # fmt: skip
ELEMENTS = set(
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover"
    " mtable mtr mtd mstyle mpadded mphantom menclose".split()
)


def test_what_browsers_need() -> None:
    for latex, expected in EXPECTED:
        html = mathml(latex, True)
        assert html.startswith('<math display="block">'), latex
        assert expected in html, latex


@pytest.mark.parametrize("latex", REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_converted_stays_readable(latex: str) -> None:
    for display in (False, True):
        html = mathml(latex, display)
        assert html.startswith('<code class="latex">')
        assert BeautifulSoup(html, "html.parser").text == typed(latex, display)


def test_what_would_cover_a_page_is_left_as_text() -> None:
    for latex in (
        r"\raise{90em}{x}",
        r"\lower{90em}{x}",
        r"\rule{1em}{9000px}",
        r"\hspace{-41em} x",
        r"\moveleft 900em x",
        r"\Huge{\Huge{x}}",
    ):
        with pytest.raises(NotConverted):
            tree(latex)
    assert "width" in mathml(r"\hspace{9em} x")
    assert "mathsize" in mathml(r"\Huge{x}")


def test_formulas_are_not_deeper_than_browsers_and_readers_take() -> None:
    def nested(levels: int) -> str:
        return r"\sqrt{" * levels + "x" + "}" * levels

    tree(nested(20))
    with pytest.raises(NotConverted):
        tree(nested(40))


def test_a_formula_takes_bounded_time() -> None:
    """Each of these is as long as one may be."""
    began = time.process_time()
    for piece in ("x", "x^", "{x}", r"\\", "&", r"\left(", r"\frac", r"\begin{matrix}", r"\text{"):
        mathml(piece * (5_000 // len(piece)))
    assert time.process_time() - began < 60


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_nothing_but_a_formula_comes_out(latex: str) -> None:
    try:
        tree(latex)
    except NotConverted:
        return
    html = mathml(latex)
    # A parser of XML and one of HTML see the same elements.
    elements = list(fromstring(html).iter())
    seen = BeautifulSoup(html, "html.parser").find_all(True)
    assert [each.tag for each in elements] == [each.name for each in seen]
    for element in elements:
        assert element.tag in ELEMENTS
        assert not {"href", "class", "id", "src", "xlink:href", "encoding"} & set(element.attrib)
        assert not any(name.startswith("on") for name in element.attrib)
        assert element.get("style", "margin-left: -1em").startswith("margin-left: -")
        assert not any(mark in value for value in element.attrib.values() for mark in "<>\"'(/")


def test_outputs_are_text_with_formulas() -> None:
    assert in_latex("a < b, 5 $ and <script>") == "a &lt; b, 5 $ and &lt;script&gt;"
    assert (
        in_latex(r"\$5 and \(x\)")
        == r'\$5 and <math display="inline"><mrow><mi>x</mi></mrow></math>'
    )
    assert in_latex("$x$" * 20_000) == "$x$" * 20_000
    assert in_latex(r"\[y\]\begin{align*}z\end{align*}") == (
        '<math display="block"><mrow><mi>y</mi></mrow></math>'
        '<math display="block"><mrow><mtable displaystyle="true" rowspacing="3pt" columnspacing="">'
        '<mtr><mtd columnalign="right"><mi>z</mi></mtd></mtr></mtable></mrow></math>'
    )


def test_in_html_only_text_has_formulas() -> None:
    for html in (
        "<code>$x$</code>",
        "<pre>$x$</pre>",
        "<!-- $x$ -->",
        '<b title="$x$">',
        "$PATH",
    ):
        assert in_html(html) == html
    assert in_html("<b>$a &lt; b$</b>") == f"<b>{mathml('a < b')}</b>"


def test_all_formulas_of_the_demo_course_are_converted() -> None:
    def markdown(source: str) -> str:
        return str(MarkdownWithMath(renderer=Renderer(escape=False)).render(source))

    html = "".join(
        markdown(cell.source)
        for path in CONTENT.glob("*/source/*/*.ipynb")
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "markdown"
    )
    assert html.count("<math ") > 150
    assert 'class="latex"' not in html
    assert "$" not in BeautifulSoup(html, "html.parser").text
