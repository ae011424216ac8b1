"""Samples are read in one way, whether they are compared with or calibrated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.core.options import as_data
from edge_deploy.core.spec import Array, Feature, ModelSpec, TensorSpec
from edge_deploy.data.calibration import MOST, open_samples
from edge_deploy.data.csv_reader import Reading, read_rows
from edge_deploy.data.readers import read, stream
from edge_deploy.data.reference import Reference, with_class_indices
from edge_deploy.data.sidecars import with_targets

ONE = ModelSpec((TensorSpec("x", (None, 3), "float32"),), ())
STATIC = ModelSpec((TensorSpec("x", (2, 3), "float32"),), ())
TWO = ModelSpec(
    (TensorSpec("x", (None, 3), "float32"), TensorSpec("n", (None,), "int32")), ()
)  # fmt: skip
X = np.arange(12, dtype=np.float64).reshape(4, 3)
N = np.arange(4)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def npz(**arrays: Any) -> Path:
    np.savez_compressed("data.npz", **arrays)
    return Path("data.npz")


def npy(array: Array) -> Path:
    np.save("data.npy", array)
    return Path("data.npy")


FITS: dict[str, tuple[Callable[[], Path], ModelSpec]] = {
    "npz": (lambda: npz(x=X, n=N), TWO),
    "npz with labels": (lambda: npz(x=X, labels=N), ONE),
    "npz of one array": (lambda: npz(anything=X), ONE),
    "an artifact's own": (lambda: npz(**{"in:x": X, "in:n": N, "out:y": N}), TWO),
    "npy": (lambda: npy(X), ONE),
    "npy of a static input": (lambda: npy(np.stack([X[:2], X[2:]])), STATIC),
}


@pytest.mark.parametrize("case", FITS)
def test_a_stream_gives_what_reading_whole_gives(case: str) -> None:
    make, spec = FITS[case]
    path = make()
    whole, found = read(path, spec).inputs, stream(path, spec, None)
    assert found is not None and found.count == len(whole["x"])
    parts = list(found.read(range(found.count)))
    for s in spec.inputs:
        values = np.concatenate([p[s.name] if s.batched else p[s.name][None] for p in parts])
        assert values.dtype == s.dtype and np.array_equal(values, whole[s.name])
    assert np.array_equal(next(found.read([1]))["x"], parts[1]["x"])


REFUSED: dict[str, tuple[Callable[[], Path], ModelSpec, str]] = {
    "missing key": (lambda: npz(x=X, m=N), TWO, "no array for input 'n'; the keys are x, m"),
    "counts": (lambda: npz(x=X, n=N[:2]), TWO, "different numbers of samples: {'x': 4, 'n': 2}"),
    "no samples": (lambda: npz(x=X[:0]), ONE, "there are no samples in it"),
    "shape": (lambda: npz(x=X[:, :2]), ONE, r"has shape \[4, 2\]; the model takes samples x 3"),
    "dtype": (lambda: npz(x=X.astype(str)), ONE, "is of dtype <U32; the model takes float32"),
    "npy shape": (lambda: npy(X[:, :2]), ONE, r"has shape \[4, 2\]; the model takes samples x 3"),
    "npy of objects": (lambda: npy(np.array([[1], [1, 2]], object)), ONE, "holds an object array"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_the_same_words(case: str) -> None:
    make, spec, words = REFUSED[case]
    path = make()
    for reader in (read, lambda p, s: open_samples(p, s, None, None)):
        with pytest.raises(UsageError, match=words):
            reader(path, spec)


def test_an_array_stored_by_columns_is_not_streamed_wrong() -> None:
    with pytest.raises(UsageError, match="column by column"):
        open_samples(npz(x=np.asfortranarray(X)), ONE, None, None)


def test_calibration_takes_samples_from_all_over() -> None:
    samples = open_samples(npy(np.repeat(np.arange(1000.0), 3).reshape(-1, 3)), ONE, None, None)
    seen = [float(feed["x"][0, 0]) for feed in samples]
    assert samples.count == len(seen) == MOST
    assert (seen[0], seen[-1]) == (0.0, 999.0) and seen == [
        float(feed["x"][0, 0]) for feed in samples
    ]


AGE, CITY = (
    Feature("age", missing="nan"),
    Feature("city", "category", categories=("a", "b"), encode="one-hot"),
)
TABLE = ModelSpec((TensorSpec("features", (None, 3), "float32", "table"),), ())


def test_a_frame_is_read_as_its_csv() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "age": [40.5, None, 1e-7, 3],
            "city": pd.Categorical(["a", "b", "b", "a"]),
            "other": [pd.NA, "x", None, "y"],
            "label": [1, 0, 1, 0],
        }
    )
    frame.to_csv("data.csv", index=False)
    of_file = read(Path("data.csv"), TABLE, (AGE, CITY), Reading(3, 1))
    of_frame = read(as_data(frame, "reference"), TABLE, (AGE, CITY), Reading(3, 1))
    assert np.array_equal(of_file.inputs["features"], of_frame.inputs["features"], equal_nan=True)
    assert np.array_equal(of_file.labels, of_frame.labels)
    assert (of_file.given, of_file.rows) == (of_frame.given, of_frame.rows)
    beside = read(as_data((frame, list("wxyz")), "reference"), TABLE, (AGE, CITY), Reading(3, 1))
    places = [int(n) for n in np.flatnonzero(np.isin(list("wxyz"), beside.labels))]
    assert np.array_equal(frame["label"][places], of_file.labels)


HELD = {
    "unknown category": (lambda pd: pd.DataFrame({"age": [1], "city": ["c"]}), "no category"),
    "no column": (
        lambda pd: pd.DataFrame({"age": [1]}),
        "the reference data: has no column 'city'",
    ),
    "no rows": (lambda pd: pd.DataFrame({"age": [], "city": []}), "there are no rows"),
    "labels": (
        lambda pd: (pd.DataFrame({"age": [1], "city": ["a"]}), [1, 2]),
        "there are 2 labels for 1 samples",
    ),
    "labels of one value": (
        lambda pd: (pd.DataFrame({"age": [1], "city": ["a"]}), 1),
        "the labels are one value; give one for each of 1 samples",
    ),
    "width": (
        lambda pd: np.ones((2, 2)),
        r"the reference data: input 'features' has shape \[2, 2\]",
    ),
    "key": (lambda pd: {"a": [1], "b": [2]}, "the reference data: no array for input 'features'"),
}


@pytest.mark.parametrize("case", HELD)
def test_what_is_wrong_with_held_data_is_told(case: str) -> None:
    make, words = HELD[case]
    given = make(pytest.importorskip("pandas"))
    with pytest.raises(UsageError, match=words):
        read(as_data(given, "reference"), TABLE, (AGE, CITY))


def test_one_array_is_not_for_two_inputs() -> None:
    with pytest.raises(UsageError, match="the model has 2 inputs"):
        read(as_data(X, "reference"), TWO)


KINDS = ModelSpec(
    (TensorSpec("x", (None, 2), "float32", "table"),),
    (TensorSpec("y", (None, 2), "float32", "probabilities", ("cat", "dog")),),
)
PAIR = (Feature("a"), Feature("b"))
ROWS = "a,b,kind,label\n1,2,dog,0\n3,4,cat,1\n"
# A table, how it is read, and its labels, the columns that may be some, why there are none.
LABELS: dict[str, tuple[str, Reading, list[int] | None, tuple[str, ...], str]] = {
    "usual": (ROWS, Reading(), [0, 1], (), ""),
    "by name": (ROWS, Reading(label_column="kind"), [1, 0], (), ""),
    "likely": ("a,b,kind\n1,2,dog\n3,4,cat\n", Reading(), None, ("kind",), ""),
    "likely, by index": ("a,b,kind\n1,2,1\n3,4,0\n", Reading(), None, ("kind",), ""),
    "too few to be likely": ("a,b,kind\n1,2,dog\n3,4,dog\n", Reading(), None, (), ""),
    "empty": ("a,b,label\n1,2,\n3,4,\n", Reading(), None, (), "2 of 2 rows"),
    "with a gap": ("a,b,label\n1,2,cat\n3,4,\n", Reading(), None, (), "first in row 2"),
    "need not be": (ROWS, Reading(label_column="other", unlabelled=True), None, (), ""),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_of_a_table_are_read_or_it_is_said_why_not(case: str) -> None:
    text, reading, labels, likely, why = LABELS[case]
    Path("data.csv").write_text(text)
    data = with_class_indices(read(Path("data.csv"), KINDS, PAIR, None, reading), KINDS)
    assert (None if data.labels is None else data.labels.tolist()) == labels
    assert set(likely) <= set(data.likely) and why in data.unlabelled
    assert bool(why) == bool(data.unlabelled)


def test_several_columns_of_true_answers_are_as_many_values_a_sample() -> None:
    Path("data.csv").write_text("a,b,low,high\n1,2,0.5,1\n3,4,1.5,2.25\n")
    spec = replace(KINDS, outputs=(TensorSpec("y", (None, 2), "float32", "value"),))
    data = read(Path("data.csv"), spec, PAIR, None, Reading(label_column="low, high"))
    labels = with_class_indices(data, spec).labels
    assert labels is not None and labels.tolist() == [[0.5, 1], [1.5, 2.25]]
    with pytest.raises(UsageError, match=r"hgh.*Did you mean high"):
        read(Path("data.csv"), spec, PAIR, None, Reading(label_column="low,hgh"))


QUESTIONS = replace(
    KINDS,
    outputs=(
        TensorSpec("class_0", (None,), "int32", "class", ("bronze", "gold", "silver")),
        TensorSpec("probabilities_0", (None, 3), "float32", "probabilities"),
        TensorSpec("class_1", (None,), "int32", "class", ("1", "2")),
    ),
)
ASKED = "a,b,tier,size\n1,2,Gold,2\n3,4,Bronze,1\n"


def test_several_questions_have_a_column_each() -> None:
    Path("data.csv").write_text(ASKED)
    data = read(Path("data.csv"), QUESTIONS, PAIR, None, Reading(label_column="tier,size"))
    labels = with_class_indices(data, QUESTIONS).labels
    assert labels is not None and labels.tolist() == [[1, 1], [0, 0]]
    data = read(Path("data.csv"), QUESTIONS, PAIR, None, Reading(label_column="size,tier"))
    with pytest.raises(UsageError, match="label 'Gold' of class_1, whose classes are 1, 2"):
        with_class_indices(data, QUESTIONS)
    data = read(Path("data.csv"), QUESTIONS, PAIR, None, Reading(label_column="tier"))
    assert "answers 2 questions" in with_class_indices(data, QUESTIONS).unlabelled


@pytest.mark.parametrize(
    ("spec", "names", "classes", "labels"),
    [
        (QUESTIONS, ("tier", "size"), [3, None, 2], ["tier", "tier", "size"]),
        (QUESTIONS, ("tier",), [3, None, 2], [None, None, None]),
        (replace(KINDS, outputs=(TensorSpec("y", (None, 2), "float32"),)), ("low", "high"), [2],
         [None]),
        (KINDS, ("low", "high"), [2], [None]),
    ],
)  # fmt: skip
def test_answers_are_called_as_the_columns_of_the_true_ones(
    spec: ModelSpec, names: Any, classes: Any, labels: Any
) -> None:
    found = with_targets(spec, names).outputs
    assert [one.classes and len(one.classes) for one in found] == classes
    assert [one.label for one in found] == labels


NO_LABELS: dict[str, tuple[str, Reading, str]] = {
    "no such column": (ROWS, Reading(label_column="knd"), "Did you mean kind?"),
    "a word among numbers": ("a,b,kind\n1,2,dog\n", Reading(), "say label_column=..."),
    "one column more": ("a,b,kind\n1,2,1\n3,4,0\n", Reading(), "label_column='kind'"),
}


@pytest.mark.parametrize("case", NO_LABELS)
def test_a_column_that_may_be_the_labels_is_named(case: str) -> None:
    text, reading, words = NO_LABELS[case]
    Path("data.csv").write_text(text)
    with pytest.raises(UsageError) as raised:
        read(Path("data.csv"), KINDS, None, None, reading)
    assert words in str(raised.value)


# Labels as they are given, the names of the classes, and the labels as indices.
INDICES: dict[str, tuple[Any, tuple[str, ...] | None, list[float]]] = {
    "names": (["dog", "cat"], ("cat", "dog"), [1, 0]),
    "names in other capitals": (["DOG", "cat "], ("Cat", "Dog"), [1, 0]),
    "names that nobody gave": (["dog", "cat"], None, [1, 0]),
    "classes called by numbers": ([2, 1], ("1", "2"), [1, 0]),
    "numbers as floats": ([2.0, 1.0], ("1", "2"), [1, 0]),
    "indices": ([1, 0], ("1", "2"), [1, 0]),
    "truth values": ([True, False], None, [1, 0]),
    "objects": (np.array(["dog", "cat"], object), ("cat", "dog"), [1, 0]),
    "a column": ([[1], [0]], None, [1, 0]),
    "one-hot": ([[0, 1], [1, 0]], None, [1, 0]),
}


@pytest.mark.parametrize("case", INDICES)
def test_labels_become_indices_of_classes(case: str) -> None:
    given, classes, wanted = INDICES[case]
    spec = replace(KINDS, outputs=(replace(KINDS.outputs[0], classes=classes),))
    data = Reference({"x": np.zeros((2, 2))}, labels=np.asarray(given))
    assert with_class_indices(data, spec).labels.tolist() == wanted  # type: ignore[union-attr]


WORDS = "name,b\nPoznań,1\nKöln £,2\n"
ENCODED: dict[str, tuple[bytes, list[str] | None]] = {
    "UTF-8": (WORDS.encode(), ["Poznań", "Köln £"]),
    "UTF-8 with a mark": (WORDS.encode("utf-8-sig"), ["Poznań", "Köln £"]),
    "UTF-16, as Excel saves Unicode text": (WORDS.encode("utf-16"), ["Poznań", "Köln £"]),
    "Windows-1252": (WORDS.replace("ń", "n").encode("cp1252"), ["Poznan", "Köln £"]),
    "Latin 1, of a byte that Windows-1252 lacks": (b"name,b\n\x81\xe9,1\n", None),
    "no text": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None),
}


@pytest.mark.parametrize("name", ENCODED)
def test_a_csv_is_read_in_the_encodings_that_people_save(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, expected = ENCODED[name]
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    if expected is None:
        with pytest.raises(UsageError, match=r"rows\.csv: cannot be read as CSV"):
            read_rows(path)
        return
    with caplog.at_level("WARNING", "edge_deploy.notes"):
        assert [row["name"] for row in read_rows(path)] == expected
    told = ["rows.csv is not UTF-8: it was read as Windows-1252"] if "1252" in name else []
    assert [record.getMessage() for record in caplog.records] == told
