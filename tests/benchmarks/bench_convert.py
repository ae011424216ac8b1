"""Converting a Teachable Machine .h5 to three targets, beside the three peers one by one.

Goal: at most 0.4 times the sum of tensorflowjs_converter, a plain TFLiteConverter script and
tf2onnx, in the same run. edge-deploy also compares every file it writes; the peers do not, so
the comparing is in our time. The peers get a SavedModel where they cannot read the file. The same
model again, whose files are in the cache: at most 1 s.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from measure import edge_deploy, measure, show

from tests.support.models import teachable_machine_h5

TFLITE = """
import tensorflow as tf, tf_keras
model = tf_keras.models.load_model("keras_model.h5", compile=False)
open("peer.tflite", "wb").write(tf.lite.TFLiteConverter.from_keras_model(model).convert())
"""
ONNX = """
import tensorflow as tf, tf_keras, tf2onnx
model = tf_keras.models.load_model("keras_model.h5", compile=False)
spec = (tf.TensorSpec((None, 224, 224, 3), tf.float32, name="x"),)
function = tf.function(lambda x: model(x, training=False))
tf2onnx.convert.from_function(function, spec, opset=17, output_path="peer.onnx")
"""
TFJS = [
    sys.executable,
    "-c",
    "from tensorflowjs.converters.converter import pip_main; pip_main()",
    "--input_format=keras",
    "--output_format=tfjs_graph_model",
    "keras_model.h5",
    "peer_tfjs",
]
RUNS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        teachable_machine_h5(Path(folder))
        ours = edge_deploy("convert", "keras_model.h5", "--overwrite", "-q")
        rows = [
            ("edge-deploy convert (three targets, each compared)", measure(ours, RUNS, folder)),
            ("tensorflowjs_converter", measure(TFJS, RUNS, folder)),
            ("TFLiteConverter script", measure([sys.executable, "-c", TFLITE], RUNS, folder)),
            ("tf2onnx script", measure([sys.executable, "-c", ONNX], RUNS, folder)),
        ]
        show(rows)
        peers = sum(cost.seconds for _, cost in rows[1:])
        print(f"{'edge-deploy / sum of the peers':<58} {rows[0][1].seconds / peers:8.2f}")
        measure(ours, 1, folder, cache="cache")
        again = measure(ours, RUNS, folder, cache="cache")
        show([("edge-deploy convert, the same model again", again)])


if __name__ == "__main__":
    main()
