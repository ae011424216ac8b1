"""Static files over HTTP, with the types and headers that a model in a page needs."""

from __future__ import annotations

import errno
import functools
import io
import ipaddress
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option

# Seconds for a whole request to arrive, and for a part of an answer to leave: who dribbles either
# holds a thread.
_ARRIVES, _LEAVES = 20.0, 60.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SITE = ("models/site.json", "models/index.json")

# Spelled out: what a system's own table says differs from machine to machine.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
    ".svg": "image/svg+xml",
}


def serve(
    folder: Path | str,
    port: int = 8000,
    host: str = "127.0.0.1",
    *,
    isolated: bool = False,
    any_folder: bool = False,
    ready: Callable[[str], object] | None = None,
) -> None:
    """Serve a folder until Ctrl-C.

    Args:
        folder: A built site.
        port: 0 takes a free one.
        host: The address to listen on; ``0.0.0.0`` lets other machines in.
        isolated: Send the COOP and COEP headers, which threads in WebAssembly need.
        any_folder: Serve a folder that ``demo`` did not write, too.
        ready: Is told the address when the server listens.

    Raises:
        UsageError: There is no such folder, it is no site, or the port cannot be had.
    """
    if (Path(folder) / "manifest.json").is_file():
        raise UsageError(
            f"{folder} is an artifact and not a site: `edge-deploy demo {folder}` builds one of it."
        )
    root = Path(folder)
    if root.is_dir() and not any_folder and not any((root / name).is_file() for name in _SITE):
        raise UsageError(
            f"{folder} is no site of edge-deploy: whoever reaches this port would read all files "
            f"in it. `edge-deploy demo ARTIFACT...` builds a site; {option('any_folder', True)} "
            "serves this folder all the same."
        )
    with start(folder, port, host, isolated=isolated) as server:
        if ready is not None:
            ready(address(server))
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def start(
    folder: Path | str,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    isolated: bool = False,
    mounts: Mapping[str, Path] | None = None,
    guarded: bool = True,
) -> ThreadingHTTPServer:
    """A server that listens and has still to be run.

    Args:
        folder: What ``/`` is.
        port: 0 takes a free one.
        host: The address to listen on.
        isolated: Send the COOP and COEP headers.
        mounts: Further folders by the first part of the path; may change while it runs.
        guarded: Answer only who asks for this machine by its address, ``localhost`` or ``host``:
            a page elsewhere may let its own name lead here.

    Raises:
        UsageError: There is no such folder, or the port cannot be had.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(
            f"{root}: no such folder to serve. `edge-deploy demo ARTIFACT...` builds a site."
        )
    handler = functools.partial(
        _Handler,
        root=root.resolve(),
        isolated=isolated,
        mounts={} if mounts is None else mounts,
        host=host if guarded else None,
    )
    try:
        return _Server((host, port), handler)
    except (OSError, OverflowError) as error:
        raise cannot_listen(host, port, error) from error


def cannot_listen(host: str, port: int, error: Exception) -> UsageError:
    """Words for a port that cannot be had."""
    taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    why = "something else listens there" if taken else str(error)
    return UsageError(
        f"{host}:{port} cannot be listened on: {why}. Give another {option('port')}; 0 takes a "
        "free one."
    )


def address(server: ThreadingHTTPServer) -> str:
    """Where a browser on this machine finds the server."""
    host, port = server.server_address[:2]
    name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
    return f"http://{'127.0.0.1' if name in ('0.0.0.0', '') else name}:{port}/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # On Windows this would let two servers share a port, and one of them gets no requests.
    allow_reuse_address = sys.platform != "win32"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who closes the tab in the middle of a download is no error."""


