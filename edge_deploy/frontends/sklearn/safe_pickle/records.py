"""A pickle as inert records: what it names, calls and holds, with nothing built or imported.

A pickle is a program for a small stack machine. This one executes it on records alone: a global
is its two names, a call is its function and arguments, a dict is its pairs, since hashing a key
is work that a stranger chooses. Nothing can be changed after it was looked at: the objects are
built from the records (builder.py) when the program has ended.

joblib puts the bytes of an array into the stream behind a mark, and an array of objects as a
second pickle behind it: both are read here.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from edge_deploy.core.errors import UntrustedError
from edge_deploy.frontends.sklearn.safe_pickle import arrays, keras_models
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import ARRAY_IN_FILE, Global, normal

MOST_OPCODES = 30_000_000
MOST_CONTAINERS = 3_000_000
# So that reading them in Python takes seconds and not gigabytes; a forest of 10,000 trees has
# fewer than a million opcodes.


@dataclass(slots=True, eq=False)
class Named:
    """A global: a module, and a name in it, as they are called today.

    Attributes:
        name: Both.
        spent: Whether it only told that a Keras model follows, whose file was taken out.
    """

    name: Global
    spent: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """What a call of a global would make, and what is then set on it.

    Attributes:
        function: The global.
        arguments: In order, as records.
        keywords: A record of a dict; only NEWOBJ_EX gives one.
        pairs: What is set item by item: entries of an OrderedDict.
        state: What BUILD sets, in a tuple of one, since None is a state as well.
    """

    function: Named
    arguments: tuple[Any, ...]
    keywords: Any = None
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    state: tuple[Any, ...] = ()


@dataclass(slots=True, eq=False)
class Pairs:
    """A dict."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Items:
    """A set, frozen or not."""

    items: list[Any]
    frozen: bool


@dataclass(slots=True, eq=False)
class Inline:
    """An array that joblib wrote into the stream.

    Attributes:
        shape: Its shape.
        dtype: The record of its dtype.
        data: Its bytes, or the record of an array of objects.
        fortran: Whether the first axis varies fastest.
    """

    shape: tuple[int, ...]
    dtype: Any
    data: Any
    fortran: bool


@dataclass(slots=True, eq=False)
class Ready:
    """An array or dtype that was made and checked already."""

    value: Any


@dataclass
class Contents:
    """What a pickle would do, as far as it can be read.

    Attributes:
        root: The record of what it holds.
        globals: Every global it names, in order, by today's module names.
        called: Those of ``names`` that it calls.
        versions: The scikit-learn versions written in it.
        tricks: What it does that no estimator's pickle does, in words.
        problem: Why it could not be read to its end, else None.
        size: The length of the file, unpacked.
    """

    root: Any = None
    globals: list[Named] = field(default_factory=list)
    called: set[Global] = field(default_factory=set)
    versions: list[str] = field(default_factory=list)
    tricks: list[str] = field(default_factory=list)
    problem: Exception | None = None
    size: int = 0

    @property
    def names(self) -> list[Global]:
        """The globals that something is made of; one that is used elsewhere is not built either."""
        return [one.name for one in self.globals if not one.spent]

    @property
    def holds(self) -> Global | str:
        """The global that made the object it gives, or a word for a plain value."""
        if isinstance(self.root, Call):
            return self.root.function.name
        if isinstance(self.root, Named):
            return f"the name {'.'.join(self.root.name)} alone"
        return type(self.root).__name__


_MARK = object()
_PUT = ("PUT", "BINPUT", "LONG_BINPUT")
_GET = ("GET", "BINGET", "LONG_BINGET")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
)
_STRINGS = ("STRING", "BINSTRING", "SHORT_BINSTRING")
_OUTSIDE = ("PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER")
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": Pairs,
    "EMPTY_SET": lambda: Items([], False),
}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_DICTS = ("OrderedDict", "defaultdict", "Bunch")


_DILL_TYPES = ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list",
               "object", "range", "set", "slice", "str", "tuple")  # fmt: skip


class Malformed(Exception):
    """The stream is no pickle, or cut short."""


