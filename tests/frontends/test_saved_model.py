"""SavedModels that cannot be read, or not as they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.web.browser import Browser

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Roots of numbers, four at a time; and a signature without inputs."""
    import tensorflow as tf

    class Net(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
        def roots(self, x: Any) -> Any:
            tf.debugging.assert_non_negative(x)
            return {"y": tf.sqrt(x)}

        @tf.function(input_signature=[])
        def one(self) -> Any:
            return {"y": tf.ones((1, 4))}

    path, net = tmp_path_factory.mktemp("saved") / "model", Net()
    tf.saved_model.save(net, str(path), signatures={"serving_default": net.roots, "one": net.one})
    return path


def damaged(folder: Path) -> Path:
    (broken := Path("broken")).mkdir()
    (broken / "saved_model.pb").write_bytes((folder / "saved_model.pb").read_bytes()[:500])
    return broken


def without_signature(_: Path) -> Path:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), "nothing")
    return Path("nothing")


REFUSED: dict[str, tuple[Callable[[Path], Path], dict[str, Any], type[Exception], str]] = {
    "damaged": (damaged, {}, SourceError, "TensorFlow cannot load this SavedModel: .* Save it aga"),
    "no signature": (without_signature, {}, SourceError, "has no signature to call. Save it with"),
    "another signature": (
        lambda folder: folder,
        {"signature": "two"},
        UsageError,
        "no such signature; the signatures there are: one, serving_default",
    ),
    "no inputs": (
        lambda folder: folder,
        {"signature": "one"},
        SourceError,
        "signature 'one' takes no inputs: nothing to convert",
    ),
    "another input": (
        lambda folder: folder,
        {"input_shapes": {"z": (1, 4)}},
        UsageError,
        "no such input; the inputs are x",
    ),
    "another size": (
        lambda folder: folder,
        {"input_shapes": {"x": (1, 5)}},
        UsageError,
        r"does not fit the model's \(None, 4\) \(only free axes, shown as None",
    ),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_read_is_told(folder: Path, row: str) -> None:
    prepare, options, error, words = REFUSED[row]
    with pytest.raises(error, match=words):
        edge_deploy.load_model(prepare(folder), **options)


def test_a_sample_that_the_original_refuses_is_named(folder: Path) -> None:
    model = edge_deploy.load_model(folder)
    assert model.predict({"x": np.full((2, 4), 9, np.float32)})["y"].tolist() == [[3.0] * 4] * 2
    with pytest.raises(SourceError, match="The original model cannot answer sample 0: "):
        model.predict({"x": np.full((1, 4), -1, np.float32)})


@pytest.mark.slow
def test_an_assert_in_a_branch_is_dropped(tmp_path: Path, browser: Browser) -> None:
    import tensorflow as tf

    def checked(x: Any) -> Any:
        tf.debugging.assert_less(tf.reduce_sum(x), 1e9)
        return tf.debugging.check_numerics(x, "not a number") * 2.0

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
    def either(x: Any) -> Any:
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: checked(x), lambda: -x)}

    tf.saved_model.save(tf.Module(), str(tmp_path / "net"), signatures=either)
    model = edge_deploy.load_model(tmp_path / "net")
    path = tmp_path / "web" / "model.json"
    path.parent.mkdir()
    FORMATS["tfjs"].export(model, path, {"name": "net", "version": "1"})
    with browser.open_file("tfjs", path, "wasm", model.spec) as runner:
        for x in (np.ones((1, 3), np.float32), -np.ones((2, 3), np.float32)):
            np.testing.assert_array_equal(runner.predict({"x": x})["y"], either(x)["y"])


def test_thirteen_inputs_keep_their_names_and_an_assert_is_dropped(
    tmp_path: Path, browser: Browser
) -> None:
    """TFLite's own files know inputs by place alone, and TF.js has no Assert."""
    import tensorflow as tf

    names = [f"reading_{letter}" for letter in "mlkjihgfedcba"]  # against the alphabet
    specs = {name: tf.TensorSpec((None, 1), tf.float32, name=name) for name in names}

    @tf.function(input_signature=[specs])
    def weighed(given: Any) -> Any:
        tf.debugging.assert_greater(given["reading_a"], -100.0)
        y = tf.add_n([given[name] * float(n + 1) for n, name in enumerate(names)])
        return {"y": y, **{f"of_{name}": given[name] * 2.0 for name in names}}

    tf.saved_model.save(
        tf.Module(), str(tmp_path / "net"), signatures=weighed.get_concrete_function()
    )
    model = edge_deploy.load_model(tmp_path / "net")
    # TensorFlow hands them out of a map whose order is another one in every process.
    assert [one.name for one in model.spec.inputs] == sorted(names)
    assert [one.name for one in model.spec.outputs] == sorted(["y", *(f"of_{n}" for n in names)])
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(1, 1)).astype(np.float32) for name in names}
    want = sum(values * (n + 1) for n, values in enumerate(x.values()))
    for target in FORMATS:
        path = tmp_path / target / "model.json"
        path.parent.mkdir()
        FORMATS[target].export(model, path, {"name": "net", "version": "1"})
        opened = (
            browser.open_file("tfjs", path, "wasm", model.spec)
            if target == "tfjs"
            else default_runtime(target).open(path)
        )
        with opened as runner:
            answers = runner.predict(x)
        np.testing.assert_allclose(answers["y"], want, rtol=1e-5)
        for name in names:
            np.testing.assert_array_equal(answers[f"of_{name}"], 2 * x[name])
