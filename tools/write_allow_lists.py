"""Write the lists of what a stranger's Keras file or SavedModel may name.

``python tools/write_allow_lists.py`` reads the installed TensorFlow, tf_keras and Keras and writes
``frontends/keras_objects.json`` and ``core/tensorflow_operators.json``. What is new in a
release is not trusted by itself: read the difference before it is committed.
"""

from __future__ import annotations

import datetime
import importlib
import inspect
import json
import os
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

FOLDER = Path(__file__).parents[1] / "edge_deploy"

# --- Keras -------------------------------------------------------------------------------------

# Layers that run a function, a graph or a pickle which the file names; keras_config judges the
# first row by what they hold, the second is never read.
JUDGED = {
    "Lambda", "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod",
    "InstanceProperty", "TensorFlowOpLayer",
}  # fmt: skip
REFUSED = {
    "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "GPTQConfig", "AWQConfig",
    "DynamicEmbedding", "DynamicLookup",
    "DeviceWrapper", "DropoutWrapper", "ResidualWrapper", "_RNNCellWrapper",
}  # fmt: skip
# Feature columns that hold numbers only; others open vocabularies and checkpoints.
COLUMNS = ["BucketizedColumn", "NumericColumn"]

MODULES = {
    "keras2": (
        "layers", "models", "initializers", "regularizers", "constraints", "mixed_precision",
        "layers.experimental", "layers.experimental.preprocessing", "experimental",
    ),
    "keras3": (
        "layers", "models", "initializers", "regularizers", "constraints", "dtype_policies",
        "quantizers",
    ),
}  # fmt: skip

# Functions of keras.backend and of TensorFlow's top level that compute; the modules of MODULES_TF
# are taken whole, but for what takes a function or a file.
BACKEND = """
abs all any argmax argmin batch_dot batch_flatten batch_normalization bias_add
binary_crossentropy cast categorical_crossentropy clip concatenate conv1d conv2d conv2d_transpose
conv3d cos cumprod cumsum depthwise_conv2d dot dropout elu equal exp expand_dims eye flatten gather
greater greater_equal hard_sigmoid in_top_k l2_normalize less less_equal log max maximum mean min
minimum not_equal one_hot ones_like permute_dimensions pool2d pool3d pow prod relu repeat
repeat_elements reshape resize_images resize_volumes reverse round separable_conv2d shape sigmoid
sign sin softmax softplus softsign sparse_categorical_crossentropy spatial_2d_padding
spatial_3d_padding sqrt square squeeze stack std stop_gradient sum tanh temporal_padding tile
transpose var zeros_like
"""
TOP = """
abs acos acosh add add_n argmax argmin argsort asin asinh atan atan2 atanh batch_to_space
batch_to_space_nd bitcast boolean_mask broadcast_dynamic_shape broadcast_static_shape broadcast_to
cast ceil clip_by_global_norm clip_by_norm clip_by_value complex concat constant convert_to_tensor
cos cosh cross cumprod cumsum depth_to_space diag diag_part div div_no_nan dynamic_partition
dynamic_stitch edit_distance einsum ensure_shape equal erf exp expand_dims expm1
extract_volume_patches eye fill floor floor_div floordiv floormod gather gather_nd
greater greater_equal histogram_fixed_width histogram_fixed_width_bins identity identity_n
is_finite is_inf is_nan less
less_equal linspace log log1p log_sigmoid logical_and logical_not logical_or logical_xor matmul
matrix_band_part matrix_diag matrix_transpose maximum meshgrid minimum mod multiply negative norm
not_equal one_hot ones ones_like pad pow quantize_and_dequantize range rank real realdiv reciprocal
reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std
reduce_sum reduce_variance repeat required_space_to_batch_paddings reshape reverse reverse_sequence
reverse_v2 rint roll round rsqrt scalar_mul scatter_nd searchsorted segment_max segment_mean
segment_min segment_prod segment_sum sequence_mask shape shape_n sigmoid sign sin sinh size slice
sort space_to_batch space_to_batch_nd space_to_depth split sqrt square squared_difference squeeze
stack stop_gradient strided_slice subtract tan tanh tensor_scatter_nd_add tensor_scatter_nd_max
tensor_scatter_nd_min tensor_scatter_nd_sub tensor_scatter_nd_update tensordot tile to_float
to_int32 trace transpose truediv truncatediv truncatemod unique unique_with_counts unravel_index
unsorted_segment_max unsorted_segment_mean unsorted_segment_min unsorted_segment_prod
unsorted_segment_sqrt_n unsorted_segment_sum unstack where where_v2 zeros zeros_like
"""
RANDOM = """
categorical gamma normal poisson shuffle stateless_binomial stateless_categorical
stateless_gamma stateless_normal stateless_truncated_normal stateless_uniform truncated_normal
uniform
"""
MODULES_TF = ("math", "nn", "linalg", "image", "signal", "strings", "bitwise", "__operators__")
_CALLS = re.compile(
    r"^(f|op|fn|func|.*_fn|.*_func|body|cond|cell.*|.*function.*|operator|.*initializer)$"
)
_FILES = re.compile(r"(^|_)(file|filename|path|dir|vocab_file|url)(_|$)")


