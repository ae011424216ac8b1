"""Models that look words up inside: the words become columns, and the answers stay the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ConversionError, UsageError
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.formats.registry import FORMATS, RUNTIMES
from edge_deploy.frontends import keras as keras_files
from edge_deploy.web.browser import Browser
from tests.support.lookup_models import (
    ROWS,
    TEXTS,
    WORDS,
    Layers,
    adapted,
    columns,
    load,
    model,
    of_columns,
    of_lists,
    of_text,
    pairs,
    structured,
    with_asset,
)
from tests.support.three_targets import META, close, in_onnx, in_tfjs, in_tflite

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def keras_of(name: str) -> Any:
    import keras
    import tf_keras

    return keras if name == "keras" else tf_keras


Rows = list[dict[str, Any]]


def answers(built: Any, rows: Rows) -> np.ndarray:
    """What the model says in its own Keras."""
    import tensorflow as tf

    names = [tensor.name.partition(":")[0] for tensor in built.inputs]
    given = {name: tf.constant(columns(rows)[name]) for name in names}
    return np.asarray(built(given, training=False))


def same(found: LoadedModel, want: np.ndarray, rows: Rows = ROWS, files: bool = True) -> None:
    """The words, their numbers and what a graph makes of these alike; in two runtimes, too."""
    assert found.features is not None
    x = encode_rows(found.features, rows)
    (spec,) = found.spec.outputs
    expected = {spec.name: want}
    close(found, found.ask({"features": x}, rows), expected, 1e-6)
    close(found, found.predict({"features": x}), expected, 1e-6)
    numbers = {name: np.asarray(value) for name, value in found.function({"features": x}).items()}
    close(found, numbers, expected, 1e-6)
    if files:
        close(found, in_tflite(found, x), expected, 1e-5)
        close(found, in_onnx(found, x), expected, 1e-5)


def save(built: Any, path: str) -> None:
    built.save(path)


def export(built: Any, path: str) -> None:
    built.export(path, verbose=False)


def live(built: Any) -> LoadedModel:
    """Read as a file's model is, without the file: what forms files have is asked once."""
    return keras_files.from_live(Path("model.keras"), built, LoadOptions())


Write = Callable[[Any, str], None]
FORMS: dict[str, tuple[str, Layers, Write, str, bool]] = {
    "a .keras file of Keras 3": ("keras", structured, save, "model.keras", True),
    "a SavedModel exported by Keras 3": ("keras", structured, export, "model", False),
    "a .keras file of Keras 2": ("tf_keras", structured, save, "model.keras", False),
    "a SavedModel of Keras 2": ("tf_keras", structured, save, "model", True),
    "HDF5 of Keras 2": ("tf_keras", of_lists, save, "model.h5", False),
    "HDF5 of Keras 3": ("keras", of_lists, save, "model.h5", False),
}


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_model_of_structured_data_in_every_form(form: str) -> None:
    library, layers, write, path, files = FORMS[form]
    built = model(keras_of(library), layers)
    write(built, path)
    found = load(Path(path))
    assert [spec.name for spec in found.spec.inputs] == ["features"]
    assert found.spec.inputs[0].shape == (None, 3)
    age, ca, thal = found.features or ()
    assert (age.name, age.kind) == ("age", "number")
    assert (ca.kind, ca.categories, ca.unknown) == ("category", ("0", "1", "2", "3"), "ignore")
    assert sorted(thal.categories or ()) == sorted((*WORDS, "other"))
    same(found, answers(built, ROWS), files=files)


