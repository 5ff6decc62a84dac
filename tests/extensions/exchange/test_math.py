"""Formulas in the pages that nbgrader makes of notebooks, and what these pages load."""

import json
import re
import shutil
import subprocess

import nbformat
import pytest
from bs4 import BeautifulSoup
from extensions.exchange.sessions import PYTHON, ROOT, Session
from extensions.exchange.test_pages import serving
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

# The session side's libraries are not where the tests run.
CONVERT = """
import json, sys
from lesesal_notebook.exchange import math
from nbconvert.filters.markdown_mistune import MarkdownWithMath
answers = []
for kind, source in json.load(sys.stdin):
    if kind == "markdown":
        answers.append(MarkdownWithMath(math.Renderer(escape=False)).render(source))
    elif kind == "output":
        answers.append(math.latex_to_html(source))
    else:
        answers.append(math.mathml(source, display=kind == "display"))
json.dump(answers, sys.stdout)
"""
TASK = "Prove that $a_{task} = 1$."
ANSWER = r"""
Inline $x^2 < 3$ and a sum:

$$L = \frac1n \sum_{i=1}^{n} \left(x_i^\top w - y_i\right)^2$$

$$\begin{aligned} a &= b + c \\ &= \ln d \end{aligned}$$

\begin{align}
f(x) &= \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \label{eq}
\end{align}

<div class="alert">In a box: $\mathbb{R}^7$, but <code>$PATH</code> and $HOME</div>

Broken: $\frac{broken}{$ and $\alhpa$.

<script>window.taken = "markdown"</script>
<img src="x.png" alt="x" onerror="window.taken = 'image'">

$\text{<script>window.taken = "formula"</script>}$
$\text{&#x3c;script&#x3e;window.taken = "reference"&#x3c;/script&#x3e;}$
$\frac{<script>window.taken = "code"</script>}{$
$\href{javascript:alert(1)}{x} \style{background:url(//example.com/x)}{y} \class{navbar}{z}$
"""
CODE = """
from IPython.display import Latex, display
display(Latex(r"It is $e^{output}$, or $$\\begin{bmatrix} 5 & 6 \\end{bmatrix}$$ <b>bold</b>"))
"""
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
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "object": "data"}
MATHML = set(
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover"
    " mtable mtr mtd mstyle mpadded mphantom menclose".split()
)


def convert(*requests):
    """What the session side makes of (kind, source) pairs."""
    done = subprocess.run(
        [PYTHON, "-c", CONVERT],
        input=json.dumps(requests),
        env={"PYTHONPATH": str(ROOT / "extensions")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def cell(make, grade_id, source, **nbgrader):
    made = make(source)
    made.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
        **nbgrader,
    }
    return made


def notebook(answer, code):
    graded = {"grade": True, "solution": True, "points": 1}
    made = new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        cells=[
            cell(new_markdown_cell, "task", TASK, locked=True),
            cell(new_markdown_cell, "answer", answer, **graded),
            cell(new_code_cell, "code", code, **graded),
        ],
    )
    return nbformat.writes(made)


@pytest.fixture(scope="module")
def grace(tmp_path_factory):
    """An instructor with one graded submission. There is no hub: none of this asks for one."""
    base = tmp_path_factory.mktemp("grace")
    grace = Session.start(base, "grace", "instructor", "cs101", "http://127.0.0.1:1/", "token")
    course = grace.course_directory
    for folder, content in (
        ("source", notebook("Your answer", "...")),
        ("submitted/bitdiddle", notebook(ANSWER, CODE)),
    ):
        (course / folder / "ps1").mkdir(parents=True)
        (course / folder / "ps1" / "sums.ipynb").write_text(content)
    grace.nbgrader("generate_assignment ps1 --create", "autograde ps1 --create", cwd=course)
    return grace


@pytest.fixture(scope="module")
def feedback(grace):
    """Makes the feedback page, as a session does or as `stock` nbgrader does."""

    def make(**options):
        course = grace.course_directory
        grace.nbgrader("generate_feedback ps1 --force", cwd=course, **options)
        return (course / "feedback" / "bitdiddle" / "ps1" / "sums.html").read_text()

    return make


@pytest.fixture(scope="module")
def formgrader(grace):
    shutil.rmtree(grace.home / ".jupyter")  # What commands leave there; `serving` makes its own.
    with serving(grace) as page:
        [submission] = page.get("/formgrader/api/submitted_notebooks/ps1/sums")
        return page.http.get(f"/formgrader/submissions/{submission['id']}/").raise_for_status().text


