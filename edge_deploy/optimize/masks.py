"""Which weights become zero: the smallest of each kernel, at once or step by step.

The masks are those of TensorFlow Model Optimization's ``Pruning``, which works on plain variables
and so on both generations of Keras; its layer wrappers know Keras 2 only.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Kernel:
    """A weight that can be pruned.

    Attributes:
        name: Of its layer and itself.
        variable: The ``tf.Variable``.
        sparsity: The share of zeros it gets.
    """

    name: str
    variable: Any
    sparsity: float


def prune_once(found: Sequence[Kernel]) -> None:
    """Set the smallest weights of each kernel to zero, to the share each one says."""
    masks = Masks(found)
    masks.update(0)


class Masks:
    """The masks of all kernels, by TensorFlow Model Optimization.

    Args:
        found: The kernels.
        ramp: The steps over which the sparsity rises to what was asked, and how many lie between
            two looks at it; None asks for all at once.
    """

    def __init__(self, found: Sequence[Kernel], ramp: tuple[int, int] | None = None) -> None:
        import tensorflow as tf

        implementation, schedules = _tfmot()
        self._step = tf.Variable(0, dtype=tf.int32, trainable=False)
        self._prunings = []
        for kernel in found:
            schedule: Any
            if ramp is None:
                schedule = schedules.ConstantSparsity(kernel.sparsity, 0, -1, 1)
            else:
                # Half at once, as in TensorFlow's guide to pruning; the rest along a cubic curve
                # (Zhu and Gupta, 2017, "To prune, or not to prune").
                schedule = schedules.PolynomialDecay(
                    kernel.sparsity / 2, kernel.sparsity, 0, ramp[0], frequency=ramp[1]
                )
            weight = kernel.variable
            mask = tf.Variable(tf.ones_like(weight), trainable=False)
            threshold = tf.Variable(tf.zeros((), weight.dtype), trainable=False)
            self._prunings.append(
                implementation.Pruning(
                    lambda: self._step, [(weight, mask, threshold)], schedule, (1, 1), "AVG"
                )
            )

    def update(self, step: int) -> None:
        """Look at the masks where the schedule says so, and set what they hide to zero."""
        self._step.assign(step)
        for pruning in self._prunings:
            pruning.conditional_mask_update()
            pruning.weight_mask_op()


def _tfmot() -> tuple[Any, Any]:
    """TensorFlow Model Optimization's ``pruning_impl`` and ``pruning_schedule``.

    These two are private: what it publishes wraps layers of Keras 2, and refuses those of Keras 3,
    while the masks beneath know only variables. Its import also sets TF_USE_LEGACY_KERAS, with
    which every process that is started later takes Keras 2 for Keras; it is set back.
    """
    before = os.environ.get("TF_USE_LEGACY_KERAS")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from tensorflow_model_optimization.python.core.sparsity.keras import (
                pruning_impl,
                pruning_schedule,
            )
    finally:
        if before is None:
            os.environ.pop("TF_USE_LEGACY_KERAS", None)
        else:
            os.environ["TF_USE_LEGACY_KERAS"] = before
    return pruning_impl, pruning_schedule
