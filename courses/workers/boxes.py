"""Boxes: what an account that is not believed gets of a run, and what it gives back.

A box has a name that nobody can guess, in a folder that nobody else can list, so that one account
does not find another's. Whoever was told of it takes ``run/`` out and puts ``result.tar`` in. What
comes back may be anything: of it stays a result of the right form, and of its notebooks the
outputs.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from courses.grades import State

from .errands import RESULT

LARGEST = 100_000_000
"""Bytes of what comes back."""
MEMBERS = 100
# Of a result, the parts that could be of any size.
_Word = Annotated[str, Field(max_length=200)]
_Number = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
_FORGED = {"kind": "forged", "facts": {}}
_INFO = {"name": "python", "mimetype": "text/x-python", "file_extension": ".py"}


class _Reason(BaseModel):
    kind: Annotated[str, Field(pattern="^[a-z-]{0,40}$")]
    facts: Annotated[dict[_Word, _Word | int | float | None], Field(max_length=20)]


class _About(BaseModel):
    cells: Annotated[int, Field(ge=0)]
    seconds: _Number
    tests: dict[_Word, _Number] = {}


class _Result(BaseModel):
    state: State
    reason: _Reason
    evidence: Annotated[list[_Reason], Field(max_length=1000)]
    seconds: _Number
    cpu_seconds: _Number
    memory_bytes: Annotated[int, Field(ge=0)]
    notebooks: dict[str, _About]


def make(run: Path, key: str) -> Path:
    """A new box with one task of a run, and nothing of the others."""
    boxes = run / "boxes"
    boxes.mkdir(exist_ok=True)
    for folder in (run, boxes):
        folder.chmod(0o711)
    box = boxes / secrets.token_hex(16)
    box.mkdir(mode=0o700)
    inner, task = box / "run", box / "run" / "tasks" / key
    shutil.copytree(run / "tasks" / key, task)
    # There are no mounts to show them with, so each gets the assignment's files as its own.
    if (run / "files").is_dir():
        shutil.copytree(run / "files", task / "files", dirs_exist_ok=True)
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (inner / "run.json").write_text(json.dumps({**about, "files": None}), encoding="utf-8")
    (inner / "keys").write_text(f"{key}\n", encoding="ascii")
    for folder_, _folders, files in os.walk(inner):
        Path(folder_).chmod(0o755)
        for name in files:
            Path(folder_, name).chmod(0o644)
    box.chmod(0o733)
    return box


def remove(box: Path) -> None:
    """Take a box away, as far as what was put into it lets us."""
    shutil.rmtree(box, ignore_errors=True)


def take(box: Path, run: Path, key: str) -> bool:
    """Write the result that a box has into the run, as far as it can be one.

    Whether it has one. What cannot be a result of this task ends it as suspect, with no points.
    """
    try:
        handle = os.open(box / RESULT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        handle = -1
    sent = _sent(run, key)
    try:
        found = _read(handle, key, sent) if handle >= 0 else {}
        result = _Result.model_validate_json(found.pop(f"{key}.json", b""))
        notebooks = {name: _outputs_of(found.get(name, b""), each) for name, each in sent.items()}
        value = result.model_dump(mode="json")
        if result.state in (State.RETRY, State.REFUSED):
            # A worker refuses nothing.
            value["state"], notebooks = State.RETRY.value, {}
    except (ValidationError, ValueError, OSError, tarfile.TarError, RecursionError):
        value = _forged()
        notebooks = {name: _nothing(each) for name, each in sent.items()}
    _write(run, key, value, notebooks)
    return True


def _sent(run: Path, key: str) -> dict[str, dict[str, Any]]:
    task = run / "tasks" / key
    names = json.loads((task / "task.json").read_text(encoding="utf-8"))["notebooks"]
    return {
        name: json.loads((task / "notebooks" / name).read_text(encoding="utf-8")) for name in names
    }


def _read(handle: int, key: str, sent: Mapping[str, Any]) -> dict[str, bytes]:
    """Of the archive, ``KEY.json`` and the notebooks that were sent; by name."""
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
        os.close(handle)
        raise ValueError("It is no archive that a worker writes.")
    with open(handle, "rb") as file:
        wanted = {f"results/{key}.json": f"{key}.json"}
        wanted |= {f"results/{key}/{name}": name for name in sent}
        found: dict[str, bytes] = {}
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= MEMBERS:
                    raise ValueError("There is more in it than a worker writes.")
                name = wanted.get(member.name)
                # A sparse file may say that it is larger than its archive.
                if name and member.type == tarfile.REGTYPE and member.size <= about.st_size:
                    content = archive.extractfile(member)
                    found[name] = content.read() if content else b""
        return found


def _outputs_of(raw: bytes, sent: dict[str, Any]) -> dict[str, Any]:
    """The notebook that was sent, with the outputs of one that came back.

    Raises ValueError unless its cells are those that were sent.
    """
    cells = json.loads(raw)["cells"] if raw else None
    if not isinstance(cells, list) or len(cells) != len(sent["cells"]):
        raise ValueError("Its cells are not those that were sent.")
    for ours, theirs in zip(_cells(sent), cells, strict=True):
        if ours["cell_type"] != "code":
            continue
        if not isinstance(theirs, dict) or theirs.get("cell_type") != "code":
            raise ValueError("Its cells are not those that were sent.")
        count = theirs.get("execution_count")
        ours["execution_count"] = count if type(count) is int else None
        # Whether they are any that Jupyter has is looked at when they are recorded.
        ours["outputs"] = theirs.get("outputs", [])
    return {**sent, "metadata": {**sent["metadata"], "language_info": _INFO}}


def _nothing(sent: dict[str, Any]) -> dict[str, Any]:
    """The notebook with an error in each code cell: nbgrader gives no points for it."""
    for cell in _cells(sent):
        if cell["cell_type"] == "code":
            error = {"ename": "NotBelieved", "evalue": "", "traceback": []}
            cell["outputs"] = [{"output_type": "error", **error}]
    return sent


def _forged() -> dict[str, Any]:
    return {
        "state": State.SUSPECT.value,
        "reason": _FORGED,
        "evidence": [_FORGED],
        "seconds": 0,
        "cpu_seconds": 0,
        "memory_bytes": 0,
        "notebooks": {},
    }


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from notebook["cells"]


def _write(run: Path, key: str, value: object, notebooks: Mapping[str, object]) -> None:
    """The notebooks first, then the result by renaming, as docs/grading-run.md has it."""
    results = run / "results"
    folder = results / key
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, notebook in notebooks.items():
        (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    half = results / f".{key}.half"
    half.write_text(json.dumps(value), encoding="utf-8")
    half.rename(results / f"{key}.json")
