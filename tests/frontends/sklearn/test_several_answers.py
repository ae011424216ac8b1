"""Classifiers of several targets: each has a class and shares of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends.sklearn import loader
from edge_deploy.web.browser import Browser
from tests.support.three_targets import read, same_in_three_targets

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
MARKS = np.stack([X[:, 0] > 0, X[:, 1] + X[:, 2] > 0.5, X[:, 3] > -0.5], axis=1).astype(int)
WORDS = np.stack(
    [np.where(X[:, 0] > 0, "buys", "waits"), np.array(["low", "mid", "high"])[MARKS[:, 1:].sum(1)]],
    axis=1,
)
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(city=np.where(X[:, 0] > 0, "Rome", "Oslo"))


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(5, max_depth=4, random_state=0)


MODELS: dict[str, tuple[Callable[[], Any], Any, list[str]]] = {
    "one each": (lambda: MultiOutputClassifier(LogisticRegression()), WORDS, ["probabilities"] * 2),
    "one each, of scores": (lambda: MultiOutputClassifier(LinearSVC()), MARKS, [""] * 3),
    "pipelines": (
        lambda: MultiOutputClassifier(make_pipeline(StandardScaler(), forest())),
        WORDS, ["probabilities"] * 2,
    ),
    "tree": (lambda: DecisionTreeClassifier(max_depth=4), WORDS, ["probabilities"] * 2),
    "forest": (forest, WORDS, ["probabilities"] * 2),
    "extra trees": (lambda: ExtraTreesClassifier(5), MARKS, ["probabilities"] * 3),
    "neighbours": (lambda: KNeighborsClassifier(3), WORDS, ["probabilities"] * 2),
    "neighbours by distance": (
        lambda: KNeighborsClassifier(5, weights="distance"), MARKS, ["probabilities"] * 3,
    ),
    "chain": (
        lambda: ClassifierChain(LogisticRegression(), order=[2, 0, 1]),
        MARKS, ["probabilities"] * 3,
    ),
    "chain of shares": (
        lambda: ClassifierChain(LogisticRegression(), chain_method="predict_proba"),
        MARKS, ["probabilities"] * 3,
    ),
    "chain of decisions": (
        lambda: ClassifierChain(LinearSVC(), chain_method="decision_function"),
        MARKS, ["scores"] * 3,
    ),
    "one against the rest": (
        lambda: OneVsRestClassifier(LogisticRegression()), MARKS, ["probabilities"] * 3,
    ),
    "rest of trees": (lambda: OneVsRestClassifier(forest()), MARKS, ["probabilities"] * 3),
    "network": (
        lambda: MLPClassifier((8,), tol=0.05, random_state=0), MARKS, ["probabilities"] * 3,
    ),
    "ridge": (RidgeClassifier, MARKS, ["scores"] * 3),
}  # fmt: skip


@pytest.mark.parametrize("row", MODELS)
def test_each_target_has_its_own_answer(row: str, tmp_path: Path) -> None:
    make, targets, shares = MODELS[row]
    fitted = make_pipeline(StandardScaler(), make().fit(StandardScaler().fit_transform(X), targets))
    fitted.steps[0][1].fit(X)
    joblib.dump(fitted, tmp_path / "model.joblib")
    model = loader.load(tmp_path / "model.joblib", LoadOptions())
    names = [f"{kind}_{n}" for n, share in enumerate(shares) for kind in ("class", share) if kind]
    assert [one.name for one in model.spec.outputs] == names
    x = RNG.normal(size=(64, 4)).astype(np.float32)
    given, lowered = model.predict({"features": x}), model.function({"features": x})
    said = np.asarray(fitted.predict(shortest_decimals(x)))
    for output in model.spec.outputs:
        value = np.asarray(lowered[output.name])
        np.testing.assert_allclose(given[output.name], value, atol=1e-5, err_msg=output.name)
        if output.kind == "class":
            n = int(output.name.rpartition("_")[2])
            labels = [(output.classes or ())[place] for place in value]
            assert labels == [str(one).removesuffix(".0") for one in said[:, n]]
            assert set(output.classes or ()) == {str(one) for one in np.unique(targets[:, n])}


def test_answers_are_called_as_the_columns_of_their_true_answers(tmp_path: Path) -> None:
    import edge_deploy

    joblib.dump(MultiOutputClassifier(forest()).fit(X, WORDS), tmp_path / "model.joblib")
    data = pd.DataFrame(X, columns=list("abcd")).assign(deed=WORDS[:, 0], level=WORDS[:, 1])
    data.to_csv(tmp_path / "data.csv", index=False)
    done = edge_deploy.convert(
        tmp_path / "model.joblib", reference=tmp_path / "data.csv", label_column="deed,level",
        output=tmp_path, to=["onnx"],
    )  # fmt: skip
    assert [(one.name, one.label) for one in done.manifest.outputs] == [
        ("class_0", "deed"), ("probabilities_0", "deed"),
        ("class_1", "level"), ("probabilities_1", "level"),
    ]  # fmt: skip
    assert done.artifact is not None
    (answer,) = edge_deploy.run(done.artifact.folder, X[:1].astype(np.float32))
    assert {one["called"] for one in answer.outputs.values()} == {"deed", "level"}


def test_frame_in_three_targets(browser: Browser) -> None:
    columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    fitted = make_pipeline(columns, MultiOutputClassifier(forest())).fit(FRAME, WORDS)
    model = read(fitted)
    x = np.concatenate([X[:40], RNG.integers(0, 2, (40, 1))], axis=1).astype(np.float32)
    same_in_three_targets(model, x, browser)
