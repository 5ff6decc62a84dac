"""Imported by the fork server, for its kernels: what is only needed once a cell fails.

In grading a failed cell is the rule: each canary is one. Most of the 7 ms that IPython takes to
write an error down go to tables that pygments makes anew for every traceback, always the same.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
from collections.abc import Callable, Iterable
from typing import Any

import pygments.lexer  # type: ignore[import-untyped]
import stack_data
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.ultratb import VerboseTB
from IPython.utils import PyColorize
from pygments.formatters.terminal256 import Terminal256Formatter  # type: ignore[import-untyped]

from .. import check  # noqa: F401 (test cells import it)

CELL = re.compile(r"<ipython-input-|/ipykernel_[0-9]+/[0-9]+\.py$")
"""The names that IPython and ipykernel give to cells' code."""

MOST_LINE = 1000
MOST_LINES = 10_000


def remember_words(make: Callable[..., str]) -> Callable[..., str]:
    """Of `pygments.lexer.regex_opt`: words to an expression that finds them."""
    known: dict[tuple[tuple[str, ...], str, str], str] = {}

    def made(words: Iterable[str], prefix: str = "", suffix: str = "") -> str:
        key = tuple(words), prefix, suffix
        if key not in known:
            known[key] = make(key[0], prefix, suffix)
        return known[key]

    return made


def remember_styles(make: Callable[..., None]) -> Callable[..., None]:
    """Of `Terminal256Formatter`: a style's colours as escape sequences."""
    known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def made(self: Any) -> None:
        key = self.style, self.usebold, self.useunderline, self.useitalic
        if key not in known:
            make(self)
            known[key] = dict(self.style_string)
        self.style_string = dict(known[key])

    return made


def remember_tables(make: Callable[..., None]) -> Callable[..., None]:
    """Of `Terminal256Formatter`: the 256 colours."""
    known: list[tuple[int, int, int]] = []

    def made(self: Any) -> None:
        if not known:
            make(self)
            known.extend(self.xterm_colors)
        self.xterm_colors = list(known)

    return made


def remember_lines(make: Callable[..., tuple[Any, bool]]) -> Callable[..., tuple[Any, bool]]:
    """Of `IPython.utils.PyColorize.Parser`: a line of code in colours.

    The lines around an error come again with the next error of the same cell.
    """
    known: dict[tuple[str, str], tuple[Any, bool]] = {}

    def made(self: Any, raw: str, out: Any = None) -> tuple[Any, bool]:
        if out != "str" or len(raw) > MOST_LINE:
            return make(self, raw, out)
        key = self.theme_name, raw
        if key not in known:
            if len(known) >= MOST_LINES:
                known.clear()
            known[key] = make(self, raw, out)
        return known[key]

    return made


def remember_words_in_colours(make: Callable[..., str]) -> Callable[..., str]:
    """Of `IPython.utils.PyColorize.Theme`: tokens in its colours."""
    known: dict[Any, str] = {}

    def made(self: Any, stream: Any) -> str:
        if type(stream) is not list or len(stream) > 4:
            return make(self, stream)
        key = self.name, *stream
        if key not in known:
            if len(known) >= MOST_LINES or sum(len(text) for _, text in stream) > MOST_LINE:
                return make(self, stream)
            known[key] = make(self, stream)
        return known[key]

    return made


def remember_cells(find: Callable[..., Any]) -> Callable[..., Any]:
    """Of `inspect.getmodule`: code of cells is in no module.

    To come to that, it looks at all modules that are loaded, four times for each error; in a
    process that was just forked each of these looks copies a page of memory.
    """

    def found(thing: Any, file: str | None = None) -> Any:
        code = thing.f_code if isinstance(thing, types.FrameType) else thing
        if isinstance(code, types.CodeType) and CELL.search(code.co_filename):
            return None
        return find(thing, file)

    return found


def fail_once() -> None:
    """Write down one error, so that what that imports and remembers is there."""
    try:
        int("warm")
    except ValueError as error:
        style = InteractiveShell.colors.default_value
        formatter = VerboseTB(theme_name=style)
        formatter.structured_traceback(type(error), error, error.__traceback__)
    # The expressions by which it finds a cell's lines.
    inspect.getsourcelines(fail_once)


if not hasattr(pygments.lexer.regex_opt, "__wrapped__"):
    words, setup = pygments.lexer.regex_opt, Terminal256Formatter._setup_styles
    pygments.lexer.regex_opt = functools.wraps(words)(remember_words(words))
    Terminal256Formatter._setup_styles = functools.wraps(setup)(remember_styles(setup))
    tables = Terminal256Formatter._build_color_table
    Terminal256Formatter._build_color_table = functools.wraps(tables)(remember_tables(tables))
    lines = PyColorize.Parser.format2
    PyColorize.Parser.format2 = functools.wraps(lines)(  # type: ignore[method-assign]
        remember_lines(lines)
    )
    spans = PyColorize.Theme.format
    PyColorize.Theme.format = functools.wraps(spans)(  # type: ignore[method-assign]
        remember_words_in_colours(spans)
    )
    # A style is a class, made from another one.
    style = functools.lru_cache(maxsize=8)(stack_data.core.style_with_executing_node)
    stack_data.style_with_executing_node = style  # type: ignore[attr-defined]
    inspect.getmodule = functools.wraps(inspect.getmodule)(remember_cells(inspect.getmodule))
    fail_once()
