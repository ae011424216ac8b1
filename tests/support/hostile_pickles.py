"""Pickles that are made to do harm, of names that a scikit-learn model may have: each a builder."""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn import ensemble, linear_model, neighbors, svm, tree
from sklearn.cluster import FeatureAgglomeration, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    SplineTransformer,
)
from sklearn.tree._tree import Tree
from sklearn.utils import Bunch

NOWHERE = {"data": (8, False), "shape": (1 << 20,), "typestr": "<f8", "version": 3}
"""An array at address 8, for whoever believes it."""
BACK = b"\x41" * 16
"""What would be two pointers to nothing."""


class Calls:
    """Pickles as a call of a function, with a state."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.parts


class Named:
    """Pickles as a global that need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.named = (module, name)

    def __call__(self) -> None:
        """Only what can be called may be pickled as called."""


class Opcodes:
    """Pickles as values, each followed by bytes of opcodes."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts


class Pickler(pickle._Pickler):
    """Writes Named objects as the global they stand for, Opcodes as they are, and forged states.

    Args:
        changes: By class, what is done to the parts that its objects are pickled as.
    """

    def __init__(self, file: Any, changes: dict[type, Callable[[Any], Any]], protocol: int) -> None:
        super().__init__(file, protocol)
        self.changes = changes

    def save(self, obj: Any, *rest: Any) -> Any:
        if isinstance(obj, Named):
            for part in obj.named:
                super().save(part)
            self.write(pickle.STACK_GLOBAL)
        elif isinstance(obj, Opcodes):
            for part in obj.parts:
                if type(part) is bytes:
                    self.write(part)
                else:
                    self.save(part)
        else:
            return super().save(obj, *rest)
        return None

    def reducer_override(self, obj: Any) -> Any:
        change = self.changes.get(type(obj))
        return NotImplemented if change is None else change(obj.__reduce_ex__(4))


def dumped(
    value: Any, changes: dict[type, Callable[[Any], Any]] | None = None, protocol: int = 4
) -> bytes:
    buffer = io.BytesIO()
    Pickler(buffer, changes or {}, protocol).dump(value)
    return buffer.getvalue()


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(60, 4))
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)


def fit(model: Any) -> Any:
    return model.fit(*data())


def having(model: Any, **attributes: Any) -> Any:
    vars(model).update(attributes)
    return model


def without(model: Any, name: str) -> Any:
    """A model that lacks an attribute."""
    del vars(model)[name]
    return model


def line(**attributes: Any) -> bytes:
    """A fitted line with attributes that it should not have."""
    return dumped(having(fit(linear_model.LinearRegression()), **attributes))


def hidden(value: Any) -> bytes:
    return line(extra_=value)


def newobj(kind: type, state: Any) -> Opcodes:
    return Opcodes(kind, (), b"\x81", state, b"b")


def grown(model: Any, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """A fitted model whose trees have another state."""

    def changed(parts: Any) -> Any:
        state = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in parts[2].items()}
        change(state)
        return (*parts[:2], state)

    return dumped(fit(model), {Tree: changed})


def node(field: str, value: int, at: int = 0) -> bytes:
    """A tree of which one node has another field."""
    return grown(
        tree.DecisionTreeClassifier(), lambda state: state["nodes"][field].__setitem__(at, value)
    )


def histogram(field: str, value: int, **also: int) -> bytes:
    model = fit(ensemble.HistGradientBoostingClassifier(max_iter=2))

    def changed(parts: Any) -> Any:
        state = {**parts[2], "nodes": parts[2]["nodes"].copy()}
        for name, one in {field: value, **also}.items():
            state["nodes"][name][0] = one
        return (*parts[:2], state)

    return dumped(model, {TreePredictor: changed})


def supported(model: Any = None, **attributes: Any) -> bytes:
    return dumped(having(fit(model or svm.SVC()), **attributes))


def boosted(**attributes: Any) -> bytes:
    model = fit(ensemble.GradientBoostingClassifier(n_estimators=2))
    return dumped(having(model, **attributes))


def near(**attributes: Any) -> bytes:
    return dumped(having(fit(neighbors.KNeighborsClassifier(algorithm="brute")), **attributes))


def wide(**options: Any) -> Any:
    """A tree of more columns than the forest that it will be in."""
    x, y = data()
    return tree.DecisionTreeClassifier(**options).fit(np.repeat(x, 500, axis=1), y)


def random_state(change: Callable[[dict[str, Any]], Any]) -> bytes:
    state = np.random.RandomState(0).get_state(legacy=False)
    change(state)
    maker = Named("numpy.random._pickle", "__randomstate_ctor")
    return hidden(Calls(maker, "MT19937", state=state))


def sparse(**attributes: Any) -> bytes:
    state = {**vars(csr_matrix(np.eye(4))), **attributes}
    return line(coef_=newobj(csr_matrix, state))


def array(dtype: Any, shape: Any, content: Any, kind: Any = np.ndarray) -> Calls:
    maker = Named("numpy._core.multiarray", "_reconstruct")
    return Calls(maker, kind, (0,), b"b", state=(1, shape, dtype, False, content))


def dtype(code: str, *state: Any) -> Calls:
    return Calls(np.dtype, code, False, True, state=state)


def words(**attributes: Any) -> bytes:
    counts = CountVectorizer().fit(["one two three", "four five"])
    return dumped(make_pipeline(having(counts, **attributes), linear_model.LinearRegression()))


def encoded(**attributes: Any) -> bytes:
    x, y = data()
    x = np.abs(x).round()
    encoder = having(OneHotEncoder(handle_unknown="ignore").fit(x), **attributes)
    last = linear_model.LogisticRegression()
    last.fit(OneHotEncoder(handle_unknown="ignore").fit_transform(x), y)
    return dumped(Pipeline([("encode", encoder), ("fit", last)]))


def spline() -> bytes:
    model = fit(SplineTransformer(n_knots=4))
    for one in model.bsplines_:
        one.k = 1 << 20
    return dumped(make_pipeline(model, linear_model.LinearRegression()))


def nested(depth: int, opening: bytes, closing: bytes) -> bytes:
    return b"\x80\x04" + opening * depth + closing * depth + b"."


def bomb(depth: int = 60) -> bytes:
    """Tuples of two that are one, as the key of a dict."""
    shared = b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1])
                      for n in range(depth))  # fmt: skip
    return b"\x80\x04K\x01q\x00" + shared + b"}h" + bytes([depth]) + b"K\x01s."


def shared_estimators(depth: int = 40) -> bytes:
    inner: Any = fit(linear_model.LinearRegression())
    for _ in range(depth):
        outer = ensemble.VotingRegressor([("a", inner), ("b", inner)])
        inner = having(outer, estimators_=[inner, inner], n_features_in_=4)
    return dumped(inner)


def deep_estimators() -> bytes:
    inner: Any = fit(linear_model.LinearRegression())
    for _ in range(80):
        inner = make_pipeline(inner)
    return pickle.dumps(inner)


def colliding() -> bytes:
    """Numbers with one hash, as keys."""
    return dumped({n * ((1 << 61) - 1): 0 for n in range(1, 20_000)})


def joblib_array(shape: tuple[int, ...], kind: Any = np.float64) -> bytes:
    mark = Named("joblib.numpy_pickle", "NumpyArrayWrapper")
    state = {"subclass": np.ndarray, "shape": shape, "order": "C", "dtype": np.dtype(kind),
             "allow_mmap": False, "numpy_array_alignment_bytes": 16}  # fmt: skip
    return dumped(Opcodes(mark, (), b"\x81", state, b"b", b"."))


def forged_search_tree() -> tuple[bytes, Any, np.ndarray]:
    """Neighbours whose search tree says that its rows are elsewhere; the model, and rows."""
    model = fit(neighbors.KNeighborsClassifier(3, algorithm="kd_tree", leaf_size=5))

    def changed(parts: Any) -> Any:
        state = list(parts[2])
        state[1] = np.full_like(state[1], 1 << 40)
        state[2] = state[2].copy()
        state[2]["idx_end"] = 1 << 40
        state[6] = 1 << 30
        return (*parts[:2], tuple(state))

    return dumped(model, {neighbors.KDTree: changed}), model, data()[0]


RANDOM = "__randomstate_ctor"
OBJECTS = np.dtype(object)
TWICE = (None, {"coef_": 1})
ATTACKS: dict[str, Callable[[], bytes]] = {
    # A listed class, called.
    "ndarray, called": lambda: hidden(Calls(np.ndarray, (2,), OBJECTS, bytearray(BACK))),
    "ndarray, NEWOBJ": lambda: hidden(
        Opcodes(np.ndarray, ((2,), OBJECTS, bytearray(BACK)), b"\x81")
    ),
    "ndarray, NEWOBJ_EX": lambda: hidden(
        Opcodes(np.ndarray, ((2,),), {"dtype": OBJECTS, "buffer": bytearray(BACK)}, b"\x92")
    ),
    "ndarray, OBJ": lambda: hidden(Opcodes(b"(", np.ndarray, (2,), OBJECTS, bytearray(BACK), b"o")),
    "ndarray, INST": lambda: hidden(
        Opcodes(b"(", (2,), OBJECTS, bytearray(BACK), b"inumpy\nndarray\n")
    ),
    "matrix, called": lambda: hidden(Calls(np.matrix, "1 2; 3 4")),
    "an estimator with arguments": lambda: hidden(Calls(FunctionTransformer, np.exp)),
    "bytes of a length": lambda: hidden(Calls(bytes, 1 << 40)),
    "bytearray of a length": lambda: hidden(Calls(bytearray, 1 << 40)),
    "range": lambda: hidden(Opcodes(range, (1 << 62,), b"R")),
    "list of a range": lambda: hidden(Calls(list, range(10))),
    "object with arguments": lambda: hidden(Calls(object, 1)),
    "OrderedDict of a dict": lambda: hidden(Calls(OrderedDict, {"a": 1})),
    "defaultdict of a class": lambda: hidden(defaultdict(linear_model.LinearRegression, {"a": 1})),
    # Opcodes that call methods.
    "NEWOBJ on an object": lambda: dumped(
        Opcodes(having(linear_model.LinearRegression(), __new__=np.exp), (1,), b"\x81")
    ),
    "APPEND to an object": lambda: dumped(
        Opcodes(having(linear_model.LinearRegression(), append=np.exp), 1, b"a")
    ),
    "APPENDS to an object": lambda: dumped(
        Opcodes(having(linear_model.LinearRegression(), extend=np.exp), b"(", 1, b"e")
    ),
    "APPENDS to a bytearray": lambda: dumped(Opcodes(bytearray(b"a"), b"(", 1, b"e")),
    "ADDITEMS to an object": lambda: dumped(
        Opcodes(having(linear_model.LinearRegression(), add=np.exp), b"(", 1, b"\x90")
    ),
    "ADDITEMS to a frozenset": lambda: dumped(Opcodes(b"(", 1, b"\x91", b"(", 2, b"\x90")),
    "SETITEM on an array": lambda: dumped(Opcodes(np.zeros(2), 0, 1.0, b"s")),
    "SETITEMS on a list": lambda: dumped(Opcodes([1], b"(", 0, 2, b"u")),
    "SETITEM on an object": lambda: dumped(Opcodes(linear_model.LinearRegression(), 0, 1, b"s")),
    # Members.
    "a pipeline without steps": lambda: dumped(
        without(make_pipeline(linear_model.Ridge()), "steps")
    ),
    "a pipeline of no pairs": lambda: dumped(
        having(make_pipeline(linear_model.Ridge()), steps=[linear_model.Ridge()])
    ),
    "a pipeline of a number": lambda: dumped(having(make_pipeline(linear_model.Ridge()), steps=3)),
    "a pipeline of single names": lambda: dumped(
        having(make_pipeline(linear_model.Ridge()), steps=[("a",)])
    ),
    "a union of numbers": lambda: dumped(having(FeatureUnion([]), transformer_list=[1])),
    "a union of nothing": lambda: dumped(without(FeatureUnion([]), "transformer_list")),
    "columns of pairs": lambda: dumped(
        having(ColumnTransformer([]), transformers_=[("a", linear_model.Ridge())])
    ),
    # States.
    "__array_interface__": lambda: line(
        coef_=having(linear_model.Ridge(), __array_interface__=NOWHERE)
    ),
    "__array_interface__ of a stand-in": lambda: line(
        coef_=Opcodes(
            Named("xgboost.core", "X"), (), b"\x81", {"__array_interface__": NOWHERE}, b"b"
        )
    ),
    "__array_interface__ of a Bunch": lambda: line(coef_=Bunch(__array_interface__=NOWHERE)),
    "__array_struct__": lambda: line(coef_=having(linear_model.Ridge(), __array_struct__=1)),
    "__class__": lambda: line(__class__=Bunch),
    "predict": lambda: line(predict=np.exp),
    "predict_proba": lambda: line(predict_proba=np.exp),
    "_validate_params": lambda: line(_validate_params=np.exp),
    "an attribute that is no name": lambda: line(**{"a b": 1}),
    "an attribute that is a number": lambda: dumped(newobj(linear_model.Ridge, {1: 2})),
    "slots": lambda: dumped(newobj(linear_model.Ridge, TWICE)),
    "a state that is a list": lambda: dumped(newobj(linear_model.Ridge, [1])),
    "a second state": lambda: dumped(Opcodes(fit(linear_model.Ridge()), {"coef_": 1}, b"b")),
    "a state for a list": lambda: dumped(Opcodes([1], {"a": 1}, b"b")),
    "a state for a dict": lambda: dumped(Opcodes({1: 2}, {"a": 1}, b"b")),
    "a second state for an array": lambda: dumped(
        Opcodes(np.zeros(2), (1, (2,), OBJECTS, False, [1, 2]), b"b")
    ),
    # Names.
    "STACK_GLOBAL, dotted": lambda: dumped(Calls(Named("sklearn.base", "os.system"), "")),
    "STACK_GLOBAL of bytes": lambda: dumped(Opcodes(1, 2, b"\x93")),
    "getattr of a listed class": lambda: dumped(Calls(getattr, linear_model.Ridge, "predict")),
    "operator.getitem": lambda: dumped(Calls(Named("_operator", "getitem"), [1], 0)),
    "operator.methodcaller": lambda: dumped(Calls(Named("operator", "methodcaller"), "mro")),
    "a ufunc maker": lambda: dumped(
        Calls(Named("numpy._core._multiarray_umath", "frompyfunc"), np.exp, 1, 1)
    ),
    "copyreg.__newobj_ex__": lambda: dumped(
        Calls(Named("copyreg", "__newobj_ex__"), Bunch, (), {})
    ),
    "copyreg.add_extension": lambda: dumped(Calls(Named("copyreg", "add_extension"), "a", "b", 1)),
    "_reconstructor of an array": lambda: hidden(
        Calls(Named("copyreg", "_reconstructor"), np.ndarray, np.ndarray, (2,))
    ),
    "_reconstructor of a number": lambda: hidden(
        Calls(Named("copyreg", "_reconstructor"), linear_model.Ridge, int, 1)
    ),
    "EXT1": lambda: b"\x80\x02\x82\x01.",
    "EXT2": lambda: b"\x80\x02\x83\x01\x00.",
    "EXT4": lambda: b"\x80\x02\x84\x01\x00\x00\x00.",
    "PERSID": lambda: b"Pmodel\n.",
    "BINPERSID": lambda: b"\x80\x02K\x01Q.",
    "NEXT_BUFFER": lambda: b"\x80\x05\x97.",
    "READONLY_BUFFER": lambda: b"\x80\x05K\x01\x98.",
    "a memo that is not there": lambda: b"\x80\x02h\x07.",
    "a mark for an object": lambda: b"\x80\x04(\x94.",
    "nothing": lambda: b"\x80\x04.",
    "an object that is its own part": lambda: b"\x80\x04)q\x00h\x00\x85q\x000h\x00h\x00R.",
    # Values that are called.
    "a function of a class": lambda: dumped(
        make_pipeline(FunctionTransformer(np.ndarray), linear_model.Ridge())
    ),
    "a function of memory maps": lambda: dumped(
        make_pipeline(FunctionTransformer(np.memmap, kw_args={"mode": "w+"}), linear_model.Ridge())
    ),
    "a kernel that is a class": lambda: dumped(
        make_pipeline(having(fit(Nystroem(n_components=5)), kernel=dict), linear_model.Ridge())
    ),
    "a metric that is a class": lambda: near(metric=np.ndarray),
    "columns that are a class": lambda: line(columns=np.random.RandomState),
    "a random state made by a function": lambda: hidden(
        Calls(Named("numpy.random._pickle", RANDOM), 1 << 33, bytearray)
    ),
    "a stack that calls": lambda: dumped(
        having(
            fit(ensemble.StackingClassifier([("a", linear_model.LogisticRegression())])),
            stack_method_=["set_params"],
        )
    ),
    "words that are files": lambda: words(input="filename"),
    # Arrays.
    "an object scalar": lambda: hidden(
        Calls(Named("numpy._core.multiarray", "scalar"), OBJECTS, BACK)
    ),
    "an array of another class": lambda: hidden(array(OBJECTS, (2,), [1, 2], Bunch)),
    "objects of bytes": lambda: hidden(array(OBJECTS, (2,), BACK)),
    "fewer objects": lambda: hidden(array(OBJECTS, (9,), [1, 2])),
    "fewer bytes": lambda: line(coef_=array(np.dtype("f8"), (1 << 20,), BACK)),
    "a negative shape": lambda: line(coef_=array(np.dtype("f8"), (-1,), b"")),
    "an empty shape without end": lambda: line(coef_=array(np.dtype("f8"), (0, 1 << 60), b"")),
    "elements without bytes": lambda: line(coef_=array(dtype("S0"), (1 << 40,), b"")),
    "objects in fields": lambda: line(
        coef_=array(dtype("V8", 3, "|", None, ("a",), {"a": (OBJECTS, 0)}, 8, 1, 0), (2,), BACK)
    ),
    "a field outside": lambda: line(
        coef_=array(
            dtype("V8", 3, "|", None, ("a",), {"a": (np.dtype("f8"), 1 << 20)}, 8, 1, 0),
            (2,),
            BACK,
        )
    ),
    "objects without their flags": lambda: line(
        coef_=array(dtype("O8", 3, "|", None, None, None, -1, -1, 0), (2,), BACK)
    ),
    "a subarray that is smaller": lambda: line(
        coef_=array(
            dtype("V1", 3, "|", (np.dtype("f8"), (1 << 40,)), None, None, 1, 1, 0), (2,), BACK
        )
    ),
    "characters that are none": lambda: line(
        extra_=array(np.dtype("U2"), (2,), struct.pack("<4I", *[0x7FFFFFFF] * 4))
    ),
    "a sparse index outside": lambda: sparse(indices=np.array([0, 1, 2, 1 << 30], np.int32)),
    "sparse rows that go on": lambda: sparse(indptr=np.array([0, 1, 2, 3, 1 << 30], np.int32)),
    "a sparse shape": lambda: sparse(_shape=(1 << 20, 4)),
    "a spline's degree": spline,
    "a position of a random state": lambda: random_state(
        lambda state: state["state"].update(pos=1 << 28)
    ),
    "a random state of few words": lambda: random_state(
        lambda state: state["state"].update(key=np.zeros(3, np.uint32))
    ),
    # Trees.
    "a child outside": lambda: node("left_child", 1 << 40),
    "a negative child": lambda: node("right_child", -(1 << 40)),
    "a child that is its parent": lambda: node("left_child", 0),
    "a column outside": lambda: node("feature", 1 << 40),
    "more nodes than there are": lambda: grown(
        tree.DecisionTreeClassifier(), lambda state: state.update(node_count=1 << 30)
    ),
    "no nodes": lambda: grown(
        tree.DecisionTreeClassifier(),
        lambda state: state.update(
            node_count=0, nodes=state["nodes"][:0], values=state["values"][:0]
        ),
    ),
    "a depth that is less": lambda: grown(
        tree.DecisionTreeClassifier(), lambda state: state.update(max_depth=0)
    ),
    "fewer values": lambda: grown(
        tree.DecisionTreeClassifier(), lambda state: state.update(values=state["values"][:2])
    ),
    "a tree wider than its forest": lambda: dumped(
        having(fit(ensemble.RandomForestClassifier(1)), estimators_=[wide()])
    ),
    "a tree wider than its estimator": lambda: dumped(having(wide(), n_features_in_=4)),
    "an isolation forest of wide trees": lambda: dumped(
        having(fit(ensemble.IsolationForest(n_estimators=1)), estimators_=[wide()])
    ),
    "boosting from fewer classes": lambda: boosted(
        init_=linear_model.LogisticRegression().fit(data()[0], data()[0][:, 0] > 0)
    ),
    "boosting of fewer trees": lambda: boosted(init_="zero", n_trees_per_iteration_=1),
    "boosting of wide trees": lambda: boosted(estimators_=np.array([[wide()] * 3], dtype=object)),
    "a histogram's child": lambda: histogram("left", 1 << 30),
    "a histogram's cycle": lambda: histogram("left", 0, right=0),
    "a histogram's column": lambda: histogram("feature_idx", 1 << 40),
    "a histogram's categories": lambda: histogram("bitset_idx", 1 << 30, is_categorical=1),
    # Support vectors, neighbours, centres, words.
    "fewer support weights": lambda: supported(_dual_coef_=np.zeros((2, 1))),
    "fewer support vectors": lambda: supported(support_vectors_=np.zeros((1, 4))),
    "narrow support vectors": lambda: supported(support_vectors_=np.zeros((60, 1))),
    "more support vectors of a class": lambda: supported(
        _n_support=np.array([1 << 28, 1 << 28, 1 << 28], np.int32)
    ),
    "fewer support intercepts": lambda: supported(_intercept_=np.zeros(1)),
    "fewer support probabilities": lambda: supported(
        _probA=np.zeros(1), _probB=np.zeros(1), _effective_probability=True, probability=True
    ),
    "classes for a support regressor": lambda: supported(svm.SVR(), _impl="c_svc"),
    "a label outside": lambda: near(_y=np.full(60, 1 << 40)),
    "fewer labels": lambda: near(_y=np.zeros(1, int)),
    "more neighbours than rows": lambda: near(n_neighbors=1 << 20),
    "narrow centres": lambda: dumped(
        having(fit(KMeans(3, n_init=1)), cluster_centers_=np.zeros((3, 1)))
    ),
    "a word outside": lambda: words(vocabulary_={"one": 1 << 30, "two": 0}),
    "fewer columns of categories": lambda: encoded(_n_features_outs=[1, 1, 1, 1]),
    "categories that are not in order": lambda: encoded(
        categories_=[np.array([2.0, 0.0, 1.0])] * 4, _n_features_outs=[3, 3, 3, 3]
    ),
    "a category that is left out and not there": lambda: encoded(
        _drop_idx_after_grouping=np.array([99, None, None, None], dtype=object)
    ),
    "groups of columns that are not there": lambda: dumped(
        make_pipeline(
            having(fit(FeatureAgglomeration(2)), labels_=np.full(4, 1 << 40)),
            linear_model.Ridge(),
        )
    ),
    "words hashed to no column": lambda: dumped(
        make_pipeline(HashingVectorizer(n_features=0), linear_model.Ridge())
    ),
    # More than there is.
    "a hash bomb": bomb,
    "lists 200,000 deep": lambda: nested(200_000, b"](", b"e"),
    "tuples 200,000 deep": lambda: b"\x80\x04)" + b"\x85" * 200_000 + b".",
    "estimators 80 deep": deep_estimators,
    "estimators that share": shared_estimators,
    "keys with one hash": colliding,
    "bytes of 4 EiB": lambda: b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"a.",
    "a text of 4 EiB": lambda: b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"a.",
    "a frame of 4 EiB": lambda: b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"a.",
    "a number of negative length": lambda: b"\x80\x02\x8b\xff\xff\xff\xff.",
    "an array of 36 TiB": lambda: joblib_array((5 << 40,)),
    "an array of no bytes": lambda: joblib_array((1 << 62,), "S0"),
    "products without end": lambda: dumped(
        make_pipeline(having(fit(PolynomialFeatures(2)), degree=1000), linear_model.Ridge())
    ),
    "columns without end": lambda: line(n_features_in_=1 << 50),
}
"""Each in a pickle of listed names (but for the rows of names), by what it does."""
