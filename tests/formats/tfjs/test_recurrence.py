"""Recurrent layers, masked and not, in every form that a file can have them in.

All layers are outputs of one model, so that they cost one conversion and a page a backend. WebGL
compiles its programs for every shape, on a processor here: it is asked a batch of 3 alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import load_model
from edge_deploy.core.spec import Arrays, LoadedModel, Runner
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.formats.tfjs.describe import describe, nodes
from edge_deploy.formats.tfjs.rewrites import recurrence
from edge_deploy.web.browser import Browser
from tests.support.models import randomize, save

pytestmark = pytest.mark.slow

META = {"name": "model", "version": "1"}
STEPS, WORDS, SAMPLES = 5, 12, 3
FORMS = {"written_out": STEPS, "loops": 0}
"""Where a TF.js file comes from -> up to how many steps are written out."""


def ends(k: Any, x: Any) -> list[Any]:
    """What becomes of a sequence in all kinds of recurrent layers."""
    layers = k.layers
    both = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    _, state = layers.SimpleRNN(3, activation="relu", return_state=True)(x)
    cells = [layers.GRUCell(3), layers.LSTMCell(4, recurrent_activation="hard_sigmoid")]
    return [
        both,
        layers.LSTM(4)(both),
        layers.LSTM(3, go_backwards=True)(x),
        layers.GRU(3, reset_after=False, go_backwards=True)(x),
        layers.Bidirectional(layers.GRU(3, return_sequences=True))(x),
        state,
        layers.RNN(cells)(x),
        layers.LSTM(21)(both),  # more columns than simd.wat takes at a time, and a rest
    ]


def built(folder: Path, generation: int, masked: bool, steps: int | None = STEPS) -> LoadedModel:
    if generation == 2:
        import tf_keras as k
    else:
        import keras as k
    if masked:
        x = k.Input((steps,), dtype="int32", name="x")
        sequence = k.layers.Embedding(WORDS, 4, mask_zero=True)(x)
    else:
        sequence = x = k.Input((steps, 4), name="x")
    model = k.Model(x, ends(k, sequence), name="recurrent")
    randomize(model)
    return load_model(save(model, folder / ("model.h5" if generation == 2 else "model.keras")))


def samples(masked: bool, steps: int = STEPS, count: int = SAMPLES) -> Arrays:
    """Numbers, or sentences that are padded behind, in front and in the middle."""
    random = np.random.default_rng(3)
    if not masked:
        return {"x": random.normal(size=(count, steps, 4)).astype(np.float32)}
    ids = random.integers(1, WORDS, (count, steps)).astype(np.int32)
    ids[0, steps // 2 :] = ids[1, : steps // 3] = ids[2, 1 : steps // 2] = 0
    return {"x": ids}


def worst(runner: Runner, x: Arrays, want: Arrays, batches: tuple[int, ...]) -> float:
    """The largest error of any output, as a share of its scale."""
    found = [0.0]
    for batch in batches:
        for first in range(0, len(x["x"]), batch):
            answers = runner.predict({"x": x["x"][first : first + batch]})
            for name, values in want.items():
                part = values[first : first + batch]
                assert answers[name].shape == part.shape
                scale = max(float(np.abs(values).max()), 1e-6)  # a ReLU may give zeros
                found.append(float(np.abs(answers[name] - part).max()) / scale)
    assert not np.isnan(found).any()
    return max(found)


def exported(model: LoadedModel, path: Path) -> Path:
    path.parent.mkdir()
    FORMATS["tfjs"].export(model, path, META)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """From a generation, whether it is masked and a form to the model, its file and answers."""

    @functools.cache
    def model_of(generation: int, masked: bool) -> tuple[LoadedModel, Path, Arrays]:
        folder = tmp_path_factory.mktemp("recurrent")
        model = built(folder, generation, masked)
        return model, folder, model.predict(samples(masked))

    @functools.cache
    def file_of(generation: int, masked: bool, form: str) -> tuple[LoadedModel, Path, Arrays]:
        model, folder, want = model_of(generation, masked)
        if form not in FORMS:
            FORMATS[form].export(model, folder / form, META)
            return model, folder / form, want
        with pytest.MonkeyPatch.context() as patch:
            for name in ("STEPS_WRITTEN_OUT", "STEPS_WRITTEN_OUT_FOR_TFJS"):
                patch.setattr(recurrence, name, FORMS[form])
            path = exported(model, folder / form / "model.json")
        ops = describe(path).ops
        if generation == 3:  # Keras 2 leaves the length of some to be found when it runs
            assert ops is not None and ("StatelessWhile" in ops) == (form == "loops")
        return model, path, want

    return file_of


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("generation", [3, 2], ids=["keras3", "keras2"])
@pytest.mark.parametrize("backend", ["wasm", "webgl", "cpu"])
@pytest.mark.parametrize("form", FORMS)
def test_recurrent_layers_answer_in_the_page(
    files: Any, browser: Browser, form: str, backend: str, generation: int, masked: bool
) -> None:
    model, path, want = files(generation, masked, form)
    with browser.open_file("tfjs", path, backend, model.spec) as page:
        batches = (3,) if backend == "webgl" else (1, 3)
        assert worst(page, samples(masked), want, batches) < 1e-5


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("generation", [3, 2], ids=["keras3", "keras2"])
@pytest.mark.parametrize(("target", "batches"), [("onnx", (1, 3)), ("tflite", (1,))])
def test_recurrent_layers_answer_in_python(
    files: Any, target: str, batches: tuple[int, ...], generation: int, masked: bool
) -> None:
    _, path, want = files(generation, masked, target)
    with default_runtime(target).open(path) as runner:
        assert worst(runner, samples(masked), want, batches) < 1e-5


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
def test_free_length_answers_at_several_lengths(
    tmp_path: Path, browser: Browser, masked: bool
) -> None:
    model = built(tmp_path, 3, masked, None)
    path = exported(model, tmp_path / "tfjs" / "model.json")
    with browser.open_file("tfjs", path, "wasm", model.spec) as page:
        for steps in (9, 4):
            x = samples(masked, steps)
            assert worst(page, x, model.predict(x), (1, 3)) < 1e-5


def test_long_recurrence_stays_a_loop_of_few_nodes(tmp_path: Path, browser: Browser) -> None:
    model = built(tmp_path, 3, False, 512)
    path = exported(model, tmp_path / "tfjs" / "model.json")
    assert len(nodes(path)) < 600
    x = samples(False, 512, 1)
    with browser.open_file("tfjs", path, "wasm", model.spec) as page:
        held = set()
        for _ in range(3):
            assert worst(page, x, model.predict(x), (1,)) < 1e-5
            held.add(page.live_tensors())
        assert len(held) == 1


@pytest.mark.parametrize(
    ("steps", "activation", "is_loop"),
    [(16, "tanh", False), (17, "tanh", True), (17, "softsign", False)],
)
def test_short_recurrence_is_a_loop_where_the_page_runs_it(
    tmp_path: Path, browser: Browser, steps: int, activation: str, is_loop: bool
) -> None:
    import keras

    x = keras.Input((steps, 4), name="x")
    model = keras.Model(x, keras.layers.LSTM(3, activation=activation)(x))
    randomize(model)
    loaded = load_model(save(model, tmp_path / "model.keras"))
    path = exported(loaded, tmp_path / "tfjs" / "model.json")
    assert ("StatelessWhile" in (describe(path).ops or ())) == is_loop
    sample = samples(False, steps)
    with browser.open_file("tfjs", path, "wasm", loaded.spec) as page:
        assert worst(page, sample, loaded.predict(sample), (1, 3)) < 1e-5


def test_page_has_the_operators_that_are_left_to_it() -> None:
    script = Path(__file__).parents[3] / "web_demo/src/runtimes/loops.js"
    table = script.read_text(encoding="utf-8").partition("const OPERATORS = {")[2]
    known = set(re.findall(r"^  (\w+): ", table, re.MULTILINE))
    assert recurrence._OF_THE_PAGE - known == {"Const", "Placeholder"}
