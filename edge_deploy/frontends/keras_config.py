"""What a Keras file says of itself, read without loading it, and the copy that is loaded.

Keras never opens the stranger's file: it opens a copy with the configuration that was judged, the
weights that were looked through, and nothing else of the archive.
"""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from edge_deploy.core.bounds import BAD_ZIP, Budget, open_zip, read_member
from edge_deploy.core.errors import EdgeDeployError, SourceError
from edge_deploy.core.messages import first_line
from edge_deploy.frontends import keras_weights
from edge_deploy.frontends.hdf5_check import check_hdf5
from edge_deploy.frontends.keras_upgrade import upgrade
from edge_deploy.frontends.keras_weights import WEIGHTS

MAX_CONFIG = 100_000_000
"""Bytes of a model's configuration; the largest of keras.applications has 0.4 million."""
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def read_config(path: Path) -> tuple[Any, str | None]:
    """The model's configuration and the Keras version that wrote it, without loading it.

    Raises:
        UntrustedError: The file takes its weights from other files.
        SourceError: It is damaged, or holds no model.
    """
    if is_archive(path):
        return _archive_config(path)
    check_hdf5(path, path)
    import h5py

    try:
        with h5py.File(path, "r") as file:
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
            only_weights = keras_weights.holds_weights_only(file)
            grouped = "layer_names" in file.attrs
            weights = file.get("model_weights")
            if weights is not None:
                version = version or weights.attrs.get("keras_version")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, "HDF5 file is", error) from error
    if only_weights:
        _, document = keras_weights.find_architecture(path)
        version = keras_weights.version_of(document)
        try:
            document = upgrade(document, partial(_too_old, path))
        except RecursionError as error:
            raise _damaged(path, "model's configuration is", error) from error
        return document if grouped else keras_weights.with_module(document), version
    if config is None:
        raise SourceError(
            f"{path}: this HDF5 file holds no Keras model. Build the model in Python, then "
            "model.save(...) the whole of it."
        )
    try:
        text = config.decode() if isinstance(config, bytes) else str(config)
        written = version.decode() if isinstance(version, bytes) else version
        document = upgrade(json.loads(text), partial(_too_old, path))
        return document, written if isinstance(written, str) else None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "model's configuration is", error) from error


def _too_old(path: Path, what: str) -> SourceError:
    return SourceError(
        f"{path}: the model has {what}, which Keras has no layer for since version 2. Build it "
        "anew in Python with today's layers, load the weights into it, and save it again."
    )


def _archive_config(path: Path) -> tuple[Any, str | None]:
    budget = Budget(path, SourceError, MAX_CONFIG)
    try:
        with open_zip(path, SourceError) as archive:
            config = json.loads(read_member(archive, "config.json", budget))
            metadata = json.loads(read_member(archive, "metadata.json", budget))
    except (KeyError, ValueError, RecursionError, *BAD_ZIP) as error:
        raise _damaged(path, ".keras archive is", error) from error
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return config, version if isinstance(version, str) else None


def _damaged(path: Path, what: str, error: BaseException) -> SourceError:
    return SourceError(
        f"{path}: the {what} damaged or cut short ({first_line(error)}). Save or download it again."
    )


def lambda_activation(config: Any) -> str | None:
    """A layer whose activation was a lambda, of which Keras keeps nothing but that word."""
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "<lambda>" in (one.get("activation"), one.get("recurrent_activation")):
                return str(one.get("name"))
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return None


def is_archive(path: Path) -> bool:
    """Whether it begins as a zip, which one that is cut short still does."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def write_checked(path: Path, config: Any, folder: Path) -> Path:
    """A copy of a Keras file with another configuration.

    Args:
        path: The file.
        config: What is written in place of its own.
        folder: An empty one.

    Raises:
        UntrustedError: The weights in the archive take bytes from other files.
        SourceError: A part is missing or damaged.
        EdgeDeployError: There is no room for the copy.
    """
    try:
        return _write_checked(path, config, folder)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise EdgeDeployError(
            f"{folder.parent}, the folder for temporary files, cannot be written "
            f"({error.strerror}). Free some space, or name another folder in TMPDIR."
        ) from error


def _write_checked(path: Path, config: Any, folder: Path) -> Path:
    if not is_archive(path):
        import h5py

        copy = folder / "model.h5"
        shutil.copyfile(path, copy)
        check_hdf5(copy, path)  # whatever it was when it was judged
        with h5py.File(copy, "r+") as file:
            weights_only = keras_weights.holds_weights_only(file)
        if weights_only:
            return keras_weights.write_model(copy, config, folder)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(config)
            _say_keras_1(file)
            if "training_config" in file.attrs:
                del file.attrs["training_config"]
        return copy
    copy = folder / "model.keras"
    budget = Budget(path, SourceError)
    try:
        with open_zip(path, SourceError) as archive, zipfile.ZipFile(copy, "w") as checked:
            checked.writestr("metadata.json", read_member(archive, "metadata.json", budget))
            checked.writestr("config.json", json.dumps(config))
            _copy_weights(path, archive, checked, folder / WEIGHTS, budget)
            for name in sorted(set(archive.namelist())):
                if _is_asset(name):
                    checked.writestr(name, read_member(archive, name, budget))
    except (KeyError, ValueError, *BAD_ZIP) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        raise _damaged(path, ".keras archive is", error) from error
    return copy


def _say_keras_1(file: Any) -> None:
    """Have tf_keras take weights of Keras 1 as such: it asks for "1", and files say "1.2.2"."""
    version = file.attrs.get("keras_version", "")
    version = version.decode() if isinstance(version, bytes) else str(version)
    if version.startswith("1.") and "model_weights" in file:
        file["model_weights"].attrs["keras_version"] = "1"


def _copy_weights(
    path: Path, archive: zipfile.ZipFile, checked: zipfile.ZipFile, weights: Path, budget: Budget
) -> None:
    if WEIGHTS not in archive.namelist():
        raise SourceError(
            f"{path}: the .keras archive has no {WEIGHTS}, so no weights that can be read without "
            "running code. Save it again with Keras, model.save(...)."
        )
    with archive.open(WEIGHTS) as member, weights.open("wb") as to:
        while part := member.read(1 << 20):
            budget.take(len(part))
            to.write(part)
    check_hdf5(weights, path)
    import h5py

    with h5py.File(weights, "r+") as file:
        keras_weights.nest(file)
    # Not stored: in Python 3.13 Keras 2 loses its place where zipfile skips bytes unread.
    checked.write(weights, WEIGHTS, zipfile.ZIP_DEFLATED, compresslevel=0)
    weights.unlink()


def _is_asset(name: str) -> bool:
    """Files of a layer's own, such as the vocabulary of a look-up, within their folder."""
    parts = PurePosixPath(name).parts
    return (
        len(parts) > 1
        and parts[0] == "assets"
        and ".." not in parts
        and not name.endswith("/")
        and not set("\\:\0") & set(name)
    )