def _takes(function: Any, pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(name) for name in inspect.signature(function).parameters)


def _classes(kind: str) -> dict[str, list[str]]:
    """The classes a configuration may name, by the module they are taken from."""
    library = importlib.import_module("tf_keras" if kind == "keras2" else "keras")
    root = library.__name__
    found: dict[str, set[str]] = {}

    def add(name: str, value: Any, module: str) -> None:
        if isinstance(value, type) and hasattr(value, "from_config"):
            found.setdefault(module, set()).add(name)

    for part in MODULES[kind]:
        module = library
        for step in part.split("."):
            module = getattr(module, step, None)
        for name in dir(module) if module is not None else ():
            add(name, getattr(module, name), f"keras.{part}")
    if kind == "keras2":
        functional = importlib.import_module("tf_keras.src.engine.functional")
        base = importlib.import_module("tf_keras.src.engine.base_layer")
        names = {functional: ["Functional"], base: ["AddLoss", "AddMetric"]}
    else:
        names = {importlib.import_module("keras.src.models.functional"): ["Functional"]}
        found["keras.random"] = {"SeedGenerator"}
    for module, listed in names.items():
        for name in listed:
            add(name, getattr(module, name), module.__name__)
    folder = importlib.import_module(f"{root}.src.applications").__path__[0]
    for file in sorted(Path(folder).glob("*.py")):
        module = importlib.import_module(f"{root}.src.applications.{file.stem}")
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__:
                add(name, value, module.__name__)
    return {module: sorted(names - JUDGED - REFUSED) for module, names in sorted(found.items())}


def _old_names() -> list[str]:
    """What tf_keras finds by the name alone, as files of before 2.13 write it."""
    from tf_keras.src import initializers
    from tf_keras.src.layers import serialization

    serialization.populate_deserializable_objects()
    initializers.populate_deserializable_objects()
    known = {**serialization.LOCAL.ALL_OBJECTS, **initializers.LOCAL.ALL_OBJECTS}
    names = {
        name
        for name, value in known.items()
        if isinstance(value, type) and hasattr(value, "from_config")
    }
    return sorted((names | {"Custom>CustomScaleLayer", "PolicyV1", *COLUMNS}) - JUDGED - REFUSED)


def _operations() -> dict[str, list[str]]:
    """What ``x + 1`` and keras.ops become in a functional model of Keras 3."""
    import keras
    from keras.src.ops.function import Function
    from keras.src.ops.operation import Operation

    def below(cls: type) -> Iterator[type]:
        for child in cls.__subclasses__():
            yield child
            yield from below(child)

    found: dict[str, list[str]] = {}
    given = ("Cond", "Map", "Scan", "AssociativeScan", "Switch", "Vectorize", "CustomGradient")
    for cls in sorted(set(below(Operation)), key=lambda cls: cls.__name__):
        if (
            cls.__module__.startswith(("keras.src.ops.", "keras.src.activations."))
            and not issubclass(cls, keras.layers.Layer | Function)
            and cls.__name__ not in given
            and not re.search(r"\b(body|cond|function|fn|func|body_fun)\b", _arguments(cls))
        ):
            found.setdefault(cls.__module__, []).append(cls.__name__)
    return found


