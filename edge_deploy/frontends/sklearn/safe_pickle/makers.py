"""What is no plain object with attributes, each kind of it made by a function of its own.

Arrays and random states of numpy, containers and numbers of Python, and what scikit-learn and SciPy
compile: from the arguments and states in the file, which are checked, and by no call that it names.
"""

from __future__ import annotations

import importlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Generator, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.frontends.sklearn.safe_pickle import arrays, compiled
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import BUILDERS, Global
from edge_deploy.frontends.sklearn.safe_pickle.records import Call, Items, Named, Pairs, dtype_of

Making = Generator[Any, Any, Any]
"""A generator that asks for the records it needs, is sent their objects, and returns its own."""


class Builder(Protocol):
    """What a maker needs of the builder that runs it."""

    def pairs(self, record: Any, pairs: Sequence[tuple[Any, Any]], made: Any) -> Making:
        """Put pairs into a dict that was made for a record."""


_MOST_RANGE = 1_000_000
_ENCODINGS = ("latin1", "latin-1", "ascii", "utf-8", "utf8")
_MADE_BY_DEFAULT: dict[str, Any] = {
    **{kind.__name__: kind for kind in (list, dict, set, int, float, str)},
    "OrderedDict": OrderedDict,
}
_SOURCE = ("numpy.random._pickle", "__bit_generator_ctor")


def resolve(name: Global) -> Any:
    """The class or function of a listed name."""
    module, attribute = name
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        module = module.replace("numpy._core.", "numpy.core.")
    return getattr(importlib.import_module(module), attribute)


def attributes(record: Call) -> Making:
    """The state of an object as a dict of its attributes, or None."""
    if not record.state:
        return None
    (state,) = record.state
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
        if slots is not None and not (isinstance(slots, Pairs) and not slots.pairs):
            raise UntrustedError("values for slots")
    built = yield state
    if built is not None and type(built) is not dict:
        raise UntrustedError(f"a state that is {type(built).__name__}")
    return None if built is None else dict(built)


def _whole(record: Call) -> Making:
    """The arguments of a call, and the state that is set after it (None without)."""
    if record.keywords is not None:
        raise UntrustedError(f"a call of {'.'.join(record.function.name)} with names")
    arguments = yield record.arguments
    state = (yield record.state[0]) if record.state else None
    return arguments, state


def _class_name(value: Any) -> str:
    """The name of a class that a call has as its argument, or gives as text."""
    name = value.name[1] if isinstance(value, Named) else value
    if not isinstance(name, str):
        raise ValueError("a class that is none")
    return name


# -- numpy ---------------------------------------------------------------------------------------


def _dtype(builder: Builder, record: Call) -> Making:
    yield from ()
    return dtype_of(record)


def _array(builder: Builder, record: Call) -> Making:
    """``_reconstruct(ndarray, (0,), b"b")`` and its state."""
    kind = _class_name(record.arguments[0]) if record.arguments else ""
    if kind not in ("ndarray", "memmap", "matrix") or not isinstance(record.arguments[0], Named):
        raise UntrustedError("an array of another class")
    made = yield from _array_of_state(record.state[0] if record.state else None)
    if kind == "matrix":
        return made.view(np.matrix)
    return made


def _array_of_state(state: Any) -> Making:
    if not isinstance(state, tuple) or len(state) < 4:
        raise ValueError("an array without a state")
    shape, dtype, fortran, data = state[-4:]
    made = dtype_of(dtype)
    shape, data = (yield shape), (yield data)
    return _of_data(data, made, shape, bool(fortran))


def _of_data(data: Any, dtype: Any, shape: Any, fortran: bool) -> Any:
    if dtype.hasobject:
        if not isinstance(data, list):
            raise ValueError("an array of objects that are none")
        return arrays.objects(data, shape, fortran=fortran)
    data = data.encode("latin-1") if isinstance(data, str) else data
    return arrays.array(data, dtype, shape, fortran=fortran)


def _scalar(builder: Builder, record: Call) -> Making:
    dtype = dtype_of(record.arguments[0])
    if dtype.hasobject or len(record.arguments) != 2 or record.state:
        raise UntrustedError("a numpy scalar that is an object")
    data = yield record.arguments[1]
    return _of_data(data, dtype, (), False)[()]


def _from_buffer(builder: Builder, record: Call) -> Making:
    """Protocol 5: the bytes, the dtype, the shape, and the order."""
    data, dtype, shape, order = record.arguments[:4]
    made = dtype_of(dtype)
    data, shape = (yield data), (yield shape)
    return arrays.array(data, made, shape, fortran=order == "F")


