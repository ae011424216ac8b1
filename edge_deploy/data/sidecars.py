"""The files beside a model that say what its numbers mean: labels, features, preprocessing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import read_json, read_text
from edge_deploy.core.errors import UsageError, wrong_option
from edge_deploy.core.messages import option
from edge_deploy.core.options import Columns, Data, Labels, Options
from edge_deploy.core.spec import Feature, LoadedModel, ModelSpec, Series, TensorSpec
from edge_deploy.data import model_card
from edge_deploy.data.reference import class_outputs

_REFERENCES = ("reference.npz", "reference.npy", "reference.csv", "reference")
_NUMBERED = re.compile(r"^(\d+)[\s:,]+(.+)$")  # Teachable Machine: "0 Cat"
_BESIDE = " If the file is another model's, give this one a folder of its own."


@dataclass(frozen=True)
class Sidecars:
    """What was given or found, and where.

    Attributes:
        labels: The classes, in the order of the columns.
        labels_from: The file they were found in; None where they were given.
        features: The columns of a table model.
        target: What the model predicts: ``name``, ``unit``, ``min``, ``max``.
        series: Of what the input is a window.
        preprocessing: How pictures become the input.
        folded: The preprocessing as it was before its arithmetic went into the graph.
        reference: Reference data, not read yet.
        card: MODEL_CARD.md, in which the author says what the model is for.
        found: One line for each that was found beside the model without being asked for.
    """

    labels: tuple[str, ...] | None = None
    labels_from: str | None = None
    features: tuple[Feature, ...] | None = None
    target: Mapping[str, Any] | None = None
    series: Series | None = None
    preprocessing: Mapping[str, Any] | None = None
    folded: Mapping[str, Any] | None = None
    reference: Data | None = None
    card: str | None = None
    found: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataOptions(Options):
    """What a model is asked with, and what its numbers mean.

    Attributes:
        reference: Samples to ask it with: .npz, .npy, .csv, a folder of pictures, an array, a
            dict of arrays, a data frame, or a pair of one of these and its labels.
        samples: How many of them are kept for evaluation.
        label_column: The column of a CSV or a data frame (the key of an .npz) that holds the true
            answers; without it ``label`` (``labels``).
        labels: labels.txt, or the classes themselves.
        features: A JSON file that says what the columns of a table model are; or what such a file
            holds.
        preprocess: How pictures become the input: a preset or ``key=value,...``.
        seed: Of all that is chosen or made up.
    """

    reference: Data | None = None
    samples: int = 1000
    label_column: str | None = None
    labels: Labels | None = None
    features: Columns | None = None
    preprocess: str | None = None
    seed: int = 0


def precheck(options: DataOptions, more: Iterable[Data | None] = ()) -> None:
    """Refuse what cannot be right before the model is loaded, which takes seconds.

    Args:
        options: What was given.
        more: Other files that must be there.

    Raises:
        UsageError: A file is not there, or an option cannot be understood.
    """
    from edge_deploy.data.csv_reader import Reading, check_csv
    from edge_deploy.data.preprocessing.features import parse_features
    from edge_deploy.data.preprocessing.image import parse_preprocess
    from edge_deploy.data.preprocessing.series import series_in

    if options.labels is not None:
        given_labels(options.labels)
    columns = None
    if options.features is not None and series_in(told := document_of(options.features)) is None:
        columns = parse_features(told)[0] or None
    if options.preprocess is not None:
        parse_preprocess(options.preprocess)
    for path in (options.reference, *more):
        if not isinstance(path, Path):
            continue
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder.")
        if path.suffix == ".csv" and path.is_file() and columns is not None:
            label = options.label_column if path is options.reference else None
            check_csv(path, columns, Reading(label_column=label))


def collect(folder: Path, file_name: str, model: LoadedModel, options: DataOptions) -> Sidecars:
    """Take what was given, and look beside the model for the rest.

    Args:
        folder: Where the model lies.
        file_name: The model's file name, by which a Teachable Machine export is known.
        model: The loaded model; a scikit-learn pipeline brings its features along.
        options: What was given.

    Raises:
        UsageError: One of them cannot be read or does not fit the model.
    """
    from edge_deploy.data.preprocessing import image as images
    from edge_deploy.data.preprocessing.features import parse_features, with_ranges
    from edge_deploy.data.preprocessing.series import fitted, joined, series_in, unnamed_series

    labels, features, preprocess = options.labels, options.features, options.preprocess
    reference = options.reference
    found = []
    listed = folder / "labels.txt"
    names: tuple[str, ...] | None = None
    numbered = False
    if labels is not None:
        names = given_labels(labels)
    elif listed.is_file():
        names, numbered = _read_labels(listed)
        found.append(f"labels.txt ({len(names)} labels)")
    columns, series = model.features, model.series
    target: Mapping[str, Any] | None = None
    path = folder / "features.json"
    if features is not None or path.is_file():
        if (told := series_in(document := document_of(features or path))) is not None:
            series, target = joined(model.series, told[0]), told[1]
            count = f"a series: {', '.join(series.channels)}"
        else:
            given, target = parse_features(document)
            columns = with_ranges(model.features, given) if given else columns
            count = f"{len(given)} features" if given else "what is predicted"
        if features is None:
            found.append(f"features.json ({count})")
    spec: Mapping[str, Any] | None = None
    if preprocess is not None:
        spec = images.parse_preprocess(preprocess)
    elif (folder / "preprocessing.json").is_file():
        spec = images.check(read_json(folder / "preprocessing.json"))
        found.append("preprocessing.json")
    elif numbered and file_name == "keras_model.h5":
        spec = images.parse_preprocess("teachable-machine")
        found.append("Teachable Machine's export: its preprocessing is taken (crop, [-1, 1])")
    if reference is None:
        there = next((p for n in _REFERENCES if (p := folder / n).exists()), None)
        if there is not None:
            reference = there
            found.append(f"{there.name}{'/' if there.is_dir() else ''} (reference data)")
    card = (
        model_card.read_card(folder / model_card.FILE)
        if (folder / model_card.FILE).is_file()
        else None
    )
    if card is not None:
        found.append(model_card.FILE)
    if spec is not None:
        image = _image_input(model.spec, _BESIDE if preprocess is None else "")
        spec = images.with_size(dict(spec), tuple(axis or 1 for axis in image.shape[1:]))
    elif columns is None and series is None:
        series = unnamed_series(model.spec)
    beside = _BESIDE if features is None and path.is_file() else ""
    if series is not None:
        where = "features.json beside the model" if beside else option("features")
        series = fitted(series, model.spec, where, beside)
    elif columns is not None:
        _check_width(model.spec, columns, beside)
    return Sidecars(
        labels=names,
        labels_from=None if labels is not None else "labels.txt beside the model",
        features=columns,
        target=target,
        series=series,
        preprocessing=spec,
        reference=reference,
        card=card,
        found=tuple(found),
    )


def apply(spec: ModelSpec, sidecars: Sidecars) -> ModelSpec:
    """The model's spec with the labels, the unit and the kinds that the side files tell.

    Raises:
        UsageError: The number of labels is not the number of classes.
    """
    inputs = list(spec.inputs)
    if sidecars.preprocessing is not None:
        image = _image_input(spec)
        inputs[inputs.index(image)] = replace(image, kind="image")
    elif sidecars.features is not None:
        inputs[0] = replace(inputs[0], kind="table")
    outputs = list(spec.outputs)
    if sidecars.labels is not None:
        outputs = _with_labels(outputs, sidecars.labels, sidecars.labels_from)
    unit = (sidecars.target or {}).get("unit")
    if unit:
        outputs = [replace(o, unit=str(unit)) if o.kind == "value" else o for o in outputs]
    if name := (sidecars.target or {}).get("name"):
        outputs = _with_label(outputs, str(name))
    if sidecars.series is not None:
        inputs[0] = replace(inputs[0], kind="sequence")
        outputs = _with_forecast(outputs, sidecars.series, unit)
    return ModelSpec(tuple(inputs), tuple(outputs))


def _with_forecast(outputs: Sequence[TensorSpec], series: Series, unit: Any) -> list[TensorSpec]:
    """The outputs of a model that forecasts a channel, with its unit; a sigmoid's are no shares."""
    from edge_deploy.data.preprocessing.series import forecast_of

    forecast = forecast_of(ModelSpec((), tuple(outputs)))
    if series.target is None or forecast is None:
        return list(outputs)
    kind = "value" if forecast.kind == "probability" else forecast.kind
    told = replace(forecast, kind=kind, unit=str(unit or series.unit or "") or None)
    return [told if output is forecast else output for output in outputs]


