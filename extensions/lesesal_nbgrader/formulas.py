"""Formulas as MathML: browsers show it by themselves.

nbconvert leaves formulas as LaTeX, for MathJax to find in the browser. But nothing is fetched from
outside here, and where students' notebooks are shown no script runs. So MathML is made when the
page is made. `templates/` has the style for what browsers leave out of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from typing import Any
from xml.etree.ElementTree import Element, tostring

from latex2mathml import commands
from latex2mathml.converter import Converter

from .shape import NotConverted, tidy

# Takes a formula without its delimiters and whether it is on lines of its own; gives HTML.
Show = Callable[[str, bool], str]

# More than is meant to be read; keeps the time bounded that a formula, or a text with some, takes.
_LONGEST = 5_000
_LONGEST_TEXT = 50_000

# LaTeX environments that the library lacks, and what it has instead. `align` would number its rows,
# from 1 again in each formula.
_INSTEAD = {
    "aligned": "split",
    "align": "align*",
    "flalign": "align*",
    "flalign*": "align*",
    "gather": "displaylines",
    "gather*": "displaylines",
    "gathered": "displaylines",
    "multline": "displaylines",
    "multline*": "displaylines",
}
_ENVIRONMENTS = {name.removeprefix("\\") for name in commands.MATRICES}
_PLAIN_ENVIRONMENTS = frozenset(("equation", "equation*", "displaymath", "math"))
_COLUMNS = {"eqnarray": "rcl", "eqnarray*": "rcl"}

_BEGIN_OR_END = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_REPLACED = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # For MathJax, or for the numbers of formulas.
        (r"\\(?:label|require)\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![a-zA-Z])", ""),
        (r"\\tag(?![a-zA-Z])", r"\\qquad\\tag"),
        # Not among the library's functions.
        (r"\\arg(?![a-zA-Z])", r"\\operatorname{arg}"),
    )
]

_MATH = re.compile(
    r"(?<!\\)\$\$(?P<dollars>.{1,5000}?)(?<!\\)\$\$"
    r"|(?<!\\)\\\[(?P<brackets>.{1,5000}?)\\\]"
    r"|(?P<environment>\\begin\{(?P<name>[a-zA-Z]+\*?)\}.{0,5000}?\\end\{(?P=name)\})"
    r"|(?<![\\$])\$(?P<dollar>[^$]{1,5000}?)(?<!\\)\$(?!\$)"
    r"|(?<!\\)\\\((?P<parentheses>.{1,5000}?)\\\)",
    re.DOTALL,
)
# Tags, comments, and elements in which a dollar is a dollar.
_MARKUP = re.compile(
    r"(<!--.*?(?:-->|\Z)"
    r"|<(?:script|style|pre|code|textarea)\b.*?(?:</(?:script|style|pre|code|textarea)\s*>|\Z)"
    r"|</?[a-z!?][^>]*(?:>|\Z))",
    re.DOTALL | re.IGNORECASE,
)


class _NoMacros(dict[str, Any]):
    """A formula that defines macros is refused: a few lines of them can unfold to gigabytes."""

    def __setitem__(self, name: str, macro: object) -> None:
        raise NotConverted(name)


def tree(latex: str, *, display: bool = False) -> Element:
    """A formula without its delimiters as an element ``math`` that only shows something.

    Its attributes, and those of all in it, name no address, class or id; ``style`` is there for
    negative spaces only. Raises `NotConverted` for what the library can't read, and for what is too
    long, too deep or too large to be read by anybody.
    """
    if len(latex) > _LONGEST:
        raise NotConverted
    latex = _BEGIN_OR_END.sub(_known_environment, latex)
    for pattern, replacement in _REPLACED:
        latex = pattern.sub(replacement, latex)
    try:
        root = _converted(latex, display)
        if any(element.get("linebreak") for element in root[0]):
            # Browsers break no lines in formulas; a table has some.
            root = _converted(rf"\begin{{displaylines}}{latex}\end{{displaylines}}", display)
        tidy(root)
    except Exception as error:
        # The library's errors have no base class, and some are plain accidents.
        raise NotConverted from error
    return root


def mathml(latex: str, display: bool = False) -> str:
    """A formula as HTML: MathML, or the LaTeX text if that can't be made."""
    try:
        made = tree(latex, display=display)
    except NotConverted:
        return f'<code class="latex">{escape(typed(latex, display))}</code>'
    return tostring(made, encoding="unicode", short_empty_elements=False)


def typed(latex: str, display: bool) -> str:
    """A formula with delimiters, as somebody could have typed it."""
    delimiter = "$$" if display else "$"
    return f"{delimiter}{latex.strip()}{delimiter}"


def in_latex(latex: str, show: Show = mathml) -> str:
    """An output of LaTeX as HTML: text, with formulas in all of MathJax's delimiters."""
    return _each_formula(latex, lambda text: escape(text, quote=False), show)


def in_html(html: str, show: Show = mathml) -> str:
    """HTML as it is, but for the formulas in its text."""
    parts = _MARKUP.split(html)
    shown: Show = lambda latex, display: show(unescape(latex), display)  # noqa: E731
    parts[::2] = [_each_formula(text, str, shown) for text in parts[::2]]
    return "".join(parts)


def _each_formula(text: str, of_text: Callable[[str], str], show: Show) -> str:
    if len(text) > _LONGEST_TEXT:
        return of_text(text)
    html, end = [], 0
    for found in _MATH.finditer(text):
        inline = found["dollar"] or found["parentheses"]
        body = inline or found["dollars"] or found["brackets"] or found["environment"]
        html += [of_text(text[end : found.start()]), show(body, not inline)]
        end = found.end()
    return "".join([*html, of_text(text[end:])])


def _converted(latex: str, display: bool) -> Element:
    converter = Converter(display="block" if display else "inline")
    converter.macros = _NoMacros()
    root: Element = converter.convert_to_element(latex)
    return root


def _known_environment(found: re.Match[str]) -> str:
    which, name = found.groups()
    if name in _PLAIN_ENVIRONMENTS:
        return "{" if which == "begin" else "}"
    if columns := _COLUMNS.get(name):
        return rf"\begin{{array}}{{{columns}}}" if which == "begin" else r"\end{array}"
    name = _INSTEAD.get(name, name)
    if name not in _ENVIRONMENTS:
        raise NotConverted(name)
    return rf"\{which}{{{name}}}"
