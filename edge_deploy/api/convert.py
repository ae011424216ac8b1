"""A trained model to an artifact: preconditions first, then the targets, then one rename."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Unpack

from msgspec import structs

from edge_deploy.api import cache
from edge_deploy.api._prepare import check, default_name, prepare, training
from edge_deploy.api._write import write_version
from edge_deploy.api.keywords import ConvertKeywords
from edge_deploy.api.options import ConvertOptions
from edge_deploy.api.recipe import resolve
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.document import part
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import Manifest, RecipeEntry
from edge_deploy.artifact.metadata import file_metadata
from edge_deploy.artifact.new_manifest import new_manifest
from edge_deploy.core import atomic_io, log
from edge_deploy.core.bounds import bounded
from edge_deploy.core.errors import ConversionError, wrong_option
from edge_deploy.core.messages import option
from edge_deploy.core.options import given, takes
from edge_deploy.core.spec import LoadedModel
from edge_deploy.core.stdio import quiet, set_environment
from edge_deploy.core.worker.limits import give_memory_back
from edge_deploy.data.calibration_checks import calibrate
from edge_deploy.data.reference import Dataset
from edge_deploy.formats.base import FLOAT, Converted, Format
from edge_deploy.formats.registry import FORMATS, need_browser
from edge_deploy.frontends import load
from edge_deploy.frontends.fold_preprocessing import check_pixels
from edge_deploy.frontends.project.recipe import Recipe
from edge_deploy.optimize import pruning
from edge_deploy.optimize.builder import (
    FileBuilder,
    check_batch,
    check_io,
    check_opset,
    check_runtime,
)
from edge_deploy.optimize.mixed_precision import check_keep, make_and_judge
from edge_deploy.optimize.precisions import PrecisionRequest, parse
from edge_deploy.verification.file_check import Checker, browser_if_any
from edge_deploy.verification.history import verdicts_of
from edge_deploy.verification.notebook import card
from edge_deploy.verification.steps import with_first_step
from edge_deploy.verification.tolerances import check_labels
from edge_deploy.verification.verdicts import Verdict, none_fails

_log = log.logger(__name__)
# Bytes of a file below which a browser may hold it while the next one is converted: it takes
# eight times as many of memory, and a conversion up to ten.
_LIGHT = 64_000_000


@dataclass(frozen=True)
class ConvertResult:
    """What ``convert`` did.

    Attributes:
        artifact: The published folder; None for a dry run.
        manifest: As written.
        verdicts: One a file and runtime.
        failed: Targets that could not be converted, with the reason (``keep_going``).
        notes: What the user should know, one line each.
        warnings: What is probably wrong though every file agrees with the model: labels, pixels,
            scalers.
    """

    artifact: Artifact | None
    manifest: Manifest
    verdicts: tuple[Verdict, ...]
    failed: Mapping[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every file that was asked for was made."""
        return not self.failed

    @property
    def passed(self) -> bool:
        """Whether no file that was made is outside tolerance."""
        return none_fails(self.verdicts)

    def _repr_html_(self) -> str:
        """The same in a notebook: verdicts with bars, and size against accuracy."""
        return card(self.manifest, self.verdicts, (*self.warnings, *self.notes), self.failed)


@takes(ConvertOptions)
@bounded
def convert(
    model: Any = None,
    options: ConvertOptions | None = None,
    **keywords: Unpack[ConvertKeywords],
) -> ConvertResult:
    """Convert a trained model to ``<output>/<name>/<version>/``, and compare every file.

    Args:
        model: A Keras file, a SavedModel folder, a scikit-learn pickle, or a ``.zip`` of one; or
            a live Keras model, tf.Module or fitted scikit-learn estimator; or a list of files in
            the order in which data flow: ``["scaler.pkl", "model.h5", "label_encoder.pkl"]``.
        options: What to make, and from which data.
        **keywords: Fields of ``ConvertOptions`` by name, which win over ``options``.

    Returns:
        What was made, with a verdict on each file.

    Raises:
        UsageError: The request or the data beside the model is wrong.
        SourceError: The model cannot be read.
        ConversionError: A target cannot hold it (nothing is published unless ``keep_going``).
        EdgeDeployError: The output cannot be written.

    Example:
        >>> done = edge_deploy.convert("model.h5", reference="data.csv", quantize=["int8"])
        >>> done.artifact.folder
        PosixPath('artifacts/model/1')
    """
    model, taken, asked, recipe = resolve(model, options, keywords)
    options = given(ConvertOptions, taken, asked, "convert")
    set_environment()
    key = cache.key_of(model, options, recipe)
    done = from_cache(key, options)
    if done is None:
        with quiet(options.verbose):
            done = _convert(model, options, recipe)
        if key is not None and done.complete and done.artifact:
            same = key == cache.key_of(model, options, recipe)  # no file was changed meanwhile
            note = cache.keep(key, done.artifact.folder) if same else None
            done = replace(done, notes=(*done.notes, note)) if note else done
    log.tell(done.notes, done.warnings)
    return done


