"""SavedModels as TensorFlow 1 wrote them: its variables, its loops, a graph for each purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.web.browser import Browser
from tests.support.three_targets import same_in_three_targets

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
Build = Callable[[Any, Any, Any], Any]


def product(tf: Any, x: Any, kernel: Any) -> Any:
    return x @ kernel


def within_a_call(tf: Any, x: Any, kernel: Any) -> Any:
    """Which becomes a ``StatefulPartitionedCall`` in the signature's graph."""
    return tf.function(lambda y: tf.nn.relu(y) + 1.0)(x @ kernel)


def loop_after_branch(tf: Any, x: Any, kernel: Any) -> Any:
    """Enter, Switch and Merge: TensorFlow 1's own nodes, whose counter nobody reads."""
    y = tf.cond(tf.reduce_sum(tf.abs(x)) > 0.1, lambda: x * 2.0, lambda: x - 1.0)
    return tf.while_loop(lambda n, _: n < 3, lambda n, y: (n + 1, tf.tanh(y) + 0.1), (0, y))[1]


def save(folder: Path, build: Build, resource: bool, tags: Sequence[list[str]]) -> bytes:
    """A SavedModel with the same graph under each set of tags; and the graph itself."""
    import tensorflow as tf

    v1 = tf.compat.v1
    v1.disable_control_flow_v2()
    try:
        with v1.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, (None, 4), "features")
            kernel = v1.get_variable("kernel", initializer=KERNEL, use_resource=resource)
            y = tf.identity(build(tf, x, kernel), "y")
            session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(str(folder))
            signature = v1.saved_model.predict_signature_def({"features": x}, {"y": y})
            signatures = {"serving_default": signature}
            builder.add_meta_graph_and_variables(session, tags[0], signatures)
            for more in tags[1:]:
                builder.add_meta_graph(more, signatures)
            builder.save()
            return bytes(session.graph.as_graph_def().SerializeToString())
    finally:
        v1.enable_control_flow_v2()


def expected(build: Build) -> Any:
    import tensorflow as tf

    return build(tf, tf.constant(X), tf.constant(KERNEL)).numpy()


SERVE = (["serve"],)
ROWS: dict[str, tuple[Build, bool, Sequence[list[str]], str]] = {
    "reference variables": (product, False, SERVE, ""),
    "resource variables": (product, True, SERVE, ""),
    "a call": (within_a_call, False, SERVE, ""),
    "two graphs": (product, False, (["serve"], ["serve", "gpu"]), "graphs (serve; gpu, serve): s"),
    "one to train": (product, True, (["train"], ["serve"]), "holds 2 graphs (train; serve): serve"),
    "other tags": (product, False, (["train"],), ""),
}


@pytest.mark.parametrize("name", ROWS)
def test_it_answers_as_it_did(name: str, tmp_path: Path) -> None:
    build, resource, tags, note = ROWS[name]
    save(tmp_path / "net", build, resource, tags)
    model = edge_deploy.load_model(tmp_path / "net")
    np.testing.assert_allclose(model.predict({"features": X})["y"], expected(build), rtol=1e-5)
    assert note in " ".join(model.notes)
    assert model.parameters == KERNEL.size


@pytest.mark.parametrize("frozen", [False, True], ids=["SavedModel", "frozen graph"])
def test_loop_after_a_branch_converts(
    frozen: bool, tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    graph = save(Path("net"), loop_after_branch, True, SERVE)
    if frozen:  # nothing reads the variable
        import tensorflow as tf

        kept = tf.compat.v1.graph_util.extract_sub_graph(
            tf.compat.v1.GraphDef.FromString(graph), ["y", "while/Exit"]
        )
        Path("net.pb").write_bytes(kept.SerializeToString())
    model = edge_deploy.load_model("net.pb" if frozen else "net")
    np.testing.assert_allclose(
        model.predict({"features": X})["y"], expected(loop_after_branch), rtol=1e-5
    )
    same_in_three_targets(model, X, browser)


def test_graphs_of_which_none_serves_are_told(tmp_path: Path) -> None:
    save(tmp_path / "net", product, True, (["train"], ["eval"]))
    with pytest.raises(UsageError, match=r"2 graphs \(train; eval\), and none is tagged serve"):
        edge_deploy.load_model(tmp_path / "net")


def test_an_answer_for_all_samples_together_is_told(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec((None, 4), tf.float32, name="x")
    one = lambda x: tf.raw_ops.PlaceholderWithDefault(input=tf.reduce_mean(x), shape=None)  # noqa: E731
    traced = tf.function(lambda x: {"mean": one(x)}, input_signature=[spec])
    tf.saved_model.save(tf.Module(), str(tmp_path / "net"), signatures=traced)
    model = edge_deploy.load_model(tmp_path / "net")
    with pytest.raises(SourceError, match="answers mean with one number for all samples"):
        model.predict({"x": X})
