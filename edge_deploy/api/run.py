"""``run``: answers from a converted file, with the light install."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.api._answers import PLAIN, Answers, Prediction, Wish, joined, scored
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.manifest import columns_of, preprocessing_of, series_of
from edge_deploy.artifact.selection import runnable_entry
from edge_deploy.core.bounds import DEFAULT, bounded
from edge_deploy.core.errors import ArtifactError, UsageError, wrong_option
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.log import NOTES
from edge_deploy.core.messages import option
from edge_deploy.core.options import Data, InMemory, as_data, as_path
from edge_deploy.core.spec import Array, Feature, ModelSpec, TensorSpec, as_dtype
from edge_deploy.core.stdio import quietly
from edge_deploy.data.csv_reader import WHOLE, Reading, column_names, read_rows
from edge_deploy.data.fields import of_fields
from edge_deploy.data.input_warnings import remarks
from edge_deploy.data.preprocessing.decode import is_picture
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.data.preprocessing.series import forecast_of, rows_in_words
from edge_deploy.data.readers import fitted, is_table, read
from edge_deploy.data.reference import Reference, sample
from edge_deploy.data.series_csv import Window, last_window, read_windows, window_of
from edge_deploy.formats.registry import default_runtime

__all__ = ["Prediction", "Wish", "answer", "run"]


@bounded
@quietly
def run(
    artifact: Path | str,
    inputs: Any,
    target: str | None = None,
    precision: str | None = None,
    *,
    max_size: int = DEFAULT,
) -> list[Prediction]:
    """Ask a converted file.

    What the model takes and the asker may not have meant is a warning of the logger
    ``edge_deploy.notes``: columns left out that count as missing, categories that it does not know.

    Args:
        artifact: An artifact.
        inputs: Pictures or folders of them, a ``.csv``, ``.npz`` or ``.npy`` (of a series' table
            or numbers, the last rows are asked); or ``feature=value`` pairs that make one row; or,
            of a model of several inputs, ``input=value``: the path of a picture, or numbers; or a
            dict of features, an array, a dict of arrays, or a data frame.
        target: tflite or onnx; without it the first of the two that is there.
        precision: Which of its files; without it float32, or the first that is there.
        max_size: The most bytes that a file may have, and that an archive may become.

    Raises:
        UsageError: An input cannot be read or does not fit the model.
        ArtifactError: The file is damaged or is not the one that was converted.
    """
    return list(answer(artifact, inputs, target, precision, max_size=max_size).predictions)


@bounded
@quietly
def answer(
    artifact: Path | str,
    inputs: Any,
    target: str | None = None,
    precision: str | None = None,
    wish: Wish = PLAIN,
    *,
    max_size: int = DEFAULT,
) -> Answers:
    """Ask a converted file, and say how good its answers are where the true ones are known.

    Args:
        artifact: As for ``run``.
        inputs: As for ``run``.
        target: As for ``run``.
        precision: As for ``run``.
        wish: What else is wanted.
        max_size: As for ``run``.

    Raises:
        UsageError: As ``run``; or the true answers are none.
        ArtifactError: As ``run``.
    """
    found = artifacts.open_artifact(as_path(artifact, "artifact"))
    entry = runnable_entry(found, target, precision)
    changed = found.changed_files()
    path = found.main_file(entry)
    if what := changed.get(path.relative_to(found.folder).as_posix()):
        raise ArtifactError(
            f"{path} {what}. Convert the model again with {option('overwrite', True)}."
        )
    asked = _Asked(found, Reading(label_column=wish.label_column), wish.every)
    data, sources, rows = _read_all(asked, inputs)
    for line in remarks(columns_of(found.manifest) or (), data.rows):
        NOTES.warning(line)
    answers, coming = [], _forecasts(found)
    every_raw: dict[str, list[Array]] = {s.name: [] for s in found.spec.outputs}
    with default_runtime(entry.target).open(path) as runner:
        for index, source in enumerate(sources):
            feed = {s.name: sample(data.inputs[s.name], s, index) for s in found.spec.inputs}
            raw = runner.predict(feed)
            for name, kept in every_raw.items():
                kept.append(raw[name])
            outputs = {
                s.name: _readable(s, raw[s.name]) | coming.get(s.name, {}) | _called(s)
                for s in found.spec.outputs
            }
            answers.append(Prediction(source, outputs))
    good = scored(found.spec, data, every_raw, wish.label_column is not None)
    told = rows or tuple({"source": source} for source in sources)
    return Answers(tuple(answers), told, found.spec, good)


@dataclass(frozen=True)
class _Asked:
    """An artifact, and how samples for it are read."""

    found: Artifact
    reading: Reading = WHOLE
    every: bool = False

    def read(self, given: Data) -> Reference:
        """Samples through the model's own preprocessing."""
        manifest = self.found.manifest
        features, preprocessing = columns_of(manifest), preprocessing_of(manifest)
        reading, spec = self.reading, self.found.spec
        if reading.label_column is None and (own := _answer_columns(spec, column_names(given))):
            reading = replace(reading, label_column=own, unlabelled=True)
        return read(given, spec, features, preprocessing, reading)


