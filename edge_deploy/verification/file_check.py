"""Opening converted files in their runtimes and judging them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_deploy.core.errors import ArtifactError, MissingDependencyError
from edge_deploy.core.spec import Array, Arrays, Feature, LoadedModel, ModelSpec, Runner, TensorSpec
from edge_deploy.data.preprocessing.encoding import encode_rows, raw_rows
from edge_deploy.data.reference import MAX_BYTES, MAX_SAMPLES, Dataset, Reference
from edge_deploy.formats.base import Format, Runtime
from edge_deploy.formats.registry import FORMATS
from edge_deploy.verification.compare import judge
from edge_deploy.verification.noise import measure
from edge_deploy.verification.tolerances import Tolerances
from edge_deploy.verification.verdicts import Verdict

if TYPE_CHECKING:
    from edge_deploy.web.browser import Browser
    from edge_deploy.web.remote_browser import RemoteBrowser


@dataclass(frozen=True)
class BrowserSession:
    """A browser, or the reason why there is none."""

    browser: Browser | RemoteBrowser | None
    reason: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether another process has it, so that this one can do something else meanwhile."""
        from edge_deploy.web.remote_browser import RemoteBrowser

        return isinstance(self.browser, RemoteBrowser)

    def end(self) -> None:
        """Close a browser that serves this run alone: nothing more is asked of it."""
        from edge_deploy.web.remote_browser import RemoteBrowser

        if isinstance(self.browser, RemoteBrowser):
            self.browser.end()


@contextmanager
def browser_if_any(wanted: bool, path: Path | None) -> Iterator[BrowserSession]:
    """One browser for a whole run; a missing one is a reason and not an error."""
    if not wanted:
        yield BrowserSession(None, "not asked for")
        return
    from edge_deploy.core.worker import process
    from edge_deploy.web.browser import open_browser
    from edge_deploy.web.remote_browser import RemoteBrowser

    line = process.channel()
    with ExitStack() as stack:
        try:
            if line is not None:  # the parent's, who was told the path
                handle = BrowserSession(RemoteBrowser(line))
            else:
                handle = BrowserSession(stack.enter_context(open_browser(path)))
        except MissingDependencyError as error:
            handle = BrowserSession(None, str(error))
        yield handle


@dataclass(frozen=True, eq=False)
class Checker:
    """Opens converted files in their runtimes and compares their answers with the original's.

    Attributes:
        spec: The original's inputs and outputs.
        dataset: Samples and the original's answers.
        tolerances: What passes.
        browser: The browser of this run.
        backends: TF.js backends.
        original: The model, where it is there to be asked again.
    """

    spec: ModelSpec
    dataset: Dataset
    tolerances: Tolerances
    browser: BrowserSession
    backends: tuple[str, ...] = ("wasm",)
    original: LoadedModel | None = None

    @cached_property
    def _unsure(self) -> Arrays:
        return measure(self.original, self.dataset.reference) if self.original else {}

    @property
    def known(self) -> Dataset:
        """The samples, with the original's own rounding where a file made it be measured."""
        unsure = self.__dict__.get("_unsure") or self.dataset.reference.unsure
        return replace(self.dataset, reference=replace(self.dataset.reference, unsure=unsure))

    def _measure(self) -> Callable[[], Arrays] | None:
        return (lambda: self._unsure) if self.original else None

    def check(
        self, runtime: Runtime, path: Path, blank: Verdict, foreign: bool = False
    ) -> list[Verdict]:
        """Verdicts on one file: one, or one a backend where a browser runs it.

        Args:
            runtime: What runs it.
            path: The file that a runtime opens.
            blank: Precision and place of the file, to be filled in.
            foreign: Somebody else converted it, so its tensors may have other names.
        """
        if runtime.in_browser:
            backends = runtime.backends_of(self.backends)
            return [self._in_page(runtime, path, replace(blank, backend=b)) for b in backends]
        try:
            with runtime.open(path) as runner:
                self._check_rows(encode_rows)
                file_format = FORMATS[runtime.format]
                named = by_order(runner, file_format, path, self.spec) if foreign else runner
                data = self._asked(blank)
                asked = judge(blank, named, self.spec, data, self.tolerances, self._measure())
                return [asked]
        except MissingDependencyError as error:
            return [replace(blank, reason=str(error))]
        except ArtifactError as error:
            return [replace(blank, failures=(str(error),))]

    def _in_page(self, runtime: Runtime, path: Path, blank: Verdict) -> Verdict:
        browser = self.browser.browser
        if browser is None:
            return replace(blank, reason=self.browser.reason)
        assert blank.backend is not None
        data = for_browser(self._asked(blank)) if blank.compressed else self._asked(blank)
        try:
            with browser.open_file(runtime.format, path, blank.backend, self.spec) as runner:
                self._check_rows(runner.encode)
                return judge(blank, runner, self.spec, data, self.tolerances, self._measure())
        except ArtifactError as error:
            return replace(blank, failures=(str(error),))

    def _asked(self, blank: Verdict) -> Reference:
        return self.dataset.every if blank.compressed else self.dataset.reference

    def _check_rows(self, encode: Callable[[Sequence[Feature], Any], Array]) -> None:
        """Whether rows become the input here that they became when the model was converted."""
        columns, reference = self.dataset.columns or (), self.dataset.reference
        if len(reference.inputs) == 1 and (rows := raw_rows(columns, reference.rows)):
            _same_inputs(reference, encode(columns, rows))


def _same_inputs(reference: Reference, encoded: Array) -> None:
    (given,) = reference.inputs.values()
    other = ~((encoded == given) | (np.isnan(encoded) & np.isnan(given)))
    if other.any():
        sample, place = np.argwhere(other)[0]
        raise ArtifactError(
            f"rows are encoded otherwise here: sample {sample} has {encoded[sample, place]:g} in "
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

    def predict(self, inputs: Arrays) -> Arrays:
        answer = self._runner.predict({self._inputs[n]: v for n, v in inputs.items()})
        return {mine: answer[theirs] for mine, theirs in self._outputs.items() if theirs in answer}


def by_order(runner: Runner, file_format: Format, path: Path, spec: ModelSpec) -> Runner:
    """Let a file of somebody else answer under the original's names.

    Names that agree are kept; where the sets of names differ, tensors are paired in order.

    Raises:
        ArtifactError: The file has another number of inputs or outputs.
    """
    info = file_format.describe(path)
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
