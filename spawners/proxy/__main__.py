"""``python -m spawners.proxy``: PyPI's configurable-http-proxy, with its own options.

As it comes it passes on ten requests at a time (``max_clients`` of tornado's ``AsyncHTTPClient``),
and all others wait: for a page that waits for news of its session, or for an upload.
"""

from __future__ import annotations

from configurable_http_proxy.cli import main
from tornado.httpclient import AsyncHTTPClient

AT_ONCE = 2000

if __name__ == "__main__":
    AsyncHTTPClient.configure(None, max_clients=AT_ONCE)
    main()
