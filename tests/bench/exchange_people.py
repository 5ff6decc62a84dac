"""The people of `exchange.py`: a process with a client in memory that acts for one after another.

`python exchange_people.py MODULE …` under the interpreter that has the modules; they hold the
exchange classes. Then one JSON object a line comes in for each thing to do (`Errand`), and one goes
out (`Done`).
Imports nothing of this repository: it runs in environments that do not have it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import os
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NOTEBOOK = "problem1.ipynb"
_CELLS = 40
_CODE = (
    "import numpy as np\nimport matplotlib.pyplot as plt\n\n"
    "x = np.linspace(0, {number}, 500)\nplt.plot(x, np.sin(x) / (1 + x))\nplt.show()"
)


@dataclass(frozen=True)
class Errand:
    """One call of an exchange class.

    Attributes:
        kind: the class's name, such as ``ExchangeSubmit``.
        user, course, assignment: whose, and what.
        home: where the person works.
        seed, size: the notebook that is put in place before a submit, and which a fetch must bring
            (`notebook`).
        environment: what this person's session has beside the machine's; None takes a name away.
        traits: of the exchange class.
        directory: traits of nbgrader's CourseDirectory.
    """

    kind: str
    user: str
    course: str
    assignment: str
    home: str
    seed: str
    size: int
    environment: dict[str, str | None] = field(default_factory=dict)
    traits: dict[str, Any] = field(default_factory=dict)
    directory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What came of it.

    Attributes:
        seconds: from the call to its return, on the clock.
        cpu_s: this process's CPU seconds in it.
        why_not: what failed; empty when it succeeded.
    """

    seconds: float
    cpu_s: float
    why_not: str = ""


def notebook(seed: str, size: int) -> bytes:
    """A notebook of about so many bytes, the same for the same seed: code, and plots as PNG.

    What plots are made of does not get smaller by packing, as in a notebook that somebody ran:
    their base64 packs to three quarters.
    """
    # For the same bytes on all sides, not for secrets.
    source = random.Random(seed)
    picture = max(0, size - 700 * _CELLS) // _CELLS * 3 // 4
    cells = [
        {
            "cell_type": "code",
            "execution_count": number,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [
                {
                    "data": {
                        "image/png": base64.b64encode(source.randbytes(picture)).decode(),
                        "text/plain": ["<Figure size 640x480 with 1 Axes>"],
                    },
                    "metadata": {},
                    "output_type": "display_data",
                }
            ],
            "source": _CODE.format(number=number).splitlines(keepends=True),
        }
        for number in range(1, _CELLS + 1)
    ]
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1).encode()


def digest(content: bytes) -> str:
    """SHA-256, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def act(errand: Errand, classes: dict[str, Any]) -> Done:
    """Be this person for one call."""
    from nbgrader.auth import Authenticator
    from nbgrader.coursedir import CourseDirectory

    for name, value in {**errand.environment, "HOME": errand.home}.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.chdir(errand.home)
    place = Path(errand.home, errand.assignment, NOTEBOOK)
    content = notebook(errand.seed, errand.size)
    if errand.kind == "ExchangeSubmit":
        place.write_bytes(content)
    kind = classes[errand.kind]
    if hasattr(kind, "username"):  # ngshare's, which asks who it is at import
        kind.username = errand.user
    why_not = ""
    began, cpu = time.perf_counter(), time.process_time()
    try:
        exchange = kind(
            coursedir=CourseDirectory(
                course_id=errand.course,
                assignment_id=errand.assignment,
                root=errand.home,
                **errand.directory,
            ),
            authenticator=Authenticator(),
            **errand.traits,
        )
        exchange.start()
    except BaseException as error:  # what a library raises here is the finding
        why_not = f"{type(error).__name__}: {error}"
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    # ngshare's logs what fails, and returns.
    if not why_not and errand.kind == "ExchangeSubmit" and not exchange.timestamp:
        why_not = "It was not submitted."
    fetched = not why_not and errand.kind == "ExchangeFetchAssignment"
    if fetched and not (place.exists() and place.read_bytes() == content):
        why_not = "What was fetched is not what was released."
    return Done(round(seconds, 4), round(cpu, 4), why_not)


def main() -> None:
    """Serve errands until there are no more."""
    classes: dict[str, Any] = {}
    for module in sys.argv[1:]:
        found = importlib.import_module(module)
        classes |= {name: kind for name, kind in vars(found).items() if isinstance(kind, type)}
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(act(Errand(**json.loads(line)), classes))), flush=True)


if __name__ == "__main__":
    main()
