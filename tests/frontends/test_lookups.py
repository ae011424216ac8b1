"""Models that look words up inside: the words become columns, and the answers stay the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import LoadedModel
from edge_deploy.data.preprocessing.encoding import encode_rows
from tests.support.lookup_models import (
    ROWS,
    WORDS,
    Layers,
    adapted,
    columns,
    load,
    model,
    of_lists,
    structured,
)
from tests.support.three_targets import close, in_onnx, in_tflite

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def keras_of(name: str) -> Any:
    import keras
    import tf_keras

    return keras if name == "keras" else tf_keras


def answers(built: Any, library: str) -> np.ndarray:
    """What the model says in its own Keras."""
    import tensorflow as tf

    given = {name: tf.constant(value) for name, value in columns().items()}
    return np.asarray(built(given, training=False))


def same(found: LoadedModel, want: np.ndarray) -> None:
    """The numbers and their words alike, in Python and in two runtimes."""
    assert found.features is not None
    x = encode_rows(found.features, ROWS)
    (spec,) = found.spec.outputs
    expected = {spec.name: want}
    close(found, found.ask({"features": x}, ROWS), expected, 1e-6)
    close(found, in_tflite(found, x), expected, 1e-5)
    close(found, in_onnx(found, x), expected, 1e-5)


def save(built: Any, path: str) -> None:
    built.save(path)


def export(built: Any, path: str) -> None:
    built.export(path, verbose=False)


FORMS: dict[str, tuple[str, Layers, Callable[[Any, str], None], str]] = {
    "a .keras file of Keras 3": ("keras", structured, save, "model.keras"),
    "a SavedModel exported by Keras 3": ("keras", structured, export, "model"),
    "a .keras file of Keras 2": ("tf_keras", structured, save, "model.keras"),
    "a SavedModel of Keras 2": ("tf_keras", structured, save, "model"),
    "HDF5 of Keras 2": ("tf_keras", of_lists, save, "model.h5"),
    "HDF5 of Keras 3": ("keras", of_lists, save, "model.h5"),
}


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_model_of_structured_data_in_every_form(form: str) -> None:
    library, layers, write, path = FORMS[form]
    built = model(keras_of(library), layers)
    write(built, path)
    found = load(Path(path))
    assert [spec.name for spec in found.spec.inputs] == ["features"]
    assert found.spec.inputs[0].shape == (None, 3)
    age, ca, thal = found.features or ()
    assert (age.name, age.kind) == ("age", "number")
    assert (ca.kind, ca.categories, ca.unknown) == ("category", ("0", "1", "2", "3"), "ignore")
    assert sorted(thal.categories or ()) == sorted((*WORDS, "other"))
    same(found, answers(built, library))


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


LAYERS: dict[str, tuple[str, Layers]] = {
    "an embedding of words": ("keras", embedded),
    "an embedding of words in Keras 2": ("tf_keras", embedded),
    "buckets and an encoding": ("keras", in_buckets),
    "buckets and an encoding in Keras 2": ("tf_keras", in_buckets),
    "counts": ("keras", counted),
    "counts in Keras 2": ("tf_keras", counted),
    "no word is masked": ("keras", masked),
    "numbers far apart": ("keras", far_apart),
}


@pytest.mark.parametrize("case", sorted(LAYERS))
def test_layers_that_look_up(case: str) -> None:
    library, layers = LAYERS[case]
    built = model(keras_of(library), layers)
    built.save("model.keras")
    same(load(Path("model.keras")), answers(built, library))


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