def with_targets(spec: ModelSpec, names: Sequence[str]) -> ModelSpec:
    """A model of several answers, each called as the column of its true answers.

    Args:
        spec: The model's.
        names: The columns, in the order of the answers, or of the numbers of one answer; others
            than there are answers are none.
    """
    asked = class_outputs(spec)
    if len(names) > 1 and not asked:
        return replace(spec, outputs=tuple(_with_columns(o, names) for o in spec.outputs))
    if len(names) < 2 or len(asked) != len(names):
        return spec
    by_place = {output.name.rpartition("_")[2]: n for output, n in zip(asked, names, strict=True)}
    outputs = tuple(
        replace(output, label=by_place.get(output.name.rpartition("_")[2], output.label))
        for output in spec.outputs
    )
    return replace(spec, outputs=outputs)


def _with_columns(output: TensorSpec, names: Sequence[str]) -> TensorSpec:
    """Several values, each called as the column of its true ones."""
    fits = output.kind in ("value", "tensor") and output.shape[1:] == (len(names),)
    fits = fits and output.classes is None
    return replace(output, kind="value", classes=tuple(names)) if fits else output


def _with_label(outputs: Sequence[TensorSpec], name: str) -> list[TensorSpec]:
    """The outputs, called as people call the answer: the only one, or a class and its shares."""
    kinds = sorted(o.kind for o in outputs)
    shares = ("class", "probabilities"), ("class", "probability"), ("class", "tensor")
    if len(outputs) > 1 and tuple(kinds) not in shares:
        return list(outputs)
    return [replace(o, label=name) for o in outputs]


