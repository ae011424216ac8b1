"""Where candidates are measured: processes of this machine, a Dask cluster, or Ray, by joblib."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from edge_deploy.core import dependencies
from edge_deploy.core.errors import (
    EdgeDeployError,
    MissingDependencyError,
    unknown_option,
)
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.stdio import quiet
from edge_deploy.optimize.search.candidates import Candidate, CandidateResult
from edge_deploy.optimize.search.measure import CandidateGroup, measure

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Names the scheduler of a cluster that is there; without it one is started on this machine."""

_NEEDS = {"loky": ("joblib",), "dask": ("joblib", "distributed"), "ray": ("joblib", "ray")}
NAMES = tuple(_NEEDS)

Task = tuple[CandidateGroup, Candidate]
Run = Callable[[Sequence[Task]], Iterator[tuple[int, CandidateResult | None]]]
"""From tasks to the number of each and what it gave, as they are done."""


def check(name: str) -> None:
    """Refuse an executor before anything is done.

    Raises:
        UsageError: There is none of that name.
        MissingDependencyError: What it takes is not installed.
    """
    if name not in _NEEDS:
        raise unknown_option("executor", name, NAMES, "executor")
    for module in _NEEDS[name]:
        if importlib.util.find_spec(module) is None:
            ray = dependencies.pip_install("ray")  # which is in no extra
            mend = ray if module == "ray" else dependencies.install("tune")
            raise MissingDependencyError(
                f"{option('executor', name)} needs {module}, which is not installed. Install it "
                f"with: {mend}"
            )


@contextmanager
def pool(name: str, jobs: int | None) -> Iterator[Run]:
    """Workers for as long as the body runs; none of ours is left afterwards.

    Args:
        name: One of NAMES.
        jobs: How many work at a time on this machine; None for one a core.

    Raises:
        EdgeDeployError: The cluster does not answer.
    """
    import joblib

    count = jobs or joblib.cpu_count()
    with ExitStack() as stack:
        if name == "dask":
            client = stack.enter_context(_dask(count))
            yield lambda tasks: _run(tasks, backend="dask", client=client, scatter=_shared(tasks))
            return
        if name == "ray":
            from ray.util.joblib import register_ray

            register_ray()
            # Its backend hands all results over at the end, none before.
            yield lambda tasks: _run(tasks, "list", backend="ray", n_jobs=count)
            return
        stack.callback(_end_loky)
        yield lambda tasks: _run(tasks, backend="loky", n_jobs=count, inner_max_num_threads=1)


def _run(
    tasks: Sequence[Task], return_as: str = "generator_unordered", **backend: Any
) -> Iterator[tuple[int, CandidateResult | None]]:
    import joblib

    with joblib.parallel_config(**backend):
        found = joblib.Parallel(return_as=return_as)(
            joblib.delayed(_work)(number, *task) for number, task in enumerate(tasks)
        )
    yield from found


def _work(
    number: int, group: CandidateGroup, candidate: Candidate
) -> tuple[int, CandidateResult | None]:
    with quiet():
        return number, measure(group, candidate)


def _shared(tasks: Sequence[Task]) -> list[CandidateGroup]:
    """What goes to each Dask worker once, and not with each of its tasks."""
    return list({id(group): group for group, _ in tasks}.values())


def _end_loky() -> None:
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True, kill_workers=True)


@contextmanager
def _dask(count: int) -> Iterator[Any]:
    import distributed

    # It tells of every connection, where another library has given the root logger a handler.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    Client: Any = distributed.Client
    LocalCluster: Any = distributed.LocalCluster

    address = os.environ.get(ADDRESS)
    if address:
        try:
            client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EdgeDeployError(
                f"{ADDRESS}={address}: no Dask scheduler answers there ({first_line(error)}). "
                "Start one, or unset it and a local one is started."
            ) from error
        with client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
