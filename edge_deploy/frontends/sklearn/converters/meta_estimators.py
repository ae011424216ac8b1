"""Estimators that hold others."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.inverse import inverse
from edge_deploy.frontends.sklearn.converters.linear_model import winner
from edge_deploy.frontends.sklearn.converters.registry import (
    DECISION,
    IDENTITY,
    Affine,
    Predict,
    Transform,
    apply,
    lower,
    lower_whole,
    predictor,
    real,
    transformer,
)
from edge_deploy.frontends.sklearn.converters.several_answers import several_marks
from edge_deploy.frontends.sklearn.converters.svm import counted


@predictor("RANSACRegressor", "SelfTrainingClassifier")
def holder(model: Any, before: Affine) -> Predict:
    """Those that answer as the one they hold: RANSACRegressor's is fitted on the inliers."""
    return lower_whole(model.estimator_, before)


def probabilities(model: Any, before: Affine) -> Transform:
    """predict_proba of an estimator inside another one."""
    inner = lower(model, before)

    def shares(x: Any) -> Any:
        found = inner(x)
        if "probabilities" not in found:
            raise ConversionError(
                f"{type(model).__name__} has no probabilities that can be converted, and what it "
                "is in needs them."
            )
        return found["probabilities"]

    return shares


def response(model: Any, before: Affine) -> Transform:
    """decision_function, else predict_proba: one column for two classes, else one a class."""
    inner = lower_whole(model, before)

    def respond(x: Any) -> Any:
        found = inner(x)
        for name in (DECISION, "scores"):
            if name in found:
                return found[name]
        if "probabilities" not in found or hasattr(model, "decision_function"):
            raise ConversionError(f"{type(model).__name__} cannot be converted inside another one.")
        shares = found["probabilities"]
        return shares[:, 1:] if shares.shape[1] == 2 else shares

    return respond


def mean_of(parts: list[Any], weights: Any) -> Any:
    shares = np.ones(len(parts)) if weights is None else np.asarray(weights, np.float64)
    shares = (shares / shares.sum()).astype(real())
    return sum(share * part for share, part in zip(shares, parts, strict=True))


def _weights(model: Any) -> Any:
    """The weights of those that were not dropped."""
    if model.weights is None:
        return None
    named = zip(model.estimators, model.weights, strict=True)
    return [weight for (_, one), weight in named if not isinstance(one, str)]


