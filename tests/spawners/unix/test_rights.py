"""What the hub's account may do, on the real site: real accounts, the real sudo, its rule."""

import contextlib
import json
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slurm_site import SUDO_RULES, SlurmSite, write_rule

pytestmark = pytest.mark.slurm

SYSTEM = ("root", "daemon", "nobody")


@dataclass(frozen=True)
class Hub:
    """What the hub's account does; the outsider is a person that it may not act for."""

    site: SlurmSite
    outsider: str

    def run(
        self, *argv: str, stdin: str = "{}", before: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return self.site.machine.command(
            *self.site.as_hub(), *before, *argv, stdin=stdin, check=False
        )

    def launcher(self, user: str, *arguments: str) -> list[str]:
        return [part.format(user=user) for part in self.site.launcher] + list(arguments)

    def ask(self, user: str, *arguments: str, **request: Any) -> dict[str, Any]:
        done = self.run(*self.launcher(user, *arguments), stdin=json.dumps(request))
        assert (done.returncode, done.stderr) == (0, "")
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply

    def refused_by_sudo(self, *argv: str, before: tuple[str, ...] = ()) -> bool:
        done = self.run(*argv, before=before)
        return done.returncode == 1 and "a password is required" in done.stderr and not done.stdout


@pytest.fixture(scope="module")
def hub(slurm_site: SlurmSite) -> Hub:
    outsider = f"{slurm_site.account}-out"
    slurm_site.machine.add_users([outsider])
    return Hub(slurm_site, outsider)


@pytest.fixture
def group(slurm_site: SlurmSite) -> Iterator[str]:
    """A group with the site's first user in it; the rule for it names no users."""
    name = f"{slurm_site.account}-group"
    rule = SUDO_RULES / name
    subprocess.run(["groupadd", f"--users={slurm_site.users[0]}", name], check=True)
    try:
        write_rule(rule, slurm_site.account, slurm_site.deployed, ["ALL"], name)
        yield name
    finally:
        rule.unlink(missing_ok=True)
        subprocess.run(["groupdel", name], check=True)


def test_sudo_lets_the_hub_act_for_the_sites_users_and_for_nobody_else(hub: Hub) -> None:
    for user in hub.site.users:
        assert hub.ask(user, action="log", hub="h", server="s", attempt=1, lines=1) == {"text": ""}
    number = f"#{pwd.getpwnam(hub.outsider).pw_uid}"
    for other in (*SYSTEM, "munge", hub.outsider, number):
        assert hub.refused_by_sudo(*hub.launcher(other)), other


def test_the_hub_may_do_nothing_but_run_the_launcher(hub: Hub) -> None:
    user, python = hub.site.users[0], str(hub.site.deployed.hub)
    sudo = ["sudo", "-n", "-u", user]
    for argv in (
        ["sudo", "-n", "id"],
        [*sudo, "--", "id"],
        [*sudo, "-i"],
        [*sudo, "-s", "id"],
        [*sudo, "-e", "/etc/passwd"],
        [*sudo, "--", python],
        [*sudo, "--", python, "-c", "1"],
        [*sudo, "--", python, "-m", "spawners.unix.launcher"],
        [*sudo, "--", python, "-I", "-m", "spawners.unix.launcher.x"],
        [*sudo, "--", "/usr/bin/python3", "-I", "-m", "spawners.unix.launcher"],
        hub.launcher(user, "a-group"),
        hub.launcher(user, "--help"),
        [*sudo, "-g", "root", "--", *hub.launcher(user)[5:]],
    ):
        assert hub.refused_by_sudo(*argv), argv
    for variable in ("PYTHONPATH=/tmp", "LD_PRELOAD=/tmp/x.so", "SECRET=1"):
        done = hub.run(*sudo, variable, *hub.launcher(user)[5:])
        assert "not allowed to set the following environment variables" in done.stderr
        assert done.returncode == 1


def test_the_launcher_itself_refuses_what_too_wide_a_rule_lets_through(
    hub: Hub, group: str
) -> None:
    for name in SYSTEM:
        assert hub.ask(name, group) == {
            "error": f"{name} is an account of the system, and sessions are for people's. Please "
            "tell the operators.",
            "detail": "",
            "code": None,
        }
    outside = {
        "error": f"The account {hub.outsider} may not have sessions on this cluster yet: it is not "
        f"in the group {group}. Please ask the operators.",
        "detail": "",
        "code": None,
    }
    assert hub.ask(hub.outsider, group) == outside
    log = {"action": "log", "hub": "h", "server": "s", "attempt": 1, "lines": 1}
    assert hub.ask(hub.site.users[0], group, **log) == {"text": ""}
    # The group is the rule's, not the caller's.
    for arguments in ((), (hub.outsider,), (group, "x"), (f"{group}x",)):
        assert hub.refused_by_sudo(*hub.launcher(hub.outsider, *arguments)), arguments
    # Nor does it help to be in the group oneself and to have sudo keep that.
    with_group = ["setpriv", f"--reuid={hub.site.account}", f"--regid={hub.site.account}",
                  f"--groups={group}"]  # fmt: skip
    keep = ["sudo", "-P", *hub.launcher(hub.outsider, group)[1:]]
    kept = hub.site.machine.command(*with_group, *keep, stdin="{}", check=False)
    assert json.loads(kept.stdout) == outside


def test_what_the_launcher_runs_has_nothing_of_the_hubs_environment(hub: Hub) -> None:
    user = pwd.getpwnam(hub.site.users[0])
    folder = hub.site.home.parent / "programs"
    folder.mkdir()
    # In sbatch's place, because sbatch tells nobody what it was given.
    program = folder / "sbatch"
    program.write_text("#!/bin/sh\npwd; umask; exec env -0 -u PWD\n")
    program.chmod(0o755)
    with contextlib.ExitStack() as end:
        end.callback(folder.rmdir)
        end.callback(program.unlink)
        done = hub.run(
            *hub.launcher(user.pw_name),
            before=("env", f"--chdir={hub.site.home}", "LC_ALL=C.UTF-8", "TERM=x", "SECRET=1"),
            stdin=json.dumps(
                {
                    "action": "submit", "hub": "h", "server": "s", "attempt": 1, "inherit": 0,
                    "files": {}, "options": [], "script": "",
                    "slurm": {"bin": str(folder), "conf": "/etc/a.conf"},
                }
            ),
        )  # fmt: skip
    where, mask, environment = json.loads(done.stdout)["job"].split("\n", 2)
    assert (where, mask) == ("/", "0022")
    session = Path(user.pw_dir, ".local/state/lesesal/sessions/h/s/1")
    assert dict(line.split("=", 1) for line in environment.split("\0") if line) == {
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": user.pw_shell,
        "LANG": "C.UTF-8",
        "LESESAL_SESSION_DIR": str(session),
        "PATH": f"{folder}:/usr/bin:/bin",
        "SLURM_CONF": "/etc/a.conf",
    }
    assert session.owner() == user.pw_name
    assert hub.ask(user.pw_name, action="forget", hub="h", server="s") == {}
    assert not session.parent.exists()
