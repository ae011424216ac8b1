"""A format is one folder and one line; what the rest of the package names is what is there."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest

from edge_deploy import (
    ConversionError,
    ConvertOptions,
    UsageError,
    VerifyOptions,
    convert,
    formats,
    inspect,
    run,
    verify,
)
from edge_deploy.artifact import artifact
from edge_deploy.formats.base import FLOAT
from edge_deploy.formats.registry import FORMATS, RUNTIMES, default_runtime, register
from tests.support import linear_json


@pytest.fixture
def linear() -> Iterator[None]:
    """The one line that a new folder of formats takes."""
    register(linear_json.FORMAT, linear_json.RUNTIMES)
    yield
    del FORMATS["linear"], RUNTIMES["json"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two columns in, one number out, and samples beside it."""
    from sklearn.linear_model import LinearRegression

    x = np.random.normal(size=(50, 2))
    joblib.dump(LinearRegression().fit(x, x @ [1.234567, -2.5] + 0.5), tmp_path / "prices.joblib")
    np.savez(tmp_path / "rows.npz", features=x.astype(np.float32))
    return tmp_path / "prices.joblib"


@pytest.mark.slow
def test_a_new_format_converts_verifies_and_answers(linear: None, model: Path) -> None:
    precisions = (FLOAT, "decimal5", "decimal0")
    options = ConvertOptions(
        to=("linear", "onnx"), quantize=precisions, reference=Path("rows.npz"), keep_going=True
    )
    done = convert(model, options)
    assert done.artifact is not None and not done.failed
    folder = done.artifact.folder
    found = {v.precision: v.status for v in done.verdicts if v.target == "linear"}
    assert found == {FLOAT: "pass", "decimal5": "pass", "decimal0": "fail"}
    written = artifact.open_artifact(folder).manifest  # which checks it
    files = [entry.path for entry in written.artifacts if entry.target == "linear"]
    assert files == [f"linear/prices_{precision}.linear" for precision in precisions]

    asked = VerifyOptions(only=("linear",), runtimes=("json",))
    assert {v.precision: v.status for v in verify(folder, asked).verdicts} == found
    assert inspect(folder / files[0])["ops"] == ["Linear"]
    np.savez("one.npz", features=np.float32([[1, 1]]))
    (answer,) = run(folder, ["one.npz"], "linear")
    assert answer.outputs["value"]["value"] == pytest.approx(1.234567 - 2.5 + 0.5)


@pytest.mark.slow
def test_a_new_format_refuses_what_it_cannot_hold(linear: None) -> None:
    from sklearn.tree import DecisionTreeRegressor

    x = np.random.normal(size=(50, 2))
    joblib.dump(DecisionTreeRegressor().fit(x, x[:, 0]), "tree.joblib")
    with pytest.raises(ConversionError, match="it is not linear"):
        convert("tree.joblib", ConvertOptions(to=("linear",)))
    assert not Path("artifacts/tree").exists()


def test_a_format_is_not_known_before_its_line(model: Path) -> None:
    with pytest.raises(UsageError, match="no target is called 'linear'"):
        convert(model, ConvertOptions(to=("linear",)))


def test_each_folder_is_a_format_and_each_format_has_a_runtime() -> None:
    folders = {found.name for found in pkgutil.iter_modules(formats.__path__) if found.ispkg}
    assert folders == set(FORMATS)
    for name in folders:
        module = importlib.import_module(f"edge_deploy.formats.{name}")
        assert module.FORMAT is FORMATS[name]
        assert default_runtime(name) is module.RUNTIMES[0]
    for name, file_format in FORMATS.items():
        assert file_format.name == name
        assert file_format.precisions[0] == FLOAT
        assert set(file_format.static_precisions) < set(file_format.precisions)
    for name, runtime in RUNTIMES.items():
        assert (runtime.name, runtime.format in FORMATS) == (name, True)
        assert bool(runtime.backends) == runtime.in_browser


def test_the_schema_names_the_same_formats_and_quantizers() -> None:
    path = Path(artifact.__file__).with_name("manifest.schema.json")
    schema = json.loads(path.read_text())
    entry = schema["$defs"]["FileEntry"]["properties"]
    assert entry["target"]["enum"] == list(FORMATS)
    quantizers = {one.quantizer for one in FORMATS.values()}
    quantizers |= {one.fallback.name for one in FORMATS.values() if one.fallback}
    assert set(entry["quantizer"]["anyOf"][0]["enum"]) | {None} == quantizers