class _Machine:
    """Executes one pickle of a stream; an array of objects in it is a machine of its own."""

    def __init__(self, stream: BinaryIO, found: Contents, *, inner: bool = False) -> None:
        self.stream, self.found, self.inner = stream, found, inner
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.containers = 0

    def run(self) -> Any:
        """Execute the stream to its STOP.

        Raises:
            Malformed, or any error of Python's decoders: It cannot be read to its end.
        """
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self.stream)):
            if count > MOST_OPCODES or self.containers > MOST_CONTAINERS:
                raise Malformed("more parts than any model has")
            if opcode.name == "STOP":
                return self.pop()
            self.execute(opcode.name, argument)
        raise Malformed("no end")

    def execute(self, name: str, argument: Any) -> None:
        push = self.stack.append
        if name in _VALUES:
            push(argument)
        elif name in _CONSTANTS:
            push(_CONSTANTS[name])
        elif name in _STRINGS:
            # A str of Python 2 may be bytes as well; what is ASCII is the same in both.
            push(argument.encode("latin-1").decode("ascii"))
        elif name in _GET:
            push(self.memo[argument])
        elif name in _PUT:
            self.memo[argument] = self.top()
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.top()
        elif name == "MARK":
            push(_MARK)
        elif name in _EMPTY:
            self.container(_EMPTY[name]())
        elif name in _TUPLES:
            self.container(tuple(self.pop_many(_TUPLES[name])))
        elif name in ("PROTO", "FRAME"):
            pass
        elif name in _OUTSIDE:
            raise Malformed("it refers to objects outside the file")
        elif name in ("EXT1", "EXT2", "EXT4"):
            raise UntrustedError("an entry of the extension registry")
        else:
            getattr(self, f"_{name.lower()}")(argument)

    def container(self, value: Any) -> None:
        self.containers += 1
        self.stack.append(value)

    def top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise Malformed("an empty stack")
        return self.stack[-1]

    def pop(self) -> Any:
        self.top()
        return self.stack.pop()

    def pop_many(self, count: int) -> list[Any]:
        return [self.pop() for _ in range(count)][::-1]

    def marked(self) -> list[Any]:
        """What is above the last mark."""
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is _MARK:
                above = self.stack[at + 1 :]
                del self.stack[at:]
                return above
        raise Malformed("no mark")

    def _pop(self, _: Any) -> None:
        if not self.stack:
            raise Malformed("an empty stack")
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self.marked()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.top())

    def _list(self, _: Any) -> None:
        self.container(self.marked())

    def _tuple(self, _: Any) -> None:
        self.container(tuple(self.marked()))

    def _frozenset(self, _: Any) -> None:
        self.container(Items(self.marked(), True))

    def _dict(self, _: Any) -> None:
        self.container(Pairs(_paired(self.marked())))

    def _append(self, _: Any) -> None:
        self.append([self.pop()])

    def _appends(self, _: Any) -> None:
        self.append(self.marked())

    def append(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise UntrustedError(f"items appended to {_told(target)}")
        target.extend(values)

    def _additems(self, _: Any) -> None:
        values, target = self.marked(), self.top()
        if not isinstance(target, Items) or target.frozen:
            raise UntrustedError(f"items added to {_told(target)}")
        target.items.extend(values)

    def _setitem(self, _: Any) -> None:
        self.set_items(self.pop_many(2))

    def _setitems(self, _: Any) -> None:
        self.set_items(self.marked())

    def set_items(self, values: list[Any]) -> None:
        target = self.top()
        entries = isinstance(target, Call) and target.function.name[1] in _DICTS
        if not entries and not isinstance(target, Pairs):
            raise UntrustedError(f"items set on {_told(target)}")
        target.pairs.extend(_paired(values))

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.named(module, name)

    def _stack_global(self, _: Any) -> None:
        module, name = self.pop_many(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Malformed("a global without a name")
        self.named(module, name)

    def named(self, module: str, name: str) -> None:
        record = Named(normal(module, name))
        if record.name not in ARRAY_IN_FILE:
            self.found.globals.append(record)
        self.container(record)

    def _reduce(self, _: Any) -> None:
        function, arguments = self.pop_many(2)
        self.call(function, arguments)

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        function, arguments, keywords = self.pop_many(3)
        if not isinstance(keywords, Pairs):
            raise Malformed("arguments without names")
        self.call(function, arguments, keywords if keywords.pairs else None)

    def _inst(self, argument: str) -> None:
        arguments = tuple(self.marked())
        self._global(argument)
        self.call(self.pop(), arguments)

    def _obj(self, _: Any) -> None:
        function, *arguments = self.marked() or [None]
        self.call(function, tuple(arguments))

    def call(self, function: Any, arguments: Any, keywords: Pairs | None = None) -> None:
        if _makes_blocks(function):
            function = function.arguments[0]
        if isinstance(function, Named) and function.name[0] == "dill._dill":
            self.of_dill(function.name[1], arguments)
            return
        if (model := keras_models.taken_out(function, arguments)) is not None:
            file, spent = model
            for record in spent:
                record.spent = True
            self.container(Ready(file))
            return
        if not isinstance(function, Named):
            raise UntrustedError(f"a call of {_told(function)}")
        if not isinstance(arguments, tuple):
            raise Malformed("a call without arguments")
        if function.name == ("copyreg", "_reconstructor"):
            function, arguments = _reconstructed(*arguments)
        if function.name not in ARRAY_IN_FILE:
            self.found.called.add(function.name)
        self.container(Call(function, arguments, keywords))

    def of_dill(self, name: str, arguments: Any) -> None:
        """dill's own words for an array and for a plain type, as other pickles have them."""
        if name == "_load_type" and len(arguments) == 1 and arguments[0] in _DILL_TYPES:
            self.named("builtins", arguments[0])
            return
        if name != "_create_array" or not isinstance(arguments, tuple) or len(arguments) < 3:
            raise UntrustedError(f"a call of dill._dill.{name}")
        made, given, state, *_ = arguments
        if not isinstance(made, Named) or made.name[1] != "_reconstruct":
            raise UntrustedError(f"a call of dill._dill.{name}")
        self.call(made, given)
        self.stack[-1].state = (state,)

    def _build(self, _: Any) -> None:
        target, state = self.pop_many(2)
        if not isinstance(target, Call):
            raise UntrustedError(f"a change to {_told(target)}")
        if target.state:
            raise UntrustedError(f"a second state for {_told(target)}")
        target.state = (state,)
        if target.function.name in ARRAY_IN_FILE:
            target.state = (self.inline(state),)
        elif isinstance(state, Pairs):
            self.found.versions += [
                value
                for key, value in state.pairs
                if key == "_sklearn_version" and isinstance(value, str)
            ]
        self.stack.append(target)

    def inline(self, state: Any) -> Inline:
        """The array behind joblib's mark."""
        about = {key: value for key, value in state.pairs if isinstance(key, str)}
        shape, dtype = about["shape"], about["dtype"]
        arrays.check_shape(shape)
        made = dtype_of(dtype)
        if self.inner:
            raise Malformed("an array in an array")
        if made.hasobject:
            data = _Machine(self.stream, self.found, inner=True).run()
        else:
            if about.get("numpy_array_alignment_bytes") is not None:
                self.stream.read(self.stream.read(1)[0])
            size = made.itemsize * math.prod(shape)
            data = self.stream.read(size)
            if len(data) != size:
                raise EOFError(f"an array of {size} bytes, of which {len(data)} are there")
        return Inline(shape, dtype, data, about["order"] == "F")


def _paired(values: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _reconstructed(cls: Any, base: Any, state: Any) -> tuple[Named, tuple[Any, ...]]:
    """``copyreg._reconstructor`` of protocols 0 and 1, as the call that later ones write."""
    if not isinstance(cls, Named) or not isinstance(base, Named):
        raise Malformed("an object without a class")
    if base.name[0] != "builtins" or base.name[1] not in ("object", "dict", "tuple"):
        raise UntrustedError("the constructor of another class")
    if base.name[1] == "object":
        return cls, ()
    return cls, tuple(state) if isinstance(state, tuple) else (state,)


def _makes_blocks(function: Any) -> bool:
    """Whether it is ``functools.partial(new_block, ndim=2)``, as pandas 1.3 wrote its tables."""
    if not isinstance(function, Call) or function.function.name != ("functools", "partial"):
        return False
    (made,) = function.arguments if len(function.arguments) == 1 else (None,)
    return isinstance(made, Named) and made.name == ("pandas", "new_block")


def _told(target: Any) -> str:
    if isinstance(target, Call):
        return f"an object of {'.'.join(target.function.name)}"
    if isinstance(target, Named):
        return f"a class or a function ({'.'.join(target.name)})"
    kinds = {Items: "set", Pairs: "dict"}
    return f"a {kinds.get(type(target), type(target).__name__)}"


def dtype_of(record: Any, depth: int = 0) -> Any:
    """The dtype that a record stands for.

    Raises:
        UntrustedError: It is forged: not what numpy would make of its parts.
        Malformed: It is none.
    """
    if depth > arrays.DEEPEST_DTYPE:
        raise UntrustedError("a forged numpy dtype")
    if isinstance(record, Named):
        return arrays.dtype_of_name(*record.name)
    if not isinstance(record, Call) or record.function.name != ("numpy", "dtype"):
        raise Malformed("a dtype that is none")
    if not record.arguments or record.keywords is not None:
        raise Malformed("a dtype that is none")
    if isinstance(record.arguments[0], Named):
        return arrays.dtype_of_name(*record.arguments[0].name)
    state = record.state[0] if record.state else (3, "|", None, None, None, -1, -1, 63)
    if not isinstance(state, tuple) or len(state) < 8:
        raise UntrustedError("a forged numpy dtype")
    _, order, sub, names, fields, size, _, flags, *rest = state
    if sub is not None:
        return arrays.subarray_dtype(dtype_of(sub[0], depth + 1), sub[1])
    if names is not None:
        parts = {key: value for key, value in fields.pairs if isinstance(key, str)}
        return arrays.record_dtype(
            [(name, dtype_of(parts[name][0], depth + 1), parts[name][1]) for name in names], size
        )
    unit = rest[0][1] if rest and isinstance(rest[0], tuple) and len(rest[0]) == 2 else None
    if isinstance(unit, tuple) and unit and isinstance(unit[0], Call):  # bytes, by protocols 0 to 2
        unit = (unit[0].arguments[0], *unit[1:])
    return arrays.plain_dtype(record.arguments[0], order, size, flags, unit)


def read_records(data: bytes) -> Contents:
    """What a pickle names, calls and holds, without importing or calling any of it."""
    found = Contents(size=len(data))
    try:
        found.root = _Machine(io.BytesIO(data), found).run()
    except Exception as error:
        # The stream is anybody's: what is malformed makes the decoders raise anything.
        if isinstance(error, UntrustedError):
            found.tricks.append(str(error))
        found.problem = error
    return found
