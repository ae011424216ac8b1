"""What `convert` and `tune` begin with: the model, what lies beside it, and samples to ask."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from msgspec import UNSET, structs

from edge_deploy.api.options import ModelOptions
from edge_deploy.artifact import samples
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.artifact.performance import PerformanceEntry, WarningEntry
from edge_deploy.core.errors import EdgeDeployError, UsageError, unknown_option, wrong_option
from edge_deploy.core.graph import freeze, index_limits, input_arithmetic
from edge_deploy.core.messages import option
from edge_deploy.core.options import Data
from edge_deploy.core.spec import Array, LoadedModel, ModelSpec
from edge_deploy.data import sidecars
from edge_deploy.data.csv_reader import Reading, column_names, label_names
from edge_deploy.data.preprocessing.features import parse_features, with_truths
from edge_deploy.data.preprocessing.series import remarks, series_in
from edge_deploy.data.readers import is_table, read
from edge_deploy.data.reference import Dataset, Reference, split, with_class_indices
from edge_deploy.data.series_csv import with_names
from edge_deploy.data.sidecars import DataOptions, Sidecars
from edge_deploy.data.synthetic import synthesize
from edge_deploy.formats.registry import FORMATS
from edge_deploy.frontends import load
from edge_deploy.frontends.fold_preprocessing import check_pixels, fold
from edge_deploy.frontends.load import check_dtypes, read_model
from edge_deploy.frontends.project.columns import Known
from edge_deploy.optimize.finetuning import FineTuneData
from edge_deploy.verification import rounding
from edge_deploy.verification.diagnostics import diagnose
from edge_deploy.verification.metrics import performance
from edge_deploy.verification.steps import harmful_steps
from edge_deploy.verification.unlabelled import Case

_MOST_COUNTS = 1 << 26  # numbers that samples of text may hold: 256 MB


def default_name(source: load.Source) -> str:
    path = source.given
    return (path.resolve().name if path.is_dir() else path.stem) or "model"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model that is ready to be converted.

    Attributes:
        model: With the kinds and labels that the side files tell.
        side: What lay beside it.
        samples: Those that the model was asked, in the user's order.
        dataset: The same, as they are packaged.
        notes: What the user should know, one line each.
        warnings: What is probably wrong, though files will agree with the model.
    """

    model: LoadedModel
    side: Sidecars
    samples: Reference
    dataset: Dataset
    notes: tuple[str, ...]
    warnings: tuple[WarningEntry, ...]

    def told(self, manifest: Manifest) -> Manifest:
        """A manifest that says how good the model is, and what is probably wrong."""
        found = performance(self.model.spec, self.dataset.every)
        return with_quality(manifest, found, self.warnings)


def with_quality(
    manifest: Manifest, found: PerformanceEntry | None, warnings: tuple[WarningEntry, ...]
) -> Manifest:
    """A manifest that says how good the model is, and what is probably wrong."""
    reference = structs.replace(
        manifest.reference, performance=found or UNSET, warnings=warnings or UNSET
    )
    return structs.replace(manifest, reference=reference)


def refuse(warnings: tuple[WarningEntry, ...], strict: bool) -> None:
    """Refuse with ``strict`` what is probably wrong.

    Raises:
        UsageError: There is a warning.
    """
    if strict and warnings:
        raise UsageError(
            f"{option('strict', True)}: " + "\n".join(warning.text for warning in warnings),
            option="strict",
            got=True,
        )


def check(options: ModelOptions) -> None:
    """Refuse what cannot be right before the model is loaded, which takes seconds.

    Raises:
        UsageError: A file is not there, or an option cannot be understood.
    """
    if options.samples < 0:
        raise wrong_option("samples", options.samples, "a number of samples is 0 or more.")
    for target in options.to or ():
        if target not in FORMATS:
            raise unknown_option("to", target, FORMATS, "target")
    more = (options.calibration, options.prune_data, options.custom_objects)
    sidecars.precheck(options, more)


