"""Files in the order in which data flow through them, as one model.

What is numeric goes into the graph; words stay at the edge, as features. The original's own
answers go the same way through the person's own objects, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.messages import option
from edge_deploy.core.spec import (
    Array,
    Arrays,
    Feature,
    Function,
    LoadedModel,
    LoadOptions,
    ModelSpec,
    ModelStep,
    TensorSpec,
)
from edge_deploy.frontends import frozen_graph, keras, saved_model
from edge_deploy.frontends.file_kinds import sniff
from edge_deploy.frontends.project import behind, tokenizers
from edge_deploy.frontends.project.columns import NOTHING, Known, Layout, Placed, lay_out
from edge_deploy.frontends.project.front import Marks, front_of, transformer_of
from edge_deploy.frontends.project.parts import Part, as_names, left_out
from edge_deploy.frontends.project.sequence import is_window, scaled_window
from edge_deploy.frontends.project.series import with_forecast
from edge_deploy.frontends.sklearn import loader as sklearn
from edge_deploy.frontends.sklearn.compat.fitted import attribute, classes
from edge_deploy.frontends.sklearn.dataframe.columns import as_given, has_words
from edge_deploy.frontends.sklearn.loader import LoweredFront
from edge_deploy.frontends.sklearn.safe_pickle.keras_models import KerasFile

TRANSFORMED = "transformed"
"""What a transformer without a model gives."""

LOADERS: dict[str, Callable[[Any, LoadOptions], LoadedModel]] = {
    "keras": keras.load,
    "saved_model": saved_model.load,
    "frozen_graph": frozen_graph.load,
}
"""What reads a model of TensorFlow, by the kind of its file."""
_BEFORE = ("transformer", "vectorizer", "label_encoder", "names")


@dataclass(frozen=True)
class Chain:
    """The parts by their places.

    Attributes:
        before: What data go through first.
        model: The model; None of a transformer alone.
        after: What the model's answer goes through.
    """

    before: tuple[Part, ...]
    model: Part | None
    after: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of them, in order."""
        return (*self.before, *((self.model,) if self.model else ()), *self.after)


def arrange(parts: Sequence[Part]) -> Chain:
    """Tell which part is the model, and what stands before and behind it.

    Raises:
        UsageError: There are two models or none, or a part stands where it cannot.
    """
    models = [part for part in parts if part.kind == "model"]
    if len(models) > 1:
        # What predicts may transform as well: clusters, discriminants, partial least squares.
        only = [part for part in models if not _also_transforms(part)]
        last = only[-1] if len(only) == 1 else models[-1]
        if all(_also_transforms(part) for part in models if part is not last):
            parts = [
                replace(part, kind="transformer")
                if part in models and part is not last and _is_before(parts, part, last)
                else part
                for part in parts
            ]
            models = [part for part in parts if part.kind == "model"]
    if len(models) > 1:
        named = ", ".join(f"{part.name} ({part.does})" for part in models)
        raise UsageError(
            f"A chain has one model, and {len(models)} are given: {named}. Convert each with the "
            "steps that belong to it."
        )
    if not models:
        return _without_model(parts)
    at = next(n for n, part in enumerate(parts) if part.kind == "model")
    chain = Chain(tuple(parts[:at]), parts[at], tuple(parts[at + 1 :]))
    for part in chain.before:
        if part.kind == "threshold":
            raise UsageError(
                f"{part.name} ({part.does}) stands before the model {parts[at].name}: a threshold "
                "is behind it. Give the files in the order in which data flow."
            )
    for part in chain.after:
        if part.kind in ("vectorizer", "tokenizer"):
            raise UsageError(
                f"{part.name} ({part.does}) stands behind the model {parts[at].name}, and is for "
                "what goes into it. Give the files in the order in which data flow."
            )
    return chain