def _arguments(cls: type) -> str:
    return " ".join(inspect.signature(cls.__init__).parameters)


def _functions(kind: str) -> dict[str, list[str]]:
    library = importlib.import_module("tf_keras" if kind == "keras2" else "keras")
    no = ("get", "serialize", "deserialize")
    parts = {"keras.activations": library.activations}
    if kind == "keras3":
        parts["keras.ops"] = library.ops
    pattern = re.compile(r"^(f|fun|func|fn|cond|body.*|pyfunc|true_fn|function|branches)$")
    return {
        module: sorted(
            name
            for name in dir(part)
            if isinstance(getattr(part, name), types.FunctionType)
            and name not in no
            and not name.startswith("_")
            and not _takes(getattr(part, name), pattern)
        )
        for module, part in parts.items()
    }


def _symbols() -> list[str]:
    """The names under which a TFOpLambda layer may ask for a function of TensorFlow."""
    import tensorflow as tf
    import tf_keras
    from tensorflow.python.util import tf_export

    found: set[str] = set()

    def add(function: Any) -> None:
        if not callable(function) or isinstance(function, type):
            return
        try:
            if _takes(function, _CALLS) or _takes(function, _FILES):
                return
        except (TypeError, ValueError):
            return
        plain = inspect.unwrap(function)
        names = list(getattr(plain, "_tf_api_names", ())) + list(
            getattr(plain, "_keras_api_names", ())
        )
        names += [f"compat.v1.{name}" for name in getattr(plain, "_tf_api_names_v1", ())]
        one = tf_export.get_canonical_name_for_symbol(function, add_prefix_to_v1_names=True)
        found.update(name for name in [*names, one] if name)

    for api in (tf, tf.compat.v1):
        for part in MODULES_TF:
            module = getattr(api, part, None)
            for name in dir(module) if module is not None else ():
                add(getattr(module, name))
        for name in TOP.split():
            if hasattr(api, name):
                add(getattr(api, name))
        for name in RANDOM.split():
            add(getattr(api.random, name, None))
    for part, names in (
        (tf_keras.activations, dir(tf_keras.activations)),
        (tf_keras.backend, BACKEND.split()),
    ):
        for name in names:
            if name not in ("get", "serialize", "deserialize"):
                add(getattr(part, name, None))
    found |= {"signal.stft", "signal.inverse_stft"}  # their window_fn can only be the default
    bad = re.compile(
        r"candidate_sampler|raw_rnn|map_fn|while_loop|\bdebugging\b|experimental|initializer"
    )
    return sorted(name for name in found if not bad.search(name))


# --- SavedModels -------------------------------------------------------------------------------

