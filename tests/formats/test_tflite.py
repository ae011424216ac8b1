"""What a .tflite file says to an app: metadata that MediaPipe reads, needs that hold."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_deploy import ConvertOptions, convert
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.spec import TensorSpec
from edge_deploy.examples import ExampleFiles
from edge_deploy.formats.tflite import FORMAT as tflite
from edge_deploy.formats.tflite import flex
from edge_deploy.formats.tflite.file import associated_files, operator_names, pack, unpack
from edge_deploy.formats.tflite.metadata import finish, normalization
from edge_deploy.formats.tflite.requirements import multiply_adds, needs, peak_memory, too_new
from edge_deploy.formats.tflite.runner import open_runner
from edge_deploy.formats.tflite.runtime_versions import litert_version, order, runtime_of
from edge_deploy.formats.tflite.tables import table
from tests.support.models import teachable_machine_h5

slow = pytest.mark.slow
NUMBERS = {name: number for number, name in operator_names().items()}


def model_of(
    operators: Sequence[tuple[str, int]],
    tensors: Sequence[tuple[tuple[int, ...], str, bool]] = (((1,), "FLOAT32", False),),
    steps: Sequence[tuple[int, list[int], list[int]]] = (),
    ends: tuple[list[int], list[int]] = ([0], [0]),
) -> Any:
    """A file by hand.

    Args:
        operators: Names and versions.
        tensors: Shape, type and whether it is a constant.
        steps: Of each use the operator's place in the list, its inputs and outputs.
        ends: The graph's inputs and outputs.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version = 3
    model.operatorCodes, model.buffers = [], [schema.BufferT()]
    for name, version in operators:
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = NUMBERS[name], version
        code.deprecatedBuiltinCode = min(NUMBERS[name], 127)
        model.operatorCodes.append(code)
    graph = schema.SubGraphT()
    graph.inputs, graph.outputs = ends
    graph.tensors, graph.operators = [], []
    for n, (shape, kind, constant) in enumerate(tensors):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{n}".encode(), list(shape)
        tensor.type = getattr(schema.TensorType, kind)
        tensor.buffer = 0
        if constant:
            tensor.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
        graph.tensors.append(tensor)
    for place, inputs, outputs in steps:
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = place, inputs, outputs
        graph.operators.append(operator)
    model.subgraphs = [graph]
    return model


NEEDS = [
    ("CONV_2D", 1, "1.5.0"),
    ("CONV_2D", 5, "2.4.0"),
    ("CONV_2D", 8, "2.15.0"),
    ("DEPTHWISE_CONV_2D", 6, "2.3.0"),
    ("FULLY_CONNECTED", 4, "1.14.0"),
    ("FULLY_CONNECTED", 9, "2.3.0"),
    ("FULLY_CONNECTED", 11, "2.15.0"),
    ("FULLY_CONNECTED", 12, "2.17.0"),
    ("FULLY_CONNECTED", 13, "2.18.0"),
    ("SOFTMAX", 2, "1.14.0"),
    ("QUANTIZE", 3, "2.7.0"),
    ("DEQUANTIZE", 3, "1.15.0"),
    ("DEQUANTIZE", 6, "2.18.0"),
    ("BROADCAST_TO", 2, "2.5.0"),
    ("GELU", 1, "2.9.0"),
    ("SELECT_V2", 2, "2.12.0"),
    ("STRIDED_SLICE", 8, "2.14.0"),
    ("TRANSPOSE", 7, "2.20.0"),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", 4, "2.12.0"),
    ("RESHAPE", 1, "1.5.0"),
]


