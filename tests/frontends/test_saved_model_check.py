"""SavedModels that would do more than compute: refused before TensorFlow loads them.

Each hostile folder is shown to work first: TensorFlow itself loads it, and a file appears.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import warnings
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import SourceError, UntrustedError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends import saved_model
from edge_deploy.frontends.saved_model_check import check_saved_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
MARKER = "MARKER"


def save(path: Path, initialize: Callable[[], Any] | None = None, vocabulary: str = "") -> Path:
    """A matrix product with tables, as tf.Module; its resource is initialized by a function."""
    import tensorflow as tf

    class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__("")

        def _create_resource(self) -> Any:
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.int64, value_dtype=tf.int64)

        def _initialize(self) -> None:
            if initialize is not None:
                initialize()

        def _destroy_resource(self) -> None:
            pass

    module = tf.Module()
    module.kernel = tf.Variable(np.eye(4, 3, dtype=np.float32))
    module.resource = Resource()
    pairs = tf.lookup.KeyValueTensorInitializer(
        tf.constant([1, 2], tf.int64), tf.constant([3, 4], tf.int64)
    )
    module.table = tf.lookup.StaticHashTable(pairs, -1)
    if vocabulary:
        module.words = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                vocabulary, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            1,
        )  # fmt: skip

    @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
    def answer(x: Any) -> Any:
        tf.debugging.assert_all_finite(x, "finite")
        shift = tf.cast(module.table.lookup(tf.constant([1], tf.int64)), tf.float32)
        if vocabulary:
            shift += tf.cast(module.words.lookup(tf.constant(["b"])), tf.float32)
        return {"y": x @ module.kernel + shift}

    tf.saved_model.save(module, str(path), signatures=answer)
    return path


def edit(path: Path, change: Callable[[Any], None]) -> Path:
    from tensorflow.core.protobuf import saved_model_pb2

    file = path / "saved_model.pb"
    model = saved_model_pb2.SavedModel()
    model.ParseFromString(file.read_bytes())
    change(model.meta_graphs[0])
    file.write_bytes(model.SerializeToString())
    return path


def save_v1(path: Path, main: Callable[[], Any] | None = None, answer: Any = None) -> Path:
    """The same product, as TensorFlow 1 wrote it: a graph, a saver, a main op, an asset."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 4), "x")
        kernel = v1.get_variable("kernel", initializer=np.eye(4, 3, dtype=np.float32))
        y = x @ kernel
        if answer is not None:
            y = y + answer()
        words = Path("words.txt")
        words.write_text("a\nb\n")
        asset = v1.constant(str(words.resolve()), name="asset")
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )  # fmt: skip
        y = y + tf.cast(table.lookup(tf.constant(["b"])), tf.float32)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        steps = [v1.tables_initializer()] + ([main()] if main is not None else [])
        builder = v1.saved_model.Builder(str(path))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=tf.group(*steps),
        )
        builder.save()
    return path


def _raw(name: str, **options: Any) -> Callable[[], Any]:
    def run() -> Any:
        import tensorflow as tf

        return getattr(tf.raw_ops, name)(**options)

    return run


def _dataset(build: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    def run() -> Any:
        import tensorflow as tf

        return build(tf, tf.data.Dataset.from_tensor_slices(["a", "b"]))

    return run


def _variant(data: Any) -> Any:
    return data._variant_tensor


def _consume(tf: Any, data: Any) -> Any:
    return data.reduce(tf.constant(""), lambda before, one: one)


def _surely(build: Callable[[Any], Any]) -> Callable[[], Any]:
    """TensorFlow leaves out a save that nothing waits for."""

    def run() -> Any:
        import tensorflow as tf

        with tf.control_dependencies([build(tf)]):
            tf.print("")

    return run


def _checkpoint(tf: Any, prefix: str) -> Any:
    return tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=["a"], shape_and_slices=[""], tensors=[[1.0]]
    )


