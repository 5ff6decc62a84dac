"""What sudo lets the hub's account do, against what it needs. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .findings import Finding, ok, warning

# The long form (sudo(8), -ll) has a line for each command; the short one breaks lines anywhere.
LIST_ARGV = ("sudo", "-n", "-ll")
# Who these may act as needs no further rule.
TOO_MUCH = frozenset({"ALL", "root", "#0"})


@dataclass(frozen=True)
class Rule:
    """One entry: these commands, as these users (``%group`` is a group's members)."""

    users: tuple[str, ...]
    commands: tuple[str, ...]


def parse_rules(text: str) -> list[Rule]:
    """The entries in an answer to `LIST_ARGV`, with LC_ALL=C."""
    rules = []
    # Newer sudo says where an entry is from: "Sudoers entry: /etc/sudoers.d/lesesal".
    for entry in re.split(r"^(?:Sudoers|LDAP) (?:entry|role).*$", text, flags=re.MULTILINE)[1:]:
        users: tuple[str, ...] = ()
        commands = []
        for line in entry.splitlines():
            name, _, value = line.strip().partition(": ")
            if name == "RunAsUsers":
                users = tuple(value.split(", "))
            elif line.startswith("\t"):
                # sudo writes its own special characters with a backslash before them.
                commands.append(re.sub(r"\\(.)", r"\1", line.strip()))
        rules.append(Rule(users, tuple(each for each in commands if not each.startswith("!"))))
    return rules


def breadth(rules: Sequence[Rule], command: Sequence[str]) -> Finding:
    """Whether the rules allow more than this one command, or the command as more than people.

    `command` is the launcher as sudo sees it: absolute program and arguments.
    """
    needed = " ".join(command)
    more = [each for rule in rules for each in rule.commands if each != needed]
    mighty = sorted({user for rule in rules for user in rule.users if user in TOO_MUCH})
    problems = []
    if more:
        problems.append(f"may run more than the launcher: {'; '.join(more)}")
    if mighty:
        problems.append(f"may run it as {', '.join(mighty)}")
    if problems:
        return warning(
            "sudo",
            f"the hub's account {', and '.join(problems)}.",
            f"One rule is enough: ALL=(%course-users) NOPASSWD: {needed}",
        )
    return ok("sudo", "the hub's account may run the launcher, and nothing else.")


def command_of(launcher: Sequence[str]) -> tuple[str, ...] | None:
    """What sudo is to run, of a configured launcher; None when that does not use sudo.

    ``("sudo", "-n", "-u", "{user}", "--", "python", "-m", "x")`` gives ``("python", "-m", "x")``.
    """
    if not launcher or launcher[0].rpartition("/")[2] != "sudo" or "--" not in launcher:
        return None
    return tuple(launcher[list(launcher).index("--") + 1 :])