def _answer_columns(spec: ModelSpec, header: Sequence[str]) -> str | None:
    """The columns of a table that are called as the model's answers are: its true ones."""
    if "label" in header:
        return None
    several = [o.classes for o in spec.outputs if o.kind == "value" and o.classes]
    names = several[0] if several else dict.fromkeys(o.label for o in spec.outputs if o.label)
    return ",".join(names) if names and all(name in header for name in names) else None


_Samples = tuple[Reference, list[str], tuple[Mapping[str, str], ...]]
"""Samples, where each is from, and the rows of tables as they are there; empty for others."""


def _forecasts(found: Artifact) -> dict[str, dict[str, Any]]:
    """Which channel of a series the output that forecasts tells of, by its name."""
    series, forecast = series_of(found.manifest), forecast_of(found.spec)
    if series is None or series.target is None or forecast is None:
        return {}
    return {forecast.name: {"target": series.target}}


def _read_all(asked: _Asked, inputs: Any) -> _Samples:
    found = asked.found
    features = columns_of(found.manifest)
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    if isinstance(inputs, Mapping) and {f.name for f in features or ()} & set(inputs):
        return _from_row(found, features or (), inputs), ["the row given"], ()
    if not isinstance(inputs, list | tuple) or not all(
        isinstance(one, str | os.PathLike) for one in inputs
    ):
        given = as_data(inputs, "inputs")
        windows = _windows(asked, given)
        if windows is not None:
            return *windows, ()
        data = asked.read(given)
        return data, [f"sample {n + 1}" for n in range(data.count)], ()
    if not inputs:
        raise UsageError(f"Nothing to ask. {_what_it_takes(found)}")
    return _from_texts(asked, features, [os.fspath(one) for one in inputs])


def _windows(asked: _Asked, given: Data) -> tuple[Reference, list[str]] | None:
    """What is asked of a series; None where data are samples already."""
    found, spec = asked.found, asked.found.spec.inputs[0]
    series = series_of(found.manifest)
    if asked.every and (series is None or series.steps is None or not is_table(given)):
        raise wrong_option(
            "every", True, f"it goes with a table of a series. {_what_it_takes(found)}"
        )
    if asked.every and series is not None:
        data = read_windows(given, spec, series, asked.reading)
        if data.given != data.count:
            raise UsageError(f"{given}: has {data.given:,} windows, too many for once.")
        steps = series.steps or 0
        return data, [f"rows {n + 1} to {n + steps} of {given}" for n in range(data.count)]
    window = _last_of(found, given)
    return None if window is None else _from_window(found, given, window)


def _last_of(found: Artifact, given: Data) -> Window | None:
    """The last rows of a table or of plain numbers; None where data are samples already."""
    series, spec = series_of(found.manifest), found.spec.inputs[0]
    if series is None:
        return None
    if is_table(given):
        return last_window(given, spec, series)
    if not isinstance(given, InMemory) or set(given.arrays) != {""}:
        return None
    values = np.asarray(given.arrays[""])
    if values.ndim >= len(spec.shape) or values.dtype.kind not in "fiu":
        return None
    return window_of(str(given), values, spec, series)


