"""skops files (``.skops``): a scikit-learn model as a zip of arrays and a schema, without code.

skops trusts types and not what they hold: a state with ``__array_interface__`` made numpy read
any address, and a tree's children lead anywhere. So the schema is read into the same inert
records as a pickle (safe_pickle/records.py), and goes through the same walls.
"""

from __future__ import annotations

import io
import json
import math
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.bounds import Budget, check_file, open_zip, read_member
from edge_deploy.core.dependencies import pip_install
from edge_deploy.core.errors import (
    ConversionError,
    MissingDependencyError,
    SourceError,
    UntrustedError,
)
from edge_deploy.core.messages import first_line, option, size_text
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.safe_pickle import arrays, compiled
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import BUILDERS, LISTED, normal
from edge_deploy.frontends.sklearn.safe_pickle.builder import build
from edge_deploy.frontends.sklearn.safe_pickle.loader import inflated_bound
from edge_deploy.frontends.sklearn.safe_pickle.makers import resolve
from edge_deploy.frontends.sklearn.safe_pickle.records import (
    Call,
    Contents,
    Items,
    Malformed,
    Named,
    Pairs,
    Ready,
)

_SHOWN = 8
_CHECKS_NUMBERS = ("sklearn.utils.validation", "check_array")  # in HistGradientBoosting
_PARTIAL = ("functools", "partial")
_NUMBERS = {"int": int, "float": float, "bool": bool, "str": str}


