"""Pickles: what a scikit-learn model is made of is read, whatever else a file wants is not run."""

from __future__ import annotations

import builtins
import copyreg
import functools
import importlib
import io
import operator
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from edge_deploy.core.errors import (
    MissingDependencyError,
    SourceError,
    UntrustedError,
    UsageError,
)
from edge_deploy.frontends import load
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import BUILDERS, LISTED
from edge_deploy.frontends.sklearn.safe_pickle.loader import load_pickle
from edge_deploy.frontends.sklearn.skops import load_skops
from tests.support.hostile_pickles import (
    ATTACKS,
    Calls,
    Named,
    Opcodes,
    dumped,
    forged_search_tree,
)
from tests.support.hostile_pickles import data as hostile_data

CANARY = Path("CANARY")
TOUCH = f"echo > {CANARY}"
WRITE = f"open({str(CANARY)!r}, 'w').close()"
COMPRESSIONS = ("zlib", "gzip", "bz2", "xz", "lzma")


class Forged:
    """Pickles as a dtype of objects that says it holds none, so that bytes become pointers."""

    def __reduce__(self) -> Any:
        return np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 0)


def line() -> LinearRegression:
    x = np.random.default_rng(0).normal(size=(20, 3))
    return LinearRegression().fit(x, x @ [1.0, -2.0, 0.5] + 4)


def good() -> Any:
    """A model with strings, integers and random numbers in it."""
    x = np.random.default_rng(0).normal(size=(60, 3))
    labels = np.array(["no", "yes", "perhaps"], dtype=object)[np.digitize(x[:, 0], [-0.5, 0.5])]
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, labels)


def hidden(value: Any) -> Any:
    """A good pipeline with something in a fitted attribute of its last step."""
    model = good()
    model[-1].extra_ = value
    return model


def system() -> Calls:
    return Calls(os.system, TOUCH)


def npy(value: Any) -> str:
    """A .npy of objects beside the pickle."""
    path = Path("objects.npy")
    np.save(path, np.array([value], dtype=object), allow_pickle=True)
    return str(path)


def in_joblib(value: Any, compress: Any = 0, protocol: int | None = None) -> bytes:
    path = Path("made.joblib")
    joblib.dump(value, path, compress=compress, protocol=protocol)
    return path.read_bytes()


def objects(value: Any) -> np.ndarray:
    array = np.empty(2, dtype=object)
    array[:] = [value, 1]
    return array


