"""What has no form in TensorFlow: skl2onnx converts it, to ONNX alone.

Its graphs are computed in float64, as scikit-learn does; only what goes in and what comes out is
float32, as in all other files. A graph counts only if ONNX Runtime opens it and it says what
scikit-learn says: skl2onnx also writes graphs that are wrong, or that no runtime opens.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Array, Arrays, OnnxGraph, TensorSpec
from edge_deploy.frontends.sklearn.compat.fitted import classes, typical

_OPSETS = {"": 17, "ai.onnx.ml": 3}
_ROWS = 16  # that both are asked
_ALLOWED = 1e-4  # of the scale of an output
_SHOWN = 120  # characters of what skl2onnx says
_INNER = "features_in_float64"


def convert(model: Sequence[Any], width: int, refusal: ConversionError) -> OnnxGraph:
    """The steps of a fitted model as a graph that takes ``features`` and gives our outputs.

    Args:
        model: Its steps, the predictor last.
        width: How many columns it takes.
        refusal: Why our own converters do not do it.

    Raises:
        ConversionError: skl2onnx does not do it either.
    """
    last = model[-1]
    if any(type(step).__module__.partition(".")[0] != "sklearn" for step in model):
        raise refusal
    try:
        with _unheard():
            proto = _by_skl2onnx(model, width)
            outputs = _with_own_ends(proto, last)
            data: bytes = proto.SerializeToString()
    except ModuleNotFoundError as error:
        raise ConversionError(
            f"{refusal} skl2onnx may convert it, to ONNX alone, and is not installed: "
            "pip install skl2onnx."
        ) from error
    except Exception as error:
        # skl2onnx and onnx raise exceptions of many kinds.
        raise _neither(refusal, first_line(error)[:_SHOWN]) from error
    which = f"skl2onnx {importlib.metadata.version('skl2onnx')}"
    return OnnxGraph(data, which, _named(model), outputs)


def check(
    graph: OnnxGraph,
    original: Callable[[Arrays], Arrays],
    model: Sequence[Any],
    width: int,
    refusal: ConversionError,
) -> None:
    """Ask the graph and the original the same rows.

    Args:
        graph: What ``convert`` gave.
        original: From ``features`` to the original's answers.
        model: Its steps.
        width: How many columns it takes.
        refusal: Why our own converters do not do it.

    Raises:
        ConversionError: ONNX Runtime does not run it, or it says something else.
    """
    x = _rows(model[0], width)
    try:
        got = run(graph, x)
    except Exception as error:
        # onnxruntime's exceptions share no public base but Exception.
        raise _neither(refusal, "ONNX Runtime does not run its file") from error
    want = original({"features": x})
    for spec in graph.outputs:
        if spec.name not in want:
            raise _neither(refusal, f"its {spec.name} is not scikit-learn's")
        one, other = got[spec.name], want[spec.name]
        if spec.kind == "class":
            continue  # what is unsure may turn; its probabilities or scores tell
        scale = max(float(np.abs(other).max()), 1e-6)
        if one.shape != other.shape or not np.abs(one - other).max() <= _ALLOWED * scale:
            raise _neither(refusal, f"its {spec.name} is not scikit-learn's")
    if [spec.name for spec in graph.outputs] == ["class"] and (got["class"] != want["class"]).any():
        raise _neither(refusal, "its classes are not scikit-learn's")


def _neither(refusal: ConversionError, why: str) -> ConversionError:
    return ConversionError(f"{refusal} Nor does skl2onnx, which makes ONNX alone, do it ({why}).")


def _named(model: Sequence[Any]) -> str:
    """The step for whose sake it is converted so, where one is; else the predictor."""
    from edge_deploy.frontends.sklearn.converters import PREDICTORS, TRANSFORMERS

    *first, last = (type(step).__name__ for step in model)
    strange = [name for name in first if name not in TRANSFORMERS]
    return last if last not in PREDICTORS or not strange else strange[0]


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """skl2onnx warns of its own deprecations."""
    logger = logging.getLogger("skl2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _by_skl2onnx(model: Sequence[Any], width: int) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType
    from sklearn.pipeline import Pipeline

    last = model[-1]
    whole = last if len(model) == 1 else Pipeline([(str(n), s) for n, s in enumerate(model)])
    # Without these there is a list of dicts, which ONNX Runtime Web cannot read, and no scores.
    plain, raw = {"zipmap": False}, {"raw_scores": True}
    tried: dict[str | None, list[dict[str, bool]]] = {
        None: [{}], "class": [{}], "probabilities": [plain],
        "scores": [{**plain, **raw}, raw, plain, {}],
    }  # fmt: skip
    for options in tried[_asked(last)]:
        with contextlib.suppress(NameError):  # an option that its converter of this class has not
            return convert_sklearn(
                whole,
                initial_types=[(_INNER, DoubleTensorType([None, width]))],
                target_opset=_OPSETS,
                options={id(last): options} if options else None,
            )
    raise ConversionError(f"it has no plain answers of {type(last).__name__}")


def _asked(last: Any) -> str | None:
    """What a classifier says beside the class, or ``class`` alone; None of what is none."""
    if classes(last) is None or getattr(last, "_estimator_type", None) == "regressor":
        return None
    if hasattr(last, "predict_proba"):
        return "probabilities"
    return "scores" if hasattr(last, "decision_function") else "class"


def _with_own_ends(proto: Any, last: Any) -> tuple[TensorSpec, ...]:
    """Put float32 ``features`` before a graph, and our names and types behind it."""
    from onnx import TensorProto, helper

    graph = proto.graph
    width = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width]))
    first = helper.make_node("Cast", ["features"], [_INNER], to=TensorProto.DOUBLE)
    graph.node.insert(0, first)
    given = [_set_aside(graph, value.name) for value in graph.output]
    shapes = [
        [axis.dim_value or None for axis in value.type.tensor_type.shape.dim]
        for value in graph.output
    ]
    del graph.output[:]
    shares = _asked(last)
    if shares is None:
        told = int((shapes[0][1:] or [1])[-1] or 1)  # of trees with several values it is wrong
        width = int(getattr(last, "n_outputs_", None) or told)
        _reshaped(graph, given[0], "value", width)
        return (TensorSpec("value", (None, width), "float32", "value"),)
    known = np.asarray(classes(last))
    for opset in proto.opset_import:
        if opset.domain == "ai.onnx.ml":  # 2 has the LabelEncoder that is used below
            opset.version = max(opset.version, 2)
    labels = tuple(str(label) for label in known)
    _class_of(graph, given[0], known)
    place = TensorSpec("class", (None,), "int32", "class", labels)
    if shares == "class":
        return (place,)
    width = 1 if shares == "scores" and len(known) == 2 else len(known)
    _reshaped(graph, given[1], shares, width)
    kind = "probabilities" if shares == "probabilities" else "tensor"
    return (
        place,
        TensorSpec(
            shares, (None, width), "float32", kind, labels if width == len(labels) else None
        ),
    )


def _set_aside(graph: Any, name: str) -> str:
    """Another name for what a graph gives, so that its own is free."""
    new = f"{name}_of_skl2onnx"
    for node in graph.node:
        for end in (node.input, node.output):
            end[:] = [new if one == name else one for one in end]
    return new


def _reshaped(graph: Any, inner: str, name: str, width: int) -> None:
    """An output of (samples, width) in float32."""
    from onnx import TensorProto, helper, numpy_helper

    shape = numpy_helper.from_array(np.array([-1, width], np.int64), f"{name}_shape")
    graph.initializer.append(shape)
    graph.node.append(helper.make_node("Reshape", [inner, shape.name], [f"{name}_float64"]))
    graph.node.append(helper.make_node("Cast", [f"{name}_float64"], [name], to=TensorProto.FLOAT))
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]))


def _class_of(graph: Any, inner: str, known: Array) -> None:
    """The place of a label among the classes."""
    from onnx import TensorProto, helper

    keys: dict[str, Any]
    if known.dtype.kind in "biuf":
        keys = {"keys_int64s": [int(label) for label in known]}
    else:
        keys = {"keys_strings": [str(label) for label in known]}
    values = list(range(len(known)))
    graph.node.append(
        helper.make_node(
            "LabelEncoder", [inner], ["class_place"], domain="ai.onnx.ml",
            values_int64s=values, default_int64=0, **keys,
        )
    )  # fmt: skip
    flat = helper.make_tensor("class_shape", TensorProto.INT64, [1], [-1])
    graph.initializer.append(flat)
    graph.node.append(helper.make_node("Reshape", ["class_place", "class_shape"], ["class_flat"]))
    graph.node.append(helper.make_node("Cast", ["class_flat"], ["class"], to=TensorProto.INT32))
    graph.output.append(helper.make_tensor_value_info("class", TensorProto.INT32, [None]))


def _rows(first: Any, width: int) -> Array:
    """Rows such as it was fitted on, as far as its first step tells."""
    drawn = np.random.default_rng(0).normal(0, 1, (_ROWS, width))
    if (known := typical(first, width)) is not None:
        drawn = drawn * known[1] + known[0]
    return drawn.astype(np.float32)


def run(graph: OnnxGraph, x: Array) -> Arrays:
    """The answers of a graph, in ONNX Runtime."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    asked = onnxruntime.RunOptions()
    asked.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.data, options, ["CPUExecutionProvider"])
    names = [spec.name for spec in graph.outputs]
    return dict(zip(names, session.run(names, {"features": x}, asked), strict=True))