def embedded(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    layer = adapted(k.layers.StringLookup(), data["thal"])
    return [k.layers.Embedding(4, 3)(layer(x["thal"])), scaled(k, x["age"]), scaled(k, x["ca"])]


def scaled(k: Any, x: Any) -> Any:
    return k.layers.Rescaling(1 / 60)(x)


def masked(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    layer = k.layers.StringLookup(vocabulary=list(WORDS), mask_token="", output_mode="int")
    return [k.layers.Embedding(5, 3)(layer(x["thal"])), scaled(k, x["age"]), scaled(k, x["ca"])]


def counted(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    words = k.layers.StringLookup(vocabulary=list(WORDS), output_mode="count")
    numbers = k.layers.IntegerLookup(vocabulary=[0, 1, 5], output_mode="multi_hot")
    return [words(x["thal"]), numbers(x["ca"]), scaled(k, x["age"])]


def far_apart(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    """Numbers too far apart for a table of all between them."""
    numbers = k.layers.IntegerLookup(vocabulary=[0, 1, 9_999_999], output_mode="one_hot")
    words = k.layers.StringLookup(vocabulary=list(WORDS), output_mode="one_hot")
    return [words(x["thal"]), numbers(x["ca"]), scaled(k, x["age"])]


def in_buckets(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    ages = k.layers.Discretization([30.0, 47.5, 61.0], output_mode="one_hot")
    words = k.layers.StringLookup(vocabulary=list(WORDS))
    hot = k.layers.CategoryEncoding(num_tokens=4, output_mode="multi_hot")
    return [ages(x["age"]), hot(words(x["thal"])), scaled(k, x["ca"])]


def two_unknown(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    words = k.layers.StringLookup(vocabulary=list(WORDS), num_oov_indices=2, output_mode="one_hot")
    numbers = k.layers.IntegerLookup(vocabulary=[0, 1], num_oov_indices=2, output_mode="one_hot")
    return [words(x["thal"]), numbers(x["ca"]), scaled(k, x["age"])]


def none_unknown(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    words = k.layers.StringLookup(vocabulary=list(WORDS), num_oov_indices=0, output_mode="one_hot")
    return [words(x["thal"]), scaled(k, x["ca"]), scaled(k, x["age"])]


def large_numbers(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    """More than float32 can tell from its neighbours."""
    numbers = k.layers.IntegerLookup(vocabulary=[0, 1, 99_999_999], output_mode="one_hot")
    words = k.layers.StringLookup(vocabulary=list(WORDS), output_mode="one_hot")
    return [words(x["thal"]), numbers(x["ca"]), scaled(k, x["age"])]


def joined(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    words = k.layers.StringLookup(vocabulary=list(WORDS), output_mode="multi_hot")
    both = k.layers.Concatenate()([x["thal"], x["thal"]])
    return [words(both), scaled(k, x["ca"]), scaled(k, x["age"])]


def hashed_too(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    """A hash of words that a table lists."""
    words = k.layers.StringLookup(vocabulary=list(WORDS), output_mode="one_hot")
    hashed = k.layers.Hashing(8, output_mode="one_hot")
    return [words(x["thal"]), hashed(x["thal"]), scaled(k, x["age"])]


IN_FILES = ("an embedding of words", "buckets and an encoding in Keras 2", "numbers far apart")
# A word that no table knows would have an answer of its own, so it is refused.
DECIDING = ("no word is unknown", "two places of the unknown")
KNOWN = [row for row in ROWS if row["thal"] in WORDS]
LARGE = [*ROWS, {"age": 40, "ca": 99_999_999, "thal": "fixed"}]
LAYERS: dict[str, tuple[str, Layers, Rows]] = {
    "a hash beside a table": ("keras", hashed_too, KNOWN),
    "an embedding of words": ("keras", embedded, ROWS),
    "an embedding of words in Keras 2": ("tf_keras", embedded, ROWS),
    "buckets and an encoding": ("keras", in_buckets, ROWS),
    "buckets and an encoding in Keras 2": ("tf_keras", in_buckets, ROWS),
    "counts": ("keras", counted, ROWS),
    "counts in Keras 2": ("tf_keras", counted, ROWS),
    "large numbers": ("keras", large_numbers, LARGE),
    "no word is masked": ("keras", masked, ROWS),
    "no word is unknown": ("keras", none_unknown, KNOWN),
    "numbers far apart": ("keras", far_apart, ROWS),
    "two places of the unknown": ("keras", two_unknown, KNOWN),
    "two words joined": ("keras", joined, ROWS),
}


@pytest.mark.parametrize("case", sorted(LAYERS))
def test_layers_that_look_up(case: str) -> None:
    library, layers, rows = LAYERS[case]
    built = model(keras_of(library), layers)
    found = live(built)
    same(found, answers(built, rows), rows, files=case in IN_FILES)
    if case in DECIDING:
        assert found.features is not None
        with pytest.raises(
            UsageError, match=r"no category is called 'fixd'\. Did you mean 'fixed'"
        ):
            encode_rows(found.features, [{"age": 1, "ca": 1, "thal": "fixd"}])
        assert any("only the words of their vocabularies are taken" in one for one in found.notes)


@pytest.mark.filterwarnings("ignore")
def test_feature_columns() -> None:
    built = of_columns(keras_of("tf_keras"))
    built.save("model", save_format="tf")
    same(load(Path("model")), answers(built, ROWS))


def test_a_table_that_an_asset_fills() -> None:
    want = with_asset(Path("model"), Path("words.txt"))
    found = load(Path("model"))
    assert [(f.name, f.kind, f.unknown) for f in found.features or ()] == [
        *(("thal", "category", "error"), ("x_0", "number", "error"), ("x_1", "number", "error")),
    ]
    kept = [n for n, row in enumerate(ROWS) if row["thal"] in WORDS]
    rows = [{"thal": ROWS[n]["thal"], "x_0": x, "x_1": y} for n, (x, y) in enumerate(pairs())]
    same(found, want[kept], [rows[n] for n in kept])


def test_structured_data_in_a_page(browser: Browser) -> None:
    built = model(keras_of("keras"), structured)
    built.save("model.keras")
    found = load(Path("model.keras"))
    assert found.features is not None
    x = encode_rows(found.features, ROWS)
    close(found, in_tfjs(found, x, browser), {"risk": answers(built, ROWS)}, 1e-5)


HOW: dict[str, tuple[str, dict[str, Any], bool]] = {
    "characters": ("keras", {"split": "character", "output_sequence_length": 20}, False),
    "counts": ("keras", {"output_mode": "count"}, False),
    "counts of pairs": ("keras", {"output_mode": "count", "ngrams": 2, "max_tokens": 12}, False),
    "ids": ("keras", {"output_sequence_length": 6}, False),
    "ids in Keras 2": ("tf_keras", {"output_sequence_length": 6}, False),
    "ids into an LSTM": ("keras", {"output_sequence_length": 6, "lstm": True}, True),
    "ids into an LSTM in Keras 2": ("tf_keras", {"output_sequence_length": 6, "lstm": True}, False),
    "nothing taken out": ("keras", {"output_sequence_length": 6, "standardize": None}, False),
    "which words there are": ("tf_keras", {"output_mode": "multi_hot"}, False),
    "weighted counts": ("keras", {"output_mode": "tf_idf"}, False),
}


@pytest.mark.parametrize("case", sorted(HOW))
def test_texts_that_a_layer_cuts_into_words(case: str) -> None:
    import tensorflow as tf

    library, how, files = HOW[case]
    built = of_text(keras_of(library), **how)
    found = live(built)
    (feature,) = found.features or ()
    assert (feature.name, feature.kind) == ("text", "text")
    want = np.asarray(built(tf.constant([[text] for text in TEXTS]), training=False))
    same(found, want, [{"text": text} for text in TEXTS], files)


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_texts_in_a_saved_model(library: str) -> None:
    import tensorflow as tf

    built = of_text(keras_of(library), output_sequence_length=6)
    (export if library == "keras" else save)(built, "model")
    want = np.asarray(built(tf.constant([[text] for text in TEXTS]), training=False))
    same(load(Path("model")), want, [{"text": text} for text in TEXTS], files=False)


def hashed(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    return [k.layers.Hashing(8, output_mode="one_hot", name="hash")(x["thal"]), x["age"]]


REFUSED: dict[str, tuple[Layers, str]] = {
    "a hash of any word": (
        hashed,
        "The layer '.*hash_1' hashes whatever the input 'thal' holds.*St",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_moved(case: str) -> None:
    layers, message = REFUSED[case]
    model(keras_of("keras"), layers).save("model.keras")
    with pytest.raises(ConversionError, match=message):
        load(Path("model.keras"))


def test_texts_of_any_length_are_refused() -> None:
    of_text(keras_of("keras")).save("model.keras")
    message = "The input 'text' is a text, which the layer '.*text_vectorization.*' cuts into words"
    with pytest.raises(ConversionError, match=message):
        load(Path("model.keras"))


def test_a_picture_beside_words_is_refused() -> None:
    k = keras_of("keras")
    word, picture = k.Input((1,), name="word", dtype="string"), k.Input((8, 8, 3), name="picture")
    words = k.layers.StringLookup(vocabulary=list(WORDS), output_mode="one_hot")(word)
    h = k.layers.Concatenate()([words, k.layers.Flatten()(picture)])
    k.Model([word, picture], k.layers.Dense(1)(h)).save("model.keras")
    with pytest.raises(ConversionError, match=r"its input 'picture' is of shape .* no column of a"):
        load(Path("model.keras"))


def test_words_as_answers_are_refused() -> None:
    k = keras_of("keras")
    x = k.Input((3,), name="x", dtype="int64")
    back = k.layers.StringLookup(vocabulary=list(WORDS), invert=True, name="names")
    k.Model(x, back(x)).save("model.keras")
    with pytest.raises(
        ConversionError, match=r"The output 'names' is a text .*phones and browsers"
    ):
        load(Path("model.keras"))


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_buckets_and_counts_of_numbers_alone_need_no_columns(library: str) -> None:
    k = keras_of(library)
    k.utils.set_random_seed(1)
    x, y = k.Input((2,), name="x"), k.Input((3,), name="y", dtype="int32")
    ages = k.layers.Discretization([30.0, 47.5], output_mode="count")(x)
    kinds = k.layers.CategoryEncoding(num_tokens=5, output_mode="multi_hot")(y)
    built = k.Model([x, y], k.layers.Dense(1)(k.layers.Concatenate()([ages, kinds])))
    built.save("model.keras")
    found = load(Path("model.keras"))
    assert [spec.name for spec in found.spec.inputs] == ["x", "y"]
    assert found.features is None
    given = {
        "x": np.array([[29, 47.5], [30, 99], [-1, np.nan]], np.float32),
        "y": np.array([[0, 1, 1], [4, 4, 4], [2, 3, 0]], np.int32),
    }
    want = np.asarray(built([given["x"], given["y"]]))
    (spec,) = found.spec.outputs
    close(found, found.predict(given), {spec.name: want}, 1e-6)
    FORMATS["onnx"].export(found, Path("model.onnx"), META)
    with RUNTIMES["ort"].open(Path("model.onnx")) as runner:
        close(found, runner.predict(given), {spec.name: want}, 1e-6)
