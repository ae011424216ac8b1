"""House prices by a formula, under the thirteen column names of the Boston housing data.

scikit-learn removed that data set in 1.2 for its column B, which encodes the share of Black
inhabitants of a town and had been put in on the assumption that segregation raises prices. Many
models in use take its thirteen columns, so ours do too; but every number here is made up, B is
drawn by itself, and the price does not depend on it.

Each of the 506 towns lies somewhere from u = 0 (countryside) to u = 1 (inner city); its columns
follow u as ``_towns`` says, and

    price = 34 + 4 * (RM - 6.3) + 2 * (RM - 6.3)^2 - 0.45 * LSTAT - 0.6 * (PTRATIO - 15)
            - 15 * (NOX - 0.4) - 0.08 * CRIM + 2.7 * CHAS + noise

in thousands of dollars, from 5 to 50, the noise normal with a standard deviation of 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_deploy.core.spec import Array

_TOWNS = 506
_SHOWN = 100  # held-out rows that become the reference

# Name, least, most, step of the form, decimals that the data have.
COLUMNS: tuple[tuple[str, float, float, float, int], ...] = (
    ("CRIM", 0.01, 89.0, 0.01, 2),
    ("ZN", 0.0, 100.0, 0.5, 1),
    ("INDUS", 0.5, 28.0, 0.01, 2),
    ("CHAS", 0.0, 1.0, 1.0, 0),
    ("NOX", 0.38, 0.87, 0.001, 3),
    ("RM", 3.5, 8.8, 0.001, 3),
    ("AGE", 3.0, 100.0, 0.1, 1),
    ("DIS", 1.1, 12.1, 0.01, 2),
    ("RAD", 1.0, 24.0, 1.0, 0),
    ("TAX", 187.0, 711.0, 1.0, 0),
    ("PTRATIO", 12.6, 22.0, 0.1, 1),
    ("B", 0.0, 397.0, 0.1, 1),
    ("LSTAT", 1.7, 38.0, 0.01, 2),
)


def make(rng: Any) -> tuple[Array, Array]:
    """Towns and prices: float64 (506, 13) and (506,), in thousands of dollars."""
    import numpy as np

    towns = _towns(rng)
    x = np.stack(
        [
            np.clip(towns[name], low, high).round(decimals)
            for name, low, high, _, decimals in COLUMNS
        ],
        axis=1,
    )
    column = dict(zip((name for name, *_ in COLUMNS), x.T, strict=True))
    rooms = column["RM"] - 6.3
    price = (
        34
        + 4 * rooms
        + 2 * rooms**2
        - 0.45 * column["LSTAT"]
        - 0.6 * (column["PTRATIO"] - 15)
        - 15 * (column["NOX"] - 0.4)
        - 0.08 * column["CRIM"]
        + 2.7 * column["CHAS"]
        + rng.normal(0, 2, _TOWNS)
    )
    return x, np.clip(price, 5, 50).round(1)


def _towns(rng: Any) -> dict[str, Array]:
    import numpy as np

    u = rng.beta(1.1, 1.3, _TOWNS)

    def noise(deviation: float) -> Array:
        drawn: Array = rng.normal(0, deviation, _TOWNS)
        return drawn

    rooms = 6.45 - 0.3 * u + noise(0.65)
    return {
        "CRIM": np.exp(-3 + 5 * u + noise(0.9)),
        "ZN": 45 - 100 * u + noise(18),
        "INDUS": 2 + 18 * u + noise(3),
        "CHAS": (rng.random(_TOWNS) < 0.07).astype(float),
        "NOX": 0.41 + 0.3 * u + noise(0.04),
        "RM": rooms,
        "AGE": 25 + 75 * u + noise(14),
        "DIS": 8 * np.exp(-1.7 * u) + noise(0.6),
        "RAD": np.where(u > 0.68, 24.0, np.round(1 + 9 * u)),
        "TAX": np.where(u > 0.68, 666.0, 235 + 240 * u + noise(35)),
        "PTRATIO": 15.8 + 4.5 * u + noise(1.4),
        "B": 397 - rng.exponential(30, _TOWNS),
        "LSTAT": np.exp(1.75 + 1.25 * u + noise(0.3)) - 3 * (rooms - 6.3),
    }


def write_side_files(folder: Path, x: Array, price: Array) -> None:
    """Write features.json and reference.csv.

    Args:
        folder: Where the model lies.
        x: Held-out towns.
        price: Their prices.
    """
    from edge_deploy.examples import folders

    middle = _medians(x)
    features = [
        folders.number(name, low, high, step, round(middle[number], decimals))
        for number, (name, low, high, step, decimals) in enumerate(COLUMNS)
    ]
    target = {"name": "price", "unit": "1,000 USD", "min": 0, "max": 50}
    folders.write_json(folder / "features.json", {"features": features, "target": target})
    columns = {
        name: [f"{value:.{decimals}f}" for value in x[:_SHOWN, number]]
        for number, (name, _, _, _, decimals) in enumerate(COLUMNS)
    }
    folders.write_reference(folder, columns, price[:_SHOWN].tolist())


def _medians(x: Array) -> list[float]:
    import numpy as np

    return [float(value) for value in np.median(x, axis=0)]
