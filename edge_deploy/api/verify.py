"""``verify``: the files of an artifact, or a bare one, against the original's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from msgspec import structs

from edge_deploy.api._prepare import header_of, ordinary, with_quality
from edge_deploy.api.keywords import VerifyKeywords
from edge_deploy.api.options import VerifyOptions
from edge_deploy.api.recipe import against
from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.document import to_document
from edge_deploy.artifact.file_entry import FileEntry, VerdictRow
from edge_deploy.artifact.manifest import Manifest, Source, columns_of, preprocessing_of, series_of
from edge_deploy.artifact.new_manifest import bare_manifest, source_entry
from edge_deploy.core import atomic_io, log, messages
from edge_deploy.core.bounds import bounded
from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.options import as_path, given, takes
from edge_deploy.core.spec import Arrays, Feature, LoadedModel, ModelSpec, Series
from edge_deploy.core.stdio import quiet, set_environment
from edge_deploy.data.csv_reader import Reading
from edge_deploy.data.readers import read
from edge_deploy.data.reference import Dataset, Reference, split, with_class_indices
from edge_deploy.formats.base import FLOAT, Runtime
from edge_deploy.formats.registry import (
    FORMATS,
    check_names,
    default_runtime,
    format_of,
    runtimes_of,
)
from edge_deploy.frontends.fold_preprocessing import fold_model
from edge_deploy.frontends.load import open_source, read_model
from edge_deploy.frontends.project.columns import NOTHING, Known
from edge_deploy.optimize.search.report import sections
from edge_deploy.verification import report
from edge_deploy.verification.compare import run_samples
from edge_deploy.verification.diagnostics import diagnose
from edge_deploy.verification.file_check import Checker, browser_if_any
from edge_deploy.verification.history import with_earlier
from edge_deploy.verification.integrity import label_failures, preparation_failures, wrong_files
from edge_deploy.verification.metrics import performance
from edge_deploy.verification.notebook import card
from edge_deploy.verification.steps import with_first_step
from edge_deploy.verification.tolerances import check_labels
from edge_deploy.verification.unlabelled import Case
from edge_deploy.verification.verdicts import Verdict, blank, none_fails, summarize


@dataclass(frozen=True)
class VerifyResult:
    """What ``verify`` found.

    Attributes:
        manifest: Of the artifact; a made-up one for a bare file.
        verdicts: One a file, runtime and backend.
        report: The folder with report.json and report.html, if they were written.
        notes: What the user should know.
        samples: How many samples of how many were asked, and whose they are, in words.
        warnings: What is probably wrong though every file agrees with the original.
        strict: Whether that fails.
    """

    manifest: Manifest
    verdicts: tuple[Verdict, ...]
    report: Path | None
    notes: tuple[str, ...] = ()
    samples: str = ""
    warnings: tuple[str, ...] = ()
    strict: bool = False

    @property
    def complete(self) -> bool:
        """Whether every file that was asked for was run."""
        return not any(verdict.status == "not run" for verdict in self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether no file that was run is outside tolerance, nor with ``strict`` a warning."""
        return none_fails(self.verdicts) and not (self.strict and self.warnings)

    def _repr_html_(self) -> str:
        """The same in a notebook: verdicts with bars, and size against accuracy."""
        return card(self.manifest, self.verdicts, (self.samples, *self.warnings, *self.notes))


@takes(VerifyOptions)
@bounded
def verify(
    path: Path | str,
    options: VerifyOptions | None = None,
    **keywords: Unpack[VerifyKeywords],
) -> VerifyResult:
    """Compare every converted file with the original's answers, in its real runtime.

    Args:
        path: An artifact; or, with ``against``, a bare ``.tflite``, ``.onnx`` or ``model.json``.
        options: What to run, and what passes.
        **keywords: Fields of ``VerifyOptions`` by name, which win over ``options``.

    Returns:
        Verdicts with their evidence. The artifact's manifest and reports are replaced, unless
        ``report`` names another folder for them.

    Raises:
        UsageError: The request is wrong.
        ArtifactError: The artifact or its reference data cannot be read.
    """
    path = as_path(path, "path")
    options = given(VerifyOptions, options, keywords, "verify")
    _check(options)
    with quiet():
        if path.is_file() and path.name != artifact.MANIFEST:
            done = _verify_bare(path, options)
        else:
            done = _verify(path, options)
    log.tell(done.notes, done.warnings)
    return done


