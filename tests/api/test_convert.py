"""convert: real files of every kind become verified files in all three targets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.models import GOOD, flex_verdict, teachable_machine_h5

ROWS = {"tflite": ["litert"], "tfjs": ["tfjs webgl", "tfjs wasm"], "onnx": ["ort"]}
ONLY = {"teachable_machine_zip": ("onnx",)}  # the model of the row before it, otherwise packed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("builder", GOOD.values(), ids=GOOD)
def test_convert_then_verify_pass_in_every_runtime(
    run, tmp_path: Path, builder: Callable[[Path], Path]
) -> None:
    model = builder(tmp_path)
    targets = ONLY.get(builder.__name__, tuple(ROWS))
    converted = run("convert", model, "--name", "it", "--to", ",".join(targets))
    assert converted.code == 0, converted
    result = run("verify", "artifacts/it/1", "--json")
    assert result.code == 0, result
    verdicts = json.loads(result.out)["reports"][0]["verdicts"]
    rows = [(v["target"], f"{v['runtime']} {v['backend'] or ''}".strip()) for v in verdicts]
    assert rows == [(target, runtime) for target in targets for runtime in ROWS[target]]
    for verdict in verdicts:
        assert verdict["samples"] >= 6  # pictures of 224 x 224: 4 MB of what is made up
        for output in verdict["outputs"]:
            assert output["needed_rtol"] < 2e-5, (verdict["path"], output)
    manifest = json.loads(Path("artifacts/it/1/manifest.json").read_text())
    for entry in manifest["artifacts"]:
        for ends in ("inputs", "outputs"):
            names = {tensor["name"] for tensor in entry[ends]}
            assert names == {tensor["name"] for tensor in manifest[ends]}, entry["target"]
        assert not any(op.startswith("Flex") for op in entry["ops"])


def test_convert_finds_what_lies_beside_a_model_and_says_so(run, tmp_path: Path) -> None:
    model = teachable_machine_h5(tmp_path)
    result = run("convert", model, "--to", "tflite")
    assert result.code == 0, result
    assert "labels.txt (2 labels)" in result.out
    assert "Teachable Machine" in result.out
    manifest = json.loads(Path("artifacts/keras_model/1/manifest.json").read_text())
    image = manifest["preprocessing"]["image"]
    assert (image["size"], image["crop"], image["resize"]) == ([224, 224], "center", "lanczos")
    assert manifest["inputs"][0]["kind"] == "image"
    assert manifest["outputs"][0]["classes"] == ["Cat", "Dog"]
    assert manifest["reference"]["origin"] == "synthetic"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A small Keras 3 file, in a folder of its own."""
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((3,), name="x")
    folder = tmp_path / "own"
    folder.mkdir()
    keras.Model(x, keras.layers.Dense(2, activation="softmax", name="y")(x)).save(
        folder / "tiny.keras"
    )
    return folder / "tiny.keras"


@pytest.mark.parametrize(
    "name", ["two words", "it's quoted", "köttbullar", "猫と犬", "100% & more", "a,b;c#d"]
)
def test_convert_takes_any_name_that_is_a_folder(run, tiny: Path, name: str) -> None:
    labels = "yes,no"
    result = run("convert", tiny, "--name", name, "--labels", labels)
    assert result.code == 0, result
    assert run("verify", f"artifacts/{name}/1", "--backend", "wasm").code == 0
    assert run("run", f"artifacts/{name}", _row("row.npy"), "--json").code == 0


def _row(name: str) -> str:
    np.save(name, np.ones((1, 3), np.float32))
    return name


