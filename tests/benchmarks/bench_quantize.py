"""Quantizing a Teachable-Machine-sized model: time beside TFLiteConverter, sizes, latency.

Goals: from the float32 .tflite to all its other precisions in at most 0.15 times the time that
TFLiteConverter takes for those of them that it has, from the SavedModel, on the same samples;
sizes relative to float32, metadata included, as in GOALS; int8's latency is shown beside float32's.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from edge_deploy.core.spec import LoadedModel
from edge_deploy.data import calibration
from edge_deploy.data.calibration import Samples
from edge_deploy.data.reference import Reference
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.registry import FORMATS, RUNTIMES
from edge_deploy.frontends.load import load_model
from edge_deploy.optimize.pruning import pruned
from tests.support.models import teachable_machine_h5

SAMPLES = 100
GOALS = {"float16": 0.53, "dynamic": 0.33, "int8": 0.37, "int4": 0.24}
PRUNED_GOAL = 0.13
METADATA = {
    "name": "teachable", "version": "1", "source_sha256": "0" * 64,
    "classes": {"probabilities": ["cat", "dog"]}, "preprocessing": None,
}  # fmt: skip


def pictures(count: int, size: int) -> np.ndarray:
    """Smooth colours between -1 and 1: more like pictures than noise is."""
    from PIL import Image

    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (count, 7, 7, 3), np.uint8)
    large = [Image.fromarray(r).resize((size, size), Image.Resampling.BICUBIC) for r in rough]
    return np.stack([np.asarray(p, np.float32) / 127.5 - 1 for p in large])


def by_tensorflow(folder: str, precision: str, samples: np.ndarray) -> bytes:
    """TFLiteConverter's own file, from the SavedModel."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "int16x8"):
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
        sets = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            sets.TFLITE_BUILTINS_INT8
            if precision == "int8"
            else sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    return bytes(converter.convert())


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def float_file(model: LoadedModel, path: Path) -> bytes:
    FORMATS["tflite"].export(model, path, METADATA)
    return path.read_bytes()


def quantized(source: Path, precision: str, samples: Samples) -> bytes:
    path = source.with_name(f"{precision}.tflite")
    FORMATS["tflite"].quantize(source, path, Quantization(precision, samples))
    return path.read_bytes()


def latency(path: Path, sample: np.ndarray, name: str) -> float:
    """Median milliseconds of an answer in LiteRT, one thread."""
    with RUNTIMES["litert"].open(path) as opened:
        times = [seconds(lambda: opened.predict({name: sample}))[0] for _ in range(60)]
    return statistics.median(times[10:]) * 1e3


def main() -> None:
    import brotli
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = load_model(teachable_machine_h5(place))
        (end,) = model.spec.inputs
        data = pictures(SAMPLES, 224)
        samples = calibration.from_reference(Reference({end.name: data}), model.spec, "pictures")
        source = place / "source.tflite"
        small = float_file(model, source)
        tf.saved_model.save(model.trackables[0], f"{folder}/saved")

        ours = theirs = 0.0
        files = {"float32": small}
        print(f"{'precision':<10} {'ours':>9} {'TFLiteConverter':>17}")
        for precision in ("float16", "dynamic", "int8", "int16x8", "int4"):
            took, files[precision] = seconds(
                lambda kind=precision: quantized(source, kind, samples)
            )
            ours += took
            other = "does not have it"
            if precision != "int4":
                peer, _ = seconds(
                    lambda kind=precision: by_tensorflow(f"{folder}/saved", kind, data)
                )
                theirs += peer
                other = f"{peer:.2f} s"
            print(f"{precision:<10} {took:>7.2f} s {other:>17}")
        print(f"all, ours / TFLiteConverter: {ours / theirs:.3f}, goal <= 0.15")

        for precision, goal in GOALS.items():
            share = len(files[precision]) / len(small)
            print(f"size {precision} / float32: {share:.3f}, goal <= {goal}")
        with pruned(model, 0.8) as done:
            float_file(done.model, place / "pruned.tflite")
            sparse = quantized(place / "pruned.tflite", "int8", samples)
        share = len(brotli.compress(sparse, quality=11)) / len(small)
        print(f"size int8, 80 % pruned, brotli / float32: {share:.3f}, goal <= {PRUNED_GOAL}")

        times = {}
        for precision in ("float32", "int8"):
            path = place / f"{precision}_.tflite"
            path.write_bytes(files[precision])
            times[precision] = latency(path, data[:1], end.name)
        print(
            f"latency in LiteRT, one thread: float32 {times['float32']:.2f} ms, int8 "
            f"{times['int8']:.2f} ms, {times['int8'] / times['float32']:.2f} times float32's"
        )


if __name__ == "__main__":
    main()
