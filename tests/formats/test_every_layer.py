"""Every public layer and activation of both generations of Keras, in every runtime.

What there is, is asked of the installed packages, so a new Keras with a new layer fails here until
the layer has a row in tests/support/layer_table.py. A conversion costs a second or two whatever it
holds, so a dozen rows share one model, as inputs and outputs of it; where that fails, and where a
target refuses a row, each is a model of its own.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import load_model
from edge_deploy.core.errors import ConversionError, UntrustedError
from edge_deploy.core.spec import Array, Arrays, LoadedModel, LoadOptions, Runner
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.frontends import keras as keras_files
from edge_deploy.web.browser import Browser
from edge_deploy.web.page_runner import PageRunner
from tests.support import layer_table
from tests.support.layer_table import ACTIVATIONS, NO_ACTIVATIONS, Row
from tests.support.models import randomize, save, third_party

pytestmark = pytest.mark.slow

META = {"name": "layer", "version": "1"}
GENERATIONS = {"keras": layer_table.KERAS_3, "tf_keras": layer_table.KERAS_2}
# `make zoo` asks tf_keras' layers too, and webgl, which SwiftShader computes slowly.
ALL = bool(os.environ.get("EDGE_DEPLOY_ZOO"))
BACKENDS = ("wasm", "webgl") if ALL else ("wasm",)


def rows(generation: str) -> dict[str, Row]:
    """The layers of a generation, and its activations as ``activations.name``."""
    named = {f"activations.{name}": row for name, row in ACTIVATIONS.items()}
    old = layer_table.ACTIVATIONS_OF_KERAS_2
    kept = {n: r for n, r in named.items() if generation == "keras" or n.split(".")[1] in old}
    return {**GENERATIONS[generation], **kept}


def all_rows(generation: str) -> dict[str, Row]:
    """The same and, of Keras 3, variants that ask more of a layer."""
    return {**rows(generation), **(layer_table.VARIANTS if generation == "keras" else {})}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_public_layer_and_activation_has_a_row(generation: str) -> None:
    keras = __import__(generation)
    known = rows(generation)
    classes: dict[Any, list[str]] = {}
    for name in dir(keras.layers):
        if inspect.isclass(one := getattr(keras.layers, name)):
            classes.setdefault(one, []).append(name)
    found = {name for name in dir(keras.activations) if not name.startswith("_")}
    functions = {n for n in found if callable(getattr(keras.activations, n))} - NO_ACTIVATIONS
    lacking = [names for names in classes.values() if not set(names) & set(known)]
    lacking += [[name] for name in sorted(functions) if f"activations.{name}" not in known]
    assert lacking == [], "give each a row in tests/support/layer_table.py"
    there = {name for names in classes.values() for name in names}
    there |= {f"activations.{name}" for name in functions}
    assert set(known) - there == set(), "these rows are of nothing"


@pytest.fixture(scope="module")
def pages(browser: Browser) -> Iterator[dict[str, Any]]:
    """One page a backend, on which one model after the other is opened."""
    with ExitStack() as stack:
        opened = {}
        for backend in BACKENDS:
            page = browser.new_page()
            stack.callback(page.close)
            page.goto(f"{browser.url}harness.html")
            page.wait_for_selector("html[data-state=ready]", state="attached")
            opened[backend] = page
        yield opened


def library(generation: str) -> Any:
    """A generation as files of it are read."""
    return keras_files.keras_of("keras2" if generation == "tf_keras" else "keras3")


def put(keras: Any, name: str, row: Row, prefix: str = "x") -> tuple[list[Any], Any]:
    """A row's inputs, and what it makes of them."""
    dtype = {"ids": "int32", "words": "string"}.get(row.values, "float32")
    inputs = [keras.Input(s, name=f"{prefix}{n}", dtype=dtype) for n, s in enumerate(row.inputs)]
    x = inputs[0] if len(inputs) == 1 else inputs
    plain = name.partition(" ")[0]  # a variant's name says in brackets what it varies
    made = row.build(keras, x) if row.build else getattr(keras.layers, plain)(**row.settings)(x)
    return inputs, made


