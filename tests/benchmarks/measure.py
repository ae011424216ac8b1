"""Whole processes, timed from outside: wall seconds and peak memory, as medians of several runs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Nothing is taken from an earlier conversion but where a benchmark names a cache.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "EDGE_DEPLOY_CACHE": ""}


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: Wall time, median.
        megabytes: Peak resident memory of all its processes together, largest of the runs; what
            they share is counted once. Where a system cannot say, of the largest process.
        cpu: Seconds of the processor, its own and its children's, median: on a machine that is
            busy with other things too, a fairer measure than wall time.
        output: What the last run said.
    """

    seconds: float
    megabytes: float
    cpu: float
    output: str = ""


_EVERY = 0.2  # seconds between two looks at the memory


def measure(
    command: Sequence[str],
    runs: int,
    cwd: str,
    expect: int | tuple[int, ...] = 0,
    cache: str = "",
) -> Cost:
    """Run a command several times and read what the operating system says of it.

    Args:
        command: With its arguments.
        runs: How often.
        cwd: Where.
        expect: The exit codes that are no failure.
        cache: A folder for edge-deploy's cache of conversions; none keeps nothing.

    Raises:
        RuntimeError: It ended with another exit code.
    """
    times, peaks, cpus = [], [], []
    text = b""
    codes = (expect,) if isinstance(expect, int) else expect
    for _ in range(runs):
        start = time.perf_counter()
        errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env={**os.environ, **QUIET, "EDGE_DEPLOY_CACHE": cache},
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        together = [0]
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, together, ended))
        watch.start()
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        times.append(time.perf_counter() - start)
        ended.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            errors.seek(0)
            said = (text + errors.read()).decode(errors="replace")
            raise RuntimeError(f"{command} ended with {process.returncode}:\n{said}")
        unit = 1 if sys.platform == "darwin" else 1024
        peaks.append(max(usage.ru_maxrss * unit, together[0]) / 1e6)
        cpus.append(usage.ru_utime + usage.ru_stime)
    seconds, cpu = statistics.median(times), statistics.median(cpus)
    return Cost(seconds, max(peaks), cpu, text.decode(errors="replace"))


def _watch(pid: int, peak: list[int], ended: threading.Event) -> None:
    """Note the most that a process and its descendants have together, until it has ended."""
    while not ended.wait(_EVERY):
        peak[0] = max(peak[0], sum(map(_resident, _tree(pid))))


def _tree(pid: int) -> Iterator[int]:
    """A process and all that came of it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # it has ended
            continue
        for child in found:
            yield from _tree(int(child))


def _resident(pid: int) -> int:
    """Bytes in memory, those that n processes share as an nth; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def edge_deploy(*arguments: str) -> list[str]:
    """The command of this environment."""
    return [sys.executable, "-m", "edge_deploy.cli", *arguments]


def show(rows: Sequence[tuple[str, Cost]]) -> None:
    """A table of costs."""
    for name, cost in rows:
        print(f"{name:<58} {cost.seconds:8.2f} s {cost.megabytes:8.0f} MB")
