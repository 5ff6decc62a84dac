"""Whose sessions the launcher starts: people's, and where a group is named, its members'.

An account's shell does not matter: a site may give course participants accounts with no login but
through the hub.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
from pathlib import Path

LOGIN_DEFS = Path("/etc/login.defs")
UID_MIN = 1000
# Every kernel's number for an account that it can't name.
NOBODY = 65534


def refusal(account: pwd.struct_passwd, uid_min: int, group: str | None) -> str:
    """Why this account gets no session, as a sentence; empty when it may have one.

    Args:
        account: the account.
        uid_min: the lowest number of a person's account.
        group: the group that it must be in, as its own or a further one; None for any.
    """
    name = account.pw_name
    if account.pw_uid in (0, NOBODY) or account.pw_uid < uid_min:
        return (
            f"{name} is an account of the system, and sessions are for people's. Please tell the "
            "operators."
        )
    if group is None:
        return ""
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        return (
            f"The launcher's rule names the group {group}, which this machine does not have. "
            "Please tell the operators."
        )
    # Asked of the account, not of this process: sudo can be told to keep the caller's groups.
    if number not in os.getgrouplist(name, account.pw_gid):
        return (
            f"The account {name} may not have sessions on this cluster yet: it is not in the "
            f"group {group}. Please ask the operators."
        )
    return ""


def uid_min() -> int:
    """The lowest number of a person's account on this machine, 1000 where nothing is said."""
    try:
        return read_uid_min(LOGIN_DEFS.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return UID_MIN


def read_uid_min(text: str) -> int:
    """UID_MIN of login.defs(5), whose last line counts."""
    found = re.findall(r"^[ \t]*UID_MIN[ \t]+([0-9]+)[ \t]*$", text, re.MULTILINE)
    return int(found[-1]) if found else UID_MIN