def is_skops(path: Path) -> bool:
    """Whether a file is a zip with skops' schema in it."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "schema.json" in archive.namelist()


def load_skops(path: Path, *, trust: bool = False) -> tuple[Any, tuple[str, ...]]:
    """Read a ``.skops`` file.

    Args:
        path: The file.
        trust: Build types that are not on the list too, and so run their code.

    Returns:
        The object, and notes on how it was read.

    Raises:
        UntrustedError: It names types that are not on the list; nothing of it was built.
        MissingDependencyError: It is to be trusted, and skops is not installed.
        SourceError: It is damaged, or of a version that cannot be read here.
    """
    found = Contents()
    try:
        found = _read(path, found)
        unknown = [
            name
            for name in dict.fromkeys(found.names)
            if name not in LISTED or name in found.called - BUILDERS
        ]
        named = [*(".".join(name) for name in unknown if name != _PARTIAL), *found.tricks]
        if named:
            raise UntrustedError(_refusal(path, named))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions: what matters is said when it fails
            return build(found, [_PARTIAL]), ()
    except UntrustedError as error:
        said = str(error)
        if not trust:
            own = said.startswith(str(path))
            raise UntrustedError(said if own else _refusal(path, [said])) from error
    except (ConversionError, SourceError):
        raise
    except Exception as error:
        # A damaged archive, or another version's state, raises anything.
        raise SourceError(
            f"{path}: this .skops file cannot be read here ({type(error).__name__}: "
            f"{first_line(error)}). Dump it again with today's versions of scikit-learn and skops."
        ) from error
    return _trusted(path)


def _refusal(path: Path, named: list[str]) -> str:
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return (
        f"{path}: reading it would build types that are not on the list of what a "
        f"scikit-learn model needs: {', '.join(named[:_SHOWN])}{more}. Nothing was run. "
        f"If you trust its author, add {option('trust_pickle', True)}; else ask for the "
        "fitted scikit-learn model alone."
    )


def _trusted(path: Path) -> tuple[Any, tuple[str, ...]]:
    try:
        from skops import io as skops
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{path}: to trust a .skops file needs the package skops: {pip_install('skops')}"
        ) from error
    try:
        types = skops.get_untrusted_types(file=path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = skops.load(path, trusted=types)
    except Exception as error:
        # The file's own code ran.
        raise SourceError(
            f"{path}: this .skops file cannot be read here ({type(error).__name__}: "
            f"{first_line(error)}). Dump it again with today's versions of scikit-learn and skops."
        ) from error
    known = {".".join(name) for name in LISTED}
    unknown = [name for name in types if name not in known]
    flag = option("trust_pickle", True)
    return model, (f"types from the file were trusted ({flag}): {', '.join(unknown)}",)


def _read(path: Path, found: Contents) -> Contents:
    found.size = check_file(path, SourceError).st_size
    bound = inflated_bound(found.size)
    with open_zip(path, SourceError) as archive:
        # No member gives more than it claims.
        if sum(one.file_size for one in archive.infolist()) > bound:
            raise SourceError(
                f"{path}: its {size_text(found.size)} inflate to more than {size_text(bound)}, and "
                "no more is read. Dump the model again without compression."
            )
        budget = Budget(path, SourceError)
        schema = json.loads(read_member(archive, "schema.json", budget))
        found.root = _Schema(archive, found, budget).record(schema)
    return found


class _Schema:
    """Reads skops' nodes as records.

    Args:
        archive: The file, for what lies beside the schema.
        found: Where the names are noted.
        budget: How much may still be inflated.
    """

    def __init__(self, archive: zipfile.ZipFile, found: Contents, budget: Budget) -> None:
        self.archive, self.found, self.budget = archive, found, budget
        self.memo: dict[Any, Any] = {}

    def record(self, node: dict[str, Any]) -> Any:
        """The record of a node; one that was read before is the same record."""
        known = node.get("__id__")
        if known is not None and known in self.memo:
            return self.memo[known]
        made = self.new(node)
        if isinstance(known, int):
            self.memo[known] = made
        return made

    def new(self, node: dict[str, Any]) -> Any:
        loader = str(node["__loader__"])
        if loader == "JsonNode":
            value = json.loads(node["content"])
            if isinstance(value, (dict, list)):
                raise Malformed("a value that is none")
            return value
        if (read := _NODES.get(loader)) is None:
            raise UntrustedError(f"{_spelled(node)} ({loader})")
        return read(self, node)

    def many(self, nodes: Any) -> list[Any]:
        return [self.record(node) for node in nodes]

    def named(self, module: str, name: str) -> Named:
        wanted = normal(str(module), str(name))
        self.found.names.append(wanted)
        return Named(wanted)

    def kind(self, node: dict[str, Any]) -> Named:
        return self.named(node["__module__"], node["__class__"])

    def call(self, function: Named, arguments: tuple[Any, ...] = (), *state: Any) -> Call:
        self.found.called.add(function.name)
        return Call(function, arguments, state=state)

    def bytes(self, node: dict[str, Any]) -> bytes:
        return read_member(self.archive, str(node["file"]), self.budget)

    def pairs(self, node: dict[str, Any]) -> list[tuple[Any, Any]]:
        kinds = [str(one["__class__"]) for one in node["key_types"]["content"]]
        content = node["content"].items()
        return [
            (_key(kind, key), self.record(value))
            for kind, (key, value) in zip(kinds, content, strict=True)
        ]


def _spelled(node: dict[str, Any]) -> str:
    return f"{node.get('__module__')}.{node.get('__class__')}"


def _key(kind: str, key: str) -> Any:
    make: Callable[[str], Any] = _NUMBERS.get(kind.rstrip("_0123456789").lstrip("u"), str)
    return None if kind == "NoneType" else make(key)


def _dict(schema: _Schema, node: dict[str, Any]) -> Any:
    pairs = schema.pairs(node)
    if _spelled(node) == "builtins.dict":
        return Pairs(pairs)
    made = schema.call(schema.kind(node))
    made.pairs = pairs
    return made


def _with_default(schema: _Schema, node: dict[str, Any]) -> Call:
    content = node["content"]
    factory = schema.record(content["default_factory"])
    made = schema.call(schema.named("collections", "defaultdict"), (factory,))
    made.pairs = schema.pairs(content["main"])
    return made


def _list(schema: _Schema, node: dict[str, Any]) -> list[Any]:
    return schema.many(node["content"])


def _set(schema: _Schema, node: dict[str, Any]) -> Items:
    return Items(schema.many(node["content"]), node["__class__"] == "frozenset")


def _tuple(schema: _Schema, node: dict[str, Any]) -> Any:
    values = tuple(schema.many(node["content"]))
    if _spelled(node) == "builtins.tuple":
        return values
    return schema.call(schema.kind(node), values)


def _bytes(schema: _Schema, node: dict[str, Any]) -> Any:
    data = schema.bytes(node)
    return bytearray(data) if node["__loader__"] == "BytearrayNode" else data


def _slice(schema: _Schema, node: dict[str, Any]) -> Call:
    ends = tuple(node["content"][end] for end in ("start", "stop", "step"))
    return schema.call(schema.named("builtins", "slice"), ends)


def _global(schema: _Schema, node: dict[str, Any]) -> Named:
    if "content" in node:  # of protocol 0
        return schema.named(node["content"]["module_path"], node["content"]["function"])
    return schema.kind(node)


def _partial(schema: _Schema, node: dict[str, Any]) -> Call:
    """What HistGradientBoosting checks numbers with; a stand-in takes the place of it."""
    function = schema.record(node["content"]["func"])
    if not isinstance(function, Named) or function.name != _CHECKS_NUMBERS:
        raise UntrustedError("functools.partial")
    return schema.call(schema.named(*_PARTIAL))


def _object(schema: _Schema, node: dict[str, Any]) -> Call:
    kind = schema.kind(node)
    state = () if node.get("content") is None else (schema.record(node["content"]),)
    home = kind.name[0]
    if home == "sklearn.metrics._dist_metrics" or home in _SEARCH_TREES:
        return schema.call(schema.named(home, "newObj"), (kind,), *state)
    return schema.call(kind, (), *state)


def _from_arguments(schema: _Schema, node: dict[str, Any]) -> Call:
    arguments = schema.record(node["content"])
    return schema.call(schema.kind(node), arguments if isinstance(arguments, tuple) else ())


def _reduced(schema: _Schema, node: dict[str, Any]) -> Call:
    """A tree or a loss: what it is constructed with, and its state."""
    kind, arguments = schema.kind(node), schema.record(node["__reduce__"]["args"])
    if not isinstance(arguments, tuple):
        raise Malformed("a call without arguments")
    if node["__loader__"] == "LossNode":
        return schema.call(kind, arguments)
    return schema.call(kind, arguments, schema.record(node["content"]))


def _array(schema: _Schema, node: dict[str, Any]) -> Any:
    if node["type"] == "json":
        return _objects(schema, node)
    made = _npy(schema.bytes(node))
    home, name = str(node["__module__"]), str(node["__class__"])
    if (home, name) in (("numpy", "ndarray"), ("numpy", "memmap")):
        return Ready(made)
    if (home, name) == ("numpy", "matrix"):
        return Ready(made.view(np.matrix))
    schema.kind(node)
    return Ready(made[()])


def _objects(schema: _Schema, node: dict[str, Any]) -> Call:
    """An array of objects, whose content is lists in lists, one an axis."""
    shape = schema.record(node["shape"])
    items = node["content"] if isinstance(node["content"], list) else [node]
    for _ in range(len(arrays.check_shape(shape)) - 1):
        items = [part for item in items for part in item["content"]]
    if math.prod(shape) != len(items):
        raise Malformed("an array of objects that are not there")
    kind = Named(("builtins", "object"))
    array = schema.named("numpy", "ndarray")
    made = schema.named("numpy._core.multiarray", "_reconstruct")
    return schema.call(
        made, (array, (0,), b"b"), (1, tuple(shape), kind, False, schema.many(items))
    )


def _npy(data: bytes) -> Array:
    """numpy's ``.npy`` format, whose header claims a shape that the bytes have to bear out."""
    stream = io.BytesIO(data)
    form: Any = np.lib.format
    version = form.read_magic(stream)
    read = {
        (1, 0): form.read_array_header_1_0,
        (2, 0): form.read_array_header_2_0,
    }
    shape, fortran, dtype = read[version](stream)
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise Malformed("an array of objects")
    return arrays.array(stream.read(), dtype, shape, fortran=fortran)


