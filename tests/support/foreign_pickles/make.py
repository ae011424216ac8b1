"""Writes the pickles of this folder; run in an environment with the packages that are wanted.

    python make.py pandas LABEL      with pandas and scikit-learn (and pyarrow, dill)
    python make.py encoders LABEL    with category_encoders
    python make.py imblearn LABEL    with imbalanced-learn

What was there then is in ``versions.json``. The tests never run this: they read what it wrote.
"""

import json
import pickle
import sys
import zipfile
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


ASKED = pd.DataFrame(
    {
        "age": [21.0, 50.0, 33.0, 40.0, 61.0],
        "city": ["Rome", "Paris", np.nan, "Oslo", "Bern"],
        "visits": [3.0, 1.0, 2.0, 4.0, 0.0],
        "plan": ["a", "b", "c", np.nan, "x"],
    }
)
"""What every model with categories is asked: known ones, a missing one, and one that is new."""


def keep(name, label, model, rows):
    """A model, the rows that it was asked, and its answers."""
    ask = getattr(model, "predict_proba", model.predict)
    given = rows.astype(object).where(rows.notna(), None).to_dict("records")
    told = {"rows": given, "answers": [np.ravel(one).tolist() for one in ask(rows)]}
    with zipfile.ZipFile(HERE / f"{label}.zip", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.json", json.dumps(told))
        archive.writestr(f"{name}.pkl", pickle.dumps(model, protocol=4))


def of_encoders(label):
    """Each encoder before a regression; the policies that are not the default, too."""
    import category_encoders as ce
    from sklearn.linear_model import Ridge

    people = PEOPLE.assign(plan=["a", "b", "a", "c"] * 4 + ["b", "b", "c", "a"])
    people.loc[[3, 9], "city"] = np.nan
    target = pd.Series([1.0, 0.0, 2.0, 1.5, 0.5] * 4)
    wanted = {
        "ordinal": ce.OrdinalEncoder(),
        "onehot": ce.OneHotEncoder(),
        "binary": ce.BinaryEncoder(),
        "target": ce.TargetEncoder(min_samples_leaf=2, smoothing=1.0),
        "count": ce.CountEncoder(),
        "leaveoneout": ce.LeaveOneOutEncoder(),
        "catboost": ce.CatBoostEncoder(),
        "jamesstein": ce.JamesSteinEncoder(),
        "indicator": ce.OneHotEncoder(
            use_cat_names=True, handle_unknown="indicator", handle_missing="indicator"
        ),
    }
    for name, encoder in wanted.items():
        try:
            model = make_pipeline(encoder, Ridge()).fit(people, target)
            keep(name, label, model, ASKED)
        except Exception as error:
            print(name, label, repr(error)[:200])
    inside = ColumnTransformer(
        [("n", StandardScaler(), ["age", "visits"]), ("c", ce.TargetEncoder(), ["city", "plan"])]
    )
    keep("inside", label, make_pipeline(inside, Ridge()).fit(people, target), ASKED)
    strict = ce.OrdinalEncoder(handle_unknown="error", handle_missing="error")
    filled = people.assign(city=people["city"].fillna("Rome"))
    keep("strict", label, make_pipeline(strict, Ridge()).fit(filled, target), ASKED.head(1))
    note(label, ce, pd, np, sklearn)


def of_imblearn(label):
    """Pipelines with samplers, and the ensembles of imbalanced-learn."""
    import imblearn
    from imblearn import combine, ensemble, over_sampling, pipeline, under_sampling
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 3)), columns=["age", "income", "visits"]).round(3)
    bought = ((table["age"] + table["income"]) > 1.0).astype(int)
    city = np.where(table["visits"] > 0, "Rome", "Oslo")
    rows = table.head(5).reset_index(drop=True)

    def piped(*steps):
        return pipeline.make_pipeline(*steps, LogisticRegression())

    columns = ColumnTransformer(
        [("n", StandardScaler(), list(table)), ("c", OneHotEncoder(), ["city"])]
    )
    wanted = {
        "smote": piped(StandardScaler(), over_sampling.SMOTE(random_state=0)),
        "adasyn": piped(over_sampling.ADASYN(random_state=0), StandardScaler()),
        "undersampled": piped(under_sampling.RandomUnderSampler(random_state=0)),
        "smoteenn": piped(StandardScaler(), combine.SMOTEENN(random_state=0)),
        "smotetomek": piped(combine.SMOTETomek(random_state=0)),
        "tomek": piped(under_sampling.TomekLinks()),
        "balancedforest": ensemble.BalancedRandomForestClassifier(
            n_estimators=3, max_depth=3, random_state=0
        ),
        "easyensemble": ensemble.EasyEnsembleClassifier(
            2, AdaBoostClassifier(n_estimators=3), random_state=0
        ),
        "balancedbagging": ensemble.BalancedBaggingClassifier(
            DecisionTreeClassifier(max_depth=3), n_estimators=2, random_state=0
        ),
        "rusboost": ensemble.RUSBoostClassifier(n_estimators=3, random_state=0),
    }
    for name, model in wanted.items():
        keep(name, label, model.fit(table, bought), rows)
    frame = table.assign(city=city)
    whole = piped(columns, over_sampling.SMOTE(random_state=0)).fit(frame, bought)
    keep("columns", label, whole, frame.head(5).reset_index(drop=True))
    note(label, imblearn, np, sklearn)


if __name__ == "__main__":
    {"pandas": of_pandas, "encoders": of_encoders, "imblearn": of_imblearn}[sys.argv[1]](
        sys.argv[2]
    )
