"""`progress.show()`: loops as their files have them, in any notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from ... import language
from ...language import gettext as _
from .files import kept
from .picture import picture
from .seen import Seen, line, moment

OTHERS = 5


@dataclass(frozen=True)
class Shown:
    """A loop; in a notebook it is drawn, and goes on being drawn while it runs.

    Attributes:
        seen: as it stood; None when there is none.
        others: the next newest.
    """

    seen: Seen | None
    others: tuple[Seen, ...] = ()

    def __str__(self) -> str:
        if self.seen is None:
            return _("There is no loop to show.", language.latest())
        return "\n".join([line(self.seen), *map(_named, self.others)])

    __repr__ = __str__

    def _repr_mimebundle_(self, **_more: Any) -> dict[str, str]:
        if self.seen is None:
            return {"text/plain": str(self)}
        names = "".join(f"<li>{escape(_named(each))}</li>" for each in self.others)
        before = escape(_("Before", language.latest()))
        listed = f"<div>{before}:<ul>{names}</ul></div>" if names else ""
        return {"text/html": picture(self.seen) + listed, "text/plain": str(self)}


def shown(name: str | None) -> Shown:
    """The newest loop of this name, or of all, and those before it."""
    found = [seen for seen in kept() if name is None or seen.loops[0].name == name]
    return Shown(found[0], tuple(found[1 : 1 + OTHERS])) if found else Shown(None)


def _named(seen: Seen) -> str:
    return f"{moment(seen.started)} {line(seen)}"
