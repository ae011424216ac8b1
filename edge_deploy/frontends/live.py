"""Models that a Python caller holds, written down as their own library writes them.

From there on they are files like all others: the manifest has their hash, and what is converted
is what anybody can load again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.core.messages import first_line
from edge_deploy.core.options import Shapes

_ESTIMATORS = ("sklearn", "xgboost", "lightgbm", "catboost")
LIVE = "a live Keras model, tf.Module or fitted scikit-learn estimator"


def kind_of(model: Any) -> str | None:
    """The loader for a live model: keras, saved_model or sklearn; None for anything else."""
    if isinstance(model, type):
        return None
    names = [(cls.__module__.partition(".")[0], cls.__name__) for cls in type(model).__mro__]
    if any(root in ("keras", "tf_keras") and name == "Model" for root, name in names):
        return "keras"
    if any(root == "tensorflow" for root, _ in names):
        return "saved_model"
    if any(root in _ESTIMATORS for root, _ in names) and hasattr(model, "fit"):
        return "sklearn"
    return None


def save(model: Any, kind: str, folder: Path, shapes: Shapes) -> Path:
    """Write a live model into a folder.

    Args:
        model: The model.
        kind: What ``kind_of`` says of it.
        folder: An empty one.
        shapes: Of the inputs of a tf.Module whose function does not say them.

    Raises:
        SourceError: Its library cannot write it.
        UsageError: A tf.Module has no function that could be called.
    """
    name = _name(model)
    try:
        if kind == "keras":
            path = folder / f"{name}{'.keras' if _is_keras_3(model) else '.h5'}"
            model.save(path)
        elif kind == "sklearn":
            import joblib

            path = folder / f"{name}.joblib"
            joblib.dump(model, path)
        else:
            import tensorflow as tf

            path = folder / name
            tf.saved_model.save(model, str(path), signatures=_signatures(model, shapes))
    except UsageError:
        raise
    except Exception as error:
        # Whatever its library or the author's own class raises: it cannot be written down.
        raise SourceError(
            f"The live {type(model).__name__} cannot be saved by its own library "
            f"({type(error).__name__}: {first_line(error)}). Save it yourself (Keras: "
            "model.export(folder); scikit-learn: joblib.dump without lambdas) and give the path."
        ) from error
    return path


def _is_keras_3(model: Any) -> bool:
    return all(cls.__module__.partition(".")[0] != "tf_keras" for cls in type(model).__mro__)


def _name(model: Any) -> str:
    """What a file of it is called: its own name, or that of its class."""
    own = getattr(model, "name", None)
    text = own if isinstance(own, str) and own else type(model).__name__
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()
    return re.sub(r"[^\w.-]+", "-", text).strip("-._") or "model"


def _signatures(model: Any, shapes: Shapes) -> Any:
    """What of a tf.Module can be called from outside: its signatures, or ``__call__``."""
    import tensorflow as tf

    if getattr(model, "signatures", None):
        return model.signatures
    bound = getattr(model, "__call__", None)  # noqa: B004  (what it is matters, not only whether)
    if bound is None:
        raise UsageError(
            f"The live {type(model).__name__} has no __call__ that could be converted. Give it "
            "one with @tf.function(input_signature=[...])."
        )
    if getattr(bound, "input_signature", None) is not None:
        return bound
    if not shapes:
        raise UsageError(
            f"The live {type(model).__name__} does not say what it takes. Decorate its __call__ "
            "with @tf.function(input_signature=[...]), or give input_shapes={'x': (None, 10)}."
        )
    function = bound if hasattr(bound, "get_concrete_function") else tf.function(bound)
    specs = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes]
    return function.get_concrete_function(*specs)
