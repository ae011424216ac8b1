"""ONNX's own operator for ensembles of trees, in place of the marks that the lowering leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edge_deploy.core.spec import Array
from edge_deploy.core.tree_ensemble import Ensemble

DOMAIN = "ai.onnx.ml"
# Of the first version of the operator, which every ONNX Runtime reads, that of the Web too.
VERSION = 1


_MARK = "aggregate_function"  # tf2onnx drops attributes that the operator does not have


def handler(ensembles: Mapping[str, Ensemble]) -> Callable[..., None]:
    """What tf2onnx calls for a mark: it becomes a TreeEnsembleRegressor, which is empty yet.

    Each of tf2onnx's two dozen passes copies the attributes of every node; ``fill`` puts in those
    of the trees, ten for every tree node, when it is done.
    """

    def replace(ctx: Any, node: Any, name: str, args: Any) -> None:
        mark = name.rpartition("/")[2]
        assert mark in ensembles
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
            attr={_MARK: mark},
        )
        made.skip_conversion = True

    return replace


def fill(graph: Any, ensembles: Mapping[str, Ensemble]) -> None:
    """Put the trees into the operators of a finished graph that stand for them."""
    from onnx import helper

    for node in graph.node:
        for attribute in node.attribute:
            if node.domain == DOMAIN and attribute.name == _MARK:
                found = attributes(ensembles[attribute.s.decode()])
                del node.attribute[:]
                node.attribute.extend(helper.make_attribute(k, v) for k, v in found.items())
                break


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