def _from_window(found: Artifact, given: Data, window: Window) -> tuple[Reference, list[str]]:
    name = found.spec.inputs[0].name
    return Reference({name: window.values}), [f"rows {window.first} to {window.last} of {given}"]


def _from_texts(
    asked: _Asked, features: Sequence[Feature] | None, inputs: Sequence[str]
) -> _Samples:
    found = asked.found
    alone = _only_text(features)
    if len(found.spec.inputs) > 1 and all(_is_pair(text, None) for text in inputs):
        return _from_fields(found, inputs), [" ".join(inputs)], ()
    if all(_is_pair(text, alone) for text in inputs):
        return _from_pairs(found, features, inputs), [" ".join(inputs)], ()
    parts, sources = [], []
    rows: list[Mapping[str, str]] = []
    for text in inputs:
        if alone is not None and _is_sentence(text):
            parts.append(_from_row(found, (alone,), {alone.name: text}))
            sources.append(text)
            continue
        path = Path(text)
        windows = _windows(asked, path)
        if windows is not None:
            parts.append(windows[0])
            sources += windows[1]
            continue
        data = _read_one(asked, path)
        parts.append(data)
        if is_table(path):
            rows += read_rows(path)
        single = data.count == 1 and not path.is_dir()
        named = [str(p) for p in data.pictures]
        sources += named or [text if single else f"{text}:{n + 1}" for n in range(data.count)]
    whole = tuple(rows) if len(rows) == len(sources) else ()
    return joined(parts, found.spec), sources, whole


