"""Estimators that hold another one."""

from __future__ import annotations

from typing import Any

from edge_deploy.lowering.registry import Affine, Predict, lower, predictor


@predictor("RANSACRegressor")
def ransac(model: Any, before: Affine) -> Predict:
    """sklearn.linear_model.RANSACRegressor.predict: its estimator_, fitted on the inliers."""
    return lower(model.estimator_, before)
