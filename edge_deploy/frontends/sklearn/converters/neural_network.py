"""scikit-learn's own neural networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.linear_model import (
    of_two,
    product,
    winner,
)
from edge_deploy.frontends.sklearn.converters.registry import (
    IDENTITY,
    Affine,
    Predict,
    Transform,
    predictor,
)
from edge_deploy.frontends.sklearn.converters.several_answers import several_marks


def _activations() -> dict[str, Callable[[Any], Any]]:
    """sklearn.neural_network._base.ACTIVATIONS."""
    return {
        "identity": lambda x: x,
        "exp": tf.exp,
        "logistic": tf.sigmoid,
        "relu": tf.nn.relu,
        "tanh": tf.tanh,
    }


def _last_layer(model: Any, before: Affine) -> Transform:
    """sklearn.neural_network.BaseMultilayerPerceptron._forward_pass, less the last activation."""
    between = _activations()[model.activation]
    layers = [
        product(np.asarray(weights).T, np.ravel(bias), IDENTITY if n else before)
        for n, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True))
    ]

    def forward(x: Any) -> Any:
        for layer in layers[:-1]:
            x = between(layer(x))
        return layers[-1](x)

    return forward


@predictor("MLPClassifier")
def classifier(model: Any, before: Affine) -> Predict:
    """sklearn.neural_network.MLPClassifier.predict_proba."""
    last = _last_layer(model, before)
    if model.out_activation_ == "logistic" and model.n_outputs_ > 1:
        return several_marks(last, 0.0, lambda x: tf.sigmoid(last(x)))
    shares = tf.nn.softmax if model.out_activation_ == "softmax" else of_two

    def predict(x: Any) -> dict[str, Any]:
        d = last(x)
        p = shares(d)
        return {"class": winner(d), "probabilities": p}

    return predict


@predictor("MLPRegressor")
def regressor(model: Any, before: Affine) -> Predict:
    """sklearn.neural_network.MLPRegressor.predict."""
    last, end = _last_layer(model, before), _activations()[model.out_activation_]
    return lambda x: {"value": end(last(x))}
