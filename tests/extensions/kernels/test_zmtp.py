"""A kernel's side of ZeroMQ's protocol, with libzmq on the other side."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio
from tornado.ioloop import IOLoop

from lesesal_notebook.kernels.channels import Publisher, Router
from lesesal_notebook.kernels.zmtp import encoded, topic

SECONDS = 60
FRAMES = [b"", b"x" * 255, b"x" * 256, b"y" * 3_000_000, b"end"]


def listener(path: Path) -> int:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    made.listen()
    return made.detach()


def connected(kind: int, path: Path, **options: Any) -> zmq.asyncio.Socket:
    made = zmq.asyncio.Context.instance().socket(kind)
    made.linger = 0
    for name, value in options.items():
        setattr(made, name, value)
    made.connect(f"ipc://{path}")
    return made


async def received(peer: zmq.asyncio.Socket) -> list[bytes]:
    return await asyncio.wait_for(peer.recv_multipart(), SECONDS)


async def test_a_router_answers_who_asked(tmp_path: Path) -> None:
    router = Router(listener(tmp_path / "router"))

    async def echo(frames: list[zmq.Frame]) -> None:
        router.send_multipart([bytes(frame) for frame in frames])

    router.on_recv(echo)
    router.listen(IOLoop.current())
    peers = [
        connected(zmq.DEALER, tmp_path / "router", **options)
        for options in ({}, {"identity": b"a" * 255}, {"identity": b"b"})
    ]
    for number, peer in enumerate(peers * 2):
        await peer.send_multipart([*FRAMES, b"%d" % number])
    for number, peer in enumerate(peers * 2):
        assert await received(peer) == [*FRAMES, b"%d" % number]
    # Who comes again under the same name takes over.
    again = connected(zmq.DEALER, tmp_path / "router", identity=b"b")
    await again.send_multipart([b"again"])
    assert await received(again) == [b"again"]
    router.send_multipart([b"b", b"word"])
    assert await received(again) == [b"word"]
    router.send_multipart([b"nobody", b"word"])
    for peer in (*peers, again):
        peer.close()


async def test_a_publisher_tells_those_who_want_it(tmp_path: Path) -> None:
    publisher = Publisher(listener(tmp_path / "pub"), lambda prefix: encoded([prefix, b"welcome"]))
    publisher.listen(IOLoop.current())
    everything = connected(zmq.SUB, tmp_path / "pub", subscribe=b"")
    one = connected(zmq.SUB, tmp_path / "pub", subscribe=b"one")
    assert await received(everything) == [b"", b"welcome"]
    assert await received(one) == [b"one", b"welcome"]
    publisher.publish([encoded([b"other", *FRAMES]), encoded([b"one.more", b""])])
    assert await received(one) == [b"one.more", b""]
    while (found := await received(everything))[0] != b"other":
        pass
    assert found == [b"other", *FRAMES]
    assert await received(everything) == [b"one.more", b""]
    one.unsubscribe(b"one")
    one.subscribe(b"last")
    while await received(one) != [b"last", b"welcome"]:
        pass
    publisher.publish([encoded([b"one"]), encoded([b"last"])])
    assert await received(one) == [b"last"]
    for peer in (everything, one):
        peer.close()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n" * 10, b"\xff" * 64, b""])
async def test_who_speaks_something_else_is_left(tmp_path: Path, said: bytes) -> None:
    router = Router(listener(tmp_path / "router"))
    heard: list[object] = []

    async def hear(frames: list[zmq.Frame]) -> None:
        heard.append(frames)

    router.on_recv(hear)
    router.listen(IOLoop.current())
    reader, writer = await asyncio.open_unix_connection(tmp_path / "router")
    writer.write(said)
    writer.write_eof()
    # Its greeting, and then the end.
    greeting = await asyncio.wait_for(reader.read(), SECONDS)
    assert greeting.startswith(b"\xff")
    writer.close()
    assert router.links == ()
    peer = connected(zmq.DEALER, tmp_path / "router", identity=b"b")
    await peer.send_multipart([b"word"])
    while not heard:
        await asyncio.sleep(0)
    assert [[bytes(frame) for frame in frames] for frames in heard] == [[b"b", b"word"]]  # type: ignore[attr-defined]
    peer.close()


@pytest.mark.parametrize("first", FRAMES)
def test_the_topic_of_what_is_encoded(first: bytes) -> None:
    assert topic(encoded([first, b"word"])) == first
    assert topic(encoded([first])) == first
