"""Writes the pickles of this folder; run in an environment with the packages that are wanted.

    python make.py pandas LABEL      with pandas and scikit-learn (and pyarrow, dill)

What was there then is in ``versions.json``. The tests never run this: they read what it wrote.
"""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
PEOPLE = pd.DataFrame(
    {
        "age": [21.0, 35.0, 48.0, 62.0] * 5,
        "city": ["Rome", "Oslo", "Rome", "Bern"] * 5,
        "visits": [3.0, 1.0, 2.0, 5.0] * 5,
    }
)
BOUGHT = [0, 1, 1, 0] * 5


def note(label, *modules):
    path = HERE / "versions.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[label] = {module.__name__: module.__version__ for module in modules}
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def of_pandas(label):
    """Objects of pandas, and a pipeline whose columns an Index and a Series choose."""
    frame = pd.DataFrame(
        {
            "a": [1, 2, 3],
            "b": [1.5, np.nan, 2.0],
            "c": ["x", None, "y"],
            "d": pd.Categorical(["u", "v", "u"]),
            "e": pd.array([1, None, 2], dtype="Int64"),
        }
    )
    objects = {
        "frame": frame,
        "by c": frame.set_index("c"),
        "text": frame["c"],
        "categories": frame["d"],
        "map": pd.Series([1, 2, -2], index=["x", "y", np.nan], name="codes"),
        "two levels": frame.set_index(["a", "d"]).index,
        "days": pd.date_range("2020-01-01", periods=2),
        "numbers": pd.Index([0.5, 4.0]),
        "range": pd.RangeIndex(2, 8, 3),
        "square": pd.DataFrame(np.arange(6).reshape(2, 3)),
    }
    (HERE / f"objects_{label}.pkl").write_bytes(pickle.dumps(objects, protocol=4))
    steps = [
        ("n", StandardScaler(), PEOPLE.select_dtypes("number").columns),
        ("c", OneHotEncoder(handle_unknown="ignore"), pd.Series(["city"])),
    ]
    model = make_pipeline(ColumnTransformer(steps), LogisticRegression()).fit(PEOPLE, BOUGHT)
    (HERE / f"columns_{label}.pkl").write_bytes(pickle.dumps(model, protocol=4))
    try:
        import dill
    except ImportError:
        pass
    else:
        (HERE / f"dilled_{label}.pkl").write_bytes(dill.dumps(model, protocol=4))
    note(label, pd, np, sklearn)


if __name__ == "__main__":
    {"pandas": of_pandas}[sys.argv[1]](sys.argv[2])
