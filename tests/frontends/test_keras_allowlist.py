"""Keras configurations that would do more than build layers: refused before Keras sees them."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import SourceError, UntrustedError
from edge_deploy.frontends import load as frontend
from edge_deploy.frontends.keras_allowlist import check
from edge_deploy.frontends.keras_config import read_config, write_checked

MARKER = "MARKER"
Config = dict[str, Any]


def layer(name: str, inner: Config, inbound: Any = None, **more: Any) -> Config:
    """A layer of a functional model, as files of before 2.13 write it."""
    return {
        "class_name": name,
        "config": {"name": "odd", **inner},
        "name": "odd",
        "inbound_nodes": [[["x", 0, 0, {}]]] if inbound is None else inbound,
        **more,
    }


def functional(*layers: Config, last: str = "odd") -> Config:
    """An input ``x`` and these layers."""
    first = {
        "class_name": "InputLayer",
        "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "x"},
        "name": "x",
        "inbound_nodes": [],
    }
    inner = {"name": "model", "layers": [first, *layers], "input_layers": [["x", 0, 0]]}
    return {
        "class_name": "Functional",
        "config": {**inner, "output_layers": [[last, 0, 0]]},
    }


def called(symbol: str, *constants: Any, name: str = "TFOpLambda") -> Config:
    nodes = (
        [["_CONSTANT_VALUE", -1, constants[0], {"contents": ["x", 0, 0]}]] if constants else None
    )
    return layer(name, {"function": symbol}, nodes)


def typed(module: str, name: str, inner: Any = None, registered: Any = None) -> Config:
    return {
        "module": module,
        "class_name": name,
        "config": {} if inner is None else inner,
        "registered_name": registered,
    }


DENSE = typed("keras.layers", "Dense", {"units": 2, "name": "odd"})
EVIL = typed("builtins", "function", "exec", "exec")
LAMBDA = typed("keras.layers", "Lambda", {"name": "odd", "function": EVIL})
BYTES = {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}}


def dense(**inner: Any) -> Config:
    return typed("keras.layers", "Dense", {"units": 2, "name": "odd", **inner})


def within(where: str, name: str, **inner: Any) -> Config:
    return functional(typed(where, name, {"name": "odd", **inner}) | {"inbound_nodes": []})


def deep(levels: int) -> Config:
    config: Config = {"class_name": "Sequential", "config": {"layers": []}}
    for _ in range(levels):
        config = {"class_name": "Sequential", "config": {"layers": [config]}}
    return config


# A row is a way in: what was tried, the configuration, and a word that the refusal must hold.
ROWS: dict[str, tuple[Config, str]] = {
    "builtins exec in a Lambda": (functional(layer("Lambda", {"function": EVIL})), "exec"),
    "exec on a constant": (
        functional(
            layer("Lambda", {"function": EVIL}, [["_CONSTANT_VALUE", -1, "open('M','w')", {}]])
        ),
        "exec",
    ),
    "byte code of Keras 2": (
        functional(layer("Lambda", {"function": ["4wEA", None, None]})),
        "byte",
    ),
    "byte code of Keras 3": (functional(layer("Lambda", {"function": BYTES})), "byte code"),
    "byte code by its type": (
        functional(layer("Lambda", {"function": "4wEA", "function_type": "lambda"})),
        "byte code",
    ),
    "byte code as output shape": (
        functional(layer("Lambda", {"function": None, "output_shape": ["4wEA", None, None]})),
        "byte code",
    ),
    "byte code as mask": (
        functional(layer("Lambda", {"mask": "4wEA", "mask_type": "lambda"})),
        "byte code",
    ),
    "write_file": (functional(called("io.write_file", MARKER)), "io.write_file"),
    "gfile.remove": (functional(called("io.gfile.remove", MARKER)), "io.gfile.remove"),
    "load_library": (functional(called("load_library", "evil.so")), "load_library"),
    "old names of write_file": (functional(called("compat.v1.write_file")), "compat.v1.write_file"),
    "raw_ops": (functional(called("raw_ops.WriteFile")), "raw_ops.WriteFile"),
    "py_function": (functional(called("py_function", "exec")), "py_function"),
    "print into a file": (functional(called("print", "x")), "print"),
    "saved_model.load": (functional(called("saved_model.load", "m")), "saved_model.load"),
    "keras.utils.get_file": (functional(called("keras.utils.get_file", "x")), "get_file"),
    "keras.models.load_model": (functional(called("keras.models.load_model", "m")), "load_model"),
    "case of letters": (functional(called("IO.WRITE_FILE")), "IO.WRITE_FILE"),
    "a slicing layer": (
        functional(called("io.write_file", MARKER, name="SlicingOpLambda")),
        "io.write_file",
    ),
    "a symbol that is a list": (functional(layer("TFOpLambda", {"function": ["add"]})), "add"),
    "a class method": (
        functional(layer("ClassMethod", {"cls_symbol": "io.TFRecordWriter", "method_name": "x"})),
        "call of TensorFlow",
    ),
    "a method of a tensor": (
        functional(layer("InstanceMethod", {"attr_name": "__reduce_ex__"})),
        "__reduce_ex__",
    ),
    "a property of a tensor": (
        functional(layer("InstanceProperty", {"attr_name": "__class__"})),
        "__class__",
    ),
    "an operator by its NodeDef": (
        functional(layer("TensorFlowOpLayer", {"node_def": {"op": "WriteFile", "name": "w"}})),
        "WriteFile",
    ),
    "a NodeDef as text": (
        functional(layer("TensorFlowOpLayer", {"node_def": "name: 'w' op: 'WriteFile'"})),
        "call of TensorFlow",
    ),
    "a foreign class": (functional(typed("subprocess", "Popen", {"args": "touch M"})), "Popen"),
    "a foreign function": (
        functional(dense(activation=typed("os", "function", "system"))),
        "system",
    ),
    "a function of builtins": (functional(dense(activation=EVIL)), "exec"),
    "a function behind the module keras": (
        functional(dense(activation=typed("keras", "function", "utils.get_file", "get_file"))),
        "get_file",
    ),
    "an attribute of a Keras module": (
        functional(typed("keras.saving", "load_model")),
        "keras.saving.load_model",
    ),
    "a module in the class name": (functional(typed("keras", "layers.Dense")), "layers.Dense"),
    "a class of a Keras internal": (
        functional(typed("keras.src.utils.python_utils", "marshal", registered="marshal")),
        "marshal",
    ),
    "an attribute of a class": (
        functional(typed("tf_keras.src.engine.base_layer", "Layer.from_config")),
        "Layer.from_config",
    ),
    "a module that begins as keras": (functional(typed("keras_evil", "Dense")), "keras_evil"),
    "a registered name": (functional(typed("os", "Dense", registered="Dense")), "os.Dense"),
    "a registered name of a list": (
        functional(typed("keras", "Dense", registered=["x"])),
        "no text",
    ),
    "a class name of a list": (functional({"class_name": ["Dense"], "config": {}}), "no text"),
    "a layer that loads a SavedModel": (
        within("keras.layers", "TFSMLayer", filepath="m"),
        "TFSMLayer",
    ),
    "a layer that unpickles": (
        within("keras.layers", "TorchModuleWrapper", module="gAN9"),
        "TorchModuleWrapper",
    ),
    "within Bidirectional": (within("keras.layers", "Bidirectional", layer=LAMBDA), "exec"),
    "within TimeDistributed": (within("keras.layers", "TimeDistributed", layer=LAMBDA), "exec"),
    "within a cell": (within("keras.layers", "RNN", cell=typed("os", "Cell")), "os.Cell"),
    "within a functional model": (
        functional(functional(layer("Lambda", {"function": EVIL})) | {"inbound_nodes": []}),
        "exec",
    ),
    "within a Sequential of a list": (
        {
            "class_name": "Sequential",
            "config": [{"class_name": "Lambda", "config": {"function": [1]}}],
        },
        "byte code",
    ),
    "a cell around byte code": (
        within(
            "tf_keras.src.layers.rnn.cell_wrappers",
            "ResidualWrapper",
            residual_fn=["4wEA", None, None],
            residual_fn_type="lambda",
        ),
        "ResidualWrapper",
    ),
    "a cell around byte code, by its old name": (
        functional(layer("DropoutWrapper", {"dropout_fn": [1], "dropout_fn_type": "lambda"})),
        "DropoutWrapper",
    ),
    "byte code of a layer that takes none": (
        functional(dense(activation="4wEA", activation_type="lambda")),
        "byte code",
    ),
    "an initializer": (functional(dense(kernel_initializer=typed("os", "system"))), "os.system"),
    "a regularizer": (functional(dense(kernel_regularizer=typed("os", "system"))), "os.system"),
    "a constraint": (functional(dense(bias_constraint=typed("os", "system"))), "os.system"),
    "a dtype policy": (functional(dense(dtype=typed("os", "DTypePolicy"))), "os.DTypePolicy"),
    "build_config": (functional(DENSE | {"build_config": {"input_shape": LAMBDA}}), "exec"),
    "a typespec": (
        functional(
            dense(spec={"class_name": "__typespec__", "spec_name": "system", "module": "os"})
        ),
        "__typespec__",
    ),
    "a TypeSpec of Keras 2": (
        functional(dense(spec={"class_name": "TypeSpec", "type_spec": "x", "serialized": []})),
        "TypeSpec",
    ),
    "within a tuple": (
        functional(dense(pair={"class_name": "__tuple__", "items": [1, LAMBDA]})),
        "exec",
    ),
    "within a slice": (
        functional(dense(cut={"class_name": "__slice__", "config": {"start": BYTES}})),
        "byte code",
    ),
    "an array of objects": (
        functional(dense(value={"class_name": "__numpy__", "config": {"value": ["a", LAMBDA]}})),
        "__numpy__",
    ),
    "a text as constant": (
        functional(layer("Dense", {"units": 2}, [["_CONSTANT_VALUE", -1, "text", {}]])),
        "constant",
    ),
    "JSON within a constant": (
        functional(
            layer(
                "TFOpLambda",
                {"function": "math.add"},
                [
                    [
                        "_CONSTANT_VALUE",
                        -1,
                        {"class_name": "__tuple__", "items": ["_COMPOSITE_TYPE", "{}"]},
                        {},
                    ]
                ],
            )
        ),
        "constant",
    ),
    "a vocabulary from a file": (
        within("keras.layers", "StringLookup", vocabulary="/etc/passwd"),
        "/etc/passwd",
    ),
    "an old name of no module": (functional(typed("keras.layers", "deserialize")), "deserialize"),
    "too deep": (deep(150), "deep"),
}


@pytest.mark.parametrize("kind", ["keras2", "keras3"])
@pytest.mark.parametrize("row", ROWS)
def test_what_computes_nothing_is_refused_for_either_keras(row: str, kind: str) -> None:
    config, word = ROWS[row]
    before = copy.deepcopy(config)
    found = check(config, kind, set())
    told = [*found.refused, *found.unknown]
    # Keras 3 knows no layers that call TensorFlow: to it they are unknown classes.
    calls = {"TFOpLambda", "SlicingOpLambda", "ClassMethod", "TensorFlowOpLayer"}
    calls |= {"InstanceMethod", "InstanceProperty"}
    assert any(word in what for what in told) or (kind == "keras3" and calls & set(told)), told
    assert config == before


def test_what_is_checked_names_its_modules_from_the_list_alone() -> None:
    config = functional(
        typed("tensorflow.python.keras.layers.core", "Dense", {"units": 2}, "exec")
        | {"compile_config": {"loss": typed("tensorflow_addons.losses", "Giou")}}
    )
    config["compile_config"] = {"optimizer": typed("os", "system")}
    found = check(config, "keras2", set())
    assert (found.refused, found.unknown) == ([], [])
    assert "compile_config" not in json.dumps(found.config)
    made = found.config["config"]["layers"][1]
    assert (made["module"], made["registered_name"]) == ("keras.layers", None)


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("tensorflow.python.ops.init_ops_v2", "Constant", "keras.initializers"),
        ("keras.src.initializers.constant_initializers", "Zeros", "keras.initializers"),
        ("tensorflow.keras.initializers", "Identity", "keras.initializers"),
        ("keras.src.layers.core.identity", "Identity", "keras.layers"),
        ("keras.src.regularizers.regularizers", "L2", "keras.regularizers"),
        ("tensorflow.python.keras.constraints", "MaxNorm", "keras.constraints"),
    ],
)
@pytest.mark.parametrize("kind", ["keras2", "keras3"])
def test_paths_of_older_releases_are_those_of_today(
    module: str, name: str, expected: str, kind: str
) -> None:
    found = check(dense(kernel_initializer=typed(module, name)), kind, set())
    assert found.refused == []
    assert found.config["config"]["kernel_initializer"]["module"] == expected


@pytest.mark.parametrize("kind", ["keras2", "keras3"])
@pytest.mark.parametrize(
    ("name", "known"),
    [("LayerScale", "LayerScale"), ("Custom>CustomScaleLayer", "CustomScaleLayer"),
     ("somebody>LayerScale", None), ("Custom>Dense", None)],
)  # fmt: skip
def test_layers_of_networks_are_known_by_their_bare_names(
    name: str, known: str | None, kind: str
) -> None:
    found = check({"class_name": name, "config": {"name": "scale"}}, kind, set())
    assert (found.config or {}).get("class_name") == known
    assert found.unknown == ([] if known else [name])


@pytest.mark.parametrize(
    ("value", "custom", "expected"),
    [
        (typed("__main__", "Own", registered="pack>Own"), {"Own"}, (None, "Own")),
        (typed("__main__", "Own", registered="pack>Own"), {"pack>Own"}, (None, "pack>Own")),
        (typed("builtins", "Own", registered="Own"), {"Own"}, (None, "Own")),
        (typed("keras.layers", "Dense"), {"Dense"}, ("keras.layers", None)),
    ],
)
def test_a_class_of_the_caller_is_taken_from_the_caller(
    value: Config, custom: set[str], expected: tuple[str | None, str | None]
) -> None:
    found = check(value, "keras3", custom)
    assert found.refused == []
    assert (found.config["module"], found.config["registered_name"]) == expected


def test_a_class_of_the_author_is_never_mistaken_for_one_of_keras() -> None:
    """An own Attention is no Attention of Keras, whatever its name."""
    assert check(
        typed("__main__", "Attention", registered="Custom>Attention"), "keras3", set()
    ).refused


# --- Files -------------------------------------------------------------------------------------


def write_h5(path: Path, config: Config, fill: Callable[[Any], None] | None = None) -> Path:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.10.0"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = []
        if fill is not None:
            fill(group)
    return path


def external_link(group: Any) -> None:
    import h5py

    group["kernel"] = h5py.ExternalLink("other.h5", "/secret")


def soft_link(group: Any) -> None:
    import h5py

    group["kernel"] = h5py.SoftLink("/elsewhere")


def external_storage(group: Any) -> None:
    Path("secret.bin").write_bytes(np.arange(8, dtype="f4").tobytes())
    group.create_dataset("kernel", (4, 2), "f4", external=[("secret.bin", 0, 32)])


def virtual(group: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout((4, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (4, 2))
    group.create_virtual_dataset("kernel", layout)


def hidden(group: Any) -> None:
    """Behind groups that contain themselves."""
    group["self"] = group
    external_storage(group.create_group("a").create_group("b"))


@pytest.mark.parametrize("fill", [external_link, soft_link, external_storage, virtual, hidden])
@pytest.mark.parametrize("archive", [False, True])
def test_weights_of_another_file_are_refused(
    tmp_path: Path, fill: Callable[[Any], None], archive: bool
) -> None:
    path = write_h5(tmp_path / "model.h5", functional(DENSE), fill)
    if archive:
        weights, path = path, tmp_path / "model.keras"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("config.json", json.dumps(functional(DENSE)))
            file.writestr("metadata.json", '{"keras_version": "3.0.0"}')
            file.write(weights, "model.weights.h5")
    (tmp_path / "copy").mkdir()
    with pytest.raises(UntrustedError, match="another file"):
        config, _ = read_config(path)
        write_checked(path, config, tmp_path / "copy")


def test_only_what_was_judged_is_in_the_copy(tmp_path: Path) -> None:
    """Not the first of two members of one name, nor what Keras would unpickle."""
    weights = write_h5(tmp_path / "w.h5", functional(DENSE))
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("config.json", json.dumps(functional(layer("Lambda", {"function": EVIL}))))
        file.writestr("config.json", json.dumps(functional(DENSE)))
        file.writestr("metadata.json", '{"keras_version": "3.0.0"}')
        file.writestr("model.weights.npz", b"a pickle in it")
        file.writestr("elsewhere.txt", b"out")
        file.writestr("assets/layer/vocabulary.txt", b"a\nb\n")
        file.write(weights, "model.weights.h5")
    (tmp_path / "copy").mkdir()
    copied = write_checked(path, {"class_name": "checked"}, tmp_path / "copy")
    with zipfile.ZipFile(copied) as file:
        names = sorted(file.namelist())
        assert json.loads(file.read("config.json")) == {"class_name": "checked"}
    expected = ["assets/layer/vocabulary.txt", "config.json", "metadata.json", "model.weights.h5"]
    assert names == expected


def test_weights_that_would_be_unpickled_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(functional(DENSE)))
        file.writestr("metadata.json", '{"keras_version": "2.15.0"}')
        file.writestr("model.weights.npz", b"a pickle in it")
    (tmp_path / "copy").mkdir()
    with pytest.raises(SourceError, match=r"model\.weights\.h5"):
        write_checked(path, {}, tmp_path / "copy")


@pytest.mark.parametrize(
    "text", ['{"a": ' * 100_000, "[" * 100_000 + "]" * 100_000, "nonsense", "\x00"]
)
def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", text)
        file.writestr("metadata.json", "{}")
    with pytest.raises(SourceError, match="damaged"):
        read_config(path)


# --- With Keras itself -------------------------------------------------------------------------

HOSTILE: dict[str, Config] = {
    "exec": functional(
        layer(
            "Lambda",
            {
                "function": EVIL,
                "function_type": "function",
                "module": "builtins",
                "output_shape": None,
                "output_shape_type": "raw",
                "output_shape_module": None,
                "arguments": {},
            },
            [[["_CONSTANT_VALUE", -1, f"open({MARKER!r}, 'w').close()", {}]]],
        )
    ),
    "write_file": functional(
        layer(
            "TFOpLambda",
            {"function": "io.write_file"},
            [["_CONSTANT_VALUE", -1, MARKER, {"contents": "text"}]],
        )
    ),
}


def _load(path: Path) -> Any:
    with frontend.open_source(path) as source:
        return frontend.load(source, frontend.LoadOptions())


def write_archive(path: Path, config: Config) -> Path:
    """The same as tf_keras 2.15 wrote it, with the module of each class."""
    for one in config["config"]["layers"]:
        one |= {"module": "keras.layers", "registered_name": None}
    config |= {"module": "keras.src.engine.functional", "registered_name": "Functional"}
    weights = write_h5(path.with_suffix(".h5"), config)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("metadata.json", '{"keras_version": "2.15.0"}')
        file.write(weights, "model.weights.h5")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("row", HOSTILE)
def test_a_hostile_file_leaves_nothing_behind(tmp_path: Path, row: str) -> None:
    import tf_keras

    write, suffix = (write_archive, ".keras") if row == "exec" else (write_h5, ".h5")
    path = write(tmp_path / f"model{suffix}", copy.deepcopy(HOSTILE[row]))
    # Nothing is built of it, and Keras says so; by then it has run.
    with pytest.raises(AttributeError, match="_keras_history"):
        tf_keras.models.load_model(str(path), compile=False)
    Path(MARKER).unlink()
    with pytest.raises(UntrustedError):
        _load(path)
    assert not Path(MARKER).exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("library", ["tf_keras", "keras"])
def test_real_models_come_back_as_they_were(tmp_path: Path, library: str, suffix: str) -> None:
    """Initializers by old paths, operators of TensorFlow, loss and metric of nobody's Keras."""
    import importlib

    module = importlib.import_module(library)
    layers = module.layers
    x = layers.Input((8, 8, 3), name="x")
    initializer: Any = "glorot_uniform"
    if library == "tf_keras":
        import tensorflow as tf

        initializer = tf.constant_initializer(0.3)
    y = layers.Conv2D(4, 3, bias_initializer=initializer, kernel_regularizer="l2")(x)
    y = layers.Activation("swish")(layers.BatchNormalization()(y))
    if (library, suffix) != ("keras", ".h5"):  # which Keras itself cannot read again
        y = y * 2.0 + y[:, :1]
    y = layers.TimeDistributed(layers.Dense(3, activation="relu", kernel_constraint="max_norm"))(y)
    y = layers.Bidirectional(layers.LSTM(3))(layers.Reshape((-1, 3))(y))
    model = module.Model(x, layers.Dense(2, name="y")(y))

    def own_loss(true: Any, guess: Any) -> Any:
        return abs(true - guess)

    model.compile("adam", loss=own_loss)
    path = tmp_path / f"model{suffix}"
    model.save(str(path))
    loaded = _load(path)
    data = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    (answer,) = loaded.predict({"x": data}).values()
    np.testing.assert_allclose(answer, model.predict(data, verbose=0), atol=1e-5)


