"""Formulas as MathML in nbgrader's two HTML pages of a notebook: the Formgrader's and the feedback.

nbconvert leaves formulas as LaTeX, for MathJax to find in the browser. But nothing is fetched from
outside here, and in the feedback, which students see in a sandbox, no script runs at all. Browsers
show MathML by themselves, so it is made when the page is made.

`etc/jupyter/nbgrader_config.py` names `Formulas`; `templates/` has what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from html import escape, unescape
from typing import Any
from unicodedata import lookup
from xml.etree.ElementTree import Element, tostring

from jinja2 import PackageLoader, pass_context
from jinja2.runtime import Context
from latex2mathml import commands
from latex2mathml.converter import Converter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from traitlets.config import Configurable

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

# The library marks characters as `&#x0003D;`, and leaves it to its serialiser to make them so.
_REFERENCE = re.compile(r"&#x[0-9A-Fa-f]+;")
_COMMAND = re.compile(r"\\[a-zA-Z]")
# Without `href`, `style` and `class`, which a formula could set to anything.
_ATTRIBUTES = frozenset(
    "accent columnalign columnlines columnspacing depth display displaystyle fence form height"
    " largeop linethickness lspace mathbackground mathcolor mathsize mathvariant maxsize minsize"
    " movablelimits notation rowlines rowspacing rspace scriptlevel separator stretchy voffset"
    " width".split()
)
_HARMLESS = re.compile(r"[-+#%. \w]*")
_TOKENS = frozenset(("mi", "mn", "mo", "mtext"))
_ROWS = frozenset(("mrow", "mtd", "mstyle", "msqrt", "mpadded", "mphantom", "menclose"))
_LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_SCRIPTS = frozenset((*_LIMITS, *_LIMITS.values()))
# Sums and their like; the integral keeps its limits at the side.
_BIG = frozenset("∏∐∑⋀⋁⋂⋃⨀⨁⨂⨃⨄⨅⨆")
_SIGNS = frozenset(("mo", sign) for sign in "+-−±∓")
_STROKES = frozenset("|‖")
_CLOSE = {"lspace": "0", "rspace": "0"}
_CLOSING = frozenset(")]}!|‖⟩⌉⌋")
_SPACES = {
    "thinmathspace": "0.1667em",
    "mediummathspace": "0.2222em",
    "thickmathspace": "0.2778em",
    "negativethinmathspace": "-0.1667em",
    "negativemediummathspace": "-0.2222em",
    "negativethickmathspace": "-0.2778em",
}
_MU = re.compile(r"(-?\d+(?:\.\d+)?)mu")
_PRIMES = re.compile("[′″‴⁗]+")
_LENGTH = re.compile(r"-?\d*\.?\d+(?:em|ex|px|pt|pc|in|cm|mm)")
# Alphabets that browsers take by their characters only; others come from the style sheet.
_ALPHABETS = {
    "double-struck": ("MATHEMATICAL DOUBLE-STRUCK", "DOUBLE-STRUCK"),
    "script": ("MATHEMATICAL SCRIPT", "SCRIPT"),
    "fraktur": ("MATHEMATICAL FRAKTUR", "BLACK-LETTER"),
}
_DIGITS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()

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


class _Unknown(Exception):
    """The formula has something in it that can't be converted."""


class _NoMacros(dict[str, Any]):
    """A formula that defines macros is refused: a few lines of them can unfold to gigabytes."""

    def __setitem__(self, name: str, macro: object) -> None:
        raise _Unknown(name)


def mathml(latex: str, *, display: bool = False) -> str:
    """A formula without its delimiters as HTML: MathML, or the LaTeX text if that can't be made."""
    try:
        return tostring(_tree(latex, display), encoding="unicode", short_empty_elements=False)
    except Exception:  # The library's errors have no base class, and some are plain accidents.
        delimiter = "$$" if display else "$"
        return f'<code class="latex">{escape(f"{delimiter}{latex.strip()}{delimiter}")}</code>'


def latex_to_html(latex: str) -> str:
    """A cell's `text/latex` output: text, with formulas in all of MathJax's delimiters."""
    return _each_formula(latex, of_text=lambda text: escape(text, quote=False))


