"""A kernel's messages on their way to a page, each sent when it is there."""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptChannels(ZMQChannelsWebsocketConnection):
    """Jupyter's, on a connection that does not wait for more to send.

    A cell's messages are small. Without this the last of them wait until what was sent before is
    acknowledged, which takes 40 ms for each cell (tornado's `WebSocketHandler.set_nodelay`).
    """

    def connect(self) -> Any:
        """Called when a page has opened its connection."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
