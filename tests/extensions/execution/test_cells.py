"""Cells taken apart at the authors' checks, and canaries made from them."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from extensions.execution.running import cell
from IPython.core.interactiveshell import InteractiveShell

from lesesal_notebook.execution import cells
from lesesal_notebook.execution.canaries import canary

IMPORT = "from lesesal_notebook.check import check\n"
SOURCE = """\
from lesesal_notebook.check import check

x = total(3); check(x, equals=14)  # the sum
@decorated
def helper():
    return "ø"

check(
    helper(),
    equals="ø",
)
y = 3
int(x == 14)
"""


def parts(source: str, checks: frozenset[str] | None = None) -> tuple[cells.Part, ...]:
    return cells.shape(source, cells.checks_in(source) if checks is None else checks).parts


def test_a_cell_in_parts() -> None:
    shape = cells.shape(SOURCE, cells.checks_in(SOURCE))
    first, second, third = shape.parts
    given = '__import__("lesesal_notebook.check", fromlist=["check"]).hand_over'
    assert first.code == (
        f'from lesesal_notebook.check import check\n\nx = total(3); {given}((x), "{first.nonce}")'
    )
    assert second.code == (
        f'\n\n\n@decorated\ndef helper():\n    return "ø"\n\n{given}((helper()), "{second.nonce}")'
    )
    assert third.code == "\n" * 11 + "y = 3\nint(x == 14)\n"
    assert [part.call for part in shape.parts] == ["check(x, …)", "check(helper(), …)", ""]
    assert shape.gives_result
    assert first.nonce != second.nonce


def test_lines_keep_their_numbers() -> None:
    wanted = {(node.lineno, ast.unparse(node)) for node in ast.parse(SOURCE).body}
    for part in parts(SOURCE):
        for node in ast.parse(part.code).body:
            if "hand_over" not in ast.unparse(node):
                assert (node.lineno, ast.unparse(node)) in wanted


def test_what_is_expected_is_in_no_part() -> None:
    first = "check(f(), equals=47110815, close=0.125, says='Forty-seven')"
    source = f"{IMPORT}{first}\ncheck(g(), 47110816)\n"
    assert len(parts(source)) == 2
    # Long numbers: what is drawn may have a short one in it.
    for part in parts(source):
        for _ in range(20):
            code = part.code + canary(part.code).code
            assert not [word for word in ("47110815", "47110816", "0.125", "Forty") if word in code]


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("from lesesal_notebook.check import check", "check"),
        ("from lesesal_notebook.check import check as c", "c"),
        ("from lesesal_notebook import check", "check.check"),
        ("import lesesal_notebook.check as c", "c.check"),
        ("import lesesal_notebook.check", "lesesal_notebook.check.check"),
        ("%matplotlib inline\nfrom lesesal_notebook.check import check", "check"),
    ],
)
def test_what_a_check_is_called(line: str, known: str) -> None:
    assert cells.checks_in(line) == {known}
    assert len(parts(f"{line}\n{known}(1, equals=1)\n2")) == 2


@pytest.mark.parametrize(
    "source",
    [
        "check(1, equals=1)",
        "from mine import check\ncheck(1, equals=1)",
        f"{IMPORT}check(1, equals=expected)",
        f"{IMPORT}check(*pair)",
        f"{IMPORT}check(1, **expected)",
        f"{IMPORT}check(1)",
        f"{IMPORT}x = check(1, equals=1)",
        f"{IMPORT}for n in range(3):\n    check(n, equals=n)",
        f"{IMPORT}check(1, equals=1",
    ],
)
def test_other_code_stays_whole(source: str) -> None:
    assert [part.code for part in parts(source)] == [source]


def test_a_cell_with_magics() -> None:
    found = parts(f"{IMPORT}%time x = 1\ncheck(x, equals=1)\n!ls")
    assert len(found) == 2
    assert "run_line_magic" in found[0].code
    assert "get_ipython().system" in found[1].code


@pytest.mark.parametrize(
    ("source", "gives"),
    [("x", True), ("x = 1", False), ("x;", True), ("%%time\nx", True), ("def f(): 1", False)],
)
def test_whether_a_cell_gives_a_result(source: str, gives: bool) -> None:
    assert cells.shape(source, frozenset()).gives_result is gives


def test_tags_do_not_keep_a_graded_cell_from_running() -> None:
    assert cells.is_run(cell("1", "t", points=1, tags=("skip-execution",)))
    assert not cells.is_run(cell("1", "s", solution=True, tags=("skip-execution",)))
    assert not cells.is_run(cell("  \n", "t", points=1))


CELLS = [
    "assert squares(3) == [1, 4, 9]\nassert squares(10)[-1] == 100, 'no'",
    "assert not f.g(1)[0] + 2 > x, 'no'\nx",
    "assert a and b",
    "x = 1",
    "%%time\nx",
    "%matplotlib inline\nassert f(x)",
    "from __future__ import annotations\nassert f()",
    "await thing()\nassert f()",
    "return",
    "no python at all",
    "\n\n\nassert f(2)",
    "x" * 30_000,
    parts(SOURCE)[0].code,
    "def f(:\n",
]


@pytest.fixture(scope="module")
def shell() -> Any:
    found = InteractiveShell()
    yield found
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("code", CELLS)
def test_a_canary_fails_as_it_says(shell: Any, code: str) -> None:
    """Also where a student gave the names of builtins another meaning."""
    shell.user_ns.update(dict.fromkeys(("AssertionError", "int", "str", "len", "list")))
    seen = set()
    for _ in range(10):
        made = canary(code)
        before = dict(shell.user_ns)
        result = shell.run_cell(made.code)
        error = result.error_before_exec or result.error_in_exec
        assert (type(error).__name__, str(error)) == (made.ename, made.evalue)
        assert {k: v for k, v in shell.user_ns.items() if k[0] != "_"} == {
            k: v for k, v in before.items() if k[0] != "_"
        }
        seen.add(made.evalue)
    assert len(seen) == 10


def test_a_canary_looks_like_its_cell() -> None:
    for _ in range(20):
        made = canary(CELLS[0]).code
        assert made.endswith(CELLS[0])
        assert made.startswith("assert ")