class Renderer(IPythonRenderer):
    """nbconvert's own HTML of Markdown, but for the formulas."""

    def block_math(self, body: str) -> str:
        """A formula on lines of its own."""
        return mathml(body, display=True)

    def inline_math(self, body: str) -> str:
        """A formula in the text."""
        return mathml(body)

    def latex_environment(self, name: str, body: str) -> str:
        """A formula that is a LaTeX environment, without dollars around it."""
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)

    def block_html(self, html: str) -> str:
        """HTML stays as it is; formulas in its text are formulas."""
        parts = _MARKUP.split(super().block_html(html))
        parts[::2] = [_each_formula(text, of_text=str, of_formula=unescape) for text in parts[::2]]
        return "".join(parts)


class Formulas(Preprocessor):
    """What nbgrader's configuration names, since nbconvert makes one for each of its exporters.

    It changes no notebook. It gives its exporter the filters below, and the templates that go
    with them: folders for templates can't be configured, the Formgrader insists on its own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        exporter = self.parent
        filters = {"markdown2html": MarkdownToHTML, "latex2html": latex_to_html}
        exporter.filters = filters | exporter.filters
        exporter.extra_loaders = [PackageLoader(__package__), *exporter.extra_loaders]

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """nbconvert's protocol."""
        return nb, resources


@pass_context
class MarkdownToHTML(Configurable):
    """nbconvert's filter `markdown2html`, with `Renderer`; its parent is the exporter."""

    def __call__(self, context: Context, source: str) -> str:
        """The HTML of a cell, or of a comment."""
        exporter: Any = self.parent
        renderer = Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=exporter.embed_images,
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            anchor_link_text=exporter.anchor_link_text,
            exclude_anchor_links=exporter.exclude_anchor_links,
            **exporter.lexer_options,
        )
        return str(MarkdownWithMath(renderer=renderer).render(source))


def _each_formula(
    text: str, *, of_text: Callable[[str], str], of_formula: Callable[[str], str] = str
) -> str:
    """Convert the formulas in a text, and all between them with `of_text`."""
    if len(text) > _LONGEST_TEXT:
        return of_text(text)
    html, end = [], 0
    for found in _MATH.finditer(text):
        inline = found["dollar"] or found["parentheses"]
        body = inline or found["dollars"] or found["brackets"] or found["environment"]
        html += [of_text(text[end : found.start()]), mathml(of_formula(body), display=not inline)]
        end = found.end()
    return "".join([*html, of_text(text[end:])])


def _tree(latex: str, display: bool) -> Element:
    if len(latex) > _LONGEST:
        raise _Unknown
    latex = _BEGIN_OR_END.sub(_known_environment, latex)
    for pattern, replacement in _REPLACED:
        latex = pattern.sub(replacement, latex)
    root = _converted(latex, display)
    if any(element.get("linebreak") for element in root[0]):
        # Browsers break no lines in formulas; a table has some.
        root = _converted(rf"\begin{{displaylines}}{latex}\end{{displaylines}}", display)
    for element in list(root.iter()):
        _tidy(element)
    for element in list(root.iter()):
        if element.tag in _ROWS:
            _set_spaces(element)
    return root


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
        raise _Unknown(name)
    return rf"\{which}{{{name}}}"


def _tidy(element: Element) -> None:
    """Make of the library's element what browsers show, and nothing that a formula could misuse."""
    text = element.text or ""
    if element.tag == "mi" and (text == "&" or _COMMAND.match(text)):
        raise _Unknown(text)
    element.text = _text(element)
    for name, value in list(element.items()):
        if name not in _ATTRIBUTES or not _HARMLESS.fullmatch(value):
            del element.attrib[name]
    if alphabet := _ALPHABETS.get(element.get("mathvariant", "")):
        del element.attrib["mathvariant"]
        element.text = "".join(_in_alphabet(letter, alphabet) for letter in element.text)
    if element.tag in _TOKENS and len(element):
        element.tag = "mrow"
    elif element.tag == "mspace":
        _tidy_space(element)
    elif element.tag in {"mover", "munder", "munderover"}:
        _tidy_bar_or_arrow(element)
    elif element.tag == "mo":
        _tidy_operator(element)
    elif element.tag in _LIMITS and len(element) and _is_limit(element[0]):
        element.tag = _LIMITS[element.tag]
    elif element.tag in {"msup", "msubsup"} and _PRIMES.fullmatch(_text(element[-1])):
        _tidy_primes(element)


def _text(element: Element) -> str:
    return _REFERENCE.sub(lambda found: unescape(found[0]), element.text or "")