def prepare(source: load.Source, options: ModelOptions, folded: bool = False) -> Prepared:
    """Read the model and what lies beside it, and ask it the samples.

    Args:
        source: The model.
        options: How to read it, and what to ask it.
        folded: Whether the preprocessing goes into the graph.
    """
    loaded = read_model(source, options, known_columns(source.folder, options))
    check_dtypes(loaded)
    side = sidecars.collect(source.folder, source.path.name, loaded, options)
    spec = sidecars.apply(loaded.spec, side)
    header = column_names(side.reference)
    targets = label_names(options.label_column, header) if options.label_column else []
    spec = sidecars.with_targets(spec, targets)
    if folded:
        before = side.preprocessing
        loaded, side = fold(replace(loaded, spec=spec), side)
        side = replace(side, folded=before)
    table = side.reference if side.reference is not None and is_table(side.reference) else None
    if side.series is not None and table is not None:
        side = replace(side, series=with_names(table, side.series, options.label_column))
    notes = [*loaded.notes, *(f"found beside the model: {line}" for line in side.found)]
    keep = options.samples + 32
    widest = max((f.width for f in side.features or () if f.kind == "text"), default=1)
    if keep * widest > _MOST_COUNTS:
        keep = max(32, _MOST_COUNTS // widest)
        notes.append(f"a text is {widest:,} numbers: at most {keep} samples were taken")
    if side.reference is not None:
        reading = Reading(keep, options.seed, options.label_column)
        data = read(side.reference, spec, side.features, side.preprocessing, reading, side.series)
        data = with_class_indices(data, spec)
        notes += samples.note(data, side.reference)
        if data.labels is None and data.likely:
            named = data.likely[0]
            notes.append(
                f"the column {named!r} of {side.reference.name} holds exactly the model's classes: "
                f"if these are the true answers, say {option('label_column', named)}"
            )
        if (data.given or 0) > keep:
            notes.append(
                f"{side.reference.name} has {data.given:,} samples, of which {keep:,} were "
                f"chosen ({option('samples')}, {option('seed')})"
            )
        if side.features and data.rows:
            side = replace(side, features=with_truths(side.features, data.rows))
    else:
        traced = loaded.onnx is None
        limits = index_limits(freeze(loaded.function, loaded.spec.inputs)) if traced else {}
        data = synthesize(spec, limits, side, loaded.typical, options.seed)
        notes.append(
            "no reference data: samples were made up, and verdicts on made-up data say "
            f"little; give real ones with {option('reference')}"
        )
    if side.series is not None:
        notes += remarks(side.series, None if table is None else table.name)
    if folded:
        check_pixels("the reference data", spec, data.inputs)
    elif side.preprocessing:
        for target in options.targets(loaded):
            notes += FORMATS[target].preprocessing_notes(side.preprocessing)
    data = data.take(range(min(data.count, keep)))
    data = replace(data, outputs=loaded.ask(data.inputs, data.rows))
    if spec.inputs[0].kind == "image" and side.preprocessing is None:
        notes.append(
            f"no {option('preprocess')}: apps and the page cannot know how a picture becomes the "
            "input (try unit, keras-load-img, teachable-machine, mobilenet, caffe or torch)"
        )
    dataset = Dataset(
        *split(data, options.samples, options.seed),
        side.features,
        side.preprocessing,
        options.label_column if _has_columns(options.calibration) else None,
        side.series,
    )
    model = replace(loaded, spec=spec)
    found = harmful_steps(model, data) or diagnose(_case(model, side, data))
    warnings = (*found, *rounding.warnings(model, data, side.features))
    refuse(warnings, options.strict)
    return Prepared(model, side, data, dataset, tuple(notes), warnings)


def known_columns(folder: Path, options: DataOptions) -> Known:
    """What files beside a model, and the header of the data, say of its columns.

    Args:
        folder: Where the model lies.
        options: What was given.
    """
    given = options.features
    beside = folder / "features.json"
    if given is None and beside.is_file():
        given = beside
    if given is not None:
        document = sidecars.document_of(given)
        if series_in(document) is None:
            features, _ = parse_features(document)
            if features:
                return Known(tuple(feature.name for feature in features), whole=True)
    return header_of(options.reference, options.label_column)


def header_of(data: Data | None, label_column: str | None) -> Known:
    """The columns of a CSV or a data frame, and which of them holds the true answers."""
    names = column_names(data)
    first, *more = label_names(label_column, names) if label_column else ["label"]
    label = first if label_column or first in names else None
    return Known(tuple(name for name in names if name not in more), label=label)


def _case(model: LoadedModel, side: Sidecars, data: Reference) -> Case:
    return Case(
        spec=model.spec,
        data=data,
        predict=model.predict if model.predict_rows is None or _by_codes(model) else None,
        preprocessing=side.preprocessing,
        features=side.features,
        ordinary=ordinary(model) if data.origin != "synthetic" else None,
        ordered=data.count == data.given,
    )


def _by_codes(model: LoadedModel) -> bool:
    """Whether the numbers of a table with words say all that its rows do."""
    return model.kind == "sklearn" and all(f.text is None for f in model.features or ())


_RANGES = (255.0, 127.5, 65535.0, 32767.5)  # of pictures, which a Rescaling layer divides by


def ordinary(model: LoadedModel) -> tuple[Array, Array] | None:
    """Mean and standard deviation of what the first layer was made for, where it tells."""
    if model.typical is not None:
        mean, spread = (np.asarray(part, np.float64) for part in model.typical)
        fits = mean.shape == spread.shape == tuple(model.spec.inputs[0].shape[1:])
        known = fits and bool(np.isfinite(mean).all() and np.isfinite(spread).all())
        return (mean, spread) if known else None
    if model.kind == "sklearn" or len(model.spec.inputs) != 1:
        return None
    try:
        frozen = freeze(model.function, model.spec.inputs)
    except EdgeDeployError:
        return None  # whoever converts it says so
    found = input_arithmetic(frozen, model.spec.inputs[0].name)
    if found is None or not np.all(found.scale):
        return None
    spread = np.abs(1 / found.scale)
    if found.scale.ndim == 0 and not any(
        math.isclose(spread, one, rel_tol=1e-5) for one in _RANGES
    ):
        return None  # any factor at all, which says nothing of what is usual
    return np.asarray(-found.offset / found.scale), np.asarray(spread)


def training(options: ModelOptions, spec: ModelSpec, side: Sidecars) -> FineTuneData | None:
    """What a pruned model is trained on: ``prune_data``."""
    if options.prune_data is None:
        return None
    label = options.label_column if _has_columns(options.prune_data) else None
    reading = Reading(label_column=label)
    data = read(options.prune_data, spec, side.features, side.preprocessing, reading, side.series)
    return FineTuneData(with_class_indices(data, spec), options.prune_epochs, options.seed)


def _has_columns(data: Data | None) -> bool:
    """Whether data have columns or keys, of which one may hold the true answers."""
    return not isinstance(data, Path) or data.suffix in (".csv", ".npz")
