"""A session that is no Jupyter: binds, reports, and answers with its job and the time it started.

Where a test needs many sessions, or many starts, and what they serve is no matter. Only the
standard library: it starts in 50 ms.
"""

import http.server
import json
import os
import pathlib
import time
import urllib.error
import urllib.request

STARTED = time.time()


class Answer(http.server.BaseHTTPRequestHandler):
    """Tells which job this is."""

    def do_GET(self) -> None:
        """The same to everybody."""
        body = json.dumps({"job": os.environ.get("SLURM_JOB_ID"), "started": STARTED}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a log grows."""


def report(port: int, settings: dict[str, str], token: str) -> None:
    """As the real session does, until the hub is there. Raises HTTPError when it refuses."""
    request = urllib.request.Request(
        f"{settings['JUPYTERHUB_API_URL']}/session",
        data=json.dumps({"port": port, "attempt": int(settings["LESESAL_ATTEMPT"])}).encode(),
        headers={"Authorization": f"token {token}"},
    )
    while True:
        try:
            urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.2)
        else:
            return


def main() -> None:
    """Serve until it is ended."""
    folder = pathlib.Path(os.environ["LESESAL_SESSION_DIR"])
    settings = json.loads((folder / "session.json").read_text())
    server = http.server.ThreadingHTTPServer((settings["LESESAL_BIND"], 0), Answer)
    report(server.server_port, settings, (folder / "token").read_text())
    server.serve_forever()


if __name__ == "__main__":
    main()
