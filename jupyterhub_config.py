"""The embedded classroom's configuration, and the example for a site's own.

The composition root: it names classes and files and holds no logic. `lesesal run` starts the hub
with it; docs/operators.md says what to change for a cluster.
"""

import os
import sys
from pathlib import Path

from courses.hub import rehearsals
from courses.hub.accounts import AccountsAuthenticator
from courses.hub.guests import with_guests
from courses.hub.terms import StoreTerms
from courses.store import default_url
from spawners.hub import PAGES, SQLITE, ClusterSpawner

c = get_config()  # noqa: F821 - traitlets provides it

here = Path(__file__).parent
home = Path(os.environ["LESESAL_HOME"])
port = int(os.environ.get("PORT", "8000"))
database = default_url(home)

# The hub and its proxy: loopback only.
c.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port + 81}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 1}"
c.ConfigurableHTTPProxy.command = [sys.executable, "-m", "spawners.proxy"]
c.ConfigurableHTTPProxy.pid_file = str(home / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{home / 'jupyterhub.sqlite'}"
c.JupyterHub.db_kwargs = SQLITE
c.JupyterHub.cookie_secret_file = str(home / "cookie-secret")
# Join codes, and the guests that they may make, beside the accounts.
c.JupyterHub.authenticator_class = with_guests(AccountsAuthenticator)
c.Guests.home = str(home)
c.AccountsAuthenticator.accounts_file = str(home / "demo-accounts.json")

# Whoever starts this reads the address and the accounts in the terminal, not each request.
c.JupyterHub.log_level = "WARN"
c.ConfigurableHTTPProxy.log_level = "error"

# A named server is a course's session; the classroom is where one chooses it.
c.JupyterHub.default_url = "/services/classroom/"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.template_paths = [str(PAGES)]
c.JupyterHub.template_vars = {"classroom_url": "/services/classroom/"}

# Sessions: processes of this machine.
c.JupyterHub.spawner_class = ClusterSpawner
# Those that start wait for each other; JupyterHub would send the hundred-and-first one away.
c.JupyterHub.concurrent_spawn_limit = 0
c.ClusterSpawner.hub_id = "embedded"
c.ClusterSpawner.clusters = {"here": {"type": "local", "root": str(home / "sessions")}}
c.ClusterSpawner.offers = {
    "cpu-small": {
        "title": "This machine",
        "description": "A notebook on the machine that runs the classroom.",
        "cluster": "here",
        "cpus": 1,
        "memory_mb": 2048,
        "hours": 8,
        "more_hours": 2,
    },
}
c.ClusterSpawner.terms = StoreTerms(
    database, os.environ.get("LESESAL_ENVIRONMENTS", home / "environments")
)
c.ClusterSpawner.cmd = [
    str(here / ".venv" / "session" / "bin" / "python"),
    # Not from the home directory: a file json.py of a student's is no part of the server.
    "-P",
    "-m",
    "lesesal_notebook.session",
]
c.ClusterSpawner.default_url = "/lab"
c.ClusterSpawner.environment = {
    # Not over the proxy: the one from PyPI holds whole uploads in memory.
    "LESESAL_CLASSROOM_URL": f"http://127.0.0.1:{port + 82}/services/classroom/"
}

# The classroom.
c.JupyterHub.services = [
    {
        "name": "classroom",
        "url": f"http://127.0.0.1:{port + 82}",
        "command": [sys.executable, "-m", "courses.classroom", f"--ClassroomApp.home={home}"],
        # Not among the arguments, which others can read.
        "environment": {"LESESAL_DATABASE_URL": database},
        "oauth_no_confirm": True,
        # A hub ends itself when a service does not come up in time: 30 s, if nobody says more.
        "timeout": 120,
    },
    # `lesesal rehearse` asks the hub with the token in $LESESAL_HOME/rehearsal-token.
    rehearsals.service(home),
]
c.JupyterHub.load_roles = [
    rehearsals.role(),
    {
        "name": "classroom",
        "services": ["classroom"],
        "scopes": [
            "read:servers",
            "servers",
            # Groups follow from enrolments.
            "admin:groups",
            "groups",
            "list:groups",
            # Guests leave when their time is over.
            "delete:users!group=lesesal_guests",
        ],
    },
    {"name": "user", "scopes": ["self", "access:services!service=classroom"]},
    # What a session's token may do: be a session, and hand in.
    {
        "name": "server",
        "scopes": [
            "users:activity!user",
            "access:servers!server",
            "access:services!service=classroom",
        ],
    },
]
