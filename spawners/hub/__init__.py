"""JupyterHub: the spawner class, the route a session reports to, the form and the pages.

Importing this package puts the callback route into the hub's handlers and takes batchspawner's out
(see `routes`).
"""

from . import routes
from .spawner import ClusterSpawner

routes.install()

__all__ = ["ClusterSpawner"]
