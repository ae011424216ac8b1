"""verify: faults put in on purpose must be found, each by its numbers or by its hash."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_deploy import ConvertOptions, convert
from edge_deploy.web import browser
from tests.support.files import CHANGES, Change, main_file, put_hashes_right

pytestmark = pytest.mark.slow

SAMPLES = 8
KERNEL, BIAS, SCALE = (8, 3), (3,), np.float32(0.1)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with a scale, two layers and a bias that matters, in all three targets."""
    import keras

    folder = tmp_path_factory.mktemp("small")
    keras.utils.set_random_seed(3)
    x = keras.Input((6,), name="measures")
    # The tanh keeps converters from folding the scale into the first kernel.
    y = keras.layers.Activation("tanh")(keras.layers.Rescaling(0.1)(x))
    y = keras.layers.Dense(8, activation="relu")(y)
    y = keras.layers.Dense(3, activation="softmax", name="kind")(y)
    model = keras.Model(x, y)
    model.layers[-1].bias.assign([0.4, -0.3, 0.1])
    model.save(folder / "small.keras")
    rng = np.random.default_rng(1)
    np.savez(folder / "reference.npz", measures=rng.normal(0, 20, (SAMPLES, 6)))
    options = ConvertOptions(labels="a,b,c", output=folder / "artifacts")
    return convert(folder / "small.keras", options).artifact.folder


