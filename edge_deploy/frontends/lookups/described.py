"""The ends of a TensorFlow model: what it takes and gives, and who is asked for answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_deploy.core.graph import describe_outputs, freeze, without_randomness
from edge_deploy.core.spec import Function, LoadedModel, ModelSpec, TensorSpec
from edge_deploy.frontends.lookups.moving import move
from edge_deploy.frontends.lookups.opened import rewritten
from edge_deploy.frontends.tracing import predictor


@dataclass(frozen=True, eq=False)
class Original:
    """A model that was read, before anything of it is moved.

    Attributes:
        function: The model as a function of its own inputs.
        inputs: These.
        kind: As LoadedModel has it; the following, too.
        framework: The library that runs the original.
        parameters: How many numbers it holds.
        trackables: What must stay alive.
        notes: On how the file was read.
        plain: The same function in plainer operators.
    """

    function: Function
    inputs: tuple[TensorSpec, ...]
    kind: str
    framework: str
    parameters: int
    trackables: tuple[Any, ...]
    notes: tuple[str, ...]
    plain: Function | None = None


def described(model: Original, deterministic: bool) -> LoadedModel:
    """A model of named tensors as a LoadedModel, its look-ups moved to the edge.

    Args:
        model: As it was read.
        deterministic: Whether random numbers become their means.

    Raises:
        ConversionError: It keeps state, is random, or looks up what cannot be moved.
        SourceError: TensorFlow cannot trace it.
    """
    original, inputs, plain = model.function, model.inputs, model.plain
    moved = move(original, inputs, deterministic, plain)
    if moved is None:
        asked = without_randomness(original, inputs) if deterministic else original
        function = rewritten(original, inputs, deterministic) or asked
        if plain is not None and deterministic:
            plain = without_randomness(plain, inputs)
        outputs = describe_outputs(freeze(function, inputs))
        return LoadedModel(
            spec=ModelSpec(inputs, outputs),
            kind=model.kind,
            framework=model.framework,
            parameters=model.parameters,
            predict=predictor(asked, inputs, outputs),
            function=function,
            plain=plain,
            trackables=model.trackables,
            notes=model.notes,
        )
    outputs = describe_outputs(freeze(moved.function, (moved.spec,)))
    answers = predictor(original, inputs, outputs)
    lowered = predictor(moved.function, (moved.spec,), outputs)
    # No ids tell the text; and a random original answers otherwise each time.
    random = deterministic and freeze(original, inputs, means=True).random
    cut = random or any(column.tokens is not None for column in moved.columns)
    return LoadedModel(
        spec=ModelSpec((moved.spec,), outputs),
        kind=model.kind,
        framework=model.framework,
        parameters=model.parameters,
        predict=lowered if cut else lambda arrays: answers(moved.original(arrays)),
        function=moved.function,
        plain=moved.plain,
        trackables=model.trackables,
        notes=(*model.notes, *moved.notes),
        features=moved.features,
        typical=moved.typical,
        predict_rows=None if random else lambda arrays, rows: answers(moved.original(arrays, rows)),
    )
