"""Checks that must fail: what tells a kernel that swallows errors from one that does not.

A canary is a graded cell's own code with a first statement that cannot succeed, so it is read,
compiled and started as the cell is, on the same way, and ends before anything else of it runs. Its
error has a word that was drawn a moment ago. A kernel that answers with anything else than exactly
this error would have kept silent about a failed test too.
"""

from __future__ import annotations

import ast
import functools
import secrets
import string
from dataclasses import dataclass

from .cells import parsed

MOST_CODE = 20_000
GAP = "\ue000"
"""No character of a name, and of no text that anybody writes."""


@dataclass(frozen=True)
class Canary:
    """Code that must fail, and how."""

    code: str
    ename: str
    evalue: str


def canary(code: str) -> Canary:
    """A canary that looks like this code.

    Nothing in it depends on names that a student may have given another meaning.
    """
    tree = parsed(code)[1] if len(code) <= MOST_CODE and not code.startswith("%%") else None
    first = _renamed(code) if tree else None
    if first is None or secrets.randbelow(3) == 0:
        first = secrets.choice((_unequal, _no_key))()
    # Empty lines in front are for tracebacks.
    rest = "" if tree is None else code.lstrip("\n")
    return Canary(f"{first.code}\n{rest}", first.ename, first.evalue)


def _unequal() -> Canary:
    one = 2 + secrets.randbelow(500)
    other = one + 1 + secrets.randbelow(50)
    word = _word()
    return Canary(f'assert {one} == {other}, "{word}"', "AssertionError", word)


def _no_key() -> Canary:
    key, word = _word(), _word()
    return Canary(f'assert {{"{key}": 1}}["{word}"] == 1', "KeyError", f"'{word}'")


def _renamed(code: str) -> Canary | None:
    """One of the code's own assertions about a function that does not exist."""
    found = _assertions(code)
    if not found:
        return None
    known, text = secrets.choice(found)
    word = f"{known}_{_word()}"
    return Canary(text.replace(GAP, word), "NameError", f"name '{word}' is not defined")


@functools.lru_cache(maxsize=256)
def _assertions(code: str) -> tuple[tuple[str, str], ...]:
    """The name that each assertion looks up first, and its text with `GAP` in that one's place.

    The same test cells come with every submission.
    """
    tree = parsed(code)[1]
    made = []
    for node in tree.body if tree else ():
        found = _first_name(node.test) if isinstance(node, ast.Assert) else None
        if found is None:
            continue
        known, found.id = found.id, GAP
        try:
            made.append((known, ast.unparse(node)))
        finally:
            # The tree is shared.
            found.id = known
    return tuple(made)


def _first_name(node: ast.expr) -> ast.Name | None:
    """The name that is looked up first when an expression is evaluated."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Compare | ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.UnaryOp):
            node = node.operand
        elif isinstance(node, ast.BoolOp):
            node = node.values[0]
        else:
            return None
    return node


def _word() -> str:
    drawn = secrets.token_bytes(10)
    return "".join(string.ascii_lowercase[each % 26] for each in drawn[: 6 + drawn[-1] % 4])
