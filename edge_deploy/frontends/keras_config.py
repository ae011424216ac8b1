"""What a Keras file says of itself, read without loading it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import SourceError
from edge_deploy.core.messages import first_line

# Modules that a Keras configuration may name: the rest would be imported by name from the file.
_OWN_MODULES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")


def read_config(path: Path) -> tuple[Any, str | None]:
    """The model's configuration and the Keras version that wrote it, without loading it."""
    if is_archive(path):
        try:
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
                metadata = json.loads(archive.read("metadata.json"))
        except (KeyError, ValueError, zipfile.BadZipFile, OSError) as error:
            raise SourceError(
                f"{path}: the .keras archive is damaged or cut short ({first_line(error)}). Save "
                "or download it again."
            ) from error
        return config, metadata.get("keras_version")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
            only_weights = config is None and (
                "layer_names" in file.attrs
                or "layers" in file
                or "_layer_checkpoint_dependencies" in file
                or "vars" in file
            )
            weights = file.get("model_weights")
            if weights is not None:
                version = version or weights.attrs.get("keras_version")
    except OSError as error:
        raise SourceError(
            f"{path}: the HDF5 file is damaged or cut short ({first_line(error)}). Save or "
            "download it again."
        ) from error
    if config is None:
        what = "the weights of a model only" if only_weights else "no Keras model"
        raise SourceError(
            f"{path}: this HDF5 file holds {what}, not its layers. Build the model in Python, "
            "model.load_weights(...), then model.save(...) the whole of it."
        )
    text = config.decode() if isinstance(config, bytes) else str(config)
    return json.loads(text), version.decode() if isinstance(version, bytes) else version


def is_archive(path: Path) -> bool:
    """Whether it begins as a zip, which one that is cut short still does."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def code_in(config: Any) -> Iterator[str]:
    """What in a configuration would run code: lambdas as byte code, and foreign modules."""
    if isinstance(config, list):
        for item in config:
            yield from code_in(item)
        return
    if not isinstance(config, dict):
        return
    inner = config.get("config")
    if config.get("class_name") == "__lambda__":
        yield "a lambda as byte code"
    if config.get("class_name") == "Lambda" and isinstance(inner, dict):
        function = inner.get("function")
        if isinstance(function, list):  # Keras 2: [marshalled code, defaults, closure]
            yield f"the Lambda layer {inner.get('name')!r} as byte code"
    module = config.get("module")
    if isinstance(module, str) and "class_name" in config and not _is_own(module):
        what = inner if isinstance(inner, str) else config["class_name"]
        yield f"{module}.{what}"
    for value in config.values():
        yield from code_in(value)


def _is_own(module: str) -> bool:
    return module == "builtins" or any(
        module == own or module.startswith(f"{own}.") for own in _OWN_MODULES
    )