OS = os.system.__module__ + ".system"
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "os.system": (lambda: dumped(system()), OS),
    "eval": (lambda: dumped(Calls(eval, WRITE)), "builtins.eval"),
    "exec": (lambda: dumped(Calls(exec, WRITE)), "builtins.exec"),
    "open": (lambda: dumped(Calls(open, str(CANARY), "w")), ".open"),
    "import": (lambda: dumped(Calls(builtins.__import__, "antigravity")), "builtins.__import__"),
    "getattr": (lambda: dumped(Calls(getattr, 1, "real")), "builtins.getattr"),
    "popen": (lambda: dumped(Calls(subprocess.Popen, TOUCH, -1, None)), "subprocess.Popen"),
    "partial": (lambda: dumped(Calls(functools.partial(os.system, TOUCH))), "functools.partial"),
    "attrgetter": (lambda: dumped(operator.attrgetter("a.b")), "operator.attrgetter"),
    "pickle.loads": (lambda: dumped(Calls(pickle.loads, dumped(system()))), "_pickle.loads"),
    "joblib.load": (
        lambda: dumped(Calls(joblib.load, str(Path("made.joblib").absolute()))),
        "joblib.numpy_pickle.load",
    ),
    "numpy runstring": (
        lambda: dumped(Calls(Named("numpy.testing._private.utils", "runstring"), WRITE, {})),
        "numpy.testing._private.utils.runstring",
    ),
    "numpy load": (lambda: dumped(Calls(np.load, npy(system()), None, True)), ".load"),
    "numpy memmap": (
        lambda: dumped(Calls(np.memmap, str(CANARY), "u1", "w+", 0, (4,))),
        "numpy.memmap",
    ),
    "numpy fromfile": (lambda: dumped(Calls(np.fromfile, "secret")), ".fromfile"),
    "numpy savetxt": (lambda: dumped(Calls(np.savetxt, str(CANARY), [1])), ".savetxt"),
    "numpy f2py": (
        lambda: dumped(Calls(Named("numpy.f2py.crackfortran", "myeval"), WRITE)),
        "numpy.f2py.crackfortran.myeval",
    ),
    "a function of scikit-learn": (
        lambda: dumped(Calls(Named("sklearn.datasets._base", "load_files"), ".")),
        "sklearn.datasets._base.load_files",
    ),
    "a listed function, called": (
        lambda: dumped(Calls(Named("sklearn.metrics._regression", "r2_score"), [1], [1])),
        "sklearn.metrics._regression.r2_score",
    ),
    "a dotted name": (
        lambda: dumped(Calls(Named("sklearn.base", "warnings.sys.exit"))),
        "sklearn.base.warnings.sys.exit",
    ),
    "a dotted name of a listed class": (
        lambda: dumped(Calls(Named("numpy", "ndarray.tofile"), np.zeros(1), str(CANARY))),
        "numpy.ndarray.tofile",
    ),
    "protocol 0": (lambda: pickle.dumps(system(), 0), OS),
    "INST": (lambda: f"(S'{TOUCH}'\nios\nsystem\n.".encode(), "os.system"),
    "OBJ": (lambda: f"(cos\nsystem\nS'{TOUCH}'\no.".encode(), "os.system"),
    "before a broken end": (lambda: dumped([system(), 1])[:-3], OS),
    "nested": (lambda: dumped(hidden(system())), OS),
    "nested, joblib": (lambda: in_joblib(hidden(system())), OS),
    "in an array": (lambda: dumped(hidden(objects(system()))), OS),
    "in an array, joblib": (lambda: in_joblib(hidden(objects(system()))), OS),
    "in an array in an array": (lambda: in_joblib(objects(objects(system()))), OS),
    **{
        f"in an array, {name}": (
            lambda name=name: in_joblib(hidden(objects(system())), (name, 3)),
            OS,
        )
        for name in COMPRESSIONS
    },
    "FunctionTransformer": (
        lambda: dumped(make_pipeline(FunctionTransformer(os.system), LinearRegression())),
        OS,
    ),
    "a codec": (lambda: b"\x80\x04c_codecs\nencode\n\x8c\x01a\x8c\x03bz2\x86R.", "codec bz2"),
    "a change to a class": (
        lambda: (
            b"csklearn.linear_model._base\nLinearRegression\n"
            b"(N(dS'predict'\nc__builtin__\nlist\nstb."
        ),
        "a change to a class",
    ),
    "a call of an object": (
        lambda: b"(isklearn.linear_model._base\nLinearRegression\n(tR.",
        "a call of an object",
    ),
    "a forged dtype": (lambda: dumped(hidden(Forged())), "a forged numpy dtype"),
    "a forged dtype, joblib": (lambda: in_joblib(hidden(Forged())), "a forged numpy dtype"),
    "an extension code": (lambda: b"\x80\x02\x82\x01.", "extension registry"),
    "an own class": (lambda: dumped(Named("my.models", "Best")), "my.models.Best"),
}


@pytest.mark.parametrize("row", HOSTILE)
def test_hostile_pickle_is_refused_and_not_run(row: str) -> None:
    build, named = HOSTILE[row]
    in_joblib(system())  # for the rows that would load a second file
    Path("secret").write_bytes(b"secret")
    path = Path("model.pkl")
    path.write_bytes(build())
    CANARY.unlink(missing_ok=True)
    before = dict(vars(LinearRegression))
    with pytest.raises(UntrustedError) as refused:
        load_pickle(path)
    said = str(refused.value)
    assert not CANARY.exists()
    assert vars(LinearRegression) == before
    assert named in said
    assert "Nothing was run" in said
    assert "trust_pickle=True" in said