def _verify(path: Path, options: VerifyOptions) -> VerifyResult:
    found = artifact.open_artifact(path)
    changed = found.changed_files()
    entries = [
        entry
        for entry in found.manifest.artifacts
        if entry.target in options.only and _wanted(entry.target, options)
    ]
    if not entries:
        there = ", ".join(sorted({entry.target for entry in found.manifest.artifacts})) or "none"
        raise UsageError(f"{path}: no file to verify is left; its targets are: {there}.")
    spec, reference, notes, model = _questions(found, options, changed)
    dataset = Dataset(reference, columns=columns_of(found.manifest))
    packaged = options.reference is None and options.against is None and reference.count
    if packaged and artifact.EVALUATION not in changed:
        dataset = replace(dataset, evaluation=found.evaluation() or Reference({}))
    costs = any(entry.precision != FLOAT or entry.pruned for entry in entries)
    samples = _samples(reference, dataset.evaluation.count if costs else 0)
    check_labels(options.tolerances, reference)
    unprepared = preparation_failures(found, reference) if packaged else ()
    verdicts: list[Verdict] = []
    judged: dict[str, tuple[VerdictRow, ...]] = {}
    wrong = {entry.path: wrong_files(found, entry, changed) for entry in entries}
    needs_browser = any(
        runtime.in_browser and not wrong[entry.path]
        for entry in entries
        for runtime in _wanted(entry.target, options)
    )
    with browser_if_any(needs_browser, options.browser) as handle:
        checker = Checker(spec, dataset, options.tolerances, handle, options.backends, model)
        for entry in entries:
            runtimes = _wanted(entry.target, options)
            rows = _check_entry(found, entry, runtimes, wrong[entry.path], checker)
            rows = [replace(row, failures=row.failures + unprepared) for row in rows]
            rows = with_first_step(rows, model, reference)
            judged[entry.path] = summarize(rows)
            verdicts.extend(rows)
    case = Case(
        spec=spec,
        data=dataset.every,
        predict=model.predict if model else _predictor(found, entries, wrong),
        preprocessing=preprocessing_of(found.manifest),
        features=dataset.columns,
        ordinary=ordinary(model) if model else None,
    )
    warnings = diagnose(case)
    if options.reference is None and reference.count:
        warnings = (
            warnings or found.manifest.reference.warnings or ()
        )  # convert knew the order of the samples
    described = with_quality(found.manifest, performance(spec, case.data), warnings)
    manifest = structs.replace(
        described if packaged else found.manifest,
        artifacts=tuple(
            structs.replace(entry, verification=judged.get(entry.path, entry.verification))
            for entry in found.manifest.artifacts
        ),
    )
    every = with_earlier(found, manifest, verdicts, changed)
    shown = structs.replace(manifest, reference=described.reference)
    documents = report.documents(shown, every, sections(found.tuning()))
    told = VerifyResult(
        shown,
        tuple(verdicts),
        None,
        notes,
        samples,
        tuple(warning.text for warning in warnings),
        options.strict,
    )
    if options.report is not None:
        return replace(told, report=_write_report(options.report, documents))
    try:
        with atomic_io.writing(found.folder, "report"):
            artifact.update(found, manifest, documents)
    except EdgeDeployError as error:
        # The verdicts are what was asked for; a folder that may only be read must not lose them.
        kept = f"the reports were not kept: {error}"
        return replace(told, notes=(*notes, kept))
    return replace(told, report=found.folder)


def _predictor(
    found: Artifact, entries: Sequence[FileEntry], wrong: Mapping[str, tuple[str, ...]]
) -> Callable[[Arrays], Arrays] | None:
    """What answers in the original's place: a float32 file that is run here, without a browser."""
    plain = [
        entry
        for entry in entries
        if entry.precision == FLOAT
        and not entry.pruned
        and not wrong[entry.path]
        and not default_runtime(entry.target).in_browser
    ]
    if not plain:
        return None
    path, runtime = found.main_file(plain[0]), default_runtime(plain[0].target)

    def predict(inputs: Arrays) -> Arrays:
        with runtime.open(path) as runner:
            answers, _ = run_samples(runner, found.spec, Reference(inputs))
        return {name: np.concatenate(values) for name, values in answers.items()}

    return predict


def _wanted(name: str, options: VerifyOptions) -> list[Runtime]:
    return [runtime for runtime in runtimes_of(name) if runtime.name in options.runtimes]


def _check(options: VerifyOptions) -> None:
    check_names(options.only, options.runtimes, options.backends)
    if options.reference is not None and options.against is None:
        raise UsageError(
            f"{option('reference')} needs {option('against', 'MODEL')}: only the original can "
            "answer new samples.",
            option="reference",
            got=options.reference,
        )