# Not stateful in TensorFlow's registry, yet not a computation on tensors alone: they read, map or
# write files, call Python, leave the process, or feed on queues, data sets and accelerators.
NOT_COMPUTING = re.compile(
    r"^_|Dataset|Iterator|Debug|Xla|XLA|TPU|Tpu|PyFunc|Reader|Queue|Barrier|Session|Collective"
    r"|Nccl|Mlir|Rpc|Accumulator|SparseCore|Minibatch|BoostedTrees|TensorForest|Sdca|File(?!name)"
    r"|CandidateSampler|^Copy(Host)?$|^Batch$|^Unbatch(Grad)?$|^BatchFunction$|^ImmutableConst$"
    r"|^EncodeProto$|^DecodeProto|^GenerateVocabRemapping$|^FuncAttr$|^FuncListAttr$|^Risc"
    r"|^Abort$|^TfLite|^SymbolicGradient$|^Optional|^Configure|Checkpoint|^Recv|^Send"
    r"|Infeed|Outfeed|^Prelinearize|^(Unc|C)ompressElement$|^GetOptions$|^StackPush$|^StackPop$|^StackClose$|^RemoteFused"
)
# Stateful, and needed by models: each kind with its reason.
STATEFUL = {
    "variables": r"VarHandleOp|ReadVariableOp|Assign(Add|Sub)?VariableOp|VarIsInitializedOp"
    r"|VariableShape|DestroyResourceOp|Variable(V2)?|TemporaryVariable|ResourceGather(Nd)?"
    r"|ResourceScatter\w+|ResourceStridedSliceAssign|ResourceCountUpTo|DisableCopyOnRead",
    "look-up tables": r"(Mutable|MutableDense)?HashTable(V2)?|MutableHashTableOfTensors(V2)?"
    r"|Anonymous\w*HashTable\w*|InitializeTableV2|LookupTable(Export|Find|Import|Insert|Remove"
    r"|Size)V2",
    "calls of the model's own functions": r"If|While|Case|StatefulPartitionedCall",
    "random numbers": r"Multinomial|ParameterizedTruncatedNormal|Random(Crop|Gamma|Poisson(V2)?"
    r"|Shuffle|StandardNormal|Uniform|UniformInt)|TruncatedNormal|NonDeterministicInts|Rng\w+"
    r"|Stateful(Random\w+|StandardNormal(V2)?|TruncatedNormal|Uniform\w*)|StatelessRandomGetAlg"
    r"|SampleDistortedBoundingBox(V2)?",
    "loops of TensorFlow 1, recurrent kernels": r"TensorArray\w*|CudnnRNN\w*|DeviceIndex",
    "checks and leftovers of training": r"Assert|CheckNumerics(V2)?|GuaranteeConst|Empty|Print"
    r"|Resource(Sparse)?Apply\w+"
    # Of the function that adapted a layer to data: it takes from what it is handed, and none of
    # the operators that open data is listed.
    r"|IteratorGetNext",
}


def _registry() -> Any:
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    listed = op_def_pb2.OpList()
    listed.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return listed.op


def operators() -> dict[str, list[str]]:
    """The operators that a SavedModel may hold, by why they may."""
    import tensorflow as tf

    public = set(dir(tf.raw_ops))
    result: dict[str, list[str]] = {"stateless": []}
    for op in _registry():
        if op.name not in public:
            continue
        if not op.is_stateful and not NOT_COMPUTING.search(op.name):
            result["stateless"].append(op.name)
        for why, pattern in STATEFUL.items():
            if op.is_stateful and re.fullmatch(pattern, op.name):
                result.setdefault(why, []).append(op.name)
    return {why: sorted(names) for why, names in result.items()}


def keras_objects() -> dict[str, Any]:
    """What a Keras configuration may name, by the generation that reads it."""
    return {
        "keras2": {
            "classes": _classes("keras2"),
            "old_names": _old_names(),
            "functions": _functions("keras2"),
            "tensorflow": _symbols(),
        },
        "keras3": {
            "classes": _classes("keras3"),
            "operations": _operations(),
            "functions": _functions("keras3"),
        },
    }


def _write(name: str, source: str, content: dict[str, Any]) -> None:
    today = datetime.date.today().isoformat()
    text = json.dumps({"date": today, "source": source, **content}, indent=1)
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")


def main() -> None:
    import keras
    import tensorflow as tf
    import tf_keras

    _write(
        "frontends/keras_objects.json",
        f"the public names of tf_keras {tf_keras.__version__}, keras {keras.__version__} and "
        f"tensorflow {tf.__version__}, by tools/write_allow_lists.py",
        keras_objects(),
    )
    _write(
        "core/tensorflow_operators.json",
        f"the operator registry of tensorflow {tf.__version__}, by tools/write_allow_lists.py",
        {"operators": operators()},
    )


if __name__ == "__main__":
    main()
