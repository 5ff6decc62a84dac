"""The documents say what is there: every setting, every command, every page they link to."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from deployed import CHECKOUT
from traitlets import HasTraits

from courses.classroom.app import ClassroomApp
from courses.classroom.grading_settings import Grading
from courses.hub.accounts import AccountsAuthenticator
from courses.hub.guests import Guests
from spawners.hub import ClusterSpawner

DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])


def own_traits(cls: type[HasTraits]) -> list[str]:
    """Configurable traits that the class has of this project, or gives another default."""
    return [
        name
        for name, trait in cls.class_traits(config=True).items()
        if trait.this_class.__module__.startswith(("courses.", "spawners."))
    ]


@pytest.mark.parametrize(
    "cls", [ClusterSpawner, ClassroomApp, Grading, AccountsAuthenticator, Guests]
)
def test_every_setting_is_in_the_operators_page(cls: type[HasTraits]) -> None:
    page = (CHECKOUT / "docs" / "operators.md").read_text()
    names = own_traits(cls)
    assert names
    assert [name for name in names if f"`{cls.__name__}.{name}`" not in page] == []


@pytest.mark.parametrize(
    "cls", [ClusterSpawner, ClassroomApp, Grading, AccountsAuthenticator, Guests]
)
def test_every_setting_has_help_with_an_example(cls: type[HasTraits]) -> None:
    traits = cls.class_traits(config=True)
    without = [
        name
        for name in own_traits(cls)
        if not re.search(r"c\.\w+\.\w+ = |python -m ", traits[name].help)
    ]
    assert without == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    missing = [
        link
        for link in links
        if not link.startswith("http") and not (document.parent / link).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_and_commands_exist(document: Path) -> None:
    text = document.read_text()
    targets = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", text))
    known = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    # "make" is also an English verb; only what stands as code counts.
    pieces = re.findall(r"`([^`\n]+)`|^    (.+)$", text, re.MULTILINE)
    code = "\n".join(inline or block for inline, block in pieces)
    wanted = {target for target in targets if f"make {target}" in code}
    assert wanted - known == set()
    ours = r"course \w+|env \w+|guests [\w-]+|run|enrol|rehearse|roster"
    commands = set(re.findall(rf"(?<![-/\w])lesesal ({ours})\b", code))
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "courses.cli", *command.split(), "--help"],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, command


def test_every_dependency_has_its_reason() -> None:
    page = (CHECKOUT / "docs" / "dependencies.md").read_text()
    for project in (CHECKOUT / "pyproject.toml", CHECKOUT / "extensions" / "pyproject.toml"):
        table = tomllib.loads(project.read_text())["project"]
        extras = table["optional-dependencies"].values()
        wanted = [*table["dependencies"], *(name for extra in extras for name in extra)]
        listed = [re.split(r"[><=\[]", name)[0] for name in wanted]
        assert len(listed) > 5
        assert [name for name in listed if name not in page] == []


def test_pinned_sets_have_hashes_and_no_addresses() -> None:
    for pinned in (CHECKOUT / "requirements").glob("*.txt"):
        text = pinned.read_text()
        assert "://" not in text
        assert "--index" not in text
        packages = re.findall(r"^[a-zA-Z0-9].*?(?=^[a-zA-Z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
        assert packages
        assert [each.split()[0] for each in packages if "--hash=sha256:" not in each] == []


def test_every_root_module_is_under_the_contract() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [plain] = [each for each in contracts["contracts"] if "plain values" in each["name"]]
    modules = {
        f"{package}.{path.stem}"
        for package in ("spawners", "courses")
        for path in (CHECKOUT / package).glob("*.py")
        # The command line is the edge of the package, not a value.
        if path.stem not in {"__init__", "cli"}
    }
    assert set(plain["source_modules"]) == modules
