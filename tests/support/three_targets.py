"""One model in its three targets against the original, on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from edge_deploy.core.spec import Arrays, LoadedModel, LoadOptions, ModelSpec
from edge_deploy.core.stdio import set_environment
from edge_deploy.formats.registry import FORMATS, RUNTIMES
from edge_deploy.frontends.sklearn.loader import load
from edge_deploy.web.browser import Browser
from tests.support.reduced import open_reduced

set_environment()
META = {"name": "model", "version": "1", "classes": {}, "preprocessing": None}


def read(model: Any) -> LoadedModel:
    joblib.dump(model, "model.joblib")
    return load(Path("model.joblib"), LoadOptions())


def close(model: LoadedModel, got: Mapping[str, np.ndarray], want: Any, allowed: float) -> None:
    """Classes are equal, and numbers within ``allowed`` of their scale."""
    for spec in model.spec.outputs:
        if spec.kind == "class":
            np.testing.assert_array_equal(got[spec.name], want[spec.name])
        else:
            scale = max(np.abs(want[spec.name]).max(), 1e-6)
            np.testing.assert_allclose(
                got[spec.name], want[spec.name], rtol=0, atol=allowed * scale
            )


def in_tflite(model: LoadedModel, x: np.ndarray) -> Arrays:
    """Row by row, without operators that an app would have to link."""
    FORMATS["tflite"].export(model, Path("model.tflite"), META)
    with RUNTIMES["litert"].open(Path("model.tflite")) as runner:
        rows = [runner.predict({"features": x[n : n + 1]}) for n in range(len(x))]
    ops = FORMATS["tflite"].describe(Path("model.tflite")).ops
    assert ops is not None and not [op for op in ops if op.startswith("Flex")]
    return {
        spec.name: np.concatenate([row[spec.name] for row in rows]) for spec in model.spec.outputs
    }


def in_onnx(model: LoadedModel, x: np.ndarray) -> Arrays:
    FORMATS["onnx"].export(model, Path("model.onnx"), META)
    with RUNTIMES["ort"].open(Path("model.onnx")) as runner:
        return dict(runner.predict({"features": x}))


def in_tfjs(model: LoadedModel, x: np.ndarray, browser: Browser) -> Arrays:
    """On the kernels that a site ships for this model."""
    Path("tfjs").mkdir()
    FORMATS["tfjs"].export(model, Path("tfjs/model.json"), META)
    with open_reduced(browser, Path("tfjs/model.json"), "wasm", model.spec) as page:
        return dict(page.predict({"features": x}))


IN_PAGE = 1e-4  # TF.js' exp and tanh are approximations
TARGETS = {"tflite": 2e-5, "onnx": 2e-5, "tfjs": IN_PAGE}
"""What is allowed in each."""


def joined(models: Mapping[str, LoadedModel]) -> LoadedModel:
    """Models of the same table as one: its outputs have the names of model and output."""
    first = next(iter(models.values()))

    def both(answers: Callable[[LoadedModel], Mapping[str, Any]]) -> dict[str, Any]:
        return {
            f"{name}_{output}": values
            for name, model in models.items()
            for output, values in answers(model).items()
        }

    outputs = tuple(
        replace(spec, name=f"{name}_{spec.name}")
        for name, model in models.items()
        for spec in model.spec.outputs
    )
    return replace(
        first,
        spec=ModelSpec(first.spec.inputs, outputs),
        predict=lambda arrays: both(lambda model: model.predict(arrays)),
        function=lambda tensors: both(lambda model: model.function(tensors)),
        trackables=tuple(models.values()),
        features=None,
    )


def together(
    models: Mapping[str, LoadedModel], x: np.ndarray, browser: Browser
) -> dict[str, dict[str, Arrays]]:
    """What each of several models answers in each target, where one file holds them all."""
    whole = joined(models)
    found = {
        "tflite": in_tflite(whole, x),
        "onnx": in_onnx(whole, x),
        "tfjs": in_tfjs(whole, x, browser),
    }
    return {
        name: {
            target: {spec.name: values[f"{name}_{spec.name}"] for spec in model.spec.outputs}
            for target, values in found.items()
        }
        for name, model in models.items()
    }


def same_in_three_targets(
    model: LoadedModel,
    x: np.ndarray,
    browser: Browser,
    allowed: float = 2e-5,
    in_page: float = IN_PAGE,
) -> None:
    want = model.predict({"features": x})
    close(model, in_tflite(model, x), want, allowed)
    close(model, in_onnx(model, x), want, allowed)
    close(model, in_tfjs(model, x, browser), want, in_page)
