"""Weights without their layers, the layers in a JSON file beside them, and paths of Windows."""

from __future__ import annotations

import importlib
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

import edge_deploy
from edge_deploy.core.errors import EdgeDeployError, SourceError, UsageError
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.frontends.keras_weights import find_architecture, is_architecture, nest
from tests.support.models import randomize, save

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def sequential(keras: Any) -> Any:
    layers = [keras.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)]
    return keras.Sequential(layers)


def functional(keras: Any) -> Any:
    x = keras.Input((4,))
    y = keras.layers.BatchNormalization()(keras.layers.Dense(3)(x))
    return keras.Model(x, [keras.layers.Dense(2)(y), keras.layers.Dense(1)(y)])


def answers(model: Any) -> list[Any]:
    given = model.predict_on_batch(X)
    return list(given) if isinstance(given, list | tuple) else [given]


SAVED = {
    # library, file, the JSON's name, whether the JSON is a text in JSON
    "tf_keras, HDF5 of the first layout": ("tf_keras", "net.h5", "net.json", False),
    "tf_keras, HDF5 of the newer layout": ("tf_keras", "net.weights.h5", "net.json", False),
    "Keras 3": ("keras", "net.weights.h5", "net.json", False),
    "layers under another name": ("tf_keras", "weights.h5", "model.json", False),
    "layers as a text in JSON": ("tf_keras", "net.h5", "net.json", True),
    "layers as YAML": ("tf_keras", "net.h5", "net.yaml", False),
}


def as_yaml(text: str) -> str:
    """An architecture as Keras 2 wrote it before TensorFlow 2.6, with tuples of Python."""
    document = json.loads(text)

    def shapes(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: tuple(v) if k == "batch_input_shape" else shapes(v) for k, v in value.items()
            }
        return [shapes(one) for one in value] if isinstance(value, list) else value

    told = yaml.dump(shapes(document))
    assert "!!python/tuple" in told
    return str(told)


