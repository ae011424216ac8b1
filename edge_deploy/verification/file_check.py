"""Opening converted files in their runtimes and judging them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_deploy.core.errors import ArtifactError, MissingDependencyError
from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec, Runner, TensorSpec
from edge_deploy.data.preprocessing.encoding import encode_rows, text_rows
from edge_deploy.data.reference import MAX_BYTES, MAX_SAMPLES, Reference, join
from edge_deploy.formats.base import Format
from edge_deploy.verification.compare import judge
from edge_deploy.verification.tolerances import Tolerances
from edge_deploy.verification.verdicts import Verdict

if TYPE_CHECKING:
    from edge_deploy.web.browser import Browser


@dataclass(frozen=True)
class BrowserSession:
    """A browser, or the reason why there is none."""

    browser: Browser | None
    reason: str | None = None


@contextmanager
def browser_if_any(
    wanted: bool, path: Path | None, webgpu: bool = False
) -> Iterator[BrowserSession]:
    """One browser for a whole run; a missing one is a reason and not an error."""
    if not wanted:
        yield BrowserSession(None, "not asked for")
        return
    from edge_deploy.web.browser import open_browser

    with ExitStack() as stack:
        try:
            handle = BrowserSession(stack.enter_context(open_browser(path)))
        except MissingDependencyError as error:
            handle = BrowserSession(None, str(error))
        yield handle


def check_file(
    target: Format,
    path: Path,
    blank: Verdict,
    spec: ModelSpec,
    reference: Reference,
    tolerances: Tolerances,
    handle: BrowserSession,
    backends: Sequence[str],
    foreign: bool = False,
    evaluation: Reference | None = None,
    features: Sequence[Feature] | None = None,
) -> list[Verdict]:
    """Verdicts on one file: one, or one a backend where a browser runs it.

    Args:
        target: Its format.
        path: The file that a runtime opens.
        blank: Precision and place of the file, to be filled in.
        spec: The original's inputs and outputs.
        reference: Samples and the original's answers.
        tolerances: What passes.
        handle: The browser of this run.
        backends: TF.js backends.
        foreign: Somebody else converted it, so its tensors may have other names.
        evaluation: More samples, on which the cost of a compressed file is measured too.
        features: The columns; those that are texts are counted again where the file runs.
    """
    texts = text_rows(features or (), reference.rows)
    packaged = reference
    if blank.compressed:
        reference = join(reference, evaluation)
        if target.open_runner is None:
            reference = for_browser(reference)
    if target.open_runner is not None:
        try:
            with target.open_runner(path) as runner:
                if texts and features:
                    _same_counts(packaged, encode_rows(features, texts))
                named = by_order(runner, target, path, spec) if foreign else runner
                return [judge(blank, named, spec, reference, tolerances)]
        except ArtifactError as error:
            return [replace(blank, failures=(str(error),))]
    verdicts = []
    for backend in backends if target.name == "tfjs" else ("wasm",):
        row = replace(blank, backend=backend)
        if handle.browser is None:
            verdicts.append(replace(row, reason=handle.reason))
            continue
        try:
            with handle.browser.open_file(target.name, path, backend, spec) as runner:
                if texts and features:
                    _same_counts(packaged, runner.encode(features, texts))
                verdicts.append(judge(row, runner, spec, reference, tolerances))
        except ArtifactError as error:
            verdicts.append(replace(row, failures=(str(error),)))
    return verdicts


def _same_counts(reference: Reference, counted: Array) -> None:
    """Whether texts become the input here that they became when the model was converted."""
    (given,) = reference.inputs.values()
    other = ~((counted == given) | (np.isnan(counted) & np.isnan(given)))
    if other.any():
        sample, place = np.argwhere(other)[0]
        raise ArtifactError(
            f"texts are counted otherwise here: sample {sample} has {counted[sample, place]:g} in "
            f"place {place} of the input, the reference {given[sample, place]:g}"
        )


def for_browser(data: Reference) -> Reference:
    """As many samples as go into a page in reasonable time: each crosses as text."""
    size = sum(array.nbytes for array in data.inputs.values()) // max(data.count, 1)
    return data.take(range(min(data.count, max(MAX_SAMPLES, MAX_BYTES // max(size, 1)))))


class _Renamed:
    """A runner whose file names its tensors otherwise than the original does."""

    def __init__(self, runner: Runner, inputs: dict[str, str], outputs: dict[str, str]) -> None:
        self._runner, self._inputs, self._outputs = runner, inputs, outputs
        self.seconds: float | None = None

    def predict(self, inputs: Arrays) -> Arrays:
        answer = self._runner.predict({self._inputs[n]: v for n, v in inputs.items()})
        self.seconds = getattr(self._runner, "seconds", None)
        return {mine: answer[theirs] for mine, theirs in self._outputs.items() if theirs in answer}


def by_order(runner: Runner, target: Format, path: Path, spec: ModelSpec) -> Runner:
    """Let a file of somebody else answer under the original's names.

    Names that agree are kept; where the sets of names differ, tensors are paired in order.

    Raises:
        ArtifactError: The file has another number of inputs or outputs.
    """
    info = target.describe(path)
    return _Renamed(
        runner,
        _pair(path, "inputs", spec.inputs, info.inputs),
        _pair(path, "outputs", spec.outputs, info.outputs),
    )


def _pair(
    path: Path, what: str, mine: Sequence[TensorSpec], theirs: Sequence[TensorSpec]
) -> dict[str, str]:
    own, other = [s.name for s in mine], [s.name for s in theirs]
    if set(own) == set(other):
        return {name: name for name in own}
    if len(own) != len(other):
        raise ArtifactError(
            f"{path}: has {len(other)} {what} ({', '.join(other)}), the original has {len(own)} "
            f"({', '.join(own)}): not the same model."
        )
    return dict(zip(own, other, strict=True))
