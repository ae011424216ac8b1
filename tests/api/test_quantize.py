"""Precisions: each one made, run in its real runtime and judged; bad calibration is caught."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_deploy import ConvertOptions, convert
from edge_deploy.core.spec import TensorSpec
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.registry import FORMATS
from edge_deploy.formats.tflite.op_versions import Signature, operator_version
from edge_deploy.formats.tflite.runtime_versions import runtime_version
from edge_deploy.verification.compare import Rounding, compare
from edge_deploy.verification.tolerances import BUDGETS, DEFAULT, Tolerances
from tests.support.files import put_hashes_right

slow = pytest.mark.slow
PIXELS, CLASSES = (12, 12, 3), ("red", "green", "blue")


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise with one channel brighter, and which."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    values = rng.uniform(0, 0.6, (count, *PIXELS)).astype(np.float32)
    values[np.arange(count), :, :, labels] += 0.4
    return values, labels


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CNN that has learnt something, with labelled reference data beside it."""
    import keras

    folder = tmp_path_factory.mktemp("trained")
    keras.utils.set_random_seed(3)
    layers = keras.layers
    x = y = keras.Input(PIXELS, name="picture")
    for layer in (
        layers.Conv2D(16, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, activation="relu6"),
        layers.Conv2D(32, 1, activation="relu"),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(3, activation="softmax", name="colour"),
    ):
        y = layer(y)
    model = keras.Model(x, y)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*pictures(600, 0), epochs=3, verbose=0)
    model.save(folder / "colours.keras")
    values, labels = pictures(200, 1)
    np.savez(folder / "reference.npz", picture=values, labels=labels)
    return folder / "colours.keras"


