"""Keras files of both generations: HDF5 and the ``.keras`` zip.

Keras 3 refuses many files of Keras 2 (DepthwiseConv2D ``groups``, LSTM ``time_major``), and
tf_keras, which is Keras 2, refuses those of Keras 3 (``batch_shape``). The version written in
the file says which loader to try first; the other one is tried second.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import EdgeDeployError, SourceError, UntrustedError
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.lazy import importing, tf
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import LoadedModel, LoadOptions, TensorSpec
from edge_deploy.frontends import keras_weights
from edge_deploy.frontends.custom_objects import find_definition, load_custom_objects
from edge_deploy.frontends.keras_allowlist import Checked, application_layers, check
from edge_deploy.frontends.keras_config import (
    is_archive,
    lambda_activation,
    read_config,
    write_checked,
)
from edge_deploy.frontends.lookups.described import Original, described
from edge_deploy.frontends.lookups.static_rows import rows_told
from edge_deploy.frontends.tracing import apply_shapes, input_kind

# Keras and TensorFlow import them where they are there, to train from a DataFrame, to draw, for
# wrappers: half of the time that importing takes.
_OPTIONAL = ("IPython", "jax", "matplotlib", "pandas", "sklearn")
_DEEPEST = 20_000  # calls, for which a thread's stack suffices
_UNKNOWN = re.compile(
    r"(?:Unknown (?:layer|object|loss function|activation function)|Could not locate "
    r"(?:class|function))[: ]+['\"]?([\w>]+)"
)


def load(path: Path, options: LoadOptions) -> LoadedModel:
    """Read a Keras model, never compiled, with the loader of its generation first.

    Raises:
        UntrustedError: The configuration holds Python byte code or names foreign modules.
        SourceError: Neither loader can read it; both reasons are given.
        UsageError: The file of custom objects is at fault.
    """
    config, version = read_config(path)
    own = options.custom_objects
    custom = load_custom_objects(own, config) if own else {}
    order = ["keras2", "keras3"]
    if version and _generation(version) == "keras3":
        order.reverse()
    known = {*custom, *_registered()}
    if name := lambda_activation(config):
        raise SourceError(
            f"{path}: the activation of the layer {name!r} is a <lambda>, and that word is all the "
            "file holds of it. Build the model in Python with a named function in its place "
            "(def gate(x): ...), load the weights into it, save it again, and give the file that "
            f"defines the function: {option('custom_objects', 'FILE.py')}."
        )
    judged = [(kind, check(config, kind, known)) for kind in order]
    allowed = [(kind, one.config) for kind, one in judged if not one.refused and not one.unknown]
    notes = [] if is_archive(path) else [*keras_weights.note(path)]
    if not allowed:
        found = judged[0][1]
        if not options.trust_pickle:
            raise _refusal(path, found, bool(custom))
        if found.refused:
            named = ", ".join(sorted(found.refused))
            notes.append(f"code from the file was run ({option('trust_pickle', True)}): {named}")
    trusted = [] if allowed else [(kind, config) for kind in order]
    model, keras, kind = _load_either(path, version, custom, [*allowed, *trusted], bool(trusted))
    if version and kind != _generation(version):
        notes.append(f"written by Keras {version}, read by {keras.__name__} {keras.__version__}")
    return _described(path, model, kind, options, tuple(notes))


def _refusal(path: Path, found: Checked, given: bool) -> SourceError:
    if not found.refused:
        return _unknown(path, found.unknown[0], given)
    named = [text.removesuffix(" of no module").rpartition(".")[2] for text in found.refused]
    file, where = _definition(path, [name for name in named if name.isidentifier()])
    own = " (the file given does not define it)" if given else ""
    return UntrustedError(
        f"{path}: the model brings Python code along ({', '.join(sorted(found.refused))}), which "
        f"loading it would run. {where}If it is a layer of the model's author, give the Python "
        f"file that defines it: {option('custom_objects', file)}{own}. If you trust the author, "
        f"add {option('trust_pickle', True)}; else rebuild the model with a named layer in place "
        "of it."
    )


def _unknown(path: Path, name: str, given: bool) -> SourceError:
    file, where = _definition(path, [name])
    own = " (the file given does not define it)" if given else ""
    return SourceError(
        f"{path}: the model uses {name!r}, which Keras does not know{own}. {where}Give the Python "
        f"file that defines it: {option('custom_objects', file)}"
    )


def _definition(path: Path, names: list[str]) -> tuple[str, str]:
    """The Python file near a model that defines one of some names, and a sentence on it."""
    for name in names:
        if found := find_definition(path, name):
            near, line = os.path.relpath(found[0]), found[1]
            return near, f"{name} stands in {near}, line {line} (only what it needs is run). "
    return "FILE.py", ""


def _registered() -> set[str]:
    """What the caller's process has registered by name with either generation of Keras.

    Nothing can be with one that nobody imported, which takes a second.
    """
    libraries = [sys.modules.get(name) for name in ("keras", "tf_keras")]  # None if it is barred
    return {name for one in libraries if one for name in one.saving.get_custom_objects()}


def from_live(path: Path, model: Any, options: LoadOptions) -> LoadedModel:
    """A Keras model that a Python caller holds: nothing is read, its own layers are asked.

    Args:
        path: Where it was saved, for messages.
        model: Of either generation.
        options: ``input_shapes`` where it leaves axes free.

    Raises:
        SourceError: It was never built.
    """
    legacy = any(cls.__module__.partition(".")[0] == "tf_keras" for cls in type(model).__mro__)
    return _described(path, model, "keras2" if legacy else "keras3", options, ())


def _described(
    path: Path, model: Any, kind: str, options: LoadOptions, notes: tuple[str, ...]
) -> LoadedModel:
    keras = keras_of(kind)
    names, outputs_of = _ends(path, model, options)
    inputs = tuple(
        TensorSpec(name, shape, dtype, input_kind(shape, dtype)) for name, shape, dtype in names
    )
    inputs = apply_shapes(inputs, options.input_shapes)
    feed = _feeder(model, [spec.name for spec in inputs])

    def original(tensors: Any) -> Any:
        with rows_told(model._flatten_layers()):
            return outputs_of(model(feed(tensors), training=False))

    def plain(tensors: Any) -> Any:
        with _einsum_as_products():
            return original(tensors)

    return described(
        Original(
            original,
            inputs,
            kind=kind,
            framework=f"{keras.__name__} {keras.__version__}",
            parameters=int(model.count_params()),
            trackables=(model,),
            notes=notes,
            plain=plain,
        ),
        options.deterministic,
    )


def keras_of(kind: str) -> Any:
    """The library of ``"keras2"`` or ``"keras3"``."""
    with importing(unless_own=_OPTIONAL):
        library = importlib.import_module("keras" if kind == "keras3" else "tf_keras")
    if kind == "keras3":
        return library
    from tf_keras.src.layers.normalization import spectral_normalization

    # It asks TensorFlow for its Keras, which was Keras 2, and cannot be built beside Keras 3.
    spectral_normalization.tf = _TensorFlowOfKeras2()
    return library


class _TensorFlowOfKeras2:
    def __getattr__(self, name: str) -> Any:
        return importlib.import_module("tf_keras") if name == "keras" else getattr(tf, name)


def _generation(version: str) -> str:
    return "keras3" if version.startswith("3") else "keras2"


def _load_either(
    path: Path,
    version: str | None,
    custom: dict[str, Any],
    configs: list[tuple[str, Any]],
    unsafe: bool,
) -> tuple[Any, Any, str]:
    """The model by the first generation that can read it, the library and its name here.

    Args:
        path: The file.
        version: Of the Keras that wrote it, for the message.
        custom: The caller's own objects.
        configs: The generations to ask, in this order, each with the configuration it is given.
        unsafe: Whether byte code may be run.
    """
    errors = []
    for kind, config in configs:
        library = keras_of(kind)
        try:
            known = {**_application_layers(kind), **custom}
            return _load_with(library, path, config, known, unsafe), library, kind
        except UntrustedError:
            raise
        except Exception as error:
            # Both libraries raise anything at all on a file of the other generation.
            errors.append((library, error))
    for _, failure in errors:
        if isinstance(failure, EdgeDeployError):  # ours, of a part that neither would find
            raise failure
        if unknown := _UNKNOWN.search(str(failure)):
            raise _unknown(path, unknown[1].split(">")[-1], bool(custom)) from failure
    reasons = "\n".join(
        f"  {library.__name__} {library.__version__}: {first_line(failure)}"
        for library, failure in errors
    )
    raise SourceError(
        f"{path}: neither generation of Keras can read this file"
        f"{f' (written by Keras {version})' if version else ''}:\n{reasons}\n"
        f"If it has layers of its own, give {option('custom_objects', 'FILE.py')}; else export it "
        "as a SavedModel with the Keras that wrote it: model.export(folder)."
    ) from errors[0][1]


def _application_layers(kind: str) -> dict[str, Any]:
    """The layers that Keras' own networks bring, which it does not find by their names itself."""
    listed = application_layers(kind).items()
    return {name: getattr(importlib.import_module(where), name) for name, where in listed}


