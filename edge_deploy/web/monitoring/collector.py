"""The receiver of visits' reports: HTTP in front of a store, for behind any proxy."""

from __future__ import annotations

import io
import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_deploy.core.errors import EdgeDeployError, wrong_option
from edge_deploy.web.monitoring.store import ReportStore
from edge_deploy.web.monitoring.visit_report import MOST_BYTES, parse
from edge_deploy.web.server import Deadline, address, cannot_listen

_ARRIVES = 10.0  # seconds for a whole request
_DRAINED = 2.0  # seconds in which what is not read is taken, so that the answer arrives
_MOST_AT_ONCE = 128  # connections
_MOST_ADDRESSES = 10_000
_ALL = 100  # how many addresses may use up their rate at the same time


@dataclass(frozen=True)
class CollectOptions:
    """How reports are taken.

    Attributes:
        port: 0 takes a free one.
        host: The address to listen on.
        origins: Of the sites whose reports are taken, such as ``https://me.github.io``; empty for
            all.
        rate: Reports that one address may send in a minute; all together a hundred times as many.
        behind_proxy: The sender's address is the last of ``X-Forwarded-For``, which a proxy sets.
        most_bytes: What the database may grow to.
    """

    port: int = 8001
    host: str = "127.0.0.1"
    origins: tuple[str, ...] = ()
    rate: int = 60
    behind_proxy: bool = False
    most_bytes: int = 2**30


def collect(
    database: Path | str,
    options: CollectOptions | None = None,
    ready: Callable[[str], object] | None = None,
) -> None:
    """Take reports until Ctrl-C.

    Args:
        database: A file of SQLite, which is made where there is none.
        options: How they are taken.
        ready: Is told the address when the server listens.

    Raises:
        UsageError: The file is another's, an origin is none, or the port cannot be had.
    """
    with (
        ReportStore(Path(database), (options or CollectOptions()).most_bytes) as store,
        start(store, options or CollectOptions()) as server,
    ):
        if ready is not None:
            ready(address(server))
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def start(store: ReportStore, options: CollectOptions) -> ThreadingHTTPServer:
    """A receiver that listens and has still to be run."""
    if options.rate < 1:
        raise wrong_option("rate", options.rate, "reports in a minute are 1 or more.")
    for origin in options.origins:
        check_origin("origin", origin)
    try:
        return _Server((options.host, options.port), store, options)
    except (OSError, OverflowError) as error:
        raise cannot_listen(options.host, options.port, error) from error


def check_origin(name: str, origin: str) -> None:
    """Refuse what is no origin: a scheme, a host, perhaps a port, and no path.

    Args:
        name: Of the option.
        origin: As a browser sends it.

    Raises:
        UsageError: It is none.
    """
    try:
        parts = urlsplit(origin)
        plain = f"{parts.scheme}://{parts.netloc}"
        good = parts.scheme in ("http", "https") and parts.hostname and plain == origin
        _ = parts.port
    except ValueError:
        good = False
    if not good or "@" in origin:
        raise wrong_option(
            name, origin, "an origin is such as https://me.github.io, without a path."
        )