def from_cache(key: cache.Key | None, options: ConvertOptions) -> ConvertResult | None:
    """The same conversion, published anew without doing it; None where it was not done before.

    Args:
        key: ``cache.key_of`` of it.
        options: Where the version goes.
    """
    found = cache.restore(key, options) if key else None
    if found is None:
        return None
    note = f"converted before, and taken from the cache ({option('cache', False)} converts again)"
    warnings = found.manifest.reference.warnings
    told = tuple(one.text for one in warnings) if warnings else ()
    return ConvertResult(found, found.manifest, tuple(verdicts_of(found)), {}, (note,), told)


def _convert(model: Any, options: ConvertOptions, recipe: Recipe | None) -> ConvertResult:
    tolerances = options.tolerances
    check(options)
    wish = parse("quantize", options.quantize, options.targets())
    check_io(options.io, wish)
    check_runtime(options.min_runtime, wish)
    check_opset(options.opset)
    check_batch(options.free_batch, wish)
    check_keep(options.keep_float, wish)
    pruning.check_options(options.prune, options.prune_data, options.prune_epochs)
    if options.prune is not None and options.deterministic:
        raise wrong_option(
            "prune",
            options.prune,
            f"it trains variables, and {option('deterministic', True)} writes the model as a "
            "graph of constants. Take the random layer out instead, and save the model again.",
        )
    with load.open_source(model, options) as source:
        if options.prune is not None:
            pruning.check_kind(source.loader)
        name = artifacts.check_name("name", options.name or default_name(source))
        artifacts.check_free(
            options.output, name, options.version, options.overwrite or options.dry_run
        )
        _log.info("reading %s", source.given.name)
        prepared = prepare(source, options, options.fold_preprocessing)
        loaded, side, dataset = prepared.model, prepared.side, prepared.dataset
        wish = _held(wish, loaded, options)
        notes = prepared.notes
        check_labels(tolerances, dataset.reference)
        calibration = None
        if wish.static:
            _log.info("looking at the calibration data")
            calibration, warnings = calibrate(
                loaded.spec, dataset, options.calibration, options.strict
            )
            notes = (*notes, *warnings)
        notes = (*notes, *wish.notes)
        tuning = training(options, loaded.spec, side)
        if options.fold_preprocessing and calibration is not None:
            check_pixels("the calibration data", loaded.spec, next(iter(calibration), {}))
        manifest = new_manifest(
            source.given, (name, options.version, options.command), loaded, side, dataset.reference
        )
        manifest = prepared.told(manifest)
        if recipe is not None:
            kept = {"sha256": recipe.sha256, "content": recipe.document}
            manifest = structs.replace(manifest, recipe=part(RecipeEntry, kept))
        told = tuple(warning.text for warning in prepared.warnings)
        if options.dry_run:
            notes = (*notes, "dry run: nothing was written")
            return ConvertResult(None, manifest, (), {}, notes, told)
        final = artifacts.check_free(options.output, name, options.version, options.overwrite)
        with (
            atomic_io.staged(options.output, final) as stage,
            contextlib.ExitStack() as stack,
        ):
            how = None
            if options.prune is not None:
                _log.info("pruning")
                done = stack.enter_context(pruning.pruned(loaded, options.prune, tuning))
                loaded, how = done.model, done.entry
                dataset = _with_pruned(dataset, loaded)
                notes = (*notes, *done.notes)
            handle = stack.enter_context(
                browser_if_any(need_browser(wish.by_target), options.browser)
            )
            builder = FileBuilder(
                stage,
                manifest,
                Checker(loaded.spec, dataset, tolerances, handle, original=loaded),
                options.io,
                calibration,
                options.keep_float,
                how,
                options.min_runtime,
                loaded,
            )
            made = _make_files(builder, loaded, wish, options)
            verdicts = with_first_step(made.verdicts, loaded, dataset.reference)
            _log.info("writing the manifest")
            manifest = structs.replace(manifest, artifacts=tuple(made.entries))
            write_version(stage, manifest, builder.checker.known, side, verdicts)
    published = artifacts.open_artifact(final)
    notes = (*notes, *made.notes)
    return ConvertResult(published, published.manifest, tuple(verdicts), made.failed, notes, told)


