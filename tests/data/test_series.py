"""Windows of a series: what is said of it, and what a CSV of it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.core.options import as_data
from edge_deploy.core.spec import LoadedModel, ModelSpec, Series, TensorSpec
from edge_deploy.data.csv_reader import Reading
from edge_deploy.data.preprocessing.series import (
    fitted,
    forecast_of,
    parse_series,
    remarks,
    rows_in_words,
    series_in,
    series_to_json,
    unnamed_series,
)
from edge_deploy.data.readers import read
from edge_deploy.data.series_csv import last_window, window_of, with_names
from edge_deploy.data.sidecars import DataOptions, Sidecars, apply, collect
from edge_deploy.data.synthetic import synthesize

CLOSE = Series(("Close",), 3, "USD", "Close")
BOTH = Series(("Open", "Close"), 3)
PRICES = "Date,Close,Open\n" + "".join(f"2024-01-0{n},{n}.5,{n}\n" for n in range(1, 8))


def spec(*shape: int | None, dtype: str = "float32", output: Any = (None, 1)) -> ModelSpec:
    kind = "value" if output == (None, 1) else "tensor"
    one = TensorSpec("x", (None, *shape), dtype, "sequence" if len(shape) == 2 else "table")
    return ModelSpec((one,), (TensorSpec("y", output, "float32", kind),))


def csv(text: str, name: str = "prices.csv") -> Path:
    Path(name).write_text(text)
    return Path(name)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["Close"], "must be an object, such as"),
        ({}, "channels must be the names of the columns"),
        ({"channels": []}, "channels must be the names of the columns"),
        ({"channels": "Close"}, "channels must be the names of the columns"),
        ({"channels": ["a", 1]}, "a channel is called by a text; got 1"),
        ({"channels": ["a", " "]}, "a channel is called by a text; got ' '"),
        ({"channels": ["a", "a"]}, "the channel 'a' stands there twice"),
        ({"channels": ["Open", "Close"], "target": "close"}, "Did you mean Close?"),
        ({"channels": ["a"], "unit": 3}, "the unit is a text"),
        ({"channels": ["a"], "steps": 0}, "steps is a whole number from 1 on; got 0"),
        ({"channels": ["a"], "steps": True}, "steps is a whole number from 1 on; got True"),
        ({"channels": ["a"], "horizon": 2.5}, "horizon is a whole number from 1 on; got 2.5"),
        ({"channels": ["a"], "window": 3}, "no key is called 'window'"),
    ],
)
def test_what_is_said_of_a_series_is_checked(said: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_series(said)
    assert words in str(caught.value)


def test_what_is_said_of_a_series_is_read_as_it_was_written() -> None:
    assert parse_series({"channels": ["Close"]}) == Series(("Close",))
    for one in (CLOSE, BOTH, Series(("a",), None, None, "a", 5)):
        assert parse_series(series_to_json(one)) == one
    document = {"series": {"channels": ["a"]}, "target": {"unit": "kWh"}}
    assert series_in(document) == (Series(("a",)), {"unit": "kWh"})
    assert series_in({"features": []}) is None and series_in([]) is None
    for wrong in ({**document, "features": []}, {**document, "target": "kWh"}):
        with pytest.raises(UsageError, match="features: "):
            series_in(wrong)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (spec(60, 1), ("x0",)),
        (spec(None, 3), ("x0", "x1", "x2")),
        (spec(28, 28), None),  # a picture
        (spec(60, 100), None),
        (spec(60, 1, dtype="int32"), None),  # tokens
        (spec(60), None),  # a row
        (ModelSpec((*spec(60, 1).inputs, *spec(60, 1).inputs), ()), None),
    ],
)
def test_a_series_that_nobody_spoke_of_is_known_by_its_shape(model, names) -> None:
    found = unnamed_series(model)
    assert (found and found.channels) == names
    assert found is None or found.steps == model.inputs[0].shape[1]


@pytest.mark.parametrize(
    ("series", "model", "steps"),
    [
        (Series(("a",)), spec(60, 1), 60),
        (Series(("a",)), spec(60), 60),
        (Series(("a",)), spec(1, 60), 60),
        (Series(("a",)), spec(None, 1), None),
        (Series(("a",), 20), spec(None, 1), 20),
        (Series(("a", "b")), spec(7, 2), 7),
    ],
)
def test_a_window_is_as_long_as_the_input(series, model: ModelSpec, steps) -> None:
    assert fitted(series, model).steps == steps


@pytest.mark.parametrize(
    ("series", "model", "words"),
    [
        (Series(("a", "b")), spec(60, 1), "has 2 channels (a, b), and the model takes 60 x 1"),
        (Series(("a", "b")), spec(60), "has 2 channels (a, b), and the model takes 60"),
        (Series(("a",)), spec(60, 5), "has 1 channel (a), and the model takes 60 x 5"),
        (Series(("a",)), spec(8, 8, 1), "has 1 channel (a), and the model takes 8 x 8 x 1"),
        (Series(("a",), 50), spec(60, 1), "has 50 steps, and the model takes 60 x 1"),
        (Series(("a",), 60, None, "a", 7), spec(60, 1), "the horizon is 7, and the model gives 1"),
        (
            Series(("a",)),
            ModelSpec((*spec(60, 1).inputs, *spec(60, 1).inputs), ()),
            "a series goes with a model of one input; this one has x, x",
        ),
    ],
)
def test_a_series_of_another_model_is_refused(series, model: ModelSpec, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        fitted(series, model, "features.json", " Mend.")
    assert words in str(caught.value) and str(caught.value).endswith(" Mend.")


@pytest.mark.parametrize(
    ("channels", "output", "target", "horizon"),
    [
        (("a",), (None, 1), "a", 1),
        (("a",), (None, 5), "a", 5),
        (("a",), (None, 5, 1), "a", 5),
        (("a", "b"), (None, 5), "a", 5),
        (("a", "b"), (None, 2), "a", 2),
    ],
)
def test_the_horizon_is_what_the_model_gives(channels, output, target, horizon: int) -> None:
    model = spec(9, len(channels), output=output)
    found = fitted(Series(channels, None, None, "a"), model)
    assert (found.target, found.horizon) == (target, horizon)


def test_windows_slide_and_what_comes_next_is_the_true_answer() -> None:
    found = read(csv(PRICES), spec(3, 1), series=CLOSE)
    assert found.inputs["x"].shape == (4, 3, 1) and found.inputs["x"].dtype == np.float32
    assert found.inputs["x"][1, :, 0].tolist() == [2.5, 3.5, 4.5]
    assert found.labels.tolist() == [4.5, 5.5, 6.5, 7.5]  # type: ignore[union-attr]
    assert (found.given, found.rows) == (4, ())


@pytest.mark.parametrize(
    ("series", "model", "first", "labels"),
    [
        (BOTH, spec(3, 2), [[1, 1.5], [2, 2.5], [3, 3.5]], None),
        (Series(("Close",), 3, None, "Close", 2), spec(3, 1), None, [[4.5, 5.5], [5.5, 6.5]]),
        (CLOSE, spec(3), [1.5, 2.5, 3.5], [4.5, 5.5]),
        (CLOSE, spec(1, 3), [[1.5, 2.5, 3.5]], [4.5, 5.5]),
        (Series(("Close",), None, None, "Close"), spec(None, 1), None, [7.5]),
    ],
)
def test_windows_have_the_form_of_the_input(series, model: ModelSpec, first, labels) -> None:
    found = read(csv(PRICES), model, series=series)
    assert first is None or found.inputs["x"][0].tolist() == first
    if labels is None:
        assert found.labels is None
    else:
        assert found.labels[: len(labels)].tolist() == labels  # type: ignore[union-attr]


def test_as_many_windows_as_wanted_are_chosen_by_the_seed() -> None:
    path = csv("Close\n" + "".join(f"{n}\n" for n in range(500)))
    first, again, other = (
        read(path, spec(3, 1), None, None, Reading(20, seed), CLOSE) for seed in (1, 1, 2)
    )
    assert first.count == 20 and first.given == 497
    assert np.array_equal(first.inputs["x"], again.inputs["x"])
    assert not np.array_equal(first.inputs["x"], other.inputs["x"])
    assert np.array_equal(first.labels, first.inputs["x"][:, 2, 0] + 1)  # type: ignore[arg-type]


def test_a_window_without_forecast_has_the_label_of_its_last_row() -> None:
    rows = "".join(f"{n},{n},{'run' if n > 4 else 'walk'}\n" for n in range(8))
    path = csv("Open,Close,did\n" + rows)
    found = read(path, spec(3, 2), None, None, Reading(label_column="did"), BOTH)
    assert list(found.labels) == ["walk"] * 3 + ["run"] * 3  # type: ignore[arg-type]
    named = read(path, spec(3, 2), None, None, Reading(label_column="Open"), BOTH)
    assert named.labels.tolist() == [3, 4, 5, 6, 7]  # type: ignore[union-attr]
    with pytest.raises(UsageError, match=r"no column is called 'dit'. Did you mean did"):
        read(path, spec(3, 2), None, None, Reading(label_column="dit"), BOTH)
    gap = csv("Open,Close,label\n1,1,a\n2,2,a\n3,3,\n4,4,b\n")
    assert read(gap, spec(3, 2), series=BOTH).labels is None


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (PRICES, [5.5, 6.5, 7.5]),
        (PRICES.replace(",", ";"), [5.5, 6.5, 7.5]),
        (PRICES.replace(",", "\t"), [5.5, 6.5, 7.5]),
        (PRICES.replace("\n", "\r\n") + "\r\n\r\n", [5.5, 6.5, 7.5]),
        ("\ufeffClose\n1\n2\n3\n4\n", [2, 3, 4]),
        ("1\n2\n3\n4\n", [2, 3, 4]),  # bare numbers
        ('Close,"a, b"\n1,2\n"-2.5e1",2\n3,2\n', [1, -25, 3]),
        ("Date,Close\n02/01/2024,1\n05/01/2024,2\n03/02/2024,3\n", [1, 2, 3]),
        ("Date,Close\nbefore,1\nnow,2\nafter,3\n", [1, 2, 3]),
    ],
)
def test_the_last_rows_of_a_csv_are_a_window(text: str, last: list[float]) -> None:
    window = last_window(csv(text), spec(3, 1).inputs[0], CLOSE)
    assert window.values.shape == (1, 3, 1) and window.values[0, :, 0].tolist() == last
    assert window.last - window.first == 2


WRONG: dict[str, tuple[str, str]] = {
    "too few": ("Close\n1\n2\n", "has 2 rows under its header, and the model needs 3 (Close)"),
    "none": ("Close\n", "there are no rows under the header"),
    "empty": ("", "there are no rows under the header"),
    "a gap": (
        "Close\n1\n\n2\nnan\n3\n",
        "row 3, column 'Close': there is no value. A series has no gaps: fill it, or",
    ),
    "a short row": ("Date,Close\na,1\nb\nc,3\n", "row 2, column 'Close': there is no value"),
    "a word": ("Close\n1\ntwo\n3\n", "row 2, column 'Close': 'two' is not a number."),
    "thousands": (
        'Close\n1\n"1,234.50"\n3\n',
        "row 2, column 'Close': '1,234.50' is not a number here. Write it with a decimal point",
    ),
    "a decimal comma": ("a;Close\n1;1\n1;2,5\n1;3\n", "row 2, column 'Close': '2,5' is not a num"),
    "infinity": ("Close\n1\ninf\n3\n", "row 2, column 'Close': 'inf' is not a number."),
    "too large": ("Close\n1\n1e39\n3\n", "row 2, column 'Close': '1e39' is not a number."),
    "another column": ("close,Open\n1,1\n", "has no column 'Close'. Is it the one called close?"),
    "two columns": ("Close,Close\n1,1\n", "two columns are called 'Close'. Keep one of them"),
    "no header": ("1,2\n3,4\n", "has no header and 2 columns. Its first line must name Close"),
    "newest first": (
        "Date,Close\n2024-03-01,1\n2024-02-01,2\n2024-01-01 10:00,3\n",
        "runs back in time (Date goes from 2024-03-01 to 2024-01-01 10:00)",
    ),
    "newest first, American": (
        "Date,Close\n03/01/2024,1\n02/01/2024,2\n01/01/2024,3\n",
        "Sort it by Date.",
    ),
    "a byte of nothing": ("Close\n1\n2\x00\n3\n", "row 2, column 'Close'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_series_is_said_with_row_and_column(case: str) -> None:
    text, words = WRONG[case]
    path = csv(text)
    for ask in (
        lambda: last_window(path, spec(3, 1).inputs[0], CLOSE),
        lambda: read(path, spec(3, 1), series=CLOSE),
    ):
        with pytest.raises(UsageError) as caught:
            ask()
        assert str(caught.value).startswith("prices.csv: ") and words in str(caught.value)


def test_windows_need_what_comes_after_them() -> None:
    path = csv("Close\n1\n2\n3\n")
    assert last_window(path, spec(3, 1).inputs[0], CLOSE).first == 1
    with pytest.raises(
        UsageError, match=r"needs 3 .*, and the value after them as the true answer"
    ):
        read(path, spec(3, 1), series=CLOSE)


def test_columns_name_the_channels_that_nobody_named() -> None:
    path = csv("when,ax,ay,label\na,1,2,0\nb,3,4,0\nc,5,6,1\n")
    plain = Series(("x0", "x1"), 3)
    assert with_names(path, plain, None) == Series(("ax", "ay"), 3)
    assert with_names(path, BOTH, None) == BOTH
    found = read(path, spec(3, 2), series=plain)
    assert found.inputs["x"][0].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.labels.tolist() == [1]  # type: ignore[union-attr]
    with pytest.raises(UsageError) as caught:
        with_names(path, Series(("x0",), 3), None)
    assert "has 2 columns of numbers (ax, ay), and the model takes 1 channel" in str(caught.value)
    assert '{"series": {"channels": ["ax"]}}' in str(caught.value)


def test_a_frame_and_numbers_are_read_as_the_csv() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.read_csv(csv(PRICES))
    of_file = read(Path("prices.csv"), spec(3, 2), series=BOTH)
    of_frame = read(as_data(frame, "reference"), spec(3, 2), series=BOTH)
    assert np.array_equal(of_file.inputs["x"], of_frame.inputs["x"])
    wanted = last_window(Path("prices.csv"), spec(3, 2).inputs[0], BOTH)
    found = window_of("x", frame[["Open", "Close"]].to_numpy(), spec(3, 2).inputs[0], BOTH)
    assert np.array_equal(found.values, wanted.values) and found.first == wanted.first
    for wrong, words in (
        (np.ones(9), r"has the shape \[9\], and the model takes rows of 2"),
        (np.ones((9, 3)), r"has the shape \[9, 3\]"),
        (np.full((9, 2), np.nan), "has NaN or infinity in its last 3 rows"),
        (np.ones((2, 2)), "has 2 rows"),
    ):
        with pytest.raises(UsageError, match=words):
            window_of("x", wrong, spec(3, 2).inputs[0], BOTH)


def loaded(model: ModelSpec, series: Series | None = None) -> LoadedModel:
    return LoadedModel(model, "keras3", "keras 3", 1, dict, dict, series=series)


@pytest.mark.parametrize(
    ("text", "own", "wanted"),
    [
        ('{"series": {"channels": ["Close"], "unit": "USD", "target": "Close"}}', None, CLOSE),
        ('{"series": {"channels": ["Close"], "unit": "USD"}}', CLOSE, CLOSE),
        (None, CLOSE, CLOSE),
        (None, None, Series(("x0",), 3)),
    ],
)
def test_a_file_beside_the_model_tells_of_its_series(text, own, wanted: Series) -> None:
    if text:
        Path("features.json").write_text(text)
    model = loaded(spec(3, 1), own)
    side = collect(Path(), "model.keras", model, DataOptions())
    assert side.series == wanted
    told = apply(model.spec, side)
    assert told.inputs[0].kind == "sequence" and told.outputs[0].unit == wanted.unit
    assert side.found == (("features.json (a series: Close)",) if text else ())


def test_the_order_of_channels_is_the_scalers() -> None:
    Path("features.json").write_text('{"series": {"channels": ["Open", "Close"]}}')
    own = Series(("Close", "Open"), target="Close")
    side = collect(Path(), "m", loaded(spec(3, 2), own), DataOptions())
    assert side.series == Series(("Close", "Open"), 3, None, "Close")


def test_a_forecast_of_a_sigmoid_is_a_value_with_its_unit() -> None:
    share = TensorSpec("y", (None, 1), "float32", "probability")
    model = ModelSpec(spec(3, 1).inputs, (share,))
    side = collect(Path(), "m", loaded(model, CLOSE), DataOptions())
    (told,) = apply(model, side).outputs
    assert (told.kind, told.unit) == ("value", "USD")
    assert forecast_of(model) is share
    assert forecast_of(ModelSpec((), (TensorSpec("y", (None, 3), "float32", "class"),))) is None


def test_made_up_series_run_on_from_step_to_step() -> None:
    typical = np.array([100.0]), np.array([10.0])
    side = Sidecars(series=CLOSE)
    found = synthesize(spec(200, 1), {}, side, typical, 0).inputs["x"][..., 0]
    steps = np.abs(np.diff(found, axis=1)).mean()
    assert 80 < found.mean() < 120 and steps < found.std() / 4


def test_a_user_is_told_how_a_series_was_taken() -> None:
    assert remarks(CLOSE, None) == ()
    assert "the true answer of each is the value of Close after it" in remarks(CLOSE, "p.csv")[0]
    assert "a series of 1 channel: say what it is with" in remarks(Series(("x0",)), None)[0]
    assert rows_in_words(CLOSE) == "the last 3 values of Close in USD"
    assert rows_in_words(Series(("x0", "x1"))) == "the last rows"