@pytest.mark.parametrize(("name", "version", "runtime"), NEEDS)
def test_the_oldest_runtime_follows_from_an_operators_version(
    name: str, version: int, runtime: str
) -> None:
    tensors = (((1, 4), "FLOAT32", False), ((4, 4), "FLOAT32", True), ((1, 4), "FLOAT32", False))
    model = model_of([(name, version)], tensors, [(0, [0, 1, -1], [2])], ([0], [2]))
    needed = needs(model)
    assert needed["min_runtime"] == runtime
    assert needed["operators"] == [
        {"name": name, "version": version, "count": 1, "min_runtime": runtime}
    ]
    assert too_new(needed, runtime) == []
    old = "2.2" if order(runtime) > (2, 2) else "1.4"
    assert too_new(needed, old) == [f"{name} {version} (since {runtime})"]


def test_the_version_that_the_types_ask_for_counts_where_the_file_says_less() -> None:
    tensors = (((1, 4), "FLOAT32", False), ((4, 4), "INT4", True), ((1, 4), "FLOAT32", False))
    model = model_of([("FULLY_CONNECTED", 1)], tensors, [(0, [0, 1], [2])], ([0], [2]))
    assert needs(model)["min_runtime"] == "2.17.0"


@pytest.mark.parametrize(
    ("runtime", "litert"),
    [("1.5.0", "1.0.1"), ("2.18.0", "1.0.1"), ("2.20.0", "2.0.3"), ("2.99.0", None)],
)
def test_litert_is_named_by_what_it_has(runtime: str, litert: str | None) -> None:
    assert litert_version(runtime) == litert


def test_memory_and_work_are_counted_from_the_graph() -> None:
    """A 4 x 4 x 2 picture, a 3 x 3 convolution to 8 channels, flattened, a dense layer of 10."""
    tensors = (
        ((1, 4, 4, 2), "FLOAT32", False),
        ((8, 3, 3, 2), "FLOAT32", True),
        ((1, 2, 2, 8), "FLOAT32", False),
        ((1, 32), "FLOAT32", False),
        ((10, 32), "FLOAT32", True),
        ((1, 10), "FLOAT32", False),
    )
    steps = [(0, [0, 1], [2]), (1, [2], [3]), (2, [3, 4], [5])]
    names = [("CONV_2D", 1), ("RESHAPE", 1), ("FULLY_CONNECTED", 1)]
    model = model_of(names, tensors, steps, ([0], [5]))
    assert peak_memory(model) == 4 * (32 + 32)
    assert multiply_adds(model) == 32 * 18 + 10 * 32


FOUR, FLAT, SCALAR = (1, 4, 4, 2), (1, 4), ()
GPU = {
    "a convolution": ("CONV_2D", [(FOUR, "FLOAT32"), ((2, 1, 1, 2), "FLOAT32")], []),
    "a loop": ("WHILE", [(FLAT, "FLOAT32")], ["not supported"]),
    "int32 values": ("GATHER", [(FLAT, "INT32"), ((2,), "INT32")], ["int32 values"]),
    "rows of indices": (
        "GATHER", [(FLAT, "FLOAT32"), ((2, 2), "INT32")], ["indices that are not one row of int32"],
    ),
    "a flat slice": ("STRIDED_SLICE", [(FLAT, "FLOAT32")], ["a tensor of 2 axes"]),
    "an int64 cast": (
        "CAST", [(FLAT, "INT64")], ["other types than float, int32 and bool"],
    ),
    "sums of other ranks": (
        "ADD", [(FOUR, "FLOAT32"), (FLAT, "FLOAT32")], ["broadcasting 2 axes to 4"],
    ),
    "a sum with a scalar": ("ADD", [(FOUR, "FLOAT32"), (SCALAR, "FLOAT32")], []),
}  # fmt: skip


@pytest.mark.parametrize("case", GPU)
def test_what_the_gpu_delegate_leaves_to_the_cpu_is_named(case: str) -> None:
    name, inputs, reasons = GPU[case]
    tensors = [(shape, kind, False) for shape, kind in (*inputs, (FLAT, "FLOAT32"))]
    places = list(range(len(inputs)))
    model = model_of([(name, 1)], tensors, [(0, places, [len(inputs)])], (places, [len(inputs)]))
    expected = [{"name": name, "reason": reason} for reason in reasons]
    assert needs(model)["gpu"] == {"all": not reasons, "falls_back": expected}


