"""Operators written in others: the same answers, and the operator is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.graph import as_function, freeze
from edge_deploy.core.lazy import tf
from edge_deploy.core.operator_rewrites import rewrite_operators
from edge_deploy.core.spec import TensorSpec

pytestmark = pytest.mark.slow

Call = Callable[[Any], Any]
SMALL = np.array([0.0, 1e-8, -1e-8, 1e-4, -0.2, 0.24, 0.26, -0.49, 0.5, 0.9, -0.9, 3.0])
PICTURE, VOLUME = (7, 6, 3), (5, 4, 6, 2)


def resize(method: str, antialias: bool = False) -> Call:
    return lambda x: tf.image.resize(x, (9, 4), method=method, antialias=antialias)


def aligned(x: Any) -> Any:
    return tf.raw_ops.ResizeBicubic(images=x, size=(9, 4), align_corners=True)


def pool(kind: str, padding: str) -> Call:
    return lambda x: getattr(tf.nn, kind)(x, (2, 3, 2), (2, 1, 3), padding)


def spectrum(part: Call, length: int) -> Call:
    return lambda x: part(tf.signal.rfft(x, [length]))


def dilated(x: Any) -> Any:
    kernel = np.random.default_rng(1).normal(size=(3, 2, 4, 3)).astype(np.float32)
    return tf.nn.conv2d_transpose(
        x, kernel, [tf.shape(x)[0], 7, 6, 4], strides=1, padding="SAME", dilations=(2, 3)
    )


def within_a_loop(x: Any) -> Any:
    """Three times the same, in a loop that nobody writes out."""
    return tf.while_loop(lambda n, _: n < 3, lambda n, y: (n + 1, tf.nn.softsign(y)), (0, x))[1]


def softsign_in_a_branch(x: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 1e9, lambda: x, lambda: tf.nn.softsign(x))


ROWS: dict[str, tuple[str, tuple[int, ...], Call]] = {
    "log1p": ("Log1p", (12,), lambda x: tf.math.log1p(x)),
    "expm1": ("Expm1", (12,), lambda x: tf.math.expm1(x)),
    "softsign": ("Softsign", (12,), lambda x: tf.nn.softsign(x)),
    "bucketize": (
        "Bucketize",
        (3, 4),
        lambda x: tf.raw_ops.Bucketize(input=x, boundaries=[-0.2, 0.0, 0.26]),
    ),
    "bucketize no boundaries": (
        "Bucketize",
        (4,),
        lambda x: tf.raw_ops.Bucketize(input=x, boundaries=[]),
    ),
    "real": ("RFFT", (3, 12), spectrum(lambda x: tf.math.real(x), 12)),
    "imag": ("RFFT", (12,), spectrum(lambda x: tf.math.imag(x), 8)),
    "abs": ("RFFT", (12,), spectrum(lambda x: tf.abs(x), 16)),
    "bicubic": ("ResizeBicubic", PICTURE, resize("bicubic")),
    "bicubic aligned": ("ResizeBicubic", PICTURE, aligned),
    "area": ("ResizeArea", PICTURE, resize("area")),
    "lanczos": ("ScaleAndTranslate", PICTURE, resize("lanczos3")),
    "gaussian": ("ScaleAndTranslate", PICTURE, resize("gaussian")),
    "antialias": ("ScaleAndTranslate", PICTURE, resize("bilinear", antialias=True)),
    "average pool": ("AvgPool3D", VOLUME, pool("avg_pool3d", "SAME")),
    "average pool inside": ("AvgPool3D", VOLUME, pool("avg_pool3d", "VALID")),
    "largest": ("MaxPool3D", VOLUME, pool("max_pool3d", "SAME")),
    "slice": ("", (2, 2, 2, 3, 2), lambda x: tf.stack([x, x + 1])[1]),
    "gather": ("", (5, 3), lambda x: tf.gather(x, tf.argsort(x[..., 0], axis=1), batch_dims=1)),
    "gather in two": ("", (4, 5), lambda x: tf.gather(x, tf.argsort(x, axis=2), batch_dims=2)),
    "running sum": ("", (2, 3, 2, 2), lambda x: tf.cumsum(x, 2, exclusive=True, reverse=True)),
    "loop": ("Softsign", (4,), within_a_loop),
    "branch": ("Softsign", (4,), softsign_in_a_branch),
}


def operators(graph_def: Any) -> set[str]:
    inner = (node for function in graph_def.library.function for node in function.node_def)
    return {node.op for nodes in (graph_def.node, inner) for node in nodes}


@pytest.mark.parametrize("name", ROWS)
def test_written_otherwise_it_answers_the_same(name: str) -> None:
    op, shape, call = ROWS[name]
    given = (TensorSpec("x", (None, *shape), "float32"),)
    traced = tf.function(call).get_concrete_function(tf.TensorSpec((None, *shape), tf.float32))
    assert op in operators(traced.graph.as_graph_def()) or not op
    frozen = freeze(lambda tensors: {"y": call(tensors["x"])}, given)
    assert op not in operators(frozen.graph_def)
    run = as_function(frozen)
    for batch in (1, 3):
        count = batch * int(np.prod(shape))
        x = np.resize(np.append(SMALL, np.random.default_rng(0).normal(size=count)), count)
        x = x.reshape(batch, *shape).astype(np.float32)
        want, (got,) = call(tf.constant(x)).numpy(), run(tf.constant(x))
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        scale = 0 if op in ("Log1p", "Expm1") else np.nanmax(np.abs(want))
        np.testing.assert_allclose(got, want, rtol=4e-7, atol=4e-7 * scale)


def test_transposed_convolution_that_is_dilated_becomes_a_plain_one() -> None:
    """TensorFlow runs a dilated one when XLA compiles it, as Keras has it do, and not else."""
    given = (TensorSpec("x", (None, 7, 6, 3), "float32"),)
    frozen = freeze(lambda tensors: {"y": dilated(tensors["x"])}, given)
    dilated_by = [n.attr["dilations"] for n in frozen.graph_def.node if "dilations" in n.attr]
    steps = {step for one in dilated_by for step in one.list.i}
    assert steps == {1}
    for batch in (1, 3):
        x = np.random.default_rng(0).normal(size=(batch, 7, 6, 3)).astype(np.float32)
        want = tf.function(dilated, jit_compile=True)(tf.constant(x)).numpy()
        (got,) = as_function(frozen)(tf.constant(x))
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_what_depends_on_the_data_stays() -> None:
    """Scales that an input gives: no matrix stands for such a resize."""
    given = (TensorSpec("x", (None, 7, 6, 3), "float32"), TensorSpec("s", (2,), "float32"))

    def call(tensors: Any) -> Any:
        ends = {"size": (9, 4), "scale": tensors["s"], "translation": (0.0, 0.0)}
        return {"y": tf.raw_ops.ScaleAndTranslate(images=tensors["x"], **ends)}

    frozen = freeze(call, given)
    assert "ScaleAndTranslate" in operators(frozen.graph_def)


def test_nothing_to_rewrite_changes_nothing() -> None:
    given = (TensorSpec("x", (None, 4), "float32"),)
    frozen = freeze(lambda tensors: {"y": tf.nn.relu(tensors["x"])}, given)
    before = frozen.graph_def.SerializeToString(deterministic=True)
    assert not rewrite_operators(frozen.graph_def)
    assert frozen.graph_def.SerializeToString(deterministic=True) == before
