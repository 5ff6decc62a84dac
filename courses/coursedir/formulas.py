"""Formulas in a text of anybody's, kept out of the cleaning of the rest.

The cleaner knows no MathML: browsers parse it by rules of its own, so that what looks harmless can
turn into something else. So a formula's place in the text is held by a word that it cannot have
in it, and what was made of its LaTeX, element by element, replaces the word in the clean HTML.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any
from xml.etree.ElementTree import Element

from lesesal_nbgrader.formulas import tree, typed
from lesesal_nbgrader.shape import NotConverted


class Formulas:
    """The formulas of this text."""

    def __init__(self, text: str) -> None:
        # The same for the same text, because feedback that changed is sent out again.
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        self._word = f"formula{digest}x"
        self._places = re.compile(f"{self._word}([0-9]+)x")
        self._kept: list[tuple[Element, str]] = []

    def keep(self, latex: str, display: bool) -> str:
        """HTML for the cleaner: a word for the formula, or what was typed if it is none."""
        text = typed(latex, display)
        try:
            made = tree(latex, display=display)
        except NotConverted:
            code = f"<code>{escape(text)}</code>"
            return f"<pre>{code}</pre>" if display else code
        self._kept.append((made, text))
        return f"{self._word}{len(self._kept) - 1}x"

    def typed(self, text: str) -> str:
        """A text with its formulas as they were typed, for where no element can be."""
        return self._places.sub(lambda found: self._kept[int(found[1])][1], text)

    def put_back(self, source: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The cleaner's last filter: takes and gives html5lib's tokens. Only text has formulas."""
        for token in source:
            if token["type"] != "Characters":
                yield token
                continue
            parts = self._places.split(token["data"])
            for place, text in enumerate(parts):
                if place % 2:
                    yield from _tokens(self._kept[int(text)][0])
                elif text:
                    yield {**token, "data": text}


def _tokens(element: Element) -> Iterator[dict[str, Any]]:
    # Without `style`: the Formgrader's policy has none.
    attributes = {(None, name): value for name, value in element.items() if name != "style"}
    name = {"namespace": None, "name": element.tag}
    yield {"type": "StartTag", **name, "data": attributes}
    if element.text:
        yield {"type": "Characters", "data": element.text}
    for child in element:
        yield from _tokens(child)
    yield {"type": "EndTag", **name}
