"""A 100-tree forest on 64 columns in every runtime, beside scikit-learn and skl2onnx.

Goals: one row in TFLite at most 0.05 times scikit-learn's predict_proba of one row; at most 24
bytes a node; converting to all three targets at most 15 s, TensorFlow's import included.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import edge_deploy, measure

ROWS = 1000


def forest() -> tuple[Any, Any]:
    """The fitted forest, and rows to ask it about."""
    import numpy as np
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier

    x, y = make_classification(4000, 64, n_informative=20, flip_y=0.05, random_state=0)
    x = x.astype(np.float32)
    return RandomForestClassifier(100, random_state=0).fit(x, y), x[:ROWS]


def milliseconds(ask: Callable[[], Any], runs: int) -> float:
    """The median time of a call, after one to warm up."""
    ask()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def skl2onnx_file(model: Any, path: Path) -> None:
    """The peer: what skl2onnx makes of the model."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    proto = convert_sklearn(
        model,
        initial_types=[("features", FloatTensorType([None, 64]))],
        options={id(model): {"zipmap": False}},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    path.write_bytes(proto.SerializeToString())


def in_onnx(path: Path) -> Callable[[Any], Any]:
    """Ask a file in ONNX Runtime with one thread, as edge-deploy's own runner does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})


def in_tflite(path: Path) -> Callable[[Any], Any]:
    """Ask a .tflite file, which takes one row at a time, with one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.allocate_tensors()

    def ask(x: Any) -> None:
        interpreter.set_tensor(entry, x)
        interpreter.invoke()

    return ask


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    import joblib

    from edge_deploy.artifact.artifact import open_artifact
    from edge_deploy.core.spec import ModelSpec, TensorSpec
    from edge_deploy.web.browser import open_browser

    model, x = forest()
    nodes = sum(one.tree_.node_count for one in model.estimators_)
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(model, f"{folder}/forest.joblib")
        cost = measure(edge_deploy("convert", "forest.joblib", "-q", "--samples", "0"), 1, folder)
        floor = measure([sys.executable, "-c", "import tensorflow"], 1, folder)
        home = open_artifact(Path(folder, "artifacts/forest/1")).folder
        tflite = next(home.glob("tflite/*.tflite"))
        onnx, tfjs = next(home.glob("onnx/*.onnx")), home / "tfjs/float32/model.json"
        peer = Path(folder, "peer.onnx")
        skl2onnx_file(model, peer)
        one = x[:1]
        rows = {
            "scikit-learn": (model.predict_proba, model.predict_proba, None),
            "TFLite": (in_tflite(tflite), None, tflite.stat().st_size),
            "ONNX Runtime": (in_onnx(onnx), in_onnx(onnx), onnx.stat().st_size),
            "skl2onnx in ONNX Runtime": (in_onnx(peer), in_onnx(peer), peer.stat().st_size),
        }
        print(
            f"{nodes} nodes{'':<20} {'one row, ms':>12} {f'{ROWS} rows, ms':>14} {'bytes/node':>11}"
        )
        times = {}
        for name, (single, batch, size) in rows.items():
            times[name] = milliseconds(lambda ask=single: ask(one), 30)
            if batch is None:
                many = milliseconds(lambda ask=single: [ask(row[None]) for row in x], 3)
            else:
                many = milliseconds(lambda ask=batch: ask(x), 5)
            share = "" if size is None else f"{size / nodes:11.1f}"
            print(f"{name:<31} {times[name]:12.3f} {many:14.1f} {share}")
        size = sum(file.stat().st_size for file in tfjs.parent.iterdir())
        spec = ModelSpec(
            (TensorSpec("features", (None, 64), "float32", "table"),),
            (
                TensorSpec("class", (None,), "int32"),
                TensorSpec("probabilities", (None, 2), "float32"),
            ),
        )
        with open_browser() as browser, browser.open_file("tfjs", tfjs, "wasm", spec) as page:
            single = milliseconds(lambda: page.predict({"features": one}), 10)
            many = milliseconds(lambda: page.predict({"features": x}), 3)
        print(
            f"{'TF.js wasm, and the way there':<31} {single:12.3f} {many:14.1f}",
            f"{size / nodes:11.1f}",
        )
        ratio = times["TFLite"] / times["scikit-learn"]
        print(f"TFLite / scikit-learn, one row: {ratio:.4f} (goal 0.05)")
        print(
            f"convert to three targets: {cost.seconds:.1f} s, {cost.cpu:.1f} s of the processor, "
            f"{cost.megabytes:.0f} MB (goal 15 s); of these, to import TensorFlow: "
            f"{floor.seconds:.1f} s, {floor.cpu:.1f} s of the processor"
        )


if __name__ == "__main__":
    main()