def _without_model(parts: Sequence[Part]) -> Chain:
    for part in parts:
        if part.kind not in ("transformer", "vectorizer", "names"):
            raise UsageError(
                f"There is no model among the files: {', '.join(one.name for one in parts)}. Give "
                f"the model that goes with {part.name} ({part.does})."
            )
    if all(part.kind == "names" for part in parts):
        raise UsageError(f"There is no model among the files: {parts[0].name} ({parts[0].does}).")
    return Chain(tuple(parts), None, ())


def _also_transforms(part: Part) -> bool:
    return part.loader == "sklearn" and hasattr(type(part.value), "transform")


def _is_before(parts: Sequence[Part], first: Part, second: Part) -> bool:
    order = [id(part) for part in parts]
    return order.index(id(first)) < order.index(id(second))


def load(parts: Sequence[Part], options: LoadOptions, known: Known = NOTHING) -> LoadedModel:
    """Read the model of a chain, with all that stands before and behind it in its graph.

    Args:
        parts: In the order in which data flow.
        options: How to read them.
        known: What is known of the columns from elsewhere.

    Raises:
        UsageError: Two parts do not fit, or one is missing; both are named with what each has.
        ConversionError: A step cannot be converted.
        EdgeDeployError: As its own loader says of the model.
    """
    chain = arrange(parts)
    before, model = chain.before, chain.model
    own = None
    if model is None:
        loaded = _transformer(before, known)
    elif model.loader == "sklearn":
        loaded, own = _estimator(before, model, known), classes(_last(model.value))
    else:
        loaded = _called(_network(before, model, options, known), before, model)
    steps = [*loaded.steps, _model_step(model, loaded)] if model else [*loaded.steps]
    for part in chain.after:
        loaded = _behind(loaded, part, own)
        step = _step(part, loaded if part.kind == "transformer" else None)
        scales = part.kind == "transformer" and step.original is not None
        steps.append(replace(step, left_out=partial(left_out, part)) if scales else step)
    loaded = with_forecast(loaded, before, chain.after)
    told = [note for part in parts for note in part.notes if note not in loaded.notes]
    return replace(loaded, steps=tuple(steps), notes=(*loaded.notes, *dict.fromkeys(told)))


def _behind(loaded: LoadedModel, part: Part, own: Any) -> LoadedModel:
    if part.kind == "threshold":
        return behind.with_threshold(loaded, float(part.value), part.name)
    if part.kind == "transformer" and not hasattr(part.value, "categories_"):
        return behind.in_units(loaded, part)
    return behind.with_classes(loaded, part, own)


# Before a model of scikit-learn


def _estimator(before: Sequence[Part], model: Part, known: Known) -> LoadedModel:
    if not before:
        return sklearn.from_object(model.path, model.value, model.notes)
    names = attribute(model.value, "feature_names_in_")
    asked = list(before)
    if names is not None:
        asked.append(Part("names", [str(name) for name in names], model.path))
    width = attribute(model.value, "n_features_in_")
    layout = lay_out(asked, None if width is None else int(width), model.name, known)
    front, _ = front_of(layout)
    loaded = sklearn.from_object(model.path, model.value, model.notes, front)
    return replace(
        loaded,
        notes=(*loaded.notes, *_order_note(layout)),
        steps=tuple(
            _leavable(_before_step(part), placed)
            for part, placed in zip(before, layout.placed, strict=False)
        ),
    )


def _last(value: Any) -> Any:
    from edge_deploy.frontends.sklearn.converters import steps

    return steps(value)[-1]


# Before a network, or nothing


def _transformer(before: Sequence[Part], known: Known) -> LoadedModel:
    import sklearn as library

    layout = lay_out(before, None, "", known)
    front, marks = front_of(layout)
    lowered = sklearn.lower_front(before[0].path, front)

    def function(tensors: Any) -> Any:
        return {TRANSFORMED: lowered.function(tensors[sklearn.INPUT])}

    def original(arrays: Arrays, rows: Sequence[Mapping[str, Any]] = ()) -> Arrays:
        return {TRANSFORMED: _dense(lowered.original(arrays[sklearn.INPUT], rows))}

    output = TensorSpec(TRANSFORMED, (None, _width(lowered)), "float32", "tensor")
    return LoadedModel(
        spec=ModelSpec((lowered.input,), (output,)),
        kind="sklearn",
        framework=f"scikit-learn {library.__version__}",
        parameters=lowered.parameters,
        predict=original,
        function=function,
        trackables=tuple(part.value for part in before),
        notes=_order_note(layout),
        features=lowered.features,
        typical=lowered.typical,
        predict_rows=original if has_words(lowered.features) else None,
        steps=_front_steps(before, layout, lowered, marks),
    )


