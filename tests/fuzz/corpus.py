"""Small real models, artifacts and the files beside them: what a fuzzed input starts as."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edge_deploy import ConvertOptions, convert
from tests.support.models import randomize, third_party

COLUMNS = ("age", "height", "pet")
FEATURES = {
    "target": {"name": "kind", "unit": "cm", "min": 0, "max": 9},
    "features": [
        {"name": "age", "min": 0, "max": 99, "step": 1, "default": 40, "unit": "years"},
        {"name": "height", "missing": "value", "default": 170},
        {"name": "pet", "kind": "category", "categories": ["cat", "dog"], "encode": "ordinal"},
    ],
}
CARD = """---
license: mit
---
# Cats <b>and</b> dogs

Tells *cats* from [dogs](https://example.org "a title"). <!-- a draft -->

| column | meaning |
|-|-|
| age | in `years` |

- one ![picture](x.png)
  1. inner <https://example.org>

> ```js
> alert("code")
> ```

[ref]: https://example.org
## Limits &amp; risks [ref]
"""
SCRIPT = """\
import joblib
import numpy as np
import pandas as pd
scaler = joblib.load("scaler.pkl")
model = joblib.load("model.pkl")
NAMES = ["cat", "dog"]
frame = pd.read_csv("data.csv")
frame["ratio"] = frame["age"] / (frame["height"] + 1)
x = scaler.transform(frame[["age", "height", "pet"]])
def predict(age, height, pet="dog"):
    row = np.array([[float(age), float(height), {"cat": 0, "dog": 1}[pet]]])
    return NAMES[int(model.predict(scaler.transform(row))[0])]
"""


def build(folder: Path, whole: bool = True) -> Path:
    """Write the corpus: models, artifacts, data, reports, a site with versions and a project.

    Args:
        folder: Does not exist yet.
        whole: With the site and the project, which are not asked about in every test run.
    """
    for name in ("models", "artifacts", "data"):
        (folder / name).mkdir(parents=True)
    slow = (_site, _project) if whole else ()
    for write in (_estimators, _networks, _data, _artifacts, _reports, *slow):
        write(folder)
    return folder


def _table(rows: int = 40) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(rows, 3))
    x[:, 2] = x[:, 2] > 0
    return x, (x[:, 0] + x[:, 2] > 0.5).astype(int)


def _estimators(folder: Path) -> None:
    import joblib
    from catboost import CatBoostRegressor
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from skops import io as skops
    from xgboost import XGBRegressor

    models, (x, y) = folder / "models", _table()
    logistic = LogisticRegression().fit(x, y)
    forest = RandomForestClassifier(3, max_depth=3, random_state=0).fit(x, y)
    scaled = make_pipeline(StandardScaler(), SVC()).fit(x, y)
    words = ["a good day", "a bad day", "good dogs", "bad cats"] * 5
    texts = make_pipeline(CountVectorizer(), LogisticRegression()).fit(words, [1, 0, 1, 0] * 5)
    (models / "logistic.pkl").write_bytes(pickle.dumps(logistic))
    (models / "texts.pkl").write_bytes(pickle.dumps(texts, protocol=2))
    (models / "zipped.pkl").write_bytes(gzip.compress(pickle.dumps(logistic)))
    (models / "packed.pkl").write_bytes(bz2.compress(pickle.dumps(logistic)))
    joblib.dump(forest, models / "forest.joblib")
    joblib.dump(scaled, models / "scaled.joblib", compress=3)
    skops.dump(forest, models / "forest.skops")
    quick = dict(n_estimators=3, max_depth=2, random_state=0)
    (models / "xgb.pkl").write_bytes(pickle.dumps(XGBRegressor(**quick).fit(x, y)))
    boosted = LGBMClassifier(**quick, verbose=-1, min_child_samples=2).fit(x, y)
    (models / "lgbm.pkl").write_bytes(pickle.dumps(boosted))
    cat = CatBoostRegressor(3, depth=2, verbose=False, allow_writing_files=False).fit(x, y)
    cat.save_model(str(models / "cat.cbm"))
    cat.save_model(str(models / "cat.json"), format="json")


def _networks(folder: Path) -> None:
    import keras
    import tensorflow as tf
    import tf_keras

    models = folder / "models"
    with third_party():
        for library, name in ((tf_keras, "dense.h5"), (keras, "dense.keras")):
            layers = library.layers
            x = layers.Input((4,), name="x")
            inner = layers.Dense(3, activation="relu")(layers.Rescaling(0.5)(x))
            model = library.Model(x, layers.Dense(2, activation="softmax", name="y")(inner))
            randomize(model)
            model.save(str(models / name))
        tf.saved_model.save(model_of_variables(tf), str(models / "saved_model"))
    (models / "zip").mkdir()
    with zipfile.ZipFile(models / "zip/model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(models / "dense.h5", "keras_model.h5")
        archive.writestr("labels.txt", "0 cat\n1 dog\n")
    shutil.move(models / "zip/model.zip", models / "model.zip")
    (models / "zip").rmdir()


def model_of_variables(tf: Any) -> Any:
    """A module with a variable and a signature."""

    class Linear(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="w")

        @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")])
        def __call__(self, x: Any) -> Any:
            return {"y": tf.nn.softmax(x @ self.w)}

    return Linear()


def _data(folder: Path) -> None:
    data, (x, y) = folder / "data", _table(6)
    np.savez_compressed(data / "rows.npz", features=x.astype(np.float32), labels=y)
    np.save(data / "rows.npy", x.astype(np.float32))
    rows = [
        f"{a:.3f},{h:.3f},{('cat', 'dog')[int(p)]},{k}" for (a, h, p), k in zip(x, y, strict=True)
    ]
    (data / "rows.csv").write_text("\n".join([",".join((*COLUMNS, "label")), *rows]) + "\n")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8))
    for suffix in ("png", "jpg", "gif", "webp", "bmp"):
        picture.save(data / f"picture.{suffix}")
    beside = data / "beside"
    beside.mkdir()
    (beside / "labels.txt").write_text("0 cat\n1 dog\n")
    (beside / "features.json").write_text(json.dumps(FEATURES))
    spec = {"image": {"size": [4, 4], "resize": "bilinear", "crop": "center", "scale": 0.5}}
    (beside / "preprocessing.json").write_text(json.dumps(spec))
    shutil.copy(data / "rows.csv", beside / "reference.csv")


def _artifacts(folder: Path) -> None:
    import keras

    models, data, work = folder / "models", folder / "data", folder / "work"
    work.mkdir()
    shutil.copy(models / "logistic.pkl", work / "table.pkl")
    shutil.copy(data / "beside/features.json", work)
    shutil.copy(data / "rows.csv", work / "reference.csv")
    (work / "labels.txt").write_text("cat\ndog\n")
    (work / "MODEL_CARD.md").write_text(CARD)
    options = ConvertOptions(
        to=("tflite", "tfjs", "onnx"), quantize=("float32", "dynamic"), output=folder / "made"
    )
    _keep(convert(work / "table.pkl", options), folder / "artifacts/table")
    shutil.rmtree(work)
    (work / "reference").mkdir(parents=True)
    shutil.copy(data / "picture.png", work / "reference")
    x = keras.Input((8, 8, 3), name="picture")
    y = keras.layers.Dense(2, activation="softmax", name="kind")(
        keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(x))
    )
    with third_party():
        keras.Model(x, y).save(work / "picture.keras")
    options = ConvertOptions(
        to=("tflite", "onnx"), labels="cat,dog", preprocess="unit", output=folder / "made"
    )
    _keep(convert(work / "picture.keras", options), folder / "artifacts/picture")
    shutil.rmtree(work)
    work.mkdir()
    shutil.copy(models / "texts.pkl", work)
    options = ConvertOptions(to=("tflite", "onnx"), output=folder / "made")
    _keep(convert(work / "texts.pkl", options), folder / "artifacts/texts")
    shutil.rmtree(work)
    shutil.rmtree(folder / "made")


def _site(folder: Path) -> None:
    """A site of three versions, one of them a canary, and one that is not published yet."""
    from edge_deploy import promote, publish
    from edge_deploy.web import assets
    from tests.fuzz.kills import versioned

    (folder / "sites").mkdir()
    kept, assets.FOLDERS = assets.FOLDERS, ()  # not the page's runtimes
    for number in "1234":
        versioned(folder / "artifacts/table", folder / "versions" / number, number)
    for number, channel in (("1", "stable"), ("2", "canary"), ("3", "canary")):
        publish(folder / "versions" / number, folder / "sites/site", channel=channel, by="A")
        if number == "2":
            promote(folder / "sites/site", "table", by="A")
    assets.FOLDERS = kept


def _reports(folder: Path) -> None:
    from edge_deploy.web.monitoring.store import ReportStore
    from edge_deploy.web.monitoring.visit_report import parse
    from tests.support.visits import as_bytes, report, shadow, visit

    reports = folder / "reports"
    reports.mkdir()
    columns = [{"name": "age", "inputs": 3, "outside": 1}]
    sent = as_bytes(report(visit(columns=columns, shadow=shadow())))
    (reports / "visit.json").write_bytes(sent)
    with ReportStore(reports / "visits.db", 1 << 20) as store:
        for _ in range(5):
            store.add(parse(as_bytes(report(visit()))), date(2026, 1, 1))
        store.add(parse(sent), date(2026, 1, 2))
    # What is committed lies beside the file until it is folded in.
    with closing(sqlite3.connect(reports / "visits.db")) as database:
        database.execute("PRAGMA journal_mode = DELETE")


def _project(folder: Path) -> None:
    """A model with its scaler, a table, a script and a notebook that use them, and a recipe."""
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    from edge_deploy import init

    project = folder / "projects/churn"
    project.mkdir(parents=True)
    x, y = _table()
    scaler = StandardScaler().fit(x)
    joblib.dump(scaler, project / "scaler.pkl")
    joblib.dump(LogisticRegression().fit(scaler.transform(x), y), project / "model.pkl")
    rows = [",".join(map(str, (*row, answer))) for row, answer in zip(x, y, strict=True)]
    (project / "data.csv").write_text("\n".join([",".join((*COLUMNS, "label")), *rows]))
    (project / "app.py").write_text(SCRIPT)
    (project / "labels.txt").write_text("0 cat\n1 dog\n")
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": SCRIPT.splitlines(True)}
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (project / "train.ipynb").write_text(json.dumps(notebook))
    init(project)


def _keep(done: Any, place: Path) -> None:
    shutil.move(done.artifact.folder, place)