def built(generation: str, name: str, row: Row) -> Any:
    """The model of a row, with random weights."""
    keras = library(generation)
    with third_party():
        model = keras.Model(*put(keras, name, row), name="layer")
        randomize(model)
    return model


def read(model: Any) -> LoadedModel:
    return keras_files.from_live(Path("layer.keras"), model, LoadOptions())


def samples(model: LoadedModel, row: Row, prefix: str = "", count: int = 3) -> Arrays:
    """What a row is asked; of a model of several rows the inputs of that one."""
    rng = np.random.default_rng(0)
    made: Arrays = {}
    for one in (one for one in model.spec.inputs if one.name.startswith(prefix)):
        shape = (count, *(size or 1 for size in one.shape[1:]))
        values: Array = {
            "normal": rng.normal(0, 1.5, shape),
            "pixels": rng.uniform(0, 255, shape),
            "ids": rng.integers(0, 9, shape),
            "words": rng.integers(0, 3, shape),
        }[row.values]
        made[one.name] = values.astype(one.dtype)
    return made


def errors(want: Arrays, runner: Runner, x: Arrays, batches: Sequence[int]) -> dict[str, float]:
    """The largest error of each output in batches of some sizes, as a share of its scale."""
    found = dict.fromkeys(want, 0.0)
    for batch in batches:
        for first in range(0, len(next(iter(x.values()))), batch):
            part = slice(first, first + batch)
            answers = runner.predict({name: values[part] for name, values in x.items()})
            for name, values in want.items():
                assert answers[name].shape == values[part].shape
                wrong = np.abs(answers[name].astype(np.float64) - values[part])
                wrong = wrong[answers[name] != values[part]]  # an infinity equals itself
                error = float(wrong.max(initial=0) / max(np.abs(values).max(initial=0), 1e-6))
                found[name] = max(found[name], np.inf if np.isnan(error) else error)
    return found


def cases() -> list[Any]:
    return [
        pytest.param(generation, name, id=f"{generation}-{name}")
        for generation in (GENERATIONS if ALL else ("keras",))
        for name, row in all_rows(generation).items()
        if row.inputs
    ]


TOGETHER = 12
"""How many rows share a model."""

Errors = dict[str, dict[str, float]]
"""By output and runtime."""


@pytest.fixture(scope="module")
def together(
    pages: Mapping[str, Any], browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], dict[str, float]]:
    """From a row of a generation to its largest error in each runtime."""

    @functools.cache
    def of_group(generation: str, names: tuple[str, ...]) -> Errors | None:
        """None where it cannot be done: each is asked for itself then."""
        try:
            return converted(generation, names)
        except Exception as error:
            print(f"{', '.join(names)}: not together: {error!r}")
            return None

    def converted(generation: str, names: tuple[str, ...]) -> Errors:
        keras, table = library(generation), all_rows(generation)
        with third_party():
            parts = [put(keras, name, table[name], f"r{n}_") for n, name in enumerate(names)]
            ends = {f"end{n}": end for n, (_, end) in enumerate(parts)}
            model = keras.Model([one for inputs, _ in parts for one in inputs], ends, name="layers")
            randomize(model)
        read_again = read(model)
        x: Arrays = {}
        for n, name in enumerate(names):
            x |= samples(read_again, table[name], f"r{n}_")
        asked = Asked(read_again, x, read_again.predict(x))
        return everywhere(asked, tmp_path_factory.mktemp("layers"), pages, browser)

    def of_row(generation: str, name: str) -> dict[str, float]:
        table = all_rows(generation)
        # Words become columns of a table, which a model of several rows is not.
        alike = [n for n, row in table.items() if row.inputs and not row.refused]
        alike = [n for n in alike if table[n].values != "words"]
        if name in alike:
            first = alike.index(name) // TOGETHER * TOGETHER
            group = tuple(alike[first : first + TOGETHER])
            if found := of_group(generation, group):
                return {place: one[f"end{group.index(name)}"] for place, one in found.items()}
        model = read(built(generation, name, table[name]))
        x = samples(model, table[name])
        folder = tmp_path_factory.mktemp("layer")
        asked = Asked(model, x, model.predict(x))
        answered = everywhere(asked, folder, pages, browser, table[name].refused)
        return {place: max(one.values()) for place, one in answered.items()}

    return of_row