def test_operators_that_an_app_must_link_are_named(tmp_path: Path) -> None:
    model = model_of([("CUSTOM", 1), ("CUSTOM", 1)], steps=[(0, [0], [0]), (1, [0], [0])])
    model.operatorCodes[0].customCode = b"FlexRoll"
    options = flex.written(b"Roll", b"\x12\x04Roll")
    model.subgraphs[0].operators[0].customOptions = np.frombuffer(options, np.uint8)
    model.operatorCodes[1].customCode = b"OurOwn"
    path = tmp_path / "m.tflite"
    path.write_bytes(pack(model))
    needed = tflite.describe(path).needs
    assert needed is not None
    assert (needed["flex"], needed["custom"]) == (["FlexRoll"], ["OurOwn"])
    assert {row["name"] for row in needed["gpu"]["falls_back"]} == {"FlexRoll", "OurOwn"}


PREPARED = {
    "unit": ({"scale": 1 / 255, "offset": 0.0, "mean": [0.0], "std": [1.0]}, [0], [255]),
    "[-1, 1]": ({"scale": 1 / 127.5, "offset": -1.0, "mean": None, "std": None}, [127.5], [127.5]),
    "one mean for all": (
        {"scale": 1.0, "offset": 0.0, "mean": [9.0] * 3, "std": [2.0] * 3}, [9], [2],
    ),
    "a mean a channel": (
        {"scale": 1 / 255, "offset": 0.0, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.25]},
        [25.5, 51, 76.5], [127.5, 127.5, 63.75],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PREPARED)
def test_normalization_says_what_the_preprocessing_does(case: str) -> None:
    image, mean, std = PREPARED[case]
    found = normalization(image)
    assert [list(map(float, values)) for values in found] == [
        pytest.approx(mean, rel=1e-6),
        pytest.approx(std, rel=1e-6),
    ]
    assert all(values.dtype == np.float32 for values in found)


EMBEDDED = {
    "name": "m",
    "version": "2",
    "source_sha256": "0" * 64,
    "classes": {"y": ["a", "b"]},
    "preprocessing": None,
    "features": None,
    "inputs": {"x": {"kind": "tensor"}},
    "outputs": {"y": {"kind": "probabilities", "unit": None}},
}
X, Y = TensorSpec("x", (1, 3), "float32"), TensorSpec("y", (1, 2), "float32")


def file_with(metadata: dict[str, Any]) -> bytes:
    model = model_of(
        [("RESHAPE", 1)], (((1, 3), "FLOAT32", False), ((1, 2), "FLOAT32", False)), (), ([0], [1])
    )
    return finish(model, metadata, [X], [Y])


def edited(data: bytes, **files: bytes | None) -> bytes:
    """The same model with other files behind it."""
    there = associated_files(Path("m.tflite"), data)
    for name, content in files.items():
        there[name.replace("__", ".")] = content or b""
    return pack(unpack(Path("m.tflite"), data), there)


def test_metadata_is_read_back_and_written_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(file_with(EMBEDDED))
    assert tflite.metadata(path) == EMBEDDED
    assert path.read_bytes() == file_with(EMBEDDED)
    with zipfile.ZipFile(path) as archive:
        assert {e.filename: e.compress_type for e in archive.infolist()} == {
            "labels.txt": zipfile.ZIP_STORED,
            "metadata.json": zipfile.ZIP_STORED,
        }


def test_metadata_of_files_of_before_is_read(tmp_path: Path) -> None:
    from edge_deploy.formats.tflite.file import set_buffer

    model = unpack(Path("m.tflite"), file_with(EMBEDDED))
    set_buffer(model, "edge_deploy", json.dumps({"name": "older"}).encode())
    path = tmp_path / "m.tflite"
    path.write_bytes(pack(model))
    assert tflite.metadata(path) == {"name": "older"}


