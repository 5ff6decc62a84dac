"""`check`: what authors' test cells compare values with, also where nobody is believed.

    from lesesal_notebook.check import check

    check(squares(3), equals=[1, 4, 9])
    check(mean, equals=2.5, close=1e-6)
    check(model.weights, shape=(3, 4))

In a session it compares at once and raises AssertionError. In grading, a call at the top level of a
test cell whose expectations are literals is taken out of the code: the kernel only evaluates the
first argument and hands its value over (`hand_over`), and the comparison happens in the grader's
process. What is expected never gets near the student's code, and what an object says of itself
(``__eq__``, ``__repr__``) does not matter.

Values are compared as they were written down (`written`): by type, then by value. Numbers are equal
as numbers, whether int, float or numpy's; True is no number; an array may be compared with nested
lists; an instance of a class of one's own is nothing that is expected here.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

__all__ = ["check"]

MIMETYPE = "application/vnd.lesesal.check"
"""Of the display that hands a value over."""
MOST_ITEMS = 200_000
MOST_CHARACTERS = 1_000_000
MOST_BITS = 10_000
MOST_DEPTH = 30

NUMBERS = ("int", "float", "complex")
NOTHING_GIVEN: Any = object()


@dataclass(frozen=True)
class Expectation:
    """What a value should be.

    Attributes:
        equals: as `written` writes it; None where any value will do.
        close: how far numbers may be off: by ``close * max(1, abs(expected))``.
        shape: of an array or of nested lists; None where any will do.
        says: the author's own sentence for a value that is not as expected.
    """

    equals: Any = None
    close: float | None = None
    shape: tuple[int, ...] | None = None
    says: str = ""

    @classmethod
    def of(
        cls,
        equals: Any = NOTHING_GIVEN,
        *,
        close: float | None = None,
        shape: tuple[int, ...] | int | None = None,
        says: str = "",
    ) -> Expectation:
        """From what `check` is called with; raises TypeError for what is no expectation."""
        if equals is NOTHING_GIVEN and shape is None:
            raise TypeError("check() needs something to compare with: equals=… or shape=…")
        if close is not None and (isinstance(close, bool) or not isinstance(close, int | float)):
            raise TypeError("check(close=…) is a number, such as 1e-6")
        dimensions = (shape,) if isinstance(shape, int) else shape
        if dimensions is not None and not all(isinstance(one, int) for one in dimensions):
            raise TypeError("check(shape=…) is a tuple of numbers, such as (3, 4)")
        expected = None if equals is NOTHING_GIVEN else written(equals)
        return cls(expected, close, None if dimensions is None else tuple(dimensions), str(says))


def check(
    value: Any,
    equals: Any = NOTHING_GIVEN,
    *,
    close: float | None = None,
    shape: tuple[int, ...] | int | None = None,
    says: str = "",
) -> None:
    """Raise AssertionError, with a sentence, unless a value is as expected.

    Args:
        value: what the student's code gave.
        equals: what it should be: numbers, text, bytes, None, lists, tuples, sets, dictionaries of
            such; nested lists for an array.
        close: how far numbers may be off, for values near 0 absolutely, for others relatively.
        shape: what an array's shape should be.
        says: a sentence of your own for a value that is not as expected.
    """
    expectation = Expectation.of(equals, close=close, shape=shape, says=says)
    problem = difference(written(value), expectation)
    if problem:
        expected = "" if equals is NOTHING_GIVEN else f" Expected was {_short(equals)}."
        raise AssertionError(f"{problem}{expected}")


def hand_over(value: Any, nonce: str) -> None:
    """In a kernel that is graded: show a value, written down, to the grader."""
    from IPython.display import publish_display_data

    text = json.dumps({"nonce": nonce, "value": written(value)})
    publish_display_data({MIMETYPE: text}, {})


def written(value: Any) -> list[Any]:
    """A value as ``[type, …]`` of JSON; ``["other", its type]`` for what is not compared."""
    budget = [MOST_ITEMS, MOST_CHARACTERS]
    try:
        return _write(value, budget, 0)
    except _TooLargeError:
        return ["large", _name(value)]


class _TooLargeError(Exception):
    pass


def _write(value: Any, budget: list[int], depth: int) -> list[Any]:
    budget[0] -= 1
    if budget[0] < 0 or depth > MOST_DEPTH:
        raise _TooLargeError
    kind = type(value)
    # Exact types only: a class of the student's may call itself int, and be equal to everything.
    if value is None:
        return ["none"]
    if kind is bool or kind is float:
        return [kind.__name__, value]
    if kind is int:
        return ["int", value] if value.bit_length() <= MOST_BITS else ["large", "int"]
    if kind is complex:
        return ["complex", value.real, value.imag]
    if kind is str or kind is bytes:
        budget[1] -= len(value)
        if budget[1] < 0:
            raise _TooLargeError
        return [kind.__name__, value if kind is str else value.hex()]
    if kind is list or kind is tuple:
        return [kind.__name__, [_write(one, budget, depth + 1) for one in value]]
    if kind is set or kind is frozenset:
        return ["set", [_write(one, budget, depth + 1) for one in value]]
    if kind is dict:
        pairs = value.items()
        return ["dict", [[_write(one, budget, depth + 1) for one in pair] for pair in pairs]]
    return _array(value, budget, depth)


def _array(value: Any, budget: list[int], depth: int) -> list[Any]:
    """numpy's arrays and scalars, and what turns into an array: tensors, series, frames."""
    kind = type(value)
    home = kind.__module__.partition(".")[0] if isinstance(kind.__module__, str) else ""
    if home == "torch" and kind.__name__ == "Tensor":
        value = value.detach().cpu().numpy()
    elif home == "pandas" and kind.__name__ in ("Series", "DataFrame", "Index"):
        value = value.to_numpy()
    elif home != "numpy":
        return ["other", _name(value)]
    shape = [int(size) for size in value.shape] if hasattr(value, "shape") else []
    if not hasattr(value, "dtype") or type(value).__module__ != "numpy":
        return ["other", _name(value)]
    if not shape:
        return _write(value.item(), budget, depth + 1)
    if math.prod(shape) > budget[0]:
        raise _TooLargeError
    items = [_write(one, budget, depth + 1) for one in value.ravel().tolist()]
    return ["array", str(value.dtype), shape, items]


