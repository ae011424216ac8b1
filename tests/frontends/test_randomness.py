"""Models that draw random numbers: told apart from stateful ones, refused, or frozen by means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import LoadOptions
from edge_deploy.frontends.load import SOURCES, sniff
from tests.support.models import flex_verdict

pytestmark = pytest.mark.slow
X = np.random.default_rng(0).normal(size=(6, 6, 4)).astype(np.float32)


def layers(kind: str) -> Any:
    """keras3, or keras2."""
    if kind == "keras2":
        import tf_keras

        return tf_keras
    import keras

    return keras


def model(kind: str, put: Callable[[Any, Any], Any]) -> Any:
    """What ``put`` makes of the input, and a dense layer."""
    keras = layers(kind)
    x = keras.Input((6, 4))
    return keras.Model(x, keras.layers.Dense(3)(put(keras, x)))


def saved(kind: str, put: Callable[[Any, Any], Any], as_folder: bool) -> Path:
    made = model(kind, put)
    if as_folder:
        made.export("model", verbose=False) if kind == "keras3" else made.export("model")
        return Path("model")
    made.save("model.keras")
    return Path("model.keras")


def load(path: Path, deterministic: bool = False) -> Any:
    return SOURCES[sniff(path)](path, LoadOptions(deterministic=deterministic))


def lstm(keras: Any, x: Any) -> Any:
    return keras.layers.LSTM(5, recurrent_dropout=0.2)(x)


def both_ways(keras: Any, x: Any) -> Any:
    return keras.layers.Bidirectional(keras.layers.GRU(5, dropout=0.1, recurrent_dropout=0.2))(x)


def dropout(keras: Any, x: Any) -> Any:
    return keras.layers.Dropout(0.3, name="noisy")(x, training=True)


def noise(keras: Any, x: Any) -> Any:
    return keras.layers.GaussianNoise(0.3, name="noisy")(x, training=True)


@pytest.mark.parametrize(("put", "as_folder"), [(lstm, True), (both_ways, False)])
def test_seed_that_no_answer_depends_on_is_no_state(put: Any, as_folder: bool) -> None:
    found = load(saved("keras3", put, as_folder))
    (name,) = (spec.name for spec in found.spec.inputs)
    first, second = found.predict({name: X}), found.predict({name: X})
    for one, other in zip(first.values(), second.values(), strict=True):
        np.testing.assert_array_equal(one, other)


# Keras 3 turns a dropout's training=True off when it is asked to infer, in a file but not in an
# exported folder.
RANDOM = [("keras2", dropout, False), ("keras2", noise, True), ("keras3", dropout, True)]


@pytest.mark.parametrize(("kind", "put", "as_folder"), RANDOM)
def test_random_model_is_refused_by_the_layer_s_name_or_answers_its_mean(
    kind: str, put: Any, as_folder: bool
) -> None:
    path = saved(kind, put, as_folder)
    with pytest.raises(ConversionError, match=r"The model is random: \S*noisy\S* draws"):
        load(path)
    found = load(path, deterministic=True)
    (name,) = (spec.name for spec in found.spec.inputs)
    (answer,) = found.predict({name: X}).values()
    if not as_folder:
        plain = layers(kind).models.load_model(path).layers[-1]
        np.testing.assert_allclose(answer, plain(X).numpy(), rtol=1e-5, atol=1e-6)
    (again,) = found.predict({name: X}).values()
    np.testing.assert_array_equal(answer, again)


def test_counter_that_answers_depend_on_is_state() -> None:
    import tensorflow as tf

    class Counting(tf.Module):
        def __init__(self) -> None:
            self.count = tf.Variable([1, 2], dtype=tf.int64)

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def __call__(self, x: Any) -> Any:
            self.count.assign_add([1, 1])
            return x * tf.cast(self.count[0], tf.float32)

    tf.saved_model.save(Counting(), "model")
    with pytest.raises(ConversionError, match="changes its own variables"):
        load(Path("model"), deterministic=True)


def test_what_has_no_mean_is_refused() -> None:
    import tensorflow as tf

    class Shuffled(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return tf.random.shuffle(x)

    tf.saved_model.save(Shuffled(), "model")
    with pytest.raises(ConversionError, match="RandomShuffle, which has no mean"):
        load(Path("model"), deterministic=True)


def test_frozen_model_agrees_in_all_targets() -> None:
    def both(keras: Any, x: Any) -> Any:
        return lstm(keras, dropout(keras, x))

    done = edge_deploy.convert(
        saved("keras3", both, True), deterministic=True, to=["tflite", "tfjs", "onnx"]
    )
    assert [(v.target, v.status) for v in done.verdicts] == [
        ("tflite", flex_verdict()), ("tfjs", "pass"), ("onnx", "pass"),
    ]  # fmt: skip


def test_pruning_needs_variables_that_means_have_frozen() -> None:
    with pytest.raises(edge_deploy.UsageError, match="deterministic"):
        edge_deploy.convert(saved("keras2", dropout, False), deterministic=True, prune=0.5)