@dataclass
class Buckets:
    """How many more reports each address, and all together, may send; refilled as time goes by.

    Attributes:
        rate: In a minute, and at once.
        clock: Seconds, from any start.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, who: str) -> bool:
        """Whether one more may be taken; if so, it is counted."""
        now = self.clock()
        with self._lock:
            for name, most in ((who, self.rate), ("", self.rate * _ALL)):
                left, then = self._left.get(name, (most, now))
                left = min(most, left + (now - then) * most / 60)
                if left < 1:
                    return False
                self._left[name] = (left - 1, now)
            if len(self._left) > _MOST_ADDRESSES:  # those that were not heard of for longest
                oldest = sorted(self._left, key=lambda name: self._left[name][1])
                for name in oldest[: _MOST_ADDRESSES // 2]:
                    if name:
                        del self._left[name]
            return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # what is being written when it ends was not acknowledged
    request_queue_size = 128
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, at: tuple[str, int], store: ReportStore, options: CollectOptions) -> None:
        self.store, self.options = store, options
        self.buckets = Buckets(options.rate)
        self._free = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(at, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """One more connection, unless there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Its end makes place for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up in the middle of a request is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "edge-deploy", ""

    def setup(self) -> None:
        """Read through a deadline: who dribbles a request would hold a thread."""
        super().setup()
        self.rfile.close()
        self._deadline = Deadline(self.connection)
        self._deadline.until = time.monotonic() + _ARRIVES
        self.rfile = io.BufferedReader(self._deadline)

    def handle_one_request(self) -> None:
        """One a connection."""
        with suppress(TimeoutError):
            super().handle_one_request()
        self.close_connection = True

    def do_OPTIONS(self) -> None:
        """What a browser asks before it sends what no form could."""
        self._answer(HTTPStatus.NO_CONTENT if self._is_welcome() else HTTPStatus.FORBIDDEN)

    def do_GET(self) -> None:
        """For whoever looks whether the address is right."""
        self._answer(HTTPStatus.OK, "Reports of visits are taken here, by POST.")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """A report; it is on the disk before it is acknowledged."""
        if not self._is_welcome():
            return self._answer(HTTPStatus.FORBIDDEN, "Reports of this site are not taken here.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return self._answer(HTTPStatus.LENGTH_REQUIRED)
        if int(length[:20]) > MOST_BYTES:
            return self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not self.server.buckets.take(self._sender()):
            return self._answer(HTTPStatus.TOO_MANY_REQUESTS)
        data = self.rfile.read(int(length))
        try:
            report = parse(data)
        except ValueError as error:
            return self._answer(HTTPStatus.BAD_REQUEST, f"No report: {error}"[:300])
        try:
            self.server.store.add(report, datetime.now(UTC).date())
        except EdgeDeployError:
            return self._answer(HTTPStatus.INSUFFICIENT_STORAGE)
        return self._answer(HTTPStatus.NO_CONTENT)

    def _is_welcome(self) -> bool:
        """Whether the site that a browser sends from is one of ours; a program has none."""
        origin, known = self.headers.get("Origin"), self.server.options.origins
        return not known or origin is None or origin in known

    def _sender(self) -> str:
        """Whose rate it is: an address, or the network of one of IPv6, which has many."""
        text = str(self.client_address[0])
        if self.server.options.behind_proxy:
            text = str(self.headers.get("X-Forwarded-For", text)).rpartition(",")[2].strip()
        try:
            found = ipaddress.ip_address(text)
        except ValueError:
            return "unknown"
        if found.version == 6 and found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, 64), strict=False))
        return str(found)

    def _answer(self, status: HTTPStatus, text: str = "") -> None:
        body = text.encode() + b"\n" if text else b""
        self.send_response(status)
        self.send_header("Access-Control-Allow-Methods", "POST")
        self.send_header("Access-Control-Allow-Headers", "Content-Type")
        if self._is_welcome():
            own = self.server.options.origins
            allowed = self.headers.get("Origin") if own else "*"
            if allowed:
                self.send_header("Access-Control-Allow-Origin", allowed)
        self.send_header("Vary", "Origin")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if status >= HTTPStatus.BAD_REQUEST:
            self._drain()

    def _drain(self) -> None:
        """Take for a moment what is still sent: a connection that is cut takes the answer along."""
        self._deadline.until = time.monotonic() + _DRAINED
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read1(65_536):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no request gets a plain answer, in which nothing of it is repeated."""
        self.command = getattr(self, "command", None) or "GET"
        self.headers = getattr(self, "headers", None) or self.MessageClass()
        self._answer(HTTPStatus(code))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: who visited is nobody's business."""
