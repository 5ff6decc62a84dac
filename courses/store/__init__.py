"""What the classroom remembers: a database of who, what and when, and blobs of what was sent.

One file for each group of tables, with its queries beside it. A query takes the open transaction
first; `Store.reading` and `Store.writing` open one.
"""

from courses.store.blobs import Blob, BlobStore, Incoming
from courses.store.database import Store, default_url

# Tables name one another: whoever uses one needs all of them declared.
from courses.store.migrations import tables as _tables  # noqa: F401

__all__ = ["Blob", "BlobStore", "Incoming", "Store", "default_url"]