def test_other_labels_in_the_file_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(edited(file_with(EMBEDDED), labels__txt=b"b\na\n"))
    found = tflite.metadata(path)
    assert found is not None and found["classes"] == {"y": ["b", "a"]}


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 3]


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no TFLite file": (lambda _: b"<html>not found</html>", "not a TFLite file"),
    "an empty file": (lambda _: b"", "not a TFLite file"),
    "a cut file": (_cut, "a damaged TFLite file"),
    "metadata that is no JSON": (
        lambda d: edited(d, metadata__json=b"{'name'"), "the metadata in it is damaged",
    ),
    "metadata that is a list": (
        lambda d: edited(d, metadata__json=b"[1]"), "the metadata in it is damaged",
    ),
    "a damaged zip": (
        lambda d: d.replace(b'"version"', b'"vers1on"'), "the files behind the model",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_in_words(run, tmp_path: Path, case: str) -> None:
    spoil, message = DAMAGED[case]
    path = tmp_path / "m.tflite"
    path.write_bytes(spoil(file_with(EMBEDDED)))
    with pytest.raises(ArtifactError, match=message):
        tflite.describe(path)
    result = run("inspect", path)
    assert result.code == 3 and message in result.err and len(result.err.splitlines()) == 1


def test_a_folder_without_a_manifest_is_refused_in_words(run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("run", tmp_path / "empty", "x.png")
    assert result.code == 2 and "it has no manifest.json" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--min-runtime", "new"), "name a version of TensorFlow Lite"),
        (("--min-runtime", "2.11", "--to", "onnx"), "is for TFLite files"),
    ],
)
def test_a_runtime_that_means_nothing_is_refused(
    run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "m.h5").touch()
    result = run("convert", tmp_path / "m.h5", *arguments)
    assert (result.code, message in result.err) == (2, True), result


# Environments of other clients. They are made once a session, without a cache of ours.
ENVIRONMENTS = {
    "mediapipe": (
        "mediapipe==1.2.3", "absl-py", "certifi", "flatbuffers", "numpy", "pillow",
        # What it imports for drawing; the headless OpenCV needs no X11.
        "opencv-python-headless", "matplotlib", "contourpy", "cycler", "fonttools", "kiwisolver",
        "packaging", "pyparsing", "python-dateutil", "six",
    ),
    "tflite-runtime": ("tflite-runtime==2.14.0", "numpy<2"),
}  # fmt: skip


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The Python of an environment that has just this client."""
    made: dict[str, str] = {}

    def python_of(name: str) -> str:
        if name not in made:
            folder = tmp_path_factory.mktemp(name) / "env"
            venv.create(folder, with_pip=False)
            python = str(folder / "bin" / "python")
            pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
            subprocess.run(
                [*pip, "--no-deps", *ENVIRONMENTS[name]], check=True, timeout=300,
                capture_output=True,
            )  # fmt: skip
            made[name] = python
        return made[name]

    return python_of


def ask(python: str, code: str, *arguments: str) -> Any:
    """What a script prints as JSON in another environment."""
    done = subprocess.run(
        [python, "-c", code, *arguments], capture_output=True, text=True, timeout=300, env={}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


REGISTERED = """
import base64, json, sys
from tflite_runtime.interpreter import Interpreter
found = {}
for name, data in json.load(open(sys.argv[1])).items():
    try:
        Interpreter(model_content=base64.b64decode(data))
        found[name] = True
    except ValueError as error:
        told = ("Didn't find op for builtin opcode", "Op builtin_code out of range")
        assert any(text in str(error) for text in told), error
        found[name] = False