def _masked(builder: Builder, record: Call) -> Making:
    """A masked array: its numbers, then its mask."""
    if not record.state or not isinstance(record.state[0], tuple) or len(record.state[0]) != 7:
        raise ValueError("a masked array without a state")
    _, shape, dtype, fortran, data, mask, fill = record.state[0]
    made = dtype_of(dtype)
    shape, data, mask, fill = (yield shape), (yield data), (yield mask), (yield fill)
    numbers = _of_data(data, made, shape, bool(fortran))
    hidden = _of_data(mask, np.dtype(bool), shape, bool(fortran))
    return compiled.masked(numbers, hidden, fill)


def _random_state(builder: Builder, record: Call) -> Making:
    """``__randomstate_ctor(source)``, where the source is its name or a record of it."""
    _check_source(record.arguments)
    state = (yield record.state[0]) if record.state else None
    return compiled.random_state(state)


def _check_source(arguments: tuple[Any, ...]) -> None:
    """Refuse a random state with a source or a maker of sources that is none."""
    source = arguments[0] if arguments else "MT19937"
    maker = arguments[1] if len(arguments) > 1 else None
    fits = isinstance(source, str) or (isinstance(source, Call) and source.function.name == _SOURCE)
    makes = maker is None or (isinstance(maker, Named) and maker.name == _SOURCE)
    if not fits or not makes or len(arguments) > 2:
        raise UntrustedError("a random state that is made by a function")


def _bit_generator(builder: Builder, record: Call) -> Making:
    kind = _class_name(record.arguments[0]) if record.arguments else "MT19937"
    state = record.state[0] if record.state else None
    if isinstance(state, tuple):  # with the seeds that it came from
        state = state[0]
    return compiled.bit_generator(kind, (yield state))


def _generator(builder: Builder, record: Call) -> Making:
    _check_source(record.arguments)
    first = record.arguments[0] if record.arguments else "MT19937"
    state = (yield record.state[0]) if record.state else None
    if isinstance(first, str):
        return np.random.Generator(compiled.bit_generator(first, state))
    made = yield first
    if not isinstance(made, np.random.BitGenerator):
        raise ValueError("a random generator without a source")
    return np.random.Generator(made)


def _seeds(builder: Builder, record: Call) -> Making:
    """What generators are seeded from; only asked for another generator."""
    yield from ()
    return np.random.SeedSequence(0)


# -- containers ----------------------------------------------------------------------------------


def _collection(builder: Builder, record: Call) -> Making:
    """``set([...])``, as protocols 0 to 3 write it."""
    values: Any = record.arguments[0] if record.arguments else []
    if len(record.arguments) > 1 or not isinstance(values, list) or record.state:
        raise UntrustedError(f"a call of {'.'.join(record.function.name)}")
    return (yield Items(values, record.function.name[1] == "frozenset"))


def _bytes(builder: Builder, record: Call) -> Making:
    arguments, state = yield from _whole(record)
    make = bytes if record.function.name[1] == "bytes" else bytearray
    if state is None and not arguments:
        return make()
    if state is None and len(arguments) == 1 and isinstance(arguments[0], (bytes, bytearray)):
        return make(arguments[0])
    if state is None and len(arguments) == 2 and arguments[1] in _ENCODINGS:
        return make(str(arguments[0]).encode(arguments[1]))
    raise UntrustedError(f"a call of {'.'.join(record.function.name)}")


def _number(builder: Builder, record: Call) -> Making:
    """A complex, a slice or a range, of plain numbers."""
    arguments, state = yield from _whole(record)
    name = record.function.name[1]
    if state is not None or not 0 < len(arguments) <= 3:
        raise UntrustedError(f"a call of builtins.{name}")
    if name == "slice":
        if all(isinstance(a, (int, str, np.integer, type(None))) for a in arguments):
            return slice(*arguments)
    elif name == "range" and all(type(a) is int for a in arguments):
        made = range(*arguments)
        if max(map(abs, arguments)) < 1 << 62 and len(made) <= _MOST_RANGE:
            return made
    elif name == "complex" and all(type(a) in (int, float) for a in arguments):
        return complex(*arguments)
    raise UntrustedError(f"a call of builtins.{name}")


def _object(builder: Builder, record: Call) -> Making:
    yield from ()
    if record.arguments or record.state:
        raise UntrustedError("a call of builtins.object")
    return object()


def _namespace(builder: Builder, record: Call) -> Making:
    if record.arguments or record.keywords is not None:
        raise UntrustedError("a call of types.SimpleNamespace with arguments")
    made = SimpleNamespace()
    state = yield from attributes(record)
    for name, value in (state or {}).items():
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("__"):
            raise UntrustedError(f"an attribute {str(name)[:80]!r}")
        vars(made)[name] = value
    return made