class Deadline(io.RawIOBase):
    """What a visitor sends, until the time for a whole request is over.

    Attributes:
        until: When that is, by ``time.monotonic``.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.until = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request did not arrive in time")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else the second part of an answer waits 40 ms for a word of the visitor that has the first.
    disable_nagle_algorithm = True
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **_TYPES}  # noqa: RUF012

    def __init__(
        self,
        *args: Any,
        root: Path,
        isolated: bool,
        mounts: Mapping[str, Path],
        host: str | None,
        **kwargs: Any,
    ) -> None:
        self._root, self._isolated, self._mounts, self._host = root, isolated, mounts, host
        super().__init__(*args, directory=str(root), **kwargs)

    def setup(self) -> None:
        """Read through a deadline."""
        super().setup()
        self.rfile.close()
        self._deadline = Deadline(self.connection)
        self.rfile = io.BufferedReader(self._deadline)

    def handle_one_request(self) -> None:
        """Each request of a connection has its own time."""
        self._deadline.until = time.monotonic() + _ARRIVES
        super().handle_one_request()

    def parse_request(self) -> bool:
        """A request that arrived in time, for a name of this machine."""
        if not super().parse_request():
            return False
        self.connection.settimeout(_LEAVES)
        if self._host is None or _is_own(self.headers.get_all("Host") or [], self._host):
            return True
        self.close_connection = True
        self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This is not the host that was asked for")
        return False

    def translate_path(self, path: str) -> str:
        """The file of an URL; outside of the folders it is one that cannot exist."""
        parts = [part for part in unquote(urlsplit(path).path).split("/") if part not in ("", ".")]
        root = self._root
        if parts and parts[0] in self._mounts:
            root = self._mounts[parts[0]].resolve()
            parts = parts[1:]
        unfit = any("\0" in part or "\\" in part or ":" in part for part in parts)
        file = root if unfit else root.joinpath(*parts).resolve()
        if unfit or not file.is_relative_to(root):
            return str(root / "no such file")
        slash = "/" if path.endswith("/") and file.is_dir() else ""
        return str(file) + slash

    def send_head(self) -> Any:
        """A file, in the encoding that lies beside it and that the browser takes."""
        file = Path(self.translate_path(self.path))
        if self.path.partition("?")[0].endswith("/"):
            file = file / "index.html"
        # A link, in a site or beside one of its files, does not lead out of it.
        if not self._is_inside(file) or (file.exists() and not (file.is_file() or file.is_dir())):
            self.send_error(HTTPStatus.NOT_FOUND, "File not found")
            return None
        accepted = {part.split(";")[0].strip() for part in self._header("Accept-Encoding")}
        for encoding, suffix in (("br", ".br"), ("gzip", ".gz")):
            made = file.with_name(file.name + suffix)
            there = file.is_file() and made.is_file() and self._is_inside(made)
            if encoding not in accepted or not there:
                continue
            about = made.stat()
            if about.st_mtime_ns < file.stat().st_mtime_ns - 10**10:
                continue  # the file was changed by hand since
            return self._send_made(file, made, encoding, f'"{about.st_mtime_ns}-{about.st_size}"')
        return super().send_head()

    def _is_inside(self, file: Path) -> bool:
        roots = (self._root, *(folder.resolve() for folder in self._mounts.values()))
        end = Path(os.path.realpath(file))  # of links in a ring too
        return any(end.is_relative_to(root) for root in roots)

    def _header(self, name: str) -> list[str]:
        return str(self.headers.get(name, "")).split(",")

    def _send_made(self, file: Path, made: Path, encoding: str, tag: str) -> Any:
        if tag in (part.strip() for part in self._header("If-None-Match")):
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return None
        opened = made.open("rb")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(made.stat().st_size))
        self.send_header("Vary", "Accept-Encoding")
        self.send_header("ETag", tag)
        self.end_headers()
        return opened

    def list_directory(self, path: Any) -> None:
        """No listings: a folder without an index.html is not a page."""
        self.send_error(HTTPStatus.NOT_FOUND, "File not found")

    def end_headers(self) -> None:
        """Add what every answer carries."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        if self._isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: only the command line prints."""


def _is_own(asked: list[str], host: str) -> bool:
    """Whether a request is for this machine: a name elsewhere may lead here, an address cannot.

    Args:
        asked: The request's Host headers; old clients send none, browsers always do.
        host: The address that the server was told to listen on.
    """
    if len(asked) > 1:
        return False
    for name in asked:
        plain = name.strip().rpartition("]")[0].lstrip("[") or name.strip().partition(":")[0]
        if plain.lower() in (*_LOOPBACK, host.lower()):
            continue
        if host in _LOOPBACK or not _is_address(plain):
            return False
    return True


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
