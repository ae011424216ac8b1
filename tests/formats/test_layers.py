"""Layers by the author's names: which of them break a precision, and keeping them in float."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_deploy import ConvertOptions, UsageError, convert
from edge_deploy.formats.layers import Layer, Operator, choose, group
from edge_deploy.formats.registry import FORMATS
from edge_deploy.optimize.mixed_precision import fewest
from tests.support.models import randomize, save

slow = pytest.mark.slow

# label of each operator, whether it has weights -> names of the layers, in order
NAMED = {
    "Keras 3 numbers the names of a model that is called again": (
        [("net_1/flat_1/Reshape", False), ("net_1/hidden_1_1/MatMul;net_1/hidden_1_1/Relu", True),
         ("net_1/dense_1/MatMul", True), ("net_1/dense_1_2/MatMul", True)],
        ["flat", "hidden_1", "dense", "dense_1"],
    ),
    "Keras 2 does not": (
        [("net_1/conv_1/Relu;net_1/conv_1/BiasAdd;net_1/conv_1/Conv2D", True),
         ("net_1/Conv1/Conv2D1", True), ("net_1/pool_1/MaxPool", False)],
        ["conv_1", "Conv1", "pool_1"],
    ),
    "the layer with the weights names what was fused": (
        [("s/m/relu_1/Relu6;s/m/bn_1/FusedBatchNormV3;s/m/expand_1/Conv2D", True)], ["expand_1"],
    ),
    "a nested model's layers go by their own names": (
        [("s/m/first/Conv2D", True), ("s/n/second/MatMul", True)], ["first", "second"],
    ),
    "until two have the same": (
        [("s/m/dense/MatMul", True), ("s/n/dense/MatMul", True)], ["m/dense", "n/dense"],
    ),
    "what is inside a layer is not one": (
        [("f/attention/einsum/Einsum", False), ("f/attention/query/MatMul", True),
         ("f/norm/moments/mean", False), ("f/area/Add/ReadVariableOp/resource", True)],
        ["attention", "query", "norm", "area"],
    ),
    "an output's own name belongs to what it follows": (
        [("net/kind/MatMul;net/kind/BiasAdd", True), ("answers", False)], ["kind"],
    ),
    "a graph without layers goes by its operators": (
        [("MatMul;BiasAdd", True), ("MatMul_1;BiasAdd_1", True)],
        ["MatMul;BiasAdd", "MatMul_1;BiasAdd_1"],
    ),
}  # fmt: skip


def chain(labels: Sequence[tuple[str, bool]]) -> tuple[Layer, ...]:
    """A file's operators, each taking the result of the one before."""
    ids = [label for label, _ in labels]
    return group(
        [
            Operator(label, label, ("w",) if weights else (), tuple(ids[n - 1 : n]) if n else ())
            for n, (label, weights) in enumerate(labels)
        ]
    )


@pytest.mark.parametrize("case", NAMED)
def test_a_layer_goes_by_its_authors_name(case: str) -> None:
    labels, names = NAMED[case]
    layers = chain(labels)
    assert [layer.name for layer in layers] == names
    assert [name for layer in layers for name in layer.operators] == [label for label, _ in labels]


CHOSEN = [
    (["expand"], ["expand"]),
    (["relu"], ["expand"]),  # fused into it
    (["m"], ["expand", "project"]),  # a nested model
    (["m/project", "head"], ["project", "head"]),
]


@pytest.mark.parametrize(("asked", "found"), CHOSEN)
def test_layers_are_chosen_by_any_name_they_go_by(asked: list[str], found: list[str]) -> None:
    layers = chain(
        [("s/m/relu/Relu;s/m/expand/Conv2D", True), ("s/m/project/Conv2D", True),
         ("s/head/MatMul", True)]
    )  # fmt: skip
    assert [layer.name for layer in choose(layers, asked, "the file")] == found
    with pytest.raises(UsageError, match=r"Did you mean head\? Its layers are expand, project"):
        choose(layers, ["haed"], "the file")


