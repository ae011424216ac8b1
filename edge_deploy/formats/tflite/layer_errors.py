"""Which layers of a compressed file are off, from the tensors between them; no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, Arrays, ModelSpec
from edge_deploy.core.worker import native
from edge_deploy.data.reference import Reference, sample
from edge_deploy.formats.layers import Layer, LayerError
from edge_deploy.formats.tflite.runner import LiteRTRunner


def measure(
    source: Path, path: Path, layers: Sequence[Layer], spec: ModelSpec, data: Reference
) -> tuple[LayerError, ...]:
    """The error of each layer's result, in the order of the layers.

    The float file and the compressed one answer the same samples; tensors are matched by name,
    and integers are taken for the real numbers that they stand for.

    Args:
        source: The float32 ``.tflite``.
        path: The compressed one.
        layers: Of the float one.
        spec: The model's inputs.
        data: The samples.

    Returns:
        Layers whose result both files have; none where the runtime keeps no tensors.
    """
    try:
        share = _shares(source, path, layers, spec, data)
    except (RuntimeError, ValueError):  # LiteRT's, on a Flex file
        return ()
    return tuple(
        LayerError(
            layer.name,
            max((share[p] for p in layer.takes if p in share), default=0.0),
            share[layer.path],
        )
        for layer in layers
        if layer.path in share
    )


def _shares(
    source: Path, path: Path, layers: Sequence[Layer], spec: ModelSpec, data: Reference
) -> dict[str, float]:
    """By path of a layer, the error of its result as a share of the float file's."""
    wanted = {layer.path: layer.operators[-1] for layer in layers}
    signal = dict.fromkeys(wanted, 0.0)
    noise = dict.fromkeys(wanted, 0.0)
    with _keeping(source) as whole, _keeping(path) as small:
        for index in range(data.count):
            feed = {s.name: sample(data.inputs[s.name], s, index) for s in spec.inputs}
            expected, got = whole(feed, wanted), small(feed, wanted)
            for layer in expected.keys() & got.keys():
                if expected[layer].shape == got[layer].shape:
                    signal[layer] += float(np.sum(expected[layer] ** 2))
                    noise[layer] += float(np.sum((expected[layer] - got[layer]) ** 2))
    return {p: float(np.sqrt(noise[p] / signal[p])) for p in wanted if signal[p] > 0}


@contextmanager
def _keeping(path: Path) -> Iterator[Any]:
    """A function from a sample to the results of layers: an interpreter that keeps all tensors.

    XNNPACK, the default delegate, keeps nothing: without it the plain kernels run.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    native.opens(path)
    interpreter = Interpreter(
        model_content=path.read_bytes(),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    runner = LiteRTRunner(path, interpreter)
    details: dict[str, Any] = {}
    for detail in interpreter.get_tensor_details():
        details.setdefault(detail["name"], detail)

    def ask(feed: Arrays, wanted: Mapping[str, str]) -> Arrays:
        runner.predict(feed)
        found = {}
        for layer, name in wanted.items():
            if name in details:
                found[layer] = _real(interpreter.get_tensor(details[name]["index"]), details[name])
        return found

    yield ask


def _real(values: Array, detail: Mapping[str, Any]) -> Array:
    scale, zero = detail["quantization"]
    real = values.astype(np.float64)
    return (real - zero) * scale if scale and values.dtype.kind in "iu" else real
