"""ONNX files in ONNX Runtime."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Arrays, Runner, as_dtype
from edge_deploy.formats.onnx.describe import open_session, tensor_spec


@contextlib.contextmanager
def open_runner(path: Path) -> Iterator[Runner]:
    """Open an ``.onnx`` file in ONNX Runtime on the CPU; one session answers all samples.

    Raises:
        ArtifactError: ONNX Runtime cannot open it.
    """
    yield OnnxRunner(path, open_session(path))


class OnnxRunner:
    """One session: values are cast to what the file's inputs take."""

    def __init__(self, path: Path, session: Any) -> None:
        self._path = path
        self._session = session
        self._inputs = tuple(tensor_spec(value) for value in session.get_inputs())
        self._outputs = [value.name for value in session.get_outputs()]

    def predict(self, inputs: Arrays) -> Arrays:
        try:
            feed = {spec.name: as_dtype(inputs[spec.name], spec.dtype) for spec in self._inputs}
            values = self._session.run(self._outputs, feed)
        except Exception as error:
            # As above: no public base class.
            raise ArtifactError(
                f"{self._path}: ONNX Runtime cannot run it: {first_line(error)}."
            ) from error
        return dict(zip(self._outputs, values, strict=True))
