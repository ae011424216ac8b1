"""Small Keras models with look-ups inside, as the tutorials for structured data build them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.frontends import keras as keras_files
from edge_deploy.frontends import saved_model

WORDS = ("normal", "fixed", "reversible")
ROWS = [
    {"age": age, "ca": ca, "thal": thal}
    for age, ca, thal in (
        *((61, 0, "normal"), (34, 3, "fixed"), (47.5, 1, "reversible"), (29, 2, "")),
        *((70, 7, "strange"), (55, -1, "Normal"), (41, 0, "no such word"), (66, 1, "fixed")),
    )
]
"""Known and unknown words and numbers, and none."""


def columns(rows: list[dict[str, Any]] = ROWS) -> dict[str, np.ndarray]:
    """Rows as the models take them."""
    return {
        "age": np.array([[row["age"]] for row in rows], np.float32),
        "ca": np.array([[row["ca"]] for row in rows], np.int64),
        "thal": np.array([[row["thal"]] for row in rows], object),
    }


def table() -> dict[str, np.ndarray]:
    """What the models are trained on."""
    rng = np.random.default_rng(0)
    return {
        "age": rng.normal(54, 9, (200, 1)).astype(np.float32),
        "ca": rng.integers(0, 4, (200, 1)),
        "thal": rng.choice(WORDS, (200, 1)).astype(object),
    }


Layers = Callable[[Any, dict[str, Any], dict[str, np.ndarray]], list[Any]]
"""Of a Keras, the inputs and the data that layers are adapted to: numbers."""


def adapted(layer: Any, data: np.ndarray) -> Any:
    """A layer that has seen the data."""
    import tensorflow as tf

    layer.adapt(tf.constant(data, "string") if data.dtype == object else data)
    return layer


def structured(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    """Normalization, IntegerLookup, StringLookup: the tutorial's own."""
    return [
        adapted(k.layers.Normalization(), data["age"])(x["age"]),
        adapted(k.layers.IntegerLookup(output_mode="one_hot"), data["ca"])(x["ca"]),
        adapted(k.layers.StringLookup(output_mode="one_hot"), data["thal"])(x["thal"]),
    ]


def of_lists(k: Any, x: dict[str, Any], data: dict[str, np.ndarray]) -> list[Any]:
    """The same with its vocabularies as lists, which HDF5 can hold."""
    mean, variance = float(data["age"].mean()), float(data["age"].var())
    return [
        k.layers.Normalization(mean=mean, variance=variance)(x["age"]),
        k.layers.IntegerLookup(vocabulary=[0, 1, 2, 3], output_mode="one_hot")(x["ca"]),
        k.layers.StringLookup(vocabulary=list(WORDS), output_mode="one_hot")(x["thal"]),
    ]


def model(k: Any, layers: Layers) -> Any:
    """A model with random weights over layers of the three inputs."""
    k.utils.set_random_seed(1)
    x = {
        "age": k.Input((1,), name="age"),
        "ca": k.Input((1,), name="ca", dtype="int64"),
        "thal": k.Input((1,), name="thal", dtype="string"),
    }
    h = k.layers.Concatenate()([k.layers.Flatten()(one) for one in layers(k, x, table())])
    h = k.layers.Dense(8, activation="relu")(h)
    return k.Model(x, k.layers.Dense(1, activation="sigmoid", name="risk")(h))


TEXTS = [
    "The film was great, really GREAT!",
    "a bad movie; don't watch",
    "",
    "  unknown words, and a plot\tgreat\n",
    "so-so film Ünd ÄÖ <br /> a plot a plot a plot a plot",
]


def of_text(k: Any, lstm: bool = False, **how: Any) -> Any:
    """A classifier of texts with TextVectorization inside."""
    import tensorflow as tf

    k.utils.set_random_seed(1)
    text = k.Input((1,), name="text", dtype="string")
    layer = k.layers.TextVectorization(**how)
    layer.adapt(tf.constant([*TEXTS[:2], "so-so film", "great acting and a bad plot"]))
    h = layer(text)
    if how.get("output_mode", "int") == "int":
        h = k.layers.Embedding(40, 4, mask_zero=lstm)(h)
        h = k.layers.LSTM(4)(h) if lstm else k.layers.GlobalAveragePooling1D()(h)
    return k.Model(text, k.layers.Dense(1, activation="sigmoid", name="good")(h))


def of_columns(k: Any) -> Any:
    """A model over TensorFlow's feature columns."""
    import tensorflow as tf

    fc = tf.feature_column
    thal = fc.categorical_column_with_vocabulary_list("thal", WORDS)
    columns = [
        fc.bucketized_column(fc.numeric_column("age"), [40.0, 50.0]),
        fc.indicator_column(thal),
        fc.embedding_column(thal, 3),
    ]
    k.utils.set_random_seed(1)
    x = {"age": k.Input((1,), name="age"), "thal": k.Input((1,), name="thal", dtype="string")}
    h = k.layers.DenseFeatures(columns)(x)
    return k.Model(x, k.layers.Dense(1, activation="sigmoid", name="risk")(h))


def with_asset(folder: Path, words: Path) -> np.ndarray:
    """A SavedModel whose table is filled from a text file of its own; its answers to ROWS."""
    import tensorflow as tf

    words.write_text("\n".join(WORDS))

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            lines = tf.lookup.TextFileInitializer(
                str(words), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
            )
            self.table = tf.lookup.StaticHashTable(lines, -1)
            self.weights = tf.Variable(tf.random.stateless_normal((4, 2), [1, 2]))

        @tf.function(
            input_signature=[
                tf.TensorSpec((None,), tf.string, name="thal"),
                tf.TensorSpec((None, 2), tf.float32, name="x"),
            ]
        )
        def __call__(self, thal: Any, x: Any) -> Any:
            place = self.table.lookup(tf.strings.lower(tf.strings.strip(thal))) + 1
            return {"y": x * tf.gather(self.weights, place)}

    net = Net()
    tf.saved_model.save(net, str(folder), signatures={"serving_default": net.__call__})
    given = tf.constant([row["thal"] for row in ROWS])
    return np.asarray(net(given, tf.constant(pairs()))["y"])


def pairs() -> np.ndarray:
    """Two numbers a row."""
    return np.array([[row["age"], row["ca"]] for row in ROWS], np.float32)


def load(path: Path) -> LoadedModel:
    """Read a model file or folder."""
    read = saved_model.load if path.is_dir() else keras_files.load
    return read(path, LoadOptions())
