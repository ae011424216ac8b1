"""Files that are no model, or that need the user's help: builders as in models.py."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.models import as_before_213, edit_h5, randomize, save, third_party
from tests.support.other_models import saved_model_two_other_signatures

CANARY = "CANARY"
"""The file that a Lambda's byte code makes, in the current folder, when it is run."""


def empty_file(folder: Path) -> Path:
    """Nothing in it."""
    path = folder / "empty.h5"
    path.touch()
    return path


def _small(library: Any) -> Any:
    model = library.Sequential(
        [
            library.layers.Input((4,), name="x"),
            library.layers.Dense(64, activation="relu"),
            library.layers.Dense(2, activation="softmax", name="y"),
        ],
        name="small",
    )
    randomize(model)
    return model


def truncated_h5(folder: Path) -> Path:
    """A download that stopped half way."""
    import tf_keras

    path = save(_small(tf_keras), folder / "truncated.h5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def truncated_keras(folder: Path) -> Path:
    """The same of a ``.keras`` archive, whose table of contents stands at the end."""
    import keras

    path = save(_small(keras), folder / "truncated.keras")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def text_named_h5(folder: Path) -> Path:
    """A web page that was saved instead of the model."""
    path = folder / "page.h5"
    path.write_text("<!DOCTYPE html>\n<html><title>Sign in</title></html>\n", encoding="utf-8")
    return path


def no_saved_model_folder(folder: Path) -> Path:
    """A folder with other things in it."""
    path = folder / "not_a_saved_model"
    path.mkdir()
    (path / "notes.txt").write_text("nothing to see\n", encoding="utf-8")
    return path


def weights_only_h5(folder: Path) -> Path:
    """``model.save_weights`` of Keras 2."""
    import tf_keras

    path = folder / "weights.h5"
    _small(tf_keras).save_weights(str(path))
    return path


def weights_only_keras3_h5(folder: Path) -> Path:
    """``model.save_weights`` of Keras 3."""
    import keras

    path = folder / "small.weights.h5"
    with third_party():
        _small(keras).save_weights(str(path))
    return path


def unbuilt_keras(folder: Path) -> Path:
    """A model that never saw an input before it was saved, so it has no weights."""
    import keras

    model = keras.Sequential([keras.layers.Dense(8), keras.layers.Dense(1)], name="unbuilt")
    return save(model, folder / "unbuilt.keras")


def unbuilt_h5(folder: Path) -> Path:
    """The same in HDF5; Keras 2 refuses to write it, Keras 3 does not."""
    import keras

    model = keras.Sequential([keras.layers.Dense(8), keras.layers.Dense(1)], name="unbuilt")
    return save(model, folder / "unbuilt.h5")


CUSTOM_LAYER = '''"""The author's own layer, which the model file names but does not hold."""

import tf_keras


class Swish2(tf_keras.layers.Layer):
    """x * sigmoid(beta * x)"""

    def __init__(self, beta=1.5, **options):
        super().__init__(**options)
        self.beta = beta

    def call(self, x):
        import tensorflow as tf

        return x * tf.sigmoid(self.beta * x)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}
'''


def custom_layer_h5(folder: Path) -> Path:
    """A layer that Keras does not know; ``custom_layer.py`` beside it defines it.

    The layer is there for as long as the model is built: nothing in this process knows it then.
    """
    import tf_keras

    names: dict[str, Any] = {}
    exec(CUSTOM_LAYER, names)
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((4,), name="x"),
            layers.Dense(8),
            names["Swish2"](2.0, name="swish2"),
            layers.Dense(2, activation="softmax", name="y"),
        ],
        name="custom_layer",
    )
    randomize(model)
    (folder / "custom_layer.py").write_text(CUSTOM_LAYER, encoding="utf-8")
    path = save(model, folder / "custom_layer.h5")
    edit_h5(path, as_before_213)
    return path


def _lambda_model(library: Any) -> Any:
    def double(x):  # type: ignore[no-untyped-def]
        __import__("pathlib").Path("CANARY").touch()
        return x * 2.0

    # A lambda, and not a def, is what Keras writes as byte code.
    double.__name__ = "<lambda>"
    layers = library.layers
    model = library.Sequential(
        [
            layers.Input((4,), name="x"),
            layers.Dense(3),
            layers.Lambda(double, output_shape=(3,), name="double"),
            layers.Dense(2, activation="softmax", name="y"),
        ],
        name="with_lambda",
    )
    randomize(model)
    # Building the model called the function here; whoever is tested must not.
    Path(CANARY).unlink(missing_ok=True)
    return model


def lambda_h5(folder: Path) -> Path:
    """A Lambda layer with byte code that leaves a CANARY, as Keras 2 writes it."""
    import tf_keras

    return save(_lambda_model(tf_keras), folder / "with_lambda.h5")


def lambda_keras(folder: Path) -> Path:
    """The same as Keras 3 writes it."""
    import keras

    return save(_lambda_model(keras), folder / "with_lambda.keras")


def foreign_module_keras(folder: Path) -> Path:
    """A ``.keras`` whose configuration names a function of another module, to be imported."""
    import keras

    path = save(_small(keras), folder / "foreign.keras")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["activation"] = {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    builder.__name__: (builder, says)
    for builder, says in (
        (empty_file, "empty"),
        (truncated_h5, "cut short"),
        (truncated_keras, "damaged"),
        (text_named_h5, "text file"),
        (no_saved_model_folder, "saved_model.pb"),
        (weights_only_h5, "weights"),
        (weights_only_keras3_h5, "weights"),
        (unbuilt_keras, "built"),
        (unbuilt_h5, "built"),
        (saved_model_two_other_signatures, "--signature"),
        (custom_layer_h5, "--custom-objects"),
        (lambda_h5, "--trust-pickle"),
        (lambda_keras, "--trust-pickle"),
        (foreign_module_keras, "--trust-pickle"),
    )
}
"""Every builder with a word that the message about its file must hold."""
