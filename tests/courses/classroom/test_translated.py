"""No page has text that the translations do not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from lit_classroom import OPERATOR, ROLES, LitClassroom, lit_classroom
from lit_pages import pages

from courses import language, words

# What people and courses bring along, and what is called the same in each language.
DATA = {
    *(OPERATOR, *ROLES, "finn", "optics", "waiting", "ended", "Optics"),
    *"Light and what becomes of it.".split(),
    *("lenses", "mirrors", "prisms", "lasers", "Lenses", "Mirrors", "Prisms", "Lasers"),
    *("lenses.ipynb", "Lesesal", "SHA-256", "UTC", "CSV", "JSON", "kB", "MB"),
}  # fmt: skip
READ = ("title", "alt", "aria-label", "placeholder", "content")


class Texts(HTMLParser):
    """What a person sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = [""]
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found[0] += " "
        if tag == "meta" and values.get("name") != "description":
            return
        if tag != "code":
            self.found += [text for name in READ if (text := values.get(name))]
        if tag in ("script", "style", "code", "time") or (tag == "a" and "hreflang" in values):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        # A text may go through elements, as one with a link does: all in one, in its order.
        if not self._within:
            self.found[0] += data


class Marked:
    """Translations that show what went through them."""

    @staticmethod
    def ugettext(text: str) -> str:
        return f"⟦{text}⟧"

    @staticmethod
    def ungettext(one: str, many: str, count: int) -> str:
        return f"⟦{one if count == 1 else many}⟧"


def unmarked(text: str) -> list[str]:
    """The words of a text that have no mark and are no data."""
    text = re.sub(r"https?://\S+|\S*/join/\S+", "", text)
    while (inner := re.sub("⟦[^⟦⟧]*⟧", " ", text)) != text:
        text = inner
    return [word for word in re.findall(r"[^\W\d_][\w.-]*", text) if word not in DATA]


@pytest.fixture
def room(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LitClassroom]:
    # The dates are Babel's, and need no translation of ours.
    written = words._written
    monkeypatch.setattr(words, "_written", lambda *values: f"⟦{written(*values)}⟧")
    monkeypatch.setattr(language, "translations", lambda _folder, _code: Marked)
    with lit_classroom(tmp_path_factory.mktemp("marked")) as room:
        yield room


def test_no_page_has_text_outside_the_translations(room: LitClassroom) -> None:
    bare = set()
    for who, path in pages(room):
        with room.client(who) as browser:
            parser = Texts()
            parser.feed(browser.get(path).text)
        for text in parser.found:
            bare |= {(path, word) for word in unmarked(text)}
    assert not bare, "\n".join(map(str, sorted(bare)))
