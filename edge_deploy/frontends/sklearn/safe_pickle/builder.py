"""Objects from inert records: of listed classes alone, and each by a builder of ours.

No object's own ``__new__``, ``__init__``, ``__setstate__`` or ``__reduce__`` is asked. A class
of Python is made empty and given its attributes by name; what is compiled (trees, random states,
losses, sparse matrices) is made from arrays that were checked before. The builder is a loop over
generators, one a record, so that no nesting in a file is a nesting of calls.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import UntrustedError
from edge_deploy.frontends.sklearn.compat import stand_ins, upgrade
from edge_deploy.frontends.sklearn.safe_pickle import arrays, compiled, makers, pandas_objects
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import (
    BUILDERS,
    ESTIMATORS,
    IDLE,
    VALUES,
    Global,
)
from edge_deploy.frontends.sklearn.safe_pickle.consistency import check_estimator
from edge_deploy.frontends.sklearn.safe_pickle.makers import Making
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

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)
_HASHED = (type(None), bool, int, float, complex, str, bytes, np.generic)
_MOST_SHARED = 20_000_000  # parts, written out as if none were shared; see Builder.build
_DEEPEST = 20_000
_MOST_NESTED = 50  # estimators in estimators
_MOST_NUMBER_KEYS = 10_000  # hashes of numbers can be made to collide; those of texts are salted
_METHODS = frozenset(
    (
        *("fit", "fit_predict", "fit_transform", "partial_fit", "transform", "inverse_transform"),
        *("predict", "predict_proba", "predict_log_proba", "decision_function", "score"),
        *("score_samples", "get_params", "set_params", "get_feature_names_out", "set_output"),
        "get_metadata_routing",
    )
)
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
            return self.pairs(record, record.pairs, {})
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

    def pairs(self, record: Any, pairs: Sequence[tuple[Any, Any]], made: Any) -> Making:
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
        if record.name == ("pandas", "NA"):
            return float("nan")
        if record.name in VALUES or record.name in ESTIMATORS:
            return makers.resolve(record.name)
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
            return makers.search_part(record)
        if name[0] in ("pandas", "pyarrow.lib") and name in BUILDERS:
            return pandas_objects.make(record)
        if name in makers.SPECIAL:
            return makers.SPECIAL[name](self, record)
        if name in ESTIMATORS or name in BUILDERS:
            kind = name[0].partition(".")[0]
            if kind == "scipy":
                return makers.scipy(record)
            if name[0] in compiled.LOSS_MODULES:
                return makers.loss(record)
            return self._instance(record)
        if name[0].startswith("joblib.") or name[0].startswith("sklearn.externals.joblib."):
            return self._mark(record)
        raise UntrustedError(".".join(name))

    def _mark(self, record: Call) -> Making:
        if not record.state:
            raise ValueError("an array of joblib's without its bytes")
        return (yield record.state[0])

    def _stand_in(self, record: Call) -> Making:
        module, name = record.function.name
        kind: type = stand_ins.stand_in(module, name)
        encodes = module.partition(".")[0] == stand_ins.ENCODERS
        if encodes:
            from edge_deploy.frontends.sklearn.compat.category_encoders import CategoryEncoder

            kind = CategoryEncoder
        made: Any = object.__new__(kind)
        if encodes:
            vars(made)["kind"] = name
        self.open[id(record)] = made
        # What a partial function would call is in a tuple, and is not even built.
        if record.state and isinstance(record.state[0], Pairs):
            if stand_ins.is_tokenizer(*record.function.name):
                record.state = (_held(record.state[0]),)
            state = yield record.state[0]
            _check_names(state)
            if encodes:
                state = {key: state[key] for key in state if key not in ("kind", "codes_")}
                _check_attributes(kind, state)
            vars(made).update(state)
            upgrade.complete(made)
            if encodes and made.is_fitted:
                made.codes()
        return made

    def _instance(self, record: Call) -> Making:
        """An object of a class written in Python, made empty and given its attributes."""
        kind = makers.resolve(record.function.name)
        if kind.__module__ == "sklearn.tree._tree":
            return (yield from makers.tree(record))
        if issubclass(kind, tuple):  # a named one
            values = yield record.arguments
            if len(values) != len(kind._fields) or record.state:
                raise ValueError(f"a {kind.__name__} of {len(values)} values")
            return tuple.__new__(kind, values)
        if record.arguments or record.keywords is not None:
            raise UntrustedError(f"a call of {'.'.join(record.function.name)} with arguments")
        made = object.__new__(kind)
        self.open[id(record)] = made
        state = yield from makers.attributes(record)
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


def _held(state: Pairs) -> Pairs:
    """A Keras Tokenizer's data without what nobody asks it for."""
    known = stand_ins.TOKENIZER
    return Pairs([(key, one) for key, one in state.pairs if isinstance(key, str) and key in known])


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