# (layers, the sets of which one must be in float) -> how many are kept
SEARCHES = [
    (3, [{1}], {1}),
    (3, [{0, 2}], {0, 2}),
    (3, [{0}, {1}], {1}),  # the smaller file: layer 0 is the largest
    (40, [{7, 21, 30}], {7, 21, 30}),
    (40, [set(range(40))], set(range(40))),
    (5, [], None),
]


@pytest.mark.parametrize(("count", "needed", "kept"), SEARCHES)
def test_auto_keeps_the_fewest_that_help(count: int, needed: list, kept: set | None) -> None:
    layers = [Layer(str(n), f"net/{n}", (str(n),), True) for n in range(count)]
    tried = []

    def bad(keep: Sequence[Layer]) -> tuple[float, int]:
        names = {int(layer.name) for layer in keep}
        tried.append(names)
        missing = min((len(wanted - names) for wanted in needed), default=9)
        return float(missing), sum(100 - n for n in names)

    found = fewest(layers, bad)
    assert (None if found is None else {int(layer.name) for layer in found}) == kept
    assert len(tried) <= 24 + 12 + 80


def network(folder: Path, spoil: float, inputs: int = 16) -> Path:
    """A network of which ``second`` has a weight so large that int8 loses all others beside it.

    The unit before it is as much smaller, so that the answers are those of the plain network.
    """
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((inputs,), name="measures"),
            layers.Dense(64, activation="relu", name="first"),
            layers.Dense(64, activation="relu", name="second"),
            layers.Dense(4, activation="softmax", name="kind"),
        ],
        name="spoilt",
    )
    randomize(model)
    first, second = model.get_layer("first"), model.get_layer("second")
    (w1, b1), (w2, b2) = first.get_weights(), second.get_weights()
    unit = int(np.abs(w2).sum(axis=1).argmax())
    w1[:, unit] /= spoil
    b1[unit] /= spoil
    w2[unit] *= spoil
    first.set_weights([w1, b1])
    second.set_weights([w2, b2])
    x = np.random.default_rng(1).normal(size=(120, inputs)).astype(np.float32)
    np.savez(folder / "reference.npz", x=x, labels=model.predict(x, verbose=0).argmax(axis=1))
    return save(model, folder / "spoilt.keras")


