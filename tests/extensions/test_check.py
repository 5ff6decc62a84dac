"""`check`: what equals what, and that nobody's word is taken for it."""

from __future__ import annotations

import collections
import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesesal_notebook.check import Expectation, check, difference, written


class Equal:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "14"


class Liar(int):
    def __repr__(self) -> str:
        return "14"

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


Liar.__name__ = Liar.__qualname__ = "int"


@pytest.mark.parametrize(
    ("value", "equals"),
    [
        (14, 14),
        (14.0, 14),
        (np.int64(14), 14),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (2 + 0j, 2),
        ("abc", "abc"),
        (b"\x00", b"\x00"),
        (None, None),
        ([1, [2.0, "x"]], [1, [2, "x"]]),
        ((1, 2), (1, 2)),
        ({1, 2, 3.0}, {3, 2, 1}),
        ({"a": [1], 2: None}, {2.0: None, "a": [1]}),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([]), []),
        ([float("nan")], [float("nan")]),
        (10**40, 10**40),
        ({frozenset({1})}, {frozenset({1.0})}),
        ({(1, "a")}, {(1.0, "a")}),
    ],
)
def test_equal(value: Any, equals: Any) -> None:
    check(value, equals=equals)


@pytest.mark.parametrize(
    ("value", "equals"),
    [
        (3, 14),
        (True, 1),
        (1, True),
        (np.bool_(True), 1),
        (Equal(), 14),
        (Liar(3), 14),
        (Liar(14), 14),
        ([Equal()], [14]),
        ({"a": Equal()}, {"a": 14}),
        ({1, 2}, {1, 3}),
        ({1: 2}, {1: 3}),
        ({1: 2}, {2: 2}),
        ([1, 2], (1, 2)),
        ((1, 2), [1, 2]),
        ([1, 2], [1, 2, 3]),
        (np.array([1, 2]), [[1, 2]]),
        (np.array([1, 2]), [1, 3]),
        (np.array([1, 2]), (1, 2)),
        ("1", 1),
        ("a", b"a"),
        (None, False),
        (0.1 + 0.2, 0.3),
        (collections.Counter("a"), {"a": 1}),
        (lambda: 14, 14),
        (10**4000, 1),
        (list(range(300_000)), [1]),
    ],
)
def test_not_equal(value: Any, equals: Any) -> None:
    with pytest.raises(AssertionError, match="Expected was"):
        check(value, equals=equals)


def test_close() -> None:
    check(0.1 + 0.2, equals=0.3, close=1e-9)
    check([1000.5], equals=[1000], close=1e-3)
    check({1.0000001}, equals={1}, close=1e-6)
    check(np.array([[1.0, 2.0]]), equals=[[1.0000001, 2]], close=1e-6)
    for value in (0.31, float("nan"), float("inf"), "0.3"):
        with pytest.raises(AssertionError):
            check(value, equals=0.3, close=1e-3)


def test_shape() -> None:
    check(np.zeros((3, 4)), shape=(3, 4))
    check([[1, 2], [3, 4]], shape=(2, 2))
    check(np.zeros(3), equals=[0, 0, 0], shape=3)
    with pytest.raises(AssertionError, match="shape"):
        check(np.zeros((4, 3)), shape=(3, 4))


def test_without_an_expectation() -> None:
    with pytest.raises(TypeError, match="equals"):
        check(3)
    with pytest.raises(TypeError, match="close"):
        check(3, equals=3, close="much")  # type: ignore[arg-type]


def test_the_authors_own_sentence() -> None:
    with pytest.raises(AssertionError, match="Sum the squares"):
        check(3, equals=14, says="Sum the squares.")


def test_what_is_expected_is_not_told() -> None:
    assert "4711" not in difference(written(3), Expectation.of(4711))


@pytest.mark.parametrize(
    "found", [None, 3, [], ["int"], ["int", "14"], ["int", True], ["list", 3], ["dict", [[1]]], {}]
)
def test_what_was_never_written_is_not_equal(found: Any) -> None:
    for equals in (14, [14], {"a": 14}, {14}):
        with contextlib.suppress(ValueError):
            assert difference(found, Expectation.of(equals))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_everything_equals_itself(value: Any) -> None:
    check(value, equals=value)


@given(VALUES, VALUES)
def test_different_text_is_different(one: Any, other: Any) -> None:
    """What is equal to Python is equal here, and the other way round but for numbers' types."""
    same = not difference(written(one), Expectation.of(other))
    if same and not _has(one, float) and not _has(other, float):
        assert one == other


def _has(value: Any, kind: type) -> bool:
    return kind.__name__ in repr(written(value))