def _load_with(library: Any, path: Path, config: Any, custom: dict[str, Any], unsafe: bool) -> Any:
    with temporary_folder() as folder, _recursing(_layers(config)):
        model = library.models.load_model(
            str(write_checked(path, config, folder)),
            custom_objects=custom,
            compile=False,
            safe_mode=not unsafe,
        )
    if not isinstance(model, library.Model):
        raise ValueError(f"it holds a {type(model).__name__} and no model")
    return model


def _layers(config: Any) -> int:
    """How many layers a configuration has, those of models within it counted."""
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else None
    return len(layers) + sum(map(_layers, layers)) if isinstance(layers, list) else 0


@contextlib.contextmanager
def _recursing(layers: int) -> Iterator[None]:
    """Let Keras find the order of so many layers, for which it calls itself from one to the next.

    A ResNet of 270 layers, and others as deep, ends in a RecursionError without.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, min(1000 + 2 * layers, _DEEPEST)))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _ends(
    path: Path, model: Any, options: LoadOptions
) -> tuple[list[tuple[str, tuple[int | None, ...], str]], Callable[[Any], dict[str, Any]]]:
    """The model's inputs, and how its answer becomes named tensors."""
    tensors = _inputs(model)
    if not tensors:
        if not options.input_shapes:
            raise SourceError(
                f"{path}: the model was saved before it was built: it has no input "
                f"shape{'' if model.weights else ' and no weights'}. Call it once on data (or fit "
                "it), save it again; or, if it has its weights, say "
                f"{option('input_shapes', {'x': (1, 10)})}."
            )
        if not model.built and not model.weights:
            raise SourceError(
                f"{path}: the model was saved before it was built, so the file holds no weights. "
                "Fit it, then save it again."
            )
        names = [(name, shape, "float32") for name, shape in options.input_shapes]
    else:
        own = getattr(model, "input_names", None) or [t.name for t in tensors]
        names = [
            (name, tuple(t.shape), str(getattr(t.dtype, "name", t.dtype)))
            for name, t in zip(own, tensors, strict=True)
        ]
    known = list(getattr(model, "output_names", None) or [])

    def named(answer: Any) -> dict[str, Any]:
        if isinstance(answer, dict):
            return {str(key): value for key, value in answer.items()}
        values = list(answer) if isinstance(answer, list | tuple) else [answer]
        labels = known if len(known) == len(values) else [f"output_{n}" for n in range(len(values))]
        result: dict[str, Any] = {}
        for label, value in zip(labels, values, strict=True):
            unique, n = label, 1
            while unique in result:  # the same layer may answer twice
                unique, n = f"{label}_{n}", n + 1
            result[unique] = value
        return result

    return names, named