def _with_labels(
    outputs: Sequence[TensorSpec], labels: tuple[str, ...], origin: str | None
) -> list[TensorSpec]:
    def classes(output: TensorSpec) -> int | None:
        if output.kind == "probability":
            return 2
        if output.kind == "class":
            return len(output.classes or ()) or None
        return output.shape[-1] if len(output.shape) == 2 and output.kind != "value" else None

    if not any(classes(output) == len(labels) for output in outputs):
        has = ", ".join(f"{o.name} {classes(o) or '– (none)'}" for o in outputs)
        raise UsageError(
            f"{origin or option('labels')}: {len(labels)} labels ({', '.join(labels[:5])}"
            f"{', …' if len(labels) > 5 else ''}) do not fit the model; classes by output: {has}. "
            f"Give one label a class with {option('labels')}.{_BESIDE if origin else ''}"
        )
    return [
        replace(output, classes=labels) if classes(output) == len(labels) else output
        for output in outputs
    ]


def _image_input(spec: ModelSpec, mend: str = "") -> TensorSpec:
    """The input that pictures go into: the one of kind image, or the only one."""
    images = [s for s in spec.inputs if s.kind == "image"]
    if len(images) == 1:
        return images[0]
    if len(spec.inputs) == 1:
        return spec.inputs[0]
    names = ", ".join(s.name for s in spec.inputs)
    origin = "preprocessing.json beside the model" if mend else option("preprocess")
    raise UsageError(f"{origin}: none of the inputs {names} is the one for pictures.{mend}")


def _check_width(spec: ModelSpec, features: Sequence[Feature], mend: str = "") -> None:
    width = sum(feature.width for feature in features)
    wanted = spec.inputs[0].shape[-1] if len(spec.inputs) == 1 else None
    if wanted != width:
        raise UsageError(
            f"{'features.json beside the model: the' if mend else 'The'} features fill {width} "
            f"numbers, the model takes {wanted or 'several inputs'}. A one-hot feature fills one "
            f"number a category.{mend}"
        )


def document_of(features: Columns) -> Any:
    """What features.json holds, read or given as it is."""
    return read_json(features) if isinstance(features, Path) else features.document


def given_labels(text: Labels) -> tuple[str, ...]:
    """The labels that an option gives, itself or in a file.

    Raises:
        UsageError: There is no such file, or two are the same.
    """
    if isinstance(text, tuple):
        return _checked("labels", text)
    path = Path(text)
    if path.is_file():
        return _read_labels(path)[0]
    if "," not in text:
        raise wrong_option("labels", text, "no such file; or give the labels themselves: a,b,c.")
    return _checked(option("labels"), [label.strip() for label in text.split(",")])


def _read_labels(path: Path) -> tuple[tuple[str, ...], bool]:
    """The labels, one a line, and whether the lines were numbered from 0."""
    lines = read_text(path).splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    matches = [_NUMBERED.match(line) for line in lines]
    numbers = [int(m[1]) for m in matches if m]
    if lines and numbers == list(range(len(lines))):
        return _checked(str(path), [m[2] for m in matches if m]), True
    return _checked(str(path), lines), False


def _checked(where: str, labels: Sequence[str]) -> tuple[str, ...]:
    if not labels or not all(labels):
        raise UsageError(f"{where}: there are no labels, or an empty one among them.")
    if halves := [label for label in labels if re.search("[\ud800-\udfff]", label)]:
        raise UsageError(f"{where}: the label {halves[0]!r} is no UTF-8 text.")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise UsageError(f"{where}: the label {twice[0]!r} stands there twice.")
    return tuple(labels)