def test_convert_keeps_up_to_32_samples_and_the_rest_for_evaluation(run, tiny: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez("data.npz", x=rng.normal(size=(90, 3)), labels=rng.integers(0, 2, 90))
    options = ("--reference", "data.npz", "--to", "onnx")
    assert run("convert", tiny, *options, "--samples", "40").code == 0
    folder = Path("artifacts/tiny/1")
    with np.load(folder / "reference.npz") as kept, np.load(folder / "evaluation.npz") as more:
        assert kept["in:x"].shape == (*kept["out:y"].shape[:1], 3) == (32, 3)
        assert more["in:x"].shape == (40, 3) and more["labels"].shape == (40,)
        together = np.concatenate([kept["in:x"], more["in:x"]])
        assert len(np.unique(together, axis=0)) == 72
        assert kept["in:x"].dtype == np.float32
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["reference"].pop("performance")["samples"] == 72
    manifest["reference"].pop("warnings", None)  # labels by chance may be told as such
    assert manifest["reference"] == {
        "samples": 32, "origin": "user", "answers": "original", "given": 90
    }  # fmt: skip
    again = run(
        "convert", tiny, *options, "--samples", "40", "--artifact-version", "2", "--seed", "1"
    )
    assert "note: data.npz has 90 samples, of which 72 were chosen (--samples, --seed)" in again.out
    assert again.code == 0
    with np.load("artifacts/tiny/2/reference.npz") as other:
        assert not np.array_equal(other["in:x"], together[:32])
    says = {
        (): "tiny 1: 32 of 90 user reference samples",
        ("--against", tiny, "--reference", "data.npz"): "tiny 1: 32 of 90 user reference samples",
    }
    for more_options, words in says.items():
        assert run("verify", folder, "--report", "r", *more_options).out.startswith(f"{words}\n")
    assert "32 of 90 user reference samples" in (folder / "report.html").read_text()
    assert run("quantize", folder, "--to", "float16").code == 0
    more_for = "32 of 90 user reference samples, and 40 more for what compressed files cost\n"
    assert run("verify", folder, "--report", "r").out.startswith(f"tiny 1: {more_for}")


def test_convert_refuses_an_existing_version_and_replaces_it_when_told(run, tiny: Path) -> None:
    assert run("convert", tiny, "--to", "onnx").code == 0
    before = Path("artifacts/tiny/1/manifest.json").read_text()
    refused = run("convert", tiny, "--to", "tflite")
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    assert Path("artifacts/tiny/1/manifest.json").read_text() == before
    assert run("convert", tiny, "--to", "tflite", "--overwrite").code == 0
    files = {p.name for p in Path("artifacts/tiny/1").rglob("*") if p.is_file()}
    assert "tiny_float32.tflite" in files and "tiny_float32.onnx" not in files
    assert [p.name for p in Path("artifacts").iterdir()] == ["tiny"]


def test_convert_dry_run_writes_nothing(run, tiny: Path) -> None:
    result = run("convert", tiny, "--dry-run")
    assert (result.code, "nothing was written" in result.out) == (0, True)
    assert not Path("artifacts").exists()


def test_convert_prints_one_json_document(run, tiny: Path) -> None:
    result = run("convert", tiny, "--to", "tflite,onnx", "--json")
    document = json.loads(result.out)
    assert document["artifact"] == str(Path("artifacts/tiny/1"))
    assert [v["status"] for v in document["verdicts"]] == ["pass", "pass"]
    assert result.err == ""


def test_convert_keeps_the_targets_that_work_when_told_to_keep_going(run) -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def cholesky(x: tf.Tensor) -> dict[str, tf.Tensor]:
        square = tf.linalg.matmul(x[:, :, None], x[:, None, :]) + 4.0 * tf.eye(4)
        return {"y": tf.linalg.cholesky(square)}

    tf.saved_model.save(tf.Module(), "model", signatures={"serving_default": cholesky})
    stopped = run("convert", "model")
    assert (stopped.code, Path("artifacts").is_dir() and any(Path("artifacts").iterdir())) == (
        3,
        False,
    )
    result = run("convert", "model", "--keep-going")
    assert result.code == 3
    assert "onnx could not be converted" in result.err
    assert "NEEDS FLEX" in result.out
    manifest = json.loads(Path("artifacts/model/1/manifest.json").read_text())
    (entry,) = manifest["artifacts"]
    assert entry["target"] == "tflite" and "FlexCholesky" in entry["ops"]
    assert entry["verification"][0]["status"] == flex_verdict()
    for command in ("verify", "bench"):  # Flex operators are TensorFlow's
        code = (
            "import sys; sys.modules['tensorflow'] = None; from edge_deploy import cli; "
            f"sys.argv = ['edge-deploy', {command!r}, 'artifacts/model/1']; cli.main()"
        )
        light = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        lacking = "needs TensorFlow's Flex operators" in light.stderr
        assert (light.returncode, lacking) == (3, True), light
    refused = run("snippet", "artifacts/model/1", "--platform", "android")
    assert (refused.code, "operators (FlexCholesky)" in refused.err) == (2, True), refused


def test_convert_writes_a_manifest_that_its_schema_accepts(run, tiny: Path) -> None:
    import jsonschema

    import edge_deploy

    assert run("convert", tiny, "--labels", "a,b").code == 0
    folder = Path("artifacts/tiny/1")
    schema = json.loads(
        (Path(edge_deploy.__file__).parent / "artifact/manifest.schema.json").read_text()
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(manifest)
    listed = {entry["path"] for entry in manifest["files"]}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert listed == there - {"manifest.json"}
    assert {e["target"] for e in manifest["artifacts"]} == {"tflite", "tfjs", "onnx"}
    assert (folder / "tfjs/float32/model.json").is_file()


def test_every_file_carries_the_same_metadata(run, tiny: Path) -> None:
    assert run("convert", tiny, "--labels", "a,b").code == 0
    manifest = json.loads(Path("artifacts/tiny/1/manifest.json").read_text())
    carried = []
    for entry in manifest["artifacts"]:
        result = run("inspect", f"artifacts/tiny/1/{entry['files'][0]['path']}", "--json")
        carried.append(json.loads(result.out)["metadata"])
    assert carried[0]["classes"] == {"y": ["a", "b"]}
    assert carried[0]["source_sha256"] == manifest["source"]["sha256"]
    assert carried[0] == carried[1] == carried[2]


def test_a_recurrent_model_of_many_steps_keeps_one_copy_of_its_weights(run, tmp_path: Path) -> None:
    import tf_keras

    from tests.support.models import save

    layers = [tf_keras.layers.LSTM(32, return_sequences=True, input_shape=(16, 8))]  # written out
    layers += [tf_keras.layers.LSTM(32, return_sequences=True) for _ in range(2)]
    layers += [tf_keras.layers.LSTM(32), tf_keras.layers.Dense(1)]
    model = tf_keras.Sequential(layers)
    path = save(model, tmp_path / "stack.h5")
    assert run("convert", path, "--to", "tfjs").code == 0
    folder = Path("artifacts/stack/1/tfjs/float32")
    size = sum(shard.stat().st_size for shard in folder.glob("*.bin"))
    assert size < 1.1 * 4 * model.count_params()
    document = json.loads((folder / "model.json").read_text())
    # Protobuf's maps have no order of their own, and the same model is to give the same bytes.
    attributes = [list(node.get("attr", ())) for node in document["modelTopology"]["node"]]
    assert attributes == [sorted(names) for names in attributes]
    (group,) = document["weightsManifest"]
    kinds = [weight["dtype"] for weight in group["weights"]]
    # What steers the graph comes first, so that a page can compile before it has the rest.
    assert kinds == sorted(kinds, reverse=True) and set(kinds) == {"int32", "float32"}