@pytest.mark.slow
def test_the_list_is_that_of_the_libraries_installed() -> None:
    """Every name resolves to a class, an operation or a function; nothing on it calls or loads."""
    import importlib
    from importlib.resources import files

    import tf_keras
    from tensorflow.python.util import tf_export

    text = files("edge_deploy.frontends").joinpath("keras_objects.json").read_text("utf-8")
    listed = json.loads(text)
    for kind, root in (("keras2", "tf_keras"), ("keras3", "keras")):
        for module, names in listed[kind]["classes"].items():
            path = module if module.startswith(("keras.src", "tf_keras.")) else None
            here = importlib.import_module(path or f"{root}{module.removeprefix('keras')}")
            for name in names:
                assert hasattr(getattr(here, name), "from_config"), (module, name)
    for module, names in listed["keras3"]["operations"].items():
        assert all(hasattr(importlib.import_module(module), name) for name in names)
    calls = {"TFSMLayer", "Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFOpLambda"}
    calls |= {"ResidualWrapper", "DropoutWrapper"}
    every = {name for kind in ("keras2", "keras3") for names in listed[kind]["classes"].values()
             for name in names}  # fmt: skip
    assert not every & calls
    exported = {n for n in dir(tf_keras.layers) if isinstance(getattr(tf_keras.layers, n), type)}
    assert exported - every == {"Lambda"}
    for symbol in listed["keras2"]["tensorflow"]:
        assert callable(tf_export.get_symbol_from_name(symbol)), symbol
        for word in ("write", "file", "load", "save", "py_func", "debug", "print", "raw_ops"):
            assert word not in symbol.replace("unload", ""), symbol
