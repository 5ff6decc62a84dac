"""JupyterHub: the spawner class, the route a session reports to, the form and the pages.

Importing this package puts our routes into the hub's handlers and takes batchspawner's out (see
`routes`).
"""

from pathlib import Path

from . import asking, certificates, database, keeping, languages, routes
from .database import SQLITE
from .spawner import ClusterSpawner

# The hub's pages in our words and colours, for c.JupyterHub.template_paths.
PAGES = Path(__file__).with_name("pages")

routes.install()
certificates.install()
database.install()
asking.install()
keeping.install()
languages.install()

__all__ = ["PAGES", "SQLITE", "ClusterSpawner"]
