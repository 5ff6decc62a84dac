"""jupyter_client's manager, nbclient and papermill over a fork server, unchanged."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from lesesal_notebook.kernels.client import ForkServer, KernelError
from lesesal_notebook.kernels.provisioner import ForkProvisioner, kernel_manager

SESSION = Path(__file__).resolve().parents[3] / ".venv" / "session" / "bin" / "python"
SECONDS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(environment=forked.ENVIRONMENT) as started:
        yield started


def over_tcp(server: ForkServer, **config: Any) -> AsyncKernelManager:
    """As a kernel specification that asks for the provisioner makes it."""
    manager = AsyncKernelManager(kernel_id="tcp")
    manager._kernel_spec = KernelSpec(
        argv=["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        language="python",
        env={"FROM_SPEC": "${HOME}/x"},
    )
    manager.provisioner = ForkProvisioner(
        kernel_id="tcp",
        kernel_spec=manager._kernel_spec,
        parent=manager,
        socket=str(server.socket),
        **config,
    )
    return manager


async def ready(manager: AsyncKernelManager) -> forked.Cells:
    client = manager.client()
    client.start_channels()
    cells = forked.Cells(manager, client)
    await cells.ready()
    return cells


async def test_a_kernel_over_tcp_is_stock_jupyters(server: ForkServer, tmp_path: Path) -> None:
    manager = over_tcp(server)
    await manager.start_kernel(cwd=str(tmp_path), env={"HOME": str(tmp_path)})
    try:
        cells = await ready(manager)
        assert await cells.value("import os\nos.environ['FROM_SPEC']") == repr(f"{tmp_path}/x")
        assert await cells.value("os.getcwd()") == repr(str(tmp_path))
        assert await cells.value("from ipykernel import get_connection_file\n1") == "1"
        file = await cells.value("get_connection_file()")
        assert json.loads(Path(eval(file)).read_text())["transport"] == "tcp"
        # A client can also beat, complete, and ask for a debugger.
        assert await cells.client._async_is_alive()
        cells.client.complete("os.getc", 7)
        reply = await cells.client.get_shell_msg(timeout=SECONDS)
        assert reply["content"]["matches"] == ["getcwd", "getcwdb"]
        cells.client.stop_channels()
    finally:
        await manager.shutdown_kernel(now=True)
    assert not manager.has_kernel
    assert not Path(eval(file)).exists()


@pytest.mark.parametrize("lean", [True, False], ids=["lean", "whole"])
async def test_a_polite_end_is_quick_and_runs_what_waits_for_it(
    server: ForkServer, tmp_path: Path, lean: bool
) -> None:
    manager = kernel_manager(server, lean=lean)
    await manager.start_kernel(cwd=str(tmp_path), env=forked.ENVIRONMENT)
    cells = await ready(manager)
    await cells.run("import atexit, pathlib\n_ = atexit.register(pathlib.Path('ended').touch)")
    provisioner = manager.provisioner
    assert isinstance(provisioner, ForkProvisioner)
    kernel = provisioner.forked
    assert kernel is not None
    await manager.request_shutdown()
    assert await asyncio.wait_for(kernel.ended(), SECONDS) == 0
    assert (tmp_path / "ended").exists() is not lean
    cells.client.stop_channels()
    await manager.shutdown_kernel(now=True)
    assert not list(server.folder.glob(f"{manager.kernel_id}*"))


async def test_a_kernel_is_started_again_at_the_same_place(server: ForkServer) -> None:
    manager = kernel_manager(server)
    await manager.start_kernel(env=forked.ENVIRONMENT)
    cells = await ready(manager)
    before = int(await cells.value("x = 1\nimport os\nos.getpid()"))
    await manager.restart_kernel(now=True)
    await cells.ready()
    assert int(await cells.value("import os\nos.getpid()")) != before
    assert dict(await cells.run("x"))["reply"]["ename"] == "NameError"
    cells.client.stop_channels()
    await manager.shutdown_kernel(now=True)


async def test_the_manager_sees_how_a_kernel_ends(server: ForkServer) -> None:
    manager = kernel_manager(server)
    await manager.start_kernel(env=forked.ENVIRONMENT)
    provisioner = manager.provisioner
    assert isinstance(provisioner, ForkProvisioner)
    assert provisioner.has_process
    assert await provisioner.poll() is None
    await manager.signal_kernel(signal.SIGTERM)
    assert await asyncio.wait_for(provisioner.wait(), SECONDS) == -signal.SIGTERM
    assert not await manager.is_alive()
    assert not provisioner.has_process
    assert await provisioner.poll() == await provisioner.wait() == 0
    await manager.cleanup_resources()


async def test_what_cannot_be_started_says_why(server: ForkServer, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    manager = kernel_manager(server)
    manager.ip = str(deep / "k")
    with pytest.raises(KernelError, match="is too long for a socket: 107 bytes at most"):
        await manager.start_kernel()
    nobody = kernel_manager(server)
    provisioner = nobody.provisioner
    assert isinstance(provisioner, ForkProvisioner)
    provisioner.socket = str(tmp_path / "nobody")
    with pytest.raises(KernelError, match="cannot be reached"):
        await nobody.start_kernel()


def notebook() -> nbformat.NotebookNode:
    cells = ("a = 20", "print('said')\na + 22", "import os\nos.environ.get('GIVEN')")
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


@pytest.mark.parametrize("lean", [True, False], ids=["lean", "whole"])
def test_nbclient_runs_a_notebook(server: ForkServer, tmp_path: Path, lean: bool) -> None:
    client = NotebookClient(
        notebook(),
        km=kernel_manager(server, lean=lean),
        resources={"metadata": {"path": str(tmp_path)}},
        iopub_timeout=SECONDS,
    )
    executed = client.execute(env={"GIVEN": "yes"}, cleanup_kc=True)
    assert [cell.execution_count for cell in executed.cells] == [1, 2, 3]
    stream, result = executed.cells[1].outputs
    assert (stream.text, result.data["text/plain"]) == ("said\n", "42")
    assert executed.cells[2].outputs[0].data["text/plain"] == "'yes'"


ASKED_FOR_BY_NAME = """
    import json, sys
    from pathlib import Path
    import nbformat
    from lesesal_notebook.kernels.client import ForkServer

    folder = Path(sys.argv[1])
    spec = folder / "kernels" / "forked"
    spec.mkdir(parents=True)
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        "a = 20", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(
        "import os\\nprint(a + 22, os.getppid())")])
    nb.metadata.kernelspec = {"name": "forked", "display_name": "", "language": "python"}
    nbformat.write(nb, folder / "in.ipynb")
    with ForkServer(["no_such_module"]) as server:
        (spec / "kernel.json").write_text(json.dumps({
            "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Forked", "language": "python", "metadata": {"kernel_provisioner": {
                "provisioner_name": "lesesal-fork", "config": {"socket": str(server.socket)}}}}))
        run(folder)
        print(*nb_outputs(folder / "out.ipynb"), server.pid)
