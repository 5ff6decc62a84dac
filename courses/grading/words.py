"""Why a submission ended as it did, as a sentence for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from courses.grades import Reason, State
from courses.grading.figures import Figures
from courses.language import gettext as _
from courses.language import ngettext
from courses.words import size


def sentence(reason: Reason) -> str:
    """The sentence of a reason; empty where nothing needs to be said.

    Every kind of docs/grading-run.md has one. Facts that are missing leave their place empty.
    """
    if not reason.kind:
        return ""
    facts = _Facts(reason.facts)
    say = _SENTENCES.get(reason.kind)
    return say(facts) if say else _("It ended with {kind}.", kind=reason.kind)


def state_word(state: State) -> str:
    """A state, in a word or two."""
    return {
        State.GRADED: _("graded"),
        State.FAILED: _("ended early"),
        State.SUSPECT: _("suspect"),
        State.REFUSED: _("refused"),
        State.RETRY: _("to be tried again"),
    }[state]


def about_tests(found: Iterable[Figures], cell_seconds: float) -> Iterator[str]:
    """A sentence for each test that differed when the same files were run again, or is slow.

    Args:
        cell_seconds: what a cell may take.
    """
    for each in found:
        if each.differed:
            yield ngettext(
                "{test}: {count} submission got other points on it when it was run again. It "
                "depends on chance, time, or what else runs.",
                "{test}: {count} submissions got other points on it when they were run again. It "
                "depends on chance, time, or what else runs.",
                each.differed,
                test=each.name,
            )
        if each.is_slow(cell_seconds):
            yield _(
                "{test}: slow. It took {median} s at the median and {slowest} s at most, and a "
                "cell may take {limit} s.",
                test=each.name,
                median=f"{each.median:.1f}",
                slowest=f"{each.slowest:.1f}",
                limit=f"{cell_seconds:g}",
            )


class _Facts:
    """A reason's facts, as words."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts

    def __getitem__(self, name: str) -> str:
        value = self._facts.get(name)
        return "" if value is None else str(value)

    def seconds(self) -> str:
        value = self._facts.get("seconds")
        return f"{value:g}" if isinstance(value, int | float) else ""

    def bytes(self) -> str:
        value = self._facts.get("bytes")
        return size(int(value)) if isinstance(value, int | float) else ""

    def where(self) -> str:
        """The cell and its notebook, as far as they are known."""
        cell, notebook = self["cell"], self["notebook"]
        if cell and notebook:
            return _("cell {cell} of {notebook}", cell=cell, notebook=notebook)
        return cell or notebook or _("a notebook")


_SENTENCES: dict[str, Callable[[_Facts], str]] = {
    "cell-timeout": lambda facts: _(
        "It took longer than {seconds} s in {where}.", seconds=facts.seconds(), where=facts.where()
    ),
    "timeout": lambda facts: _(
        "{notebook} took longer than {seconds} s.",
        notebook=facts["notebook"],
        seconds=facts.seconds(),
    ),
    "cpu": lambda facts: _(
        "{notebook} used up {seconds} s of computing time.",
        notebook=facts["notebook"],
        seconds=facts.seconds(),
    ),
    "memory": lambda facts: _(
        "It wanted more than {bytes} of memory in {where}.",
        bytes=facts.bytes(),
        where=facts.where(),
    ),
    "died": lambda facts: _("Its Python ended in {where}.", where=facts.where()),
    "output": lambda facts: _(
        "It printed more than {bytes} in {where}.", bytes=facts.bytes(), where=facts.where()
    ),
    "canary": lambda facts: _(
        "A check that must fail did not fail in {where}: something catches errors there.",
        where=facts.where(),
    ),
    "forged": lambda facts: _(
        "There are results in {where} that the test cannot give.", where=facts.where()
    ),
    "notebook": lambda facts: _(
        "{notebook} cannot be read: {says}", notebook=facts["notebook"], says=facts["says"]
    ),
    "size": lambda facts: _(
        "{file} is too large: {bytes}.", file=facts["file"], bytes=facts.bytes()
    ),
    "link": lambda facts: _("{file} is a link, or no regular file.", file=facts["file"]),
    "name": lambda facts: _(
        "{file} is a name that no file of an assignment may have.", file=facts["file"]
    ),
    "missing": lambda _facts: _("There is no notebook of the assignment in it."),
    "lost": lambda _facts: _(
        "The machine that worked on it was lost. It is tried again by the next grading."
    ),
    "sandbox": lambda facts: _(
        "It could not be shut in, so it was not run: {says}", says=facts["says"]
    ),
    "engine": lambda facts: _(
        "Grading it went wrong on our side, and nothing was recorded: {says}", says=facts["says"]
    ),
}
