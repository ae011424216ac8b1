"""Several samples in one call: whether a file takes them, and answers as it does one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.spec import Array, Arrays, ModelSpec, Runner
from edge_deploy.data.reference import MAX_SAMPLES, Reference
from edge_deploy.verification.verdicts import OutputVerdict

SIZE = 3
"""Samples in a call: more than one, and rarely the length of another axis."""

Compare = Callable[[Mapping[str, list[Array]], Sequence[int]], list[OutputVerdict]]
"""From answers by output, and the samples that they are to, to what is wrong with them."""


@dataclass(frozen=True)
class BatchVerdict:
    """How a file takes several samples in one call.

    Attributes:
        sizes: Of the batches that it answers: 1, and ``SIZE`` where it takes as many.
        failures: What is wrong with the answers to several, in words.
    """

    sizes: tuple[int, ...] = (1,)
    failures: tuple[str, ...] = ()


def judge(
    runner: Runner,
    spec: ModelSpec,
    reference: Reference,
    answers: Mapping[str, list[Array]],
    compare: Compare,
) -> BatchVerdict:
    """Ask the first samples again in one call, and judge the answers as those one by one.

    A runtime that takes one sample at a time says so, or the file does: that is no failure.

    Args:
        runner: The file, opened.
        spec: The original's inputs and outputs.
        reference: The samples, at least one.
        answers: The file's own to them one by one, of every output.
        compare: Judges answers.
    """
    if any(not one.shape or one.shape[0] is not None for one in (*spec.inputs, *spec.outputs)):
        return BatchVerdict()
    # A compressed file is judged on many more: the first ones say enough of a batch.
    count = min(reference.count, MAX_SAMPLES)
    asked = [n % count for n in range(max(count, SIZE))]
    try:
        given = runner.predict(
            {one.name: reference.inputs[one.name][asked[:SIZE]] for one in spec.inputs}
        )
    except EdgeDeployError:
        return BatchVerdict()
    if failures := _of_other_length(given):
        return BatchVerdict(failures=failures)
    single = {name: [values[n] for n in asked] for name, values in answers.items()}
    together = {
        name: [*(given[name][n : n + 1] for n in range(SIZE)), *values[SIZE:]]
        for name, values in single.items()
        if name in given
    }
    wrong = [(one.name, failure) for one in compare(together, asked) for failure in one.failures]
    if not wrong:
        return BatchVerdict((1, SIZE))
    if not all(one.ok for one in compare(single, asked)):
        return BatchVerdict()  # it is wrong of single samples already
    return BatchVerdict(failures=tuple(f"in a batch of {SIZE}: {n}: {text}" for n, text in wrong))


def _of_other_length(given: Arrays) -> tuple[str, ...]:
    return tuple(
        f"in a batch of {SIZE}: {name}: shape {list(value.shape)}, which is not an answer a sample"
        for name, value in given.items()
        if value.shape[:1] != (SIZE,)
    )