@pytest.fixture(scope="session")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A two-layer LSTM, and the same as a .tflite whose state survives a call."""
    import tensorflow as tf
    import tf_keras

    folder = tmp_path_factory.mktemp("recurrent")
    tf_keras.utils.set_random_seed(5)
    layers = [
        tf_keras.layers.LSTM(12, return_sequences=True, input_shape=(10, 4)),
        tf_keras.layers.LSTM(8),
        tf_keras.layers.Dense(1, name="level"),
    ]
    model = tf_keras.Sequential(layers)
    model.save(folder / "recurrent.h5")
    options = ConvertOptions(to=("tflite", "onnx"), output=folder / "artifacts")
    artifact = convert(folder / "recurrent.h5", options).artifact.folder
    call = tf.function(lambda x: model(x, training=False))
    concrete = call.get_concrete_function(tf.TensorSpec((1, 10, 4), tf.float32, name="x"))
    carrying = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model).convert()
    return artifact, carrying


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[Path], Path]:
    """An artifact that a test may spoil."""

    def make(folder: Path) -> Path:
        return shutil.copytree(folder, tmp_path / "spoilt")

    return make


def swap_columns(values: np.ndarray) -> np.ndarray | None:
    """The first two classes change places."""
    if values.shape in (KERNEL, BIAS):
        return values[..., [1, 0, 2]]
    return values[[1, 0, 2]] if values.shape == KERNEL[::-1] else None


def scale_kernel(values: np.ndarray) -> np.ndarray | None:
    """The last kernel is 3 % too large."""
    return values * 1.03 if values.shape in (KERNEL, KERNEL[::-1]) else None


def drop_bias(values: np.ndarray) -> np.ndarray | None:
    """The last bias is lost."""
    return values * 0 if values.shape == BIAS else None


def put_nan(values: np.ndarray) -> np.ndarray | None:
    """One weight is not a number."""
    if values.shape not in (KERNEL, KERNEL[::-1]):
        return None
    values.flat[0] = np.nan
    return values


def remove_scale(values: np.ndarray) -> np.ndarray | None:
    """The scale of the input is lost."""
    return np.ones_like(values) if values.size == 1 and values.flat[0] == SCALE else None


def constant(values: np.ndarray) -> np.ndarray | None:
    """The last kernel is all zero: every sample gets the bias."""
    return values * 0 if values.shape in (KERNEL, KERNEL[::-1]) else None


FAULTS = {
    swap_columns: "off by",
    scale_kernel: "off by",
    drop_bias: "off by",
    put_nan: "NaN in 8 of 8 samples",
    remove_scale: "off by",
    constant: "the same answer to every sample",
}


@pytest.mark.parametrize("target", CHANGES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_verify_fails_by_the_numbers_when_a_file_is_wrong(
    run, copy, small: Path, fault: Change, target: str
) -> None:
    folder = copy(small)
    assert CHANGES[target](main_file(folder, target), fault) > 0
    put_hashes_right(folder)
    result = run("verify", folder, "--only", target, "--backend", "wasm")
    assert result.code == 1, result
    assert f"kind: {FAULTS[fault]}" in result.err


def test_verify_passes_and_reports_when_nothing_is_wrong(run, copy, small: Path) -> None:
    folder = copy(small)
    result = run("verify", folder, "--json")
    assert result.code == 0, result
    (report,) = json.loads(result.out)["reports"]
    rows = [(v["target"], v["runtime"], v["backend"], v["status"]) for v in report["verdicts"]]
    assert rows == [
        ("tflite", "litert", None, "pass"),
        ("tfjs", "tfjs", "webgl", "pass"),
        ("tfjs", "tfjs", "wasm", "pass"),
        ("onnx", "ort", None, "pass"),
    ]
    for verdict in report["verdicts"]:
        (output,) = verdict["outputs"]
        assert verdict["samples"] == SAMPLES
        assert output["name"] == "kind"
        assert 0 <= output["max_abs_error"] < 1e-6
        assert output["limit"] == pytest.approx(1e-4 * output["scale"])
        assert output["top1_agreement"] == 1.0
    assert json.loads((folder / "report.json").read_text()) == report
    html = (folder / "report.html").read_text()
    assert html.count("<svg") == 4 and "http" not in html.replace("http-equiv", "")
    statuses = [
        row["status"]
        for entry in json.loads((folder / "manifest.json").read_text())["artifacts"]
        for row in entry["verification"]
    ]
    assert statuses == ["pass"] * 4


def test_verify_fails_when_state_is_carried_from_one_call_to_the_next(
    run, copy, recurrent: tuple[Path, bytes]
) -> None:
    from edge_deploy.formats.tflite.file import ends, name_ends, unpack
    from edge_deploy.formats.tflite.metadata import finish, read

    artifact, carrying = recurrent
    folder = copy(artifact)
    path = main_file(folder, "tflite")
    before = path.read_bytes()
    names = [[t.name for t in end] for end in ends(unpack(path, before))]
    model = unpack(path, carrying)
    name_ends(model, *names)
    path.write_bytes(finish(model, read(path, before, unpack(path, before)), *ends(model)))
    put_hashes_right(folder)
    assert run("verify", artifact, "--only", "tflite").code == 0
    result = run("verify", folder, "--only", "tflite", "--json")
    assert result.code == 1, result
    (verdict,) = json.loads(result.out)["reports"][0]["verdicts"]
    (output,) = verdict["outputs"]
    assert output["name"] == "level" and output["worst_sample"] > 0


def test_verify_fails_when_any_byte_of_any_file_is_changed(run, copy, small: Path) -> None:
    folder = copy(small)
    listed = [
        entry["path"] for entry in json.loads((folder / "manifest.json").read_text())["files"]
    ]
    assert {"labels.txt", "reference.npz"} < set(listed)
    kept = [path for path in listed if not path.startswith("report.")]
    for path in kept:
        original = (folder / path).read_bytes()
        for place in (0, len(original) // 2, len(original) - 1):
            spoilt = bytearray(original)
            spoilt[place] ^= 0x40
            (folder / path).write_bytes(bytes(spoilt))
            only = path.split("/")[0] if "/" in path else "tflite"
            result = run("verify", folder, "--only", only)
            assert result.code == 1, (path, place, result)
            assert f"{path} is not the file that was converted" in result.err
        (folder / path).write_bytes(original)
    assert run("verify", folder, "--only", "tflite,onnx").code == 0


@pytest.mark.parametrize("target", CHANGES)
def test_verify_fails_when_the_labels_in_a_file_are_not_the_manifests(
    run, copy, small: Path, target: str
) -> None:
    folder = copy(small)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["outputs"][0]["classes"] = ["b", "a", "c"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    result = run("verify", folder, "--only", target, "--backend", "wasm")
    assert result.code == 1, result
    assert "classes in the file: {'kind': ['a', 'b', 'c']}" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--rtol", "kind:1e-12"], 1, "kind: off by"),
        (["--rtol", "1e-12", "--rtol", "kind:1e-3"], 0, ""),
        (["--atol", "0.5"], 0, ""),
        (["--atol", "much"], 2, "--atol much: not a number"),
        (["--only", "coreml"], 2, "no target is called 'coreml'"),
        (["--backend", "cuda"], 2, "no backend is called 'cuda'"),
        (["--runtime", "litert,nnapi"], 2, "no runtime is called 'nnapi'"),
        (["--runtime", "tfjs"], 2, "no file to verify is left"),
        (["--reference", "x.npz"], 2, "--reference needs --against"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_verify_takes_tolerances_and_refuses_what_it_cannot_mean(
    run, copy, small: Path, arguments: list[str], code: int, message: str
) -> None:
    result = run("verify", copy(small), "--only", "tflite,onnx", *arguments)
    assert (result.code, message in result.err) == (code, True), result


def test_verify_without_a_browser_runs_what_it_can(
    run, copy, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    monkeypatch.setattr(browser._drivers, "browsers", {})  # one is open in this process
    folder = copy(small)
    result = run("verify", folder, "--json")
    found = json.loads(result.out)["reports"][0]["verdicts"]
    status = {(verdict["target"], verdict["status"]) for verdict in found}
    assert status == {("tflite", "pass"), ("onnx", "pass"), ("tfjs", "not run")}
    assert (result.code, json.loads(result.out)["ok"]) == (3, False)
    skipped = run("verify", folder, "--skip-missing")
    assert (skipped.code, skipped.err.count("not run tfjs/")) == (0, 2), skipped
    assert "Playwright, which is not installed" in skipped.err
    # Where nothing was run, nothing was verified.
    assert run("verify", folder, "--skip-missing", "--only", "tfjs").code == 3
    # What fails, fails.
    assert run("verify", folder, "--skip-missing", "--rtol", "1e-12").code == 1


def test_verify_runs_the_original_again_on_new_data(run, copy, small: Path, tmp_path: Path) -> None:
    folder = copy(small)
    np.save("new.npy", np.random.default_rng(9).normal(0, 30, (5, 6)).astype(np.float32))
    model = small.parents[2] / "small.keras"
    result = run(
        "verify",
        folder,
        "--only",
        "tflite,onnx",
        "--against",
        model,
        "--reference",
        "new.npy",
        "--json",
    )
    assert result.code == 0, result
    verdicts = json.loads(result.out)["reports"][0]["verdicts"]
    assert [v["samples"] for v in verdicts] == [5, 5]


def test_verify_judges_a_bare_file_that_somebody_else_converted(run, small: Path) -> None:
    import keras
    import tensorflow as tf

    model = small.parents[2] / "small.keras"
    loaded = keras.models.load_model(model)
    loaded.export("exported", verbose=False)
    Path("theirs.tflite").write_bytes(
        tf.lite.TFLiteConverter.from_saved_model("exported").convert()
    )
    np.save("data.npy", np.random.default_rng(9).normal(0, 30, (5, 6)).astype(np.float32))
    data = ("--against", model, "--reference", "data.npy")
    assert run("verify", "theirs.tflite", *data).code == 0
    for target in ("onnx", "tfjs"):
        path = main_file(small, target)
        assert run("verify", path, *data, "--backend", "wasm").code == 0, target
    loaded.layers[-1].bias.assign([0.4, -0.3, 0.15])
    loaded.save("other.keras")
    result = run(
        "verify",
        "theirs.tflite",
        "--against",
        "other.keras",
        "--reference",
        "data.npy",
        "--report",
        "report",
    )
    assert (result.code, "kind: off by 0.0" in result.err) == (1, True), result
    assert "theirs.tflite" in Path("report/report.html").read_text()
    assert run("verify", "theirs.tflite").code == 2


def test_packaged_labels_are_places_of_classes_whatever_the_classes_are_called(
    run, tmp_path: Path
) -> None:
    """Of classes 1, 2, 3 the places 1 and 2 are the classes 2 and 3, not the classes 1 and 2."""
    import joblib
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    y = rng.integers(1, 4, 300)
    x = rng.normal(size=(300, 2)) + 4 * y[:, None]
    joblib.dump(LogisticRegression().fit(x, y), tmp_path / "numbered.pkl")
    above = y > 1
    np.savez(tmp_path / "reference.npz", x=x[above], labels=y[above])
    done = convert(tmp_path / "numbered.pkl", to=("onnx",), output=tmp_path / "artifacts")
    told = done.artifact.manifest.reference.performance
    assert told.values["accuracy"] > 0.9
    assert run("verify", done.artifact.folder).code == 0
    again = json.loads((done.artifact.folder / "manifest.json").read_text())["reference"]
    assert again["performance"]["values"] == dict(told.values)
