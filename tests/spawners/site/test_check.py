"""`lesesal check` on a real site: all is well, then one thing after the other is broken."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from classrooms import Classroom
from slurm.system import until
from slurm_classroom import CONFIG
from slurm_site import SUDO_RULES, SlurmSite, write_rule

pytestmark = pytest.mark.slurm

USER = "student1"
CLUSTER = "cluster one-machine"
OFFERS = f"offers of one-machine, as {USER}"
JOBS = [f"a job in {partition} of one-machine, as {USER}" for partition in ("cpu", "gpu")]
SILENT_SECONDS = 180
# (where, name) of all that is looked at.
HERE = [
    ("this machine", name)
    for name in (
        "configuration",
        "account",
        "open files",
        "proxy",
        "cookie secret",
        "database",
        "hub",
    )
]
ABOUT_THE_CLUSTER = [
    (CLUSTER, name)
    for name in (
        "commands",
        "answers",
        f"launcher as {USER}",
        "launcher's refusals",
        "sudo",
        "nodes",
        "address",
    )
]
ABOUT_OFFERS = [
    (OFFERS, f"offer {name}") for name in ("cpu-small", "gpu-slice", "gpu-share", "gpu")
]
ABOUT_NODES = [
    (where, name)
    for where in JOBS
    for name in (
        "probe",
        "hub to node",
        "clock",
        "node to hub",
        "node to classroom",
        "home",
        "temporary files",
        "versions",
        "environment",
    )
]

# The hub's account is no operator of this Slurm.
NOT_LONGER = 'for offer in c.ClusterSpawner.offers.values(): offer.pop("more_hours", None)'

Finding = dict[str, str]
# Runs the check with lines added to the configuration.
Check = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def check(slurm_site: SlurmSite, slurm_classroom: Classroom) -> Check:
    """Starts `lesesal check` under the hub's account, while the hub runs."""
    folder = slurm_site.deployed.config.parent

    def start(*options: str, config: str = "") -> subprocess.Popen[str]:
        path = folder / "checked_config.py"
        path.write_text(f'load_subconfig("{folder / CONFIG.name}")\n{NOT_LONGER}\n{config}\n')
        python = slurm_site.deployed.hub
        return subprocess.Popen(
            [
                *slurm_site.as_hub(),
                *(python, "-m", "courses.cli", "check", f"--config={path}"),
                *(f"--home={slurm_classroom.home}", *options),
            ],
            cwd=slurm_site.home,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(slurm_site.home),
                "PORT": slurm_classroom.url.rpartition(":")[2],
                "LESESAL_SLURM_CONF": str(slurm_site.machine.conf),
                "LESESAL_SESSION_PYTHON": str(slurm_site.deployed.session),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def findings(process: subprocess.Popen[str], code: int) -> list[Finding]:
    """All that it found; its exit status must be this."""
    out, err = process.communicate(timeout=SILENT_SECONDS)
    assert "Traceback" not in err
    assert process.returncode == code, out + err
    found: list[Finding] = json.loads(out)["findings"]
    return found


def troubles(process: subprocess.Popen[str], code: int = 1) -> list[tuple[str, str, str]]:
    """Where, what, and how it was not all right. Each must say what to do."""
    found = [each for each in findings(process, code) if each["state"] != "ok"]
    assert [each for each in found if each["state"] == "failed" and not each["advice"]] == []
    return [(each["where"], each["name"], each["state"]) for each in found]


def jobs(site: SlurmSite) -> list[str]:
    """The check's jobs that wait or run."""
    found = site.machine.command("squeue", "--noheader", "--format=%j %T").stdout.splitlines()
    return [each for each in found if ".check" in each]


def left_files(user: str) -> list[Path]:
    """What the check left of sessions."""
    state = Path(pwd.getpwnam(user).pw_dir) / ".local" / "state" / "lesesal" / "sessions"
    return list(state.glob("*.check/*"))


def test_all_is_well_and_nothing_is_left(check: Check, slurm_site: SlurmSite) -> None:
    found = findings(check("--json", f"--user={USER}", "--outsider=games"), code=0)
    assert [each for each in found if each["state"] != "ok" or each["advice"]] == []
    assert [(each["where"], each["name"]) for each in found] == [
        *HERE,
        *ABOUT_THE_CLUSTER,
        *ABOUT_OFFERS,
        *ABOUT_NODES,
    ]
    assert until(lambda: not jobs(slurm_site))
    assert left_files(USER) == []


@pytest.mark.slow
def test_without_a_user_it_says_what_it_could_not_try(check: Check) -> None:
    assert troubles(check("--json"), code=0) == [(CLUSTER, "launcher", "skipped")]


@pytest.mark.slow
def test_for_a_terminal_it_is_lines(check: Check) -> None:
    config = 'c.ClusterSpawner.offers["cpu-small"]["partition"] = "nowhere"'
    out, _ = check("--quick", config=config).communicate(timeout=SILENT_SECONDS)
    lines = out.splitlines()
    assert lines[0:2] == ["", "this machine"]
    assert lines[2].startswith("ok        configuration: ")
    assert lines[-6:] == [
        "",
        "offers of one-machine",
        "failed    offer cpu-small: it names the partition nowhere; the cluster has closed, cpu, "
        "down, gpu.",
        '          -> Correct c.ClusterSpawner.offers["cpu-small"].',
        "",
        "13 ok, 0 warning, 1 failed, 1 skipped",
    ]


@pytest.mark.slow
def test_offers_that_the_cluster_does_not_have(check: Check) -> None:
    config = """
c.ClusterSpawner.offers["cpu-small"]["reservation"] = "nobody-made-it"
c.ClusterSpawner.offers["gpu-share"]["partition"] = "closed"
c.ClusterSpawner.offers["gpu"]["gpus"] = {"a100": 1}
"""
    assert troubles(check("--json", "--quick", f"--user={USER}", config=config)) == [
        ("offers of one-machine", "offer gpu-share", "failed"),
        ("offers of one-machine", "offer gpu", "failed"),
        (OFFERS, "offer cpu-small", "failed"),
    ]


@pytest.mark.slow
def test_a_session_side_that_is_not_there(check: Check) -> None:
    config = 'c.ClusterSpawner.cmd[0] = "/cluster/nowhere/python"'
    found = findings(check("--json", f"--user={USER}", config=config), code=1)
    [first, second] = [each for each in found if each["state"] != "ok"]
    assert [(each["where"], each["name"]) for each in (first, second)] == [
        (where, "probe") for where in JOBS
    ]
    assert first["sentence"].endswith(" on gpu4 ended with exit code 127 before it had tried all.")
    assert first["detail"].endswith("/cluster/nowhere/python: No such file or directory")


@pytest.mark.slow
def test_addresses_where_nobody_answers(check: Check) -> None:
    config = """
c.JupyterHub.hub_connect_url = "http://127.0.0.1:9"
c.ClusterSpawner.environment = {"LESESAL_CLASSROOM_URL": "http://classroom.invalid/"}
"""
    assert troubles(check("--json", f"--user={USER}", config=config)) == [
        ("this machine", "hub", "warning"),
        *[
            (where, name, "failed")
            for where in JOBS
            for name in ("node to hub", "node to classroom")
        ],
    ]


@contextlib.contextmanager
def sudo_rule(site: SlurmSite) -> Iterator[Path]:
    """The hub's sudo rule, to be spoilt; as it was at the end."""
    rule = SUDO_RULES / site.deployed.hub.parents[3].name
    assert rule.exists()
    try:
        yield rule
    finally:
        write_rule(rule, site.account, site.deployed, site.users)


@pytest.mark.slow
def test_no_sudo_rule(check: Check, slurm_site: SlurmSite) -> None:
    with sudo_rule(slurm_site) as rule:
        rule.unlink()
        found = findings(check("--json", f"--user={USER}"), code=1)
    [launcher, sudo] = [each for each in found if each["state"] != "ok"]
    assert (launcher["name"], sudo["name"]) == (f"launcher as {USER}", "sudo")
    assert launcher["detail"] == "sudo: a password is required"
    assert launcher["advice"] == (
        f"A sudo rule must name it exactly, and a group that {USER} is in: "
        f"{slurm_site.account} ALL=(%course-users) NOPASSWD: {slurm_site.deployed.hub} -I -m "
        "spawners.unix.launcher"
    )
    # What would fail for the same reason is not told again.
    assert not any(each["where"] == OFFERS for each in found)


@pytest.mark.slow
def test_a_sudo_rule_that_allows_more(check: Check, slurm_site: SlurmSite) -> None:
    with sudo_rule(slurm_site) as rule:
        rule.chmod(0o640)
        with rule.open("a") as file:
            file.write(f"{slurm_site.account} ALL=(ALL) NOPASSWD: /usr/bin/id\n")
        rule.chmod(0o440)
        found = findings(check("--json", "--quick", f"--user={USER}"), code=0)
    assert [each["sentence"] for each in found if each["state"] != "ok"] == [
        "the hub's account may run more than the launcher: /usr/bin/id, and may run it as ALL."
    ]


@pytest.mark.slow
def test_people_whom_the_launcher_should_not_act_for(check: Check) -> None:
    options = ("--json", "--quick", "--user=daemon", "--user=nobody-knows", "--outsider=student2")
    assert troubles(check(*options)) == [
        (CLUSTER, "launcher as daemon", "failed"),
        (CLUSTER, "launcher as nobody-knows", "failed"),
        (CLUSTER, "launcher's refusals", "failed"),
    ]


@pytest.mark.slow
def test_sessions_that_the_hub_may_not_lengthen(check: Check) -> None:
    config = 'c.ClusterSpawner.offers["cpu-small"]["more_hours"] = 1'
    found = findings(check("--json", f"--user={USER}", config=config), code=0)
    [trouble] = [each for each in found if each["state"] != "ok"]
    assert (trouble["where"], trouble["name"]) == (JOBS[0], "more hours")
    assert trouble["detail"].startswith("Invalid user id for job ")


@pytest.mark.slow
def test_no_room(check: Check, slurm_site: SlurmSite) -> None:
    slurm_site.machine.drain("gpu4")
    try:
        found = troubles(check("--json", f"--user={USER}", "--wait=1"), code=0)
    finally:
        slurm_site.machine.resume("gpu4")
    assert found == [(JOBS[0], "probe", "warning")]
    assert until(lambda: not jobs(slurm_site))


@pytest.mark.slow
def test_jobs_that_the_hub_may_not_see(check: Check, slurm_site: SlurmSite) -> None:
    conf = slurm_site.machine.conf
    before = conf.read_text()
    conf.write_text(f"{before}\nPrivateData=jobs\n")
    try:
        slurm_site.machine.command("scontrol", "reconfigure")
        found = findings(check("--json", f"--user={USER}"), code=1)
    finally:
        conf.write_text(before)
        slurm_site.machine.command("scontrol", "reconfigure")
    assert [
        (each["where"], each["sentence"].partition(" was ")[2])
        for each in found
        if each["state"] != "ok"
    ] == [(where, "submitted, but squeue does not show it to this account.") for where in JOBS]
    assert until(lambda: not jobs(slurm_site))


@pytest.mark.slow
def test_no_controller(check: Check, slurm_site: SlurmSite) -> None:
    slurm_site.machine.stop_controller()
    try:
        found = findings(check("--json", f"--user={USER}"), code=1)
    finally:
        slurm_site.machine.start_controller()
    assert [(each["name"], each["state"]) for each in found if each["state"] != "ok"] == [
        ("answers", "failed"),
        ("offers", "skipped"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_its_jobs_away(
    check: Check, slurm_site: SlurmSite, number: signal.Signals
) -> None:
    process = check(f"--user={USER}")
    assert until(lambda: bool(jobs(slurm_site)))
    process.send_signal(number)
    out, err = process.communicate(timeout=SILENT_SECONDS)
    assert (process.returncode, err) == (1, "Interrupted; what was started is taken away.\n"), out
    assert until(lambda: not jobs(slurm_site))
    assert left_files(USER) == []
