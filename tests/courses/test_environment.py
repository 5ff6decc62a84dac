"""Requirements files: what is taken, what is refused and how that is said, what contradicts."""

from __future__ import annotations

import pytest

from courses.environment import Pin, contradictions, is_version, read_pins, version_of

HASH = "--hash=sha256:" + "0a" * 32
PINS = f"""# compiled
NumPy==2.3.1 \\
    {HASH} \\
    --hash=sha512:{"1b" * 64}
    # via -r requirements.in
tomli==2.2.1 ; python_full_version < '3.11' {HASH}
torch==2.9.0+cpu {HASH}  # a local version
"""


def test_pins() -> None:
    assert read_pins("requirements.txt", PINS) == (
        [
            Pin(2, "numpy", "NumPy==2.3.1", ""),
            Pin(6, "tomli", "tomli==2.2.1", 'python_full_version < "3.11"'),
            Pin(7, "torch", "torch==2.9.0+cpu", ""),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "numpy==2.3.1",
            "line 2: numpy has no hash. Compile it with: uv pip compile --universal "
            "--generate-hashes requirements.in -o requirements.txt",
        ),
        (
            f"numpy==2.3.1 {HASH[:-1]}",
            "line 2: 'numpy==2.3.1' cannot be read. Write it as name==version, with its hashes.",
        ),
        (
            f"numpy==2.3.1 --hash=md5:{'0a' * 16}",
            "line 2: 'numpy==2.3.1' cannot be read. Write it as name==version, with its hashes.",
        ),
        (
            f"numpy>=2 {HASH}",
            "line 2: numpy has no exact version. Write it as name==version.",
        ),
        (
            f"numpy==2.* {HASH}",
            "line 2: numpy has no exact version. Write it as name==version.",
        ),
        (
            f"numpy @ https://example.org/numpy.whl {HASH}",
            "line 2: numpy has no exact version. Write it as name==version.",
        ),
        *(
            (
                line,
                f"line 2: {line.partition(' ')[0].partition('=')[0]} is an option. The file may "
                "have packages and their hashes only; where they come from is the operator's to "
                "say.",
            )
            for line in ("-r other.txt", "--index-url=https://example.org", "-e .", "--pre")
        ),
        (
            f"./local {HASH}",
            "line 2: './local' cannot be read. Write it as name==version, with its hashes.",
        ),
    ],
)
def test_what_is_refused(line: str, problem: str) -> None:
    text = f"six==1.17.0 {HASH}\n{line}\n"
    assert read_pins("r.txt", text)[1] == [f"r.txt {problem}"]


def test_an_empty_file() -> None:
    assert read_pins("r.txt", "# nothing\n") == (
        [],
        [
            "r.txt: names no package. Compile it with: uv pip compile --universal "
            "--generate-hashes requirements.in -o r.txt"
        ],
    )


def test_contradictions_are_those_of_this_python() -> None:
    def pin(text: str, marker: str = "") -> Pin:
        return Pin(1, text.partition("=")[0], text, marker)

    session = [
        pin("numpy==2.3.1", "python_version >= '3.12'"),
        pin("numpy==2.2.6", "python_version < '3.12'"),
        pin("six==1.17.0"),
        pin("pywin32==300", "sys_platform == 'win32'"),
    ]
    python = {"python_version": "3.11", "sys_platform": "linux"}
    same = [pin("numpy==2.2.6"), pin("six==1.17"), pin("pywin32==1"), pin("torch==2.9.0")]
    assert contradictions(same, session, python) == []
    assert contradictions([pin("numpy==2.3.1")], session, python) == [
        (pin("numpy==2.3.1"), session[1])
    ]
    elsewhere = pin("numpy==2.3.1", "python_version >= '3.12'")
    assert contradictions([elsewhere], session, python) == []


def test_versions_are_named_by_what_goes_in() -> None:
    first = version_of({"requirements": "a", "python": "3.11"})
    assert first == version_of({"python": "3.11", "requirements": "a"})
    assert first != version_of({"requirements": "a", "python": "3.12"})
    assert is_version(first)
    assert is_version(f"{first}-2")
    assert not any(map(is_version, ["", "..", "current", f".{first}", f"{first}/..", first[:-1]]))