def _masked(schema: _Schema, node: dict[str, Any]) -> Ready:
    numbers = schema.record(node["content"]["data"])
    mask = schema.record(node["content"]["mask"])
    mask = mask.value if isinstance(mask, Ready) else mask
    if not isinstance(numbers, Ready) or not isinstance(mask, (bool, np.bool_, np.ndarray)):
        raise Malformed("a masked array that is none")
    return Ready(compiled.masked(numbers.value, mask))


def _dtype(schema: _Schema, node: dict[str, Any]) -> Any:
    content = schema.record(node["content"])
    return Ready(content.value.dtype if isinstance(content, Ready) else np.dtype(object))


def _random_state(schema: _Schema, node: dict[str, Any]) -> Call:
    maker = schema.named("numpy.random._pickle", "__randomstate_ctor")
    return schema.call(maker, (), schema.record(node["content"]))


def _generator(schema: _Schema, node: dict[str, Any]) -> Call:
    state = schema.record(node["content"]["bit_generator"])
    if not isinstance(state, Pairs):
        raise Malformed("a random generator without a state")
    names = [value for key, value in state.pairs if key == "bit_generator"]
    maker = schema.named("numpy.random._pickle", "__generator_ctor")
    return schema.call(maker, (str(names[0]),), state)


def _sparse(schema: _Schema, node: dict[str, Any]) -> Ready:
    """scipy's ``save_npz``: a zip of arrays in the zip."""
    kind = schema.kind(node).name
    if kind not in BUILDERS or not kind[0].startswith("scipy.sparse."):
        raise UntrustedError(".".join(kind))
    data = schema.bytes(node)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {
            name.removesuffix(".npy"): _npy(read_member(archive, name, schema.budget))
            for name in archive.namelist()
        }
    state: dict[str, Any] = {**parts, "_shape": tuple(map(int, parts["shape"]))}
    return Ready(compiled.sparse(resolve(kind), state))


_SEARCH_TREES = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
_NODES: dict[str, Callable[[_Schema, dict[str, Any]], Any]] = {
    "BytearrayNode": _bytes,
    "BytesNode": _bytes,
    "ConstructorFromReduceNode": _from_arguments,
    "DTypeNode": _dtype,
    "DefaultDictNode": _with_default,
    "DictNode": _dict,
    "FunctionNode": _global,
    "ListNode": _list,
    "LossNode": _reduced,
    "MaskedArrayNode": _masked,
    "NdArrayNode": _array,
    "ObjectNode": _object,
    "PartialNode": _partial,
    "RandomGeneratorNode": _generator,
    "RandomStateNode": _random_state,
    "SetNode": _set,
    "SliceNode": _slice,
    "SparseMatrixNode": _sparse,
    "TreeNode": _reduced,
    "TupleNode": _tuple,
    "TypeNode": _global,
}
"""How the nodes of skops are read; those of methods and operators are not."""
