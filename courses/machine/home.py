"""The state folder of the embedded classroom, and the demo's accounts in it."""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path

from courses.course import Role
from courses.errors import SetupError
from courses.hub.accounts import Account, read_accounts

ACCOUNTS = "demo-accounts.json"
# Without letters that are read as others.
_LETTERS = "abcdefghjkmnpqrstuvwxyz"


def prepare(home: Path) -> None:
    """Make the folder, or check it: it is its owner's alone. Raises `SetupError`."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = home.stat()
    except OSError as error:
        raise SetupError(f"The state folder {home} cannot be made: {error.strerror}.") from error
    if state.st_uid != os.geteuid():
        raise SetupError(
            f"The state folder {home} is another user's. Choose your own: "
            "make run LESESAL_HOME=FOLDER"
        )
    if stat.S_IMODE(state.st_mode) & 0o077:
        # Ours may be tightened; a folder that is also something else's may not.
        if any(home.iterdir()) and not (home / ACCOUNTS).exists():
            raise SetupError(
                f"The state folder {home} has other things in it and may be read by others. "
                "Choose an empty one: make run LESESAL_HOME=FOLDER"
            )
        home.chmod(0o700)


def password() -> str:
    """A password that is easy to type: four groups of four letters, 72 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def demo_accounts(home: Path, course: str) -> list[Account]:
    """The demo's accounts: read, or made once. Raises `SetupError`."""
    path = home / ACCOUNTS
    if path.exists():
        return read_accounts(path)
    roles = {"instructor": Role.INSTRUCTOR}
    roles |= {f"student{number}": Role.STUDENT for number in (1, 2, 3)}
    accounts = [
        Account(name=name, password=password(), role=role.value, course=course)
        for name, role in roles.items()
    ]
    text = json.dumps([each.model_dump() for each in accounts], indent=2) + "\n"
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    return accounts