def test_builder_refuses_too_when_no_name_is_held_to_the_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from edge_deploy.frontends.sklearn.safe_pickle import loader

    monkeypatch.setattr(loader, "_unlisted", lambda found: ([], []))
    for row, (build, _) in HOSTILE.items():
        path = Path("model.pkl")
        path.write_bytes(build())
        CANARY.unlink(missing_ok=True)
        with pytest.raises(SourceError):
            load_pickle(path)
        assert not CANARY.exists(), row


@pytest.mark.parametrize("row", ATTACKS)
def test_attack_with_listed_names_is_an_error_in_words(row: str) -> None:
    Path("model.pkl").write_bytes(ATTACKS[row]())
    CANARY.unlink(missing_ok=True)
    with pytest.raises((SourceError, UsageError)) as refused:
        load_pickle(Path("model.pkl"))
    assert str(refused.value).startswith("model.pkl: ")
    assert not CANARY.exists()


def test_spline_of_scipy_1_18_is_that_of_any_scipy() -> None:
    """It holds another spline, and an empty array of the library that computes."""
    x = np.random.default_rng(0).normal(size=(40, 2))
    model = SplineTransformer(n_knots=4).fit(x)

    def held(parts: Any) -> Any:
        if not isinstance(parts[2], dict):
            return parts  # of scipy 1.18 itself
        state = {name.removeprefix("_"): value for name, value in parts[2].items()}
        of = Named("scipy.interpolate._bsplines", "_BSpline")
        return (*parts[:2], (Opcodes(of, (), b"\x81", state, b"b"), np.zeros(0)))

    Path("model.pkl").write_bytes(dumped(model, {type(model.bsplines_[0]): held}))
    read, _ = load_pickle(Path("model.pkl"))
    np.testing.assert_array_equal(read.transform(x), model.transform(x))


def test_search_tree_is_made_of_its_rows_and_not_of_what_it_says_of_them() -> None:
    data, model, x = forged_search_tree()
    Path("model.pkl").write_bytes(data)
    read, _ = load_pickle(Path("model.pkl"))
    np.testing.assert_array_equal(read.predict_proba(x), model.predict_proba(x))


def test_booleans_and_bytes_are_read_as_numpy_makes_them() -> None:
    array = pickle.dumps({"array": np.zeros(4, bool)}).replace(b"\0\0\0\0\x94t", b"\0\1\2\xff\x94t")
    Path("model.pkl").write_bytes(array)
    read, _ = load_pickle(Path("model.pkl"))
    assert read["array"].view(np.uint8).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("compress", COMPRESSIONS)
