"""Tests that can be fooled, or that test nothing: found by reading them, nothing is run.

What is found is a guess about the author's mind, so it is a warning and never an error.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

_BEGIN, _END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
# What swallows a failed assert.
_CATCH_ALL = frozenset({"AssertionError", "Exception", "BaseException"})
# Whatever they are given, what they return is Python's own, and equals what it equals.
_HONEST = frozenset({"bool", "float", "id", "int", "isinstance", "len", "str", "type"})
_USE_CHECK = "Use check() of lesesal_notebook.check, with the expected value written out"


class Kind(Enum):
    """What a code cell is in nbgrader's eyes."""

    TESTS = auto()
    ANSWER = auto()
    GIVEN = auto()


@dataclass(frozen=True)
class Cell:
    """A code cell of the author's notebook.

    Attributes:
        name: nbgrader's id of it, or its place.
        kind: an answer that is graded by hand is an ``ANSWER`` too.
        points: the most that it gives.
    """

    name: str
    kind: Kind
    source: str
    points: float = 0.0


def warnings(cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """What is weak in a notebook's tests: the cell's name, and what it is and what to do."""
    trees = {id(cell): _tree(cell) for cell in cells}
    answers: set[str] = set()
    helpers: set[str] = set()
    for cell in cells:
        tree = trees[id(cell)]
        if tree is None:
            continue
        if cell.kind is Kind.ANSWER:
            answers |= set(_defined(tree))
        else:
            helpers |= {each.name for each in _functions(tree) if _asserts(each, frozenset())}
    found = []
    for cell in cells:
        texts = [*_markers(cell)]
        tree = trees[id(cell)]
        if cell.kind is Kind.TESTS and tree is None:
            texts.append("is no Python that can be read, so nothing is known of its tests.")
        elif cell.kind is Kind.TESTS and tree is not None:
            texts += _of_tests(cell, tree, frozenset(answers), frozenset(helpers))
        found += [(cell.name, text) for text in texts]
    return found


def _tree(cell: Cell) -> ast.Module | None:
    """The cell as Python; empty for another language's cell, None where it cannot be read."""
    if cell.source.lstrip().startswith("%%"):
        return ast.Module([], []) if cell.kind is not Kind.TESTS else None
    try:
        return ast.parse(_MAGIC.sub(r"\1pass", cell.source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _of_tests(
    cell: Cell, tree: ast.Module, answers: frozenset[str], helpers: frozenset[str]
) -> Iterator[str]:
    checks = _asserts(tree, helpers)
    if not checks and cell.points:
        what = "only prints" if _prints(tree) else "tests nothing"
        yield (
            f"{cell.points:g} points, but it {what}: whoever hands it in gets them. Add asserts or "
            "check()."
        )
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and (line := _swallows(node, helpers)):
            yield (
                f"line {line}: this except also catches failed asserts, so the test passes. Catch "
                "only the error that you expect, or raise again."
            )
    for node in checks:
        if isinstance(node, ast.Assert):
            yield from _of_assert(node, answers)


def _of_assert(node: ast.Assert, answers: frozenset[str]) -> Iterator[str]:
    for each in ast.walk(node.test):
        if not isinstance(each, ast.Compare) or not isinstance(each.ops[0], ast.Eq):
            continue
        left, right = each.left, each.comparators[0]
        ours, theirs = _foolable(left) & answers, _foolable(right) & answers
        if ours and theirs:
            yield (
                f"line {each.lineno}: compares answers with each other "
                f"({', '.join(sorted(ours | theirs))}), and a student writes both. {_USE_CHECK}."
            )
        elif ours or theirs:
            answer, expected = (left, right) if ours else (right, left)
            wanted = f"check({ast.unparse(answer)}, equals={ast.unparse(expected)})"
            advice = f": {wanted}" if _is_literal(expected) and len(wanted) <= 80 else ""
            yield (
                f"line {each.lineno}: an answer can be an object that equals everything. "
                f"{_USE_CHECK}{advice}."
            )


def _asserts(tree: ast.AST, helpers: frozenset[str]) -> list[ast.AST]:
    """All in it that can fail a test."""
    return [node for node in ast.walk(tree) if _can_fail(node, helpers)]


def _can_fail(node: ast.AST, helpers: frozenset[str]) -> bool:
    if isinstance(node, ast.Assert | ast.Raise):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = _called(node)
    return name in helpers or bool(re.match(r"_?(assert|check|test|fail|verify)", name))


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _prints(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Call) and _called(node) == "print" for node in ast.walk(tree))


def _swallows(node: ast.Try, helpers: frozenset[str]) -> int:
    """The line of the handler that lets a failed assert of the body pass; 0: none does."""
    if not any(_asserts(each, helpers) for each in node.body):
        return 0
    for handler in node.handlers:
        kinds = _names(handler.type) if handler.type else _CATCH_ALL
        if kinds & _CATCH_ALL and not any(_asserts(each, helpers) for each in handler.body):
            return handler.lineno
    return 0


def _markers(cell: Cell) -> Iterator[str]:
    opened = 0
    for number, line in enumerate(cell.source.splitlines(), 1):
        if _BEGIN in line:
            if opened:
                yield f"line {number}: {_BEGIN} again, before the end of the one on line {opened}."
            opened = number
        elif _END in line:
            if not opened:
                yield f"line {number}: {_END} without a {_BEGIN} before it."
            opened = 0
    if opened:
        yield f"line {opened}: {_BEGIN} has no {_END}. Add it after the last hidden test."


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in tree.body if isinstance(node, ast.FunctionDef))


def _defined(tree: ast.Module) -> Iterator[str]:
    """The global names that a cell sets."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id


def _foolable(node: ast.expr) -> frozenset[str]:
    """The names whose values decide for themselves what this equals."""
    honest = isinstance(node, ast.Call) and _called(node) in _HONEST
    return frozenset() if honest else _names(node)


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
