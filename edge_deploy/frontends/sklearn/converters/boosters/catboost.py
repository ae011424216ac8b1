"""CatBoost's estimators."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.boosters.catboost_format import (
    CatBoostModel,
    catboost_model,
)
from edge_deploy.frontends.sklearn.converters.registry import Affine, Predict, predictor, real
from edge_deploy.frontends.sklearn.converters.tree import added, chosen, voted

_KINDS = ("CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor")
_OF_TWO = ("Logloss", "CrossEntropy", "Focal")
_OF_SEVERAL = ("MultiClass", "MultiClassOneVsAll")
_EXP = ("Poisson", "Tweedie")
_PLAIN = (
    *("RMSE", "MAE", "Quantile", "MultiQuantile", "Expectile", "Huber", "Lq", "MAPE", "LogCosh"),
    *("MultiRMSE", "MultiRMSEWithMissingValues", "LogLinQuantile", "RMSPE"),
    *("PairLogit", "PairLogitPairwise", "QueryCrossEntropy", "QueryRMSE", "QuerySoftMax"),
    *("StochasticRank", "YetiRank", "YetiRankPairwise"),
)


def catboost_facts(model: Any) -> dict[str, Any]:
    """What scikit-learn's estimators say of themselves."""
    if "__model" not in (has := vars(model)):
        return {}
    found = _read(model)
    facts: dict[str, Any] = {"n_features_in_": len(found.names), "model_": found}
    facts["splits_"] = [(np.where(t.left < 0, -1, t.column), t.threshold) for t in found.trees]
    if any(name and name != str(n) for n, name in enumerate(found.names)):
        facts["feature_names_in_"] = np.array(found.names, dtype=object)
    if found.loss.partition(":")[0] in (*_OF_TWO, *_OF_SEVERAL):
        several = len(found.bias) if len(found.bias) > 1 else 2
        facts["classes_"] = np.array(found.classes or range(several))
    return {name: value for name, value in facts.items() if name not in has}


def _read(model: Any) -> CatBoostModel:
    known = vars(model).get("model_")
    if isinstance(known, CatBoostModel):
        return known
    return catboost_model(bytes(vars(model)["__model"]))


@predictor(*_KINDS)
def catboost(model: Any, before: Affine) -> Predict:
    """catboost.CatBoost.predict: scale times the sum of the trees, and the bias.

    A row goes right where ``x > border``, both float32. NaN is below all borders, or above them
    where a feature's nan_value_treatment is AsTrue.
    """
    if "__model" not in vars(model):
        raise ConversionError(f"{type(model).__name__} is not fitted. Fit it, then save it again.")
    found = _read(model)
    summed = added(found.trees, len(found.names), before)
    start = found.bias.astype(real())[np.newaxis]
    loss = found.loss.partition(":")[0]
    if loss in _OF_TWO and found.threshold == 0.5:
        return lambda x: voted(summed(x) + start)
    if loss == "MultiClass":
        return lambda x: voted(summed(x) + start)
    if loss == "MultiClassOneVsAll":

        def apart(x: Any) -> dict[str, Any]:
            raw = summed(x) + start
            return {"class": chosen(raw), "scores": tf.sigmoid(raw)}

        return apart
    if loss in _EXP:
        return lambda x: {"value": tf.exp(summed(x) + start)}
    if loss in _PLAIN:
        return lambda x: {"value": summed(x) + start}
    why = f"the loss {found.loss}"
    if loss in _OF_TWO:
        why = f"binclass_probability_threshold={found.threshold:g}"
    raise ConversionError(
        f"{type(model).__name__} with {why} cannot be converted. The losses that can be: "
        f"{', '.join((*_OF_TWO, *_OF_SEVERAL, *_EXP, *_PLAIN))}."
    )