@predictor("VotingClassifier", folds_fills=True)
def voting(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.VotingClassifier: the mean of probabilities, or the most votes."""
    weights = _weights(model)
    if model.voting == "soft":
        members = [probabilities(one, before) for one in model.estimators_]

        def softly(x: Any) -> dict[str, Any]:
            shares = mean_of([member(x) for member in members], weights)
            return {"class": winner(shares), "probabilities": shares}

        return softly
    lowered = [lower(one, before) for one in model.estimators_]
    labels = np.arange(len(model.classes_), dtype=np.int32)

    def hardly(x: Any) -> dict[str, Any]:
        # Not one_hot: in batches, TF.js' wasm gets it wrong.
        said = [tf.equal(member(x)["class"][:, tf.newaxis], labels) for member in lowered]
        votes = [tf.cast(one, real()) for one in said]
        return {"class": winner(mean_of(votes, weights))}

    return hardly


@predictor("VotingRegressor", folds_fills=True)
def voting_regressor(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble.VotingRegressor.predict: the weighted mean."""
    members, weights = [lower(one, before) for one in model.estimators_], _weights(model)
    return lambda x: {"value": mean_of([member(x)["value"] for member in members], weights)}


@predictor("StackingClassifier", "StackingRegressor")
def stacking(model: Any, before: Affine) -> Predict:
    """sklearn.ensemble._stacking._BaseStacking._transform, and the final estimator on it."""
    members: list[Transform] = []
    for one, method in zip(model.estimators_, model.stack_method_, strict=True):
        members.append(_stacked(one, method, before))
    last, scaled = lower_whole(model.final_estimator_), apply(before)

    def predict(x: Any) -> Any:
        parts = [member(x) for member in members]
        return last(tf.concat([*parts, scaled(x)] if model.passthrough else parts, axis=1))

    return predict


@transformer("StackingClassifier", "StackingRegressor")
def stacked_columns(model: Any) -> Transform:
    """sklearn.ensemble._stacking._BaseStacking._transform: what its members say of a row."""
    pairs = zip(model.estimators_, model.stack_method_, strict=True)
    members = [_stacked(one, method, IDENTITY) for one, method in pairs]

    def transform(x: Any) -> Any:
        parts = [member(x) for member in members]
        return tf.concat([*parts, x] if model.passthrough else parts, axis=1)

    return transform


@transformer("VotingClassifier", "VotingRegressor")
def voted_columns(model: Any) -> Transform:
    """sklearn.ensemble.VotingClassifier.transform: what its members say of a row."""
    shares = getattr(model, "voting", "hard") == "soft"
    if shares and not model.flatten_transform:
        raise ConversionError(
            "VotingClassifier with flatten_transform=False cannot be converted before another "
            "model, which takes rows of columns. Fit it with flatten_transform=True."
        )
    members = [
        probabilities(one, IDENTITY) if shares else _stacked(one, "predict", IDENTITY)
        for one in model.estimators_
    ]
    return lambda x: tf.concat([member(x) for member in members], axis=1)


def _stacked(model: Any, method: str, before: Affine) -> Transform:
    if method == "predict_proba":
        shares = probabilities(model, before)
        two = len(model.classes_) == 2
        return lambda x: shares(x)[:, 1:] if two else shares(x)
    if method == "decision_function":
        return response(model, before)
    inner = lower(model, before)

    def predict(x: Any) -> Any:
        found = inner(x)
        return found["value"] if "value" in found else tf.cast(found["class"], real())[:, None]

    return predict


@predictor("OneVsRestClassifier")
def one_vs_rest(model: Any, before: Affine) -> Predict:
    """sklearn.multiclass.OneVsRestClassifier: the class that is surest of itself."""
    members = [response(one, before) for one in model.estimators_]
    decided = all(hasattr(one, "decision_function") for one in model.estimators_)
    given = all(hasattr(one, "predict_proba") for one in model.estimators_)
    shares = [probabilities(one, before) for one in model.estimators_] if given else []

    def decide(x: Any) -> Any:
        return tf.concat([member(x) for member in members], axis=1)

    def share_of_each(x: Any) -> Any:
        return tf.concat([share(x)[:, 1:] for share in shares], axis=1)

    if model.multilabel_:
        return several_marks(decide, 0.0 if decided else 0.5, share_of_each if given else None)

    def predict(x: Any) -> dict[str, Any]:
        d = decide(x)
        found = winner(d if decided or len(members) > 1 else d - 0.5)
        if not given:
            return {"class": found, "scores": d}
        p = share_of_each(x)
        p = tf.concat([1.0 - p, p], axis=1) if len(members) == 1 else p
        p = p / tf.reduce_sum(p, axis=1, keepdims=True)
        answer = {"class": found, "probabilities": p}
        return {**answer, DECISION: d} if decided else answer

    return predict


@predictor("OneVsOneClassifier")
def one_vs_one(model: Any, before: Affine) -> Predict:
    """sklearn.multiclass.OneVsOneClassifier.decision_function: votes, ties by confidence."""
    members = [response(one, before) for one in model.estimators_]
    if not all(hasattr(one, "decision_function") for one in model.estimators_):
        raise ConversionError("OneVsOneClassifier needs classifiers with a decision_function.")
    count = len(model.classes_)

    def predict(x: Any) -> dict[str, Any]:
        _, scores = counted(tf.concat([member(x) for member in members], axis=1), count)
        scores = scores[:, 1:] if count == 2 else scores
        return {"class": winner(scores), "scores": scores}

    return predict


@predictor("_ConstantPredictor")
def constant(model: Any, before: Affine) -> Predict:
    """sklearn.multiclass._ConstantPredictor, where one of many classifiers saw one class only."""
    said = real()(np.ravel(model.y_)[0])

    def predict(x: Any) -> dict[str, Any]:
        share = tf.zeros_like(x[:, :1]) + said
        shares = tf.concat([1.0 - share, share], axis=1)
        return {"class": winner(shares), "probabilities": shares, DECISION: share}

    return predict


@predictor("OutputCodeClassifier")
def output_code(model: Any, before: Affine) -> Predict:
    """sklearn.multiclass.OutputCodeClassifier.predict: the nearest row of the code book."""
    members = [response(one, before) for one in model.estimators_]
    book = np.asarray(model.code_book_, real())

    def predict(x: Any) -> dict[str, Any]:
        said = tf.concat([member(x) for member in members], axis=1)
        apart = tf.reduce_sum((said[:, tf.newaxis, :] - book) ** 2, axis=2)
        return {"class": winner(-apart)}

    return predict


@predictor("FixedThresholdClassifier", "TunedThresholdClassifierCV")
def thresholded(model: Any, before: Affine) -> Predict:
    """sklearn.model_selection.FixedThresholdClassifier.predict: the second class from there on."""
    shares = probabilities(model.estimator_, before)
    method = getattr(model, "response_method", "auto")
    if method not in ("auto", "predict_proba"):
        raise ConversionError(f"{type(model).__name__} of {method} cannot be converted.")
    limit = getattr(model, "best_threshold_", getattr(model, "threshold", 0.5))
    limit = 0.5 if limit == "auto" else float(limit)
    label = getattr(model, "pos_label", None)
    place = 1 if label is None else int(np.flatnonzero(np.asarray(model.classes_) == label)[0])

    def predict(x: Any) -> dict[str, Any]:
        p = shares(x)
        sure = tf.cast(p[:, place] >= real()(limit), tf.int32)
        return {"class": sure if place else 1 - sure, "probabilities": p}

    return predict


@predictor("MultiOutputRegressor")
def several(model: Any, before: Affine) -> Predict:
    """sklearn.multioutput.MultiOutputRegressor.predict: one regressor a value."""
    members = [lower(one, before) for one in model.estimators_]
    return lambda x: {"value": tf.concat([member(x)["value"] for member in members], axis=1)}


@predictor("RegressorChain")
def chained(model: Any, before: Affine) -> Predict:
    """sklearn.multioutput.RegressorChain.predict: each also sees what those before it said."""
    members, scaled = [lower(one) for one in model.estimators_], apply(before)
    back = np.argsort(model.order_)

    def predict(x: Any) -> dict[str, Any]:
        seen, said = scaled(x), []
        for member in members:
            said.append(member(seen)["value"])
            seen = tf.concat([seen, said[-1]], axis=1)
        return {"value": tf.concat([said[place] for place in back], axis=1)}

    return predict


@predictor("TransformedTargetRegressor", folds_fills=True)
def transformed_target(model: Any, before: Affine) -> Predict:
    """sklearn.compose.TransformedTargetRegressor.predict, of transformers that can be undone."""
    inner, back = lower(model.regressor_, before), model.transformer_
    width = int(getattr(back, "n_features_in_", 1))
    try:
        undo = inverse(back, tuple(range(width)), width)
    except ConversionError as error:
        raise ConversionError(f"TransformedTargetRegressor: {error}") from error
    return lambda x: {"value": undo(inner(x)["value"])}