def _network(
    before: Sequence[Part], model: Part, options: LoadOptions, known: Known
) -> LoadedModel:
    base = _opened(model, options)
    if not before:
        return base
    if len(base.spec.inputs) != 1:
        names = ", ".join(spec.name for spec in base.spec.inputs)
        raise UsageError(
            f"{model.name} takes {len(base.spec.inputs)} inputs ({names}), and steps before a "
            "model go into one."
        )
    (spec,) = base.spec.inputs
    before = [_as_tokenizer(part, spec) for part in before]
    if texts := [part for part in before if part.kind == "tokenizer"]:
        return _of_tokens(before, texts[0], base, model, options)
    if len(before) == 1 and before[0].kind == "names" and spec.shape[1:] != ():
        return _of_names(before[0], base)
    if spec.dtype != "float32":
        raise UsageError(
            f"{before[-1].name} ({before[-1].does}) gives float numbers, and {model.name} takes "
            f"{spec.dtype}: a tokenizer or its encoder is missing before it."
        )
    if is_window(spec, before):
        return scaled_window(before, base, model)
    return _of_table(before, base, model, known)


def _opened(model: Part, options: LoadOptions) -> LoadedModel:
    """A network by its own loader; out of a pickle, its file is written down for that long."""
    if not isinstance(model.value, KerasFile):
        return LOADERS[model.loader](model.path, options)
    with temporary_folder() as folder:
        path = folder / f"{model.path.name}.keras"
        path.write_bytes(model.value.data)
        return LOADERS[sniff(path)](path, options)


def _of_table(before: Sequence[Part], base: LoadedModel, model: Part, known: Known) -> LoadedModel:
    """A network whose input is a row of columns."""
    (spec,) = base.spec.inputs
    sizes = [size for size in spec.shape[1:] if size != 1]
    wanted = spec.shape[1] if len(spec.shape) == 2 else (sizes[0] if len(sizes) == 1 else None)
    if len(spec.shape) > 2 and wanted is None:
        raise UsageError(
            f"{before[-1].name} ({before[-1].does}) gives rows of columns, and {model.name} takes "
            f"{' x '.join(str(size or 'any') for size in spec.shape[1:])} numbers a sample."
        )
    layout = lay_out(before, wanted, model.name, known)
    front, marks = front_of(layout)
    lowered = sklearn.lower_front(before[0].path, front)
    if (given := _width(lowered)) != wanted and wanted is not None:
        raise UsageError(
            f"{model.name} takes {wanted} columns, and {before[-1].name} ({before[-1].does}) "
            f"before it gives {given}."
        )
    shape = [-1, *(size or given for size in spec.shape[1:])]

    def wrapped(function: Function) -> Function:
        import tensorflow as tf

        def answer(tensors: Any) -> Any:
            x = lowered.function(tensors[sklearn.INPUT])
            return function({spec.name: tf.reshape(x, shape) if len(shape) > 2 else x})

        return answer

    def original(arrays: Arrays, rows: Sequence[Mapping[str, Any]] = ()) -> Arrays:
        x = _dense(lowered.original(arrays[sklearn.INPUT], rows))
        return base.predict({spec.name: x.astype(np.float32).reshape(shape)})

    return replace(
        base,
        spec=ModelSpec((lowered.input,), base.spec.outputs),
        parameters=base.parameters + lowered.parameters,
        predict=original,
        function=wrapped(base.function),
        plain=None if base.plain is None else wrapped(base.plain),
        trackables=(*base.trackables, *(part.value for part in before)),
        notes=(*base.notes, *_order_note(layout)),
        features=lowered.features,
        typical=lowered.typical,
        predict_rows=original if has_words(lowered.features) else None,
        steps=_front_steps(before, layout, lowered, marks),
    )