def _merge(tf: Any) -> Any:
    with tf.control_dependencies([_checkpoint(tf, "part")]):
        return tf.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=["part"], destination_prefix=MARKER
        )


WRITING: dict[str, tuple[Callable[[], Any], str]] = {
    "WriteFile": (_raw("WriteFile", filename=MARKER, contents="x"), "WriteFile"),
    "PrintV2": (_raw("PrintV2", input="x", output_stream=f"file://{MARKER}"), "PrintV2"),
    "SaveSlices": (
        _raw(
            "SaveSlices", filename=MARKER, tensor_names=["a"], shapes_and_slices=[""], data=[[1.0]]
        ),
        "SaveSlices",
    ),
    "Save": (_raw("Save", filename=MARKER, tensor_names=["a"], data=[[1.0]]), "Save"),
    "SaveV2": (_surely(lambda tf: _checkpoint(tf, MARKER)), "checkpoints"),
    "MergeV2Checkpoints": (_surely(_merge), "checkpoints"),
    "DatasetToTFRecord": (
        _dataset(
            lambda tf, data: tf.raw_ops.DatasetToTFRecord(
                input_dataset=_variant(data), filename=MARKER, compression_type=""
            )
        ),
        "DatasetToTFRecord",
    ),
    "CacheDataset": (_dataset(lambda tf, data: _consume(tf, data.cache(MARKER))), "CacheDataset"),
    "snapshot": (_dataset(lambda tf, data: _consume(tf, data.snapshot(MARKER))), "Dataset"),
    "CreateSummaryFileWriter": (
        lambda: _summary(),
        "CreateSummaryFileWriter",
    ),
}  # fmt: skip


def _summary() -> Any:
    import tensorflow as tf

    writer = tf.raw_ops.SummaryWriter(shared_name="w", container="")
    return tf.raw_ops.CreateSummaryFileWriter(
        writer=writer, logdir=MARKER, max_queue=1, flush_millis=1, filename_suffix="x"
    )


def left() -> list[str]:
    return sorted(path.name for path in Path().glob(f"{MARKER}*"))


@pytest.mark.parametrize("row", WRITING)
def test_initializers_that_write_are_refused(row: str) -> None:
    import tensorflow as tf

    run, word = WRITING[row]
    path = save(Path("model"), run)
    before = set(left())
    tf.saved_model.load(str(path))
    assert set(left()) > before, "the attack itself did not work"
    for name in left():
        target = Path(name)
        target.rename(f"worked-{name}")
    with pytest.raises(UntrustedError, match=word):
        saved_model.load(path, LoadOptions())
    assert left() == []


READING: dict[str, tuple[Callable[[], Any], str]] = {
    "ReadFile": (_raw("ReadFile", filename="/etc/hostname"), "ReadFile"),
    "MatchingFiles": (_raw("MatchingFiles", pattern="/etc/*"), "MatchingFiles"),
    "RestoreV2": (
        _raw("RestoreV2", prefix="other", tensor_names=["a"], shape_and_slices=[""], dtypes=[1]),
        "checkpoints",
    ),
    "Restore": (_raw("Restore", file_pattern="other", tensor_name="a", dt=1), "Restore"),
    "ImmutableConst": (
        _raw("ImmutableConst", dtype=1, shape=(2,), memory_region_name="/etc/hostname"),
        "ImmutableConst",
    ),
    "LoadDataset": (
        _raw("LoadDataset"),
        "LoadDataset",
    ),
    "a text file that is no asset": (
        lambda: _from_file("/etc/hostname"),
        "no asset",
    ),
    "TextLineDataset": (
        _dataset(lambda tf, data: _consume(tf, tf.data.TextLineDataset("/etc/hostname"))),
        "TextLineDataset",
    ),
    "PyFunc": (
        lambda: _python("py_function"),
        "EagerPyFunc",
    ),
    "numpy_function": (lambda: _python("numpy_function"), "PyFunc"),
    "DebugIdentity": (
        _raw("DebugIdentityV2", input=[1.0], debug_urls=[f"file://{MARKER}"]),
        "DebugIdentityV2",
    ),
    "WholeFileReader": (_raw("WholeFileReaderV2"), "WholeFileReaderV2"),
    "DecodeProto": (
        _raw(
            "DecodeProtoV2", bytes=["x"], message_type="a", field_names=["b"], output_types=[1],
            descriptor_source="/etc/hostname",
        ),
        "DecodeProtoV2",
    ),
}  # fmt: skip


