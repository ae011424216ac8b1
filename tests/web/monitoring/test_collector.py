"""The receiver of reports as a process of its own: killed, flooded, and sent what is none."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

import edge_deploy
from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.web.monitoring import collector
from edge_deploy.web.monitoring.collector import Buckets, CollectOptions
from edge_deploy.web.monitoring.store import ReportStore, read_reports
from edge_deploy.web.monitoring.visit_report import MOST_BYTES, encode, parse
from edge_deploy.web.server import address
from tests.conftest import Run
from tests.support import PATIENCE
from tests.support.visits import as_bytes, report, send_many, shadow, visit


@dataclass
class Receiver:
    """One that runs in this process."""

    port: int
    database: Path

    def send(
        self, body: bytes, method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, "/any/path", body, given)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def count(self) -> int:
        return sum(1 for _ in read_reports(self.database))


@contextmanager
def receiving(database: Path, **options: Any) -> Iterator[Receiver]:
    with (
        ReportStore(database, options.pop("most_bytes", 2**30)) as store,
        collector.start(store, CollectOptions(port=0, **{"rate": 100_000, **options})) as server,
    ):
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield Receiver(server.server_address[1], database)
        server.shutdown()


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiving(tmp_path_factory.mktemp("collect") / "stats.sqlite") as started:
        yield started


def test_a_report_is_kept_once_with_its_day_and_nothing_else(tmp_path: Path) -> None:
    told = report(visit(shadow=shadow(), columns=[{"name": "umur", "inputs": 3, "outside": 1}]))
    with receiving(tmp_path / "stats.sqlite") as receiver:
        for _ in range(3):  # a page that saw no acknowledgement may send again
            status, headers, body = receiver.send(as_bytes(told))
            assert (status, body, headers["access-control-allow-origin"]) == (204, b"", "*")
        ((day, kept),) = read_reports(receiver.database)
        assert json.loads(encode(kept)) == told
        assert abs((day - date.today()).days) <= 1
    assert b"127.0.0.1" not in (tmp_path / "stats.sqlite").read_bytes()


MALFORMED: list[Any] = [
    b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 5000, b'{"schema":' * 3000,
    as_bytes(report()) + b"x",
    report(schema="edge-deploy/visit/2"), report(id="x"), report(id="A" * 32), report(models=[]),
    report(models=[visit()] * 21), report(extra=1), report(visit(ip="10.0.0.1")),
    report(visit(answers=-1)), report(visit(answers=1.5)), report(visit(answers="4")),
    report(visit(answers=True)), report(visit(answers=10**9)), report(visit(model="")),
    report(visit(model="a" * 201)), report(visit(model="a\nb")), report(visit(version="\x1b[2J")),
    report(visit(channel="beta")), report(visit(backend="<b>wasm</b>")),
    report(visit(first_ms=-1)), report(visit(median_ms="NaN")), report(visit(check=None)),
    as_bytes(report(visit(median_ms=0.5))).replace(b"0.5", b"NaN"),
    as_bytes(report(visit(median_ms=0.5))).replace(b"0.5", b"1e999"),
    report(visit(shadow={})), report(visit(shadow=shadow(agreed=5))),
    report(visit(shadow=shadow(beyond=5))), report(visit(columns={})),
    report(visit(columns=[{"name": "a", "inputs": 1, "outside": 2}])),
    report(visit(columns=[{"name": "a", "inputs": 0, "outside": 0}] * 201)),
]  # fmt: skip


def test_a_thousand_malformed_reports_change_nothing(receiver: Receiver) -> None:
    before = receiver.count()
    for n in range(1000):
        told = MALFORMED[n % len(MALFORMED)]
        body = told if isinstance(told, bytes) else as_bytes(told)
        status, _, _ = receiver.send(body)
        assert status == 400, body[:200]
    assert receiver.count() == before
    assert receiver.send(as_bytes(report()))[0] == 204
    assert receiver.count() == before + 1


def test_a_report_of_10_mb_is_refused_before_it_is_read(receiver: Receiver) -> None:
    before, started = receiver.count(), time.monotonic()
    told = report(visit(model="a" * 10_000_000))
    assert receiver.send(as_bytes(told))[0] == 413
    assert receiver.send(b" " * (MOST_BYTES + 1))[0] == 413
    assert time.monotonic() - started < PATIENCE / 2
    assert receiver.count() == before


REQUESTS = {
    # what is sent -> the first line of what comes back
    "nothing": (b"", b""),
    "no http": (b"\x16\x03\x01\x02\x00\r\n\r\n", b""),
    "no length": (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"411"),
    "chunks": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"411",
    ),
    "a sign": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde", b"411"),
    "huge": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 500 + b"\r\n\r\n", b"413"),
    "a verb": (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", b"501"),
    "headers": (b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
    "a line": (b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_no_request_gets_a_plain_answer(name: str, receiver: Receiver) -> None:
    sent, wanted = REQUESTS[name]
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=PATIENCE) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(65_536):
            answer += part
    assert wanted in answer.split(b"\r\n")[0]
    assert b"<" not in answer


def test_who_looks_at_the_address_is_told_what_it_is(receiver: Receiver) -> None:
    status, _, body = receiver.send(b"", "GET")
    assert (status, body) == (200, b"Reports of visits are taken here, by POST.\n")
    assert receiver.send(b"", "HEAD")[2] == b""


SITE = "https://me.github.io"


@pytest.mark.parametrize(
    ("origin", "status", "allowed"),
    [
        (SITE, 204, SITE),
        ("https://evil.example", 403, None),
        ("null", 403, None),
        (None, 204, None),
    ],
)
def test_only_the_sites_own_reports_are_taken(
    tmp_path: Path, origin: str | None, status: int, allowed: str | None
) -> None:
    headers = {"Origin": origin} if origin else {}
    with receiving(tmp_path / "stats.sqlite", origins=(SITE,)) as receiver:
        for method in ("OPTIONS", "POST"):
            got, told, _ = receiver.send(as_bytes(report()), method, **headers)
            assert (got, told.get("access-control-allow-origin")) == (status, allowed)
            assert told["vary"] == "Origin"
        assert receiver.count() == (status == 204)


def test_a_flood_is_dammed_by_address(tmp_path: Path) -> None:
    with receiving(tmp_path / "stats.sqlite", rate=5, behind_proxy=True) as receiver:

        def send(sender: str) -> int:
            # What the visitor claims comes first, what the proxy saw last.
            return receiver.send(as_bytes(report()), X_Forwarded_For=f"10.9.9.9, {sender}")[0]

        assert [send("10.0.0.1") for _ in range(7)] == [204] * 5 + [429] * 2
        assert send("10.0.0.2") == 204
        flood = [send(f"2001:db8::{n:x}") for n in range(7)]  # one network, many addresses
        assert flood == [204] * 5 + [429] * 2
        assert receiver.count() == 11


def test_buckets_fill_again_and_hold_few_addresses() -> None:
    now = [0.0]
    buckets = Buckets(60, clock=lambda: now[0])
    assert sum(buckets.take("a") for _ in range(100)) == 60
    now[0] += 2
    assert sum(buckets.take("a") for _ in range(100)) == 2
    now[0] += 600
    # All together have a hundred times as many.
    assert sum(buckets.take(f"{n}") for n in range(20_000)) == 6000
    for n in range(200):
        now[0] += 60
        assert sum(buckets.take(f"{n}-{k}") for k in range(100)) == 100
    assert len(buckets._left) <= collector._MOST_ADDRESSES


def test_connections_that_send_nothing_keep_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "_ARRIVES", 0.5)
    monkeypatch.setattr(collector, "_MOST_AT_ONCE", 8)
    with receiving(tmp_path / "stats.sqlite") as receiver:
        held = [socket.create_connection(("127.0.0.1", receiver.port)) for _ in range(20)]
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                assert receiver.send(as_bytes(report()))[0] == 204
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        for one in held:
            one.close()
        assert receiver.count() == 1


def test_a_full_file_is_told_and_stays_whole(tmp_path: Path) -> None:
    with receiving(tmp_path / "stats.sqlite", most_bytes=100_000) as receiver:
        wide = [{"name": f"column {n}", "inputs": 1, "outside": 0} for n in range(200)]
        statuses = [receiver.send(as_bytes(report(visit(columns=wide))))[0] for _ in range(20)]
        assert statuses[0] == 204 and statuses[-1] == 507
        assert receiver.count() == statuses.count(204)


NOT_OURS = {
    "text": lambda path: path.write_text("my notes, which are longer than a header of SQLite " * 9),
    "folder": lambda path: path.mkdir(),
    "another's": lambda path: other_database(path),
    "no folder": lambda path: None,
    "one that counts for ever": lambda path: endless_database(path),
}


def other_database(path: Path, *statements: str) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements or ("CREATE TABLE mine (a)",):
            database.execute(statement)


def endless_database(path: Path) -> None:
    """One that says it is ours, and whose reports are computed where they are read."""
    with ReportStore(path, 2**20):
        pass
    other_database(
        path,
        "DROP TABLE reports",
        "CREATE VIEW reports AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS id, '2026-01-01' AS day, '{}' AS report FROM n",
    )


@pytest.mark.parametrize("kind", NOT_OURS)
def test_a_file_of_somebody_else_is_left_alone(kind: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / ("none/a.sqlite" if kind == "no folder" else "a.sqlite")
    NOT_OURS[kind](path)
    before = path.read_bytes() if path.is_file() else None
    for command in (["collect", "--db"], ["stats"]):
        told = run(*command, path)
        assert (told.code, told.err.count("\n")) == (2, 1)
    assert before == (path.read_bytes() if path.is_file() else None)


@pytest.mark.parametrize(
    "asked",
    [
        ("--origin", "https://me.github.io/site"),
        ("--origin", "me.github.io"),
        ("--origin", "https://me@github.io"),
        ("--origin", "https://me:port"),
        ("--rate", "0"),
        ("--port", "99999"),
        ("--max-size", "much"),
    ],
)
def test_options_that_cannot_be_are_told(asked: tuple[str, str], tmp_path: Path, run: Run) -> None:
    told = run("collect", "--db", tmp_path / "a.sqlite", *asked)
    assert told.code == 2 and told.err.count("\n") == 1


def test_reports_that_cannot_be_kept_say_so(tmp_path: Path) -> None:
    store = ReportStore(tmp_path / "a.sqlite", 2**20)
    with store:
        pass
    with pytest.raises(EdgeDeployError, match="cannot be kept"):
        store.add(parse(as_bytes(report())), date(2026, 1, 1))
    with pytest.raises(UsageError, match="no such file"):
        next(read_reports(tmp_path / "none"))


# Killed.


def start_command(database: Path, port: int) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-u", "-m", "edge_deploy.cli", "collect", "--db", str(database)),
        *("--port", str(port), "--rate", "100000", "--json"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, "it did not start"
        told += line
    assert json.loads(told)["url"] == f"http://127.0.0.1:{port}/"
    return process


@pytest.mark.slow
def test_none_of_2000_reports_is_lost_while_it_is_killed_twice(tmp_path: Path) -> None:
    database = tmp_path / "stats.sqlite"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start_command(database, port)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        told: Queue[str] = manager.Queue()
        senders = [context.Process(target=send_many, args=(port, n, told)) for n in range(8)]
        for one in senders:
            one.start()
        for kills in (1, 2):
            while told.qsize() < 600 * kills:
                time.sleep(0.01)
            acknowledged = told.qsize()
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            assert sum(1 for _ in read_reports(database)) >= acknowledged
            process = start_command(database, port)
        for one in senders:
            one.join()
            assert one.exitcode == 0
        known = {told.get() for _ in range(told.qsize())}
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    kept = {one.id for _, one in read_reports(database)}
    assert len(known) == 2000 and known == kept
    found = edge_deploy.stats(database)
    assert found.reports == 2000
    assert {(v.version, v.visits, v.answers) for v in found.versions} == {
        ("0", 1000, 2000),
        ("1", 1000, 2000),
    }
    (drift,) = found.drift
    assert (drift.outside.count, drift.outside.of) == (1000, 4000)
    assert sum(day.visits for day in found.days) == 2000


def test_the_address_is_told_as_a_browser_takes_it(tmp_path: Path) -> None:
    with (
        ReportStore(tmp_path / "a.sqlite", 2**20) as store,
        collector.start(store, CollectOptions(port=0, host="0.0.0.0")) as server,
    ):
        assert address(server) == f"http://127.0.0.1:{server.server_address[1]}/"
