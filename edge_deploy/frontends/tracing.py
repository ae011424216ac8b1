"""What the two TensorFlow sources share: asking a function of tensors with arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_deploy.core.errors import SourceError, wrong_option
from edge_deploy.core.graph import trace
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Array, Arrays, Function, TensorSpec, as_dtype

_MOST = 32
_BYTES = 4_000_000  # of inputs at a time: what layers make of them is a hundred times as much


def predictor(
    function: Function, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> Callable[[Arrays], Arrays]:
    """The original's own answers, by running it as its framework's ``predict`` does: traced.

    Called layer by layer, a Keras model keeps what every layer gave until it is done.

    Samples go in batches of at most 32 where every input and output has a free batch axis, fewer
    where they are large, else one by one, in the form that reference.npz has.
    """
    free = all(spec.shape and spec.shape[0] is None for spec in (*inputs, *outputs))

    def predict(arrays: Arrays) -> Arrays:
        import tensorflow as tf

        count = len(next(iter(arrays.values())))
        size = sum(array.nbytes for array in arrays.values()) // max(count, 1)
        step = max(1, min(_MOST, _BYTES // max(size, 1))) if free else 1
        traced = trace(function, inputs)
        parts: dict[str, list[Array]] = {spec.name: [] for spec in outputs}
        for start in range(0, count, step):
            feed = []
            for spec in inputs:
                part = arrays[spec.name][start : start + step]
                part = part if spec.batched else part[0]
                dtype = "object" if spec.dtype == "string" else spec.dtype
                feed.append(tf.constant(as_dtype(part, dtype), spec.dtype))
            try:
                answer = dict(zip(traced.outputs, traced.concrete(*feed), strict=True))
            except Exception as error:
                # Whatever TensorFlow or an author's layer raises, the model cannot answer.
                raise SourceError(
                    f"The original model cannot answer sample {start}: {first_line(error)}."
                ) from error
            for spec in outputs:
                value = answer[spec.name].numpy()
                if spec.batched and not value.ndim:
                    raise SourceError(
                        f"The original model answers {spec.name} with one number for all samples "
                        "together, as a loss or a mean is: not what an app can show. Save it "
                        "without that output."
                    )
                parts[spec.name].append(value if spec.batched else value[np.newaxis])
        return {name: np.concatenate(values) for name, values in parts.items()}

    return predict


def input_kind(shape: tuple[int | None, ...], dtype: str) -> str:
    """What an input most likely holds, from its shape: a guess that side files may correct."""
    if len(shape) == 4 and shape[-1] in (1, 3):
        return "image"
    if len(shape) == 3 or (len(shape) == 2 and dtype.startswith("int")):
        return "sequence"
    return "table" if len(shape) == 2 and shape[-1] is not None else "tensor"


def apply_shapes(
    inputs: tuple[TensorSpec, ...], asked: tuple[tuple[str, tuple[int | None, ...]], ...]
) -> tuple[TensorSpec, ...]:
    """The inputs with the axes of ``input_shapes`` put in.

    Raises:
        UsageError: A name or a fixed axis does not fit.
    """
    from dataclasses import replace

    wanted = dict(asked)
    if unknown := sorted(set(wanted) - {spec.name for spec in inputs}):
        names = ", ".join(spec.name for spec in inputs)
        raise wrong_option(
            "input_shapes",
            unknown[0],
            f"no such input; the inputs are {names}.",
            shown={unknown[0]: ...},
        )
    result = []
    for spec in inputs:
        shape = wanted.get(spec.name, spec.shape)
        fits = len(shape) == len(spec.shape) and all(
            own in (None, new) for own, new in zip(spec.shape, shape, strict=True)
        )
        if not fits:
            raise wrong_option(
                "input_shapes",
                shape,
                f"does not fit the model's {spec.shape} (only free axes, shown as None, can be "
                "set).",
                shown={spec.name: shape},
            )
        result.append(replace(spec, shape=shape, kind=input_kind(shape, spec.dtype)))
    return tuple(result)