@contextlib.contextmanager
def _einsum_as_products() -> Iterator[None]:
    """Have tf.einsum write matrix products, as TensorFlow 1 did, while a model is traced.

    TensorFlow still has that way of writing it; attention layers ask for nothing else.
    """
    from tensorflow.python.ops import special_math_ops

    modern = special_math_ops._einsum_v2
    plain = special_math_ops._einsum_v1
    special_math_ops._einsum_v2 = lambda equation, *inputs, **_: plain(equation, *inputs)
    try:
        yield
    finally:
        special_math_ops._einsum_v2 = modern


def _inputs(model: Any) -> list[Any]:
    """The symbolic inputs; a model that was never built has none, or raises."""
    try:
        return list(model.inputs or [])
    except (AttributeError, ValueError):
        return []


def _feeder(model: Any, names: list[str]) -> Callable[[Any], Any]:
    """How named tensors are put into the structure that the model was built with."""
    structure = getattr(model, "_inputs_struct", None)
    if structure is None:
        structure = getattr(model, "_nested_inputs", None)
    if isinstance(structure, dict):
        keys = {key: names[_inputs_index(model, value)] for key, value in structure.items()}
        return lambda tensors: {key: tensors[name] for key, name in keys.items()}
    if len(names) == 1 and not isinstance(structure, list | tuple):
        return lambda tensors: tensors[names[0]]
    return lambda tensors: [tensors[name] for name in names]


def _inputs_index(model: Any, tensor: Any) -> int:
    return next(n for n, own in enumerate(model.inputs) if own is tensor)