@pytest.fixture(scope="session")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of the spoilt network, float32, without TF.js."""
    model = network(tmp_path_factory.mktemp("spoilt"), 2000.0)
    options = ConvertOptions(to=("tflite", "onnx"), output=model.parent)
    return convert(model, options).artifact.folder


@pytest.fixture
def copy(spoilt: Path, tmp_path: Path) -> Path:
    """The same, to change."""
    return shutil.copytree(spoilt, tmp_path / "spoilt" / "1")


def entries_of(folder: Path) -> dict[tuple[str, str], dict]:
    manifest = json.loads((folder / "manifest.json").read_text())
    return {(e["target"], e["precision"]): e for e in manifest["artifacts"]}


@slow
def test_a_failed_budget_names_the_layer_that_breaks_it(run, copy: Path) -> None:
    result = run("quantize", copy, "--to", "tflite=int8,onnx=int8", "--json")
    assert result.code == 1
    small, other = json.loads(result.out)["verdicts"]
    assert small["status"] == other["status"] == "fail"
    (line,) = small["advice"]
    assert "int8 loses most in second (its result is off by" in line
    assert "--keep-float second" in line
    errors = {layer["name"]: layer for layer in small["layers"]}
    assert list(errors) == ["first", "second", "kind"]
    assert errors["second"]["after"] > 0.2 > 0.05 > errors["second"]["before"]
    assert errors["first"]["after"] == errors["second"]["before"]
    assert "--keep-float auto" in other["advice"][0]
    page = (copy / "report.html").read_text()
    assert "error of each layer" in page and "loses most in second" in page
    again = run("quantize", copy, "--to", "tflite=int8", "--overwrite")
    assert "loses most in second" in again.err


@slow
def test_keep_float_auto_brings_every_file_within_its_budget(run, copy: Path) -> None:
    import edge_deploy

    jsonschema = pytest.importorskip("jsonschema")
    result = run("quantize", copy, "--to", "dynamic,int8,int4", "--keep-float", "auto", "--json")
    assert result.code == 0, result.err
    entries = entries_of(copy)
    kept = {key: e["kept_float"] for key, e in entries.items() if e["precision"] != "float32"}
    assert len(kept) == 5
    assert kept["tflite", "dynamic"] == kept["onnx", "dynamic"] == ["second"]
    # In int8 the small unit is lost between the two layers as well.
    assert kept["tflite", "int8"] == kept["onnx", "int8"] == ["first", "second"]
    assert all("second" in names and len(names) < 3 for names in kept.values())
    schema = json.loads(
        (Path(edge_deploy.__file__).parent / "artifact/manifest.schema.json").read_text()
    )
    manifest = json.loads((copy / "manifest.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(manifest)
    assert run("verify", copy).code == 0


@slow
def test_a_mixed_file_says_what_runtime_its_layers_need(run, copy: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if k[0].isupper()}
    rows = [("dynamic", "second", "2.17.0"), ("int8", "first,second", "1.14.0")]
    for precision, kept, oldest in rows:
        to = ("--to", f"tflite={precision}", "--keep-float", kept)
        assert run("quantize", copy, *to).code in (0, 1)
        entry = entries_of(copy)["tflite", precision]
        assert (entry["min_runtime"], entry["kept_float"]) == (oldest, kept.split(","))
        path = copy / entry["files"][0]["path"]
        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        (graph,) = model.subgraphs
        dense = [
            graph.tensors[op.inputs[1]].type
            for op in graph.operators
            if names[model.operatorCodes[op.opcodeIndex].builtinCode] == "FULLY_CONNECTED"
        ]
        types = schema.TensorType
        wanted = [types.FLOAT32 if n in kept else types.INT8 for n in ("first", "second", "kind")]
        assert dense == wanted
        seen = json.loads(run("inspect", path, "--json").out)
        assert seen["metadata"]["name"] == "spoilt"
        assert [t["name"] for t in seen["inputs"] + seen["outputs"]] == ["measures", "output_0"]


REFUSED = [
    (["--to", "int8", "--keep-float", "sceond"], "Did you mean second? Its layers are first, "),
    (["--to", "float32", "--keep-float", "second"], "only float32 is asked for"),
    (["--to", "int8", "--keep-float", "auto,second"], "give it alone"),
    (["--to", "tflite=int8", "--keep-float", "first,second,kind"], "nothing is left to quantize"),
]


@slow
@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[m[:20] for _, m in REFUSED])
def test_keep_float_refuses_what_it_cannot_mean(
    run, spoilt: Path, arguments: list[str], message: str
) -> None:
    before = (spoilt / "manifest.json").read_text()
    result = run("quantize", spoilt, *arguments)
    assert (result.code, message in result.err) == (3 if "nothing" in message else 2, True), result
    assert (spoilt / "manifest.json").read_text() == before


@slow
def test_convert_keeps_layers_in_every_target(run, tmp_path: Path) -> None:
    model = network(tmp_path, 1.0)
    result = run("convert", model, "--quantize", "tfjs=uint8,tflite=dynamic", "--to", "tfjs,tflite",
                 "--keep-float", "second", "--json")  # fmt: skip
    assert result.code == 0, result.err
    folder = Path(json.loads(result.out)["artifact"])
    assert {e["kept_float"][0] for e in entries_of(folder).values()} == {"second"}
    weights = json.loads((folder / "tfjs/uint8/model.json").read_text())["weightsManifest"][0]
    wide = {w["name"] for w in weights["weights"] if w["shape"] == [64, 64]}
    narrow = {w["name"] for w in weights["weights"] if "quantization" in w}
    assert len(wide) == 1 and narrow and not wide & narrow


@slow
def test_every_target_names_the_same_layers(spoilt: Path) -> None:
    found: Callable[[str, str], list[str]] = lambda target, name: [  # noqa: E731
        layer.name for layer in FORMATS[target].layers(spoilt / target / name) if layer.weighted
    ]
    wanted = ["first", "second", "kind"]
    assert found("tflite", "spoilt_float32.tflite") == wanted
    assert found("onnx", "spoilt_float32.onnx") == wanted
