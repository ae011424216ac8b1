"""Steps behind a model: names of its classes, real units of its values, the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError, UsageError, wrong_option
from edge_deploy.core.spec import (
    Array,
    Arrays,
    Function,
    LoadedModel,
    ModelSpec,
    TensorSpec,
)
from edge_deploy.frontends.project import inverses
from edge_deploy.frontends.project.parts import Part, as_names

CLASS = "class"
_SHOWN = 5


def with_classes(model: LoadedModel, part: Part, own: Any = None) -> LoadedModel:
    """A model whose outputs say what their classes are called.

    Args:
        model: The model.
        part: A label encoder, or names.
        own: Of a scikit-learn classifier, its own ``classes_``, which the names may be of.

    Raises:
        UsageError: The model has another number of classes.
    """
    names = _names(part)
    if own is not None:
        return _renamed(model, part, names, np.asarray(own))
    outputs = [
        replace(output, classes=names) if _class_count(output) == len(names) else output
        for output in model.spec.outputs
    ]
    if not any(output.classes == names for output in outputs):
        has = ", ".join(f"{o.name!r} has {_class_count(o) or 'none'}" for o in outputs)
        raise UsageError(
            f"{part.name} has {len(names)} classes ({_listed(names)}), and the model's output "
            f"{has}: it is another model's."
        )
    return replace(model, spec=ModelSpec(model.spec.inputs, tuple(outputs)))


def _names(part: Part) -> tuple[str, ...]:
    if part.kind == "names":
        return as_names(part)
    value = part.value
    classes = value.categories_[0] if hasattr(value, "categories_") else value.classes_
    return as_names(replace(part, kind="names", value=np.asarray(classes, dtype=object)))


def _class_count(output: TensorSpec) -> int | None:
    if output.kind == "probability":
        return 2
    if output.kind == "class":
        return len(output.classes or ()) or None
    if output.kind == "value" or len(output.shape) != 2:
        return None
    return output.shape[-1]


def _renamed(model: LoadedModel, part: Part, names: tuple[str, ...], own: Array) -> LoadedModel:
    """A classifier that was fitted on codes, with the names of these."""
    shown = tuple(map(str, own.tolist()))
    if set(shown) <= set(names):
        return model  # it answers in names already
    codes = own.astype(np.int64) if own.dtype.kind in "iuf" else np.full(len(own), -1)
    low = 1 if codes.min() == 1 and codes.max() == len(names) else 0
    fits = codes.min() >= 0 and codes.max() - low < len(names)
    if not fits or (len(own) != len(names) and part.kind == "names"):
        raise UsageError(
            f"{part.name} has {len(names)} classes ({_listed(names)}), and the model answers "
            f"{len(own)} ({_listed(shown)}): it is another model's."
        )
    found = tuple(names[code - low] for code in codes)
    outputs = tuple(
        replace(o, classes=found) if o.classes == shown else o for o in model.spec.outputs
    )
    return replace(model, spec=ModelSpec(model.spec.inputs, outputs))


def in_units(model: LoadedModel, part: Part) -> LoadedModel:
    """A model whose value is in real units: what its target was scaled with is undone.

    Raises:
        UsageError: The transformer is of another number of columns.
        ConversionError: It cannot be undone in a graph.
    """
    values = [o for o in model.spec.outputs if o.kind in ("value", "tensor")]
    if not values:
        kinds = ", ".join(f"{o.name}: {o.kind}" for o in model.spec.outputs)
        raise UsageError(
            f"{part.name} stands behind the model and would undo the scaling of its value, and it "
            f"has none ({kinds}). Put what comes before the model before it."
        )
    undo, original = {}, {}
    for output in values:
        width = output.shape[-1] if len(output.shape) > 1 and output.shape[-1] else 1
        chosen = inverses.places(part, width, f"the output {output.name!r}")
        undo[output.name] = inverses.lowered(part, chosen)
        original[output.name] = inverses.original(part, chosen)

    def wrapped(function: Function) -> Function:
        def answer(tensors: Any) -> Any:
            return {
                name: undo[name](value) if name in undo else value
                for name, value in function(tensors).items()
            }

        return answer

    def told(found: Arrays) -> Arrays:
        return {n: original[n](v) if n in original else v for n, v in found.items()}

    outputs = tuple(
        replace(o, kind="value") if o.name in undo and len(o.shape) == 2 else o
        for o in model.spec.outputs
    )
    return wrap(model, wrapped, told, outputs)


def wrap(model: LoadedModel, wrapped: Any, told: Any, outputs: Sequence[TensorSpec]) -> LoadedModel:
    """A model with something more behind it.

    Args:
        model: The model.
        wrapped: What becomes of its function.
        told: What becomes of its original answers.
        outputs: What it gives then.
    """
    if model.onnx is not None:
        raise ConversionError(
            f"{model.onnx}, and nothing can be put behind it. Leave thresholds and units to the "
            "app, or fit a TransformedTargetRegressor, which undoes its scaling itself."
        )
    ask = model.predict_rows
    return replace(
        model,
        spec=ModelSpec(model.spec.inputs, tuple(outputs)),
        function=wrapped(model.function),
        plain=None if model.plain is None else wrapped(model.plain),
        predict=lambda arrays: told(model.predict(arrays)),
        predict_rows=None if ask is None else lambda arrays, rows: told(ask(arrays, rows)),
    )


def with_threshold(model: LoadedModel, threshold: float, origin: str = "") -> LoadedModel:
    """A model of two classes that answers the second one where it is likely enough.

    The class is an int32 output beside the probability; a classifier's own class is replaced.

    Raises:
        UsageError: It is no share, or the model has not two classes.
    """
    if not 0 <= threshold <= 1:
        mend = "a probability between 0 and 1, such as 0.4."
        if origin:
            raise UsageError(f"{origin}: {threshold:g} is no threshold; expected {mend}")
        raise wrong_option("threshold", threshold, mend)
    found = next((o for o in model.spec.outputs if _tells_two(o)), None)
    if found is None:
        has = ", ".join(f"{o.name}: {o.kind}" + _columns(o) for o in model.spec.outputs)
        told = "a threshold is between two classes, and the model gives no probability of two"
        if origin:
            raise UsageError(f"{origin}: {told} ({has}).")
        raise wrong_option("threshold", threshold, f"{told} ({has}).")
    column = found.shape[-1] == 2

    def share(values: Any) -> Any:
        return values[:, 1] if column else values[:, 0]

    def wrapped(function: Function) -> Function:
        import tensorflow as tf

        def answer(tensors: Any) -> Any:
            given = dict(function(tensors))
            above = share(given[found.name]) > np.float32(threshold)
            return {**given, CLASS: tf.cast(above, tf.int32)}

        return answer

    def told_class(given: Arrays) -> Arrays:
        return {**given, CLASS: (share(given[found.name]) > threshold).astype(np.int32)}

    classes = found.classes or ("0", "1")
    spec = TensorSpec(CLASS, (found.shape[0],), "int32", "class", classes)
    others = [o for o in model.spec.outputs if o.name != CLASS]
    had = len(others) < len(model.spec.outputs)
    return wrap(model, wrapped, told_class, [spec, *others] if had else [*others, spec])


def _columns(output: TensorSpec) -> str:
    count = output.shape[-1] if len(output.shape) > 1 else None
    return "" if count is None else f" of {count}"


def _tells_two(output: TensorSpec) -> bool:
    if output.kind == "probability":
        return len(output.shape) == 2
    return output.kind == "probabilities" and len(output.shape) == 2 and output.shape[-1] == 2


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
