"""The catalogues of the translations: whole, and what the sources say."""

from __future__ import annotations

import string

import messages
import pytest
from babel.messages.catalog import Message

from courses import language

pytestmark = [
    pytest.mark.parametrize("code", messages.TRANSLATED),
    pytest.mark.parametrize("package", messages.PACKAGES.values(), ids=list(messages.PACKAGES)),
]


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def texts(package: messages.Texts, code: str) -> list[Message]:
    """What is translated."""
    return [
        each for each in package.catalogue(code) if each.id and messages.translated(each.string)
    ]


def test_the_catalogues_are_as_make_messages_writes_them(
    package: messages.Texts, code: str
) -> None:
    now = package.path(code).read_text("utf-8")
    assert package.written(code, package.updated(code, package.extracted())) == now


def test_everything_is_translated(package: messages.Texts, code: str) -> None:
    found = [each for each in package.catalogue(code) if each.id]
    missing = [each.id for each in found if each.fuzzy or not messages.translated(each.string)]
    assert missing == [], "run `make messages`, and translate these"


def test_what_is_filled_in_stays(package: messages.Texts, code: str) -> None:
    for each in texts(package, code):
        wanted = fields(forms(each.id)[-1])
        for text in forms(each.string):
            # One form may say the number in a word.
            assert fields(text) in (wanted, wanted - {"count"} if each.pluralizable else wanted), (
                each.id
            )


def test_a_sentence_ends_as_one(package: messages.Texts, code: str) -> None:
    for each in texts(package, code):
        for source, text in zip(forms(each.id), forms(each.string), strict=True):
            # Its white space around it is the same, and the mark that ends it.
            assert source.replace(source.strip(), "") == text.replace(text.strip(), "")
            for mark in ".:?":
                assert text.rstrip().endswith(mark) == source.rstrip().endswith(mark), source


def test_plural_forms(package: messages.Texts, code: str) -> None:
    assert package.catalogue(code).num_plurals == 2
    with language.use(code):
        assert [language.ngettext("in {count} day", "in {count} days", n) for n in (1, 2)] == [
            "om 1 dag",
            {"nb": "om 2 dager", "nn": "om 2 dagar"}[code],
        ]
