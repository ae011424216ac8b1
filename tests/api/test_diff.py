"""Two versions beside each other: the same numbers as by hand, what changed, and the gate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.api.diff import to_html
from edge_deploy.core.errors import UsageError
from edge_deploy.verification import version_diff
from edge_deploy.web.releases import read_releases
from tests.api.test_demo import make_artifact

pytestmark = pytest.mark.slow

NAMES = list("abcdef")


@pytest.fixture(scope="module")
def forests(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Two forests, and 1,000 labelled rows that neither has seen."""
    import pandas as pd
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier

    root = tmp_path_factory.mktemp("forests")
    x, y = make_classification(2000, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0)
    frame = pd.DataFrame(x.astype(np.float32), columns=NAMES)
    truth = np.asarray(["low", "mid", "high"])[y]
    frame[1000:].assign(label=truth[1000:]).to_csv(root / "test.csv", index=False)
    models = {}
    for version, trees in (("1", 3), ("2", 30)):
        models[version] = RandomForestClassifier(trees, max_depth=6, random_state=0).fit(
            frame[:1000], truth[:1000]
        )
        edge_deploy.convert(
            models[version], reference=root / "test.csv", samples=50, to=("tflite",),
            name="forest", version=version, output=root,
        )  # fmt: skip
    return root, models


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Two regressions, of which the second is worse."""
    from sklearn.linear_model import LinearRegression, Ridge

    root = tmp_path_factory.mktemp("lines")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)).astype(np.float32)
    y = x @ [3.0, -2.0, 1.0] + rng.normal(0, 0.3, 400)
    np.savez(root / "test.npz", x=x[200:], labels=y[200:])
    models = {"1": LinearRegression().fit(x[:200], y[:200]), "2": Ridge(60).fit(x[:200], y[:200])}
    for version, model in models.items():
        edge_deploy.convert(
            model, reference=root / "test.npz", samples=200, to=("tflite", "tfjs"),
            name="line", version=version, output=root,
        )  # fmt: skip
    return root, models


def test_forests_have_the_numbers_of_scikit_learn(forests: Any, tmp_path: Path) -> None:
    import pandas as pd
    from sklearn.metrics import accuracy_score

    root, models = forests
    found = edge_deploy.diff(
        root / "forest/1", root / "forest/2",
        reference=root / "test.csv", page=tmp_path / "diff.html",
    )  # fmt: skip
    data = pd.read_csv(root / "test.csv", dtype=dict.fromkeys(NAMES, np.float32))
    old, new = (models[version].predict(data[NAMES]) for version in "12")
    answers = found.answers
    assert answers is not None and answers.figure is not None
    assert answers.samples == 1000
    assert answers.agreement == pytest.approx((old == new).mean())
    figure = answers.figure
    assert (figure.name, figure.before, figure.after) == (
        "accuracy",
        pytest.approx(accuracy_score(data.label, old)),
        pytest.approx(accuracy_score(data.label, new)),
    )
    assert figure.low <= figure.after - figure.before <= figure.high
    assert "McNemar" in figure.method
    changed = np.flatnonzero(old != new)
    assert [(one.index, one.old, one.new, one.true) for one in answers.changed] == [
        (n, old[n], new[n], data.label[n]) for n in changed
    ]
    row = found.rows[int(changed[0])]
    assert float(row["a"]) == pytest.approx(data["a"][changed[0]], rel=1e-5)
    assert found.changes == ()
    assert found.new.bytes > found.old.bytes
    assert found.new.median_ms is not None and found.new.median_ms > 0
    html = (tmp_path / "diff.html").read_text()
    assert f"<td>{changed[0] + 1}: a=" in html
    assert html == to_html(found)


def test_regressions_have_the_numbers_of_numpy(lines: Any) -> None:
    root, models = lines
    found = edge_deploy.diff(root / "line/1", root / "line/2", reference=root / "test.npz")
    data = np.load(root / "test.npz")
    errors = [models[version].predict(data["x"]) - data["labels"] for version in "12"]
    expected = [float(np.sqrt(np.mean(one**2))) for one in errors]
    answers = found.answers
    assert answers is not None and answers.figure is not None and answers.drop is not None
    assert (answers.figure.before, answers.figure.after) == pytest.approx(expected, rel=1e-4)
    assert 0 < answers.figure.low < expected[1] - expected[0] < answers.figure.high
    assert "bootstrap" in answers.figure.method
    scores = [model.score(data["x"], data["labels"]) for model in models.values()]
    assert answers.drop == pytest.approx(scores[0] - scores[1], abs=1e-4)
    far = np.abs(errors[0] - errors[1])
    assert answers.changed[0].index == int(far.argmax())


def test_without_data_the_samples_of_the_new_artifact_are_asked(lines: Any) -> None:
    root, _ = lines
    found = edge_deploy.diff(root / "line/1", root / "line/2")
    assert found.answers is not None and found.answers.samples == 200
    assert found.answers.figure is not None


def test_files_of_a_page_alone_are_asked_in_a_browser(tmp_path: Path) -> None:
    made = [make_artifact(tmp_path / "made", "costs", version=version) for version in "12"]
    found = edge_deploy.diff(*made)
    with np.load(made[1] / "reference.npz") as data:
        x, y = data["in:x"], data["out:y"]
    weights = np.frombuffer((made[0] / "tfjs/float32/group1-shard1of1.bin").read_bytes(), "<f4")
    old = x @ weights[:3] + weights[3]
    assert found.answers is not None and found.old.path.startswith("tfjs/")
    near = np.abs(old - y[:, 0]) <= 0.01 * np.abs(old).max()
    assert found.answers.agreement == pytest.approx(near.mean())
    assert found.old.median_ms is not None and found.old.median_ms > 0


@pytest.mark.parametrize(("max_drop", "passed"), [(0.0, False), (0.9, True)])
def test_a_budget_is_kept_or_is_not(lines: Any, max_drop: float, passed: bool) -> None:
    root, _ = lines
    asked = (root / "line/1", root / "line/2")
    assert edge_deploy.diff(*asked, max_drop=max_drop).passed is passed
    assert edge_deploy.diff(*reversed(asked), max_drop=max_drop).passed


def edited(artifact: Path, folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """An artifact whose manifest says something else."""
    shutil.copytree(artifact, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    edit(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "labels": (
        lambda m: [
            one.update(classes=["high", "low", "medium"]) for one in m["outputs"] if one["classes"]
        ],
        "labels of ",
    ),
    "a unit": (lambda m: m["outputs"][0].update(unit="EUR"), "unit of "),
    "a column's name": (lambda m: m["features"][0].update(name="z"), "columns"),
    "a column's unit": (lambda m: m["features"][0].update(unit="cm"), "unit of column a"),
    "an input's name": (lambda m: m["inputs"][0].update(kind="tensor"), "kind of input"),
}


@pytest.mark.parametrize(("edit", "what"), CHANGES.values(), ids=CHANGES)
def test_what_is_taken_or_given_otherwise_is_told(
    forests: Any, tmp_path: Path, edit: Callable[[Any], object], what: str
) -> None:
    from edge_deploy.artifact.artifact import open_artifact

    root, _ = forests
    new = edited(root / "forest/2", tmp_path / "new", edit)
    old = open_artifact(root / "forest/1")
    changed = list(version_diff.contract_changes(old.manifest, open_artifact(new).manifest))
    assert changed and all(one.breaking for one in changed)
    assert changed[0].what.startswith(what)


def test_a_stable_version_is_compared_before_it_is_replaced(lines: Any, tmp_path: Path) -> None:
    root, _ = lines
    site = tmp_path / "site"
    edge_deploy.publish(root / "line/1", site)
    with pytest.raises(UsageError, match=r"line 2 is worse than 1, which is stable: .* is allowed"):
        edge_deploy.publish(root / "line/2", site, max_drop=0.0)
    other = edited(
        root / "line/1",
        tmp_path / "other",
        lambda m: (m.update(version="3"), m["outputs"][0].update(unit="EUR")),
    )
    with pytest.raises(UsageError, match=r"unit of .*: none -> EUR"):
        edge_deploy.publish(other, site)
    assert read_releases(site).models[0].stable == "1"
    done = edge_deploy.publish(other, site, force=True)
    assert done.diffs[0].answers is not None and done.diffs[0].answers.agreement == 1.0
    # The artifacts have two formats, the site TF.js alone: it is compared in that.
    assert done.diffs[0].old.path.startswith("tfjs/")
    # In silence, or for a few, anything may be tried.
    edge_deploy.publish(root / "line/2", site, channel="canary", max_drop=0.0)
    assert read_releases(site).models[0].stable == "3"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no such target": ({"target": "coreml"}, "no target is called 'coreml'"),
    "no file of it": ({"target": "onnx"}, "no onnx file to run here"),
    "no such precision": ({"precision": "int8"}, "no TF.js file of both is called 'int8'"),
    "no such data": ({"reference": "none.csv"}, "none.csv"),
    "a page of somebody else": ({"page": "mine.html"}, "was not written by"),
}


@pytest.mark.parametrize(("given", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_compared_is_said(
    lines: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.html").write_text("mine")
    root, _ = lines
    with pytest.raises(UsageError) as caught:
        edge_deploy.diff(root / "line/1", root / "line/2", **given)
    assert words in str(caught.value)
    assert Path("mine.html").read_text() == "mine"