@pytest.mark.parametrize(("generation", "name"), cases())
def test_layer_answers_everywhere(
    generation: str, name: str, together: Callable[[str, str], dict[str, float]], tmp_path: Path
) -> None:
    row = all_rows(generation)[name]
    if "load" not in row.refused:
        found = together(generation, name)
        assert {place: error for place, error in found.items() if not error < row.within} == {}
    for target, words in row.refused.items():
        path = tmp_path / target / "model.json"
        path.parent.mkdir()
        with pytest.raises(ConversionError, match=words):
            model = read(built(generation, name, row))
            assert target != "load"
            FORMATS[target].export(model, path, META)
        assert list(path.parent.iterdir()) == []


@dataclass(frozen=True)
class Asked:
    """A model, what it is asked and what is right."""

    model: LoadedModel
    x: Arrays
    want: Arrays

    def compare(self, runner: Runner, *batches: int) -> dict[str, float]:
        return errors(self.want, runner, self.x, batches)


def everywhere(
    asked: Asked,
    folder: Path,
    pages: Mapping[str, Any],
    browser: Browser,
    refused: Collection[str] = (),
) -> Errors:
    """The files of a model, each in its runtimes."""
    found: Errors = {}
    for target in (one for one in FORMATS if one not in refused):
        path = folder / target / ("model.json" if target == "tfjs" else f"layer.{target}")
        path.parent.mkdir()
        made = FORMATS[target].export(asked.model, path, META)
        assert not any("FLEX" in note for note in made.notes)
        check = {"tfjs": in_pages, "onnx": in_onnxruntime, "tflite": in_litert}[target]
        found |= check(path, asked, pages, browser)
    return found


def in_pages(path: Path, asked: Asked, pages: Mapping[str, Any], browser: Browser) -> Errors:
    mount = path.parent.parent.name  # the test's own: a page keeps what it got from an address
    browser._mounts[mount] = path.parent
    found = {}
    for backend in BACKENDS:
        page = PageRunner(pages[backend], backend, asked.model.spec)
        page.start("tfjs", f"{mount}/model.json", backend)
        found[backend] = asked.compare(page, 1, 3)
    return found


def in_onnxruntime(path: Path, asked: Asked, *_: Any) -> Errors:
    import onnx

    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    with default_runtime("onnx").open(path) as runner:
        return {"onnx": asked.compare(runner, 1, 3)}


def in_litert(path: Path, asked: Asked, *_: Any) -> Errors:
    with default_runtime("tflite").open(path) as runner:
        return {"tflite": asked.compare(runner, 1)}


FOREIGN = ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper")


@pytest.mark.parametrize("name", FOREIGN)
def test_layer_around_another_library_s_model_is_refused(name: str, tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="wrapped")])
    path = save(model, tmp_path / "model.keras")
    other = tmp_path / "other.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for item in old.namelist():
            data = old.read(item)
            if item == "config.json":
                config = json.loads(data)
                layer = config["config"]["layers"][1]
                layer["class_name"] = name
                layer["config"] = {"name": "wrapped"}
                data = json.dumps(config).encode()
            new.writestr(item, data)
    with pytest.raises(UntrustedError, match=rf"keras.layers.{name}.*rebuild the model with"):
        load_model(other)