@pytest.mark.slow
@pytest.mark.parametrize("build", [sequential, functional])
@pytest.mark.parametrize("name", SAVED)
def test_layers_and_weights_are_one_model(name: str, build: Any, tmp_path: Path) -> None:
    library, file, json_name, twice = SAVED[name]
    model = build(importlib.import_module(library))
    model.save_weights(str(tmp_path / file))
    text = model.to_json()
    text = as_yaml(text) if json_name.endswith(".yaml") else text
    (tmp_path / json_name).write_text(json.dumps(text) if twice else text)
    (tmp_path / "package.json").write_text('{"name": "page"}')
    found = edge_deploy.load_model(tmp_path / file)
    given = found.predict({found.spec.inputs[0].name: X})
    for mine, theirs in zip(given.values(), answers(model), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert f"{file} holds weights; the layers are those of {json_name}" in found.notes


@pytest.mark.slow
def test_archive_whose_weights_lie_where_hdf5_may_begin(tmp_path: Path) -> None:
    """HDF5 may begin at byte 1024 of a file: a zip with its member there passes for HDF5."""
    model = sequential(importlib.import_module("keras"))
    model.save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    weights = parts.pop("model.weights.h5")
    moved = tmp_path / "moved.keras"
    with zipfile.ZipFile(moved, "w") as archive:
        archive.writestr("config.json", parts["config.json"])
        archive.writestr("metadata.json", parts["metadata.json"])
        begin = archive.start_dir + 2 * 30 + len("pad") + len("model.weights.h5")
        start = next(place for place in (1024, 2048, 4096, 8192) if place >= begin)
        archive.writestr("pad", b" " * (start - begin))
        archive.writestr("model.weights.h5", weights)
    assert h5py.is_hdf5(moved)
    found = edge_deploy.load_model(moved)
    given = found.predict({found.spec.inputs[0].name: X})
    np.testing.assert_allclose(next(iter(given.values())), answers(model)[0], atol=1e-6)


@pytest.mark.slow
def test_weights_that_windows_saved_are_found(tmp_path: Path) -> None:
    """Keras 2.12 to 2.15 made groups called ``layers\\dense`` there."""
    model = functional(importlib.import_module("tf_keras"))
    model.save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    weights = tmp_path / "model.weights.h5"
    weights.write_bytes(parts["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        for name in list(file["layers"]):
            file.move(f"layers/{name}", f"layers\\{name}")
        del file["layers"]
    parts["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(tmp_path / "windows.keras", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    found = edge_deploy.load_model(tmp_path / "windows.keras")
    given = found.predict({found.spec.inputs[0].name: X})
    for mine, theirs in zip(given.values(), answers(model), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["net.h5", "net.keras"])
def test_layers_may_have_slashes_in_their_names(file: str, tmp_path: Path) -> None:
    """Keras 2 takes them, and they are paths in HDF5 and scopes in TensorFlow."""
    keras = importlib.import_module("tf_keras")
    x = keras.Input((4,), name="given/x")
    y = keras.layers.BatchNormalization(name="block/norm")(keras.layers.Dense(3, name="block/a")(x))
    model = keras.Model(x, keras.layers.Dense(2, name="block/a/b")(y), name="net/all")
    randomize(model)
    save(model, tmp_path / file)
    found = edge_deploy.load_model(tmp_path / file)
    (given,) = found.predict({found.spec.inputs[0].name: X}).values()
    np.testing.assert_allclose(given, answers(model)[0], atol=1e-6)
    FORMATS["onnx"].export(found, tmp_path / "net.onnx", {"name": "net", "version": "1"})
    with default_runtime("onnx").open(tmp_path / "net.onnx") as runner:
        (given,) = runner.predict({found.spec.inputs[0].name: X}).values()
    np.testing.assert_allclose(given, answers(model)[0], atol=1e-6)


@pytest.mark.slow
def test_functional_that_calls_itself_a_model_is_read(tmp_path: Path) -> None:
    """Under the registered name that Keras' own Model has not."""
    model = functional(importlib.import_module("keras"))
    save(model, tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    named = {"class_name": "Model", "module": "keras", "registered_name": "Functional"}
    parts["config.json"] = json.dumps({**json.loads(parts["config.json"]), **named}).encode()
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    found = edge_deploy.load_model(tmp_path / "model.keras")
    given = found.predict({found.spec.inputs[0].name: X})
    for mine, theirs in zip(given.values(), answers(model), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


NESTED = {
    "apart": (["layers\\dense/vars"], ["layers/dense/vars"]),
    "two deep": (["a\\b\\c/vars", "a\\d/vars"], ["a/b/c/vars", "a/d/vars"]),
    "within one that is there": (
        ["layers\\cell/vars", "layers\\cell\\inner/vars"],
        ["layers/cell/inner/vars", "layers/cell/vars"],
    ),
    "as everywhere": (["layers/dense/vars"], ["layers/dense/vars"]),
}


@pytest.mark.parametrize("name", NESTED)
def test_backslashes_become_groups(name: str, tmp_path: Path) -> None:
    made, expected = NESTED[name]
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        for path in made:
            file[path] = [1.0]
        nest(file)
        found: list[str] = []
        file.visititems(
            lambda path, one: found.append(path) if isinstance(one, h5py.Dataset) else None
        )
    assert found == expected


SEQUENTIAL = {"class_name": "Sequential", "config": {"layers": []}}

LAYERS = "class_name: Sequential\nconfig: {layers: []}\n"
FAULTS: dict[str, tuple[dict[str, Any], type[EdgeDeployError], str]] = {
    "no layers": (
        {"package.json": {"name": "page"}},
        SourceError,
        "no JSON or YAML file beside it",
    ),
    "two, neither of the name": (
        {"a.json": SEQUENTIAL, "b.json": SEQUENTIAL},
        UsageError,
        r"a\.json, b\.json.*net\.json",
    ),
    "a JSON that is damaged": ({"net.json": "{"}, SourceError, "no JSON or YAML file beside it"),
    "a YAML that is damaged": ({"net.yml": "a: [1"}, SourceError, "no JSON or YAML file beside it"),
    "a YAML of Python objects": (
        {"net.yaml": "class_name: Sequential\nconfig: !!python/object/apply:os.system [touch x]"},
        SourceError,
        "no JSON or YAML file beside it",
    ),
    "a YAML that grows": (
        {
            "net.yaml": "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
                for a, b in itertools.pairwise("abcdefghi")
            )
            + "class_name: Sequential\nconfig: {layers: *i}"
        },
        SourceError,
        "no JSON or YAML file beside it",
    ),
    **{
        f"a YAML of {name}": ({"net.yaml": text}, SourceError, "no JSON or YAML file beside it")
        for name, text in {
            "a number to the base of 60": "config: {}\nclass_name: 1" + ":1" * 500_000,
            "keys that merge": LAYERS
            + "a0: &a0 {x: 1}\n"
            + "".join(
                f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 11)
            ),
            "lists in lists": LAYERS + "a: " + "[" * 100_000 + "]" * 100_000,
            "keys in keys": LAYERS + "? " * 100_000,
            "a list in itself": LAYERS + "a: &a [*a]",
            "a set": LAYERS + "a: !!set {x, y}",
            "a date": LAYERS + "a: !!timestamp 2001-01-01",
        }.items()
    },
}


@pytest.mark.parametrize("name", FAULTS)
def test_weights_without_their_layers_are_told(name: str, tmp_path: Path) -> None:
    files, kind, words = FAULTS[name]
    for file, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / file).write_text(text)
    with pytest.raises(kind, match=words):
        find_architecture(tmp_path / "net.h5")


def test_the_layers_of_the_same_name_come_first(tmp_path: Path) -> None:
    for name in ("a.json", "net.json"):
        (tmp_path / name).write_text(json.dumps(SEQUENTIAL))
    assert find_architecture(tmp_path / "net.weights.h5")[0].name == "net.json"


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"class_name": "Sequential"}, {"class_name": "StandardScaler", "config": {}}],
)
def test_another_json_is_no_architecture(document: Any) -> None:
    assert not is_architecture(document)


def test_layers_alone_are_told_what_they_lack(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(SEQUENTIAL))
    with pytest.raises(UsageError, match=r"holds no weights.*save_weights"):
        edge_deploy.load_model(tmp_path / "model.json")
