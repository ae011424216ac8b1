"""Classifiers with several targets: what each tells apart, and the original's answers to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array, Arrays, TensorSpec
from edge_deploy.frontends.sklearn.compat.fitted import attribute

_KINDS = {"class": "class", "probabilities": "probabilities"}


def targets(step: Any) -> list[Array] | None:
    """The classes of each target of a classifier; None where it has one target."""
    found = attribute(step, "classes_")
    if isinstance(found, list):
        return [np.asarray(one) for one in found]
    binarizer = attribute(step, "_label_binarizer")
    marks = (
        attribute(step, "multilabel_") is True
        or str(getattr(binarizer, "y_type_", "")).startswith("multilabel")
        or (attribute(step, "out_activation_") == "logistic" and step.n_outputs_ > 1)
    )
    return [np.array([0, 1])] * len(found) if marks and found is not None else None


def outputs_of(tensors: Any, known: Sequence[Array]) -> tuple[TensorSpec, ...]:
    """The outputs as the lowering gives them to one row.

    Args:
        tensors: By name, such as ``class_0``.
        known: The classes of each target.
    """
    specs = []
    for name, tensor in tensors.items():
        kind, _, n = name.rpartition("_")
        shape = (None, *map(int, tensor.shape[1:]))
        labels = tuple(str(label) for label in known[int(n)])
        named = labels if kind == "class" or shape[-1] == len(labels) else None
        specs.append(TensorSpec(name, shape, tensor.dtype.name, _KINDS.get(kind, "tensor"), named))
    return tuple(specs)


def answers_of(model: Any, x: Any, known: Sequence[Array], outputs: Sequence[TensorSpec]) -> Arrays:
    """The original's answers, by output."""
    wanted = [output.name for output in outputs]
    said = _columns(model.predict(x))
    answer: Arrays = {}
    given: Any = None
    if any(name.startswith("probabilities_") for name in wanted):
        given = model.predict_proba(x)
    elif any(name.startswith("scores_") for name in wanted):
        given = model.decision_function(x)
    for name in wanted:
        kind, _, place = name.rpartition("_")
        n = int(place)
        if kind == "class":
            answer[name] = np.searchsorted(known[n], said[:, n].astype(known[n].dtype)).astype(
                np.int32
            )
        elif isinstance(given, list):
            answer[name] = np.asarray(given[n]).reshape(len(said), -1)
        else:
            own = _columns(given)[:, n : n + 1]
            answer[name] = own if kind == "scores" else np.concatenate([1.0 - own, own], axis=1)
    return answer


def _columns(found: Any) -> Array:
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    return np.asarray(dense)
