"""Messages between a caged child and its parent: a JSON header, then the bytes of arrays.

Nothing that comes from the child is unpickled, and every size is checked before it is read.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_deploy.core.errors import EdgeDeployError

if TYPE_CHECKING:
    from edge_deploy.core.spec import Arrays

MOST_HEADER = 256_000_000
MOST_ARRAYS = 4_000_000_000
_LENGTHS = struct.Struct("<QQ")
_KINDS = "biuf"


class ChannelError(EdgeDeployError):
    """The other side sent what is no message."""


class Channel:
    """One end of a pair of sockets."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, header: Mapping[str, Any], arrays: Arrays | None = None) -> None:
        """Send a message.

        Args:
            header: What JSON can hold.
            arrays: Numbers or truth values by name.
        """
        given = _contiguous(arrays) if arrays else {}
        shapes = [[name, a.dtype.str, list(a.shape)] for name, a in given.items()]
        text = json.dumps({"header": header, "arrays": shapes}).encode()
        size = sum(array.nbytes for array in given.values())
        self._connection.sendall(_LENGTHS.pack(len(text), size) + text)
        for array in given.values():
            if array.nbytes:
                self._connection.sendall(array.reshape(-1).view("u1").data)

    def receive(self) -> tuple[dict[str, Any], Arrays] | None:
        """The next message; None where the other side has gone.

        Raises:
            ChannelError: It is not one.
        """
        lengths = self._read(_LENGTHS.size)
        if lengths is None:
            return None
        of_header, of_arrays = _LENGTHS.unpack(lengths)
        if of_header > MOST_HEADER or of_arrays > MOST_ARRAYS:
            raise ChannelError(f"a message of {of_header + of_arrays:,} bytes is too long.")
        text, body = self._read(of_header), self._read(of_arrays)
        if text is None or body is None:
            return None
        try:
            document = json.loads(text)
            header, shapes = document["header"], document["arrays"]
            if not isinstance(header, dict):
                raise TypeError("header")
            return header, _arrays(shapes, body) if shapes or body else {}
        except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ChannelError(f"not a message ({type(error).__name__}).") from error

    def ask(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message without arrays, and wait for the answer's header.

        Raises:
            ChannelError: The other side has gone, or sent what is no message.
        """
        self.send(header)
        answer = self.receive()
        if answer is None:
            raise ChannelError("The process that started this one has ended.")
        return answer[0]

    def close(self) -> None:
        """Let the other side read that nothing more comes."""
        self._connection.close()

    def _read(self, count: int) -> bytearray | None:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._connection.recv(min(count - len(data), 1 << 20))
            except ConnectionError:
                return None
            if not part:
                return None
            data += part
        return data


def _contiguous(arrays: Arrays) -> Arrays:
    import numpy as np

    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _arrays(shapes: Any, body: bytearray) -> Arrays:
    import numpy as np

    arrays: Arrays = {}
    place = 0
    for name, code, shape in shapes:
        dtype = np.dtype(str(code))
        if dtype.kind not in _KINDS or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("array")
        count = math.prod(shape)
        arrays[str(name)] = np.frombuffer(body, dtype, count, place).reshape(shape)
        place += count * dtype.itemsize
    if place != len(body):
        raise ValueError("arrays")
    return arrays
