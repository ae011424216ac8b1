"""Training what pruning left of a model, until it answers as before.

The training step is TensorFlow's own over the model's function of named tensors, so it is one for
both generations of Keras. Norms and dropout stay as they are when a model is asked: a short
training on few samples must not move the statistics that a long one on many has left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core import log
from edge_deploy.core.errors import UsageError
from edge_deploy.core.graph import freeze, output_makers
from edge_deploy.core.lazy import tf
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array, Arrays, LoadedModel, TensorSpec, as_dtype
from edge_deploy.data.reference import Reference
from edge_deploy.optimize.masks import Kernel, Masks, prune_once

_log = log.logger(__name__)

_BATCH = 32
_RATE = 1e-3  # Adam's own default, which falls to nothing along a cosine
_CLIP = 1.0  # of the gradient's norm: the first steps after zeros have been set are wild
_LABELS = 0.1  # of what is trained towards; the rest are the original's own answers
_HELD = 0.2  # of the samples tell which epoch was best; none are held back of fewer than
_FEW = 20
_LOOKS = 50  # times that the masks are looked at while the sparsity rises
_TINY = 1e-7  # as Keras clips probabilities before it takes their logarithm
_BAR = 20

_FROM = {"Softmax": "probabilities", "Sigmoid": "sigmoid"}


@dataclass(frozen=True, eq=False)
class FineTuneData:
    """What to train a pruned model on.

    Attributes:
        data: Samples, with labels or without; without, the original's answers are the aim.
        epochs: How often to go through them.
        seed: Of the order of the samples.
    """

    data: Reference
    epochs: int = 10
    seed: int = 0


@dataclass(frozen=True, eq=False)
class TrainingTarget:
    """What an output is trained towards.

    Attributes:
        loss: ``probabilities``, ``sigmoid``, ``logits`` or ``value``.
        targets: Samples on the first axis, in the form of the output.
        scale: By which errors of values are divided.
    """

    loss: str
    targets: Array
    scale: float = 1.0


def fine_tune(
    model: LoadedModel,
    found: Sequence[Kernel],
    weights: Sequence[Any],
    tuning: FineTuneData,
) -> int:
    """Prune step by step while training, and leave the weights of the best epoch in the model.

    The sparsity rises over the first half of the steps. Of the epochs after that, and of the
    model that is pruned at once and not trained, the one with the least loss on samples that were
    held back is kept.

    Args:
        model: To train; its variables are changed.
        found: Its kernels, with the sparsity of each.
        weights: All its variables that are real numbers.
        tuning: Samples, labels, epochs.

    Returns:
        The epoch that was kept, 0 for none.

    Raises:
        UsageError: The labels fit no output.
    """
    import tf_keras

    rng = np.random.default_rng(tuning.seed)
    aims = find_aims(model, tuning.data)
    trained, held = _divide(tuning.data.count, rng)
    batch = _BATCH if _free(model) else 1
    steps = tuning.epochs * -(-len(trained) // batch)
    ramp = max(1, steps // 2)
    every = max(1, ramp // _LOOKS)
    ramp -= ramp % every  # the last look must fall on the end, or the last part never comes
    start = [weight.numpy() for weight in weights]
    prune_once(found)
    best, kept = _loss(model, aims, tuning.data, held, batch), 0
    values = [weight.numpy() for weight in weights]
    _put(weights, start)

    variables = [weight for weight in weights if weight.trainable]
    rate = tf_keras.optimizers.schedules.CosineDecay(_RATE, steps)
    optimizer = tf_keras.optimizers.Adam(rate, global_clipnorm=_CLIP)
    optimizer.build(variables)
    masks = Masks(found, (ramp, every))

    def once(feed: Mapping[str, Any], targets: Mapping[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            loss = _total(aims, model.function(feed), targets)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(
            (gradient, variable)
            for gradient, variable in zip(gradients, variables, strict=True)
            if gradient is not None
        )
        return loss

    train = tf.function(once, reduce_retracing=True)
    step = 0
    masks.update(step)
    for epoch in range(1, tuning.epochs + 1):
        order = rng.permutation(trained)
        for at in range(0, len(order), batch):
            train(*_batch(model, aims, tuning.data, order[at : at + batch]))
            step += 1
            masks.update(step)
            if step % max(1, steps // 200) == 0:
                filled = round(_BAR * step / steps)
                bar = "█" * filled + "░" * (_BAR - filled)
                _log.info(
                    "fine-tuning %s epoch %d of %d, loss %.3g", bar, epoch, tuning.epochs, best
                )
        if step >= ramp and (loss := _loss(model, aims, tuning.data, held, batch)) < best:
            best, kept, values = loss, epoch, [weight.numpy() for weight in weights]
    _put(weights, values)
    return kept


def find_aims(model: LoadedModel, data: Reference) -> dict[str, TrainingTarget]:
    """What each output is trained towards: the original's own answers, and a little the labels.

    The answers keep it the same model, the labels keep it good. "The best results were generally
    obtained by using a considerably lower weight" for the labels (Hinton et al., 2015,
    "Distilling the knowledge in a neural network", section 2). Labels belong to the first output
    that they can belong to; the others, or all without labels, are trained towards the answers
    alone. The loss is the cross-entropy where the model ends in a softmax or a sigmoid, or where
    class indices are given for an output of several columns (then they are logits), else the
    squared error by the answers' variance.

    Args:
        model: The model, not yet pruned.
        data: Samples, perhaps with labels.

    Raises:
        UsageError: The labels fit no output.
    """
    makers = output_makers(freeze(model.function, model.spec.inputs))
    answers = model.predict(data.inputs)
    labels, aims = data.labels, {}
    for spec in model.spec.outputs:
        if not spec.dtype.startswith("float"):
            continue
        answer = answers[spec.name].astype(np.float32)
        loss = _FROM.get(makers[spec.name], "value")
        indices = None if labels is None else _indices(labels, answer)
        if loss == "value" and indices is not None and answer.shape[-1] > 1:
            loss = "logits"
        if loss == "logits":
            shifted = np.exp(answer - answer.max(axis=-1, keepdims=True))
            answer = shifted / shifted.sum(axis=-1, keepdims=True)
        given = None if labels is None else _given(labels, indices, answer, loss)
        scale = float(np.var(answer)) or 1.0
        if given is not None:
            labels, answer = None, (1 - _LABELS) * answer + _LABELS * given
        aims[spec.name] = TrainingTarget(loss, answer, scale if loss == "value" else 1.0)
    if labels is not None:
        raise UsageError(
            f"{option('prune_data')}: its labels (such as {labels[0]!r}) fit no output of the "
            "model: "
            + ", ".join(f"{s.name} {list(s.shape)}" for s in model.spec.outputs)
            + f". A label is the index of a class, the name of one (with {option('labels')}), or a "
            "value.",
            option="prune_data",
        )
    return aims


def _indices(labels: Array, answer: Array) -> Array | None:
    """The labels as class indices of an output, if they are whole numbers that it has."""
    if (labels.ndim > 1 and labels.shape[1:] != (1,)) or labels.dtype.kind not in "iufb":
        return None
    if answer.ndim != 2 or len(labels) != len(answer):
        return None
    flat = labels.reshape(-1)
    whole: Array = flat.astype(np.int64)
    classes = max(2, answer.shape[1])
    if not np.array_equal(whole, flat) or whole.min() < 0 or whole.max() >= classes:
        return None
    return whole


def _given(labels: Array, indices: Array | None, answer: Array, loss: str) -> Array | None:
    """The labels in the form of an output; None where they cannot be its."""
    if labels.dtype.kind not in "iufb":
        return None
    if labels.shape == answer.shape and answer.shape[-1] > 1:
        return labels.astype(np.float32)
    if loss in ("probabilities", "logits"):
        return None if indices is None else np.eye(answer.shape[1], dtype=np.float32)[indices]
    if loss == "sigmoid" and indices is None:
        return None
    if len(labels) == len(answer) and answer[0].size == labels[0].size == 1:
        return labels.reshape(answer.shape).astype(np.float32)
    return None


def _total(
    aims: Mapping[str, TrainingTarget], answers: Mapping[str, Any], targets: Mapping[str, Any]
) -> Any:
    """The sum of the outputs' losses, each a mean over the samples."""
    total = tf.constant(0.0)
    for name, aim in aims.items():
        answer, target = tf.cast(answers[name], tf.float32), targets[name]
        if aim.loss == "logits":
            error = tf.nn.softmax_cross_entropy_with_logits(target, answer)
        elif aim.loss == "value":
            error = tf.square(answer - target) / aim.scale
        else:
            answer = tf.clip_by_value(answer, _TINY, 1 - _TINY)
            error = -target * tf.math.log(answer)
            if aim.loss == "sigmoid":
                error -= (1 - target) * tf.math.log(1 - answer)
            else:
                error = tf.reduce_sum(error, axis=-1)
        total += tf.reduce_mean(error)
    return total


