"""Join codes and guests: the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from courses import joining, names
from courses.course import Role
from courses.errors import BadName
from courses.joining import CodeState, CodeWish, JoinCode

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_codes_are_long_and_unlike() -> None:
    codes = {joining.new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert {len(code) for code in codes} == {12}
    assert not set("".join(codes)) & set("il1o058")
    assert all(joining.tidy_code(joining.spaced(code).upper()) == code for code in codes)


@pytest.mark.parametrize("text", ["", "abc", "a" * 13, "abcdefghijkl", "../../../../", "a" * 9999])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(BadName):
        joining.tidy_code(text)


@pytest.mark.parametrize(
    ("used", "minutes", "closed", "state"),
    [
        (1, 1, False, CodeState.OPEN),
        (2, 1, False, CodeState.FULL),
        (1, 0, False, CodeState.OVER),
        (1, 1, True, CodeState.CLOSED),
    ],
)
def test_the_state_of_a_code(used: int, minutes: int, closed: bool, state: CodeState) -> None:
    wish = CodeWish(Role.STUDENT, NOW + timedelta(minutes=minutes), seats=2)
    code = JoinCode(1, "optics", "x", wish, used, NOW if closed else None)
    assert code.state(NOW) is state


@pytest.mark.parametrize(
    ("shown", "stem"),
    [
        ("Åse Øyen-Ærlig", "guest-ase-oyen-aerlig"),
        (" Zoë ", "guest-zoe"),
        ("学生", "guest-somebody"),
        ("../../etc/passwd", "guest-etc-passwd"),
        ("<b>x</b>'; --", "guest-b-x-b"),
        ("a" * 60, "guest-" + "a" * 20),
    ],
)
def test_the_names_of_guests(shown: str, stem: str) -> None:
    assert joining.guest_stem(shown) == stem
    assert joining.is_guest(names.user(stem))


@pytest.mark.parametrize("shown", ["", "  ", "a\nb", "a\0b", "a" * 61, "\u202eabc"])
def test_no_name(shown: str) -> None:
    with pytest.raises(BadName):
        joining.guest_stem(shown)


def test_passphrases() -> None:
    passphrase = joining.new_passphrase()
    assert passphrase != joining.new_passphrase()
    assert [len(part) for part in passphrase.split("-")] == [4] * 4
    kept = joining.hash_passphrase(passphrase)
    assert passphrase not in kept
    assert kept != joining.hash_passphrase(passphrase)
    for right in (passphrase, passphrase.upper().replace("-", " "), f" {passphrase} "):
        assert joining.is_passphrase(right, kept)
    for wrong in ("", passphrase[:-1], joining.new_passphrase(), "x" * 10_000):
        assert not joining.is_passphrase(wrong, kept)
