"""``python -m tests.fuzz.soak``: the page and the server asked for long, with flat memory."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy import build_demo
from edge_deploy.artifact.artifact import open_artifact
from edge_deploy.artifact.selection import float_entry
from edge_deploy.web.browser import Browser, open_browser
from tests.fuzz.kills import built_corpus

BACKENDS = (
    *(("tfjs", name) for name in ("wasm", "webgl", "cpu", "webgpu")),
    ("tflite", "wasm"),
    ("onnx", "wasm"),
)
# What may be there more at the end than after the first tenth: compiled code, caches, noise.
HEAP, MEMORY = 1 << 20, 96 << 20


def memory_of(pid: int, name: str = "") -> int:
    """Bytes that a process and its children hold in memory; of those called so, where asked."""
    total, level = 0, [pid]
    while level:
        one = level.pop()
        try:
            pages = int(Path(f"/proc/{one}/statm").read_text().split()[1])
            level += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
            counts = name in Path(f"/proc/{one}/comm").read_text().lower()
        except OSError:
            continue  # it has ended
        total += pages * os.sysconf("SC_PAGE_SIZE") if counts else 0
    return total


def page(browser: Browser, folder: Path, target: str, backend: str, samples: int) -> list[str]:
    """Ask a page for answers; the faults, a line each."""
    artifact = open_artifact(folder)
    path, spec = artifact.main_file(float_entry(artifact, target)), artifact.spec
    reference = artifact.reference()
    seen: list[tuple[int, int, int]] = []
    wrong, begun = 0, time.monotonic()
    with browser.open_file(target, path, backend, spec) as runner:
        tools: Any = runner._page.context.new_cdp_session(runner._page)
        for n in range(samples):
            row = n % reference.count
            feed = {name: values[row : row + 1] for name, values in reference.inputs.items()}
            answer = runner.predict(feed)
            wrong += any(
                not np.allclose(value, reference.outputs[name][row : row + 1], atol=1e-4)
                for name, value in answer.items()
            )
            if n % max(1, samples // 10) == max(1, samples // 10) - 1:
                tools.send("HeapProfiler.collectGarbage")
                heap = int(tools.send("Runtime.getHeapUsage")["usedSize"])
                tensors = runner.live_tensors() if target == "tfjs" else 0
                seen.append((heap, tensors, memory_of(os.getpid(), "chrom")))
    took = time.monotonic() - begun
    first, last = seen[0], seen[-1]
    print(
        f"{target} on {backend}: {samples:,} answers, {wrong} wrong, {took:.0f} s; "
        f"heap {' '.join(f'{heap / 2**20:.2f}' for heap, _, _ in seen)} MB, tensors {first[1]} "
        f"-> {last[1]}, the browser {' '.join(f'{held >> 20}' for _, _, held in seen)} MB",
        flush=True,
    )
    grown = [
        (last[0] - first[0] > HEAP, "the heap"),
        (last[1] > first[1], "the number of tensors"),
        (last[2] - first[2] > MEMORY, "the browser's memory"),
    ]
    faults = [f"{target} on {backend}: {what} grew" for is_so, what in grown if is_so]
    return faults + ([f"{target} on {backend}: {wrong} wrong answers"] if wrong else [])


@contextmanager
def _serving(site: Path) -> Iterator[tuple[int, str, int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_deploy.cli", "serve", str(site), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
        host, _, port = json.loads("".join(lines))["url"].rstrip("/")[7:].partition(":")
        yield process.pid, host, int(port)
    finally:
        process.terminate()
        process.wait()


def server(site: Path, requests: int, threads: int = 8) -> list[str]:
    """Ask ``serve`` for files, for what is not there and for nonsense; the faults."""
    files = [p.relative_to(site).as_posix() for p in site.rglob("*") if p.is_file()]
    small = [name for name in files if (site / name).stat().st_size < 200_000]
    statuses: Counter[str] = Counter()
    lock, begun = threading.Lock(), time.monotonic()

    def ask(first: int, count: int, host: str, port: int) -> None:
        found: Counter[str] = Counter()
        connection = http.client.HTTPConnection(host, port, timeout=30)
        for n in range(first, first + count):
            try:
                if n % 50 == 0:  # one that says nothing right, or goes away in the middle
                    with socket.create_connection((host, port), timeout=30) as raw:
                        raw.sendall(
                            b"GET /" + b"\xff" * (n % 300) + (b"\r\n\r\n" if n % 100 else b"")
                        )
                    found["broken off"] += 1
                    continue
                name = "nothing" if n % 10 == 1 else small[n % len(small)]
                kinds = {"Accept-Encoding": "br"} if n % 3 else {}
                connection.request("HEAD" if n % 7 == 0 else "GET", f"/{name}", headers=kinds)
                answer = connection.getresponse()
                answer.read()
                found[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                found[type(error).__name__] += 1
                connection.close()
        connection.close()
        with lock:
            statuses.update(found)

    with _serving(site) as (pid, host, port):
        tenth = max(threads, requests // 10)
        held: list[tuple[int, int]] = []
        for part in range(10):
            each = tenth // threads
            started = [
                threading.Thread(target=ask, args=(part * tenth + n * each, each, host, port))
                for n in range(threads)
            ]
            for thread in started:
                thread.start()
            for thread in started:
                thread.join()
            held.append((memory_of(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))))
        time.sleep(1)
        held.append((memory_of(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))))
    first, last = held[0], held[-1]
    told = ", ".join(f"{count:,} x {status}" for status, count in statuses.most_common())
    print(
        f"serve: {sum(statuses.values()):,} requests, {time.monotonic() - begun:.0f} s: {told}; "
        f"memory {first[0] / 2**20:.1f} -> {last[0] / 2**20:.1f} MB, open files {first[1]} -> "
        f"{last[1]}",
        flush=True,
    )
    strange = {s for s in statuses if s not in ("200", "404", "broken off")}
    faults = [f"serve: {statuses[status]} x {status}" for status in strange]
    if last[0] - first[0] > 8 << 20:
        faults.append("serve: its memory grew")
    if last[1] > first[1] + threads:
        faults.append("serve: files stay open")
    return faults


def main() -> int:
    """Ask, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--backend", action="append", help="such as tfjs:webgl")
    parser.add_argument("--corpus", type=Path)
    given = parser.parse_args()
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        corpus = built_corpus(given.corpus, Path(temporary))
        table = corpus / "artifacts/table"
        if given.requests:
            build_demo(table, Path(temporary, "site"))
            faults += server(Path(temporary, "site"), given.requests)
        if given.samples:
            with open_browser() as browser:
                for target, backend in BACKENDS:
                    if not given.backend or f"{target}:{backend}" in given.backend:
                        faults += page(browser, table, target, backend, given.samples)
    for fault in faults:
        print(f"FAULT {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
