"""Weights that were saved without the layers they belong to: ``save_weights`` and ``to_json``.

The layers stand in a JSON file beside them, or in YAML, which Keras wrote until TensorFlow 2.6.
Both become one file that Keras loads as any other: HDF5 of the first layout (a group a layer, named
in ``layer_names``) an HDF5 model, that of Keras 3 and of tf_keras' ``.weights.h5`` a ``.keras``
archive.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import read_json, read_text
from edge_deploy.core.errors import EdgeDeployError, SourceError, UsageError
from edge_deploy.frontends.keras_yaml import parse_yaml

WEIGHTS = "model.weights.h5"
_MOST_JSON = 100_000_000  # bytes of all files beside
_MOST_FILES = 100
_YAML = (".yaml", ".yml")
_MOST_YAML = 5_000_000  # bytes: it is read slowly
_CLASSES = ("Sequential", "Functional", "Model")
# What tells the layout of Keras 3 and of tf_keras' .weights.h5.
_NEWER = ("layers", "_layer_checkpoint_dependencies", "vars")


def is_architecture(document: Any) -> bool:
    """Whether a JSON document is what Keras' ``to_json`` writes."""
    return (
        isinstance(document, dict)
        and document.get("class_name") in _CLASSES
        and isinstance(document.get("config"), dict | list)
    )


def find_architecture(weights: Path) -> tuple[Path, Any]:
    """The JSON or YAML file beside weights that describes their layers, and what stands in it.

    One with the same name comes first: ``net.json`` beside ``net.h5`` or ``net.weights.h5``.

    Raises:
        SourceError: There is none.
        UsageError: There are several.
    """
    stem = weights.name.partition(".")[0]
    folder = weights.absolute().parent
    beside = sorted(p for p in folder.iterdir() if p.suffix in (".json", *_YAML))[:_MOST_FILES]
    found, left = [], _MOST_JSON
    for path in sorted(beside, key=lambda path: (path.stem != stem, path)):
        size = path.stat().st_size if path.is_file() else 0
        left -= size * (_MOST_JSON // _MOST_YAML) if path.suffix in _YAML else size
        if left >= 0 and (document := read_architecture(path)) is not None:
            found.append((path, document))
    own = [one for one in found if one[0].stem == stem] or found
    if len(own) == 1:
        return own[0]
    if not own:
        raise SourceError(
            f"{weights}: this HDF5 file holds the weights of a model only, not its layers, and no "
            "JSON or YAML file beside it describes them. Put model.to_json() of the same model "
            f"there as {stem}.json; or build the model in Python, model.load_weights(...), then "
            "model.save(...) the whole of it."
        )
    names = ", ".join(path.name for path, _ in own)
    raise UsageError(
        f"{weights}: holds weights only, and several files beside it describe layers: {names}. "
        f"Name the one that belongs to it {stem}.json."
    )


def read_architecture(path: Path) -> Any:
    """What ``to_json`` or ``to_yaml`` wrote into a file; None where it is another file."""
    try:
        if path.suffix in _YAML:
            document = parse_yaml(read_text(path, EdgeDeployError, _MOST_YAML))
            return document if is_architecture(document) else None
        document = read_json(path, EdgeDeployError, _MOST_JSON)
        if isinstance(document, str):  # json.dump(model.to_json(), file)
            document = json.loads(document)
    except (EdgeDeployError, ValueError, RecursionError):
        return None
    return document if is_architecture(document) else None


def note(path: Path) -> tuple[str, ...]:
    """Where the layers of an HDF5 file stand, if not in it."""
    import h5py

    with h5py.File(path, "r") as file:
        if not holds_weights_only(file):
            return ()
    return (
        f"{path.name} holds weights; the layers are those of {find_architecture(path)[0].name}",
    )


def with_module(document: dict[str, Any]) -> dict[str, Any]:
    """An architecture as a ``.keras`` archive holds it, which says where its class is."""
    if "module" in document:
        return document
    return {"module": "keras.models", "registered_name": document["class_name"], **document}


def version_of(document: Any) -> str | None:
    """The Keras that wrote an architecture: Keras 3 does not say its version."""
    told = document.get("keras_version")
    if isinstance(told, str):
        return told
    return "3" if "registered_name" in document else None


def holds_weights_only(file: Any) -> bool:
    """Whether an open HDF5 file has weights and no configuration of a model."""
    if "model_config" in file.attrs:
        return False
    return "layer_names" in file.attrs or any(name in file for name in _NEWER)


def write_model(weights: Path, config: Any, folder: Path) -> Path:
    """One file of weights and their layers.

    Args:
        weights: HDF5 of weights that were looked through; it may be changed.
        config: Of the layers, as it was judged.
        folder: Where the file goes.
    """
    import h5py

    with h5py.File(weights, "r+") as file:
        if "layer_names" in file.attrs:
            names = list(file)
            group = file.create_group("model_weights")
            for key, value in file.attrs.items():
                group.attrs[key] = value
            for name in names:
                file.move(name, f"model_weights/{name}")
            file.attrs["model_config"] = json.dumps(config)
            return weights
        nest(file)
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version_of(config) or ""}))
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, WEIGHTS)
    weights.unlink()
    return path


def nest(file: Any) -> None:
    r"""Put groups where every system looks for them: Keras on Windows called one ``layers\dense``.

    Keras 2.12 to 2.15 made the path of a layer's weights with the system's own separator.
    """
    for name in [name for name in file if "\\" in name]:
        place = name.replace("\\", "/")
        if place in file:  # made as the way to another one
            for inner in list(file[name]):
                file.move(f"{name}/{inner}", f"{place}/{inner}")
            del file[name]
        else:
            file.move(name, place)
