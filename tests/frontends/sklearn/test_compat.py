"""Files of scikit-learn 0.20 to 1.2 are read, give the answers they gave, and convert."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import KernelPCA
from sklearn.impute import KNNImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from edge_deploy.core.errors import SourceError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends.sklearn.loader import load
from edge_deploy.frontends.sklearn.safe_pickle.loader import load_pickle
from edge_deploy.frontends.sklearn.skops import load_skops
from tests.support.old_pickles import VERSIONS, Once, write
from tests.support.sklearn_models import classes, regression, with_gaps

MODELS: dict[str, Callable[[], Any]] = {
    "tree": lambda: tree.DecisionTreeClassifier(random_state=0).fit(*classes(4)),
    "forest": lambda: ensemble.RandomForestClassifier(
        10, class_weight="balanced", random_state=0
    ).fit(*classes(2)),
    "boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=10).fit(*classes(2)),
    "boosting, 4": lambda: ensemble.GradientBoostingClassifier(n_estimators=5).fit(*classes(4)),
    "boosting of values": lambda: ensemble.GradientBoostingRegressor(n_estimators=10).fit(
        *regression()
    ),
    "forest of values": lambda: ensemble.ExtraTreesRegressor(5).fit(*regression(2)),
    "line": lambda: make_pipeline(StandardScaler(), linear_model.LogisticRegression()).fit(
        *classes(4)
    ),
    "neighbours": lambda: neighbors.KNeighborsClassifier(3).fit(*classes(2)),
    "naive Bayes": lambda: make_pipeline(MinMaxScaler(), naive_bayes.GaussianNB()).fit(*classes(4)),
    "support": lambda: svm.SVC(C=3).fit(*classes(4)),
    "support, probabilities": lambda: svm.SVC(probability=True, random_state=0).fit(*classes(4)),
    "kernels": lambda: make_pipeline(
        KernelPCA(4, kernel="rbf"), linear_model.LogisticRegression()
    ).fit(*classes(2)),
    "waves": lambda: make_pipeline(
        RBFSampler(random_state=0), linear_model.LogisticRegression()
    ).fit(*classes(2)),
    "gaps filled": lambda: make_pipeline(KNNImputer(), linear_model.LogisticRegression()).fit(
        *with_gaps(classes(2))
    ),
    "network": lambda: neural_network.MLPClassifier((6,), max_iter=50).fit(*classes(2)),
}  # fmt: skip
X = np.random.default_rng(1).normal(0, 2, (200, 5)).astype(np.float32)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("row", MODELS)
def test_old_file_answers_as_it_did(row: str, version: str) -> None:
    model = MODELS[row]()
    read, notes = load_pickle(write(Path("model.pkl"), model, version))
    assert notes[0].startswith(f"saved by scikit-learn {version}, ")
    assert (read.predict(X) == model.predict(X)).all()
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(read.predict_proba(X), model.predict_proba(X), atol=1e-12)


LOSSES: dict[str, Callable[[], Any]] = {
    "two classes": lambda: ensemble.HistGradientBoostingClassifier(max_iter=3).fit(*classes(2)),
    "four classes": lambda: ensemble.HistGradientBoostingClassifier(max_iter=3).fit(*classes(4)),
    "a quantile": lambda: ensemble.HistGradientBoostingRegressor(
        loss="quantile", quantile=0.7, max_iter=3
    ).fit(*regression()),
    "boosting": MODELS["boosting"],
}


@pytest.mark.parametrize("version", ["1.3.2", "1.5.2"])
@pytest.mark.parametrize("row", LOSSES)
def test_compiled_loss_is_read_as_it_was_written(row: str, version: str) -> None:
    """By a function of Cython's that is gone, from a module that 1.5 called ``_loss``."""
    model = LOSSES[row]()
    path = write(Path("model.pkl"), model, version)
    assert (b"__pyx_unpickle_Cy" in path.read_bytes()) != ((row, version) == ("boosting", "1.3.2"))
    read, _ = load_pickle(path)
    assert type(read._loss) is type(model._loss)
    np.testing.assert_array_equal(read.predict(X), model.predict(X))
    got = load(path, LoadOptions()).predict({"features": X.astype(np.float32)})
    answer = got["probabilities"] if "probabilities" in got else got["value"][:, 0]
    wanted = getattr(model, "predict_proba", model.predict)(X)
    np.testing.assert_allclose(answer, wanted, atol=1e-6)


def as_of_1_2(data: bytes) -> bytes:
    """An array of a tree as it was: nodes said nothing of missing values, leaves held weights."""
    array = np.load(io.BytesIO(data))
    names = [name for name in array.dtype.names or () if name != "missing_go_to_left"]
    if names:
        whole, array = array, np.empty(array.shape, [(n, array.dtype[n]) for n in names])
        for name in names:
            array[name] = whole[name]
    elif array.ndim == 3:
        array = array * 37.0
    written = io.BytesIO()
    np.save(written, array)
    return written.getvalue()