def test_compressed_file_inflates_to_a_bound(
    compress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_deploy.frontends.sklearn.safe_pickle import loader

    monkeypatch.setattr(loader, "_INFLATED", 1 << 20)
    Path("model.pkl").write_bytes(in_joblib(np.zeros(1 << 22), (compress, 3)))
    with pytest.raises(SourceError, match="inflate to more than"):
        load_pickle(Path("model.pkl"))
    Path("model.pkl").write_bytes(in_joblib(np.zeros(1 << 16), (compress, 3)))
    assert load_pickle(Path("model.pkl"))[0].shape == (1 << 16,)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_refused(make: Any) -> None:
    make("model.pkl")
    with pytest.raises(SourceError, match="and not a file"):
        load_pickle(Path("model.pkl"))


def test_refusal_lists_every_name() -> None:
    Path("model.pkl").write_bytes(dumped([system(), Calls(eval, "1"), hidden(Calls(exec, "1"))]))
    with pytest.raises(UntrustedError) as refused:
        load_pickle(Path("model.pkl"))
    assert all(name in str(refused.value) for name in (OS, "builtins.eval", "builtins.exec"))


@pytest.mark.parametrize(
    ("module", "name", "says"),
    [
        ("keras.src.models.sequential", "Sequential", "Keras model"),
        ("scikeras.wrappers", "KerasClassifier", r"wrapper\.model_\.save\('model\.keras'\)"),
        ("keras.wrappers.scikit_learn", "KerasRegressor", "within a wrapper"),
        ("torch.nn.modules.linear", "Linear", "another library"),
        ("__main__", "MyModel", "somebody's own class"),
    ],
)
def test_refusal_says_what_the_file_holds(module: str, name: str, says: str) -> None:
    stream = f"(i{module}\n{name}\n(dS'weight'\nI1\nsb."
    Path("model.pkl").write_bytes(stream.encode())
    with pytest.raises(UntrustedError, match=says) as refused:
        load_pickle(Path("model.pkl"))
    assert f"{module}.{name}" in str(refused.value)


@pytest.mark.parametrize("compress", [0, ("zlib", 3)])
def test_trusted_pickle_runs_and_says_so(compress: Any) -> None:
    Path("model.pkl").write_bytes(in_joblib(hidden(objects(system())), compress))
    model, notes = load_pickle(Path("model.pkl"), trust=True)
    assert CANARY.exists()
    assert model[-1].classes_.tolist() == ["no", "perhaps", "yes"]
    assert notes == (f"code from the file was run (trust_pickle=True): {OS}",)


def test_trust_changes_nothing_for_a_harmless_pickle() -> None:
    Path("model.pkl").write_bytes(dumped(line()))
    _, notes = load_pickle(Path("model.pkl"), trust=True)
    assert notes == ()


def test_trusted_pickle_that_fails_is_an_error_in_words() -> None:
    Path("model.pkl").write_bytes(dumped(Named("my.models", "Best")))
    with pytest.raises(SourceError, match="needs the module my"):
        load_pickle(Path("model.pkl"), trust=True)


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "random bytes": (lambda: bytes(range(256)), "not a pickle"),
    "truncated": (lambda: dumped(good())[:-40], "cut short"),
    "truncated at the first byte": (lambda: b"\x80", "cut short"),
    "truncated joblib": (lambda: in_joblib(np.zeros(100))[:-10], "cut short"),
    "truncated zlib": (lambda: in_joblib(good(), 3)[:-10], "cut short"),
    "truncated xz": (lambda: in_joblib(good(), ("xz", 3))[:-10], "cut short"),
    "joblib of before 0.10": (
        lambda: dumped(Named("joblib.numpy_pickle", "NDArrayWrapper")),
        "before 0.10",
    ),
    "Z-file": (lambda: b"ZF0x10               x", "before 0.10"),
    "outside objects": (lambda: b"\x80\x02Pabc\n.", "outside the file"),
    "Python 2": (lambda: b"\x80\x02U\x02\xff\xfe.", "Python 2"),
}


@pytest.mark.parametrize("row", BROKEN)
def test_broken_file_is_an_error_in_words(row: str) -> None:
    build, says = BROKEN[row]
    Path("model.pkl").write_bytes(build())
    with pytest.raises(SourceError) as refused:
        load_pickle(Path("model.pkl"))
    assert says in str(refused.value)
    assert str(refused.value).startswith("model.pkl: ")
    assert not isinstance(refused.value, UntrustedError)


@pytest.mark.parametrize(
    "text", [b"Not a model, a note.\n", b"class,size\n1,2\n", b"<!DOCTYPE html><html></html>"]
)
def test_text_is_no_pickle(text: bytes) -> None:
    Path("model.pkl").write_bytes(text)
    with pytest.raises(UsageError, match=r"^model\.pkl: is a text file"):
        load_pickle(Path("model.pkl"))


def test_version_is_a_note_and_no_warning() -> None:
    class AsOf024(pickle._Pickler):
        def reducer_override(self, obj: Any) -> Any:
            if not isinstance(obj, LinearRegression):
                return NotImplemented
            return copyreg.__newobj__, (type(obj),), {**vars(obj), "_sklearn_version": "0.24.2"}

    buffer = io.BytesIO()
    AsOf024(buffer).dump(line())
    Path("model.pkl").write_bytes(buffer.getvalue())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, notes = load_pickle(Path("model.pkl"))
    assert len(notes) == 1
    assert notes[0].startswith("saved by scikit-learn 0.24.2, read by ")


