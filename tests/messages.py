"""``make messages``: what people read, from the sources into the catalogues of the translations.

Texts that are new come without a translation, texts that are gone go; nothing is guessed.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from courses.language import DEFAULT, LANGUAGES

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "courses"
TRANSLATED = tuple(code for code in LANGUAGES if code != DEFAULT)
_METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "plural": (1, 2)}


def extracted() -> Catalog:
    """All texts of the sources, by the files that have them."""
    found = Catalog()
    for name, _line, text, _comments, _context in extract_from_dir(
        SOURCES, _METHODS, keywords=_KEYWORDS, comment_tags=("For translators:",)
    ):
        found.add(text, locations=[(f"courses/{name}", None)])
    return found


def path(language: str) -> Path:
    """A language's catalogue."""
    return SOURCES / "locale" / language / "LC_MESSAGES" / "messages.po"


def catalogue(language: str) -> Catalog:
    """A language's catalogue, read."""
    with path(language).open("rb") as file:
        return read_po(file, locale=language)


def written(language: str, found: Catalog) -> str:
    """A catalogue as it is in the repository: with the head that it has there, written by hand."""
    head, _, _ = path(language).read_text("utf-8").partition("\n\n")
    out = io.BytesIO()
    write_po(out, found, width=100, omit_header=True, sort_by_file=True, ignore_obsolete=True)
    return f"{head}\n\n{out.getvalue().decode().strip()}\n"


def updated(language: str, texts: Catalog) -> Catalog:
    """The catalogue with exactly these texts, translated as before."""
    found = catalogue(language)
    found.update(texts, no_fuzzy_matching=True)
    return found


def main() -> None:
    texts = extracted()
    for language in TRANSLATED:
        found = updated(language, texts)
        path(language).write_text(written(language, found), "utf-8")
        missing = sum(1 for each in found if each.id and not translated(each.string))
        print(f"{path(language).relative_to(ROOT)}: {len(found)} texts, {missing} to translate")


def translated(string: str | tuple[str, ...] | list[str] | None) -> bool:
    """Whether all forms of a translation are there."""
    return bool(string) if isinstance(string, str) else bool(string) and all(string or ())


if __name__ == "__main__":
    main()
