"""housing-linear: a pipeline of scikit-learn over the thirteen columns of ``housing``."""

from __future__ import annotations

from pathlib import Path

from edge_deploy.examples.base import Example, Metric, Request


def _build(folder: Path, request: Request) -> Metric:
    import joblib
    import numpy as np
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from edge_deploy.examples import housing, training

    rng = np.random.default_rng(request.seed)
    x, price = housing.make(rng)
    train, test = training.held_out(len(x), rng)
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(x[train], price[train])
    joblib.dump(model, folder / EXAMPLE.model)
    housing.write_side_files(folder, x[test], price[test])
    return Metric("r2", training.r2(price[test], model.predict(x[test])))


EXAMPLE = Example(
    name="housing-linear",
    title="What is a house worth? (linear)",
    summary="StandardScaler and LinearRegression over the 13 Boston-housing columns, by joblib.",
    toy="A toy: towns and prices come out of a formula. scikit-learn dropped the real data set for "
    "its column B; here B is made up and the price does not depend on it.",
    model="housing-linear.joblib",
    build=_build,
)
