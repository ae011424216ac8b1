"""Other precisions of a TFLite file, by ai-edge-quantizer: .tflite -> .tflite, no TensorFlow."""

from __future__ import annotations

import copy
import functools
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.dependencies import missing_dependency
from edge_deploy.core.errors import ConversionError
from edge_deploy.core.messages import first_line
from edge_deploy.core.worker import native
from edge_deploy.data.calibration import Samples
from edge_deploy.data.preprocessing.image import takes_pixels
from edge_deploy.formats.base import Quantization
from edge_deploy.formats.tflite.file import SIGNATURE, ends, operator_name, pack, type_names, unpack
from edge_deploy.formats.tflite.metadata import finish, read
from edge_deploy.formats.tflite.quantized_io import keep_names, steps_of, to_uint8
from edge_deploy.formats.tflite.requirements import needs, set_versions, too_new
from edge_deploy.formats.tflite.runner import LiteRTRunner

STATIC = ("int8", "int16x8")
"""Precisions whose activations are integers, for which their ranges must be measured."""


_ASKED = 32  # samples that decide between two candidates
_WIDEST = "widest"
# What is known need not be measured; and with this range a step is 1, so that a byte of a picture
# is the integer that stands for it.
_PIXELS = {"min": 0.0, "max": 255.0}
_CHUNK = 16  # samples that the calibrator holds at a time


def quantize(source: Path, path: Path, wanted: Quantization) -> None:
    """Write a float32 file in another precision, with its names, signature and metadata.

    Args:
        source: The float32 file.
        path: The file to write.
        wanted: float16, dynamic, int8, int16x8 or int4; int8 and int16x8 need calibration data.
            Where ``min_runtime`` is too old for a scale a channel, ``dynamic`` weights get one
            scale a tensor.

    Raises:
        ConversionError: ai-edge-quantizer cannot do it, or nothing in the file is quantized.
        MissingDependencyError: ai-edge-quantizer is not installed.
    """
    native.opens(source)
    data, precision = source.read_bytes(), wanted.precision
    if precision in STATIC and "WHILE" in _operators(data):
        raise ConversionError(
            f"TFLite in {precision}: the model has a loop (WHILE: an LSTM or GRU, most often), and "
            "ai-edge-quantizer cannot measure what happens within one. Take dynamic or float16, "
            "or int8 of another target."
        )
    try:
        warnings.simplefilter("ignore")  # that calibration keeps all tensors
        made = _made(data, wanted)
    except ConversionError:
        raise
    except ModuleNotFoundError as error:
        raise missing_dependency(error.name, "to quantize", "quantize") from error
    except Exception as error:
        # ai-edge-quantizer raises ValueError, RuntimeError, KeyError and its interpreter's own.
        raise ConversionError(
            f"TFLite in {precision}: ai-edge-quantizer cannot do it: {first_line(error)}. Leave "
            f"it out, or take another precision."
        ) from error
    path.write_bytes(made)


def _made(data: bytes, wanted: Quantization) -> bytes:
    if wanted.precision not in STATIC:
        file = _quantize(data, wanted, None)
        newer = _too_new(file, wanted.min_runtime) if wanted.min_runtime else []
        if wanted.precision != "dynamic" or not newer:
            return file
        return _quantize(data, wanted, None, per_tensor=newer)
    widest, usual = _measure(data, wanted.samples)
    file = _quantize(data, wanted, widest)
    if wanted.precision != "int8" or wanted.samples is None:
        return file
    return _better_of(data, file, _quantize(data, wanted, usual), wanted.samples)


def _operators(data: bytes) -> set[str]:
    return {operator_name(c) for c in unpack(Path("float32.tflite"), data).operatorCodes}


def _too_new(file: bytes, min_runtime: str) -> list[str]:
    newer = too_new(needs(unpack(Path("dynamic.tflite"), file)), min_runtime)
    return [text.split()[0] for text in newer]


def _quantize(
    data: bytes, wanted: Quantization, measured: Any, per_tensor: Sequence[str] = ()
) -> bytes:
    quantizer = _quantizer(data, wanted.precision, wanted.io)
    if per_tensor:  # operators whose weights get one scale, which older runtimes know
        recipe = quantizer.get_quantization_recipe()
        for name in per_tensor:
            entry = copy.deepcopy(recipe[0])
            entry["operation"] = name
            entry["op_config"]["weight_tensor_config"]["granularity"] = "TENSORWISE"
            recipe.append(entry)
        quantizer.load_quantization_recipe(recipe)
    for scope in (name for layer in wanted.keep for name in layer.operators):
        quantizer.update_quantization_recipe(
            f"^{re.escape(scope)};$", "*", algorithm_key="no_quantize"
        )
    result = quantizer.quantize(measured, enable_progress_report=False)
    return complete(data, bytes(result.quantized_model), wanted.precision, wanted.io)


def _better_of(data: bytes, first: bytes, second: bytes, samples: Samples) -> bytes:
    """The int8 file that is nearer to float: by the widest ranges, or by the usual ones.

    Eight bits must choose between cutting off the rare and blurring the usual; which is better
    differs from model to model (a small CNN: 0.011 against 0.044 at most; MobileNet: 0.055
    against 0.018), and asking both files a few calibration samples tells.
    """
    expected, *answers = (_answers(file, samples) for file in (data, first, second))
    errors = [
        float(np.mean([np.abs(a - b).mean() for a, b in zip(expected, answer, strict=True)]))
        for answer in answers
    ]
    return first if errors[0] <= errors[1] else second


