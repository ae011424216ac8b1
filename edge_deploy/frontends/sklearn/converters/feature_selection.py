"""Transformers that make other columns: products, choices, fillings."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_deploy.core.lazy import tf
from edge_deploy.frontends.sklearn.converters.registry import (
    Transform,
    transformer,
)


@transformer(
    "GenericUnivariateSelect", "RFE", "RFECV", "SelectFdr", "SelectFpr", "SelectFromModel",
    "SelectFwe", "SelectKBest", "SelectPercentile", "SequentialFeatureSelector",
    "VarianceThreshold",
)  # fmt: skip
def selector(model: Any) -> Transform:
    """sklearn.feature_selection.SelectorMixin.transform: some of the columns."""
    kept = np.asarray(model.get_support(indices=True), np.int32)
    return lambda x: tf.gather(x, kept, axis=1)
