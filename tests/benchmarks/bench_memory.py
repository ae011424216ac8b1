"""Time and peak memory of converting large models to three formats, beside the peers one by one.

A ResNet50 (95 MB), and chains of dense layers of 100 and 500 MB. Goal: on the ResNet50 at most
2.5 GB and 0.35 times the time of tensorflowjs_converter, TFLiteConverter and tf2onnx together;
on each at most 1.1 times the memory of the first two. edge-deploy also compares every file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.measure import QUIET, Cost, edge_deploy, measure, show

BUILD = {
    "ResNet50 (95 MB)": """
from tests.support.architectures import real_model
real_model("ResNet50").save("model.keras")
""",
    **{
        f"dense layers ({size} MB)": f"""
import keras
x = end = keras.Input((1024,), name="x")
for n in range({size} // 4):
    end = keras.layers.Dense(1024, activation="tanh", kernel_initializer="lecun_normal")(end)
keras.Model(x, keras.layers.Dense(8)(end)).save("model.keras")
"""
        for size in (100, 500)
    },
}
LOAD = 'import tensorflow as tf, keras; model = keras.models.load_model("model.keras")\n'
PEERS = {
    "TFLiteConverter script": LOAD
    + """
data = tf.lite.TFLiteConverter.from_keras_model(model).convert()
open("peer.tflite", "wb").write(data)
""",
    # It reads no file of Keras 3: a user exports a SavedModel first.
    "tensorflowjs_converter": LOAD
    + """
model.export("saved")
import sys
from tensorflowjs.converters.converter import pip_main
sys.argv[1:] = ["--input_format=tf_saved_model", "--output_format=tfjs_graph_model", "saved", "web"]
pip_main()
""",
    "tf2onnx script": LOAD
    + """
import tf2onnx
spec = (tf.TensorSpec(model.inputs[0].shape, tf.float32, name="x"),)
function = tf.function(lambda x: model(x, training=False))
tf2onnx.convert.from_function(function, spec, opset=17, output_path="peer.onnx")
""",
}


def main() -> None:
    root = str(Path(__file__).parents[2])
    for name, source in BUILD.items():
        with tempfile.TemporaryDirectory() as folder:
            path = f"import sys; sys.path.insert(0, {root!r})\n"
            measure([sys.executable, "-c", path + source], 1, folder)
            ours = edge_deploy("convert", "model.keras", "--json", "--timeout", "3600")
            rows = [("edge-deploy convert (three formats, compared)", measure(ours, 1, folder))]
            for peer, script in PEERS.items():
                try:
                    rows.append((peer, measure([sys.executable, "-c", script], 1, folder)))
                except RuntimeError as error:  # tf2onnx wants more memory than there is for 500 MB
                    print(f"{peer} did not end: {str(error).splitlines()[0][-60:]}")
        print(name)
        show(rows)
        _ratios(dict(rows), rows[0][1])


def _ratios(costs: dict[str, Cost], ours: Cost) -> None:
    peers = sum(costs[peer].cpu for peer in PEERS if peer in costs)
    most = max(costs[peer].megabytes for peer in list(PEERS)[:2])
    print(f"{'processor seconds / sum of the peers':<58} {ours.cpu / peers:8.2f}")
    print(f"{'memory / largest of the first two peers':<58} {ours.megabytes / most:8.2f}")


assert QUIET
if __name__ == "__main__":
    main()
