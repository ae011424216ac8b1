"""Classifiers that answer several questions at once: a class, and its shares, of each target.

The outputs of target ``n`` are called ``class_n`` and ``probabilities_n`` (or ``scores_n``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.registry import (
    DECISION,
    Affine,
    Predict,
    Transform,
    apply,
    lower,
    lower_whole,
    predictor,
    real,
)


def several_marks(decide: Transform, limit: float, shares: Transform | None) -> Predict:
    """Many labels, each of which is there or not.

    Args:
        decide: (samples, labels): what is compared with the limit.
        limit: A label is there above it.
        shares: (samples, labels): the probability of each; None where there is none.
    """

    def predict(x: Any) -> dict[str, Any]:
        d, answer = decide(x), {}
        p = None if shares is None else shares(x)
        for n in range(d.shape[1]):
            answer[f"class_{n}"] = tf.cast(d[:, n] > real()(limit), tf.int32)
            if p is None:
                answer[f"scores_{n}"] = d[:, n : n + 1]
            else:
                own = p[:, n : n + 1]
                answer[f"probabilities_{n}"] = tf.concat([1.0 - own, own], axis=1)
        return answer

    return predict


def several_classes(shares: Transform, widths: Sequence[int]) -> Predict:
    """The classes of several targets, whose shares stand one behind the other."""
    starts = np.cumsum([0, *widths])

    def predict(x: Any) -> dict[str, Any]:
        every, answer = shares(x), {}
        for n, width in enumerate(widths):
            own = every[:, int(starts[n]) : int(starts[n]) + width]
            answer[f"class_{n}"] = tf.argmax(own, axis=1, output_type=tf.int32)
            answer[f"probabilities_{n}"] = own
        return answer

    return predict


@predictor("MultiOutputClassifier")
def each_its_own(model: Any, before: Affine) -> Predict:
    """sklearn.multioutput.MultiOutputClassifier.predict: one classifier a target."""
    members = [lower(one, before) for one in model.estimators_]

    def predict(x: Any) -> dict[str, Any]:
        return {
            f"{name}_{n}": tensor
            for n, member in enumerate(members)
            for name, tensor in member(x).items()
            if name != "scores"  # which MultiOutputClassifier itself does not tell
        }

    return predict


@predictor("ClassifierChain")
def one_after_another(model: Any, before: Affine) -> Predict:
    """sklearn.multioutput.ClassifierChain: each also sees what those before it said.

    They said classes, or what ``chain_method`` names: shares of the second class, or decisions.
    """
    method = getattr(model, "chain_method_", "predict")
    members, scaled = [lower_whole(one) for one in model.estimators_], apply(before)
    places = np.argsort(model.order_)

    def said(n: int, answer: Any) -> Any:
        if method == "decision_function":
            return answer[DECISION] if DECISION in answer else answer["scores"]
        if method == "predict_proba":
            return answer["probabilities"][:, 1:]
        labels = np.asarray(model.estimators_[n].classes_, np.float64).astype(real())
        return tf.gather(tf.constant(labels), answer["class"])[:, tf.newaxis]

    def predict(x: Any) -> dict[str, Any]:
        seen, answers = scaled(x), []
        for n, member in enumerate(members):
            answers.append(member(seen))
            seen = tf.concat([seen, said(n, answers[-1])], axis=1)
        return {
            f"{name}_{n}": tensor
            for n, place in enumerate(places)
            for name, tensor in answers[place].items()
            if name != DECISION
        }

    return predict
