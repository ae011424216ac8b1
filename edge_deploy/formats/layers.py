"""The layers of a converted float32 file, by the names that the model's author gave them.

A converter leaves the layer in the names of tensors and nodes (``digits_mlp_1/hidden_1_1/Relu``).
A layer here is what can be kept in float by name, with its operators.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_deploy.core.errors import wrong_option
from edge_deploy.core.messages import did_you_mean, option

AUTO = "auto"
"""``keep_float``: find the layers by measuring."""

# Operators that hold a layer's weights: of a fused name, the part that ends in one is the layer's.
_WEIGHTED = re.compile(
    r"(Conv\w*|MatMul\w*|depthwise\w*|conv\w*_transpose\w*|Tensordot\w*|Gather\w*|einsum\w*)$"
)
# Scopes within a layer, of TensorFlow's own functions.
_WITHIN = re.compile(
    r"((einsum|moments|Gelu|(Stateful)?PartitionedCall|while|batchnorm|zeros|MatMul|BiasAdd|Conv2D|Tensordot"
    r"|ReadVariableOp|Reshape)\w*|Add|Cast|truediv)$"
)
_NUMBERED = re.compile(r"_\d+$")
_NAMED = 3  # layers that advice names


@dataclass(frozen=True)
class Layer:
    """A layer and what of the file belongs to it.

    Attributes:
        name: As a user says it: the last part of ``path`` where that is unique.
        path: All scopes that it is in, joined by ``/``.
        operators: Names of its operators, in order: in TFLite those of their results joined by
            ``;``, in other formats those of nodes.
        weighted: Whether it holds weights.
        also: Paths of layers that were fused into its operators.
        takes: Paths of the layers whose results it takes.
    """

    name: str
    path: str
    operators: tuple[str, ...]
    weighted: bool
    also: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    def answers_to(self, text: str) -> bool:
        """Whether it is meant by a name: its own, a part of its path, a layer fused into it."""
        wanted = f"/{text.strip('/')}/"
        return text == self.name or any(wanted in f"/{path}/" for path in (self.path, *self.also))


@dataclass(frozen=True)
class Operator:
    """An operator as a file names it.

    Attributes:
        id: What names it in its format.
        label: The name that tells its layer; empty where it tells none.
        weights: Names of the constants that it takes.
        before: Ids of the operators whose results it takes.
    """

    id: str
    label: str
    weights: tuple[str, ...]
    before: tuple[str, ...]


def choose(layers: Sequence[Layer], names: Sequence[str], what: str) -> tuple[Layer, ...]:
    """The layers of these names.

    Args:
        layers: All that a file has.
        names: As the user gave them.
        what: Of which file, for the message.

    Raises:
        UsageError: There is no such layer; all are listed.
    """
    chosen: dict[str, Layer] = {}
    for name in names:
        found = [layer for layer in layers if layer.name == name]
        found = found or [layer for layer in layers if layer.answers_to(name)]
        if not found:
            known = [layer.name for layer in layers]
            raise wrong_option(
                "keep_float",
                name,
                f"{what} has no such layer.{did_you_mean(name, known)} Its layers are "
                f"{', '.join(known)}.",
            )
        chosen |= {layer.path: layer for layer in found}
    return tuple(layer for layer in layers if layer.path in chosen)


def group(operators: Sequence[Operator]) -> tuple[Layer, ...]:
    """Operators by the layer that their names tell.

    An operator that tells none (its name is that of the model's output) belongs to the layer of
    its weights, else to the one whose result it takes.
    """
    paths = {op.id: _paths(op) for op in operators}
    shorten = _shortener(
        [path for found in paths.values() for path in found],
        [paths[op.id][0] for op in operators if op.weights and paths[op.id]],
    )
    owner: dict[str, str] = {}
    members: dict[str, list[Operator]] = {}
    fused: dict[str, list[str]] = {}
    for op in operators:
        own = [shorten(path) for path in paths[op.id]]
        before = [owner[name] for name in op.before if name in owner]
        layer = own[0] if own else before[0] if before and not op.weights else op.id
        owner[op.id] = layer
        members.setdefault(layer, []).append(op)
        fused.setdefault(layer, []).extend(own[1:])
    short = _unique(list(members))
    return tuple(
        Layer(
            name=short[path],
            path=path,
            operators=tuple(op.id for op in found),
            weighted=any(op.weights for op in found),
            also=tuple(sorted(set(fused[path]) - set(members))),
            takes=tuple(sorted({owner.get(b, "") for op in found for b in op.before} - {path, ""})),
        )
        for path, found in members.items()
    )


def _paths(op: Operator) -> list[str]:
    """The scopes in an operator's name, the layer's own first."""
    for label in (op.label, *op.weights):
        parts = [part.split("/") for part in label.split(";") if "/" in part]
        if parts:
            parts.sort(key=lambda part: not _WEIGHTED.match(part[-1].split(":")[0]))
            return list(dict.fromkeys("/".join(_outer(part[:-1])) for part in parts))
    return []


def _outer(scopes: list[str]) -> list[str]:
    for n, scope in enumerate(scopes):
        if n and _WITHIN.match(scope):
            return scopes[:n]
    return scopes


def _shortener(paths: Sequence[str], weighted: Sequence[str]) -> Callable[[str], str]:
    """Drop the model's own scope, and the numbers that Keras 3 adds to names of layers.

    It names a layer of a model that is called anew ``dense_1``, of one called ``dense_1`` itself
    ``dense_1_2``, and the model's own scope with a number too.
    """
    below = [path for path in set(paths) if "/" in path]
    if len({path.split("/")[0] for path in paths}) != 1 or not below:
        return lambda path: path
    numbered = all(_NUMBERED.search(part) for path in weighted for part in path.split("/"))

    def shorten(path: str) -> str:
        parts = path.split("/")[1:] or [path]
        return "/".join(_NUMBERED.sub("", part) for part in parts) if numbered else "/".join(parts)

    return shorten


def _unique(paths: Sequence[str]) -> dict[str, str]:
    """For each path the shortest end of it that no other has."""
    names = {}
    for path in paths:
        parts = path.split("/")
        ends = ["/".join(parts[-n:]) for n in range(1, len(parts) + 1)]
        others = [f"/{other}" for other in paths if other != path]
        names[path] = next((e for e in ends if not any(o.endswith(f"/{e}") for o in others)), path)
    return names


@dataclass(frozen=True)
class LayerError:
    """How far the result of one layer of a compressed file is from the float file's.

    Attributes:
        name: As ``keep_float`` takes it.
        before: The error of what it takes, root mean square, as a share of the float values'.
        after: The same of what it gives.
    """

    name: str
    before: float
    after: float


def worst(errors: Sequence[LayerError]) -> list[LayerError]:
    """By what each adds to the error of what it takes, the largest first."""
    return sorted(errors, key=lambda error: error.before - error.after)


def advise(precision: str, errors: Sequence[LayerError], weighted: Sequence[str]) -> str | None:
    """The layers that break a file, in words; None where none stands out.

    Args:
        precision: Of the file.
        errors: As measured.
        weighted: Names of the layers that hold weights: keeping others in float gains nothing.
    """
    found = [e for e in worst(errors) if e.after > max(e.before, 0.01) and e.name in weighted]
    if not found:
        return None
    chosen = found[:_NAMED]
    said = ", ".join(
        f"{e.name} (its result is off by {e.after:.0%}, what it takes by {e.before:.0%})"
        for e in chosen
    )
    names = [e.name for e in chosen]
    return (
        f"{precision} loses most in {said}. Keep them in float with {option('keep_float', names)}, "
        f"or let {option('keep_float', AUTO)} find the fewest."
    )
