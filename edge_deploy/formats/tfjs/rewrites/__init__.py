"""Rewrites of a graph into operators that every backend of TF.js has, one function each.

Those before TensorFlow's optimizer write operators that TF.js does not have out of TensorFlow's
own; the optimizer then folds what is constant in them. Those after it make TF.js' own operators,
which TensorFlow does not know. A rewrite changes no answer: each is checked on webgl, wasm and cpu
with batches of 1 and 3 in tests/formats/tfjs/test_rewrites.py.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_deploy.formats.tfjs.rewrites.activations import gather_prelu
from edge_deploy.formats.tfjs.rewrites.booleans import reverse_numbers
from edge_deploy.formats.tfjs.rewrites.checks import drop_checks
from edge_deploy.formats.tfjs.rewrites.convolutions import split_groups, spread_volumes
from edge_deploy.formats.tfjs.rewrites.encodings import write_one_hot
from edge_deploy.formats.tfjs.rewrites.fusion import fuse_products
from edge_deploy.formats.tfjs.rewrites.graph import Graph
from edge_deploy.formats.tfjs.rewrites.layouts import put_channels_last
from edge_deploy.formats.tfjs.rewrites.masks import keep_bands_by_places
from edge_deploy.formats.tfjs.rewrites.normalizations import write_moments
from edge_deploy.formats.tfjs.rewrites.ranks import pad_one_axis_at_a_time, select_in_few_axes
from edge_deploy.formats.tfjs.rewrites.recurrence import write_loops
from edge_deploy.formats.tfjs.rewrites.shapes import (
    count_axes_from_the_first,
    fold_known_reshapes,
    fold_known_sizes,
)

Rewrite = Callable[[Graph], None]

BEFORE_OPTIMIZER: tuple[Rewrite, ...] = (
    drop_checks, fold_known_sizes, fold_known_reshapes, count_axes_from_the_first,
    keep_bands_by_places, write_moments, put_channels_last, split_groups, spread_volumes,
    select_in_few_axes, pad_one_axis_at_a_time, write_one_hot,
)  # fmt: skip
"""Of a frozen graph, whose nodes have ``_output_shapes``."""

AFTER_OPTIMIZER: tuple[Rewrite, ...] = (
    reverse_numbers, write_loops, gather_prelu, fuse_products,
)  # fmt: skip
"""Of an optimized one; a node that the optimizer made has no ``_output_shapes``."""

__all__ = ["AFTER_OPTIMIZER", "BEFORE_OPTIMIZER", "Graph", "Rewrite"]
