"""A model that ONNX alone can hold: from its file to the page, which answers as scikit-learn."""

from __future__ import annotations

from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import edge_deploy
from edge_deploy.core.errors import ConversionError
from edge_deploy.web.browser import Browser
from tests.page.conftest import served
from tests.page.test_use import raw, until

pytestmark = pytest.mark.slow
COLUMNS = ["age", "bmi", "bp"]
LINE = "GaussianProcessRegressor is converted by skl2onnx, to ONNX alone: TFLite and TF.js cannot"


def test_a_gaussian_process_is_converted_verified_and_shown(
    tmp_path: Path, browser: Browser
) -> None:
    table = load_diabetes(as_frame=True, scaled=False)
    rows: pd.DataFrame = table.data[COLUMNS]
    kernel = ConstantKernel(5000.0) * RBF(2.0) + WhiteKernel(3000.0)
    process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True)
    original = make_pipeline(StandardScaler(), process).fit(rows[:150], table.target[:150])
    joblib.dump(original, tmp_path / "process.joblib")
    rows[:40].to_csv(tmp_path / "rows.csv", index=False)
    given = {"reference": tmp_path / "rows.csv", "output": tmp_path / "artifacts"}

    with pytest.raises(ConversionError, match=LINE):
        edge_deploy.convert(tmp_path / "process.joblib", to="tflite,onnx", **given)
    assert not list(tmp_path.glob("artifacts/process/*"))
    done = edge_deploy.convert(tmp_path / "process.joblib", **given)
    assert [v.status for v in done.verdicts] == ["pass"]
    assert sum(note.startswith(LINE) for note in done.notes) == 1
    assert [entry.target for entry in done.manifest.artifacts] == ["onnx"]
    assert str(done.manifest.source.converter).startswith("skl2onnx ")
    folder = done.artifact.folder
    verified = edge_deploy.verify(folder, runtimes=["ort", "ort-web"])
    assert [(v.runtime, v.status) for v in verified.verdicts] == [
        ("ort", "pass"), ("ort-web", "pass"),
    ]  # fmt: skip

    site = edge_deploy.build_demo([folder], tmp_path / "www")
    assert not [name for name in site.files if "tfjs" in name or "litert" in name]
    page = browser.new_page(service_workers="block", locale="en-US")
    with served(tmp_path / "www") as url:
        page.goto(url)
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=120_000)
        state = page.evaluate("() => ({...document.documentElement.dataset})")
        assert (state["check"], state["file"]) == ("pass", "onnx/process_float32.onnx")
        for number in (3, 7):
            row = rows.iloc[[number]]
            for column in COLUMNS:
                page.fill(f"input[name={column}]", str(row[column].iloc[0]))
            right = pytest.approx(original.predict(row)[0], rel=1e-5)
            until(page, lambda right=right: raw(page)["outputs"]["value"]["values"][0] == right)
    page.close()