"""
RUN = {
    "nbclient": """
        def run(folder):
            from nbclient import execute
            nb = nbformat.read(folder / "in.ipynb", 4)
            done = execute(nb, cwd=str(folder), startup_timeout=60, iopub_timeout=60)
            nbformat.write(done, folder / "out.ipynb")
    """,
    "papermill": """
        def run(folder):
            import papermill
            papermill.execute_notebook(
                folder / "in.ipynb", folder / "out.ipynb", {"a": 20}, progress_bar=False,
                iopub_timeout=60)
    """,
}
OUTPUTS = """
    def nb_outputs(path):
        last = nbformat.read(path, 4).cells[-1]
        return "".join(output.text for output in last.outputs).split()
"""


@pytest.mark.parametrize("runner", sorted(RUN))
def test_a_kernel_specification_asks_for_it(tmp_path: Path, runner: str) -> None:
    """In the session side's environment, by the provisioner's name."""
    script = "\n".join(textwrap.dedent(part) for part in (RUN[runner], OUTPUTS, ASKED_FOR_BY_NAME))
    said = subprocess.run(
        [SESSION, "-P", "-c", script, tmp_path],
        env=forked.ENVIRONMENT | {"JUPYTER_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    total, parent, server = said.stdout.split()
    assert total == "42"
    assert parent == server
    assert not Path(f"/proc/{server}").exists()
