"""The page's runtimes in a real Chromium: models number by number, faults in words."""

from __future__ import annotations

import json
import math
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.spec import ModelSpec, TensorSpec
from edge_deploy.data.reference import Reference
from edge_deploy.verification.compare import run_samples
from edge_deploy.web.browser import Browser
from tests.support.tfjs_files import dense, write_model

pytestmark = pytest.mark.slow


SPEC = ModelSpec((TensorSpec("x", (None, 3), "float32"),), (TensorSpec("y", (None, 2), "float32"),))
SAMPLE = {"x": np.asarray([[1.0, -2.0, 0.5]], np.float32)}


@pytest.mark.parametrize("backend", ["webgl", "wasm", "cpu", "webgpu"])
def test_answers_are_the_original_s(browser: Browser, tmp_path: Path, backend: str) -> None:
    model, predict = dense(tmp_path)
    with browser.open_file("tfjs", model, backend, SPEC) as runner:
        answer = runner.predict(SAMPLE)["y"]
        assert np.abs(answer - predict(SAMPLE["x"])).max() <= 1e-6
        held = runner.live_tensors()  # type: ignore[attr-defined]
        for _ in range(5):
            runner.predict(SAMPLE)
        assert runner.live_tensors() == held  # type: ignore[attr-defined]


@pytest.mark.parametrize("signature", ["other names", "none", "empty"])
def test_bare_file_is_wired_in_order_when_its_names_are_others(
    browser: Browser, tmp_path: Path, signature: str
) -> None:
    model, predict = dense(tmp_path)
    document = json.loads(model.read_text())
    entry = document.pop("signature")
    if signature == "other names":
        document["signature"] = {
            "inputs": {"dense_input:0": entry["inputs"]["x"]},
            "outputs": {"Identity:0": entry["outputs"]["y"]},
        }
    elif signature == "empty":
        document["signature"] = {}
    model.write_text(json.dumps(document))
    with browser.open_file("tfjs", model, "wasm", SPEC) as runner:
        assert np.abs(runner.predict(SAMPLE)["y"] - predict(SAMPLE["x"])).max() <= 1e-6


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("int64", [[3, -4]]), ("int32", [[3, 4]]), ("uint8", [[3, 255]]), ("bool", [[True, False]])],
)
def test_integers_and_booleans_come_back_as_they_are(
    browser: Browser, tmp_path: Path, dtype: str, values: list[list[int]]
) -> None:
    kind = "DT_BOOL" if dtype == "bool" else "DT_INT32"
    model = write_model(tmp_path, [("x", kind, 2)], [("y", "Identity", ["x"])], {})
    spec = ModelSpec((TensorSpec("x", (None, 2), dtype),), (TensorSpec("y", (None, 2), dtype),))
    with browser.open_file("tfjs", model, "wasm", spec) as runner:
        answer = runner.predict({"x": np.asarray(values, dtype)})["y"]
    assert answer.dtype == dtype
    assert answer.tolist() == values


def cut(folder: Path) -> None:
    weights = folder / "group1-shard1of1.bin"
    weights.write_bytes(weights.read_bytes()[:-4])


def page_for_weights(folder: Path) -> None:
    (folder / "group1-shard1of1.bin").unlink()
    (folder / "weights.html").write_text("<!doctype html>" + " " * 100)
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace("group1-shard1of1.bin", "weights.html"))


def layers_model(folder: Path) -> None:
    document = {"format": "layers-model", "modelTopology": {"model_config": {}}}
    (folder / "model.json").write_text(json.dumps(document))


def unknown_op(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"MatMul"', '"Conjure"'))


FAULTS = [
    (lambda f: (f / "group1-shard1of1.bin").unlink(), r"group1-shard1of1.bin .*HTTP 404"),
    (cut, r"have 28 bytes, model.json says 32"),
    (page_for_weights, "a web page instead of weights"),
    (layers_model, "layers-model"),
    (unknown_op, "Conjure"),
    (lambda f: (f / "model.json").write_text("<html>"), "is not JSON"),
    (lambda f: (f / "model.json").write_text("{}"), "not a TF.js graph model"),
    (lambda f: (f / "model.json").unlink(), "no such file"),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_fault_is_told_in_words(browser: Browser, tmp_path: Path, fault: Any, words: str) -> None:
    model, _ = dense(tmp_path)
    fault(tmp_path)
    with (
        pytest.raises(ArtifactError, match=words) as caught,
        browser.open_file("tfjs", model, "wasm", SPEC) as runner,
    ):
        runner.predict(SAMPLE)
    assert str(model) in str(caught.value)


def test_time_of_an_answer_is_the_model_s_own(browser: Browser, tmp_path: Path) -> None:
    """Not that of four megabytes on their way to the page and back, as text."""
    width = 1_000_000
    model = write_model(tmp_path, [("x", "DT_FLOAT", width)], [("y", "Relu", ["x"])], {})
    spec = ModelSpec(
        (TensorSpec("x", (None, width), "float32"),), (TensorSpec("y", (None, width), "float32"),)
    )
    x = np.linspace(-1, 1, 4 * width, dtype=np.float32).reshape(4, width)
    started = time.perf_counter()
    with browser.open_file("tfjs", model, "wasm", spec) as runner:
        answers, seconds = run_samples(runner, spec, Reference({"x": x}))
        asked = runner.time({"x": x[:1]}, 4, 4, 0.0)
    spent = time.perf_counter() - started
    assert np.array_equal(np.concatenate(answers["y"]), np.maximum(x, 0))
    assert 0 < min(seconds) < spent / 20
    assert min(seconds) < 5 * statistics.median(asked)  # of each the least that a busy machine left


def test_wrong_shape_is_told_in_words(browser: Browser, tmp_path: Path) -> None:
    model, _ = dense(tmp_path)
    wrong = {"x": np.zeros((1, 4), np.float32)}
    with (
        browser.open_file("tfjs", model, "wasm", SPEC) as runner,
        pytest.raises(ArtifactError, match="4"),
    ):
        runner.predict(wrong)


def test_other_number_of_outputs_is_told_in_words(browser: Browser, tmp_path: Path) -> None:
    model, _ = dense(tmp_path)
    two = (TensorSpec("y", (None, 2), "float32"), TensorSpec("z", (None, 2), "float32"))
    with (
        pytest.raises(ArtifactError, match=r"1 outputs \(y\), the original has 2"),
        browser.open_file("tfjs", model, "wasm", ModelSpec(SPEC.inputs, two)),
    ):
        pass


def test_model_in_a_folder_with_any_name_runs(browser: Browser, tmp_path: Path) -> None:
    source, predict = dense(tmp_path / "plain")
    folder = tmp_path / 'né "3" 猫 #1?'
    shutil.copytree(source.parent, folder)
    with browser.open_file("tfjs", folder / "model.json", "wasm", SPEC) as runner:
        answer = runner.predict(SAMPLE)["y"]
    assert math.isclose(answer[0, 0], predict(SAMPLE["x"])[0, 0], rel_tol=1e-5)
