"""Who may use a machine, and how much of it, as its slurmdbd knows it: sacctmgr(1)."""

import subprocess
from abc import abstractmethod


class Accounting:
    """The part of a `SlurmMachine` with `accounting=True`.

    Limits are sacctmgr's own words: `MaxJobs=1`, `GrpTRES="gres/gpu=2"`, `QOS="normal,course"`.
    All of it counts for slurmctld when the method returns. What is there already is an error;
    `sacctmgr("modify", ...)` changes it.
    """

    @abstractmethod
    def command(
        self, *argv: str, user: str = "root", stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user; raises when it fails and `check` is set."""

    def sacctmgr(self, *words: str) -> str:
        """Ask for or change anything, without being asked back; returns what it prints."""
        return self.command("sacctmgr", "--immediate", "--parsable2", *words).stdout

    def add_account(self, name: str, **limits: object) -> None:
        """Add an account below the root account."""
        self.sacctmgr("add", "account", name, *_settings(limits))

    def add_association(self, user: str, account: str, **limits: object) -> None:
        """Let a user, or several (`kari,ola`), submit under an account.

        They must have Unix accounts by now. Their first account is the one of jobs that name none.
        """
        self.sacctmgr("add", "user", user, f"account={account}", *_settings(limits))

    def add_qos(self, name: str, **limits: object) -> None:
        """Add a QOS. An association may use it whose `QOS` names it."""
        self.sacctmgr("add", "qos", name, *_settings(limits))

    def operator(self, user: str) -> None:
        """Let a Unix user change others' jobs, time limits and reservations."""
        known = self.sacctmgr("--noheader", "list", "user", user)
        if not known:
            self.add_association(user, "root")
        self.sacctmgr("modify", "user", user, "set", "AdminLevel=Operator")


def _settings(limits: dict[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in limits.items()]
