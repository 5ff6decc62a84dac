"""What the hub's account may do in people's names, and what it may not."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Mapping
from typing import Any

from ..errors import ClusterSilent
from ..names import UNIX_ACCOUNT
from ..slurm.cluster import LAUNCHER
from ..slurm.run import run
from . import sudo
from .findings import Finding, failed, ok, skipped
from .machine import me

SYSTEM_ACCOUNTS = ("daemon", "bin", "nobody")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class Rights:
    """Tries the launcher of a configured Slurm cluster; `hub` is the id that it is asked with."""

    def __init__(self, configured: Mapping[str, Any], hub: str) -> None:
        self._launcher = tuple(configured.get("launcher", LAUNCHER))
        self._hub = hub

    async def accepts(self, user: str) -> Finding:
        """Whether it acts in the name of this Unix account."""
        name = f"launcher as {user}"
        if not UNIX_ACCOUNT.fullmatch(user):
            return failed(name, "that can't be a Unix account.", "Name another with --user.")
        if not _exists(user):
            return failed(
                name,
                f"this machine knows no account {user}.",
                "The hub's machine must know the cluster's accounts (SSSD, LDAP).",
            )
        problem = await self._ask(user)
        if problem is None:
            return ok(name, f"it acts in the name of {user}.")
        rule = " ".join(sudo.command_of(self._launcher) or self._launcher)
        return failed(
            name,
            f"it can't be run in the name of {user}.",
            f"A sudo rule must name it exactly, and a group that {user} is in: "
            f"{me()} ALL=(%course-users) NOPASSWD: {rule}",
            problem,
        )

    async def refuses(self, outsider: str) -> Finding:
        """Whether it acts for nobody who takes no part, of whom `outsider` may be one."""
        name = "launcher's refusals"
        system = next((each for each in SYSTEM_ACCOUNTS if _exists(each)), "")
        others = [each for each in ("root", system, outsider) if each]
        taken = [each for each in others if await self._ask(each) is None]
        if taken:
            return failed(
                name,
                f"it acts also in the name of {', '.join(taken)}.",
                "Let the sudo rule name a group that has only people who take part: "
                "ALL=(%course-users).",
            )
        return ok(name, f"it does not act in the name of {', '.join(others)}.")

    async def breadth(self) -> Finding:
        """Whether sudo lets the hub's account do more than run it."""
        command = sudo.command_of(self._launcher)
        if command is None:
            return skipped("sudo", "the launcher is run by something else.")
        if os.geteuid() == 0:
            return skipped("sudo", "root may do all.", "Run the check as the hub's account.")
        try:
            answer = await run(sudo.LIST_ARGV, ENVIRONMENT)
        except ClusterSilent as silent:
            return skipped("sudo", f"it does not say what it allows: {silent.detail}.")
        if answer.code != 0:
            return skipped("sudo", f"it does not say what it allows: {answer.err.strip()}.")
        return sudo.breadth(sudo.parse_rules(answer.out), command)

    async def _ask(self, user: str) -> str | None:
        """Ask for something harmless; None when it was done, else why not."""
        request = {"action": "log", "hub": self._hub, "server": "check", "attempt": 1, "lines": 1}
        argv = [part.format(user=user) for part in self._launcher]
        try:
            answer = await run(argv, ENVIRONMENT, json.dumps(request))
        except ClusterSilent as silent:
            return silent.detail
        if answer.code != 0:
            return answer.err.strip() or f"{argv[0]} ended with {answer.code}."
        try:
            reply: dict[str, Any] = json.loads(answer.out)
        except ValueError:
            return f"It answered what is no JSON: {answer.out[:200]}"
        return str(reply["error"]) if "error" in reply else None


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