def _tidy_operator(element: Element) -> None:
    text = element.text or ""
    if text in _STROKES:
        element.attrib |= _CLOSE
        if not {"stretchy", "minsize"} & set(element.attrib):
            element.set("stretchy", "false")
    elif _is_word(text) and text != "mod":
        if _is_limit(element):
            # Spaces like those of other functions, not of operators.
            element.attrib |= _CLOSE | {"movablelimits": "true"}
        else:
            element.tag = "mi"


def _tidy_bar_or_arrow(element: Element) -> None:
    # The library's bar over or under something doesn't stretch, so it becomes a border.
    if len(element) == 2 and _text(element[1]) == "―":
        element[1:] = []
        element.set("notation", "top" if element.tag == "mover" else "bottom")
        element.tag = "menclose"
    # Nor does its arrow, wrapped as it is; and what is over it is set apart in older MathML.
    elif element[0].tag == "mstyle" and [part.tag for part in element[0]] == ["mo"]:
        element[0] = element[0][0]
        element[0].set("stretchy", "true")
        for label in element[1:]:
            label.attrib.clear()
            label[:] = [_space("0.4em"), *label, _space("0.4em")]


def _tidy_primes(element: Element) -> None:
    # As a script it would be raised twice: fonts have a prime up and small already.
    *rest, prime = element
    prime.tag, prime.attrib = "mo", {"form": "postfix", **_CLOSE}
    if element.tag == "msubsup":
        with_index = Element("msub")
        with_index[:] = rest
        rest = [with_index]
    element.tag = "mrow"
    element[:] = [*rest, prime]


def _is_limit(element: Element) -> bool:
    """Whether TeX sets scripts below and above it, in a formula on lines of its own."""
    text = _text(element)
    return element.tag == "mo" and (
        text in _BIG or f"\\{text}" in commands.LIMIT or "movablelimits" in element.attrib
    )


def _is_word(text: str) -> bool:
    return len(text) > 1 and text.replace("\N{THIN SPACE}", "").isalpha()


def _tidy_space(element: Element) -> None:
    width = element.get("width", "0")
    width = _SPACES.get(width, width)
    if found := _MU.fullmatch(width):
        width = f"{float(found[1]) / 18:.4f}em"
    if not _LENGTH.fullmatch(width):
        width = "0"
    if width.startswith("-"):
        element.attrib.pop("width", None)
        element.set("style", f"margin-left: {width}")
    else:
        element.set("width", width)


def _space(width: str) -> Element:
    return Element("mspace", {"width": width})


def _in_alphabet(letter: str, alphabet: tuple[str, ...]) -> str:
    if letter.isdecimal():
        name = f"DIGIT {_DIGITS[int(letter)]}"
    else:
        name = f"{'CAPITAL' if letter.isupper() else 'SMALL'} {letter.upper()}"
    for prefix in alphabet:
        with suppress(KeyError):
            return lookup(f"{prefix} {name}")
    return letter


def _set_spaces(row: Element) -> None:
    """Put spaces where TeX puts them: thin ones beside the name of a function, but for operators.

    None after a sign, and none around the comma of a decimal number, which TeX writes as `{,}`.
    """
    children: list[Element] = []
    for child in row:
        beside = children[-1] if children else None
        if (
            beside is not None
            and (_is_function(beside) or _is_function(child))
            and not {beside.tag, child.tag} & {"mo", "mspace"}
        ):
            children.append(_space(_SPACES["thinmathspace"]))
        if (child.tag, child.text) in _SIGNS and (beside is None or _expects_more(beside)):
            child.set("form", "prefix")
        if beside is not None and "mtable" in {beside.tag, child.tag}:
            for stroke in (beside, child):
                if stroke.tag == "mo" and stroke.text in _STROKES:
                    stroke.set("stretchy", "true")
        if child.tag == "mrow" and [(part.tag, part.text) for part in child] == [("mo", ",")]:
            child[0].attrib |= _CLOSE
        children.append(child)
    row[:] = children


def _expects_more(element: Element) -> bool:
    """Whether a minus after this is a sign, and no operator."""
    return element.tag == "mspace" or (
        element.tag == "mo" and element.get("form") != "postfix" and element.text not in _CLOSING
    )


def _is_function(element: Element) -> bool:
    while element.tag in _SCRIPTS and len(element):
        element = element[0]
    text = element.text or ""
    return _is_word(text) and (
        element.tag == "mi" or (element.tag == "mo" and "movablelimits" in element.attrib)
    )