@pytest.fixture(scope="session")
def colours(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, converted to float32."""
    output = tmp_path_factory.mktemp("colours")
    return convert(trained, ConvertOptions(labels=",".join(CLASSES), output=output)).artifact.folder


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[Path], Path]:
    """An artifact that a test may change."""
    return lambda folder: shutil.copytree(folder, tmp_path / "copy" / "1")


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


# precision: share of the float32 size at most, SNR in dB at least, as measured with some room.
ROWS = {
    ("tflite", "float16"): (0.56, 60),
    ("tflite", "dynamic"): (0.34, 40),
    ("tflite", "int8"): (0.38, 30),
    ("tflite", "int16x8"): (0.39, 40),
    ("tflite", "int4"): (0.26, 20),
    ("tfjs", "float16"): (0.56, 60),
    ("tfjs", "uint16"): (0.56, 60),
    ("tfjs", "uint8"): (0.33, 35),
    ("onnx", "float16"): (0.56, 60),
    ("onnx", "dynamic"): (0.36, 35),
    ("onnx", "int8"): (0.40, 30),
}


def test_every_compressed_precision_has_a_row_and_a_budget() -> None:
    table = {(t, p) for t in FORMATS for p in FORMATS[t].precisions if p != "float32"}
    assert table == set(ROWS)
    assert {precision for _, precision in table} == set(BUDGETS)


@pytest.fixture(scope="session")
def everything(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """All precisions added to a float32 artifact in a process that must not have TensorFlow."""
    folder = shutil.copytree(colours, tmp_path_factory.mktemp("everything") / "1")
    names = ",".join(dict.fromkeys(p for _, p in ROWS))
    code = (
        "import sys; sys.modules['tensorflow'] = None; sys.modules['tensorflowjs'] = None; "
        f"sys.argv = ['edge-deploy', 'quantize', {str(folder)!r}, '--to', {names!r}, '--json']; "
        "from edge_deploy import cli; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    return folder, json.loads(done.stdout)


@slow
@pytest.mark.parametrize(("target", "precision"), ROWS)
def test_a_precision_runs_in_its_runtime_and_costs_little(
    everything: tuple[Path, dict], target: str, precision: str
) -> None:
    folder, document = everything
    share, snr = ROWS[target, precision]
    rows = {(v["target"], v["precision"]): v for v in document["verdicts"]}
    verdict = rows[target, precision]
    (output,) = verdict["outputs"]
    assert verdict["status"] == "pass", verdict
    assert verdict["samples"] == 200
    assert output["snr_db"] > snr
    assert output["top1_agreement"] >= 0.99
    assert verdict["task"]["name"] == "accuracy"
    assert (
        verdict["task"]["before"] > 0.9
        and abs(verdict["task"]["after"] - verdict["task"]["before"]) <= 0.01
    )
    sizes = {
        (e["target"], e["precision"]): sum(f["bytes"] for f in e["files"])
        for e in manifest_of(folder)["artifacts"]
    }
    # The description of the graph, 4 to 15 KB here, is the same in all.
    fixed = 15_000 if target == "tfjs" else 8_000
    assert sizes[target, precision] - fixed < share * sizes[target, "float32"]


@slow
def test_quantize_lists_every_file_and_embeds_the_same_metadata(
    run, everything: tuple[Path, dict]
) -> None:
    import jsonschema

    import edge_deploy

    folder, document = everything
    manifest = manifest_of(folder)
    schema = json.loads(
        (Path(edge_deploy.__file__).parent / "artifact/manifest.schema.json").read_text()
    )
    jsonschema.Draft202012Validator(schema).validate(manifest)
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {entry["path"] for entry in manifest["files"]} == there - {"manifest.json"}
    assert len(manifest["artifacts"]) == 3 + len(ROWS)
    assert [p.name for p in folder.parent.iterdir()] == ["1"]
    notes = "\n".join(document["notes"])
    assert "int4 is left out of tfjs, onnx" in notes and "uint8 is left out of tflite" in notes
    for entry in manifest["artifacts"]:
        seen = json.loads(run("inspect", folder / entry["files"][0]["path"], "--json").out)
        assert seen["metadata"]["classes"] == {"colour": list(CLASSES)}, entry["precision"]
        assert [t["name"] for t in seen["inputs"] + seen["outputs"]] == ["picture", "colour"]
        assert {t["dtype"] for t in seen["inputs"] + seen["outputs"]} == {"float32"}
    oldest = {
        e["precision"]: e["min_runtime"] for e in manifest["artifacts"] if e["target"] == "tflite"
    }
    assert oldest["dynamic"] == oldest["int4"] == "2.17.0"
    assert oldest["float16"] == "1.15.0" and oldest["int16x8"] == "2.4.0"


OLD = """
import json, sys
import numpy as np
from tflite_runtime.interpreter import Interpreter
data, found = np.load(sys.argv[1]), {}
for path in sys.argv[2:]:
    try:
        opened = Interpreter(path)
        opened.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        found[path] = str(error)
        continue
    (given,), (taken,) = opened.get_input_details(), opened.get_output_details()
    errors = []
    for value, answer in zip(data["in:picture"], data["out:colour"]):
        opened.set_tensor(given["index"], value[None])
        opened.invoke()
        errors.append(float(np.abs(opened.get_tensor(taken["index"])[0] - answer).max()))
    found[path] = max(errors)
print(json.dumps(found))
"""


@slow
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tflite-runtime has no wheel for it")
def test_an_old_runtime_refuses_a_file_or_answers_right(
    everything: tuple[Path, dict], tmp_path: Path
) -> None:
    venv.create(tmp_path / "old", with_pip=False)
    python = tmp_path / "old" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    subprocess.run([*pip, "tflite-runtime==2.14.0", "numpy<2"], check=True, timeout=300)
    folder, document = everything
    entries = [e for e in manifest_of(folder)["artifacts"] if e["target"] == "tflite"]
    paths = {e["precision"]: str(folder / e["files"][0]["path"]) for e in entries}
    done = subprocess.run(
        [python, "-c", OLD, str(folder / "reference.npz"), *paths.values()],
        capture_output=True, text=True, timeout=120, env={},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    errors = {v["precision"]: v["outputs"][0]["max_abs_error"] for v in document["verdicts"]
              if v["target"] == "tflite"} | {"float32": 1e-5}  # fmt: skip
    refused = {name for name, path in paths.items() if isinstance(found[path], str)}
    assert refused == {"dynamic", "int4"}
    assert all("Didn't find op for builtin opcode" in found[paths[name]] for name in refused)
    for name in set(paths) - refused:
        assert found[paths[name]] <= errors[name] + 1 / 256, name


@slow
def test_verify_runs_every_precision_again(run, copy, everything: tuple[Path, dict]) -> None:
    folder = copy(everything[0])
    result = run("verify", folder, "--backend", "webgl", "--json")
    assert result.code == 0, result
    (report,) = json.loads(result.out)["reports"]
    assert [v["status"] for v in report["verdicts"]] == ["pass"] * (3 + len(ROWS))
    strict = run("verify", folder, "--only", "tflite,onnx", "--rtol", "1e-6")
    assert strict.code == 1
    assert strict.err.count("FAIL") >= 7


@slow
@pytest.mark.parametrize(
    ("target", "precision"), [("tflite", "int8"), ("onnx", "int8"), ("tflite", "float16")]
)
def test_verify_fails_when_a_compressed_file_is_another_models(
    run, copy, everything: tuple[Path, dict], target: str, precision: str
) -> None:
    folder = copy(everything[0])
    reference = dict(np.load(folder / "evaluation.npz"))
    reference["out:colour"] = reference["out:colour"][:, [1, 0, 2]]
    np.savez(folder / "evaluation.npz", **reference)
    put_hashes_right(folder)
    result = run("verify", folder, "--only", target)
    assert result.code == 1
    assert f"colours_{precision}" in result.err and "another winner in" in result.err


@slow
def test_convert_makes_precisions_and_leaves_float32_out_when_not_asked(run, trained: Path) -> None:
    result = run(
        "convert", trained, "--quantize", "tflite=int8,float16", "--to", "tflite,tfjs", "--json",
        "--max-drop", "0.02", "--min-agreement", "0.97",
    )  # fmt: skip
    assert result.code == 0, result
    document = json.loads(result.out)
    made = [(v["target"], v["precision"]) for v in document["verdicts"]]
    assert made == [("tflite", "float16"), ("tflite", "int8"), ("tfjs", "float16")]
    files = {p.name for p in Path(document["artifact"]).rglob("*") if p.is_file()}
    assert not any("float32" in name for name in files)
    more = run("quantize", document["artifact"], "--to", "tflite=int4")
    assert (more.code, "no float32 file of tflite" in more.err) == (2, True)


@slow
@pytest.mark.parametrize(("io", "zero"), [("int8", -128), ("uint8", 0)])
def test_integer_ends_take_and_give_integers(run, copy, colours: Path, io: str, zero: int) -> None:
    from ai_edge_litert.interpreter import Interpreter

    folder = copy(colours)
    assert run("quantize", folder, "--to", "tflite=int8", "--io", io).code == 0
    (entry,) = [e for e in manifest_of(folder)["artifacts"] if e["precision"] == "int8"]
    assert [t["dtype"] for t in entry["inputs"] + entry["outputs"]] == [io, io]
    assert entry["outputs"][0]["quantization"] == {"scale": 1 / 256, "zero_point": zero}
    assert [t["name"] for t in entry["inputs"] + entry["outputs"]] == ["picture", "colour"]
    assert run("verify", folder, "--only", "tflite").code == 0
    # LiteRT itself, asked with raw integers, gives raw integers.
    opened = Interpreter(str(folder / entry["files"][0]["path"]))
    opened.allocate_tensors()
    (given,), (taken,) = opened.get_input_details(), opened.get_output_details()
    assert (given["dtype"], taken["dtype"]) == (np.dtype(io).type,) * 2
    with np.load(folder / "reference.npz") as stored:
        data = dict(stored)
    (scale, point), limits = given["quantization"], np.iinfo(io)
    assert entry["inputs"][0]["quantization"] == {"scale": scale, "zero_point": point}
    for value, answer in zip(data["in:picture"][:8], data["out:colour"][:8], strict=True):
        integers = np.clip(np.rint(value / scale) + point, limits.min, limits.max).astype(io)
        opened.set_tensor(given["index"], integers[None])
        opened.invoke()
        got = (opened.get_tensor(taken["index"])[0].astype(float) - zero) / 256
        assert np.abs(got - answer).max() < 0.1


WISHES = [
    (["--to", "int9"], 2, "Did you mean int8? There are: tflite: float32, float16"),
    (["--to", "flaot16"], 2, "Did you mean float16?"),
    (["--to", "tfjs=int8"], 2, "There are: tfjs: float32, float16, uint16, uint8."),
    (["--to", "coreml=int8"], 2, "no target of this run is called 'coreml'"),
    (["--to", "tflit=int8"], 2, "Did you mean tflite?"),
    (["--to", "float32"], 2, "it is there already"),
    (["--to", ""], 2, "no precision is named"),
    (["--to", "int8", "--io", "int9"], 2, "Did you mean int8?"),
    (["--to", "float16", "--io", "uint8"], 2, "--io uint8 is for TFLite's int8"),
    (["--to", "float16", "--io", "int8"], 2, "--io int8 is for TFLite's int8"),
    (["--to", "int8", "--min-agreement", "97"], 2, "a share between 0 and 1"),
    (["--to", "int8", "--calibration", "none.npz"], 2, "no such file"),
]


@slow
@pytest.mark.parametrize(("arguments", "code", "message"), WISHES, ids=lambda v: str(v)[:30])
def test_quantize_refuses_what_it_cannot_mean(
    run, colours: Path, arguments: list[str], code: int, message: str
) -> None:
    before = (colours / "manifest.json").read_text()
    result = run("quantize", colours, *arguments)
    assert (result.code, message in result.err) == (code, True), result
    assert (colours / "manifest.json").read_text() == before


@slow
def test_quantize_replaces_a_precision_only_when_told(run, copy, colours: Path) -> None:
    folder = copy(colours)
    assert run("quantize", folder, "--to", "float16").code == 0
    before = manifest_of(folder)
    refused = run("quantize", folder, "--to", "tflite=float16")
    assert (refused.code, "tflite float16 already" in refused.err) == (2, True)
    assert manifest_of(folder) == before
    assert run("quantize", folder, "--to", "float16", "--overwrite").code == 0
    entries = manifest_of(folder)["artifacts"]
    assert len(entries) == 6
    # The report is about all of them, the float32 files of before too, each with its picture.
    reported = json.loads((folder / "report.json").read_text())
    assert [v["path"] for v in reported["verdicts"]] == [e["files"][0]["path"] for e in entries]
    assert (folder / "report.html").read_text().count("<circle") > 6 * 50
    assert run("verify", folder, "--backend", "wasm").code == 0


@slow
def test_a_full_disk_leaves_the_artifact_as_it_was(
    run, copy, colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy(colours)

    def fill(source: Path, path: Path, wanted: Quantization) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setitem(FORMATS, "onnx", replace(FORMATS["onnx"], quantize=fill))
    before = {p: p.read_bytes() for p in folder.parent.rglob("*") if p.is_file()}
    result = run("quantize", folder, "--to", "tflite=float16,onnx=float16")
    assert (result.code, "No space left on device" in result.err) == (3, True)
    assert {p: p.read_bytes() for p in folder.parent.rglob("*") if p.is_file()} == before


def repeated(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:1], 50, axis=0)


def nan(values: np.ndarray) -> np.ndarray:
    spoilt = values.copy()
    spoilt[3, 0, 0, 0] = np.nan
    return spoilt


def grey_channel(values: np.ndarray) -> np.ndarray:
    spoilt = values.copy()
    spoilt[..., 1] = 0.5
    return spoilt


@slow
def test_made_up_samples_calibrate_with_a_warning_only(run, tmp_path: Path) -> None:
    import keras

    x = keras.Input((4,), name="x")
    keras.Model(x, keras.layers.Dense(40, name="y")(x)).save("plain.keras")
    arguments = ("convert", "plain.keras", "--to", "tflite", "--quantize", "int8")
    result = run(*arguments)
    assert (result.code, "none but made-up samples" in result.out) == (0, True), result
    strict = run(*arguments, "--strict", "--overwrite")
    assert (strict.code, "none but made-up samples" in strict.err) == (2, True)


CALIBRATIONS = {
    "one repeated": (repeated, True, "all 50 samples are the same one"),
    "normalized twice": (lambda v: v / 255, True, "probably normalized twice"),
    "scaled twice": (lambda v: v / 4, False, "probably normalized twice"),
    "not normalized": (lambda v: v * 255, True, "probably not normalized"),
    "zeros": (lambda v: v * 0, True, "is all zeros"),
    "constant": (lambda v: v * 0 + 0.25, True, "is 0.25 everywhere"),
    "NaN": (nan, True, "has NaN or infinity (first in sample 3)"),
    "too few": (lambda v: v[:4], False, "has 4 samples"),
    "grey": (grey_channel, False, "channel 1 never changes"),
}


@slow
@pytest.mark.parametrize("case", CALIBRATIONS)
@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_bad_calibration_is_caught_before_a_file_is_written(
    run, copy, colours: Path, case: str, suffix: str
) -> None:
    spoil, hopeless, message = CALIBRATIONS[case]
    values = spoil(pictures(60, 5)[0])
    if suffix == "npz":
        np.savez_compressed("data.npz", picture=values)
    else:
        np.save("data.npy", values)
    folder = copy(colours)
    arguments = ("quantize", folder, "--to", "tflite=int8", "--calibration", f"data.{suffix}")
    strict = run(*arguments, "--strict")
    assert (strict.code, message in strict.err) == (2, True), strict
    assert not list(folder.glob("tflite/*int8*"))
    if suffix == "npz":
        result = run(*arguments)
        assert (result.code == 2) == hopeless, result
        assert message in (result.err if hopeless else result.out)


@slow
def test_good_calibration_says_nothing(run, copy, colours: Path) -> None:
    np.savez("data.npz", picture=pictures(60, 5)[0])
    result = run(
        "quantize", copy(colours), "--to", "tflite=int8", "--calibration", "data.npz", "--strict"
    )
    assert (result.code, "calibration" in result.out) == (0, False), result


def kinds() -> dict[str, Callable[[Path], Path]]:
    """Models of other kinds than a CNN, by what is special in them."""
    from tests.support import models, other_models

    return {
        "two inputs and outputs": models.two_inputs_two_outputs_keras,
        "recurrent": models.lstm_h5,
        "indices": models.text_gru_h5,
        "transposed convolutions": models.autoencoder_h5,
        "saved model": other_models.saved_model_two_signatures,
        "scikit-learn": other_models.sklearn_pipeline_joblib,
    }


@slow
@pytest.mark.parametrize(
    "kind",
    [
        "two inputs and outputs",
        "recurrent",
        "indices",
        "transposed convolutions",
        "saved model",
        "scikit-learn",
    ],
)
def test_every_kind_of_model_has_every_precision(run, tmp_path: Path, kind: str) -> None:
    model = kinds()[kind](tmp_path)
    wanted = [(t, p) for t in ("tflite", "onnx") for p in FORMATS[t].precisions]
    loops = kind in ("recurrent", "indices")
    result = run(
        "convert",
        model,
        "--to",
        "tflite,onnx",
        "--quantize",
        ",".join(FORMATS["tflite"].precisions),
        "--keep-going",
        "--json",
        "--name",
        "other",
    )
    document = json.loads(result.out)
    missing = {("tflite", "int8"), ("tflite", "int16x8")} if loops else set()
    made = {(v["target"], v["precision"]): v for v in document["verdicts"]}
    assert set(made) == set(wanted) - missing
    assert {row: v["problems"] for row, v in made.items() if v["status"] != "pass"} == {}
    assert set(document["failed"]) == {f"{t} {p}" for t, p in missing}
    assert all("the model has a loop" in reason for reason in document["failed"].values())
    assert result.code == (3 if loops else 0)


SPEC = TensorSpec("y", (None, 2), "float32", "probabilities", ("a", "b"))


def judged(expected: list, got: list, precision: str, step: float = 0.0, limits=DEFAULT):
    answers = [np.asarray([row], np.float32) for row in got]
    return compare(
        SPEC,
        np.asarray(expected, np.float32),
        answers,
        limits.of("y", precision),
        limits.budget("y", precision),
        Rounding(step),
    )


FIRST, SECOND = [0.9, 0.1], [0.2, 0.8]
COSTS = {
    "a correct int8 answer": ([[1.0, 0.0], SECOND], [[0.996, 0], SECOND], "int8", 1 / 256, ""),
    "a sum of 23": ([FIRST, SECOND], [[20, 3], [3, 20]], "int8", 1 / 256, "sum to 23"),
    "a sum off by a step too many": (
        [FIRST, SECOND], [[0.9, 0.115], SECOND], "int8", 1 / 256, "sum to 1.015",
    ),
    "the same sum without steps": ([FIRST, SECOND], [[0.9, 0.105], SECOND], "dynamic", 0, "sum to"),
    "a constant answer": ([FIRST, SECOND], [[0.5, 0.5]] * 2, "int8", 1 / 256, "the same answer"),
    "winners that change": (
        [FIRST] * 50, [[0.4, 0.6]] * 20 + [FIRST] * 30, "int8", 0, "another winner in 20 of 50",
    ),
    "one winner of many": (
        [[0.52, 0.48]] * 50, [[0.49, 0.51]] + [[0.52, 0.48]] * 49, "int8", 0, "",
    ),
    "an error too large": ([FIRST] * 9, [[0.6, 0.4]] * 9, "dynamic", 0, "off by 0.3"),
    "an error on average": ([FIRST] * 9, [[0.85, 0.15]] * 9, "dynamic", 0, "on average"),
    "float16 as coarse as int8": ([FIRST] * 9, [[0.897, 0.103]] * 9, "float16", 0, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", COSTS)
def test_a_cost_is_judged_by_its_budget(case: str) -> None:
    expected, got, precision, step, message = COSTS[case]
    verdict = judged(expected, got, precision, step)
    assert (message in " ".join(verdict.failures), verdict.ok) == (True, not message), verdict
    if "sum" in message or "same answer" in message:
        whatever = Tolerances({"": 1e9}, {}, 1.0, 0.0)
        assert message in " ".join(judged(expected, got, precision, step, whatever).failures)


def test_the_users_budget_stands_in_for_the_default() -> None:
    changed = [[0.4, 0.6]] * 5 + [FIRST] * 15
    assert judged([FIRST] * 20, changed, "int8", limits=Tolerances({}, {}, None, 0.7)).ok
    strict = judged([FIRST] * 20, changed, "int8", limits=Tolerances({}, {}, None, 0.9))
    assert "would pass with min_agreement=0.75" in strict.failures[0]


VERSIONS = [
    ("CONV_2D", ("FLOAT32", "INT8"), True, 5),
    ("CONV_2D", ("FLOAT32", "INT8"), False, 2),
    ("CONV_2D", ("FLOAT32", "INT4"), True, 8),
    ("CONV_2D", ("INT8", "INT8"), True, 3),
    ("CONV_2D", ("INT16", "INT8"), True, 4),
    ("DEPTHWISE_CONV_2D", ("FLOAT32", "INT8"), True, 6),
    ("DEPTHWISE_CONV_2D", ("INT16", "INT8"), True, 5),
    ("FULLY_CONNECTED", ("FLOAT32", "INT8", "FLOAT32"), True, 12),
    ("FULLY_CONNECTED", ("FLOAT32", "INT4", "FLOAT32"), True, 12),
    ("FULLY_CONNECTED", ("FLOAT32", "INT8", "FLOAT32"), False, 3),
    ("FULLY_CONNECTED", ("INT8", "INT8", "INT32"), True, 4),
    ("FULLY_CONNECTED", ("INT8", "INT8"), True, 6),
    ("FULLY_CONNECTED", ("INT16", "INT8", "INT64"), True, 7),
    ("DEQUANTIZE", ("FLOAT16",), False, 3),
    ("DEQUANTIZE", ("INT8",), False, 2),
    ("SOFTMAX", ("INT8",), False, 2),
    ("ADD", ("INT16", "INT16"), False, 3),
    ("RESHAPE", ("INT8",), False, 1),
    ("CONV_2D", ("FLOAT32", "FLOAT32"), False, 1),
]


@pytest.mark.parametrize(("name", "types", "per_channel", "version"), VERSIONS)
def test_an_operators_version_follows_its_types(
    name: str, types: tuple[str, ...], per_channel: bool, version: int
) -> None:
    assert operator_version(name, Signature(types, types[:1], per_channel)) == version


def test_the_oldest_runtime_is_the_newest_that_any_operator_needs() -> None:
    assert runtime_version([("CONV_2D", 5), ("SOFTMAX", 1)], "1.14.0") == "2.4.0"
    assert runtime_version([("CONV_2D", 5), ("FULLY_CONNECTED", 12)], "1.5.0") == "2.17.0"
    assert runtime_version([("CONV_2D", 1)], "2.3.0") == "2.3.0"


# rtol -> whether the file passes; ai-edge-quantizer's needs 0.038, TFLiteConverter's 0.030, and
# its mean error is smaller by 15 %.
SECOND = [(0.034, True, "float"), (0.001, False, "float"), (0.034, True, "uint8")]


@slow
@pytest.mark.parametrize(("rtol", "passes", "io"), SECOND)
def test_convert_takes_the_better_int8_file_when_the_first_fails(
    tmp_path: Path, rtol: float, passes: bool, io: str
) -> None:
    import keras

    from tests.support.models import randomize

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3), name="x"),
            layers.Conv2D(16, 3, activation="tanh"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(4, name="y"),
        ]
    )
    randomize(model)
    model.save(tmp_path / "net.keras")
    rng = np.random.default_rng(0)
    rng.normal(size=(200, 16))
    x = rng.uniform(size=(100, 12, 12, 3)).astype(np.float32)
    np.savez(tmp_path / "reference.npz", x=x)
    options = ConvertOptions(
        to=("tflite",), quantize=("float32", "int8"), io=io, output=tmp_path / "out"
    )
    done = convert(tmp_path / "net.keras", replace(options, rtol=rtol))
    exact, small = done.manifest.artifacts
    assert (exact.quantizer, small.quantizer) == (None, "TFLiteConverter")
    assert any("TFLiteConverter" in note for note in done.notes)
    verdict = next(v for v in done.verdicts if v.precision == "int8")
    assert (verdict.status == "pass") == passes
    for ends in ("inputs", "outputs"):
        own, theirs = getattr(small, ends), getattr(exact, ends)
        assert [e.name for e in own] == [e.name for e in theirs]
        assert {e.dtype for e in own} == {"float32" if io == "float" else io}
    info = FORMATS["tflite"].describe(done.artifact.folder / small.path)
    assert info.metadata["precision"] == "int8" and info.min_runtime == small.min_runtime
    usual = convert(
        tmp_path / "net.keras",
        replace(options, output=tmp_path / "usual", rtol={}),
    )
    assert usual.manifest.artifacts[1].quantizer == "ai-edge-quantizer"
