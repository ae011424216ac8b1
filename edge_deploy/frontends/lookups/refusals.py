"""What of a model's look-ups cannot be moved, in words: the layer, why, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from edge_deploy.core import randomness
from edge_deploy.core.errors import ConversionError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import TensorSpec
from edge_deploy.frontends.lookups import regions
from edge_deploy.frontends.lookups.columns import Column

_HASHES = ("StringToHashBucketFast", "StringToHashBucketStrong", "StringToHashBucket")
_MOVE = (
    "Leave that step to the app, and save the model from the numbers on: "
    "keras.Model(the layer's output, model.output)."
)


def check_inputs(inputs: Sequence[TensorSpec]) -> None:
    """Refuse what a row of columns cannot hold beside words.

    Raises:
        ConversionError: Names the input.
    """
    for spec in inputs:
        if None in spec.shape[1:]:
            raise ConversionError(
                f"The input {spec.name!r} takes any number of values ({spec.shape}) of dtype "
                f"{spec.dtype}. Say how many there are with "
                f"{option('input_shapes', {spec.name: (1, 10)})}."
            )
        if len(spec.shape) not in (1, 2):
            raise ConversionError(
                f"The model looks words up, and its input {spec.name!r} is of shape {spec.shape}: "
                "no column of a table. " + _MOVE
            )


def check_outputs(outputs: Mapping[str, str], tensors: Sequence[Any]) -> None:
    """Refuse texts as answers.

    Raises:
        ConversionError: Names the layer.
    """
    for name, tensor in zip(outputs, tensors, strict=True):
        if tensor.dtype.name == "string":
            raise ConversionError(
                f"The output {name!r} is a text ({_layer(tensor.op)}), which phones and browsers "
                "cannot hold. Save the model up to the numbers, and give the words with "
                f"{option('labels')}."
            )


def text(column: Column, placeholder: Any, nodes: Collection[Any]) -> ConversionError:
    """Of an input that is cut into words in a way that apps cannot follow."""
    return ConversionError(
        f"The input {column.name!r} is a text, which {_named(placeholder, nodes)} cuts into "
        "words in a way that apps cannot follow. They can where TextVectorization has an "
        "output_sequence_length, or counts, and cuts at blanks or a separator after taking single "
        f"characters out. {_MOVE}"
    )


def no_words(column: Column, placeholder: Any, nodes: Collection[Any]) -> ConversionError:
    """Of an input whose words no table knows."""
    below = regions.below([placeholder], nodes)
    hashing = next((op for op in below if op.type in _HASHES), None)
    if hashing is not None:
        return ConversionError(
            f"The layer {_layer(hashing)!r} hashes whatever the input {column.name!r} holds, so "
            "the model knows no words that an app could list. Train it with StringLookup(vocabulary"
            f"=...) in place of Hashing; or: {_MOVE}"
        )
    return ConversionError(
        f"The input {column.name!r} is of dtype {column.source.dtype}, and no table of the model "
        f"lists what it may hold ({_named(placeholder, nodes)}). {_MOVE}"
    )


def entangled(nodes: Collection[Any], columns: Sequence[Column]) -> ConversionError:
    """Of words that decide together, too many for a table."""
    names = " and ".join(repr(column.name) for column in columns)
    sizes = " x ".join(f"{len(column.values):,}" for column in columns)
    layers = ", ".join(sorted({_layer(op) for op in nodes})[:3])
    return ConversionError(
        f"The model looks up {names} together ({sizes} values, in {layers}), more than a table "
        f"in the graph can hold. {_MOVE}"
    )


def silent(columns: Sequence[Column]) -> ConversionError:
    """Of a model that does not even answer its own words."""
    names = ", ".join(column.name for column in columns if column.words is not None)
    return ConversionError(
        f"The model does not answer a row of the words that it looks up ({names}). Ask it once in "
        "Python, and save it again."
    )


def counting(op: Any) -> ConversionError:
    """Of a number that depends on the rows in a way of its own."""
    return ConversionError(
        f"The layer {_layer(op)!r} counts its texts in a way that apps cannot follow. {_MOVE}"
    )


def _named(placeholder: Any, nodes: Collection[Any]) -> str:
    below = regions.below([placeholder], nodes)
    layers = sorted({_layer(op) for op in below if regions.needs_edge(op)})
    return f"the layer {layers[0]!r}" if layers else "the model"


def _layer(op: Any) -> str:
    return randomness.layer_of(op)
