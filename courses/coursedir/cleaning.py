"""HTML and Markdown of anybody's, as HTML that only shows something, in bounded time.

What takes too long, or is nested too deeply, is shown as the text that it is.
"""

from __future__ import annotations

import base64
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from typing import Any

from bleach.sanitizer import Cleaner  # type: ignore[import-untyped]
from bs4 import BeautifulSoup
from nbconvert.filters.markdown_mistune import MarkdownWithMath

from courses.coursedir.formulas import Formulas
from lesesal_nbgrader.formulas import in_latex
from lesesal_nbgrader.markdown import Renderer

_TAGS = frozenset(
    "abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5"
    " h6 hr i img ins kbd li mark ol p pre s samp small span strong sub summary sup table tbody td"
    " tfoot th thead tr u ul".split()
)
# What is inside of these is no text to read, and goes with them.
_EMPTIED = ("script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title")
_NUMBERS = frozenset(("colspan", "rowspan", "width", "height", "start"))
_SMALL_NUMBER = re.compile(r"[0-9]{1,4}")
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_NO_PICTURE = re.compile(r"<img(?![^>]* src=)[^>]*>")
# More HTML than this is not worth the time of who waits for the page; the text is shown instead.
MOST_HTML = 500_000
MOST_PICTURE = 5_000_000
_MOST_TEXT = 500_000
_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
}
# Parsers of HTML and Markdown take time that grows with the square of what is nested. In seconds of
# the processor: for a text, and for all texts of a notebook together.
_TEXT_SECONDS, _NOTEBOOK_SECONDS = 2.0, 10.0
_AGAIN = 0.05
_DEEPEST = 100
_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
_VOID = frozenset(("br", "hr", "img"))


class _TooLong(BaseException):
    """No `Exception`: no library shall take it for its own."""


class Budget:
    """The processor's time that the texts of one notebook may take.

    Only the main thread can be interrupted; elsewhere a text takes the time that it takes.
    """

    def __init__(self) -> None:
        self._left = _NOTEBOOK_SECONDS

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Raises `_TooLong` in what takes too long."""
        if self._left <= 0:
            raise _TooLong
        began = time.process_time()
        interruptible = threading.current_thread() is threading.main_thread()
        if interruptible:
            before = signal.signal(signal.SIGVTALRM, _interrupt)
            # Again and again: in a finaliser, what is raised is lost.
            signal.setitimer(signal.ITIMER_VIRTUAL, min(self._left, _TEXT_SECONDS), _AGAIN)
        try:
            yield
        finally:
            while interruptible:
                with suppress(_TooLong):
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                    signal.signal(signal.SIGVTALRM, before)
                    interruptible = False
            self._left -= time.process_time() - began


def _interrupt(*_: object) -> None:
    raise _TooLong


def clean(html: str, budget: Budget | None = None) -> str:
    """HTML of anybody's, as HTML that only shows something."""
    return _bounded(_clean, html, budget or Budget())


def _bounded(make: Callable[[str], str], given: str, budget: Budget) -> str:
    if len(given) <= MOST_HTML:
        try:
            with budget.spent():
                made = make(given)
            if not _deep(made):
                return made
        except (_TooLong, Exception):  # noqa: S110  whatever a parser does with it: it is a text
            pass
    return f"<pre>{escape(text(given))}</pre>"


def _deep(html: str) -> bool:
    depth = 0
    for end, name in _TAG.findall(html):
        depth += 0 if name in _VOID else -1 if end else 1
        if depth > _DEEPEST:
            return True
    return False


def _clean(html: str, formulas: Formulas | None = None) -> str:
    soup = BeautifulSoup(html, "html.parser")
    for element in soup.find_all(_EMPTIED):
        element.decompose()
    cleaner = Cleaner(
        tags=_TAGS,
        attributes=_may_have,
        protocols=frozenset(("data",)),
        strip=True,
        filters=[formulas.put_back] if formulas else [],
    )
    return _NO_PICTURE.sub("", str(cleaner.clean(str(soup))))


def _may_have(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return _PICTURE.fullmatch(value) is not None
    return name in ("alt", "title") or (
        name in _NUMBERS and _SMALL_NUMBER.fullmatch(value) is not None
    )


def picture(data: bytes) -> str:
    """The address that has a picture in itself; empty where it is none that is shown."""
    if len(data) > MOST_PICTURE:
        return ""
    kind = next((kind for kind, magic in _MAGIC.items() if data.startswith(magic)), "")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}" if kind else ""


class _Renderer(Renderer):
    """nbconvert's HTML of Markdown, whose pictures are in the page and whose links are text.

    Args:
        folder: where the pictures are that the text names.
        formulas: takes the formulas of the text.
    """

    def __init__(
        self, folder: Path | None, attachments: Mapping[str, Any], formulas: Formulas
    ) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self._folder, self._attached, self._formulas = folder, attachments, formulas

    def block_code(self, code: str, info: str | None = None) -> str:
        """Without colours, which need classes."""
        return f"<pre><code>{escape(code)}</code></pre>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A reader who wants to go there copies it: a link would go there in the reader's name."""
        return text if text == escape(url) else f"{text} (<code>{escape(url)}</code>)"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """The picture itself, or its description."""
        found, text = self._picture(url), self._formulas.typed(text)
        return f'<img src="{found}" alt="{escape(text)}">' if found else f"[{escape(text)}]"

    def _picture(self, url: str) -> str:
        if url.startswith("data:"):
            return url
        if url.startswith("attachment:"):
            attached = self._attached.get(url.removeprefix("attachment:"))
            forms = attached.values() if isinstance(attached, Mapping) else ()
            return next((picture(decoded(each)) for each in forms), "")
        if self._folder is None or ":" in url:
            return ""
        try:
            path = (self._folder / url).resolve(strict=True)
            if path.is_relative_to(self._folder.resolve()) and path.is_file():
                with path.open("rb") as file:
                    return picture(file.read(MOST_PICTURE + 1))
        except (OSError, ValueError):
            pass  # no such picture, or no name that a file could have
        return ""

    def formula(self, latex: str, display: bool) -> str:
        """A formula waits until the rest is clean."""
        return self._formulas.keep(latex, display)


def markdown(
    source: str,
    *,
    folder: Path | None = None,
    attachments: Any = None,
    budget: Budget | None = None,
) -> str:
    """Markdown as harmless HTML."""
    attached = attachments if isinstance(attachments, Mapping) else {}

    def make(source: str) -> str:
        formulas = Formulas(source)
        renderer = _Renderer(folder, attached, formulas)
        return _clean(MarkdownWithMath(renderer=renderer).render(source), formulas)

    return _bounded(make, source, budget or Budget())


def latex(source: str, budget: Budget | None = None) -> str:
    """An output of LaTeX, which is text with formulas, as harmless HTML."""

    def make(source: str) -> str:
        formulas = Formulas(source)
        return _clean(in_latex(source, formulas.keep), formulas)

    return _bounded(make, source, budget or Budget())


def decoded(value: Any) -> bytes:
    """What Base64 says; empty where it is none."""
    try:
        return base64.b64decode(text(value, 2 * MOST_PICTURE), validate=False)
    except ValueError:
        return b""


def text(value: Any, most: int = _MOST_TEXT) -> str:
    """A text of a notebook, which may be in pieces; what is too long is cut."""
    if isinstance(value, list):
        value = "".join(each for each in value if isinstance(each, str))
    if not isinstance(value, str):
        return ""
    return value if len(value) <= most else f"{value[:most]}…"
