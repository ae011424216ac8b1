"""Our TF.js files beside those of TensorFlow.js' own converter: the same answers, no more bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.formats.registry import FORMATS
from edge_deploy.web.browser import Browser
from tests.formats.tfjs import test_rewrites as rows
from tests.support.models import third_party

pytestmark = pytest.mark.slow

# The converter refuses a gelu (Erfc), and grouped convolutions.
PARTS = (
    rows.batch_norm, rows.residual, rows.transposed, rows.small_unet, rows.dense_one_number,
    rows.one_filter, rows.padded_pool,
)  # fmt: skip


def all_parts(keras: Any, x: Any) -> Any:
    """One output: the converter names several in an order of its own."""
    return keras.layers.Concatenate()([keras.layers.Flatten()(part(keras, x)) for part in PARTS])


def bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_file_answers_as_the_converter_s_and_is_no_larger(tmp_path: Path, browser: Browser) -> None:
    pytest.importorskip("tensorflowjs")
    import tensorflow as tf
    from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

    model = rows.built((all_parts,), 3, tmp_path)
    ours, theirs = tmp_path / "ours" / "model.json", tmp_path / "theirs" / "model.json"
    ours.parent.mkdir()
    FORMATS["tfjs"].export(model, ours, {})
    signature = [tf.TensorSpec((None, *rows.PICTURE), tf.float32, name="x")]
    module = tf.Module()
    module.answer = tf.function(lambda x: model.function({"x": x}), input_signature=signature)
    module.kept = list(model.trackables)
    with third_party():
        tf.saved_model.save(module, str(tmp_path / "saved"))
        converter.convert_tf_saved_model(str(tmp_path / "saved"), str(theirs.parent))
    assert bytes_of(ours.parent) <= bytes_of(theirs.parent)
    x = np.random.default_rng(2).normal(size=(3, *rows.PICTURE)).astype(np.float32)
    answers = []
    for path in (ours, theirs):
        # The converter fuses biases that wasm cannot take, so it is asked on cpu.
        with browser.open_file("tfjs", path, "cpu", model.spec) as page:
            (answer,) = rows.asked(page, x, 3).values()
            answers.append(answer)
    assert np.abs(answers[0] - answers[1]).max() <= 1e-5 * np.abs(answers[1]).max()
