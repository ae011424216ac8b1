"""The files of a TF.js graph model: shards, constants, and the table of operators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ConversionError
from edge_deploy.formats.tfjs import writer
from edge_deploy.formats.tfjs.operators import operators

ROOT = Path(__file__).parents[3]
MB = 1024 * 1024


@pytest.mark.parametrize(
    ("parts", "shards"),
    [([], [0]), ([1], [1]), ([4 * MB], [4 * MB]), ([3 * MB] * 3, [4 * MB, 4 * MB, MB]),
     ([9 * MB, 1], [4 * MB, 4 * MB, MB + 1])],
)  # fmt: skip
def test_weights_fill_one_shard_after_the_other(
    parts: list[int], shards: list[int], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    given = [rng.bytes(size) for size in parts]
    names = writer.write_shards(tmp_path / "model.json", iter(given), sum(parts))
    assert names == [f"group1-shard{n + 1}of{len(shards)}.bin" for n in range(len(shards))]
    assert [(tmp_path / name).stat().st_size for name in names] == shards
    assert b"".join((tmp_path / name).read_bytes() for name in names) == b"".join(given)


def graph_of(values: Any) -> Any:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.identity(tf.constant(values, name="value"), name="y")
    return graph.as_graph_def()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (np.array([1.5, -2.0], np.float64), np.array([1.5, -2.0], np.float32)),
        (np.array([1.5, -2.0], np.float16), np.array([1.5, -2.0], np.float32)),
        (np.array([[2**63 - 1], [-5]]), np.array([[2**31 - 1], [-5]], np.int32)),
        (np.array([200, 3], np.uint8), np.array([200, 3], np.int32)),
        (np.array([True, False]), np.array([True, False])),
        (np.array(1 + 2j, np.complex64), np.array(1 + 2j, np.complex64)),
    ],
    ids=lambda values: values.dtype.name,
)
def test_constant_is_stored_as_what_tfjs_has(values: Any, stored: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    writer.write_model(graph_of(values), path, {}, {})
    document = json.loads(path.read_text())
    (group,) = document["weightsManifest"]
    (entry,) = group["weights"]
    assert (entry["dtype"], entry["shape"]) == (stored.dtype.name, list(stored.shape))
    (shard,) = group["paths"]
    assert path.with_name(shard).read_bytes() == stored.tobytes()
    assert [node["name"] for node in document["modelTopology"]["node"]] == ["value", "y"]


@pytest.mark.slow
def test_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="cannot hold the constant 'value', which is string"):
        writer.write_model(graph_of("words"), tmp_path / "model.json", {}, {})
    assert not list(tmp_path.iterdir())


def test_table_of_operators_is_of_the_packages_in_the_page() -> None:
    wanted = json.loads((ROOT / "web_demo/package.json").read_text())["dependencies"]
    table = json.loads((ROOT / "edge_deploy/formats/tfjs/operators.json").read_text())
    version = wanted["@tensorflow/tfjs-converter"]
    assert table["source"] == f"@tensorflow/tfjs-converter {version}"
    assert operators()["Einsum"].lacking == ("wasm",)
    assert "fused_ops" in operators()["_FusedConv2D"].attributes
    assert "ResizeBicubic" not in operators()
