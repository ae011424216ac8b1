"""Configurations of Keras 1 and of early Keras 2, in the words of today's Keras 2.

Only what the answers depend on is kept: how weights began and what held them in training is not.
The words are those that ``keras.legacy.interfaces`` of Keras 2.0 translated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_deploy.core.errors import SourceError

_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum"}
_RENAMED = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "bias": "use_bias",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "atrous_rate": "dilation_rate",
    "subsample": "strides",
    "subsample_length": "strides",
    "filter_length": "kernel_size",
    "pool_length": "pool_size",
    "stride": "strides",
    "p": "rate",
    "sigma": "stddev",
    "length": "size",
}
_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_DROPPED = (
    *("init", "inner_init", "forget_bias_init", "gamma_init", "beta_init", "consume_less"),
    *("W_regularizer", "U_regularizer", "b_regularizer", "gamma_regularizer", "beta_regularizer"),
    *("W_constraint", "U_constraint", "b_constraint", "weights"),
)
_ORDERS = {"tf": "channels_last", "th": "channels_first", "default": "channels_last"}
# Layers whose words changed; an author's own layers keep theirs.
_LAYERS = frozenset(
    {
        *_CLASSES,
        *("Dense", "Embedding", "BatchNormalization", "SimpleRNN", "LSTM", "GRU", "ConvLSTM2D"),
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
        *("GaussianNoise", "GaussianDropout", "LocallyConnected1D", "LocallyConnected2D"),
        *(f"{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)),
        *(f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)),
        *(f"{kind}{n}D" for kind in ("ZeroPadding", "UpSampling", "Cropping") for n in (1, 2, 3)),
        "Flatten",
    }
)
# What none of these takes in Keras 2, so that it tells one of Keras 1.
_OF_KERAS_1 = {*_DROPPED, *_RENAMED, "dim_ordering", "nb_row", "kernel_dim1"} - {
    *("weights", "gamma_regularizer", "beta_regularizer")
}


def upgrade(config: Any, refuse: Callable[[str], SourceError]) -> Any:
    """A configuration as it would be written today; a new value, of which parts may be shared.

    Args:
        config: Of a model, as JSON.
        refuse: Makes the error of what cannot be said today.

    Raises:
        SourceError: A layer merges in a way that Keras 2 has no layer for.
    """
    if isinstance(config, list):
        return [upgrade(one, refuse) for one in config]
    if not isinstance(config, dict):
        return config
    made = {key: upgrade(value, refuse) for key, value in config.items()}
    name, inner = made.get("class_name"), made.get("config")
    if not isinstance(name, str) or not isinstance(inner, dict):
        return made
    if name in ("GRU", "GRUCell"):  # files that lack it are older than it is
        inner = {"reset_after": False, **inner}
    if name == "Merge":
        name, inner = _merged(inner, refuse)
    elif name in _CLASSES or (name in _LAYERS and _is_of_keras_1(name, inner)):
        name, inner = _CLASSES.get(name, name), _layer(name, inner, refuse)
    return {**made, "class_name": name, "config": inner}


def _is_of_keras_1(name: str, config: dict[str, Any]) -> bool:
    own = {"BatchNormalization": "mode", "Embedding": "dropout"}.get(name, "output_dim")
    return own in config or not _OF_KERAS_1.isdisjoint(config)


def _layer(name: str, config: dict[str, Any], refuse: Callable[[str], SourceError]) -> Any:
    made = {_RENAMED.get(key, key): value for key, value in config.items() if key not in _DROPPED}
    for names in _SIZES:
        if names[0] in config:
            made["kernel_size"] = [made.pop(one, 1) for one in names]
    if "dim_ordering" in made:
        made["data_format"] = _ORDERS.get(str(made.pop("dim_ordering")), "channels_last")
    if name == "Embedding":
        made.pop("dropout", None)
        return made
    if "output_dim" in made:
        made["units"] = made.pop("output_dim")
    for key in ("input_dim", "input_length"):
        if made.get(key) is None or "batch_input_shape" in made:
            made.pop(key, None)
    if name == "BatchNormalization" and made.pop("mode", 0) == 1:
        raise refuse("a BatchNormalization of mode 1, which normalizes each sample by itself")
    sides = made.get("padding")
    if name == "ZeroPadding2D" and isinstance(sides, list) and len(sides) == 4:
        made["padding"] = [sides[:2], sides[2:]]
    if name == "Deconvolution2D":
        made.pop("output_shape", None)
    return made


def _merged(
    config: dict[str, Any], refuse: Callable[[str], SourceError]
) -> tuple[str, dict[str, Any]]:
    """The layer of Keras 2 for one that merged by a mode."""
    mode = config.get("mode")
    made: dict[str, Any] = {key: config[key] for key in ("name", "trainable") if key in config}
    if config.get("layers"):
        raise refuse("a Merge of whole models as the first layer of a Sequential")
    if isinstance(mode, str) and mode in _MERGES:
        return _MERGES[mode], made
    if mode == "concat":
        return "Concatenate", {**made, "axis": config.get("concat_axis", -1)}
    if mode in ("dot", "cos"):
        return "Dot", {**made, "axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
    raise refuse(f"a Merge by {mode!r}")
