"""ONNX's own operator for ensembles of trees, in place of the marks that the lowering leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edge_deploy.lowering.operators import Ensemble
from edge_deploy.spec import Array

DOMAIN = "ai.onnx.ml"
# Of the first version of the operator, which every ONNX Runtime reads, that of the Web too.
VERSION = 1


def handler(ensembles: Mapping[str, Ensemble]) -> Callable[..., None]:
    """What tf2onnx calls for a mark: it becomes a TreeEnsembleRegressor that sums."""

    def replace(ctx: Any, node: Any, name: str, args: Any) -> None:
        ensemble = ensembles[name.rpartition("/")[2]]
        given, outputs = list(node.input), list(node.output)
        shapes, dtypes = node.output_shapes, node.output_dtypes
        ctx.remove_node(node.name)
        made = ctx.make_node(
            "TreeEnsembleRegressor",
            given,
            outputs=outputs,
            shapes=shapes,
            dtypes=dtypes,
            name=name,
            domain=DOMAIN,
            attr=attributes(ensemble),
        )
        made.skip_conversion = True

    return replace


def attributes(ensemble: Ensemble) -> dict[str, Any]:
    """An ensemble as the attributes of ai.onnx.ml's TreeEnsembleRegressor.

    Nodes are numbered from 0 in each tree. Missing values take the branch of True where the node
    says so; the attribute is left out where that changes nothing.
    """
    first = np.flatnonzero(np.diff(ensemble.tree, prepend=-1))
    number = np.arange(len(ensemble.tree)) - first[ensemble.tree]
    inner = ensemble.left >= 0

    def child(nodes: Array) -> list[int]:
        return np.where(inner, number[np.where(inner, nodes, 0)], 0).tolist()  # type: ignore[no-any-return]

    attr: dict[str, Any] = {
        "n_targets": ensemble.outputs,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": ensemble.tree.tolist(),
        "nodes_nodeids": number.tolist(),
        "nodes_featureids": np.where(inner, ensemble.column, 0).tolist(),
        "nodes_values": np.where(inner, ensemble.threshold, 0).astype(np.float32).tolist(),
        "nodes_modes": np.where(inner, "BRANCH_LEQ", "LEAF").tolist(),
        "nodes_truenodeids": child(ensemble.left),
        "nodes_falsenodeids": child(ensemble.right),
        "target_treeids": ensemble.tree[ensemble.leaf].tolist(),
        "target_nodeids": number[ensemble.leaf].tolist(),
        "target_ids": ensemble.output.tolist(),
        "target_weights": ensemble.value.astype(np.float32).tolist(),
    }
    if ensemble.missing_left[inner].any():
        tracks = (inner & ensemble.missing_left).astype(int)
        attr["nodes_missing_value_tracks_true"] = tracks.tolist()
    return attr
