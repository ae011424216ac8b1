"""Trained models: a path in, a LoadedModel out. One file a kind of model."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from edge_deploy.core.bounds import bounded, check_file, extract, open_zip
from edge_deploy.core.dependencies import missing_dependency
from edge_deploy.core.errors import ConversionError, SourceError, UsageError
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.half_precision import with_float32_ends
from edge_deploy.core.options import given, takes
from edge_deploy.core.spec import LoadedModel, LoadKeywords, LoadOptions
from edge_deploy.core.stdio import quietly, set_environment
from edge_deploy.core.worker import native
from edge_deploy.frontends import keras, live
from edge_deploy.frontends.file_kinds import READABLE as READABLE
from edge_deploy.frontends.file_kinds import sniff as sniff
from edge_deploy.frontends.project import behind, chain, files
from edge_deploy.frontends.project.columns import NOTHING, Known
from edge_deploy.frontends.project.parts import Part
from edge_deploy.frontends.project.steps import Step, is_written_step
from edge_deploy.frontends.sklearn.skops import is_skops

SOURCES: dict[str, Callable[[Path, LoadOptions], LoadedModel]] = {
    **chain.LOADERS,
    "sklearn": files.load_file,
}

_MODEL_SUFFIXES = (".h5", ".hdf5", ".keras", ".pkl", ".pickle", ".joblib", ".skops", ".cbm")


@dataclass(frozen=True)
class Source:
    """A trained model on disk.

    Attributes:
        path: The model itself.
        folder: Where its labels, features, preprocessing and reference data may lie.
        loader: A key of SOURCES, or ``chain``.
        archive: The ``.zip`` it was taken from, else None.
        live: The object that a Python caller gave, of which the file was written.
        parts: All files that data flow through, where these are several; the model's is ``path``.
    """

    path: Path
    folder: Path
    loader: str
    archive: Path | None = None
    live: Any = None
    parts: tuple[Part, ...] = ()

    @property
    def given(self) -> Path:
        """The file that was given."""
        return self.archive or self.path


@contextlib.contextmanager
def open_source(model: Any, options: LoadOptions | None = None) -> Iterator[Source]:
    """Tell what kind of model is at a path; a ``.zip`` is unpacked for as long as it is needed.

    A live model is written to a file for that long.

    Args:
        model: A path, or a live model; or a list of files, Steps and fitted objects in the order in
            which data flow.
        options: How it is read.

    Raises:
        UsageError: Nothing is there, or what is there is not a trained model.
        SourceError: It cannot be read or unpacked.
    """
    if isinstance(model, list | tuple):
        alone = len(model) == 1 and not isinstance(model[0], Step)
        model = model[0] if alone else model
    if isinstance(model, Step) or is_written_step(model):
        model = [model]
    if isinstance(model, list | tuple):
        asked = options or LoadOptions()
        with temporary_folder() as temporary:
            parts = files.open_parts(model, asked, temporary)
            path = files.main_part(parts).path
            yield Source(path, path.parent, "chain", parts=parts)
        return
    if not isinstance(model, str | os.PathLike):
        with temporary_folder() as temporary:
            yield _written(model, temporary, options or LoadOptions())
        return
    path = Path(os.fspath(model))
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder. MODEL is {READABLE}.")
    if path.name in ("saved_model.pb", "saved_model.pbtxt"):  # the folder is the model
        path = path.parent
    if not path.is_dir():
        check_file(path)
    if path.is_dir() or not zipfile.is_zipfile(path) or _is_keras_zip(path) or is_skops(path):
        yield Source(path, path.parent, sniff(path))
        return
    with temporary_folder() as temporary:
        model = _unpack(path, temporary)
        yield Source(model, model.parent, sniff(model), archive=path)


def _written(model: Any, folder: Path, options: LoadOptions) -> Source:
    kind = live.kind_of(model)
    if kind is None:
        what = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise UsageError(
            f"The model is of type {what}; expected the path of {READABLE}; or {live.LIVE}."
        )
    path = live.save(model, kind, folder, options.input_shapes)
    return Source(path, folder, kind, live=model)


def load(found: Source, options: LoadOptions, known: Known = NOTHING) -> LoadedModel:
    """Read a model with the loader for its kind."""
    if found.parts:
        return chain.load(found.parts, options, known)
    if found.loader == "sklearn":
        return files.load_file(found.path, options, known)
    return SOURCES[found.loader](found.path, options)


def _is_keras_zip(path: Path) -> bool:
    with open_zip(path, SourceError) as archive:
        return "config.json" in archive.namelist()


def _unpack(path: Path, folder: Path) -> Path:
    """Unpack an archive and return the one model in it."""
    extract(path, folder, SourceError)
    models = [p for p in folder.rglob("*") if p.suffix in _MODEL_SUFFIXES and p.is_file()]
    models += [p.parent for p in folder.rglob("saved_model.pb")]
    models = [m for m in models if "__MACOSX" not in m.parts]
    if len(models) == 1:
        return models[0]
    found = ", ".join(sorted(m.relative_to(folder).as_posix() for m in models)) or "none"
    raise UsageError(
        f"{path}: expected one trained model in the archive, found {found}. From Teachable "
        "Machine download the Keras export (keras_model.h5 with labels.txt), or unpack the "
        "archive and give the model itself."
    )


@takes(LoadOptions)
@bounded
@quietly
def load_model(
    model: Any, options: LoadOptions | None = None, **keywords: Unpack[LoadKeywords]
) -> LoadedModel:
    """Read a trained model of any supported kind.

    Args:
        model: A path, or a live Keras model, tf.Module or scikit-learn estimator.
        options: How to read it.
        **keywords: Fields of ``LoadOptions`` by name, which win over ``options``.

    Raises:
        UsageError: Nothing is there, or an option is wrong.
        SourceError: It cannot be read.
        MissingDependencyError: TensorFlow is not installed.
    """
    asked = given(LoadOptions, options, keywords, "load_model")
    set_environment()
    with open_source(model, asked) as source:
        return read_model(source, asked)


def read_model(source: Source, options: LoadOptions, known: Known = NOTHING) -> LoadedModel:
    """Read the model of an open source.

    Args:
        source: Where it is.
        options: How it is read.
        known: What is known of a table's columns from elsewhere.
    """
    native.opens(source.path)
    try:
        loaded = with_float32_ends(_read(source, options, known))
        if options.threshold is not None:
            return behind.with_threshold(loaded, options.threshold)
        return loaded
    except ModuleNotFoundError as error:
        raise missing_dependency(error.name, "to read a trained model", "convert") from error


def _read(source: Source, options: LoadOptions, known: Known) -> LoadedModel:
    if source.live is not None and source.loader == "keras":
        return keras.from_live(source.path, source.live, options)
    if source.live is not None:  # its code is in this process already
        options = replace(options, trust_pickle=True)
    return load(source, options, known)


def check_dtypes(model: LoadedModel) -> None:
    """Refuse texts and complex numbers, which no target can hold."""
    for spec in (*model.spec.inputs, *model.spec.outputs):
        if spec.dtype in ("string", "object", "variant", "resource") or "complex" in spec.dtype:
            raise ConversionError(
                f"{spec.name!r} is of dtype {spec.dtype}, which phones and browsers cannot hold. "
                "Leave text and table look-ups to the app, and save the model from the numbers on."
            )
