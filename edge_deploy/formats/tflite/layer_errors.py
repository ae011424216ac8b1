"""Which layers of a compressed file are off, from the tensors between them; no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, Arrays, ModelSpec
from edge_deploy.core.stdio import quiet
from edge_deploy.data.reference import Reference, sample
from edge_deploy.formats.layers import Layer, LayerError
from edge_deploy.formats.tflite.runner import LiteRTRunner

_NAMED = 3  # layers that advice names


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
    share = {p: float(np.sqrt(noise[p] / signal[p])) for p in wanted if signal[p] > 0}
    return tuple(
        LayerError(
            layer.name,
            max((share[p] for p in layer.takes if p in share), default=0.0),
            share[layer.path],
        )
        for layer in layers
        if layer.path in share
    )


def worst(errors: Sequence[LayerError]) -> list[LayerError]:
    """By what each adds to the error of what it takes, the largest first."""
    return sorted(errors, key=lambda error: error.before - error.after)


def advise(precision: str, errors: Sequence[LayerError], weighted: Sequence[str]) -> str | None:
    """The layers that break a file, in words; None where none stands out.

    Args:
        precision: Of the file.
        errors: As measured.
        weighted: Names of the layers that hold weights: keeping others in float gains nothing.
    """
    found = [e for e in worst(errors) if e.after > max(e.before, 0.01) and e.name in weighted]
    if not found:
        return None
    chosen = found[:_NAMED]
    said = ", ".join(
        f"{e.name} (its result is off by {e.after:.0%}, what it takes by {e.before:.0%})"
        for e in chosen
    )
    names = ",".join(e.name for e in chosen)
    return (
        f"{precision} loses most in {said}. Keep them in float with --keep-float {names}, or let "
        "--keep-float auto find the fewest."
    )


@contextmanager
def _keeping(path: Path) -> Iterator[Any]:
    """A function from a sample to the results of layers: an interpreter that keeps all tensors.

    XNNPACK, the default delegate, keeps nothing: without it the plain kernels run.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with quiet():
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
        with quiet():
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
