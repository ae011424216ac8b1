"""Messages between a child and its parent: what is sent arrives, and what is none is refused."""

from __future__ import annotations

import json
import socket
import struct
from threading import Thread

import numpy as np
import pytest

from edge_deploy.core.worker.channel import MOST_ARRAYS, MOST_HEADER, Channel, ChannelError


def test_what_is_sent_arrives() -> None:
    here, there = socket.socketpair()
    arrays = {
        "image": np.random.default_rng(0).normal(size=(1, 500, 500, 3)).astype(np.float32),
        "turned": np.arange(12, dtype=np.int64).reshape(3, 4).T,
        "truth": np.array([True, False]),
        "none": np.zeros((0, 3), np.uint8),
        "one": np.float64(0.1) * np.ones(()),
    }
    sender = Thread(target=Channel(here).send, args=({"name": "ü\n", "nan": float("nan")}, arrays))
    sender.start()
    answer = Channel(there).receive()
    sender.join()
    assert answer is not None
    header, found = answer
    assert header["name"] == "ü\n" and np.isnan(header["nan"])
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    here.close()
    assert Channel(there).receive() is None
    there.close()


def message(document: object, body: bytes = b"") -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return struct.pack("<QQ", len(text), len(body)) + text + body


def of_arrays(*shapes: object) -> object:
    return {"header": {}, "arrays": shapes}


WRONG = {
    "long header": struct.pack("<QQ", MOST_HEADER + 1, 0),
    "long arrays": struct.pack("<QQ", 2, MOST_ARRAYS + 1),
    "no JSON": message(b"\x80\x04."),
    "deep": message(b"[" * 200_000),
    "list": message([]),
    "no header": message({"arrays": []}),
    "header of text": message({"header": "open", "arrays": []}),
    "objects": message(of_arrays(["x", "|O", [1]]), bytes(8)),
    "records": message(of_arrays(["x", [["a", "<f4"]], [1]]), bytes(4)),
    "text": message(of_arrays(["x", "<U1", [1]]), bytes(4)),
    "short": message(of_arrays(["x", "<f4", [2]]), bytes(4)),
    "rest": message(of_arrays(["x", "<f4", [1]]), bytes(8)),
    "below none": message(of_arrays(["x", "<f4", [-1]]), bytes(4)),
    "huge": message(of_arrays(["x", "<f4", [0, 10**30]])),
    "fraction": message(of_arrays(["x", "<f4", [1.0]]), bytes(4)),
    "digits": message(b'{"header": {"n": ' + b"9" * 5000 + b'}, "arrays": []}'),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_message_is_refused(name: str) -> None:
    here, there = socket.socketpair()
    with here, there:
        sender = Thread(target=here.sendall, args=(WRONG[name],))
        sender.start()
        with pytest.raises(ChannelError):
            Channel(there).receive()
        sender.join()


def test_a_message_that_ends_early_is_an_end() -> None:
    here, there = socket.socketpair()
    with there:
        here.sendall(message({"header": {}, "arrays": []})[:-3])
        here.close()
        assert Channel(there).receive() is None
