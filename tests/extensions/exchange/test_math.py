"""Formulas in the pages that nbgrader makes of notebooks, and what these pages load."""

import re
import shutil

import nbformat
import pytest
from bs4 import BeautifulSoup
from extensions.exchange.sessions import Session
from extensions.exchange.test_pages import serving
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

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
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "object": "data"}


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
            assert element.name.startswith("m")
            assert not {"href", "class"} & set(element.attrs)
            assert "url" not in element.get("style", "")


def test_the_feedback_has_its_formulas_and_loads_nothing(feedback):
    html = feedback()
    check_formulas(html)
    assert outside(html) == []
    assert "cdn" not in html
    # Instead of MathJax.
    assert "mtd[columnalign" in html


@pytest.mark.slow
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
