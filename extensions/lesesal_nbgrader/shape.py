"""The library's MathML as what browsers show, and nothing in it that a formula could misuse."""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from unicodedata import lookup
from xml.etree.ElementTree import Element

from latex2mathml import commands

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
_ELEMENTS = frozenset(
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover"
    " mtable mtr mtd mstyle mpadded mphantom menclose".split()
)
# Browsers rearrange what is nested more deeply than some hundreds of elements.
_DEEPEST = 64
# More than is meant to be read: lengths in whatever unit, letters in the size of those around.
_LENGTHS = frozenset("depth height lspace maxsize minsize rspace voffset width".split())
_LONGEST = {"em": 40.0, "ex": 80.0, "pc": 40.0, "in": 6.0, "cm": 16.0, "mm": 160.0, "mu": 720.0}
_LARGEST = 5.0
_MEASURE = re.compile(r"[-+]?(\d*\.?\d+)([a-z]*)")


class NotConverted(Exception):
    """The formula has something in it that can't be converted."""


def tidy(root: Element) -> None:
    """Change a converted formula in place. Raises `NotConverted`."""
    for element in list(root.iter()):
        _tidy(element)
    for element in list(root.iter()):
        if element.tag in _ROWS:
            _set_spaces(element)
    _check(root, depth=1, size=1.0)


def _check(element: Element, depth: int, size: float) -> None:
    size *= _measure(element.get("mathsize", "1em"))[0]
    if element.tag not in _ELEMENTS or depth > _DEEPEST or size > _LARGEST:
        raise NotConverted(element.tag)
    for child in element:
        _check(child, depth + 1, size)


def _measure(text: str) -> tuple[float, str]:
    found = _MEASURE.fullmatch(text)
    return (float(found[1]), found[2]) if found else (1.0, "")


def _tidy(element: Element) -> None:
    """Make of the library's element what browsers show, and nothing that a formula could misuse."""
    text = element.text or ""
    if element.tag == "mi" and (text == "&" or _COMMAND.match(text)):
        raise NotConverted(text)
    element.text = _text(element)
    for name, value in list(element.items()):
        if name not in _ATTRIBUTES or not _HARMLESS.fullmatch(value):
            del element.attrib[name]
        elif name in _LENGTHS:
            length, unit = _measure(value)
            if length > _LONGEST.get(unit, 500.0):
                raise NotConverted(value)
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