_DATA = (".csv", ".npz", ".npy", ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


def _only_text(features: Sequence[Feature] | None) -> Feature | None:
    """The column of a model that takes a text and nothing else."""
    return features[0] if features and len(features) == 1 and features[0].kind == "text" else None


def _is_pair(text: str, alone: Feature | None) -> bool:
    name, equals, _ = text.partition("=")
    return bool(equals) and (alone is None or name == alone.name) and not os.path.lexists(text)


def _is_sentence(text: str) -> bool:
    """Whether a text is what is asked, and not the name of a file, there or mistyped."""
    return not os.path.lexists(text) and (" " in text or Path(text).suffix not in _DATA)


def _read_one(asked: _Asked, path: Path) -> Reference:
    found = asked.found
    if is_picture(path) and path.is_file():
        if found.manifest.preprocessing is None:
            raise UsageError(
                f"{path}: {found.name} was converted without {option('preprocess')}, so how a "
                "picture becomes its input is not known. Convert it again with one, or give an "
                ".npz."
            )
        with temporary_folder() as folder:  # a folder of one picture
            link = folder / path.name
            link.write_bytes(path.read_bytes())
            data = replace(asked, reading=WHOLE).read(folder)
        return Reference(data.inputs, pictures=(path,))
    if not path.exists():
        raise UsageError(f"{path}: no such file. {_what_it_takes(found)}")
    return asked.read(path)


def _from_fields(found: Artifact, pairs: Sequence[str]) -> Reference:
    """One sample of a model of several inputs, each by its name."""
    row = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    if strange := [name for name in row if name not in {s.name for s in found.spec.inputs}]:
        raise UsageError(f"no input is called {strange[0]!r}. {_what_it_takes(found)}")
    preprocessing = preprocessing_of(found.manifest)
    data = of_fields([("the input given", row)], found.spec, preprocessing, Path())
    return fitted(InMemory("the input given"), data, found.spec)


def _from_pairs(
    found: Artifact, features: Sequence[Feature] | None, pairs: Sequence[str]
) -> Reference:
    if features is None:
        raise UsageError(f"The model has no named features. {_what_it_takes(found)}")
    row: dict[str, Any] = {}
    called = {feature.label: feature.name for feature in features if feature.label}
    for pair in pairs:
        name, _, value = pair.partition("=")
        name = called.get(name, name)
        if name not in {feature.name for feature in features}:
            raise UsageError(f"{pair}: no feature is called {name!r}. {_what_it_takes(found)}")
        row[name] = value
    return _from_row(found, features, row)


def _from_row(found: Artifact, features: Sequence[Feature], given: Mapping[str, Any]) -> Reference:
    if strange := [name for name in given if name not in {f.name for f in features}]:
        raise UsageError(f"no feature is called {strange[0]!r}. {_what_it_takes(found)}")
    defaults = {f.name: f.default for f in features if f.default is not None}
    row = defaults | dict(given)
    spec = found.spec.inputs[0]
    return Reference({spec.name: as_dtype(encode_rows(features, [row]), spec.dtype)}, rows=(row,))


def _what_it_takes(found: Artifact) -> str:
    if (alone := _only_text(columns_of(found.manifest))) is not None:
        return f"This model takes a text, or a .csv with the column {alone.name}."
    if columns := found.manifest.features:
        labels = (f" ({c.label})" if c.label else "" for c in columns)
        pairs = " ".join(f"{c.name}=…{label}" for c, label in zip(columns, labels, strict=True))
        return f"This model takes {pairs}, or a .csv with these columns."
    if len(found.spec.inputs) > 1:
        pictures = [s.name for s in found.spec.inputs if s.kind == "image"]
        known = pictures if found.manifest.preprocessing else []
        said = [
            f"{s.name}={'picture.jpg' if s.name in known else list(s.shape[1:])}"
            for s in found.spec.inputs
        ]
        return (
            f"This model takes {' '.join(said)}, a .csv with these columns, or an .npz with these "
            "keys."
        )
    if found.manifest.preprocessing:
        return "This model takes pictures."
    if (series := series_of(found.manifest)) is not None:
        return f"This model takes a .csv, of which it is asked {rows_in_words(series)}."
    names = ", ".join(f"{s.name} {list(s.shape)}" for s in found.spec.inputs)
    return f"This model takes an .npz with {names}."


def _readable(spec: TensorSpec, value: Array) -> dict[str, Any]:
    """An output in the form of its kind."""
    flat = value.ravel()
    if spec.kind == "class":
        index = int(flat[0])
        if spec.classes and not 0 <= index < len(spec.classes):
            raise _strange(spec, f"class {index}")
        return {"class": index, "label": spec.classes[index] if spec.classes else str(index)}
    if spec.kind == "probability" and spec.classes:
        if len(spec.classes) != 2 or not len(flat):
            raise _strange(spec, "the share of the second")
        share = float(flat[0])
        return _ranked(dict(zip(spec.classes, (1.0 - share, share), strict=True)))
    named = spec.classes is not None and len(spec.classes) == len(flat)
    if spec.kind == "probabilities" or (named and spec.kind != "value"):
        labels = spec.classes or tuple(str(n) for n in range(len(flat)))
        if len(labels) != len(flat):
            raise _strange(spec, f"{len(flat)} shares")
        return _ranked(dict(zip(labels, map(float, flat), strict=True)))
    if spec.kind in ("value", "probability") and len(flat) == 1:
        return {"value": float(flat[0]), "unit": spec.unit}
    told: dict[str, Any] = {"unit": spec.unit} if spec.unit else {}
    if named:
        told["names"] = list(spec.classes or ())
    return {"shape": list(value.shape), "values": value.tolist(), **told}


def _called(spec: TensorSpec) -> dict[str, str]:
    return {"called": spec.label} if spec.label else {}


def _strange(spec: TensorSpec, given: str) -> ArtifactError:
    return ArtifactError(
        f"The file's answer {spec.name!r} is {given}, and the manifest has "
        f"{len(spec.classes or ())} classes. Convert the model again with "
        f"{option('overwrite', True)}."
    )


def _ranked(shares: Mapping[str, float]) -> dict[str, Any]:
    ordered = dict(sorted(shares.items(), key=lambda item: -item[1]))
    return {"label": next(iter(ordered)), "probabilities": ordered}
