"""insurance: a linear regression of scikit-learn, from age, sex and smoker to a yearly charge.

The data are generated, with the size and the shape of the well-known insurance data: 1,338
people of 18 to 64 years, one in five a smoker, and

    charge = 255 * age - 2,400 + 23,800 * smoker + 130 * male + noise

The noise is an exponential of mean 4,200 less its mean: a few people have large bills. The
least charge is 1,100 USD.
"""

from __future__ import annotations

import pickle
from pathlib import Path

from edge_deploy.examples import folders
from edge_deploy.examples.base import Example, Metric, Request

_PEOPLE = 1338
_SEXES = ("female", "male")
_SMOKER = ("no", "yes")
_FEATURES = {
    "features": [
        folders.number("age", 18, 64, 1, 35, unit="years"),
        folders.category("sex", _SEXES, "one-hot"),
        folders.category("smoker", _SMOKER, "one-hot"),
    ],
    "target": {"name": "charge", "unit": "USD", "min": 0, "max": 45000},
}


def _build(folder: Path, request: Request) -> Metric:
    import numpy as np
    from sklearn.linear_model import LinearRegression

    from edge_deploy.examples import training

    rng = np.random.default_rng(request.seed)
    age = rng.integers(18, 65, _PEOPLE)
    male = rng.random(_PEOPLE) < 0.5
    smoker = rng.random(_PEOPLE) < 0.2
    noise = rng.exponential(4200, _PEOPLE) - 4200
    charge = np.maximum(1100, 255 * age - 2400 + 23800 * smoker + 130 * male + noise).round(2)
    x = np.stack([age, ~male, male, ~smoker, smoker], axis=1).astype(np.float64)

    train, test = training.held_out(_PEOPLE, rng)
    model = LinearRegression().fit(x[train], charge[train])
    with (folder / EXAMPLE.model).open("wb") as file:
        pickle.dump(model, file)
    folders.write_json(folder / "features.json", _FEATURES)
    columns = {
        "age": age[test].tolist(),
        "sex": [_SEXES[int(value)] for value in male[test]],
        "smoker": [_SMOKER[int(value)] for value in smoker[test]],
    }
    folders.write_reference(folder, columns, charge[test].tolist())
    return Metric("r2", training.r2(charge[test], model.predict(x[test])))


EXAMPLE = Example(
    name="insurance",
    title="What does a year of insurance cost?",
    summary="A scikit-learn LinearRegression from age, sex and smoker to US dollars, pickled.",
    toy="A toy: the people and their bills come out of a formula, so a prediction says nothing "
    "about anybody's insurance.",
    model="insurance.pkl",
    build=_build,
)
