"""What a cell of a notebook is to the grading, and the parts in which it is sent to the kernel."""

from __future__ import annotations

import ast
import functools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..check import Expectation

MODULE = "lesesal_notebook.check"
TAG_SKIP = "skip-execution"
GIVE = '__import__("lesesal_notebook.check", fromlist=["check"]).hand_over(({}), "{}")'


@dataclass(frozen=True)
class Part:
    """Code that goes to the kernel in one request.

    Attributes:
        code: with as many empty lines in front as tracebacks need to name the cell's own lines.
        expectation: where the code hands over a value, what it should be.
        nonce: what the value comes with.
        call: the check's own first words, for a sentence.
    """

    code: str
    expectation: Expectation | None = None
    nonce: str = ""
    call: str = ""


@dataclass(frozen=True)
class Shape:
    """A graded cell: its parts, and whether its last statement is one that gives a result."""

    parts: tuple[Part, ...]
    gives_result: bool


def is_run(cell: Mapping[str, Any]) -> bool:
    """Whether a cell is executed: as nbclient has it, but no tag keeps a graded cell from it."""
    if cell["cell_type"] != "code" or not cell["source"].strip():
        return False
    return is_tested(cell) or TAG_SKIP not in (cell["metadata"].get("tags") or [])


def is_graded(cell: Mapping[str, Any]) -> bool:
    """Whether nbgrader gives points for a code cell, by itself or by hand."""
    return cell["cell_type"] == "code" and bool(_about(cell).get("grade"))


def is_tested(cell: Mapping[str, Any]) -> bool:
    """Whether nbgrader reads a code cell's points from its outputs."""
    return is_graded(cell) and not _about(cell).get("solution")


def is_ours(cell: Mapping[str, Any]) -> bool:
    """Whether a code cell is the instructor's, and restored from the source."""
    about = _about(cell)
    return (
        cell["cell_type"] == "code"
        and not about.get("solution")
        and bool(about.get("grade") or about.get("locked"))
    )


def points(cell: Mapping[str, Any]) -> float:
    """The most points that a graded cell gives."""
    return float(_about(cell).get("points", 0))


def name(cell: Mapping[str, Any], index: int) -> str:
    """What staff knows a cell by."""
    return str(_about(cell).get("grade_id") or f"#{index + 1}")


def _about(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    about = cell["metadata"].get("nbgrader")
    return about if isinstance(about, dict) else {}


def checks_in(source: str) -> frozenset[str]:
    """The names by which code can call `check` after its imports, ``{"check", "c.check"}``."""
    if MODULE not in source and "lesesal_notebook" not in source:
        return frozenset()
    tree = parsed(source)[1]
    found = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom) and not node.level:
            for one in node.names:
                known = one.asname or one.name
                if (node.module, one.name) == (MODULE, "check"):
                    found.add(known)
                if (node.module, one.name) == ("lesesal_notebook", "check"):
                    found.add(f"{known}.check")
        if isinstance(node, ast.Import):
            for one in node.names:
                if one.name == MODULE:
                    found.add(f"{one.asname or MODULE}.check")
    return frozenset(found)


@functools.lru_cache(maxsize=256)
def parsed(source: str) -> tuple[str, ast.Module | None]:
    """A cell's code as plain Python and its tree; no tree where it is no Python.

    The same test cells come with every submission.
    """
    try:
        return source, ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    # Magics and shell commands; the import is dear, and most cells have none.
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        plain = TransformerManager().transform_cell(source)
        return plain, ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source, None


def shape(source: str, checks: frozenset[str]) -> Shape:
    """Take a test cell apart at the calls of `check` whose expectations are literals.

    Args:
        source: the cell's code.
        checks: what `check` is called in it.
    """
    plain, tree = parsed(source)
    if tree is None or not tree.body:
        return Shape((Part(source),), gives_result=False)
    gives_result = isinstance(tree.body[-1], ast.Expr)
    lines = plain.encode().splitlines(keepends=True)
    parts: list[Part] = []
    start = 0
    for at, statement in enumerate(tree.body):
        found = _expectation(statement, checks)
        if found is None:
            continue
        call, expectation = found
        # What is before it runs in the same request.
        before = _text(lines, _begin(tree.body[start]), _begin(statement)) if start < at else ""
        value = _text(lines, _begin(call.args[0]), _finish(call.args[0]))
        nonce = secrets.token_hex(8)
        line = _begin(tree.body[start])[0]
        code = "\n" * (line - 1) + before + GIVE.format(value, nonce)
        parts.append(Part(code, expectation, nonce, _shown(call)))
        start = at + 1
    if not parts:
        return Shape((Part(source),), gives_result)
    if start < len(tree.body):
        begin = _begin(tree.body[start])
        rest = _text(lines, begin, (len(lines), len(lines[-1])))
        parts.append(Part("\n" * (begin[0] - 1) + rest))
    return Shape(tuple(parts), gives_result and start < len(tree.body))


def _expectation(
    statement: ast.stmt, checks: frozenset[str]
) -> tuple[ast.Call, Expectation] | None:
    """The call and what it expects, of a statement that is a check with literals."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    call = statement.value
    if not isinstance(call.func, ast.Name | ast.Attribute) or ast.unparse(call.func) not in checks:
        return None
    if not call.args or len(call.args) > 2 or any(word.arg is None for word in call.keywords):
        return None
    if isinstance(call.args[0], ast.Starred):
        return None
    try:
        given = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        return call, Expectation.of(*map(ast.literal_eval, call.args[1:]), **given)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        # It stays in the code, and is as good as an assertion there.
        return None


def _shown(call: ast.Call) -> str:
    text = " ".join(ast.unparse(call.args[0]).split())
    return f"check({text[:80]}{'…' if len(text) > 80 else ''}, …)"


def _begin(node: ast.stmt | ast.expr) -> tuple[int, int]:
    """The line (from 1) and the column in bytes; a function's decorators are before it."""
    decorators = getattr(node, "decorator_list", [])
    first = decorators[0] if decorators else node
    # The @ is one place before the decorator's expression.
    return first.lineno, first.col_offset - (1 if decorators else 0)


def _finish(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _text(lines: list[bytes], begin: tuple[int, int], end: tuple[int, int]) -> str:
    (first, left), (last, right) = begin, end
    if first == last:
        return lines[first - 1][left:right].decode()
    between = b"".join(lines[first : last - 1])
    return (lines[first - 1][left:] + between + lines[last - 1][:right]).decode()