def _of_names(part: Part, base: LoadedModel) -> LoadedModel:
    """A network with a list beside it: what its columns are called, or the words it knows."""
    (spec,) = base.spec.inputs
    names = as_names(part)
    kind = "columns"
    notes: tuple[str, ...] = ()
    if _are_words(part, names):
        words = tokenizers.words_of(list(names), part.name) or ()
        features: tuple[Feature, ...] = (tokenizers.bag_feature(words, spec, _text_name(part)),)
        kind, notes = "words", (tokenizers.BAG_NOTE,)
    elif spec.shape[-1] != len(names):
        raise UsageError(
            f"{part.name} names {len(names)} columns ({part.does}), and the model behind it takes "
            f"{spec.shape[-1]}."
        )
    else:
        features = tuple(Feature(name) for name in names)
    return replace(
        base,
        spec=ModelSpec((replace(spec, kind="table"),), base.spec.outputs),
        notes=(*base.notes, *notes),
        features=features,
        steps=(replace(_step(part), kind=kind),),
    )


def _called(loaded: LoadedModel, before: Sequence[Part], model: Part) -> LoadedModel:
    """A network whose columns are called as ``model.keras@headline`` says.

    Raises:
        UsageError: It takes another number of columns, or the steps before it name them.
    """
    names = model.chosen
    if names is None:
        return loaded
    own = loaded.features
    (spec, *more) = loaded.spec.inputs
    width = len(own) if own else spec.shape[-1] if len(spec.shape) == 2 and not more else None
    if before or width != len(names):
        has = f"{before[-1].name} names the columns" if before else f"it takes {width or 'no'}"
        raise UsageError(
            f"{model.name}@{','.join(names)} calls {len(names)} columns of the model, and {has}."
        )
    ask = loaded.predict_rows
    by_own = dict(zip([one.name for one in own or ()], names, strict=False))

    def answers(arrays: Arrays, rows: Sequence[Mapping[str, Any]]) -> Arrays:
        assert ask is not None
        given = [{a: row[b] for a, b in by_own.items() if b in row} for row in rows]
        return ask(arrays, given)

    features = tuple(
        replace(one, name=name) for one, name in zip(own or map(Feature, names), names, strict=True)
    )
    return replace(
        loaded,
        spec=ModelSpec((replace(spec, kind="table"), *more), loaded.spec.outputs),
        features=features,
        predict_rows=None if ask is None else answers,
    )


def _are_words(part: Part, names: Sequence[str]) -> bool:
    """Whether a list before a model holds the words of a bag, and not the names of columns."""
    said = f"{part.path.stem} {part.key or ''}".lower()
    return any(word in said for word in ("word", "vocab")) and len(names) > 1


def _as_tokenizer(part: Part, spec: TensorSpec) -> Part:
    """A dict of numbers by word before a model: ids, where it is not the model's columns."""
    if part.kind != "names" or not isinstance(part.value, Mapping):
        return part
    if spec.dtype == "float32" and spec.shape[-1] == len(part.value):
        return part
    found = tokenizers.tokenizer_of(part.value, part.name)
    return part if found is None else replace(part, kind="tokenizer", value=found)


def _text_name(part: Part) -> str:
    """What the column of a text is called: as the step says, else ``text``."""
    return part.chosen[0] if part.chosen else "text"


