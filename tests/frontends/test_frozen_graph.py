"""TensorFlow 1's frozen graphs, and saved_model.pb given for its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.core.errors import EdgeDeployError, SourceError, UntrustedError, UsageError

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
EXPECTED = np.exp(X @ KERNEL) / np.exp(X @ KERNEL).sum(-1, keepdims=True)


def graph_of(build: Callable[[Any, Any], None]) -> bytes:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        build(tf, tf.compat.v1)
    return bytes(graph.as_graph_def().SerializeToString())


def classifier(tf: Any, v1: Any) -> None:
    x = v1.placeholder(tf.float32, (None, 4), "input")
    tf.nn.softmax(tf.matmul(x, KERNEL), name="probs")


def of_a_scope(tf: Any, v1: Any) -> None:
    x = v1.placeholder(tf.float32, (None, 4), "net/input")
    off = v1.placeholder_with_default(1.0, (), "net/keep")
    tf.nn.softmax(tf.matmul(x, KERNEL) * off, name="net/probs")


GRAPHS = {
    "a classifier": (classifier, "input", "probs"),
    "in a scope, with a switch that has a default": (of_a_scope, "input", "probs"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_its_ends_are_found(name: str, tmp_path: Path) -> None:
    build, given, answer = GRAPHS[name]
    path = tmp_path / "frozen_model.pb"
    path.write_bytes(graph_of(build))
    done = edge_deploy.convert(path, output=tmp_path / "out", to=("tflite", "onnx"))
    assert [verdict.status for verdict in done.verdicts] == ["pass", "pass"]
    assert (done.manifest.name, done.manifest.source.file) == ("frozen_model", "frozen_model.pb")
    assert f"taken were {given} -> {answer}" in " ".join(done.notes)
    model = edge_deploy.load_model(path)
    np.testing.assert_allclose(model.predict({given: X})[answer], EXPECTED, rtol=1e-5)
    assert model.parameters == KERNEL.size


def with_variables(tf: Any, v1: Any) -> None:
    x = v1.placeholder(tf.float32, (None, 4), "x")
    tf.identity(x @ v1.get_variable("w", (4, 3), use_resource=False), "y")


def without_inputs(tf: Any, v1: Any) -> None:
    tf.identity(tf.constant(KERNEL) * 2.0, "y")


def without_answer(tf: Any, v1: Any) -> None:
    v1.placeholder(tf.float32, (None, 4), "x")


def that_writes(tf: Any, v1: Any) -> None:
    x = v1.placeholder(tf.float32, (None, 4), "x")
    with tf.control_dependencies([tf.io.write_file("marker", "ran")]):
        tf.identity(x, "y")


FAULTS: dict[str, tuple[Callable[[], bytes], type[EdgeDeployError], str]] = {
    "variables": (lambda: graph_of(with_variables), SourceError, r"not their values \(w\)"),
    "no inputs": (lambda: graph_of(without_inputs), SourceError, "takes nothing"),
    "no answer": (lambda: graph_of(without_answer), SourceError, "gives no answer"),
    "what writes a file": (lambda: graph_of(that_writes), UntrustedError, "WriteFile"),
    "cut short": (lambda: graph_of(classifier)[:-20], SourceError, "cut short"),
    "empty nodes": (lambda: b"\n\0\n\0", SourceError, "has no operators"),
    "another protocol buffer": (lambda: b"\x12\x03abc", UsageError, "unknown format"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_frozen_graph_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, kind, words = FAULTS[name]
    monkeypatch.chdir(tmp_path)
    Path("net.pb").write_bytes(build())
    with pytest.raises(kind, match=words) as told:
        edge_deploy.load_model("net.pb")
    assert str(told.value).startswith("net.pb: ")
    assert not Path("marker").exists()


def test_the_file_of_a_saved_model_stands_for_its_folder(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec((None, 4), tf.float32, name="x")
    traced = tf.function(lambda x: {"y": tf.matmul(x, KERNEL)}, input_signature=[spec])
    tf.saved_model.save(tf.Module(), str(tmp_path / "net"), signatures=traced)
    model = edge_deploy.load_model(tmp_path / "net" / "saved_model.pb")
    np.testing.assert_allclose(model.predict({"x": X})["y"], X @ KERNEL, rtol=1e-5)
