"""``tune``: the smallest files of a trained model within an accuracy budget, by measurement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

from edge_deploy.api import _prepare
from edge_deploy.api._publish_search import Recommendation, publish
from edge_deploy.api.keywords import TuneKeywords
from edge_deploy.api.options import TuneOptions
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.artifact.new_manifest import new_manifest
from edge_deploy.core import atomic_io, log
from edge_deploy.core.bounds import bounded
from edge_deploy.core.errors import MissingDependencyError, UsageError, unknown_option, wrong_option
from edge_deploy.core.messages import option, size_text
from edge_deploy.core.options import given, takes
from edge_deploy.core.spec import LoadedModel, ModelSpec
from edge_deploy.core.stdio import quiet, set_environment
from edge_deploy.data.calibration import Samples
from edge_deploy.data.calibration_checks import calibrate
from edge_deploy.data.reference import Reference
from edge_deploy.formats.registry import need_browser
from edge_deploy.frontends import load
from edge_deploy.optimize import pruning
from edge_deploy.optimize.finetuning import FineTuneData
from edge_deploy.optimize.search import executors
from edge_deploy.optimize.search.candidates import OBJECTIVES, Candidate, CandidateResult, front
from edge_deploy.optimize.search.measure import CandidateGroup
from edge_deploy.optimize.search.report import sections
from edge_deploy.optimize.search.search import Search, can_be_pruned, float_files, measure_all
from edge_deploy.optimize.search.store import open_store
from edge_deploy.verification.file_check import BrowserSession, browser_if_any
from edge_deploy.verification.notebook import card
from edge_deploy.verification.verdicts import Verdict

_log = log.logger(__name__)


@dataclass(frozen=True)
class TuneResult:
    """What ``tune`` found.

    Attributes:
        artifact: The files of the front, with tuning.json and the report.
        manifest: As written.
        measured: Every candidate that could be made.
        recommended: By target; None where no file stays within the budget.
        verdicts: On the files of the front.
        notes: What the user should know, one line each.
        warnings: What is probably wrong though every file agrees with the model.
    """

    artifact: Artifact
    manifest: Manifest
    measured: tuple[CandidateResult, ...]
    recommended: Mapping[str, Recommendation | None]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every target has a file within the budget."""
        return None not in self.recommended.values()

    def _repr_html_(self) -> str:
        """The same in a notebook: size against accuracy, the front, and the verdicts."""
        found = sections(self.artifact.tuning())
        return card(self.manifest, self.verdicts, self.notes, sections=found)


HEADER = ("target", "file", "brotli", "of float32", "metric", "drop", "ms", "")


def rows(found: TuneResult) -> list[tuple[str, ...]]:
    """The front of each target, and float32 to compare with, for the terminal (see HEADER)."""
    tuning = found.artifact.tuning() or {}
    result: list[tuple[str, ...]] = []
    for target, chosen in found.recommended.items():
        mine = [m for m in found.measured if m.candidate.target == target]
        whole = next((m for m in mine if m.candidate == Candidate(target, "float32")), None)
        best = front(mine, tuning["objective"], tuning["max_drop"])
        for m in [*best, *([whole] if whole and whole not in best else [])]:
            share = f"{m.brotli_bytes / whole.brotli_bytes:.3f}" if whole else ""
            result.append(
                (
                    target,
                    m.candidate.words,
                    size_text(m.brotli_bytes),
                    share,
                    f"{m.metric} {m.after:.4f}",
                    f"{m.drop:+.4f}",
                    "" if m.median_ms is None else f"{m.median_ms:.3f}",
                    "★" if chosen is not None and m == chosen.measured else "",
                )
            )
    return result


@takes(TuneOptions)
@bounded
def tune(
    model: Any,
    options: TuneOptions | None = None,
    **keywords: Unpack[TuneKeywords],
) -> TuneResult:
    """Search precisions, sparsities and layers kept in float for the best files of each target.

    The model is converted to float32 once for each sparsity; every candidate is made from that
    file without TensorFlow, run in its real runtime and measured. What was measured is kept in a
    folder beside the version, ``.tune-<version>``, until the version is written.

    Args:
        model: A trained model, as for ``convert``.
        options: What to search.
        **keywords: Fields of ``TuneOptions`` by name, which win over ``options``.

    Raises:
        UsageError: The request or the data is wrong, or a search is there that did not end.
        MissingDependencyError: The executor or a browser for TF.js is missing.
        SourceError: The model cannot be read.
        ConversionError: A target cannot hold it.
    """
    options = given(TuneOptions, options, keywords, "tune")
    set_environment()
    with quiet(options.verbose):
        done = _tune(model, options)
    log.tell(done.notes, done.warnings)
    return done


