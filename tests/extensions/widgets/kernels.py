"""A real kernel with widgets, and their state as a frontend has it."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from extensions.session.stand_in import PYTHON
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.kernelspec import KernelSpec

SECONDS = 90


@dataclass
class Frontend:
    """What a page knows of a kernel's widgets.

    Attributes:
        models: the widgets' state, by the id of their comm.
        texts: what cells have printed and shown as text, in order.
    """

    client: BlockingKernelClient
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    idle: set[str] = field(default_factory=set)

    def run(self, code: str) -> None:
        """Run a cell to its end."""
        asked = self.client.execute(code)
        self.until(lambda: asked in self.idle)

    def start(self, code: str, printed: str) -> str:
        """Run a cell until it has printed this; gives its message's id."""
        asked = self.client.execute(code)
        self.until(lambda: any(printed in text for text in self.texts))
        return asked

    def find(self, name: str, **state: object) -> list[dict[str, Any]]:
        """Widgets of a kind, with this state."""
        return [
            model
            for model in self.models.values()
            if model.get("_model_name") == f"{name}Model"
            and all(model.get(key) == value for key, value in state.items())
        ]

    def shows(self, text: str) -> bool:
        """Whether a widget has this text."""
        return any(text in value for value in self.values())

    def values(self) -> list[str]:
        """What the widgets say, as a person reads it."""
        found = (model.get("value") for model in self.models.values())
        return [unescape(value) for value in found if isinstance(value, str)]

    def click(self, description: str, subshell: str | None = None) -> None:
        """Press a button."""
        [comm] = [key for key, each in self.models.items() if _is_button(each, description)]
        self.send(comm, {"method": "custom", "content": {"event": "click"}}, subshell)

    def send(self, comm: str, data: dict[str, Any], subshell: str | None = None) -> None:
        """Send a message to a widget, as JupyterLab does: to a subshell, if it has one."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def subshell(self) -> str:
        """Let the kernel make one."""
        message = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(message)
        while True:
            answer = self.client.get_control_msg(timeout=SECONDS)
            if answer["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return str(answer["content"]["subshell_id"])

    def until(self, true: Callable[[], object]) -> None:
        """Take in what the kernel says until something is so."""
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline, (self.texts, self.values())
            with contextlib.suppress(queue.Empty):
                self._take(self.client.get_iopub_msg(timeout=0.2))

    def _take(self, message: Mapping[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open":
            self.models[content["comm_id"]] = dict(content["data"]["state"])
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            self.models.get(content["comm_id"], {}).update(content["data"]["state"])
        elif kind == "stream":
            self.texts.append(content["text"])
        elif kind in ("execute_result", "display_data"):
            self.texts.append(content["data"].get("text/plain", ""))
        elif kind == "error":
            self.texts.append("\n".join(content["traceback"]))
        elif kind == "status" and content["execution_state"] == "idle":
            self.idle.add(message["parent_header"]["msg_id"])


def _is_button(model: dict[str, Any], description: str) -> bool:
    return model.get("_model_name") == "ButtonModel" and model.get("description") == description


@contextlib.contextmanager
def kernel(environment: Mapping[str, str]) -> Iterator[Frontend]:
    """A kernel of the session side, in this environment."""
    argv = [str(PYTHON), "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=argv, display_name="Python", language="python")
    manager.start_kernel(env=dict(environment), cwd=environment["HOME"])
    try:
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=SECONDS)
        yield Frontend(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
