"""Objects from inert records: of listed classes alone, and each by a builder of ours.

No object's own ``__new__``, ``__init__``, ``__setstate__`` or ``__reduce__`` is asked. A class
of Python is made empty and given its attributes by name; what is compiled (trees, random states,
losses, sparse matrices) is made from arrays that were checked before. The builder is a loop over
generators, one a record, so that no nesting in a file is a nesting of calls.
"""

from __future__ import annotations

import importlib
import inspect
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Generator, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.frontends.sklearn.compat import stand_ins, upgrade
from edge_deploy.frontends.sklearn.safe_pickle import arrays, compiled
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import (
    BUILDERS,
    ESTIMATORS,
    IDLE,
    VALUES,
    Global,
)
from edge_deploy.frontends.sklearn.safe_pickle.consistency import check_estimator
from edge_deploy.frontends.sklearn.safe_pickle.records import (
    Call,
    Contents,
    Inline,
    Items,
    Named,
    Pairs,
    Ready,
    dtype_of,
)

Making = Generator[Any, Any, Any]
"""A generator that asks for the records it needs, is sent their objects, and returns its own."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)
_HASHED = (type(None), bool, int, float, complex, str, bytes, np.generic)
_MOST_SHARED = 20_000_000  # parts, written out as if none were shared; see Builder.build
_DEEPEST = 20_000
_MOST_NESTED = 50  # estimators in estimators
_MOST_NUMBER_KEYS = 10_000  # hashes of numbers can be made to collide; those of texts are salted
_MOST_RANGE = 1_000_000
_ENCODINGS = ("latin1", "latin-1", "ascii", "utf-8", "utf8")
_MADE_BY_DEFAULT: dict[str, Any] = {
    **{kind.__name__: kind for kind in (list, dict, set, int, float, str)},
    "OrderedDict": OrderedDict,
}
_METHODS = frozenset(
    (
        *("fit", "fit_predict", "fit_transform", "partial_fit", "transform", "inverse_transform"),
        *("predict", "predict_proba", "predict_log_proba", "decision_function", "score"),
        *("score_samples", "get_params", "set_params", "get_feature_names_out", "set_output"),
        "get_metadata_routing",
    )
)
_SOURCE = ("numpy.random._pickle", "__bit_generator_ctor")
_OPEN = object()  # in place of an object that is not there yet


class Builder:
    """Builds what the records of one file stand for.

    Args:
        gone: What the file names and scikit-learn no longer has; stand-ins take its place, which
            hold its data and do nothing.
        size: The bytes of the file.
    """

    def __init__(self, gone: Collection[Global], size: int) -> None:
        self.gone = gone
        self.most = _MOST_SHARED + 4 * size
        self.done: dict[int, Any] = {}
        self.weights: dict[int, int] = {}
        self.open: dict[int, Any] = {}
        self.estimators: list[Any] = []
        self.nested = 0

    def build(self, root: Any) -> Any:
        """The object of a record.

        A record that many others share is built once, but whoever walks through the objects
        (hash, compare, convert) meets it many times: tuples of two that share, nested 60 deep,
        have 2**60 parts. So the parts are counted as if none were shared.

        Raises:
            UntrustedError: It would run code, or is made to do harm.
            ValueError: Its parts do not fit together.
        """
        frames: list[list[Any]] = []
        sent: Any = self._begin(root, frames)
        while frames:
            making, record, weight = frames[-1]
            try:
                wanted = making.send(sent)
            except StopIteration as stop:
                frames.pop()
                sent = self._end(record, stop.value, weight)
                if frames:
                    frames[-1][2] += weight
                continue
            sent = self._begin(wanted, frames)
            if len(frames) > _DEEPEST:
                raise UntrustedError(f"objects nested more than {_DEEPEST} deep")
            if frames[-1][2] > self.most:
                raise UntrustedError("parts that are shared so often that no walk would end")
        for estimator in self.estimators:
            check_estimator(estimator)
        return sent

    def _begin(self, record: Any, frames: list[list[Any]]) -> Any:
        """The object of a record that is there, else None and a new frame that makes it."""
        if isinstance(record, _PLAIN):
            if frames:
                frames[-1][2] += 1
            return record
        key = id(record)
        if key in self.done:
            if frames:
                frames[-1][2] += self.weights[key]
            return self.done[key]
        if key in self.open:
            if self.open[key] is _OPEN:
                raise ValueError("an object that is a part of itself")
            return self.open[key]
        self.open[key] = _OPEN
        if _is_estimator(record):
            self.nested += 1
            if self.nested > _MOST_NESTED:
                raise UntrustedError(f"estimators nested more than {_MOST_NESTED} deep")
        frames.append([self._making(record), record, 1])
        return None

    def _end(self, record: Any, value: Any, weight: int) -> Any:
        if isinstance(value, np.ndarray):
            weight += value.nbytes // 8
        self.done[id(record)], self.weights[id(record)] = value, weight
        del self.open[id(record)]
        self.nested -= _is_estimator(record)
        return value

    def _making(self, record: Any) -> Making:
        if isinstance(record, list):
            return self._list(record)
        if isinstance(record, tuple):
            return self._tuple(record)
        if isinstance(record, Pairs):
            return self._dict(record, record.pairs, {})
        if isinstance(record, Items):
            return self._set(record)
        if isinstance(record, Inline):
            return self._inline(record)
        if isinstance(record, Named):
            return self._named(record)
        return self._ready(record) if isinstance(record, Ready) else self._call(record)

    def _list(self, record: list[Any]) -> Making:
        made: list[Any] = []
        self.open[id(record)] = made
        for item in record:
            made.append((yield item))
        return made

    def _tuple(self, record: tuple[Any, ...]) -> Making:
        made = []
        for item in record:
            made.append((yield item))
        return tuple(made)

    def _dict(self, record: Any, pairs: Sequence[tuple[Any, Any]], made: Any) -> Making:
        self.open[id(record)] = made
        numbers = 0
        for key, value in pairs:
            built = yield key
            _check_key(built)
            numbers += not isinstance(built, (str, bytes))
            if numbers > _MOST_NUMBER_KEYS:
                raise UntrustedError(f"a dict with more than {_MOST_NUMBER_KEYS} numbers as keys")
            if _is_hidden(built) and type(made) not in (dict, OrderedDict, defaultdict):
                raise UntrustedError(f"an attribute {built!r}")
            made[built] = yield value
        return made

    def _set(self, record: Items) -> Making:
        made, numbers = [], 0
        for item in record.items:
            made.append((yield item))
            _check_key(made[-1])
            numbers += not isinstance(made[-1], (str, bytes))
            if numbers > _MOST_NUMBER_KEYS:
                raise UntrustedError(f"a set of more than {_MOST_NUMBER_KEYS} numbers")
        return frozenset(made) if record.frozen else set(made)

    def _ready(self, record: Ready) -> Making:
        yield from ()
        return record.value

    def _named(self, record: Named) -> Making:
        yield from ()
        if record.name in self.gone or record.name in IDLE:
            return stand_ins.stand_in(*record.name)
        if record.name in VALUES or record.name in ESTIMATORS:
            return resolve(record.name)
        raise UntrustedError(f"{'.'.join(record.name)} in place of an object")

    def _inline(self, record: Inline) -> Making:
        dtype = dtype_of(record.dtype)
        if not dtype.hasobject:
            return arrays.array(record.data, dtype, record.shape, fortran=record.fortran)
        inner = yield record.data
        if not isinstance(inner, np.ndarray) or inner.dtype != object:
            raise ValueError("an array of objects that is none")
        return inner.reshape(arrays.check_shape(record.shape))

    def _call(self, record: Call) -> Making:
        name = record.function.name
        if name in self.gone:
            return self._stand_in(record)
        if name[1] == "newObj":
            return _search_part(record)
        if name in _SPECIAL:
            return _SPECIAL[name](self, record)
        if name in ESTIMATORS or name in BUILDERS:
            kind = name[0].partition(".")[0]
            if kind == "scipy":
                return _scipy(record)
            if name[0] in compiled.LOSS_MODULES:
                return _loss(record)
            return self._instance(record)
        if name[0].startswith("joblib.") or name[0].startswith("sklearn.externals.joblib."):
            return self._mark(record)
        raise UntrustedError(".".join(name))

    def _mark(self, record: Call) -> Making:
        if not record.state:
            raise ValueError("an array of joblib's without its bytes")
        return (yield record.state[0])

    def _stand_in(self, record: Call) -> Making:
        made = object.__new__(stand_ins.stand_in(*record.function.name))
        self.open[id(record)] = made
        # What a partial function would call is in a tuple, and is not even built.
        if record.state and isinstance(record.state[0], Pairs):
            state = yield record.state[0]
            _check_names(state)
            vars(made).update(state)
            upgrade.complete(made)
        return made

    def _instance(self, record: Call) -> Making:
        """An object of a class written in Python, made empty and given its attributes."""
        kind = resolve(record.function.name)
        if kind.__module__ == "sklearn.tree._tree":
            return (yield from _tree(record))
        if issubclass(kind, tuple):  # a named one
            values = yield record.arguments
            if len(values) != len(kind._fields) or record.state:
                raise ValueError(f"a {kind.__name__} of {len(values)} values")
            return tuple.__new__(kind, values)
        if record.arguments or record.keywords is not None:
            raise UntrustedError(f"a call of {'.'.join(record.function.name)} with arguments")
        made = object.__new__(kind)
        self.open[id(record)] = made
        state = yield from _attributes(record)
        if state is not None:
            _check_names(state)
            _check_attributes(kind, state)
            state.pop("_sklearn_version", None)
            vars(made).update(upgrade.state_of_today(made, state))
            if kind.__name__ == "IsotonicRegression":  # its interpolator is made from its points
                kind.__setstate__(made, dict(vars(made)))
            upgrade.complete(made)
            self.estimators.append(made)
        return made


def build(found: Contents, gone: Collection[Global] = ()) -> Any:
    """The object that a file holds; see Builder."""
    return Builder(gone, found.size).build(found.root)


def resolve(name: Global) -> Any:
    """The class or function of a listed name."""
    module, attribute = name
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        module = module.replace("numpy._core.", "numpy.core.")
    return getattr(importlib.import_module(module), attribute)


def _is_estimator(record: Any) -> bool:
    return isinstance(record, Call) and record.function.name in ESTIMATORS


def _is_hidden(name: Any) -> bool:
    """Whether Python or numpy would look for a name to find out how to treat an object."""
    return isinstance(name, str) and name.startswith("__") and name.endswith("__")


def _check_key(key: Any) -> None:
    if isinstance(key, tuple):
        for part in key:
            _check_key(part)
    elif not isinstance(key, (*_HASHED, type)):
        raise UntrustedError(f"a key that is {type(key).__name__}")


def _check_names(state: dict[Any, Any]) -> None:
    for name in state:
        if not isinstance(name, str) or not name.isidentifier() or _is_hidden(name):
            raise UntrustedError(f"an attribute {str(name)[:80]!r}")


def _check_attributes(kind: Any, state: dict[str, Any]) -> None:
    """Refuse attributes that would stand before what the class itself has.

    A property is asked before an attribute of its name, so that the latter only holds data of an
    older version, which had it as an attribute. A few classes have a default of a parameter.
    """
    for name, value in state.items():
        own = inspect.getattr_static(kind, name, None)
        hides = own is not None and not hasattr(type(own), "__set__")
        if hides and isinstance(own, _PLAIN) and isinstance(value, _PLAIN):
            hides = name not in inspect.signature(kind.__init__).parameters
        if hides or (name in _METHODS and issubclass(kind, _base())):
            raise UntrustedError(f"an attribute {name!r} in place of {kind.__name__}'s own")


def _base() -> type:
    from sklearn.base import BaseEstimator

    return BaseEstimator  # type: ignore[no-any-return]


def _attributes(record: Call) -> Making:
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


def _ordered(builder: Builder, record: Call) -> Making:
    first = record.arguments[0] if record.arguments else []
    if not isinstance(first, list) or record.state not in ((), (None,)):
        raise UntrustedError("a call of collections.OrderedDict")
    pairs = [tuple(pair) for pair in first if isinstance(pair, (list, tuple)) and len(pair) == 2]
    return (yield from builder._dict(record, [*pairs, *record.pairs], OrderedDict()))


def _with_default(builder: Builder, record: Call) -> Making:
    first = record.arguments[0] if record.arguments else None
    factory = _MADE_BY_DEFAULT.get(_class_name(first)) if isinstance(first, Named) else None
    if factory is None and first is not None:
        raise UntrustedError("a default that is made by a function")
    return (yield from builder._dict(record, record.pairs, defaultdict(factory)))


def _bunch(builder: Builder, record: Call) -> Making:
    from sklearn.utils import Bunch

    first = record.arguments[0] if record.arguments else None
    pairs = [*first.pairs, *record.pairs] if isinstance(first, Pairs) else record.pairs
    return (yield from builder._dict(record, pairs, Bunch()))


def _encoded(builder: Builder, record: Call) -> Making:
    """``_codecs.encode`` for byte strings of protocols 0 to 2, and for no other codec."""
    arguments, _ = yield from _whole(record)
    text, encoding = (*arguments, "utf-8")[:2]
    if not isinstance(text, str) or encoding not in _ENCODINGS:
        raise UntrustedError(f"the codec {encoding}")
    return text.encode(encoding)


# -- compiled ------------------------------------------------------------------------------------


def _tree(record: Call) -> Making:
    arguments, state = yield from _whole(record)
    return compiled.tree(arguments, state)


def _search_part(record: Call) -> Making:
    """A search tree or its metric: ``newObj(class)`` and a state."""
    if not record.arguments or not isinstance(record.arguments[0], Named):
        raise UntrustedError("a call of newObj")
    kind, state = record.arguments[0].name, (yield record.state[0] if record.state else None)
    if kind not in BUILDERS:
        raise UntrustedError(".".join(kind))
    if kind[0] == "sklearn.metrics._dist_metrics":
        return compiled.metric(resolve(kind), state)
    return compiled.search_tree(resolve(kind), state)


def _loss(record: Call) -> Making:
    name = record.function.name
    if name[1].startswith("__pyx_unpickle_"):
        yield from ()
        return resolve((name[0], name[1].removeprefix("__pyx_unpickle_")))()
    arguments, state = yield from _whole(record)
    if state or not all(type(a) in (int, float) for a in arguments):
        raise UntrustedError(f"a call of {'.'.join(name)}")
    return resolve(name)(*map(float, arguments))


def _scipy(record: Call) -> Making:
    if record.arguments or record.keywords is not None:
        raise UntrustedError(f"a call of {'.'.join(record.function.name)} with arguments")
    state = yield from _attributes(record)
    kind = resolve(record.function.name)
    make: Callable[..., Any] = compiled.spline if kind.__name__ == "BSpline" else compiled.sparse
    return make(kind, state or {})


_SPECIAL: dict[Global, Callable[[Builder, Call], Making]] = {
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
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _with_default,
    ("sklearn.utils", "Bunch"): _bunch,
    ("sklearn.utils._bunch", "Bunch"): _bunch,
    ("_codecs", "encode"): _encoded,
}
"""What is made otherwise than an object with attributes."""
