"""A bidirectional LSTM over many steps: time to convert, and to answer in the page.

Goals, for 512 steps: converting to TF.js at most 1.5 times what tensorflowjs_converter takes on the
same file, and a TF.js answer on wasm at most 1.5 times one of LiteRT.js. A peer's TF.js file of
such a model runs on no backend. 32 steps are a loop, too, and 16 are written out.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from measure import edge_deploy, measure, show

from edge_deploy import load_model
from edge_deploy.formats.registry import FORMATS
from edge_deploy.web.browser import open_browser
from tests.support.models import randomize, save

PEER = [
    sys.executable,
    "-c",
    "from tensorflowjs.converters.converter import pip_main; pip_main()",
    "--input_format=keras",
    "--output_format=tfjs_graph_model",
]
RUNS, ROUNDS = 3, 5
STEPS = (32, 512)


def bidirectional(folder: Path, steps: int) -> Path:
    import tf_keras

    x = tf_keras.Input((steps, 32), name="x")
    y = tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(64))(x)
    model = tf_keras.Model(x, tf_keras.layers.Dense(4, activation="softmax")(y))
    randomize(model)
    return save(model, folder / f"steps{steps}.h5")


def latencies(path: Path) -> dict[str, float]:
    """Milliseconds of an answer in the page, median of rounds that take turns."""
    model = load_model(path)
    times: dict[str, list[float]] = {}
    (spec,) = model.spec.inputs
    sample = np.random.default_rng(0).normal(size=(1, *spec.shape[1:])).astype(np.float32)
    places = [("tfjs", "wasm"), ("tfjs", "webgl"), ("tflite", "wasm"), ("onnx", "wasm")]
    with open_browser() as browser:
        for _ in range(ROUNDS):
            for target, backend in places:
                file = path.parent / f"{path.stem}-{target}" / "model.json"
                if not file.exists():
                    file.parent.mkdir()
                    FORMATS[target].export(model, file, {"name": path.stem, "version": "1"})
                with browser.open_file(target, file, backend, model.spec) as page:
                    seconds = page.time({spec.name: sample}, 5, 40, 2)[1:]
                times.setdefault(f"{target} {backend}", []).append(min(seconds) * 1e3)
    return {place: statistics.median(own) for place, own in times.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for steps in STEPS:
            path = bidirectional(Path(folder), steps)
            ours = edge_deploy("convert", path.name, "--to", "tfjs", "--overwrite", "-q")
            peer = [*PEER, path.name, f"peer{steps}"]
            rows = [
                (f"edge-deploy convert --to tfjs, compared ({steps} steps)", ours),
                (f"tensorflowjs_converter ({steps} steps)", peer),
            ]
            costs = [(name, measure(command, RUNS, folder)) for name, command in rows]
            show(costs)
            print(
                f"{'edge-deploy / the peer':<58} {costs[0][1].seconds / costs[1][1].seconds:8.2f}"
            )
            found = latencies(path)
            for place, ms in found.items():
                print(f"{f'{place}, ms an answer ({steps} steps)':<58} {ms:8.2f}")
            print(
                f"{'TF.js wasm / LiteRT.js':<58} {found['tfjs wasm'] / found['tflite wasm']:8.2f}"
            )


if __name__ == "__main__":
    main()