def _answers(data: bytes, samples: Samples) -> list[Any]:
    """All outputs for a few samples, each as one vector on the scale of the float ones."""
    from ai_edge_litert.interpreter import Interpreter

    runner = LiteRTRunner(Path("candidate.tflite"), Interpreter(model_content=data, num_threads=1))
    found = []
    for feed in itertools.islice(samples, _ASKED):
        answer = runner.predict(feed)
        found.append(np.concatenate([answer[n].ravel().astype(np.float64) for n in sorted(answer)]))
    return found


def _quantizer(data: bytes, precision: str, io: str) -> Any:
    from ai_edge_quantizer import qtyping, quantizer, recipe

    made = quantizer.Quantizer(bytearray(data))
    if precision == "float16":
        made.update_quantization_recipe(
            regex=".*",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=qtyping.TensorQuantizationConfig(
                    num_bits=16, dtype=qtyping.TensorDataType.FLOAT
                ),
                compute_precision=qtyping.ComputePrecision.FLOAT,
                explicit_dequantize=True,
            ),
            algorithm_key=quantizer.AlgorithmName.FLOAT_CASTING,
        )
        return made
    recipes = {
        "dynamic": recipe.dynamic_wi8_afp32,
        "int4": recipe.dynamic_wi4_afp32,
        "int8": recipe.static_wi8_ai8,
        "int16x8": recipe.static_wi8_ai16,
    }
    made.load_quantization_recipe(recipes[precision]())
    if precision in STATIC and io == "float":
        for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            made.update_quantization_recipe(
                ".*", end, algorithm_key=quantizer.AlgorithmName.NO_QUANTIZE
            )
    return made


@functools.lru_cache(maxsize=2)  # other layers in float, int8 or int16x8: the ranges are the same
def _measure(data: bytes, samples: Samples | None) -> tuple[Any, Any]:
    """The ranges of the activations: the widest over all samples, and the usual ones.

    ``Quantizer.calibrate`` takes a moving average of the samples' ranges, which cuts off what is
    rare: on a small CNN int16x8 was off by fourteen times as much as with the widest.
    """
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    if samples is None:
        raise ValueError("no calibration data")

    def update(old: Any, new: Any) -> Any:
        """Both at once: a pass over the samples is what takes the time."""
        if not old or not new:
            return new or old
        widest = qsv_utils.min_max_update(old.get(_WIDEST, old), new)
        return {**qsv_utils.moving_average_update(old, new), _WIDEST: widest}

    recipe = recipe_manager.RecipeManager()
    recipe.load_quantization_recipe(_quantizer(data, "int8", "float").get_quantization_recipe())
    measuring = calibrator.Calibrator(bytearray(data), num_threads=1, qsv_update_func=update)
    for chunk in _chunks(samples):
        measuring.calibrate({SIGNATURE: chunk}, recipe)
    found = measuring.get_model_qsvs()
    for name in _pixel_inputs(data) & found.keys():
        low, high = (np.full_like(found[name][end], value) for end, value in _PIXELS.items())
        found[name] = {"min": low, "max": high}
    widest = {name: value.get(_WIDEST, value) for name, value in found.items()}
    usual = {
        name: {key: part for key, part in value.items() if key != _WIDEST}
        for name, value in found.items()
    }
    return widest, usual


def _pixel_inputs(data: bytes) -> set[str]:
    """Inputs whose range is known: those that take 0-255 pixels as they are."""
    name = Path("float32.tflite")
    metadata = read(name, data, unpack(name, data)) or {}
    image = (metadata.get("preprocessing") or {}).get("image")
    if image is None or not takes_pixels(image):
        return set()
    return {n for n, i in (metadata.get("inputs") or {}).items() if i["kind"] == "image"}


def _chunks(samples: Samples) -> Iterator[list[Any]]:
    """The calibrator makes a list of what it gets: give it a few at a time."""
    iterator = iter(samples)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk


def complete(before: bytes, data: bytes, precision: str, io: str = "float") -> bytes:
    """Make the quantizer's file whole: weights inside, ends named, versions and metadata true."""
    name = Path(f"{precision}.tflite")
    old, model = unpack(name, before), unpack(name, data)
    types = type_names()
    changed = {"INT8", "INT16", "INT4", "FLOAT16"}
    used = {types[t.type] for g in model.subgraphs for t in g.tensors if t.quantization or t.buffer}
    if not used & changed:
        raise ConversionError(
            f"TFLite in {precision}: ai-edge-quantizer can quantize no operator of this model, so "
            f"the file would be float32 under another name. Leave {precision} out."
        )
    keep_names(old, model)
    if io == "uint8":
        to_uint8(model)
    set_versions(model)
    metadata = read(name, before, old)
    if metadata is None:
        return pack(model)
    steps = {"precision": precision, "quantization": steps_of(model)}
    return finish(model, {**metadata, **steps}, *ends(model))