def _ordered(builder: Builder, record: Call) -> Making:
    first = record.arguments[0] if record.arguments else []
    if not isinstance(first, list) or record.state not in ((), (None,)):
        raise UntrustedError("a call of collections.OrderedDict")
    pairs = [tuple(pair) for pair in first if isinstance(pair, (list, tuple)) and len(pair) == 2]
    return (yield from builder.pairs(record, [*pairs, *record.pairs], OrderedDict()))


def _with_default(builder: Builder, record: Call) -> Making:
    first = record.arguments[0] if record.arguments else None
    factory = _MADE_BY_DEFAULT.get(_class_name(first)) if isinstance(first, Named) else None
    if factory is None and first is not None:
        raise UntrustedError("a default that is made by a function")
    return (yield from builder.pairs(record, record.pairs, defaultdict(factory)))


def _bunch(builder: Builder, record: Call) -> Making:
    from sklearn.utils import Bunch

    first = record.arguments[0] if record.arguments else None
    pairs = [*first.pairs, *record.pairs] if isinstance(first, Pairs) else record.pairs
    return (yield from builder.pairs(record, pairs, Bunch()))


def _encoded(builder: Builder, record: Call) -> Making:
    """``_codecs.encode`` for byte strings of protocols 0 to 2, and for no other codec."""
    arguments, _ = yield from _whole(record)
    text, encoding = (*arguments, "utf-8")[:2]
    if not isinstance(text, str) or encoding not in _ENCODINGS:
        raise UntrustedError(f"the codec {encoding}")
    return text.encode(encoding)


# -- compiled ------------------------------------------------------------------------------------


def tree(record: Call) -> Making:
    arguments, state = yield from _whole(record)
    return compiled.tree(arguments, state)


def search_part(record: Call) -> Making:
    """A search tree or its metric: ``newObj(class)`` and a state."""
    if not record.arguments or not isinstance(record.arguments[0], Named):
        raise UntrustedError("a call of newObj")
    kind, state = record.arguments[0].name, (yield record.state[0] if record.state else None)
    if kind not in BUILDERS:
        raise UntrustedError(".".join(kind))
    if kind[0] == "sklearn.metrics._dist_metrics":
        return compiled.metric(resolve(kind), state)
    return compiled.search_tree(resolve(kind), state)


def loss(record: Call) -> Making:
    name = record.function.name
    if name[1].startswith("__pyx_unpickle_"):
        yield from ()
        return resolve((name[0], name[1].removeprefix("__pyx_unpickle_")))()
    arguments, state = yield from _whole(record)
    if state or not all(type(a) in (int, float) for a in arguments):
        raise UntrustedError(f"a call of {'.'.join(name)}")
    return resolve(name)(*map(float, arguments))


def scipy(record: Call) -> Making:
    if record.arguments or record.keywords is not None:
        raise UntrustedError(f"a call of {'.'.join(record.function.name)} with arguments")
    module, name = record.function.name
    if name.endswith("BSpline"):
        return (yield from _spline(record, resolve((module, "BSpline"))))
    state = yield from attributes(record)
    return compiled.sparse(resolve(record.function.name), state or {})


def _spline(record: Call, kind: Any) -> Making:
    """A spline; that of scipy 1.18 holds another, and an array that tells the library."""
    given = record.state[0] if record.state else None
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Call):
        inner = yield given[0]
        if type(inner) is not kind:
            raise UntrustedError(f"a spline that is {type(inner).__name__}")
        return inner
    state = yield from attributes(record)
    return compiled.spline(kind, state or {})


SPECIAL: dict[Global, Callable[[Builder, Call], Making]] = {
    ("numpy", "dtype"): _dtype,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy.ma.core", "_mareconstruct"): _masked,
    ("numpy.random", "__RandomState_ctor"): _random_state,
    ("numpy.random._pickle", "__randomstate_ctor"): _random_state,
    ("numpy.random._pickle", "__bit_generator_ctor"): _bit_generator,
    ("numpy.random._pickle", "__generator_ctor"): _generator,
    ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"): _seeds,
    ("builtins", "set"): _collection,
    ("builtins", "frozenset"): _collection,
    ("builtins", "bytes"): _bytes,
    ("builtins", "bytearray"): _bytes,
    ("builtins", "complex"): _number,
    ("builtins", "slice"): _number,
    ("builtins", "range"): _number,
    ("builtins", "object"): _object,
    ("types", "SimpleNamespace"): _namespace,
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _with_default,
    ("sklearn.utils", "Bunch"): _bunch,
    ("sklearn.utils._bunch", "Bunch"): _bunch,
    ("_codecs", "encode"): _encoded,
}
"""What is made otherwise than an object with attributes."""