def _from_file(name: str) -> Any:
    import tensorflow as tf

    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename=tf.identity(name), key_index=-2, value_index=-1
    )


def _python(kind: str) -> Any:
    import tensorflow as tf

    return getattr(tf, kind)(lambda: 1.0, [], tf.float32)


@pytest.mark.parametrize("row", READING)
def test_initializers_that_read_or_call_are_refused(row: str) -> None:
    if row == "LoadDataset":  # needs a function; its node alone is what is looked at
        path = save(Path("model"))
        edit(path, lambda meta: _add(meta, "LoadDataset"))
    else:
        path = save(Path("model"), READING[row][0])
    with pytest.raises(UntrustedError, match=READING[row][1]):
        check_saved_model(path)


def _add(meta: Any, op: str, **attributes: str) -> None:
    node = meta.graph_def.library.function[0].node_def.add(name="odd", op=op)
    for key, value in attributes.items():
        node.attr[key].func.name = value


def _into_graph(meta: Any) -> None:
    meta.graph_def.node.add(name="odd", op="WriteFile")


def _gradient(meta: Any) -> None:
    node = meta.graph_def.library.function[0].node_def.add(name="odd", op="PartitionedCall")
    node.attr["f"].func.name = "WriteFile"


def _inner(meta: Any) -> None:
    node = meta.graph_def.library.function[0].node_def.add(name="odd", op="StatelessCase")
    node.attr["branches"].list.func.add(name="WriteFile")


def _twice(meta: Any) -> None:
    meta.graph_def.library.function.add().CopyFrom(meta.graph_def.library.function[0])


def _exported_restore(meta: Any) -> None:
    names = [f.signature.name for f in meta.graph_def.library.function]
    restore = next(name for name in names if "traced_restore" in name)
    meta.object_graph_def.concrete_functions[restore].CopyFrom(
        next(iter(meta.object_graph_def.concrete_functions.values()))
    )


def _own_path(meta: Any) -> None:
    """The saver's restore takes a constant instead of the path that it is given."""
    function = next(
        f for f in meta.graph_def.library.function if "traced_restore" in f.signature.name
    )
    node = next(n for n in function.node_def if n.op == "RestoreV2")
    constant = function.node_def.add(name="odd", op="Const")
    constant.attr["value"].tensor.string_val.append(b"/elsewhere")
    node.input[0] = "odd:output:0"


def _signature_saves(meta: Any) -> None:
    saved = meta.saver_def.save_tensor_name
    meta.signature_def["serving_default"].outputs["y"].name = saved


def _main_saves(meta: Any) -> None:
    node = next(n for n in meta.graph_def.node if n.op == "NoOp")
    node.input.append("^" + meta.saver_def.save_tensor_name.partition(":")[0])


def _initializer(meta: Any) -> Any:
    """What the function that fills the table from its asset is bound to."""
    name = next(
        f.signature.name
        for f in meta.graph_def.library.function
        if any(node.op == "InitializeTableFromTextFileV2" for node in f.node_def)
    )
    return meta.object_graph_def.concrete_functions[name].bound_inputs


def _default(meta: Any) -> None:
    """The path is no asset, but an argument, which has a default in the file."""
    del _initializer(meta)[:1]


def _constant(meta: Any) -> None:
    """The path is a constant object of the model."""
    meta.object_graph_def.nodes[_initializer(meta)[0]].constant.operation = "Const"


def _shadow(meta: Any) -> None:
    meta.graph_def.library.function.add().signature.name = "Identity"