GOOD: dict[str, Callable[[Any], bytes]] = {
    **{f"protocol {n}": lambda model, n=n: pickle.dumps(model, n) for n in range(6)},
    "joblib": in_joblib,
    **{f"joblib {c}": lambda model, c=c: in_joblib(model, (c, 3)) for c in COMPRESSIONS},
    "sklearn.externals.joblib": lambda model: in_joblib(model, protocol=2).replace(
        b"cjoblib.numpy_pickle\n", b"csklearn.externals.joblib.numpy_pickle\n"
    ),
}


@pytest.mark.parametrize("row", GOOD)
def test_model_is_read_as_it_was_saved(row: str) -> None:
    model = good()
    Path("model.pkl").write_bytes(GOOD[row](model))
    read, notes = load_pickle(Path("model.pkl"))
    x = np.random.default_rng(1).normal(size=(9, 3))
    assert notes == ()
    assert (read.predict(x) == model.predict(x)).all()
    np.testing.assert_array_equal(read.predict_proba(x), model.predict_proba(x))


ARRAYS = {
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(6, dtype=">i4").reshape(3, 2),
    "empty": np.zeros((0, 4)),
    "no axis": np.array(3.5),
    "structured": np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "<f8", (1,))]),
    "strings": np.array(["a", "ü"]),
    "dates": np.array(["2020-01-01"], dtype="M8[D]"),
    "objects": objects("a"),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[0, 1]),
    "memory map": None,
}


@pytest.mark.parametrize("row", ARRAYS)
@pytest.mark.parametrize("dump", ["protocol 0", "protocol 2", "protocol 5", "joblib", "joblib xz"])
def test_array_is_read_as_it_was_saved(row: str, dump: str) -> None:
    array = ARRAYS[row]
    if array is None:
        np.save("on_disk.npy", np.arange(4.0))
        array = np.load("on_disk.npy", mmap_mode="r")
    Path("model.pkl").write_bytes(GOOD[dump]({"array": array}))
    read = load_pickle(Path("model.pkl"))[0]["array"]
    np.testing.assert_array_equal(np.ma.getdata(read), np.ma.getdata(array))
    assert read.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")


def test_estimator_of_every_class_may_be_named() -> None:
    from sklearn.utils import all_estimators

    wanted = {(kind.__module__, name) for name, kind in all_estimators()}
    assert wanted <= LISTED


def test_list_holds_classes_and_few_functions_that_may_be_called() -> None:
    # Of what pandas and Arrow write, plain values are made, and nothing of theirs is called.
    called = {one for one in BUILDERS if not one[0].startswith(("pandas", "pyarrow"))}
    called.discard(("scipy.interpolate._bsplines", "_BSpline"))  # of scipy 1.18 and later
    found = {name: getattr(importlib.import_module(module), name) for module, name in called}
    functions = {name for name, value in found.items() if not isinstance(value, type)}
    assert functions == {
        "_reconstruct", "scalar", "_frombuffer", "_mareconstruct", "newObj", "encode",
        "__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor",
        "__pyx_unpickle_SeedSequence", "__pyx_unpickle_CyHalfMultinomialLoss", "_reconstructor",
        "__RandomState_ctor",
    }  # fmt: skip


def test_random_damage_is_an_error_in_words_or_nothing() -> None:
    model = SGDClassifier(random_state=0).fit([[0.0], [1.0]], [0, 1])
    good_bytes = [pickle.dumps(model, 2), in_joblib(model)]
    rng = np.random.default_rng(0)
    for number in range(300):
        data = bytearray(good_bytes[number % 2])
        data[rng.integers(len(data))] = rng.integers(256)
        Path("model.pkl").write_bytes(data)
        try:
            load_pickle(Path("model.pkl"))
        except SourceError as error:
            assert str(error).startswith("model.pkl: ")


