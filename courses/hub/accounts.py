"""Accounts in a file: for the demo and for development, where no identity provider is."""

from __future__ import annotations

import hmac
import stat
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from pydantic import BaseModel, TypeAdapter, ValidationError
from traitlets import Bool, Unicode

from courses.errors import SetupError


class Account(BaseModel):
    """One entry of the file."""

    name: str
    password: str
    role: str = ""
    course: str = ""


_ACCOUNTS = TypeAdapter(list[Account])


def read_accounts(path: Path) -> list[Account]:
    """The accounts of a file; raises `SetupError`, which never quotes what is in the file."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SetupError(
                f"{path} has passwords and may be read by others. Run: chmod 600 {path}"
            )
        return _ACCOUNTS.validate_json(path.read_bytes())
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError:
        raise SetupError(
            f'{path} is not a JSON list of {{"name", "password", "role", "course"}}. '
            "Correct it, or remove it to have a new one made."
        ) from None


class AccountsAuthenticator(Authenticator):
    """Logs in exactly the people of a file, with its passwords.

    The file is read again when it changes: nobody needs to restart the hub. It holds the passwords
    as they are, so it must be its owner's alone.
    """

    accounts_file = Unicode(
        config=True,
        help="""The accounts: a JSON list of ``{"name", "password", "role", "course"}``, mode 0600.

        Example: ``c.AccountsAuthenticator.accounts_file = "/srv/lesesal/demo-accounts.json"``
        """,
    )

    any_allow_config = Bool(
        True,
        config=True,
        help="""The file says who is allowed, so the hub need not warn that nobody is.

        Example: ``c.AccountsAuthenticator.any_allow_config = True``
        """,
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._seen: tuple[int, int, int, int] | None = None
        self._passwords: dict[str, str] = {}

    def passwords(self) -> dict[str, str]:
        """Passwords by name as the hub spells it; empty, with a word in the log, if unreadable."""
        path = Path(self.accounts_file)
        try:
            now = path.stat()
            state = (now.st_ino, now.st_mtime_ns, now.st_size, now.st_mode)
        except OSError:
            state = None
        if state is None or state != self._seen:
            self._seen, self._passwords = state, {}
            try:
                accounts = read_accounts(path)
            except SetupError as error:
                # A sentence for the operator; its traceback says nothing more.
                self.log.error("Nobody can log in: %s", error)  # noqa: TRY400
            else:
                self._passwords = {
                    self.normalize_username(each.name): each.password for each in accounts
                }
        return self._passwords

    async def authenticate(self, handler: object, data: dict[str, str]) -> str | None:
        """The name when the password is right. Takes equally long for a name that is not there."""
        name = self.normalize_username(data.get("username", ""))
        known = self.passwords().get(name)
        given = data.get("password", "").encode()
        right = hmac.compare_digest(given, (known if known is not None else "").encode())
        return name if right and known else None

    def check_allowed(self, username: str, authentication: object = None) -> bool:
        """Exactly the names in the file."""
        return username in self.passwords()
