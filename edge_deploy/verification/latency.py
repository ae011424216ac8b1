"""How long a converted file takes to answer."""

from __future__ import annotations

import time
from typing import Any

from edge_deploy.core.spec import ModelSpec
from edge_deploy.data.reference import Reference, sample

_FEWEST = 5
_MOST = 2000


def time_runner(runner: Any, spec: ModelSpec, data: Reference, seconds: float = 1.0) -> list[float]:
    """Seconds of each answer, the first one first.

    A page times itself, on one sample: its own clock leaves out the way from here to there.

    Args:
        runner: The file, opened.
        spec: Its inputs.
        data: What it is asked, sample after sample.
        seconds: How long at least, in 5 to 2,000 answers.
    """
    feeds = [
        {s.name: sample(data.inputs[s.name], s, n) for s in spec.inputs} for n in range(data.count)
    ]
    if hasattr(runner, "time"):
        found: list[float] = runner.time(feeds[0], _FEWEST, _MOST, seconds)
        return found
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < _FEWEST or (len(times) < _MOST and time.perf_counter() - started < seconds):
        before = time.perf_counter()
        runner.predict(feeds[len(times) % len(feeds)])
        times.append(time.perf_counter() - before)
    return times
