"""scikit-learn models, pickled or dumped by joblib."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.errors import SourceError
from edge_deploy.graph import first_line
from edge_deploy.lowering import lower, steps
from edge_deploy.sources.pickles import load_pickle
from edge_deploy.spec import Array, Arrays, Feature, LoadedModel, LoadOptions, ModelSpec, TensorSpec

INPUT = "features"


def load(path: Path, options: LoadOptions) -> LoadedModel:
    """Read a fitted regressor or classifier, alone or at the end of a pipeline.

    The input is ``features``, float32 (samples, columns). A regressor gives ``value``; a
    classifier ``class`` (an index into its classes) and ``probabilities``, or ``scores`` where
    it has no probabilities.

    Raises:
        UntrustedError: The pickle names what could run code.
        SourceError: It is damaged, holds something else, or is not fitted.
        ConversionError: An estimator is not supported yet.
    """
    import sklearn

    model, notes = load_pickle(path, trust=options.trust_pickle)
    chain = _check(path, model)
    last = chain[-1]
    named = (_attribute(step, "feature_names_in_") for step in (model, *chain))
    names = next((found for found in named if found is not None), None)
    width = _width(path, chain)
    lowered = lower(model)
    classes = _attribute(last, "classes_")
    outputs: tuple[TensorSpec, ...]
    if classes is None:
        coef = np.atleast_2d(np.asarray(last.coef_))
        outputs = (TensorSpec("value", (None, len(coef)), "float32", "value"),)
    else:
        labels = tuple(str(label) for label in classes)
        shares = "probabilities" if _has_probabilities(last) else "scores"
        columns = len(labels) if shares == "probabilities" or len(labels) > 2 else 1
        kind = "probabilities" if shares == "probabilities" else "tensor"
        outputs = (
            TensorSpec("class", (None,), "int32", "class", labels),
            TensorSpec(shares, (None, columns), "float32", kind, labels if columns > 1 else None),
        )
    return LoadedModel(
        spec=ModelSpec((TensorSpec(INPUT, (None, width), "float32", "table"),), outputs),
        kind="sklearn",
        framework=f"scikit-learn {sklearn.__version__}",
        parameters=sum(_numbers(step) for step in chain),
        predict=lambda arrays: _predict(path, model, outputs, arrays),
        function=lambda tensors: lowered(tensors[INPUT]),
        trackables=(model,),
        notes=notes,
        features=None if names is None else tuple(Feature(str(name)) for name in names),
        typical=_typical(chain[0]),
    )


def _check(path: Path, model: Any) -> list[Any]:
    """The steps of what a pickle held, once it is known to be a fitted scikit-learn model.

    An estimator is never printed: one of another version may not survive its own repr.
    """
    from sklearn.base import BaseEstimator

    if not isinstance(model, BaseEstimator):
        what = f"{type(model).__module__}.{type(model).__name__}".removeprefix("builtins.")
        if isinstance(model, dict):
            what = f"a dict with the keys {', '.join(map(str, list(model)[:6]))}"
        elif isinstance(model, np.ndarray):
            what = f"a numpy array of shape {model.shape}"
        raise SourceError(
            f"{path}: the pickle holds {what}, not a scikit-learn model. Dump the fitted estimator "
            "or pipeline itself: joblib.dump(model, path)."
        )
    chain = steps(model)
    if not chain or not hasattr(type(chain[-1]), "predict"):
        last = type(chain[-1]).__name__ if chain else "nothing"
        raise SourceError(
            f"{path}: the model ends in {last}, which predicts nothing. Dump the pipeline with its "
            "regressor or classifier at the end."
        )
    if not any(name.endswith("_") and not name.startswith("_") for name in vars(chain[-1])):
        raise SourceError(
            f"{path}: {type(chain[-1]).__name__} is not fitted. Fit it, then dump it again."
        )
    return chain


def _attribute(estimator: Any, name: str) -> Any:
    """A fitted attribute, or None; properties of other versions may raise."""
    try:
        return getattr(estimator, name, None)
    except Exception:
        # A property of today's class that reads what an old pickle lacks raises anything.
        return None


def _width(path: Path, chain: list[Any]) -> int:
    for step in chain:
        if (width := _attribute(step, "n_features_in_")) is not None:
            return int(width)
        for name in ("scale_", "mean_", "coef_"):
            if (values := _attribute(step, name)) is not None:
                return int(np.atleast_2d(values).shape[-1])
    raise SourceError(f"{path}: the fitted model does not say how many features it takes.")


def _typical(first: Any) -> tuple[Array, Array] | None:
    """The mean and standard deviation of the columns, where the first step is a scaler."""
    mean, scale = _attribute(first, "mean_"), _attribute(first, "scale_")
    if type(first).__name__ != "StandardScaler" or mean is None or scale is None:
        return None
    return np.asarray(mean), np.asarray(scale)


def _has_probabilities(estimator: Any) -> bool:
    """Whether predict_proba is there; for SGD and SVC that depends on how they were fitted."""
    return _attribute(estimator, "predict_proba") is not None


def _numbers(estimator: Any) -> int:
    values = [v for k, v in vars(estimator).items() if k.endswith("_") and not k.startswith("_")]
    return sum(v.size for v in values if isinstance(v, np.ndarray) and v.dtype.kind in "fiu")


def _predict(path: Path, model: Any, outputs: tuple[TensorSpec, ...], arrays: Arrays) -> Arrays:
    """The original's own answers, in float64 as scikit-learn computes them."""
    x: Array = arrays[INPUT].astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # feature names: the columns are in the fitted order
        try:
            if outputs[0].name == "value":
                return {"value": np.asarray(model.predict(x)).reshape(len(x), -1)}
            classes = np.asarray(_attribute(steps(model)[-1], "classes_"))
            found = np.searchsorted(classes, model.predict(x)).astype(np.int32)
            shares = outputs[1].name
            ask = model.predict_proba if shares == "probabilities" else model.decision_function
            return {"class": found, shares: np.asarray(ask(x)).reshape(len(x), -1)}
        except Exception as error:
            # Estimators of other versions raise anything when an attribute is missing.
            raise SourceError(
                f"{path}: today's scikit-learn cannot predict with this model: "
                f"{first_line(error)}. Load it with the version that saved it, and save it again "
                "from a newer one."
            ) from error