def difference(found: Any, expectation: Expectation) -> str:
    """A sentence on how a value, as written, is not as expected; empty where it is.

    It does not tell what is expected. Raises ValueError for what `written` never writes.
    """
    try:
        shape = expectation.shape
        if shape is not None and _shape(found) != list(shape):
            problem = "The shape of the value is not as expected."
        elif expectation.equals is None or _same(found, expectation.equals, expectation.close, 0):
            return ""
        else:
            problem = _told(found)
    except (TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"This was never written down by a check: {error}") from error
    return expectation.says or problem


def _told(found: list[Any]) -> str:
    kind = found[0]
    if kind == "large":
        return "The value is too large to be compared."
    if kind == "other":
        return f"The value is of the type {str(found[1])[:60]}, which is not as expected."
    shown = "None" if kind == "none" else _short(found[1]) if len(found) == 2 else ""
    if kind in (*NUMBERS, "bool", "str", "none") and shown:
        return f"The value is {shown}, which is not as expected."
    return f"The value, of the type {str(kind)[:60]}, is not as expected."


def _same(found: Any, expected: Any, close: float | None, depth: int) -> bool:
    if depth > MOST_DEPTH + 2:
        return False
    kind, wanted = found[0], expected[0]
    if wanted in NUMBERS:
        return kind in NUMBERS and _near(_number(found), _number(expected), close)
    if kind == "array" or wanted == "array":
        return _same_arrays(found, expected, close)
    if kind != wanted:
        return False
    if wanted == "none":
        return True
    if wanted in ("bool", "str", "bytes"):
        return type(found[1]) is type(expected[1]) and bool(found[1] == expected[1])
    if wanted in ("other", "large") or len(found[1]) != len(expected[1]):
        return False
    if wanted in ("list", "tuple"):
        pairs = zip(found[1], expected[1], strict=True)
        return all(_same(one, other, close, depth + 1) for one, other in pairs)
    return _same_unordered(found[1], expected[1], close, depth, pairs=wanted == "dict")


def _same_unordered(
    found: list[Any], expected: list[Any], close: float | None, depth: int, *, pairs: bool
) -> bool:
    """Sets, and dictionaries as lists of pairs, whose keys are compared exactly."""
    if pairs:
        values = {_key(key): value for key, value in found}
        return len(values) == len(expected) and all(
            _key(key) in values and _same(values[_key(key)], value, close, depth + 1)
            for key, value in expected
        )
    if close is None:
        return {_key(one) for one in found} == {_key(one) for one in expected}
    left = list(found)
    for one in expected:
        match = next((at for at, other in enumerate(left) if _same(other, one, close, depth)), -1)
        if match < 0:
            return False
        del left[match]
    return True


def _same_arrays(found: Any, expected: Any, close: float | None) -> bool:
    """An array and an array or nested lists: the shape, then number by number."""
    if found[0] not in ("array", "list") or expected[0] not in ("array", "list"):
        return False
    if _shape(found) != _shape(expected):
        return False
    pairs = zip(_flat(found), _flat(expected), strict=True)
    return all(_same(one, other, close, MOST_DEPTH) for one, other in pairs)


def _shape(value: list[Any]) -> list[int]:
    """Of an array, or of lists as regular as one."""
    if value[0] == "array":
        return list(value[2])
    if value[0] not in ("list", "tuple"):
        return []
    inner = [_shape(one) for one in value[1]]
    regular = inner and all(one == inner[0] for one in inner)
    return [len(inner), *(inner[0] if regular else [])]


def _flat(value: list[Any]) -> list[Any]:
    if value[0] == "array":
        return list(value[3])
    if value[0] in ("list", "tuple"):
        return [item for one in value[1] for item in _flat(one)]
    return [value]


def _number(value: list[Any]) -> int | float | complex:
    numbers = value[1:]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        raise TypeError("not a number")
    return complex(*numbers) if value[0] == "complex" else numbers[0]


def _near(found: complex, expected: complex, close: float | None) -> bool:
    # Not a number is the one that does not equal itself.
    if found == expected or (found != found and expected != expected):
        return True
    if close is None:
        return False
    try:
        return abs(found - expected) <= close * max(1.0, abs(expected))
    except OverflowError:
        return False


def _key(value: Any) -> str:
    """The same text for what is equal."""
    if value[0] in NUMBERS:
        number = complex(_number(value)) if value[0] == "complex" else _number(value)
        if isinstance(number, complex) and not number.imag:
            number = number.real
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        return f"number {number!r}"
    if isinstance(value[-1], list) and value[0] != "array":
        keys = [_key(one) for one in value[1]] if value[0] != "dict" else [json.dumps(value[1])]
        return f"{value[0]} {sorted(keys) if value[0] == 'set' else keys}"
    return json.dumps(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _name(value: Any) -> str:
    try:
        return str.__str__(type(value).__name__)[:60]
    except Exception:
        # A metaclass may do what it likes.
        return "?"
