"""What pandas wrote into pickles: names of columns and tables, by any version, without pandas."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import SourceError, UntrustedError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends.sklearn import loader
from edge_deploy.frontends.sklearn.safe_pickle.loader import load_pickle
from edge_deploy.frontends.sklearn.safe_pickle.pandas_objects import Series, Table

FILES = Path(__file__).parents[2] / "support" / "foreign_pickles"
LABELS = ("pandas1.1", "pandas1.3", "pandas1.5", "pandas2.2", "pandas3", "pandas3arrow")


def is_same(got: Any, wanted: Any) -> bool:
    """Whether two values are the same; what is missing (None, NaN) is like what is missing."""
    if isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(is_same, got, wanted))
    return got == wanted or (wanted is None and (got is None or got != got))


OBJECTS: dict[str, Any] = {
    "text": ["x", None, "y"],
    "categories": ["u", "v", "u"],
    "map": [1, 2, -2],
    "two levels": [(1, "u"), (2, "v"), (3, "u")],
    "numbers": [0.5, 4.0],
    "range": [2, 5],
}


@pytest.mark.parametrize("label", LABELS)
def test_objects_of_every_version_are_plain_values(label: str) -> None:
    found, _ = load_pickle(FILES / f"objects_{label}.pkl")
    for name, wanted in OBJECTS.items():
        assert is_same(found[name], wanted), name
    assert isinstance(found["map"], Series)
    assert is_same(list(found["map"].labels), ["x", "y", None])
    assert found["map"].name == "codes"
    assert [day[:10] for day in found["days"]] == ["2020-01-01", "2020-01-02"]
    frame = found["frame"]
    assert isinstance(frame, Table)
    assert list(frame.columns) == ["a", "b", "c", "d", "e"]
    assert is_same(frame.column("b"), [1.5, None, 2.0])
    assert is_same(frame.column("c"), ["x", None, "y"])
    assert is_same(frame.column("e"), [1, None, 2])
    assert is_same(list(found["by c"].labels), ["x", None, "y"])
    assert found["square"].column(1) == [1, 4]
    with pytest.raises(ValueError, match="not in list"):
        frame.column("z")


@pytest.mark.parametrize(
    "name", [f"columns_{label}" for label in LABELS] + ["dilled_pandas2.2", "dilled_pandas3"]
)
@pytest.mark.slow
def test_pipeline_whose_columns_an_index_chooses_answers(name: str) -> None:
    model = loader.load(FILES / f"{name}.pkl", LoadOptions())
    assert [one.name for one in model.features or ()] == ["age", "city", "visits"]
    arrays = {"features": np.array([[21.0, 2, 3], [48, 0, 2], [62, 3, 5], [35, -1, 1]], np.float32)}
    arrays["features"][3, 1] = 3
    given, lowered = model.predict(arrays), model.function(arrays)
    for output, value in given.items():
        np.testing.assert_allclose(value, np.asarray(lowered[output]), atol=1e-6)


class Made:
    """Pickles as a call of a global with arguments, and a state."""

    def __init__(self, name: str, *arguments: Any, state: Any = None) -> None:
        self.name, self.arguments, self.state = name, arguments, state


class _Pickler(pickle._Pickler):
    def save(self, obj: Any, *rest: Any) -> Any:
        if not isinstance(obj, Made):
            return super().save(obj, *rest)
        module, _, name = obj.name.rpartition(".")
        self.save(module)
        self.save(name)
        self.write(pickle.STACK_GLOBAL)
        if obj.arguments != (None,):
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        if obj.state is not None:
            self.save(obj.state)
            self.write(pickle.BUILD)
        return None


def dumped(value: Any, path: Path) -> Path:
    with path.open("wb") as file:
        _Pickler(file, 4).dump(value)
    return path


INDEX, NEW = Made("pandas.Index", None), "pandas.core.indexes.base._new_Index"
CODES = Made("pandas._libs.arrays.__pyx_unpickle_NDArrayBacked", Made("pandas.Categorical", None),
             1, (Made("pandas.CategoricalDtype", ["u"]), np.array([0, 1])))  # fmt: skip


def arrow(*parts: Any) -> Made:
    return Made("pyarrow.lib._restore_array", parts)


FORGED: dict[str, tuple[Any, type[Exception], str]] = {
    "range without end": (
        Made(NEW, Made("pandas.RangeIndex", None), {"start": 0, "stop": 1 << 80, "step": 1}),
        SourceError, "a range of pandas",
    ),
    "index of a table": (Made(NEW, INDEX, {"data": np.zeros((2, 2))}), SourceError, "one axis"),
    "index of a number": (Made(NEW, INDEX, {"data": 3}), SourceError, "that are int"),
    "state that is a list": (Made(NEW, INDEX, []), SourceError, "a state of pandas"),
    "code without category": (CODES, SourceError, "without their category"),
    "series without blocks": (
        Made("pandas.Series", state={"_mgr": 1}), SourceError, "without its blocks",
    ),
    "numbers of arrow": (
        arrow("int64", 1, 0, 0, [None, bytes(8), b""]), UntrustedError, "not of strings",
    ),
    "strings outside": (
        arrow("string", 1, 0, 0, [None, b"\0\0\0\0\xff\0\0\0", b"x"]), SourceError, "outside",
    ),
    "strings without places": (
        arrow("string", 9, 0, 0, [None, bytes(8), b"x"]), SourceError, "without their places",
    ),
    "many strings": (arrow("string", 1 << 40, 0, 0, [None, b"", b""]), SourceError, "more than"),
    "function of pandas": (Made("pandas.eval", "1"), UntrustedError, "pandas.eval"),
    "reader of pandas": (Made("pandas.io.pickle.read_pickle", "x"), UntrustedError, "read_pickle"),
    "array of dill": (
        Made("dill._dill._create_array", Made("builtins.eval", None), (), 1),
        UntrustedError, "_create_array",
    ),
    "type of dill": (Made("dill._dill._load_type", "CodeType"), UntrustedError, "_load_type"),
}  # fmt: skip


@pytest.mark.parametrize("row", FORGED)
def test_forged_object_is_refused(row: str, tmp_path: Path) -> None:
    value, kind, words = FORGED[row]
    with pytest.raises(kind, match=words):
        load_pickle(dumped(value, tmp_path / "model.pkl"))