def test_trees_in_an_old_skops_file_answer_as_they_did() -> None:
    model = ensemble.RandomForestClassifier(5, max_depth=4, random_state=0).fit(*classes(4))
    skops.io.dump(model, "new.skops")
    with zipfile.ZipFile("new.skops") as new, zipfile.ZipFile("old.skops", "w") as old:
        for name in new.namelist():
            data = new.read(name)
            old.writestr(name, as_of_1_2(data) if name.endswith(".npy") else data)
    read, _ = load_skops(Path("old.skops"), trust=False)
    np.testing.assert_allclose(read.predict_proba(X), model.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("version", ["0.24.2", "1.2.2"])
def test_categories_of_boosting_before_it_encoded_them(version: str) -> None:
    """Before 1.4 they had to be codes, which were looked at as they came."""
    x, y = classes(2)
    x[:, 0] = np.random.default_rng(0).integers(0, 20, len(x))
    x[::9, 0] = np.nan
    y = np.where(np.isin(x[:, 0], [1, 5, 6, 17]), y[0], y)
    model = ensemble.HistGradientBoostingClassifier(
        max_iter=10, categorical_features=[0], min_samples_leaf=5
    ).fit(x, y)
    given = X.copy()
    given[:, 0] = np.random.default_rng(1).integers(-1, 30, len(X))
    given[::5, 0] = np.nan
    wanted = model.predict_proba(given)
    model._preprocessor = None
    del model._is_categorical_remapped
    path = write(Path("model.pkl"), model, version)
    read, _ = load_pickle(path)
    np.testing.assert_allclose(read.predict_proba(given), wanted, atol=1e-12)
    got = load(path, LoadOptions()).function({"features": given})
    np.testing.assert_allclose(got["probabilities"], wanted, atol=1e-6)


def test_columns_that_were_left_are_read_as_1_5_wrote_them() -> None:
    x, y = classes(2)
    model = make_pipeline(
        ColumnTransformer([("scaled", StandardScaler(), [1, 3])], remainder="passthrough"),
        linear_model.LogisticRegression(),
    ).fit(x, y)
    wanted = model.predict_proba(X)
    shaped = model[0]
    left = shaped.transformers_[-1]
    home = "sklearn.compose._column_transformer"
    columns = Once(home, "_RemainderColsList", data=list(left[2]), future_dtype=None)
    shaped.transformers_[-1] = shaped._remainder = (*left[:2], columns)
    read, _ = load_pickle(write(Path("model.pkl"), model, "1.5.2"))
    np.testing.assert_allclose(read.predict_proba(X), wanted, atol=1e-12)
    assert load(Path("model.pkl"), LoadOptions()).spec.inputs[0].shape == (None, 5)


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS[1:])
@pytest.mark.parametrize("row", ["tree", "forest", "boosting"])
def test_old_file_converts_and_verifies(row: str, version: str) -> None:
    from edge_deploy import ConvertOptions, convert, verify

    model = MODELS[row]()
    folder = convert(
        write(Path("model.pkl"), model, version), ConvertOptions(samples=100)
    ).artifact.folder
    report = verify(folder)
    assert [verdict.status for verdict in report.verdicts] == ["pass"] * 4
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["reference"]["answers"] == "original"
    with np.load(folder / "reference.npz") as reference:
        want = model.predict_proba(reference["in:features"])
        np.testing.assert_allclose(reference["out:probabilities"], want, atol=1e-12)


def samme_r(model: Any, x: np.ndarray) -> np.ndarray:
    """AdaBoostClassifier.predict_proba of scikit-learn 1.5 with algorithm='SAMME.R'."""
    count, total = len(model.classes_), 0.0
    for one in model.estimators_:
        logs = np.log(np.clip(one.predict_proba(x), np.finfo(float).eps, None))
        total = total + (count - 1) * (logs - logs.mean(axis=1, keepdims=True))
    decision = total / model.estimator_weights_.sum()
    if count == 2:
        d = decision[:, 1] - decision[:, 0]
        decision = np.stack([-d, d], axis=1) / 2
    else:
        decision = decision / (count - 1)
    shares = np.exp(decision - decision.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_what_can_no_longer_predict_converts_by_its_formula(count: int) -> None:
    from edge_deploy import ConvertOptions, convert

    base = tree.DecisionTreeClassifier(max_depth=2)
    model = ensemble.AdaBoostClassifier(base, n_estimators=7, random_state=0).fit(*classes(count))
    model.estimator_weights_[:] = 1.0
    path = write(Path("model.pkl"), model, "0.24.2")
    done = convert(path, ConvertOptions(to=("tflite",), samples=100))
    assert [verdict.status for verdict in done.verdicts] == ["pass"]
    assert done.manifest.reference.answers == "lowering"
    assert any("cannot predict with this model" in note for note in done.notes)
    with np.load(done.artifact.folder / "reference.npz") as reference:
        assert reference["out:probabilities"].dtype == np.float64
        want = samme_r(model, reference["in:features"])
        np.testing.assert_allclose(reference["out:probabilities"], want, atol=1e-12)


@pytest.mark.slow
def test_class_that_is_gone_converts_by_its_arrays() -> None:
    model = linear_model.LinearRegression().fit(*regression())
    gone = Once("sklearn.linear_model.gone", "LinearRegression", **vars(model))
    # A class of this name is there today, so it is found; one of another name is not.
    assert type(load_pickle(write(Path("a.pkl"), gone, "0.20.4"))[0]).__module__.endswith("._base")
    gone = Once("sklearn.svm.gone", "Ridge", **vars(model), _sklearn_version="0.20.4")
    loaded = load(write(Path("b.pkl"), gone, "0.20.4"), LoadOptions())
    assert loaded.answers == "lowering"
    got = loaded.predict({"features": X})["value"][:, 0]
    np.testing.assert_allclose(got, model.predict(X.astype(np.float64)), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("child", [-7, 0, 10**6])
def test_forged_tree_is_refused(child: int) -> None:
    model = MODELS["tree"]()
    make, given, state = model.tree_.__reduce__()
    state["nodes"]["left_child"][0] = child if child >= 0 else 1
    state["nodes"]["right_child"][0] = child
    model.tree_ = make(*given)
    model.tree_.__setstate__(state)
    with pytest.raises(SourceError, match=r"do not fit together \(a node's children\)"):
        load(write(Path("model.pkl"), model, "1.2.2"), LoadOptions())
