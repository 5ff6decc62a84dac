"""What a person types into the form of a batch job."""

from __future__ import annotations

from typing import Any

import pytest

from lesesal_notebook.batch.tagged import Parameter
from lesesal_notebook.batch.typed import Typed, read

KNOWN = [
    Parameter("lr", "float", "0.1"),
    Parameter("epochs", "int", "3"),
    Parameter("flag", "bool", "True"),
    Parameter("name", "str", '"adam"'),
    Parameter("layers", "list", "[1, 2]"),
    Parameter("shape", "", "(2, 3)"),
    Parameter("when", "", "datetime.now()"),
]


def test_what_is_left_as_it_was_stays_as_it_is_in_the_notebook() -> None:
    assert read(KNOWN, {each.name: f" {each.default} " for each in KNOWN}) == Typed()
    assert read(KNOWN, {"another": "1"}) == Typed()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("lr", "1", 1.0),
        ("lr", "1e-3", 0.001),
        ("lr", "0.5,", 0.5),
        ("epochs", "5", 5),
        ("flag", "false", False),
        ("name", "sgd", "sgd"),
        ("name", "'sgd'", "sgd"),
        ("name", "one, two", "one, two"),
        ("name", "1, 2", "1, 2"),
        ("name", "", ""),
        ("layers", "[3, 4, 5]", [3, 4, 5]),
        ("shape", "(4, 5)", (4, 5)),
        ("when", "later", "later"),
    ],
)
def test_one_value(name: str, text: str, value: Any) -> None:
    found = read(KNOWN, {name: text})
    assert found == Typed({name: value})
    assert type(found.parameters[name]) is type(value)
    assert (found.tasks, found.sentence) == (1, "")


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("lr", "1, 0.1 ,.01", [1.0, 0.1, 0.01]),
        ("epochs", "1,2", [1, 2]),
        ("flag", "True, false", [True, False]),
        ("name", "'a', \"b, c\"", ["a", "b, c"]),
        ("layers", "[1], [2, 3]", [[1], [2, 3]]),
        ("shape", "(1, 2), (3, 4)", [(1, 2), (3, 4)]),
    ],
)
def test_several_make_a_sweep(name: str, text: str, values: list[Any]) -> None:
    assert read(KNOWN, {name: text}) == Typed({}, {name: values})


def test_each_combination_is_a_task() -> None:
    found = read(KNOWN, {"lr": "0.1, 0.01", "epochs": "1, 2, 3", "name": "sgd"})
    assert found.grid == {"lr": [0.1, 0.01], "epochs": [1, 2, 3]}
    assert found.parameters == {"name": "sgd"}
    assert found.tasks == 6
    many = ",".join(map(str, range(1001)))
    assert read(KNOWN, {"epochs": many}).sentence == (
        "These are 1001 tasks; at most 1000 can be run."
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lr", "fast"),
        ("lr", "0.1; 0.2"),
        ("lr", "0.1, fast"),
        ("epochs", "1.5"),
        ("epochs", "1, x"),
        ("epochs", "__import__('os')"),
        ("epochs", "(" * 5000),
        ("flag", "yes"),
        ("layers", "3"),
    ],
)
def test_what_can_not_be_read_is_said_of_its_field(name: str, text: str) -> None:
    found = read(KNOWN, {name: text, "when": "now"})
    assert found.parameters == {"when": "now"}
    assert list(found.wrong) == [name]
    assert found.wrong[name].startswith(f"The parameter {name} ")


def test_an_empty_field_is_said_to_be() -> None:
    found = read(KNOWN, {"lr": " "})
    assert found.wrong == {"lr": "lr is empty; in the notebook it is 0.1."}
