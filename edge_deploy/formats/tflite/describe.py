"""What a TFLite file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import read_bytes
from edge_deploy.core.errors import ArtifactError
from edge_deploy.formats.base import FileInfo
from edge_deploy.formats.tflite.file import ends, operator_name, unpack
from edge_deploy.formats.tflite.metadata import read
from edge_deploy.formats.tflite.requirements import needs


def describe(path: Path) -> FileInfo:
    """What a ``.tflite`` file says of itself; reads the file only, no runtime.

    Raises:
        ArtifactError: It is not a TFLite file, or damaged.
    """
    data = read_bytes(path, ArtifactError)
    model = unpack(path, data)
    try:
        inputs, outputs = ends(model)
        ops = tuple(sorted({operator_name(code) for code in model.operatorCodes or ()}))
        needed = needs(model)
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ArtifactError(
            f"{path}: its graph cannot be followed ({type(error).__name__}: {error}): the file is "
            "damaged, or of a newer schema than ours."
        ) from error
    return FileInfo(
        target="tflite",
        inputs=inputs,
        outputs=outputs,
        ops=ops,
        min_runtime=needed["min_runtime"],
        metadata=read(path, data, model),
        needs=needed,
    )


def read_metadata(path: Path) -> Mapping[str, Any] | None:
    """What edge-deploy embedded; None in somebody else's file.

    Raises:
        ArtifactError: It is not a TFLite file, or what is embedded is damaged.
    """
    data = read_bytes(path, ArtifactError)
    return read(path, data, unpack(path, data))