def _held(wish: PrecisionRequest, model: LoadedModel, options: ConvertOptions) -> PrecisionRequest:
    """What was asked for, of the targets that can hold the model or that were named.

    Raises:
        ConversionError: Nothing is left.
    """
    targets = options.targets(model)
    kept = {name: wish.by_target[name] for name in wish.by_target if name in targets}
    if not kept:
        raise ConversionError(f"{model.onnx}. Ask for ONNX too.")
    return replace(wish, by_target=kept)


def _with_pruned(dataset: Dataset, model: LoadedModel) -> Dataset:
    """The same samples with the pruned model's answers beside the original's."""
    reference, evaluation = dataset.reference, dataset.evaluation
    reference = replace(reference, pruned=model.predict(reference.inputs))
    if evaluation.count:
        evaluation = replace(evaluation, pruned=model.predict(evaluation.inputs))
    return replace(dataset, reference=reference, evaluation=evaluation)


def _settings(target: str, options: ConvertOptions) -> dict[str, Any]:
    """What only one format is asked for."""
    if target == "onnx":
        return {"opset": options.opset}
    return {"free_batch": options.free_batch} if target == "tflite" else {}


@dataclass
class _Made:
    """Files, what was found of each, and what could not be made."""

    entries: list[FileEntry] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _make_files(
    builder: FileBuilder, model: LoadedModel, wish: PrecisionRequest, options: ConvertOptions
) -> _Made:
    """Every file, format by format; while a browser answers for one the next is converted."""
    parts: list[_Made | Future[_Made]] = []
    last = next((name for name in [*wish.by_target][::-1] if need_browser([name])), None)
    apart = builder.checker.browser.is_remote and (os.cpu_count() or 1) > 1
    with ThreadPoolExecutor(1) as beside:
        for name in wish.by_target:
            give_memory_back()
            file_format = FORMATS[name]
            _log.info("converting to %s", name)
            source = builder.path(file_format, FLOAT)
            source.parent.mkdir(parents=True)
            try:
                settings = _settings(name, options)
                metadata = file_metadata(builder.manifest)
                converted = file_format.export(model, source, metadata, **settings)
            except ConversionError as error:
                if not options.keep_going:
                    raise
                shutil.rmtree(builder.stage / name)
                parts.append(_Made(failed={name: str(error)}))
                continue
            weight = sum(file.stat().st_size for file in converted.files)
            give_memory_back(freed=weight)
            judge = partial(_judge, builder, file_format, converted, wish, options, name == last)
            if apart and need_browser([name]) and weight < _LIGHT:
                parts.append(beside.submit(copy_context().run, judge))
            else:
                wait(one for one in parts if isinstance(one, Future))
                parts.append(judge())
    made = _Made()
    for judged in parts:
        one = judged.result() if isinstance(judged, Future) else judged
        made.entries += one.entries
        made.verdicts += one.verdicts
        made.failed |= one.failed
        made.notes += one.notes
    if made.failed and not made.verdicts:
        raise ConversionError("\n".join(made.failed.values()))
    return made


def _judge(
    builder: FileBuilder,
    file_format: Format,
    converted: Converted,
    wish: PrecisionRequest,
    options: ConvertOptions,
    last_in_page: bool,
) -> _Made:
    """A format's files in every precision, made from the float32 one and compared."""
    made = _Made(notes=[*converted.notes])
    name = file_format.name
    precisions = wish.by_target[name]
    for precision in precisions:
        _log.info("%s %s", name, precision)
        try:
            entry, rows = make_and_judge(builder, file_format, precision, converted)
        except ConversionError as error:
            if not options.keep_going:
                raise
            made.failed[f"{name} {precision}"] = str(error)
            continue
        made.entries.append(entry)
        if entry.quantizer not in (None, file_format.quantizer):
            made.notes.append(
                f"{name} {precision} is {entry.quantizer}'s: {file_format.quantizer}'s "
                "file fell outside its budget and did worse"
            )
        made.verdicts += rows
    if last_in_page:
        builder.checker.browser.end()  # it holds as much memory as a model
    if FLOAT not in precisions or f"{name} {FLOAT}" in made.failed:  # the way to the others
        for file in converted.files:
            file.unlink()
        folder = converted.path.parent
        if not any(folder.iterdir()):  # it had a folder of its own
            folder.rmdir()
    return made
