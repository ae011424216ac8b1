"""Steps before a model of sequences: a scaler of the channels, applied at every step in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.spec import Array, Arrays, Function, LoadedModel, ModelStep, TensorSpec
from edge_deploy.frontends.project.front import asked, lowerable
from edge_deploy.frontends.project.inverses import places, width_of
from edge_deploy.frontends.project.parts import Part, is_left_out, left_out
from edge_deploy.frontends.project.series import channels_of, scaled_series
from edge_deploy.frontends.sklearn import loader as sklearn
from edge_deploy.frontends.sklearn.compat.fitted import typical
from edge_deploy.frontends.sklearn.converters.registry import apply, lower_steps

_ONE_COLUMN = 1


def is_window(spec: TensorSpec, before: Sequence[Part]) -> bool:
    """Whether steps before a model scale the channels of a window, and not columns of a row.

    Args:
        spec: The model's input.
        before: What stands before it.
    """
    if any(part.kind != "transformer" for part in before):
        return False
    widths = {width_of(part) if part.chosen is None else len(part.chosen) for part in before}
    if len(widths) != 1:
        return False
    (width,) = widths
    if len(spec.shape) == 3:
        _, steps, channels = spec.shape
        if steps == 1 and width == _ONE_COLUMN:
            return True  # (1, 60): the steps lie along the other axis
        if steps == 1:
            return False
        return channels == width or width != steps
    alone = len(spec.shape) == 2 and spec.shape[1] not in (None, 1)
    return alone and width == _ONE_COLUMN


def scaled_window(before: Sequence[Part], base: LoadedModel, model: Part) -> LoadedModel:
    """A model of sequences that takes them in real units."""
    (spec,) = base.spec.inputs
    channels = channels_of(spec, width_of(before[0]))
    steps: list[ModelStep] = []
    functions, originals = [], []
    for part in before:
        chosen = places(part, channels, f"a step of {model.name}")
        functions.append(_lowered(part, chosen))
        originals.append(_original(part, chosen))
        steps.append(_step(part, spec.name, channels, tuple(functions), tuple(originals)))

    def scale(x: Any) -> Any:
        import tensorflow as tf

        flat = tf.reshape(x, [-1, channels])
        for function in functions:
            flat = function(flat)
        # Neither the shape as a tensor nor EnsureShape where it is known: TF.js fails on both.
        if all(axis is not None for axis in x.shape[1:]):
            return tf.reshape(flat, [-1, *x.shape[1:]])
        flat = tf.reshape(flat, tf.shape(x))
        flat.set_shape(x.shape)
        return flat

    def wrapped(function: Function) -> Function:
        def answer(tensors: Any) -> Any:
            return function({spec.name: scale(tensors[spec.name])})

        return answer

    def original(arrays: Arrays) -> Arrays:
        x = arrays[spec.name]
        flat = shortest_decimals(x.reshape(-1, channels))
        for one in originals:
            flat = one(flat)
        return base.predict({spec.name: flat.reshape(x.shape).astype(np.float32)})

    first = before[0]
    at = list(places(first, channels, spec.name))
    known = typical(first.value, width_of(first))
    if known is not None:
        known = known[0][at], known[1][at]
    return replace(
        base,
        predict=original,
        function=wrapped(base.function),
        plain=None if base.plain is None else wrapped(base.plain),
        trackables=(*base.trackables, *(part.value for part in before)),
        typical=known,
        series=scaled_series(before, at),
        steps=tuple(steps),
    )


def _lowered(part: Part, chosen: tuple[int, ...]) -> Any:
    """transform of the channels as a function of (steps, channels)."""
    own = width_of(part)
    with sklearn.guarded(part.path):
        staged = lower_steps([lowerable(part)])
        after = apply(staged.after)
    if chosen == tuple(range(own)):
        return lambda x: after(staged.transform(x))

    def transform(x: Any) -> Any:
        import tensorflow as tf

        columns = [x[:, chosen.index(n) : chosen.index(n) + 1] if n in chosen
                   else tf.zeros_like(x[:, :1]) for n in range(own)]  # fmt: skip
        return tf.gather(after(staged.transform(tf.concat(columns, axis=1))), list(chosen), axis=1)

    return transform


def _original(part: Part, chosen: tuple[int, ...]) -> Any:
    own = width_of(part)

    def transform(flat: Array) -> Array:
        if is_left_out(part):
            return flat
        given = np.zeros((len(flat), own))
        given[:, list(chosen)] = flat
        return np.asarray(asked(part, given), np.float64)[:, list(chosen)]

    return transform


def _step(
    part: Part, name: str, channels: int, functions: Sequence[Any], originals: Sequence[Any]
) -> ModelStep:
    def original(arrays: Arrays, rows: Sequence[Mapping[str, Any]]) -> Array:
        flat = shortest_decimals(arrays[name].reshape(-1, channels))
        for one in originals:
            flat = one(flat)
        return flat

    def lowered(arrays: Arrays) -> Array:
        import tensorflow as tf

        flat = tf.constant(arrays[name].reshape(-1, channels).astype(np.float32))
        for one in functions:
            flat = one(flat)
        return np.asarray(flat)

    return ModelStep(
        part.path,
        part.kind,
        part.does,
        part.columns or (),
        part.key,
        original,
        lowered,
        partial(left_out, part),
    )
