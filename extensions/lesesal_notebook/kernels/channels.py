"""A kernel's channels over sockets that listen already, in place of libzmq's sockets."""

from __future__ import annotations

import asyncio
import operator
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import zmq
from tornado.platform.asyncio import BaseAsyncIOLoop as IOLoop

from .zmtp import Link, encoded, topic


class Channel:
    """The side that listens, with all its peers.

    Args:
        listener: the descriptor of a listening socket, which is its own from now on.
    """

    kind = b""

    def __init__(self, listener: int) -> None:
        self._listener = socket.socket(fileno=listener)
        self._pid = os.getpid()
        self._count = 0
        self.links: tuple[Link, ...] = ()

    def listen(self, loop: IOLoop) -> None:
        """Talk to peers from now on."""
        self.io_loop = loop
        self._loop: asyncio.AbstractEventLoop = loop.asyncio_loop
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        if os.getpid() != self._pid:
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        self._count += 1
        link = Link(connection, self.kind, b"\0" + struct.pack(">I", self._count))
        self.links = (*self.links, link)
        self.watch(link)

    def _receive(self, link: Link) -> None:
        if os.getpid() != self._pid:
            return
        try:
            messages = link.receive()
        except OSError:
            self.links = tuple(one for one in self.links if one is not link)
            self.unwatch(link)
            link.close()
            return
        for frames in messages:
            self.take(link, frames)

    def watch(self, link: Link) -> None:
        """A peer came."""
        self._loop.add_reader(link, self._receive, link)

    def unwatch(self, link: Link) -> None:
        """A peer is gone."""
        self._loop.remove_reader(link)

    def take(self, link: Link, frames: list[bytes]) -> None:
        """A message came."""
        raise NotImplementedError


class Router(Channel):
    """A ROUTER socket, as far as ipykernel uses one as a `ZMQStream`."""

    kind = b"ROUTER"

    def __init__(self, listener: int) -> None:
        super().__init__(listener)
        # The loop itself keeps no hold of them.
        self._tasks: set[asyncio.Task[None]] = set()

    def on_recv(
        self, callback: Callable[[list[zmq.Frame]], Coroutine[Any, Any, None]], **_: Any
    ) -> None:
        self._callback = callback

    def take(self, link: Link, frames: list[bytes]) -> None:
        whole = [zmq.Frame(link.identity), *map(zmq.Frame, frames)]
        task = self._loop.create_task(self._callback(whole))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def send_multipart(self, frames: Sequence[Any], **_: Any) -> None:
        """To whom the first frame names; to nobody where that one is gone."""
        for link in reversed(self.links):
            if link.identity == frames[0]:
                link.put((encoded(frames[1:]),))()
                link.send()
                return

    def flush(self, *_: Any, **__: Any) -> int:
        """All is sent by now."""
        return 0


class Questions(Router):
    """A ROUTER socket for cells that ask and wait, while the loop does not go round."""

    def __init__(self, listener: int) -> None:
        super().__init__(listener)
        self._answers: deque[list[bytes]] = deque()
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)

    def fileno(self) -> int:
        """Readable when something has come."""
        return self._poll.fileno()

    def watch(self, link: Link) -> None:
        self._poll.register(link, select.EPOLLIN)

    def unwatch(self, link: Link) -> None:
        self._poll.unregister(link)

    def take(self, link: Link, frames: list[bytes]) -> None:
        self._answers.append([link.identity, *frames])

    def _look(self, seconds: float) -> None:
        for descriptor, _ in self._poll.poll(seconds):
            if descriptor == self._listener.fileno():
                self._accept()
            for link in self.links:
                if link.fileno() == descriptor:
                    self._receive(link)

    def recv_multipart(self, *_: Any, **__: Any) -> list[bytes]:
        """What has come. Raises zmq.Again when that is nothing."""
        self._look(0)
        if not self._answers:
            raise zmq.Again
        return self._answers.popleft()

    def send_multipart(self, frames: Sequence[Any], **_: Any) -> None:
        """Waits for whom it is for."""
        while all(link.identity != frames[0] for link in self.links):
            self._look(1)
        super().send_multipart(frames)


class Publisher(Channel):
    """An XPUB socket. `welcome` is called with each topic that somebody subscribes to."""

    kind = b"XPUB"

    def __init__(self, listener: int, welcome: Callable[[bytes], bytes]) -> None:
        super().__init__(listener)
        self._welcome = welcome

    def take(self, link: Link, frames: list[bytes]) -> None:
        wanted, prefix = frames[0][:1] == b"\1", frames[0][1:]
        if wanted:
            link.prefixes = (*link.prefixes, prefix)
            self.publish((self._welcome(prefix),))
        elif prefix in link.prefixes:
            at = link.prefixes.index(prefix)
            link.prefixes = link.prefixes[:at] + link.prefixes[at + 1 :]

    def publish(self, messages: Sequence[bytes], done: Callable[[], object] = int) -> None:
        """Send encoded messages to whom wants them.

        Args:
            done: is called when they are in line, in the same step: either both happen or none.
        """
        links = [link for link in self.links if link.prefixes]
        puts = [
            link.put([one for one in messages if topic(one).startswith(link.prefixes)])
            for link in links
        ]
        deque(map(operator.call, (*puts, done)), 0)
        for link in links:
            link.send()
