"""Join codes, and the guests that they let in: values and rules."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from courses.course import Role
from courses.errors import BadName
from courses.language import gettext as _

MOST_SEATS = 1000
# What a code can make somebody. An instructor is enrolled by hand: links are seen by many.
CODE_ROLES = (Role.STUDENT, Role.ASSISTANT)
GUEST_PREFIX = "guest-"

# Without letters and digits that are read as others: 29 of them, 12 times, are 58 bits.
_LETTERS = "abcdefghjkmnpqrstuvwxyz234679"
_CODE_LENGTH = 12
_CODE = re.compile(rf"[{_LETTERS}]{{{_CODE_LENGTH}}}")
# Said aloud and typed on a phone: four groups of two syllables, 2 ** 49 of them. Guesses at one
# name are counted (courses.hub.guests).
_CONSONANTS = "bdfgjklmnprstv"
_VOWELS = "aeiou"
# N, r, p of RFC 7914: 16 MB and some 50 ms for each guess.
_COST = (2**14, 8, 1)
_PLAIN = str.maketrans({"æ": "ae", "ø": "o", "å": "a", "ß": "ss", "þ": "th", "ð": "d", "ł": "l"})


class CodeState(StrEnum):
    """What a join code is; the value is a word for programs."""

    OPEN = "open"
    FULL = "full"
    OVER = "over"
    CLOSED = "closed"


@dataclass(frozen=True)
class CodeWish:
    """What a join code is to be.

    Attributes:
        role: one of `CODE_ROLES`.
        until: when it stops taking people in.
        seats: how many it takes in.
        guests_until: makes accounts for those who have none, which end then; None: makes none.
    """

    role: Role
    until: datetime
    seats: int
    guests_until: datetime | None = None


@dataclass(frozen=True)
class JoinCode:
    """A join code as it stands.

    Attributes:
        id: stays when the code is changed for another.
        code: the last part of the link.
        used: seats that are taken.
        closed: when an instructor closed it.
    """

    id: int
    course: str
    code: str
    wish: CodeWish
    used: int
    closed: datetime | None

    def state(self, at: datetime) -> CodeState:
        """Whether it takes somebody in at a moment."""
        if self.closed:
            return CodeState.CLOSED
        if at >= self.wish.until:
            return CodeState.OVER
        return CodeState.FULL if self.used >= self.wish.seats else CodeState.OPEN


@dataclass(frozen=True)
class Guest:
    """Somebody whose account a join code made.

    Attributes:
        name: the hub's name of the guest.
        shown: what the guest typed.
        course: where the guest came in.
        ends: when the account stops.
        left: whether the hub has forgotten the guest.
    """

    name: str
    shown: str
    course: str
    ends: datetime
    left: bool = False


def new_code() -> str:
    """A code that nobody guesses."""
    return "".join(secrets.choice(_LETTERS) for _place in range(_CODE_LENGTH))


def tidy_code(text: str) -> str:
    """A code as people type it, ``ABCD-efgh jkmn``, as it is kept; raises `BadName`."""
    code = re.sub(r"[\s-]", "", text.lower()) if len(text) <= 40 else ""
    if not _CODE.fullmatch(code):
        raise BadName(_("This is not a join code. Look at the link again; it may have been cut."))
    return code


def spaced(code: str) -> str:
    """A code as people read it: ``abcd-efgh-jkmn``."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def guest_stem(shown: str) -> str:
    """The hub's name that a guest's typed name begins with: ``Åse Øy`` -> ``guest-ase-oy``.

    No one else is called so: names that begin with `GUEST_PREFIX` are the guests' alone
    (courses.hub.guests). Raises `BadName`.
    """
    shown = shown.strip()
    printable = all(unicodedata.category(char)[0] != "C" for char in shown)
    if not 1 <= len(shown) <= 60 or not printable:
        raise BadName(_("Type a name of 1 to 60 letters."))
    plain = unicodedata.normalize("NFKD", shown.lower().translate(_PLAIN))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:20].strip("-")
    return GUEST_PREFIX + (stem or "somebody")


def is_guest(user: str) -> bool:
    """Whether the hub's name is one of those kept for guests."""
    return user.lower().startswith(GUEST_PREFIX)


def new_passphrase() -> str:
    """What a guest logs in with: ``kafo-misu-tela-bivu``."""
    return "-".join(_syllable() + _syllable() for _group in range(4))


def hash_passphrase(passphrase: str) -> str:
    """What is kept of it: scrypt with its cost and salt. Takes some 50 ms."""
    salt = secrets.token_bytes(16)
    n, r, p = _COST
    return f"scrypt:{n}:{r}:{p}:{salt.hex()}:{_scrypt(passphrase, salt, n, r, p).hex()}"


def is_passphrase(given: str, kept: str) -> bool:
    """Whether it is the one whose hash is kept. Hyphens, spaces and capitals do not matter."""
    _kind, n, r, p, salt, digest = kept.split(":")
    found = _scrypt(given, bytes.fromhex(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, bytes.fromhex(digest))


def _syllable() -> str:
    return secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS)


def _scrypt(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    plain = re.sub(r"[\s-]", "", passphrase.lower())[:100].encode()
    return hashlib.scrypt(plain, salt=salt, n=n, r=r, p=p, dklen=32)
