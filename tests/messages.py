"""``make messages``: what people read, from the sources into the catalogues of the translations.

Each package has its own. Texts that are new come without a translation, texts that are gone go;
nothing is guessed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from courses.language import DEFAULT, LANGUAGES

ROOT = Path(__file__).parents[1]
TRANSLATED = tuple(code for code in LANGUAGES if code != DEFAULT)
_METHODS = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**/pages/**.html", "jinja2"),
    ("**.js", "javascript"),
]
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "plural": (1, 2)}


@dataclass(frozen=True)
class Texts:
    """The texts of a package: the folders that have them, and the one of its catalogues."""

    folders: tuple[str, ...]
    locale: str

    def extracted(self) -> Catalog:
        """All texts of the sources, by the files that have them."""
        found = Catalog()
        for folder in self.folders:
            for name, _line, text, _comments, _context in extract_from_dir(
                ROOT / folder, _METHODS, keywords=_KEYWORDS, comment_tags=("For translators:",)
            ):
                found.add(text, locations=[(f"{folder}/{name}", None)])
        return found

    def path(self, language: str) -> Path:
        """A language's catalogue."""
        return ROOT / self.locale / language / "LC_MESSAGES" / "messages.po"

    def catalogue(self, language: str) -> Catalog:
        """A language's catalogue, read."""
        with self.path(language).open("rb") as file:
            return read_po(file, locale=language)

    def written(self, language: str, found: Catalog) -> str:
        """A catalogue as it is in the repository: with the head that it has, written by hand."""
        head, _, _ = self.path(language).read_text("utf-8").partition("\n\n")
        out = io.BytesIO()
        write_po(out, found, width=100, omit_header=True, sort_by_file=True, ignore_obsolete=True)
        return f"{head}\n\n{out.getvalue().decode().strip()}\n"

    def updated(self, language: str, texts: Catalog) -> Catalog:
        """The catalogue with exactly these texts, translated as before."""
        found = self.catalogue(language)
        found.update(texts, no_fuzzy_matching=True)
        return found


PACKAGES: Mapping[str, Texts] = {
    "courses": Texts(("courses",), "courses/locale"),
    "spawners": Texts(("spawners",), "spawners/locale"),
    "lesesal_notebook": Texts(
        ("extensions/lesesal_notebook", "extensions/share"), "extensions/lesesal_notebook/locale"
    ),
}


def main() -> None:
    for package in PACKAGES.values():
        texts = package.extracted()
        for language in TRANSLATED:
            found = package.updated(language, texts)
            path = package.path(language)
            path.write_text(package.written(language, found), "utf-8")
            missing = sum(1 for each in found if each.id and not translated(each.string))
            print(f"{path.relative_to(ROOT)}: {len(found)} texts, {missing} to translate")


def translated(string: str | tuple[str, ...] | list[str] | None) -> bool:
    """Whether all forms of a translation are there."""
    return bool(string) if isinstance(string, str) else bool(string) and all(string or ())


if __name__ == "__main__":
    main()