def _outside(meta: Any) -> None:
    meta.asset_file_def[0].filename = "../../etc/passwd"


def _absolute(meta: Any) -> None:
    meta.asset_file_def[0].filename = "/etc/passwd"


EDITS: dict[str, tuple[Callable[[Any], None], str]] = {
    "an operator of the graph": (_into_graph, "WriteFile"),
    "a function that is an operator": (_gradient, "WriteFile"),
    "a list of functions": (_inner, "WriteFile"),
    "two functions of one name": (_twice, "one name"),
    "the saver's function as the model's": (_exported_restore, "checkpoints"),
    "a restore of another path": (_own_path, "path of its own"),
    "a signature that saves": (_signature_saves, "checkpoints"),
    "an initializer that saves": (_main_saves, "checkpoints"),
    "a path by default": (_default, "no asset"),
    "a path that is a constant": (_constant, "no asset"),
    "a function named as an operator": (_shadow, "name of the operator Identity"),
    "an asset outside": (_outside, "no file of its folder"),
    "an asset anywhere": (_absolute, "no file of its folder"),
    "SymbolicGradient": (lambda meta: _add(meta, "SymbolicGradient", f="x"), "SymbolicGradient"),
    "TPUPartitionedCall": (lambda meta: _add(meta, "TPUPartitionedCall"), "TPUPartitionedCall"),
    "XlaCallModule": (lambda meta: _add(meta, "XlaCallModule"), "XlaCallModule"),
    "PyFuncStateless": (lambda meta: _add(meta, "PyFuncStateless"), "PyFuncStateless"),
    "RemoteCall": (lambda meta: _add(meta, "RemoteCall"), "RemoteCall"),
    "CopyHost": (lambda meta: _add(meta, "CopyHost"), "CopyHost"),
    "GenerateVocabRemapping": (lambda meta: _add(meta, "GenerateVocabRemapping"), "GenerateVocab"),
    "DTensorRestoreV2": (lambda meta: _add(meta, "DTensorRestoreV2"), "DTensorRestoreV2"),
    "FixedUnigramCandidateSampler": (
        lambda meta: _add(meta, "FixedUnigramCandidateSampler"),
        "FixedUnigramCandidateSampler",
    ),
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The graph of a model with a text file as asset."""
    folder = tmp_path_factory.mktemp("honest")
    words = folder / "words.txt"
    words.write_text("a\nb\n")
    return (save(folder / "model", vocabulary=str(words)) / "saved_model.pb").read_bytes()


@pytest.mark.parametrize("row", EDITS)
def test_graphs_that_were_tampered_with_are_refused(honest: bytes, row: str) -> None:
    path = Path("model")
    path.mkdir()
    (path / "saved_model.pb").write_bytes(honest)
    assert check_saved_model(path) == ()
    change, word = EDITS[row]
    edit(path, change)
    with pytest.raises(UntrustedError, match=word):
        check_saved_model(path)


def test_a_graph_that_points_nowhere_is_told(honest: bytes) -> None:
    path = Path("model")
    path.mkdir()
    (path / "saved_model.pb").write_bytes(honest)

    def change(meta: Any) -> None:
        _initializer(meta)[0] = 9999

    edit(path, change)
    with pytest.raises(SourceError, match="damaged"):
        check_saved_model(path)


def test_an_operator_of_a_library_is_named_with_a_mend(honest: bytes) -> None:
    path = Path("model")
    path.mkdir()
    (path / "saved_model.pb").write_bytes(honest)
    edit(path, lambda meta: _add(meta, "SentencepieceOp"))
    with pytest.raises(SourceError, match=r"SentencepieceOp\. .*Leave that step to the app"):
        check_saved_model(path, trusted=True)


@pytest.mark.parametrize(
    "name", ["variables/variables.data-00000-of-00001", "variables/variables.index", "variables",
             "assets", "assets/words.txt", "saved_model.pb", "fingerprint.pb"],
)  # fmt: skip
def test_links_in_the_folder_are_refused(name: str) -> None:
    Path("words.txt").write_text("a\nb\n")
    path = save(Path("model"), vocabulary="words.txt")
    (path / name).rename("elsewhere")
    (path / name).symlink_to(Path("elsewhere").resolve())
    with pytest.raises(UntrustedError, match="link to another file"):
        check_saved_model(path)


def test_links_of_the_hugging_face_cache_are_followed() -> None:
    path = save(Path("models--a--b/snapshots/1/model").absolute())
    (blobs := Path("models--a--b/blobs").absolute()).mkdir()
    for file in [path / "saved_model.pb", *(path / "variables").iterdir()]:
        file.rename(blobs / file.name)
        file.symlink_to(blobs / file.name)
    assert check_saved_model(path) == ()


def test_a_main_op_of_tensorflow_1_that_writes_is_refused() -> None:
    import tensorflow as tf

    path = save_v1(Path("model"), main=_raw("WriteFile", filename=MARKER, contents="x"))
    tf.saved_model.load(str(path))
    Path(MARKER).unlink()
    with pytest.raises(UntrustedError, match="WriteFile"):
        saved_model.load(path, LoadOptions())
    assert left() == []


def test_a_checkpoint_of_another_model_is_no_constant_of_tensorflow_1() -> None:
    restore = _raw(
        "RestoreV2", prefix="/other", tensor_names=["a"], shape_and_slices=[""], dtypes=[1]
    )
    path = save_v1(Path("model"), answer=lambda: restore()[0])
    with pytest.raises(UntrustedError, match="checkpoints"):
        check_saved_model(path)


def test_what_the_caller_trusts_is_run_and_told() -> None:
    path = save(Path("model"), _raw("WriteFile", filename=MARKER, contents="x"))
    loaded = saved_model.load(path, LoadOptions(trust_pickle=True))
    assert any("WriteFile" in note for note in loaded.notes)
    assert left() == [MARKER]


def _keras(library: str) -> Callable[[Path], Path]:
    def build(path: Path) -> Path:
        module = importlib.import_module(library)
        x = module.layers.Input((6, 4), name="x")
        y = module.layers.LSTM(3)(module.layers.Dropout(0.5)(x))
        model = module.Model(x, module.layers.Dense(2)(y))
        if library == "keras":
            model.export(str(path), verbose=False)
        else:
            model.compile("adam", "mse")
            model.save(str(path), save_format="tf")
        return path

    return build


HONEST: dict[str, Callable[[Path], Path]] = {
    "tf.Module": save,
    "TensorFlow 1": save_v1,
    "Keras 3": _keras("keras"),
    "Keras 2": _keras("tf_keras"),
}


@pytest.mark.parametrize("row", HONEST)
def test_models_as_people_have_them_are_read(row: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = HONEST[row](Path("model"))
        loaded = saved_model.load(path, LoadOptions())
    (spec,) = loaded.spec.inputs
    data = np.ones((1, *(size or 1 for size in spec.shape[1:])), np.float32)
    (answer,) = loaded.predict({spec.name: data}).values()
    assert np.isfinite(answer).all()


def test_the_list_is_that_of_the_tensorflow_installed() -> None:
    import tensorflow as tf

    tool = Path(__file__).parents[2] / "tools" / "write_allow_lists.py"
    spec = importlib.util.spec_from_file_location("write_allow_lists", tool)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = files("edge_deploy.core").joinpath("tensorflow_operators.json").read_text("utf-8")
    listed = json.loads(text)
    assert listed["date"] and "tensorflow" in listed["source"]
    here = module.operators()
    if f"tensorflow {tf.__version__}," in listed["source"]:
        assert listed["operators"] == here
    # What a newer TensorFlow adds is not trusted by itself; what is listed still is what it was.
    known = {op.name for op in module._registry()}
    for why, names in listed["operators"].items():
        assert known & set(names) <= set(here[why]), why
