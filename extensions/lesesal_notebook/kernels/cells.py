"""Where IPython and ipykernel do the same work again for each cell: once, with the same outcome.

Set in the process of a lean kernel only; a stock kernel of the same server is left as it is.
"""

# IPython and ipykernel are annotated in part.
# mypy: disable-error-code="no-untyped-call, no-untyped-def"

from __future__ import annotations

import ast
import inspect
import struct
import warnings
from collections.abc import Callable
from typing import Any

from ipykernel import compiler, ipkernel
from IPython.core import interactiveshell
from IPython.core.inputtransformer2 import TransformerManager

_STOCK = TransformerManager()
_WORD, _M = 0xFFFFFFFF, 0x5BD1E995
_should_be_async = vars(interactiveshell)["_should_be_async"]
_accepts_parameters = vars(ipkernel)["_accepts_parameters"]


class Reader(TransformerManager):
    """Reads a cell as IPython does, but once, and without splitting plain Python into tokens.

    What the tokens are looked through for, magics, ``!command`` and ``help?``, is no Python: in
    what Python compiles, there is none. Students' own transformers are called as often as ever,
    and what Python warns of while it compiles is said as often.
    """

    def __init__(self) -> None:
        super().__init__()
        self._plain = False
        self._last = ("", "")
        self._asked = ""
        self._awaits = self._warned = False

    def transform_cell(self, cell: str) -> str:
        if not (
            self.cleanup_transforms == _STOCK.cleanup_transforms
            and self.line_transforms == _STOCK.line_transforms
            and self.token_transformers == _STOCK.token_transformers
        ):
            return super().transform_cell(cell)
        before, read = self._last
        if before != cell or not cell:
            read = super().transform_cell(cell)
            self._last = (cell, read) if self._plain else ("", "")
        return read

    def do_token_transforms(self, lines: list[str]) -> list[str]:
        cell = "".join(lines)
        # Else Python counts other lines than IPython does.
        as_python = cell.count("\n") == len(lines) and "\r" not in cell
        self._plain = as_python and self._compiles(cell)
        return lines if self._plain else super().do_token_transforms(lines)

    def _compiles(self, cell: str) -> bool:
        """Also finds out whether it awaits something, which is the next question."""
        shown: list[Any] = []
        show = warnings._showwarnmsg  # type: ignore[attr-defined]

        def told(message: Any) -> None:
            shown.append(message)
            show(message)

        self._asked = ""
        warnings._showwarnmsg = told  # type: ignore[attr-defined]
        try:
            code = compile(cell, "<>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except Exception:
            return False
        finally:
            warnings._showwarnmsg = show  # type: ignore[attr-defined]
        self._asked, self._awaits = cell, bool(code.co_flags & inspect.CO_COROUTINE)
        self._warned = bool(shown)
        return True

    def should_be_async(self, cell: str) -> bool:
        """Of `IPython.core.async_helpers`."""
        if cell != self._asked or not cell:
            return bool(_should_be_async(cell))
        if self._warned:
            # IPython asks twice, and Python is to warn again.
            self._asked = ""
        return self._awaits


def file_number(code: str, seed: int) -> int:
    """Of `ipykernel.compiler`: MurmurHash2, the name of a cell's file. By words, not bytes."""
    data = code.encode()
    odd = len(data) & 3
    number = seed ^ len(data)
    for (word,) in struct.iter_unpack("<I", data[: len(data) - odd]):
        word = word * _M & _WORD
        number = number * _M & _WORD ^ (word ^ word >> 24) * _M & _WORD
    if odd:
        number = (number ^ int.from_bytes(data[-odd:], "little")) * _M & _WORD
    number = (number ^ number >> 13) * _M & _WORD
    return number ^ number >> 15


def remember_parameters() -> Callable[[Callable[..., Any], list[str]], dict[str, Any]]:
    """Of `ipykernel.ipkernel`: which parameters a method has."""
    known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def accepts(method: Callable[..., Any], names: list[str]) -> dict[str, Any]:
        key = getattr(method, "__func__", method), *names
        if key not in known:
            known[key] = _accepts_parameters(method, names)
        return known[key]

    return accepts


def lighten(shell: interactiveshell.InteractiveShell) -> None:
    """In the process of a lean kernel."""
    reader = Reader()
    shell.input_transformer_manager = reader
    vars(interactiveshell)["_should_be_async"] = reader.should_be_async
    vars(compiler)["murmur2_x86"] = file_number
    vars(ipkernel)["_accepts_parameters"] = remember_parameters()
