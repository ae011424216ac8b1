"""Every public layer and activation of both generations of Keras: a small model of each.

A row says what a layer is made with and what it is asked with, and which targets refuse it. The
test of tests/formats/test_every_layer.py runs them; docs/reference/layers.md is written from the
same rows. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

VECTOR, STEPS, PICTURE, MAPS, VOLUME = (6,), (5, 4), (8, 8, 3), (6, 6, 4), (4, 4, 4, 3)

Build = Callable[[Any, Any], Any]
"""From a Keras and its input tensors (one, or a list) to an output tensor."""


@dataclass(frozen=True)
class Row:
    """A layer in a small model.

    Attributes:
        inputs: Shapes without the batch.
        build: The model; without it the layer is made of ``settings`` and called.
        settings: Keyword arguments of the layer.
        values: What the inputs hold: ``normal`` numbers, ``pixels``, ``ids`` below 9, ``words``.
        refused: By target (``load`` for all of them) words of the refusal.
        note: For the reader of the table.
        within: The largest error, as a share of the output's scale.
    """

    inputs: tuple[tuple[int, ...], ...]
    build: Build | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: str = "normal"
    refused: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    within: float = 1e-5


def layer(*inputs: tuple[int, ...], values: str = "normal", **settings: Any) -> Row:
    """A layer that is made of keyword arguments and called on its inputs."""
    return Row(inputs, settings=settings, values=values)


def model(
    *inputs: tuple[int, ...],
    build: Build,
    values: str = "normal",
    note: str = "",
    **refused: str,
) -> Row:
    """A layer that stands in a model of its own."""
    return Row(inputs, build, values=values, refused=refused, note=note)


def inside(name: str) -> Build:
    """A layer of a name around a Dense, or a recurrent one around a cell."""

    def build(k: Any, x: Any) -> Any:
        return getattr(k.layers, name)(k.layers.Dense(5))(x)

    return build


def cell(name: str) -> Build:
    """A recurrent layer of a cell."""
    return lambda k, x: k.layers.RNN(getattr(k.layers, name)(4), return_sequences=True)(x)


def masked(name: str) -> Build:
    """A recurrent layer behind a mask."""

    def build(k: Any, x: Any) -> Any:
        x = k.layers.Masking()(k.ops.relu(x) if hasattr(k, "ops") else k.layers.ReLU()(x))
        return getattr(k.layers, name)(4)(x)

    return build


SHARED: dict[str, Row] = {
    "Activation": layer(VECTOR, activation="tanh"),
    "ActivityRegularization": layer(VECTOR, l1=0.1),
    "Add": layer(MAPS, MAPS),
    "AdditiveAttention": layer((5, 4), (6, 4)),
    "AlphaDropout": layer(VECTOR, rate=0.5),
    "Attention": layer((5, 4), (6, 4), use_scale=True),
    "Average": layer(MAPS, MAPS),
    "AveragePooling1D": layer(STEPS, pool_size=3, padding="same"),
    "AveragePooling2D": layer(MAPS, pool_size=3, strides=2, padding="same"),
    "AveragePooling3D": layer(VOLUME, pool_size=2, padding="same"),
    "BatchNormalization": layer(MAPS),
    "Bidirectional": model(STEPS, build=lambda k, x: k.layers.Bidirectional(k.layers.LSTM(3))(x)),
    "CategoryEncoding": layer((3,), num_tokens=9, values="ids"),
    "CenterCrop": layer(PICTURE, height=5, width=4),
    "Concatenate": layer(MAPS, MAPS),
    "Conv1D": layer(STEPS, filters=5, kernel_size=3, activation="relu"),
    "Conv1DTranspose": layer(STEPS, filters=5, kernel_size=3, strides=2),
    "Conv2D": layer(MAPS, filters=5, kernel_size=3, strides=2, padding="same"),
    "Conv2DTranspose": layer(MAPS, filters=5, kernel_size=3, strides=2, padding="same"),
    "Conv3D": layer(VOLUME, filters=5, kernel_size=2),
    "Conv3DTranspose": layer(VOLUME, filters=5, kernel_size=3, strides=2),
    "ConvLSTM1D": layer((3, 5, 4), filters=3, kernel_size=3),
    "ConvLSTM2D": layer((3, 5, 5, 4), filters=3, kernel_size=3),
    "ConvLSTM3D": layer((2, 4, 4, 4, 2), filters=3, kernel_size=2),
    "Cropping1D": layer(STEPS, cropping=(1, 2)),
    "Cropping2D": layer(MAPS, cropping=((1, 2), (0, 1))),
    "Cropping3D": layer(VOLUME, cropping=1),
    "Dense": layer(VECTOR, units=5, activation="relu"),
    "DepthwiseConv1D": layer(STEPS, kernel_size=3, depth_multiplier=2),
    "DepthwiseConv2D": layer(MAPS, kernel_size=3, depth_multiplier=2),
    "Discretization": layer(VECTOR, bin_boundaries=[-1.0, 0.0, 1.0]),
    "Dot": layer((5, 4), (6, 4), axes=2),
    "Dropout": layer(VECTOR, rate=0.5),
    "ELU": layer(VECTOR),
    "EinsumDense": layer(STEPS, equation="abc,cd->abd", output_shape=(None, 5), bias_axes="d"),
    "Embedding": layer((5,), input_dim=9, output_dim=4, values="ids"),
    "Flatten": layer(MAPS),
    "GRU": layer(STEPS, units=4),
    "GRUCell": model(STEPS, build=cell("GRUCell")),
    "GaussianDropout": layer(VECTOR, rate=0.5),
    "GaussianNoise": layer(VECTOR, stddev=0.5),
    "GlobalAveragePooling1D": layer(STEPS),
    "GlobalAveragePooling2D": layer(MAPS),
    "GlobalAveragePooling3D": layer(VOLUME),
    "GlobalMaxPooling1D": layer(STEPS),
    "GlobalMaxPooling2D": layer(MAPS),
    "GlobalMaxPooling3D": layer(VOLUME),
    "GroupNormalization": layer(MAPS, groups=2),
    "HashedCrossing": Row(
        ((1,), (1,)),
        lambda k, x: k.layers.HashedCrossing(num_bins=5, output_mode="one_hot")(tuple(x)),
        values="words",
        refused={"load": "no table of the model lists what it may hold"},
        note="cross the columns in the data, and look them up with `StringLookup`",
    ),
    "Hashing": Row(
        ((1,),), settings={"num_bins": 5, "output_mode": "one_hot"},
        values="words", refused={"load": "hashes whatever the input"},
        note="train with `StringLookup(vocabulary=...)` in its place: an app can list its words",
    ),
    "Identity": layer(VECTOR),
    "InputLayer": model(VECTOR, build=lambda k, x: k.layers.Dense(3)(x)),
    "IntegerLookup": layer((1,), vocabulary=[1, 4, 7], output_mode="one_hot", values="ids"),
    "LSTM": layer(STEPS, units=4),
    "LSTMCell": model(STEPS, build=cell("LSTMCell")),
    "Lambda": model(
        VECTOR, build=lambda k, x: k.layers.Lambda(lambda t: t * 2.0)(x),
        note="its code is refused when a file is read, unless `--trust-pickle` or "
        "`--custom-objects` allow it",
    ),
    "LayerNormalization": layer(MAPS),
    "LeakyReLU": layer(VECTOR),
    "Masking": model(STEPS, build=masked("LSTM")),
    "MaxPooling1D": layer(STEPS, pool_size=2),
    "MaxPooling2D": layer(MAPS, pool_size=3, strides=2, padding="same"),
    "MaxPooling3D": layer(VOLUME, pool_size=2),
    "Maximum": layer(MAPS, MAPS),
    "Minimum": layer(MAPS, MAPS),
    "MultiHeadAttention": model(
        (5, 4), (6, 4), build=lambda k, x: k.layers.MultiHeadAttention(2, 3)(x[0], x[1])
    ),
    "Multiply": layer(MAPS, MAPS),
    "Normalization": layer(VECTOR, mean=[1.0, 2, 3, 4, 5, 6], variance=[1.0, 2, 3, 4, 5, 6]),
    "PReLU": layer(MAPS, shared_axes=[1, 2]),
    "Permute": layer(MAPS, dims=(3, 1, 2)),
    "RNN": model(STEPS, build=cell("SimpleRNNCell")),
    "RandomBrightness": layer(PICTURE, factor=0.5, values="pixels"),
    "RandomContrast": layer(PICTURE, factor=0.5, values="pixels"),
    "RandomCrop": layer(PICTURE, height=5, width=4, values="pixels"),
    "RandomFlip": layer(PICTURE, values="pixels"),
    "RandomRotation": layer(PICTURE, factor=0.5, values="pixels"),
    "RandomTranslation": layer(PICTURE, height_factor=0.2, width_factor=0.2, values="pixels"),
    "RandomZoom": layer(PICTURE, height_factor=0.5, values="pixels"),
    "ReLU": layer(VECTOR, max_value=1.0, negative_slope=0.1, threshold=0.2),
    "RepeatVector": layer(VECTOR, n=3),
    "Rescaling": layer(PICTURE, scale=1 / 255, offset=-0.5, values="pixels"),
    "Reshape": layer(MAPS, target_shape=(12, 12)),
    "Resizing": layer(PICTURE, height=5, width=11, values="pixels"),
    "SeparableConv1D": layer(STEPS, filters=5, kernel_size=3),
    "SeparableConv2D": layer(MAPS, filters=5, kernel_size=3),
    "SimpleRNN": layer(STEPS, units=4),
    "SimpleRNNCell": model(STEPS, build=cell("SimpleRNNCell")),
    "Softmax": layer(STEPS, axis=1),
    "SpatialDropout1D": layer(STEPS, rate=0.5),
    "SpatialDropout2D": layer(MAPS, rate=0.5),
    "SpatialDropout3D": layer(VOLUME, rate=0.5),
    "SpectralNormalization": model(VECTOR, build=inside("SpectralNormalization")),
    "StackedRNNCells": model(
        STEPS,
        build=lambda k, x: k.layers.RNN(
            k.layers.StackedRNNCells([k.layers.LSTMCell(3), k.layers.GRUCell(4)])
        )(x),
    ),
    "StringLookup": Row(
        ((1,),), settings={"vocabulary": ["a", "b", "c"], "output_mode": "one_hot"}, values="words"
    ),
    "Subtract": layer(MAPS, MAPS),
    "TextVectorization": Row(
        ((1,),),
        settings={"vocabulary": ["a", "b", "c"], "output_sequence_length": 4},
        values="words",
    ),
    "TimeDistributed": model(STEPS, build=inside("TimeDistributed")),
    "UnitNormalization": layer(STEPS),
    "UpSampling1D": layer(STEPS, size=2),
    "UpSampling2D": layer(MAPS, size=(2, 3), interpolation="bilinear"),
    "UpSampling3D": layer(VOLUME, size=2),
    "Wrapper": Row((), note="a base class"),
    "Layer": Row((), note="a base class"),
    "InputSpec": Row((), note="no layer: what a layer expects of its inputs"),
    "ZeroPadding1D": layer(STEPS, padding=(1, 2)),
    "ZeroPadding2D": layer(MAPS, padding=((1, 2), (0, 1))),
    "ZeroPadding3D": layer(VOLUME, padding=1),
}  # fmt: skip


def _pipeline(k: Any, x: Any) -> Any:
    return k.layers.Pipeline([k.layers.Rescaling(1 / 255), k.layers.Resizing(4, 5)])(x)


def _boxes(name: str, **settings: Any) -> Build:
    """A layer for batches of pictures with their labels, of which inference passes pictures on."""

    def build(k: Any, x: Any) -> Any:
        return getattr(k.layers, name)(**settings)({"images": x[0], "labels": x[1]})["images"]

    return build


_FOREIGN = "refused when it is read: a layer around another library's model; convert that model"

KERAS_3: dict[str, Row] = {
    **SHARED,
    "AdaptiveAveragePooling1D": layer((7, 4), output_size=3),
    "AdaptiveAveragePooling2D": layer((7, 5, 4), output_size=3),
    "AdaptiveAveragePooling3D": layer((5, 4, 4, 3), output_size=3),
    "AdaptiveMaxPooling1D": layer((7, 4), output_size=3),
    "AdaptiveMaxPooling2D": layer((7, 5, 4), output_size=3),
    "AdaptiveMaxPooling3D": layer((5, 4, 4, 3), output_size=3),
    "AugMix": layer(PICTURE, values="pixels"),
    "AutoContrast": layer(PICTURE, values="pixels"),
    "ContrastLimitedAdaptiveHistogramEqualization": layer(
        PICTURE, tile_grid_size=(2, 2), values="pixels"
    ),
    "CutMix": model(PICTURE, (4,), build=_boxes("CutMix"), values="pixels"),
    "Equalization": Row((), note="Keras 3.15 cannot put it into a model: it gives back its input"),
    "FlaxLayer": Row((), note=_FOREIGN),
    "GroupQueryAttention": model(
        (5, 4), (6, 4), build=lambda k, x: k.layers.GroupQueryAttention(3, 4, 2)(x[0], x[1])
    ),
    "JaxLayer": Row((), note=_FOREIGN),
    "MaxNumBoundingBoxes": Row(
        (PICTURE, (5, 4), (5,)),
        lambda k, x: k.layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(
            {"images": x[0], "bounding_boxes": {"boxes": x[1], "labels": x[2]}}
        )["bounding_boxes"]["boxes"],
    ),
    "MelSpectrogram": layer(
        (64,), fft_length=16, sequence_stride=8, num_mel_bins=6, sampling_rate=400
    ),
    "MixUp": model(PICTURE, (4,), build=_boxes("MixUp"), values="pixels"),
    "Pipeline": model(PICTURE, build=_pipeline, values="pixels"),
    "RMSNormalization": layer(STEPS),
    "RandAugment": layer(PICTURE, values="pixels"),
    "RandomColorDegeneration": layer(PICTURE, factor=0.5, values="pixels"),
    "RandomColorJitter": layer(PICTURE, brightness_factor=0.5, values="pixels"),
    "RandomElasticTransform": layer(PICTURE, values="pixels"),
    "RandomErasing": layer(PICTURE, values="pixels"),
    "RandomGaussianBlur": layer(PICTURE, values="pixels"),
    "RandomGrayscale": layer(PICTURE, values="pixels"),
    "RandomHue": layer(PICTURE, factor=0.5, values="pixels"),
    "RandomInvert": layer(PICTURE, values="pixels"),
    "RandomPerspective": layer(PICTURE, values="pixels"),
    "RandomPosterization": layer(PICTURE, factor=3, values="pixels"),
    "RandomSaturation": layer(PICTURE, factor=0.5, values="pixels"),
    "RandomSharpness": layer(PICTURE, factor=0.5, values="pixels"),
    "RandomShear": layer(PICTURE, x_factor=0.5, values="pixels"),
    "ReversibleEmbedding": model(
        (5,), build=lambda k, x: _reversed(k, x), values="ids"
    ),
    "STFTSpectrogram": layer((64, 1), frame_length=16, frame_step=8),
    "Solarization": layer(PICTURE, addition_factor=0.2, threshold_factor=0.5, values="pixels"),
    "TFSMLayer": Row((), note=_FOREIGN),
    "TorchModuleWrapper": Row((), note=_FOREIGN),
}  # fmt: skip


def _reversed(k: Any, x: Any) -> Any:
    both = k.layers.ReversibleEmbedding(9, 4)
    return both(both(x), reverse=True)


def _features(k: Any, x: Any) -> Any:
    import tensorflow as tf

    columns = [
        tf.feature_column.numeric_column("a"),
        tf.feature_column.bucketized_column(tf.feature_column.numeric_column("b"), [-0.5, 0.5]),
    ]
    return k.layers.DenseFeatures(columns)(dict(zip("ab", x, strict=True)))


def _own_cell(k: Any, x: Any) -> Any:
    class Cell(k.layers.AbstractRNNCell):  # type: ignore[misc,name-defined]
        state_size = 4

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")
            self.built = True

        def call(self, x: Any, states: Any) -> Any:
            out = k.backend.tanh(k.backend.dot(x, self.kernel) + 0.5 * states[0])
            return out, [out]

    return k.layers.RNN(Cell())(x)


KERAS_2: dict[str, Row] = {
    **SHARED,
    "AbstractRNNCell": model(STEPS, build=_own_cell),
    "DenseFeatures": model((1,), (1,), build=_features),
    "LocallyConnected1D": layer(STEPS, filters=5, kernel_size=3),
    "LocallyConnected2D": layer(MAPS, filters=5, kernel_size=3),
    "RandomHeight": layer(PICTURE, factor=0.2, values="pixels"),
    "RandomWidth": layer(PICTURE, factor=0.2, values="pixels"),
    "ThresholdedReLU": layer(VECTOR, theta=0.3),
}

# Functions of keras.activations that make no activation.
NO_ACTIVATIONS = frozenset({"deserialize", "get", "serialize"})
# A row for each that needs something else than numbers around 0.
ACTIVATIONS: dict[str, Row] = {
    name: model(STEPS, build=lambda k, x, name=name: k.layers.Activation(name)(x))
    for name in (
        *("celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu"),
        *("hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish"),
        *("relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus"),
        *("softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh"),
        "tanh_shrink",
    )
}
ACTIVATIONS["threshold"] = model(STEPS, build=lambda k, x: k.activations.threshold(x, 0.5, -1.0))
ACTIVATIONS_OF_KERAS_2 = frozenset(
    {
        *("elu", "exponential", "gelu", "hard_sigmoid", "linear", "mish", "relu", "selu"),
        *("sigmoid", "softmax", "softplus", "softsign", "swish", "tanh"),
    }
)


def _resized(**how: Any) -> Build:
    """A resize between two convolutions, which ask for its shape."""

    def build(k: Any, x: Any) -> Any:
        x = k.layers.Resizing(**how)(k.layers.Conv2D(3, 3)(x))
        return k.layers.Conv2D(2, 3)(x)

    return build


# What a layer is known to need more than its plain row tells: name (what), of Keras 3.
VARIANTS: dict[str, Row] = {
    **{
        f"Resizing ({how})": model(
            PICTURE, build=_resized(height=13, width=5, interpolation=how), values="pixels"
        )
        for how in ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5")
    },
    "Resizing (antialias)": model(
        PICTURE, build=_resized(height=4, width=5, antialias=True), values="pixels"
    ),
    "UpSampling2D (bicubic)": layer(MAPS, size=(2, 3), interpolation="bicubic"),
    "UpSampling2D (lanczos3)": layer(MAPS, size=2, interpolation="lanczos3"),
    "Conv1DTranspose (output padding)": layer(
        STEPS, filters=5, kernel_size=3, strides=2, padding="same", output_padding=1
    ),
    "Conv2DTranspose (output padding)": layer(
        MAPS, filters=5, kernel_size=3, strides=3, output_padding=2
    ),
    "Conv2DTranspose (same, output padding)": layer(
        MAPS, filters=5, kernel_size=3, strides=2, padding="same", output_padding=1
    ),
    "Conv2DTranspose (dilated)": layer(
        MAPS, filters=5, kernel_size=3, dilation_rate=2, padding="same"
    ),
    "Conv3DTranspose (output padding)": layer(
        VOLUME, filters=5, kernel_size=3, strides=2, padding="same", output_padding=1
    ),
    "Conv2D (channels first)": layer((3, 8, 8), filters=5, kernel_size=3,
                                     data_format="channels_first"),
    "Conv2D (dilated)": layer(MAPS, filters=5, kernel_size=3, dilation_rate=2, padding="same"),
    "Discretization (one hot)": layer(
        (1,), bin_boundaries=[-1.0, 0.0, 1.0], output_mode="one_hot"
    ),
    "MultiHeadAttention (causal)": model(
        STEPS, build=lambda k, x: k.layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    ),
    "Bidirectional (masked)": model(
        STEPS,
        build=lambda k, x: k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))(
            k.layers.Masking()(k.ops.relu(x))
        ),
    ),
    "LSTM (softsign)": layer(STEPS, units=4, activation="softsign"),
    "log1p": model(STEPS, build=lambda k, x: k.ops.log1p(k.ops.abs(x) * 0.01)),
    "expm1": model(STEPS, build=lambda k, x: k.ops.expm1(x * 0.01)),
}  # fmt: skip