def _questions(
    found: Artifact, options: VerifyOptions, changed: Mapping[str, str]
) -> tuple[ModelSpec, Reference, tuple[str, ...], LoadedModel | None]:
    """What to ask, with the original's answers (packaged, or given anew by the original).

    Also what the user should know, and the original where it was given.
    """
    if options.against is None:
        if artifact.REFERENCE in changed:
            return found.spec, Reference({}), (), None
        return found.spec, found.reference(), (), None
    columns = columns_of(found.manifest)
    known = Known(tuple(column.name for column in columns or ()), whole=bool(columns))
    model, source = _original(options, known)
    own = {s.name for s in (*found.spec.inputs, *found.spec.outputs)}
    if own != {s.name for s in (*model.spec.inputs, *model.spec.outputs)}:
        raise UsageError(
            f"{source.file}: its inputs and outputs are not those of {found.folder}: it is "
            "not the model that was converted."
        )
    if folded := found.manifest.folded_preprocessing:
        model = fold_model(replace(model, spec=found.spec), to_document(folded.image))
    if options.reference is None:
        data = found.reference()
    else:
        told = preprocessing_of(found.manifest), series_of(found.manifest)
        data = _read_new(options, found.spec, columns, *told)
    answered = replace(data, outputs=model.ask(data.inputs, data.rows), unsure={})
    return found.spec, answered, model.notes, model


def _read_new(
    options: VerifyOptions,
    spec: ModelSpec,
    columns: Sequence[Feature] | None,
    preprocessing: Mapping[str, Any] | None = None,
    series: Series | None = None,
) -> Reference:
    """The user's new samples, as many as a reference has."""
    assert options.reference is not None
    reading = Reading(label_column=options.label_column)
    data = read(options.reference, spec, columns, preprocessing, reading, series)
    return split(with_class_indices(data, spec), 0, options.seed)[0]


def _original(options: VerifyOptions, known: Known = NOTHING) -> tuple[LoadedModel, Source]:
    """The original that was given, and the manifest's form of what it is."""
    set_environment()
    options = against(options)
    with open_source(options.against, options) as source:
        model = read_model(source, options, known)
        return model, source_entry(source.given, model)


def _samples(reference: Reference, evaluation: int = 0) -> str:
    more = f", and {evaluation:,} more for what compressed files cost" if evaluation else ""
    return f"{messages.samples(reference.count, reference.given, reference.origin)}{more}"


def _check_entry(
    found: Artifact,
    entry: FileEntry,
    runtimes: Sequence[Runtime],
    wrong: tuple[str, ...],
    checker: Checker,
) -> list[Verdict]:
    # A file that is not the one that was written is not opened: a runtime may crash on it.
    if wrong:
        return [replace(blank(runtime, entry), failures=wrong) for runtime in runtimes]
    path = found.main_file(entry)
    labels = label_failures(found, FORMATS[entry.target], path)
    rows = [
        row for runtime in runtimes for row in checker.check(runtime, path, blank(runtime, entry))
    ]
    return [replace(row, failures=row.failures + labels) for row in rows]


def _verify_bare(path: Path, options: VerifyOptions) -> VerifyResult:
    """A file that somebody else converted, against a model and data."""
    name = format_of(path).name
    if options.against is None or options.reference is None:
        raise UsageError(
            f"{path}: a bare file has no reference beside it. Say what it was converted from and "
            f"what to ask: {option('against', 'MODEL')} {option('reference', 'DATA')}."
        )
    model, source = _original(options, header_of(options.reference, options.label_column))
    data = _read_new(options, model.spec, model.features, series=model.series)
    data = replace(data, outputs=model.ask(data.inputs, data.rows))
    runtimes = _wanted(name, options) or runtimes_of(name)[:1]
    needs_browser = any(runtime.in_browser for runtime in runtimes)
    with browser_if_any(needs_browser, options.browser) as handle:
        checker = Checker(
            model.spec, Dataset(data), options.tolerances, handle, options.backends, model
        )
        verdicts = [
            row
            for runtime in runtimes
            for row in checker.check(
                runtime, path, Verdict(name, FLOAT, path.name, runtime.name), foreign=True
            )
        ]
    manifest = bare_manifest(path, name, source, model.spec, data)
    case = Case(model.spec, data, model.predict, features=model.features, ordinary=ordinary(model))
    warnings = diagnose(case)
    manifest = with_quality(manifest, performance(model.spec, data), warnings)
    documents = report.documents(manifest, verdicts)
    return VerifyResult(
        manifest,
        tuple(verdicts),
        _write_report(options.report, documents),
        model.notes,
        _samples(data),
        tuple(warning.text for warning in warnings),
        options.strict,
    )


def _write_report(folder: Path | None, documents: Mapping[str, str]) -> Path | None:
    if folder is None:
        return None
    with atomic_io.writing(folder, "report"):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_io.replace_all({}, {folder / name: text for name, text in documents.items()})
    return folder
