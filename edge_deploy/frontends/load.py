"""Trained models: a path in, a LoadedModel out. One file a kind of model.

What a file is, its first bytes say: suffixes lie (an HDF5 file named ``.keras`` is common).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from edge_deploy.core.bounds import bounded, check_file, extract, open_file, open_zip
from edge_deploy.core.dependencies import missing_dependency
from edge_deploy.core.errors import ConversionError, SourceError, UsageError
from edge_deploy.core.messages import call
from edge_deploy.core.options import given, takes
from edge_deploy.core.spec import LoadedModel, LoadKeywords, LoadOptions
from edge_deploy.core.stdio import quietly, set_environment
from edge_deploy.frontends import keras, keras_weights, live, saved_model
from edge_deploy.frontends.sklearn import loader as sklearn
from edge_deploy.frontends.sklearn.catboost_file import is_catboost
from edge_deploy.frontends.sklearn.skops import is_skops

SOURCES: dict[str, Callable[[Path, LoadOptions], LoadedModel]] = {
    "keras": keras.load,
    "saved_model": saved_model.load,
    "sklearn": sklearn.load,
}

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
# Pickle protocol 2 and later, gzip, bzip2, xz, lzma alone, lz4: what joblib writes, and zlib at
# its levels (whose first byte is an x, with which many a text begins).
_PICKLE = (
    *(b"\x80", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18"),
    *(b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"),
)
_MODEL_SUFFIXES = (".h5", ".hdf5", ".keras", ".pkl", ".pickle", ".joblib", ".skops", ".cbm")
READABLE = (
    "a Keras file (.h5, .hdf5, .keras), a SavedModel folder, a scikit-learn pickle, joblib or "
    "skops file, a CatBoost .cbm or JSON file, or a .zip with one of them"
)


@dataclass(frozen=True)
class Source:
    """A trained model on disk.

    Attributes:
        path: The model itself.
        folder: Where its labels, features, preprocessing and reference data may lie.
        loader: A key of SOURCES.
        archive: The ``.zip`` it was taken from, else None.
        live: The object that a Python caller gave, of which the file was written.
    """

    path: Path
    folder: Path
    loader: str
    archive: Path | None = None
    live: Any = None

    @property
    def given(self) -> Path:
        """The file that was given."""
        return self.archive or self.path


@contextlib.contextmanager
def open_source(model: Any, options: LoadOptions | None = None) -> Iterator[Source]:
    """Tell what kind of model is at a path; a ``.zip`` is unpacked for as long as it is needed.

    A live model is written to a file for that long.

    Args:
        model: A path, or a live model.
        options: How it is read.

    Raises:
        UsageError: Nothing is there, or what is there is not a trained model.
        SourceError: It cannot be read or unpacked.
    """
    if isinstance(model, list | tuple):
        if len(model) != 1:
            raise UsageError("Several files in one model cannot be read yet.")
        (model,) = model
    if not isinstance(model, str | os.PathLike):
        with tempfile.TemporaryDirectory(prefix="edge-deploy-") as temporary:
            yield _written(model, Path(temporary), options or LoadOptions())
        return
    path = Path(os.fspath(model))
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder. MODEL is {READABLE}.")
    if not path.is_dir():
        check_file(path)
    if path.is_dir() or not zipfile.is_zipfile(path) or _is_keras_zip(path) or is_skops(path):
        yield Source(path, path.parent, sniff(path))
        return
    with tempfile.TemporaryDirectory() as temporary:
        model = _unpack(path, Path(temporary))
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


def sniff(path: Path) -> str:
    """The loader for a model file or folder, from its first bytes.

    Raises:
        UsageError: It is not a trained model; the message says what it looks like instead.
        SourceError: It cannot be read, or is empty.
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
            return "saved_model"
        inside = ", ".join(sorted(p.name for p in path.iterdir())[:5]) or "nothing"
        raise UsageError(
            f"{path}: this folder is not a SavedModel: it has no saved_model.pb (it holds "
            f"{inside}), nor an edge-deploy.toml. Have one written from what lies in it with "
            f"{call('init', path)}, or give the model file itself."
        )
    with open_file(path, SourceError) as file:
        head = file.read(512)
    if not head:
        raise SourceError(f"{path}: the file is empty. Save or download the model again.")
    if head.startswith(b"version https://git-lfs"):
        raise UsageError(
            f"{path}: is a Git LFS pointer, not the model. Fetch the model with: git lfs pull."
        )
    if is_skops(path) or is_catboost(head):
        return "sklearn"
    if head.startswith((_HDF5, _ZIP)):
        return "keras"
    if head[4:8] == b"TFL3":
        raise UsageError(
            f"{path}: this is a .tflite file, already converted. `edge-deploy inspect` shows it, "
            f"`{call('verify', against=...)}` compares it; `convert` wants the trained model."
        )
    if head.startswith(_PICKLE) or (path.suffix in (".pkl", ".pickle", ".joblib") and head):
        return "sklearn"
    if _is_text(head) and keras_weights.read_architecture(path) is not None:
        raise UsageError(
            f"{path}: describes the layers of a Keras model, and holds no weights. Give the file "
            "that model.save_weights(...) wrote; the layers are then read from this one beside it."
        )
    looks = "a text file" if _is_text(head) else f"of an unknown format ({head[:8].hex(' ')} …)"
    raise UsageError(f"{path}: not a trained model: the file is {looks}. MODEL is {READABLE}.")


def load(source: Source, options: LoadOptions) -> LoadedModel:
    """Read a model with the loader for its kind."""
    return SOURCES[source.loader](source.path, options)


def _is_text(head: bytes) -> bool:
    try:
        return head.decode("utf-8").isprintable() or b"\n" in head
    except UnicodeDecodeError:
        return False


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


def read_model(source: Source, options: LoadOptions) -> LoadedModel:
    """Read the model of an open source."""
    try:
        if source.live is not None and source.loader == "keras":
            return keras.from_live(source.path, source.live, options)
        if source.live is not None:  # its code is in this process already
            options = replace(options, trust_pickle=True)
        return load(source, options)
    except ModuleNotFoundError as error:
        raise missing_dependency(error.name, "to read a trained model", "convert") from error


def check_dtypes(model: LoadedModel) -> None:
    """Refuse texts and complex numbers, which no target can hold."""
    for spec in (*model.spec.inputs, *model.spec.outputs):
        if spec.dtype in ("string", "object", "variant", "resource") or "complex" in spec.dtype:
            raise ConversionError(
                f"{spec.name!r} is of dtype {spec.dtype}, which phones and browsers cannot hold. "
                "Leave text and table look-ups to the app, and save the model from the numbers on."
            )