print(json.dumps(found))
"""


@slow
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tflite-runtime has no wheel for it")
def test_an_old_runtime_has_just_the_operators_that_the_table_gives_it(
    environment: Callable[[str], str], tmp_path: Path
) -> None:
    """Each operator in each version, and in one more than the table has, asked of 2.14."""
    asked = {
        f"{name} {version}": base64.b64encode(pack(model_of([(name, version)]))).decode()
        for name, versions in table("runtime_versions")["operators"].items()
        for version in range(1, len(versions) + 2)
    }
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    has = ask(environment("tflite-runtime"), REGISTERED, str(tmp_path / "asked.json"))
    expected = {}
    for row in asked:
        name, version = row.split()
        since = runtime_of(name, int(version))
        expected[row] = since is not None and order(since) <= (2, 14, 0)
    assert len(asked) > 500
    assert has == expected


ANSWERS = """
import json, sys
import numpy as np
from tflite_runtime.interpreter import Interpreter
found = {}
for path in sys.argv[2:]:
    try:
        opened = Interpreter(path)
        opened.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        found[path] = str(error)
        continue
    (given,), (taken,) = opened.get_input_details(), opened.get_output_details()
    found[path] = []
    for value in np.load(sys.argv[1]):
        opened.set_tensor(given["index"], value[None])
        opened.invoke()
        found[path].append(opened.get_tensor(taken["index"])[0].tolist())
print(json.dumps(found))
"""


@slow
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tflite-runtime has no wheel for it")
def test_a_file_held_to_an_old_runtime_runs_there_and_others_are_refused(
    classifiers,
    example: Callable[[str], ExampleFiles],
    environment: Callable[[str], str],
    tmp_path: Path,
) -> None:
    folder, _ = classifiers["chihuahua-vs-muffin"]
    model = example("chihuahua-vs-muffin").model
    files = {}
    for oldest in ("", "2.14", "2.3"):
        options = ConvertOptions(
            to=("tflite",),
            output=tmp_path / f"oldest{oldest}",
            quantize=("float32", "dynamic"),
            min_runtime=oldest,
        )
        done = convert(model, options)
        assert done.artifact is not None and done.complete and done.passed
        float32, dynamic = done.manifest.artifacts
        files[oldest] = done.artifact.folder / dynamic.path
        needed = dynamic.needs
        versions = {o.name: o.version for o in needed.operators}
        assert (versions["CONV_2D"], versions["FULLY_CONNECTED"]) == {
            "": (5, 12), "2.14": (5, 3), "2.3": (2, 3),
        }[oldest]  # fmt: skip
        assert needed.min_runtime == {"": "2.17.0", "2.14": "2.4.0", "2.3": "1.14.0"}[oldest]
        assert (needed.gpu.all, needed.gpu.falls_back) == (True, ())
        assert needed.multiply_adds == float32.needs.multiply_adds > 10**7
    values = np.load(folder / "reference.npz")["in:picture"][:8]
    np.save(tmp_path / "values.npy", values)
    paths = {oldest: str(path) for oldest, path in files.items()}
    python = environment("tflite-runtime")
    found = ask(python, ANSWERS, str(tmp_path / "values.npy"), *paths.values())
    assert "'FULLY_CONNECTED' version '12'" in found[paths.pop("")]
    for path in paths.values():
        with open_runner(Path(path)) as runner:
            ours = [runner.predict({"picture": v[None]})["probabilities"][0] for v in values]
        # Dynamic activations are rounded to eight bits, in each runtime by other kernels.
        np.testing.assert_allclose(found[path], ours, atol=4 / 256)


@slow
def test_a_precision_that_an_old_runtime_cannot_open_is_refused(
    run, example: Callable[[str], ExampleFiles]
) -> None:
    model = example("chihuahua-vs-muffin").model
    arguments = ("convert", model, "--to", "tflite", "--min-runtime", "2.11", "--quantize")
    alone = run(*arguments, "int4")
    assert alone.code == 3 and "FULLY_CONNECTED 12 (since 2.17.0)" in alone.err
    assert not list(Path("artifacts").rglob("*.tflite"))
    both = run(*arguments, "float32,int4", "--keep-going")
    assert both.code == 3 and "CONV_2D 8 (since 2.15.0)" in both.err
    names = [p.name for p in Path("artifacts").rglob("*.tflite")]
    assert names == ["chihuahua-vs-muffin_float32.tflite"]


CLASSIFY = """
import json, sys
import numpy as np
import mediapipe as mp
from mediapipe.tasks.python import vision
from PIL import Image
found = {}
for path in sys.argv[2:]:
    with vision.ImageClassifier.create_from_model_path(path) as classifier:
        answers = []
        for picture in json.loads(sys.argv[1]):
            pixels = np.array(Image.open(picture).convert("RGB"))
            answer = classifier.classify(mp.Image(mp.ImageFormat.SRGB, pixels))
            (head,) = answer.classifications
            answers.append({c.category_name: c.score for c in head.categories})
        found[path] = answers