def outside(html):
    """All that a page would load from elsewhere; not where its links lead."""
    soup = BeautifulSoup(html, "html.parser")
    found = [
        tag[attribute]
        for name, attribute in LOADING.items()
        for tag in soup.find_all(name)
        if re.match(r"(https?:)?//", tag.get(attribute, ""))
    ]
    for code in soup.find_all(["script", "style"]):
        found += re.findall(
            r"(?:@import|url\(|from|import\(?)[\s\"']*((?:https?:)?//[^\s\"')]*)", code.text
        )
    return found


def active(html):
    """What would run in a page, but for nbgrader's own."""
    soup = BeautifulSoup(html, "html.parser")
    notebook = soup.find(id="notebook-container")
    handlers = [
        (tag.name, name, value)
        for tag in notebook.find_all()
        for name, value in tag.attrs.items()
        if name.startswith("on") or "script:" in str(value)
    ]
    return handlers + [("script", tag.text) for tag in notebook.find_all("script")]


def check_formulas(html):
    soup = BeautifulSoup(html, "html.parser")
    formulas = soup.find_all("math")
    shown = [re.sub(r"\s", "", formula.text) for formula in formulas]
    assert set(shown) > {
        "atask=1",
        "x2<3",
        "L=1n∑i=1n(xi⊤w−yi)2",
        "a=b+c=lnd",
        "f(x)=(1234)",
        "ℝ7",
        "eoutput",
        "[56]",
    }
    assert [code.text for code in soup.select("code.latex")] == [
        r"$\frac{broken}{$",
        r"$\alhpa$",
        r"""$\frac{<script>window.taken = "code"</script>}{$""",
    ]
    assert "$PATH" in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    for formula in formulas:
        for element in [formula, *formula.find_all()]:
            assert element.name in MATHML
            assert not {"href", "class"} & set(element.attrs)
            assert "url" not in element.get("style", "")


def test_the_feedback_has_its_formulas_and_loads_nothing(feedback):
    html = feedback()
    check_formulas(html)
    assert outside(html) == []
    assert "cdn" not in html
    # Instead of MathJax.
    assert "mtd[columnalign" in html


def test_what_a_student_writes_can_do_no_more_than_in_nbgraders_own_feedback(feedback):
    stock = feedback(stock=True)
    assert any("mathjax" in address for address in outside(stock))
    assert "<math" not in stock
    html = feedback()
    assert active(html) == active(stock)
    assert [kind for kind, *_ in active(html)] == ["img", "script"]


def test_formgrader_has_its_formulas_and_loads_nothing_from_outside(formgrader):
    check_formulas(formgrader)
    assert outside(formgrader) == []
    assert "cdn" not in formgrader
    assert [kind for kind, *_ in active(formgrader)] == ["img", "script"]


def test_all_formulas_of_the_demo_course_are_converted():
    sources = [
        ("markdown", cell.source)
        for path in (ROOT / "courses" / "content").glob("*/source/*/*.ipynb")
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "markdown"
    ]
    html = "".join(convert(*sources))
    assert html.count("<math ") > 150
    assert 'class="latex"' not in html
    assert "$" not in BeautifulSoup(html, "html.parser").text


def test_what_browsers_need():
    made = convert(*(("display", latex) for latex, _ in EXPECTED))
    for html, (latex, expected) in zip(made, EXPECTED, strict=True):
        assert html.startswith('<math display="block">'), latex
        assert expected in html, latex


def test_what_cannot_be_converted_stays_readable():
    for delimiter, kind in (("$", "inline"), ("$$", "display")):
        made = convert(*((kind, latex) for latex in REFUSED))
        for html, latex in zip(made, REFUSED, strict=True):
            assert BeautifulSoup(html, "html.parser").text == f"{delimiter}{latex}{delimiter}"


def test_outputs_are_text_with_formulas():
    assert convert(
        ("output", "a < b, 5 $ and <script>"),
        ("output", r"\$5 and \(x\)"),
        ("output", "$x$" * 20_000),
        ("output", r"\[y\]\begin{align*}z\end{align*}"),
    ) == [
        "a &lt; b, 5 $ and &lt;script&gt;",
        r'\$5 and <math display="inline"><mrow><mi>x</mi></mrow></math>',
        "$x$" * 20_000,
        '<math display="block"><mrow><mi>y</mi></mrow></math>'
        '<math display="block"><mrow><mtable displaystyle="true" rowspacing="3pt" columnspacing="">'
        '<mtr><mtd columnalign="right"><mi>z</mi></mtd></mtr></mtable></mrow></math>',
    ]