_FUZZ = """
import pickle, random, sys, warnings
from pathlib import Path
import numpy as np
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.frontends.sklearn.safe_pickle.loader import load_pickle
warnings.simplefilter("ignore")
rng = random.Random(int(sys.argv[1]))
rows = np.random.default_rng(0).normal(size=(20, 4))
loaded = 0
for number in range(int(sys.argv[2])):
    data = bytearray(rng.choice(MODELS))
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data))
        if rng.random() < 0.3:
            other = rng.randrange(len(data))
            data[at:at + 8] = data[other:other + 8]
        else:
            data[at] = rng.choice((0, 1, 255, rng.randrange(256), data[rng.randrange(len(data))]))
    Path("model.pkl").write_bytes(data)
    Path("last").write_text(f"{number}")
    try:
        model, _ = load_pickle(Path("model.pkl"))
    except EdgeDeployError:
        continue
    loaded += 1
    try:
        model.predict(rows)
        model.predict_proba(rows)
    except Exception:
        pass
print(loaded)
"""


@pytest.mark.slow
def test_mutated_pickles_never_crash() -> None:
    """In a child, so that a segmentation fault is seen; whatever loads is asked to predict."""
    from sklearn import ensemble, svm

    from tests.support.hostile_pickles import fit

    models = [
        fit(ensemble.RandomForestClassifier(2, max_depth=3, random_state=0)),
        fit(ensemble.GradientBoostingClassifier(n_estimators=2, max_depth=2)),
        fit(ensemble.HistGradientBoostingClassifier(max_iter=2)),
        fit(svm.SVC()),
        fit(KNeighborsClassifier(3)),
        fit(KNeighborsClassifier(3, algorithm="brute")),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(*hostile_data()),
    ]
    data = [pickle.dumps(model, protocol) for model in models for protocol in (2, 4)]
    data += [in_joblib(model) for model in models]
    Path("fuzz.py").write_text(f"MODELS = {data!r}\n{_FUZZ}")
    found = subprocess.run(
        [sys.executable, "fuzz.py", "0", "700"], capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, (Path("last").read_text(), found.stderr[-2000:])
    assert int(found.stdout) > 50


class Own(LinearRegression):  # type: ignore[misc]
    """Somebody's own class."""


def test_skops_file_is_read_as_it_was_saved() -> None:
    skops = importlib.import_module("skops.io")
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 3
    model = make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(x, y)
    skops.dump(model, "model.skops")
    read, notes = load_skops(Path("model.skops"))
    assert notes == ()
    np.testing.assert_array_equal(read.predict_proba(x), model.predict_proba(x))
    with load.open_source(Path("model.skops")) as source:
        assert source.loader == "sklearn"


def test_unknown_type_in_a_skops_file_is_refused_and_named() -> None:
    skops = importlib.import_module("skops.io")
    skops.dump(Own().fit([[0.0], [1.0]], [0, 1]), "model.skops")
    with pytest.raises(UntrustedError, match=r"test_safe_pickle\.Own.*Nothing was run"):
        load_skops(Path("model.skops"))
    model, notes = load_skops(Path("model.skops"), trust=True)
    assert type(model) is Own
    assert "test_safe_pickle.Own" in notes[0]


def test_partial_function_in_a_file_is_that_of_histograms_or_none() -> None:
    """HistGradientBoosting has one inside; it is never called with what a file says."""
    skops = importlib.import_module("skops.io")
    x = np.column_stack([np.arange(60) % 5, np.linspace(0, 1, 60)])
    model = HistGradientBoostingRegressor(max_iter=3, categorical_features=[0]).fit(x, x[:, 0])
    skops.dump(model, "model.skops")
    Path("model.pkl").write_bytes(pickle.dumps(model))
    for read, _ in (load_skops(Path("model.skops")), load_pickle(Path("model.pkl"))):
        assert (read.predict(x) == model.predict(x)).all()
    other = FunctionTransformer(functools.partial(np.memmap, mode="w+")).fit(x)
    skops.dump(other, "other.skops")
    with pytest.raises(UntrustedError, match=r"functools\.partial"):
        load_skops(Path("other.skops"))
    Path("other.pkl").write_bytes(pickle.dumps(other))
    read, _ = load_pickle(Path("other.pkl"))
    assert not callable(read.func)


SKOPS: dict[str, tuple[Callable[[], Any], Callable[[str], str], str]] = {
    "__array_interface__": (
        line,
        lambda schema: schema.replace('"fit_intercept"', '"__array_interface__"'),
        "__array_interface__",
    ),
    "predict": (
        good,
        lambda schema: schema.replace('"n_iter_"', '"predict"'),
        "'predict'",
    ),
    "a method": (
        good,
        lambda schema: schema.replace('"TupleNode"', '"MethodNode"'),
        "MethodNode",
    ),
    "an operator": (
        good,
        lambda schema: schema.replace('"TupleNode"', '"OperatorFuncNode"'),
        "OperatorFuncNode",
    ),
    "an unlisted class": (
        good,
        lambda schema: schema.replace('"StandardScaler"', '"Popen"'),
        "Popen",
    ),
    "a call of a listed function": (
        good,
        lambda schema: schema.replace(
            '"sklearn.preprocessing._data"', '"sklearn.utils.validation"'
        ).replace('"StandardScaler"', '"check_array"'),
        "check_array",
    ),
}


@pytest.mark.parametrize("row", SKOPS)
def test_hostile_skops_file_is_refused(row: str) -> None:
    make, change, named = SKOPS[row]
    skops_of(make(), change)
    with pytest.raises(UntrustedError, match=r"^model\.skops: ") as refused:
        load_skops(Path("model.skops"))
    assert named in str(refused.value)
    assert "Nothing was run" in str(refused.value)


def skops_of(model: Any, change: Callable[[str], str], arrays: Any = None) -> None:
    """A .skops file with another schema, and with other arrays."""
    skops = importlib.import_module("skops.io")
    skops.dump(model, "whole.skops")
    with zipfile.ZipFile("whole.skops") as old, zipfile.ZipFile("model.skops", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "schema.json":
                data = change(data.decode()).encode()
            elif arrays is not None:
                data = arrays(data)
            new.writestr(name, data)


def test_tree_in_a_skops_file_is_held_to_its_nodes() -> None:
    def changed(data: bytes) -> bytes:
        array = np.load(io.BytesIO(data))
        if "left_child" in (array.dtype.names or ()):
            array["left_child"][0] = 1 << 40
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    x, y = hostile_data()
    skops_of(DecisionTreeClassifier().fit(x, y), str, changed)
    with pytest.raises(SourceError, match="a node's children"):
        load_skops(Path("model.skops"))


def test_array_of_a_skops_file_is_held_to_its_bytes() -> None:
    claimed = np.lib.format.magic(1, 0) + b""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (5497558138880,), }"
    header += b" " * (118 - len(header)) + b"\n"
    claimed += len(header).to_bytes(2, "little") + header
    skops_of(good(), str, lambda _: claimed)
    with pytest.raises(SourceError, match="43980465111040 bytes, of which 0 are there"):
        load_skops(Path("model.skops"))


def test_skops_file_inflates_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    skops = importlib.import_module("skops.io")
    module = importlib.import_module("edge_deploy.frontends.sklearn.safe_pickle.loader")
    monkeypatch.setattr(module, "_INFLATED", 1 << 20)
    skops.dump(np.zeros(1 << 22), "model.skops", compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(SourceError, match="inflate to more than"):
        load_skops(Path("model.skops"))


def test_damaged_skops_file_is_an_error_in_words() -> None:
    with zipfile.ZipFile("model.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(SourceError, match=r"model\.skops: this \.skops file cannot be read"):
        load_skops(Path("model.skops"))


@pytest.mark.parametrize(
    ("module", "read", "start", "says"),
    [
        ("lz4.frame", load_pickle, b"\x04\x22\x4d\x18", "pip install lz4"),
    ],
)
def test_a_package_that_a_file_needs_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, read: Any, start: bytes, says: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "model").write_bytes(start)
    with pytest.raises(MissingDependencyError, match=f"-m {says}$"):
        read(tmp_path / "model")