print(json.dumps(found))
"""


def drawn(folder: Path, size: tuple[int, int], count: int) -> list[Path]:
    """Pictures of a model's own size, so that no client has to resize: noise in big and small."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    paths = []
    for n in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (n + 2, n + 2, 3), np.uint8))
        paths.append(folder / f"{n:02d}.png")
        coarse.resize(size[::-1], Image.Resampling.BICUBIC).save(paths[-1])
    return paths


@pytest.fixture(scope="session")
def classifiers(
    example: Callable[[str], ExampleFiles], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, list[Path]]]:
    """Two models, each with the options that a user gives, and pictures of their sizes."""
    made = {}
    for name, size in (("chihuahua-vs-muffin", (128, 128)), ("teachable", (224, 224))):
        folder = tmp_path_factory.mktemp(name)
        pictures = drawn(folder / "pictures", size, 24)
        model = teachable_machine_h5(folder) if name == "teachable" else example(name).model
        options = ConvertOptions(
            to=("tflite",),
            output=folder / "artifacts",
            quantize=("float32", "float16", "int8"),
            reference=folder / "pictures",
        )
        done = convert(model, options)
        assert done.artifact is not None
        made[name] = (done.artifact.folder, pictures)
    return made


# Scores of float32 agree to float32's own error; the others are the same file in two runtimes,
# whose kernels round differently: MediaPipe's is XNNPACK, which computes float16 in float32.
SCORES = {"float32": 1e-3, "float16": 5e-3, "int8": 3 / 256}


@slow
@pytest.mark.parametrize("name", ["chihuahua-vs-muffin", "teachable"])
def test_mediapipe_gives_the_labels_and_scores_that_run_gives(
    run, classifiers, environment: Callable[[str], str], name: str, tmp_path: Path
) -> None:
    folder, pictures = classifiers[name]
    manifest = json.loads((folder / "manifest.json").read_text())
    paths = {e["precision"]: str(folder / e["files"][0]["path"]) for e in manifest["artifacts"]}
    assert list(paths) == list(SCORES)
    shown = [str(p) for p in pictures[:6]]
    theirs = ask(environment("mediapipe"), CLASSIFY, json.dumps(shown), *paths.values())
    labels = {"chihuahua", "muffin"} if name.startswith("chi") else {"Cat", "Dog"}
    for precision, path in paths.items():
        alone = [e for e in manifest["artifacts"] if e["precision"] == precision]
        (folder / "manifest.json").write_text(json.dumps({**manifest, "artifacts": alone}))
        answers = json.loads(run("run", folder, *shown, "--json").out)["answers"]
        (folder / "manifest.json").write_text(json.dumps(manifest))
        for mine, got in zip(answers, theirs[path], strict=True):
            (output,) = [v for k, v in mine.items() if k != "source"]
            assert set(got) == labels
            assert got == pytest.approx(output["probabilities"], abs=SCORES[precision]), precision
    spread = [next(iter(a.values())) for a in theirs[paths["float32"]]]
    assert len(set(spread)) > 3  # it looked at the pictures
