"""The two hubs of `make bench-start`: ours and stock, on the same Slurm, as operators have them.

Ours: the hub under its own account, the launcher through sudo, the session side deployed with its
bytecode. The classroom is not there: no session needs it to start.

Stock: a JupyterHub with batchspawner's `SlurmSpawner` as its README says, from an installation of
its own with bytecode. All is default, `sudo -E -u {username}` and the job script's template too,
but for what makes it work here at all:

- `import batchspawner` in the configuration, and a sudo rule for sbatch, squeue and scancel;
- the programs' full paths, and Python before the scripts of an environment that can be moved, whose
  own first line starts three more processes: as a script of an ordinary one starts;
- `SLURM_CONF` in the environment, since this Slurm's configuration is not in /etc;
- `req_partition`, `req_nprocs`, `req_memory`, `req_runtime`: the same as our offer.

Both have JupyterHub's defaults, 300 s to start, and the proxy that JupyterHub's documentation names
(npm's; Debian package node-configurable-http-proxy). The one from PyPI asks for ten pages at a time
and holds a stream back until it ends: with it, the benchmark would measure the proxy.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployed import CHECKOUT, copy
from hubs import Hub, running_hub
from slurm_site import SUDO_RULES, SlurmSite

ACCOUNT: Final = "start-hub"
PARTITION: Final = "gpu"
MEMORY_MB: Final = 512
PROXY: Final = "/usr/bin/configurable-http-proxy"
# Debian's packages of Node lie where a Node of another origin does not look.
PROXY_COMMAND: Final = ["env", "NODE_PATH=/usr/share/nodejs", PROXY]
SESSION: Final = ("-P", "-m", "lesesal_notebook.session")
"""After the session side's Python, as docs/operators.md has it."""
OURS: Final = """
c.ConfigurableHTTPProxy.command = {proxy}
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "bench"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", **{cluster}}}}}
c.ClusterSpawner.offers = {{"session": {{
    "title": "A session", "cluster": "one", "partition": "{partition}",
    "cpus": 1, "memory_mb": {memory_mb}, "hours": 1,
}}}}
c.ClusterSpawner.cmd = {command}
c.ClusterSpawner.default_url = "/lab"
c.ClusterSpawner.start_timeout = 300
"""
STOCK: Final = """
c.ConfigurableHTTPProxy.command = {proxy}
import batchspawner
c.JupyterHub.spawner_class = "batchspawner.SlurmSpawner"
c.SlurmSpawner.start_timeout = 300
c.SlurmSpawner.environment = {{"SLURM_CONF": "{conf}"}}
c.SlurmSpawner.req_partition = "{partition}"
c.SlurmSpawner.req_nprocs = "1"
c.SlurmSpawner.req_memory = "{memory_mb}"
c.SlurmSpawner.req_runtime = "1:00:00"
c.SlurmSpawner.batchspawner_singleuser_cmd = "{command}"
c.SlurmSpawner.cmd = ["{bin}/jupyterhub-singleuser"]
c.SlurmSpawner.default_url = "/lab"
"""


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        name: `ours` or `stock`.
        hub: it runs.
        options: the user options of a start.
    """

    name: str
    hub: Hub
    options: dict[str, str]

    def log(self, user: str) -> str:
        """The end of the log of this user's last session."""
        pattern = ".local/state/lesesal/logs/bench/*.log"
        home = Path(pwd.getpwnam(user).pw_dir)
        logs = home.glob(pattern if self.name == "ours" else "jupyterhub_slurmspawner_*.log")
        newest = max(logs, key=lambda path: path.stat().st_mtime, default=None)
        return newest.read_text(errors="replace")[-600:] if newest else "there is none"


@dataclass(frozen=True)
class Bench:
    """The Slurm and what both sides need on it.

    Attributes:
        site: with our side deployed.
        stock: the interpreter of stock's installation; every account can read it.
    """

    site: SlurmSite
    stock: Path

    @contextlib.contextmanager
    def side(self, name: str, wrapper: Sequence[str] = ()) -> Iterator[Side]:
        """A side's hub, with `wrapper` before its jobs' command."""
        run = self._ours if name == "ours" else self._stock
        with run(list(wrapper)) as hub:
            yield Side(name, hub, {"offer": "session"} if name == "ours" else {})

    def _ours(self, wrapper: list[str]) -> contextlib.AbstractContextManager[Hub]:
        config = OURS.format(
            proxy=PROXY_COMMAND,
            cluster=self.site.cluster,
            partition=PARTITION,
            memory_mb=MEMORY_MB,
            command=[*wrapper, str(self.site.deployed.session), *SESSION],
        )
        return running_hub(self.site.home, config, self.site.deployed.hub, self.site.as_hub())

    def _stock(self, wrapper: list[str]) -> contextlib.AbstractContextManager[Hub]:
        programs = self.stock.parent
        config = STOCK.format(
            proxy=PROXY_COMMAND,
            conf=self.site.machine.conf,
            partition=PARTITION,
            memory_mb=MEMORY_MB,
            command=" ".join([*wrapper, str(self.stock), f"{programs}/batchspawner-singleuser"]),
            bin=programs,
        )
        account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
        prefix = ["env", f"SLURM_CONF={self.site.machine.conf}", *account]
        return running_hub(self.site.home.with_name("stock-state"), config, self.stock, prefix)


@contextlib.contextmanager
def bench(site: SlurmSite) -> Iterator[Bench]:
    """Add to a site what stock needs: its installation, the account of its hub, a sudo rule."""
    root = site.home.parent
    copy(CHECKOUT / ".venv" / "stock", root / "opt" / "stock")
    site.machine.add_users([ACCOUNT])
    entry = pwd.getpwnam(ACCOUNT)
    home = root / "stock-state"
    home.mkdir(mode=0o700)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    rule = SUDO_RULES / f"{root.name}-stock"
    programs = ", ".join(f"/usr/bin/{name}" for name in ("sbatch", "squeue", "scancel"))
    # Not seen by sudo before it is whole: a name with a dot is not read.
    temporary = rule.with_name(f".{rule.name}")
    temporary.touch(mode=0o440)
    temporary.write_text(f"{ACCOUNT} ALL=({','.join(site.users)}) NOPASSWD:SETENV: {programs}\n")
    temporary.rename(rule)
    try:
        yield Bench(site, root / "opt" / "stock" / "bin" / "python")
    finally:
        rule.unlink(missing_ok=True)
