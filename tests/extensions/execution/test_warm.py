"""What is remembered for tracebacks, beside the tracebacks of a kernel that remembers nothing."""

from __future__ import annotations

import forked

from lesesal_notebook.execution.servers import WARM
from lesesal_notebook.kernels.client import ForkServer

CELLS = (
    "def fails(n):\n    word = 'ünï' * n  # a comment\n    return 1 / n\nfails(0)",
    "assert 1 == 2, 'a'\nfails(0)",
    "assert 1 == 3, 'b'\nfails(0)",
    "assert 1 == 2, 'a'\nfails(0)",
    "fails(0)",
    "\n\nfails(0)",
    "x = (1,\n     '''text\n     over lines''',\n     {}['key'])",
    "x = '''text\n     over lines'''; {}['key']",
    "raise KeyError('a') from ValueError('b')",
    "def f(n): return f(n - 1) if n else {}['deep']\nf(50)",
    "%xmode Verbose\nfails(0)",
    "%xmode Context\n%colors nocolor\nfails(0)",
    "%colors linux\nfails(0)",
    "import json\njson.loads('{')",
    "exec('1 / 0')",
    "x = " + "1 + " * 400 + "{}['key']",
    "no such",
)


async def test_tracebacks_are_what_they_were() -> None:
    said = []
    for preloaded in ([], [WARM]):
        with ForkServer(preloaded, environment=forked.ENVIRONMENT) as server:
            async with forked.kernel(server) as cells:
                said.append([await cells.run(cell) for cell in CELLS * 2])
    for plain, warm in zip(*said, strict=True):
        assert warm == plain