def _loss(
    model: LoadedModel,
    aims: Mapping[str, TrainingTarget],
    data: Reference,
    chosen: Array,
    batch: int,
) -> float:
    """The mean loss on some samples; infinite where it is not a number."""
    total = 0.0
    for at in range(0, len(chosen), batch):
        part = chosen[at : at + batch]
        feed, targets = _batch(model, aims, data, part)
        total += float(_total(aims, model.function(feed), targets)) * len(part)
    mean = total / len(chosen)
    return mean if np.isfinite(mean) else float("inf")


def _batch(
    model: LoadedModel, aims: Mapping[str, TrainingTarget], data: Reference, chosen: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    def form(values: Array, spec: TensorSpec) -> Array:
        return values[chosen] if spec.batched else values[chosen[0]]

    feed: Arrays = {
        spec.name: as_dtype(form(data.inputs[spec.name], spec), spec.dtype)
        for spec in model.spec.inputs
    }
    targets: Arrays = {
        spec.name: form(aims[spec.name].targets, spec)
        for spec in model.spec.outputs
        if spec.name in aims
    }
    return (
        {name: tf.constant(value) for name, value in feed.items()},
        {name: tf.constant(value) for name, value in targets.items()},
    )


def _free(model: LoadedModel) -> bool:
    ends = (*model.spec.inputs, *model.spec.outputs)
    return all(spec.shape and spec.shape[0] is None for spec in ends)


def _divide(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Samples to train on, and samples that tell which epoch was best."""
    order = rng.permutation(count)
    if count < _FEW:
        return order, order
    kept = round(count * _HELD)
    return order[kept:], order[:kept]


def _put(weights: Sequence[Any], values: Sequence[Array]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