def _of_tokens(
    before: Sequence[Part], part: Part, base: LoadedModel, model: Part, options: LoadOptions
) -> LoadedModel:
    """A network of token ids: the tokenizer stays at the edge."""
    if len(before) > 1:
        other = next(one for one in before if one is not part)
        raise UsageError(
            f"{part.name} (a tokenizer) and {other.name} ({other.does}) stand before {model.name}, "
            "and ids of words go into a model as they are."
        )
    (spec,) = base.spec.inputs
    feature = tokenizers.tokens_feature(part.value, spec, options.pad, _text_name(part))
    if spec.shape != (spec.shape[0], feature.width):
        shapes = ((spec.name, (spec.shape[0], feature.width)),)
        base = _opened(model, replace(options, input_shapes=shapes))
    (spec,) = base.spec.inputs
    return replace(
        base,
        spec=ModelSpec((replace(spec, kind="table"),), base.spec.outputs),
        features=(feature,),
        predict_rows=tokenizers.keras_answers(part.value, feature, base),
        notes=(
            *base.notes,
            *tokenizers.tokenizer_notes(part.value, options.pad),
            *tokenizers.table_note(feature, base),
        ),
        steps=(_step(part),),
    )


# What the steps are


def _step(part: Part, behind: LoadedModel | None = None) -> ModelStep:
    """A step for the manifest; with what the model gives behind it, where that is numbers."""
    made = ModelStep(
        part.path, _KINDS.get(part.kind, part.kind), part.does, part.columns or (), part.key
    )
    return made if behind is None else _answered(made, behind)


def _leavable(step: ModelStep, placed: Placed) -> ModelStep:
    """A step that can be left out: it gives the columns that it takes, scaled."""
    number = sum(made for made, _ in placed.after)
    if placed.part.kind != "transformer" or number != len(placed.take):
        return step
    return replace(step, left_out=partial(left_out, placed.part))


def _before_step(part: Part) -> ModelStep:
    made = _step(part)
    return replace(made, kind="columns") if part.kind == "names" else made


_KINDS = {"names": "classes"}


def _model_step(part: Part, loaded: LoadedModel) -> ModelStep:
    made = ModelStep(part.path, "model", _described(part, loaded), (), part.key)
    return _answered(made, loaded)


def _described(part: Part, loaded: LoadedModel) -> str:
    if part.value is not None and not isinstance(part.value, KerasFile):
        return part.does
    return f"{loaded.framework.partition(' ')[0]} model of {loaded.parameters:,} numbers"


def _answered(step: ModelStep, loaded: LoadedModel) -> ModelStep:
    """A step whose numbers are the first output of a model."""
    name = loaded.spec.outputs[-1].name

    def original(arrays: Arrays, rows: Sequence[Mapping[str, Any]]) -> Array:
        return np.asarray(loaded.ask(arrays, rows)[name])

    def lowered(arrays: Arrays) -> Array:
        import tensorflow as tf

        found = loaded.function({key: tf.constant(value) for key, value in arrays.items()})
        return np.asarray(found[name])

    return replace(step, original=original, lowered=lowered)


def _front_steps(
    before: Sequence[Part], layout: Layout, lowered: LoweredFront, marks: Marks
) -> tuple[ModelStep, ...]:
    """The steps before a model, each with what it gives in the original and in the graph."""

    def made(n: int) -> ModelStep:
        count, places = marks[n]
        own = transformer_of(layout.placed[: n + 1])

        def original(arrays: Arrays, rows: Sequence[Mapping[str, Any]]) -> Array:
            return _dense(own(as_given(lowered.frame, arrays[sklearn.INPUT], True, rows)))

        def graph(arrays: Arrays) -> Array:
            return lowered.until(arrays[sklearn.INPUT], count)[:, list(places)]

        step = _leavable(_before_step(before[n]), layout.placed[n])
        return replace(step, original=original, lowered=graph)

    return tuple(made(n) for n in range(len(before)))


def _width(lowered: LoweredFront) -> int:
    import tensorflow as tf

    return int(lowered.function(tf.zeros([1, lowered.frame.width])).shape[1])


def _dense(values: Any) -> Array:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, np.float64)


def _order_note(layout: Layout) -> tuple[str, ...]:
    if not layout.unsure:
        return ()
    return (
        f"nothing says in which order the columns go on; taken: {', '.join(layout.names[:12])} "
        f"(if that is not that of training, put a list of the columns before the model, or give "
        f"data with a header, {option('reference')})",
    )
