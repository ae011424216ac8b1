"""Whole processes, timed from outside: wall seconds and peak memory, as medians of several runs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: Wall time, median.
        megabytes: Peak resident memory of the whole process, largest of the runs.
        cpu: Seconds of the processor, its own and its children's, median: on a machine that is
            busy with other things too, a fairer measure than wall time.
    """

    seconds: float
    megabytes: float
    cpu: float


def measure(command: Sequence[str], runs: int, cwd: str, expect: int = 0) -> Cost:
    """Run a command several times and read what the operating system says of it.

    Raises:
        RuntimeError: It ended with another exit code.
    """
    times, peaks, cpus = [], [], []
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env={**os.environ, **QUIET},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        times.append(time.perf_counter() - start)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expect:
            raise RuntimeError(f"{command} ended with {process.returncode}:\n{text.decode()}")
        unit = 1 if sys.platform == "darwin" else 1024
        peaks.append(usage.ru_maxrss * unit / 1e6)
        cpus.append(usage.ru_utime + usage.ru_stime)
    return Cost(statistics.median(times), max(peaks), statistics.median(cpus))


def edge_deploy(*arguments: str) -> list[str]:
    """The command of this environment."""
    return [sys.executable, "-m", "edge_deploy.cli", *arguments]


def show(rows: Sequence[tuple[str, Cost]]) -> None:
    """A table of costs."""
    for name, cost in rows:
        print(f"{name:<58} {cost.seconds:8.2f} s {cost.megabytes:8.0f} MB")