def _tune(model: Any, options: TuneOptions) -> TuneResult:
    _check(options)
    with load.open_source(model, options) as source, ExitStack() as stack:
        name = artifacts.check_name("name", options.name or _prepare.default_name(source))
        final = artifacts.check_free(options.output, name, options.version, options.overwrite)
        handle = stack.enter_context(_browser(options))
        _log.info("reading %s", source.given.name)
        prepared = _prepare.prepare(source, options)
        loaded, side, dataset = prepared.model, prepared.side, prepared.dataset
        _log.info("looking at the calibration data")
        calibration, warnings = calibrate(loaded.spec, dataset, options.calibration, options.strict)
        training = _prepare.training(options, loaded.spec, side)
        manifest = new_manifest(
            source.given, (name, options.version, options.command), loaded, side, dataset.reference
        )
        manifest = prepared.told(manifest)
        seen = (dataset.every, _as_reference(calibration, loaded.spec))
        about = _about(manifest, options, prepared.samples, training)
        with atomic_io.writing(
            options.output, left=f"{option('resume', True)} goes on with what was measured"
        ):
            store = open_store(
                final.with_name(f".tune-{options.version}"),
                about,
                options.resume,
                options.overwrite,
            )
            search = Search(options.targets(loaded), options, store, handle)
            groups = float_files(search, loaded, manifest, training, seen)
            measured = measure_all(search, groups)
        notes = (*prepared.notes, *warnings, *_notes(options, loaded, seen[0], measured))
        published, recommended, verdicts = publish(
            search, options, groups, measured, manifest, prepared
        )
        store.end()
    return TuneResult(
        published,
        published.manifest,
        tuple(measured),
        recommended,
        verdicts,
        tuple(notes),
        tuple(warning.text for warning in prepared.warnings),
    )


def _check(options: TuneOptions) -> None:
    """Refuse what cannot be meant, before anything is read.

    Raises:
        UsageError: A wrong option.
        MissingDependencyError: The executor is not installed.
    """
    if options.objective not in OBJECTIVES:
        raise unknown_option("objective", options.objective, OBJECTIVES, "objective")
    if not 0 <= options.max_drop < 1:
        raise wrong_option("max_drop", options.max_drop, "a share from 0 to below 1, such as 0.01.")
    if options.jobs is not None and options.jobs < 1:
        raise wrong_option("jobs", options.jobs, "at least 1.")
    for sparsity in options.sparsities:
        if not 0 < sparsity < 1:
            raise wrong_option("sparsities", sparsity, "shares between 0 and 1, such as 0.8.")
    if options.prune_data and not options.sparsities:
        raise UsageError(
            f"{option('prune_data')} is to train pruned models on, and {option('sparsities')} has "
            "none.",
            option="prune_data",
        )
    _prepare.check(options)
    pruning.check_options(0.5, options.prune_data, options.prune_epochs)
    executors.check(options.executor)


@contextmanager
def _browser(options: TuneOptions) -> Iterator[BrowserSession]:
    """The browser that TF.js candidates are measured in.

    Raises:
        MissingDependencyError: There is none.
    """
    wanted = need_browser(options.targets())
    with browser_if_any(wanted, options.browser) as handle:
        if wanted and handle.browser is None:
            raise MissingDependencyError(
                f"TF.js candidates are measured in a browser: {handle.reason} Leave them out with "
                f"{option('to', ['tflite', 'onnx'])}."
            )
        yield handle


def _about(
    manifest: Manifest,
    options: TuneOptions,
    data: Reference,
    training: FineTuneData | None,
) -> dict[str, str]:
    """What must be the same for a search to go on; how it ends (budget, aim) may differ."""
    trained_on = training.data if training else Reference({})
    nothing = CandidateGroup("", 0.0, {}, ModelSpec((), ()), data, trained_on)
    return {
        "model": manifest.source.sha256,
        "data": nothing.digest(),
        "training": f"{options.prune_epochs} epochs" if options.prune_data else "none",
        "seed": str(options.seed),
        "name": f"{manifest.name} {manifest.version}",
        "tools": json.dumps(manifest.tools, sort_keys=True),
    }


def _as_reference(samples: Samples, spec: ModelSpec) -> Reference:
    """Calibration samples as arrays, which can travel to other machines."""
    import numpy as np

    rows = list(samples)
    return Reference(
        {
            s.name: (np.concatenate if s.batched else np.stack)([row[s.name] for row in rows])
            for s in spec.inputs
        }
    )


def _notes(
    options: TuneOptions, loaded: LoadedModel, data: Reference, measured: Sequence[CandidateResult]
) -> Iterator[str]:
    if options.sparsities and not can_be_pruned(loaded):
        yield f"no pruning: only Keras files can be pruned, and this is a {loaded.kind} model"
    if measured and measured[0].metric == "agreement":
        yield (
            "no labels: the budget is about the agreement with the original. Give "
            f"{option('reference')} data with labels to keep the accuracy itself"
        )
    counted = measured and measured[0].metric in ("accuracy", "agreement")
    if counted and 0 < options.max_drop < 1 / data.count:
        yield (
            f"{data.count} samples: one answer is {1 / data.count:.1%}, so a drop of "
            f"{options.max_drop:g} allows none. Give more with {option('reference')}"
        )
