"""The part of a graph that only an app can compute: texts, look-up tables, sparse rows.

Whatever takes or gives a text is at the edge, and so is what lies between two such operators.
Where it ends there are numbers again: those tensors are what the graph is given in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

# Of rows whose number depends on the values: nothing that a phone or a browser could hold.
_SPARSE = ("Sparse", "Ragged", "Unique", "DenseToSparse")
_ALSO = frozenset(
    {
        *("Where", "DenseBincount", "Bincount", "LookupTableFind", "LookupTableFindV2"),
        *("LookupTableSize", "LookupTableSizeV2"),
    }
)
_TABLES = ("LookupTableFind", "LookupTableFindV2")
# Hand a text on as it is, though perhaps in another place.
_LAYOUT = frozenset(
    {
        *("Identity", "IdentityN", "Reshape", "ExpandDims", "Squeeze", "StopGradient", "Snapshot"),
        *("StridedSlice", "Slice", "Split", "SplitV", "Unpack", "Pack", "ConcatV2", "GatherNd"),
        *("GatherV2", "Transpose", "PlaceholderWithDefault"),
    }
)
# What any word does alike that no table has and that is compared with nothing.
_UNIFORM = _LAYOUT | {"Equal", "NotEqual", "Shape", "ShapeN", "Size", "Rank", *_TABLES}
_CUTS = ("StringSplit", "StringSplitV2", "UnicodeDecode", "UnicodeDecodeWithOffsets")
_OF_SHAPE = frozenset({"Shape", "ShapeN", "Size", "Rank"})


@dataclass(frozen=True, eq=False)
class Region:
    """What is at the edge of one graph.

    Attributes:
        nodes: The operators there.
        frontier: Tensors of numbers that leave it, each with the batch axis first.
        shapes: The same of what only counts rows and columns.
    """

    nodes: frozenset[Any]
    frontier: tuple[Any, ...]
    shapes: tuple[Any, ...]


def needs_edge(op: Any) -> bool:
    """Whether an operator works on texts, on tables or on rows of any number."""
    if op.type in ("Placeholder", "Const", "NoOp", "Assert"):
        return False
    if op.type in _ALSO or op.type.startswith(_SPARSE):
        return True
    return any(t.dtype.name == "string" for t in (*op.inputs, *op.outputs))


def region(graph: Any, inputs: Iterable[Any], outputs: Iterable[Any]) -> Region:
    """Find what is at the edge.

    Args:
        graph: The whole graph.
        inputs: Its placeholders.
        outputs: Its ends.
    """
    used = above(outputs)
    dependent = below(inputs, used)
    order = [op for op in graph.get_operations() if op in dependent]
    nodes = {op for op in order if needs_edge(op)}
    counting = _of_shapes(order, inputs)
    for _ in range(len(order)):  # each pass takes one more; it ends long before
        nodes |= _between(order, nodes)
        # The shapes of sparse rows are of use to what makes them whole, and to nothing else.
        sparse = any(op.type.startswith(_SPARSE) for op in nodes)
        grown = {
            user
            for tensor in _leaving(order, nodes, outputs)
            if not _is_whole(tensor) or (sparse and tensor.op in counting)
            for user in _users(tensor)
            if user in dependent
        }
        if grown <= nodes:
            break
        nodes |= grown
    ends = _leaving(order, nodes, outputs)
    return Region(
        frozenset(nodes),
        tuple(t for t in ends if t.op not in counting),
        tuple(t for t in ends if t.op in counting),
    )


def above(tensors: Iterable[Any]) -> set[Any]:
    """The operators that tensors are computed by."""
    found: set[Any] = set()
    waiting = [tensor.op for tensor in tensors]
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += [one.op for one in op.inputs]
    return found


def below(tensors: Iterable[Any], among: Collection[Any]) -> set[Any]:
    """The operators that depend on tensors."""
    found: set[Any] = set()
    waiting = [op for tensor in tensors for op in tensor.consumers()]
    while waiting:
        op = waiting.pop()
        if op not in found and op in among:
            found.add(op)
            waiting += [user for out in op.outputs for user in out.consumers()]
    return found


def _between(order: Sequence[Any], nodes: set[Any]) -> set[Any]:
    """What stands before an operator at the edge."""
    lead = set(nodes)
    for op in reversed(order):
        if any(user in lead for out in op.outputs for user in out.consumers()):
            lead.add(op)
    return lead


def _leaving(order: Sequence[Any], nodes: set[Any], outputs: Iterable[Any]) -> list[Any]:
    ends = {tensor.name for tensor in outputs}
    return [
        out
        for op in order
        if op in nodes
        for out in op.outputs
        if out.name in ends or any(user not in nodes for user in _users(out))
    ]


def _users(tensor: Any) -> list[Any]:
    return [user for user in tensor.consumers() if user.type not in ("Assert", "NoOp")]


def _is_whole(tensor: Any) -> bool:
    """Whether a tensor is of numbers with a row a sample and a known shape otherwise."""
    if tensor.dtype.name in ("string", "variant", "resource") or tensor.shape.rank is None:
        return False
    return None not in tensor.shape.as_list()[1:]


def _of_shapes(order: Sequence[Any], inputs: Iterable[Any]) -> set[Any]:
    """The operators that see no value of the inputs, but how many there are."""
    valued = {tensor.name for tensor in inputs}
    for op in order:
        if op.type not in _OF_SHAPE and any(one.name in valued for one in op.inputs):
            valued |= {out.name for out in op.outputs}
    return {op for op in order if not any(out.name in valued for out in op.outputs)}


def strange_alike(tensor: Any, nodes: Collection[Any]) -> bool:
    """Whether all words that no table knows are the same to the edge.

    Not so where a word is hashed, cut or changed before it is looked up.
    """
    waiting, seen = [tensor], set()
    while waiting:
        one = waiting.pop()
        for user in one.consumers():
            if user not in nodes or user in seen:
                continue
            seen.add(user)
            cast = user.type == "Cast" and all(t.dtype.is_integer for t in user.outputs)
            if user.type not in _UNIFORM and not cast:
                return False
            if user.type in _LAYOUT or cast:
                waiting += user.outputs
    return True


def cuts_texts(tensor: Any, nodes: Collection[Any]) -> bool:
    """Whether what is typed into an input is cut into words."""
    return any(op.type in _CUTS for op in below([tensor], nodes))


def finds(tensor: Any, nodes: Collection[Any]) -> list[Any]:
    """The look-ups that an input goes into."""
    return [op for op in below([tensor], nodes) if op.type in _TABLES]


def compared(tensor: Any, nodes: Collection[Any]) -> list[Any]:
    """Constants that an input is compared with."""
    return [
        other
        for op in below([tensor], nodes)
        if op.type in ("Equal", "NotEqual")
        for other in op.inputs
        if other.op.type == "Const" and other.dtype.name == "string"
    ]
