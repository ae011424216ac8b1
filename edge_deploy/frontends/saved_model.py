"""TensorFlow SavedModel folders."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import SourceError, UsageError, wrong_option
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import LoadedModel, LoadOptions, TensorSpec
from edge_deploy.frontends.free_axes import with_columns
from edge_deploy.frontends.lookups.described import Original, described
from edge_deploy.frontends.saved_model_check import check_saved_model, tag_sets
from edge_deploy.frontends.tracing import apply_shapes, input_kind

_NOT_INFERENCE = ("__saved_model_init_op", "train", "eval")


def load(path: Path, options: LoadOptions) -> LoadedModel:
    """Read one signature of a SavedModel.

    Args:
        path: The folder with ``saved_model.pb``.
        options: ``signature`` chooses; without it ``serving_default``, or the only one there is.

    Raises:
        UsageError: The signature is not there, or several are and none was chosen.
        UntrustedError: Its graph does more than compute.
        SourceError: The folder cannot be loaded.
    """
    import tensorflow as tf

    outside = check_saved_model(path, options.trust_pickle)
    tags, chosen = _tags(path)
    try:
        loaded = tf.saved_model.load(str(path), tags=tags)
    except Exception as error:
        # The loader raises whatever protobuf, the file system or an operator raises.
        raise SourceError(
            f"{path}: TensorFlow cannot load this SavedModel: {first_line(error)}. Save it again "
            "with model.export() or tf.saved_model.save()."
        ) from error
    name, notes = _choose(path, sorted(loaded.signatures), options.signature)
    notes = (*chosen, *notes)
    if outside:
        ran = ", ".join(dict.fromkeys(outside))
        notes += (f"was allowed to run ({option('trust_pickle', True)}): {ran}",)
    signature = loaded.signatures[name]
    call, held = _callable(signature)

    def original(tensors: Any) -> Any:
        return call({key: tensors[key] for key in keywords})

    keywords = signature.structured_input_signature[1]
    if not keywords:
        raise SourceError(f"{path}: signature {name!r} takes no inputs: nothing to convert.")
    inputs = tuple(
        TensorSpec(
            key,
            tuple(spec.shape.as_list()) if spec.shape.rank is not None else (None,),
            spec.dtype.name,
            input_kind(tuple(spec.shape.as_list()), spec.dtype.name)
            if spec.shape.rank is not None
            else "tensor",
        )
        for key, spec in _ordered(signature, keywords)
    )
    inputs = apply_shapes(inputs, options.input_shapes)
    inputs = with_columns(original, inputs)
    variables = getattr(loaded, "variables", ()) or getattr(signature, "variables", ())
    return described(
        Original(
            original,
            inputs,
            kind="saved_model",
            framework=f"tensorflow {tf.__version__}",
            parameters=held + sum(_size(variable) for variable in variables),
            trackables=(loaded,),
            notes=notes,
        ),
        options.deterministic,
    )


def _tags(path: Path) -> tuple[list[str] | None, tuple[str, ...]]:
    """Which of several graphs in one SavedModel is read, and a note that says so.

    TensorFlow 1 saved one graph for each purpose, with tags such as ``serve``, ``train``, ``gpu``.

    Returns:
        None where there is one graph, whatever its tags are.

    Raises:
        UsageError: None of them is for serving.
    """
    sets = tag_sets(path)
    if len(sets) < 2:
        return None, ()
    named = "; ".join(", ".join(tags) or "no tag" for tags in sets)
    serving = sorted((tags for tags in sets if "serve" in tags), key=len)
    if not serving:
        raise UsageError(
            f"{path}: holds {len(sets)} graphs ({named}), and none is tagged serve. Save the one "
            "that answers alone, with that tag."
        )
    return serving[0], (f"holds {len(sets)} graphs ({named}): {', '.join(serving[0])} was taken",)


def _ordered(signature: Any, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Inputs as the signature's own function takes them.

    TensorFlow reads them from a map of protobuf's, whose order is another one in every process.
    """
    place = {key: n for n, key in enumerate(signature._arg_keywords)}
    return sorted(keywords.items(), key=lambda item: (place.get(item[0], len(place)), item[0]))


_REFERENCES = frozenset({"Variable", "VariableV2"})


def _callable(signature: Any) -> tuple[Callable[[Mapping[str, Any]], Any], int]:
    """A signature as a function of named tensors, and how many numbers it holds as constants.

    TensorFlow 1's own variables are nodes of the signature's graph, where no function that calls
    it finds them: they become constants.
    """
    from tensorflow.python.framework import convert_to_constants

    nodes = signature.graph.as_graph_def().node
    held = [node for node in nodes if node.op in _REFERENCES]
    if not held:
        # In the order of the function's own results, for the reason in _ordered.
        return lambda tensors: dict(sorted(signature(**tensors).items())), 0
    frozen = convert_to_constants.convert_variables_to_constants_v2(
        signature, lower_control_flow=False
    )
    order = list(signature._arg_keywords)
    of_name = {tensor.name: name for name, tensor in signature.structured_outputs.items()}
    names = [of_name[tensor.name] for tensor in signature.outputs]

    def call(tensors: Mapping[str, Any]) -> dict[str, Any]:
        answers = frozen(*(tensors[key] for key in order))
        return dict(zip(names, answers, strict=True))

    return call, sum(math.prod(d.size for d in node.attr["shape"].shape.dim) for node in held)


def _size(variable: Any) -> int:
    """How many numbers a variable holds; a vocabulary stands there as None."""
    return 0 if variable is None else int(variable.shape.num_elements() or 0)


def _choose(path: Path, names: list[str], asked: str | None) -> tuple[str, tuple[str, ...]]:
    there = [name for name in names if name not in _NOT_INFERENCE]
    listed = ", ".join(there) or "none"
    if asked is not None:
        if asked in names:
            return asked, (f"signature {asked}",)
        raise wrong_option(
            "signature",
            asked,
            f"{path} has no such signature; the signatures there are: {listed}.",
        )
    if "serving_default" in there:
        others = [n for n in there if n != "serving_default"]
        extra = (
            f" (also there: {', '.join(others)}; {option('signature')} takes another)"
            if others
            else ""
        )
        return "serving_default", (f"signature serving_default{extra}",) if others else ()
    if len(there) == 1:
        return there[0], (f"signature {there[0]}, the only one for inference",)
    if not there:
        raise SourceError(
            f"{path}: the SavedModel has no signature to call. Save it with one: "
            "model.export(), or tf.saved_model.save(model, path, signatures=...)."
        )
    raise UsageError(
        f"{path}: no serving_default and several signatures; choose with "
        f"{option('signature')}: {listed}."
    )
