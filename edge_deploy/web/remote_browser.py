"""A caged child's browser: its parent has the real one, and answers for it.

A browser has a cage of its own, and needs what ours refuses (sockets, other programs).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.core.errors import (
    ArtifactError,
    EdgeDeployError,
    MissingDependencyError,
    UsageError,
)
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec, TensorSpec
from edge_deploy.core.worker.channel import Channel
from edge_deploy.web.browser import Browser, open_browser
from edge_deploy.web.page_runner import PageRunner, at_once

_ERRORS = (ArtifactError, MissingDependencyError, UsageError, EdgeDeployError)
_MOST_ENCODED = 1_000_000_000  # numbers


class RemotePage:
    """``PageRunner``, by messages."""

    def __init__(self, line: Channel, number: int, spec: ModelSpec) -> None:
        self.seconds: list[float] = []
        self._line, self._number, self._spec = line, number, spec

    def predict(self, inputs: Arrays) -> Arrays:
        """Answer one sample, as ``PageRunner.predict``."""
        return self.predict_each([inputs])[0]

    def predict_each(self, samples: Sequence[Arrays]) -> list[Arrays]:
        """Answer samples one after another, as ``PageRunner.predict_each``."""
        found: list[Arrays] = []
        self.seconds = []
        for some in at_once(samples):
            asked = [{spec.name: one[spec.name] for spec in self._spec.inputs} for one in some]
            call = {"call": "predict", "samples": len(asked)}
            header, outputs = self._ask(call, _numbered(asked))
            self.seconds += [float(one) for one in header["seconds"]]
            found += _by_sample(outputs, len(asked), [spec.name for spec in self._spec.outputs])
        return found

    def time(self, inputs: Arrays, fewest: int, most: int, seconds: float) -> list[float]:
        """Seconds of answers, as ``PageRunner.time``."""
        how = {"fewest": fewest, "most": most, "seconds": seconds}
        header, _ = self._ask({"call": "time", **how}, inputs)
        return [float(one) for one in header["times"]]

    def encode(self, features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]) -> Array:
        """Rows as the page encodes them, as ``PageRunner.encode``."""
        from edge_deploy.data.preprocessing.features import features_to_json

        width = sum(feature.width for feature in features)
        asked = {"features": features_to_json(features), "rows": list(rows), "width": width}
        return self._ask({"call": "encode", **asked})[1]["encoded"]

    def _ask(
        self, header: dict[str, Any], arrays: Arrays | None = None
    ) -> tuple[dict[str, Any], Arrays]:
        return _ask(self._line, {**header, "page": self._number}, arrays)


class RemoteBrowser:
    """``Browser``, by messages: what verification asks of one."""

    def __init__(self, line: Channel) -> None:
        self._line = line
        _ask(line, {"call": "start"})

    def end(self) -> None:
        """Give back the memory of the browser, of which nothing more is asked."""
        _ask(self._line, {"call": "end"})

    @contextmanager
    def open_file(
        self, target: str, path: Path, backend: str, spec: ModelSpec
    ) -> Iterator[RemotePage]:
        """Open a converted file, as ``Browser.open_file``."""
        tensors = {"inputs": _to_json(spec.inputs), "outputs": _to_json(spec.outputs)}
        asked = {"target": target, "path": str(path), "backend": backend, "spec": tensors}
        number = int(_ask(self._line, {"call": "open", **asked})[0]["page"])
        try:
            yield RemotePage(self._line, number, spec)
        finally:
            _ask(self._line, {"call": "close", "page": number})


def _ask(
    line: Channel, header: dict[str, Any], arrays: Arrays | None = None
) -> tuple[dict[str, Any], Arrays]:
    line.send(header, arrays)
    answer = line.receive()
    if answer is None:
        raise EdgeDeployError("The process that has the browser has ended.")
    told = answer[0].get("error")
    if told is not None:
        kinds = {kind.__name__: kind for kind in _ERRORS}
        raise kinds.get(told["type"], EdgeDeployError)(told["message"])
    return answer


class BrowserHost:
    """The parent's side: a browser that is started when the child first asks for it.

    Every request is looked at as a stranger's: which call, which file, how much.
    """

    def __init__(self, browser: Path | None, folders: Sequence[Path]) -> None:
        """Nothing is started yet.

        Args:
            browser: The one that the user named; the child cannot name another.
            folders: What may be opened lies in them.
        """
        self._path = browser
        self._folders = [folder.resolve() for folder in folders]
        self._stack = ExitStack()
        self._browser: Browser | None = None
        self._pages: dict[int, tuple[ExitStack, PageRunner]] = {}
        self._opened = 0

    def answer(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """The answer to one request, or the error that it gave."""
        calls = {
            "start": self._start,
            "open": self._open,
            "predict": self._predict,
            "time": self._time,
            "encode": self._encode,
            "close": self._close,
            "end": self._end,
        }
        try:
            return calls[str(header["call"])](header, arrays)
        except EdgeDeployError as error:
            kind = next(one for one in _ERRORS if isinstance(error, one))
            return _refusal(kind.__name__, str(error))
        except Exception as error:
            text = f"The browser could not be asked ({type(error).__name__}: {first_line(error)})."
            return _refusal("EdgeDeployError", text)

    def close(self) -> None:
        """Close the pages and the browser."""
        for stack, _ in self._pages.values():
            stack.close()
        self._pages = {}
        self._stack.close()

    def _start(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if self._browser is None:
            self._browser = self._stack.enter_context(open_browser(self._path))
        return {}, {}

    def _open(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        path, spec = Path(str(header["path"])), header["spec"]
        real = path.resolve()
        if not any(real.is_relative_to(folder) for folder in self._folders):
            raise ArtifactError(f"{path}: not a file of this command.")
        if self._browser is None or len(self._pages) >= 8:
            raise ArtifactError(f"{path}: too many pages, or no browser.")
        model = ModelSpec(_from_json(spec["inputs"]), _from_json(spec["outputs"]))
        stack = ExitStack()
        opened = self._browser.open_file(str(header["target"]), path, str(header["backend"]), model)
        runner = stack.enter_context(opened)
        self._opened += 1
        self._pages[self._opened] = (stack, runner)
        return {"page": self._opened}, {}

    def _end(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        self.close()
        self._browser = None
        return {}, {}

    def _predict(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        count = int(header["samples"])
        names = {name.partition(" ")[2] for name in arrays}
        if not names or len(arrays) != count * len(names):
            raise ArtifactError("The samples are not whole.")
        runner = self._pages[header["page"]][1]
        outputs = runner.predict_each(_by_sample(arrays, count, names))
        return {"seconds": runner.seconds}, _numbered(outputs)

    def _time(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        runner = self._pages[header["page"]][1]
        fewest, most = int(header["fewest"]), int(header["most"])
        return {"times": runner.time(arrays, fewest, most, float(header["seconds"]))}, {}

    def _encode(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        features, rows, width = header["features"], header["rows"], int(header["width"])
        if not 0 <= width * len(rows) <= _MOST_ENCODED:
            raise ArtifactError("The texts become too many numbers.")
        runner = self._pages[header["page"]][1]
        return {}, {"encoded": runner.encode_document(features, rows, width)}

    def _close(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if found := self._pages.pop(header["page"], None):
            found[0].close()
        return {}, {}


def _numbered(samples: Sequence[Arrays]) -> Arrays:
    return {f"{n} {name}": values for n, one in enumerate(samples) for name, values in one.items()}


def _by_sample(arrays: Arrays, count: int, names: Collection[str]) -> list[Arrays]:
    return [{name: arrays[f"{n} {name}"] for name in names} for n in range(count)]


def _refusal(kind: str, message: str) -> tuple[dict[str, Any], Arrays]:
    return {"error": {"type": kind, "message": message}}, {}


def _to_json(tensors: Sequence[TensorSpec]) -> list[list[Any]]:
    return [[one.name, list(one.shape), one.dtype] for one in tensors]


def _from_json(tensors: Any) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(str(name), tuple(shape), np.dtype(str(dtype)).name)
        for name, shape, dtype in tensors
    )
