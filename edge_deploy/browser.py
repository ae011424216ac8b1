"""A real browser that runs converted files through the page's own code."""

from __future__ import annotations

import base64
import itertools
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from edge_deploy.browser_places import ENVIRONMENT, find_browser
from edge_deploy.errors import ArtifactError, EdgeDeployError, MissingDependency, UsageError
from edge_deploy.mends import install
from edge_deploy.server import address, start
from edge_deploy.shell import shell_folder
from edge_deploy.spec import Array, Arrays, Feature, ModelSpec, TensorSpec

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

__all__ = ["Browser", "find_browser", "open_browser"]

# SwiftShader computes WebGL on the CPU: right on every machine, and the same on each.
FLAGS = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WEBGPU_FLAGS = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
# A first WebGPU or WebGL run compiles shaders: 14 s for MobileNetV2 on two cores.
_SECONDS = 180


class Browser:
    """A browser process and a local server for it. Made by open_browser."""

    def __init__(self, playwright: Playwright, executable: Path, stack: ExitStack) -> None:
        self._playwright, self._executable, self._stack = playwright, executable, stack
        self._mounts: dict[str, Path] = {}
        self._numbers = itertools.count(1)
        server = start(shell_folder(), mounts=self._mounts)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        self.url = address(server)
        self._plain = self._launch(FLAGS)
        self._webgpu: Any = None

    def _launch(self, flags: tuple[str, ...]) -> Any:
        from playwright.sync_api import Error

        try:
            launched = self._playwright.chromium.launch(
                executable_path=self._executable, args=list(flags)
            )
        except Error as error:
            raise MissingDependency(
                f"{self._executable} does not start ({_first_line(error)}). Name another browser "
                f"with --browser PATH or {ENVIRONMENT}."
            ) from error
        self._stack.callback(launched.close)
        return launched

    @property
    def version(self) -> str:
        """The browser's own version."""
        return str(self._plain.version)

    def new_page(self, webgpu: bool = False, **options: Any) -> Page:
        """A fresh page with a profile of its own.

        Args:
            webgpu: In a second process, which has WebGPU switched on.
            options: Playwright's, such as ``viewport``.
        """
        if webgpu and self._webgpu is None:
            self._webgpu = self._launch((*FLAGS, *WEBGPU_FLAGS))
        page: Page = (self._webgpu if webgpu else self._plain).new_page(**options)
        return page

    @contextmanager
    def open_file(
        self, target: str, path: Path, backend: str, spec: ModelSpec
    ) -> Iterator[PageRunner]:
        """Open a converted file on a page of its own.

        Args:
            target: ``tfjs``, ``tflite`` or ``onnx``: which of the page's runtimes opens it.
            path: The file; a TF.js file's weights lie beside it.
            backend: One of that runtime's: webgl, wasm, webgpu or cpu.
            spec: The tensors that are wanted. Where the file's names are others, or it has none,
                its tensors are taken in order.

        Raises:
            ArtifactError: The file cannot be run, in the page's own words.
        """
        if not path.is_file():
            raise ArtifactError(f"{path}: no such file.")
        mount = f"model-{next(self._numbers)}"
        self._mounts[mount] = path.parent
        page = self.new_page(webgpu=backend == "webgpu")
        try:
            runner = PageRunner(page, f"{path} on {backend}", spec)
            runner.open(self.url, target, f"{mount}/{quote(path.name)}", backend)
            yield runner
        finally:
            page.close()
            del self._mounts[mount]

    def open_tfjs(
        self, model_json: Path, backend: str, spec: ModelSpec
    ) -> AbstractContextManager[PageRunner]:
        """open_file for a TF.js graph model."""
        return self.open_file("tfjs", model_json, backend, spec)


class PageRunner:
    """A model on a page: one sample in, its outputs out.

    Attributes:
        seconds: The model's own time for the last answer, by the page's clock, which ticks every
            0.1 ms: without the way to the page and back.
    """

    def __init__(self, page: Page, what: str, spec: ModelSpec) -> None:
        self.seconds = 0.0
        self._page, self._what, self._spec = page, what, spec
        self._complaints: list[str] = []
        page.on("pageerror", lambda error: self._complaints.append(_first_line(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self._complaints.append(message.text.partition("\n")[0])

    def open(self, site: str, target: str, model: str, backend: str) -> None:
        """Load the page and the model; the backend must be the one that was asked for."""
        from playwright.sync_api import Error

        try:
            self._page.goto(f"{site}harness.html")
            # A flag and not a function: the policy of the page forbids to evaluate text.
            self._page.wait_for_selector("html[data-state=ready]", state="attached")
        except Error as error:
            raise self._failure(error) from error
        self.start(target, model, backend)

    def start(self, target: str, model: str, backend: str) -> None:
        """Load the model on a page that is ready."""
        spec = {
            "inputs": [tensor.to_json() for tensor in self._spec.inputs],
            "outputs": [tensor.to_json() for tensor in self._spec.outputs],
        }
        used = self._ask(
            "(all) => edgeDeploy.open(...all)",
            [target, model, backend, spec, _SECONDS],
        )
        if used != backend:
            raise ArtifactError(f"{self._what}: the page runs it on {used} instead.")

    def predict(self, inputs: Arrays) -> Arrays:
        """Answer one sample.

        Raises:
            ArtifactError: The page could not, in its own words.
        """
        encoded = self._encoded(inputs)
        answer = self._ask("([inputs, s]) => edgeDeploy.predict(inputs, s)", [encoded, _SECONDS])
        self.seconds = answer["ms"] / 1e3
        given = answer["outputs"]
        return {tensor.name: _decode(given[tensor.name], tensor) for tensor in self._spec.outputs}

    def time(self, inputs: Arrays, fewest: int, most: int, seconds: float) -> list[float]:
        """Seconds of answers by the page's own clock, without the way to the page and back.

        Args:
            inputs: One sample.
            fewest: Answers at least.
            most: Answers at most.
            seconds: How long at least, between the two.
        """
        asked = [self._encoded(inputs), fewest, most, seconds, _SECONDS]
        script = "([inputs, ...rest]) => edgeDeploy.time(inputs, ...rest)"
        return [float(ms) / 1e3 for ms in self._ask(script, asked)]

    def _encoded(self, inputs: Arrays) -> dict[str, Any]:
        return {
            tensor.name: {
                "data": base64.b64encode(_wire_array(inputs[tensor.name]).tobytes()).decode(),
                "shape": list(inputs[tensor.name].shape),
            }
            for tensor in self._spec.inputs
        }

    def encode(self, features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]) -> Array:
        """Rows as the page encodes them, which counts their texts: float32 (rows, width).

        Raises:
            ArtifactError: The page cannot, in its own words.
        """
        from edge_deploy.features import features_to_json

        script = "(all) => edgeDeploy.encode(...all)"
        encoded = np.zeros((len(rows), sum(f.width for f in features)), np.float32)
        for row, pairs in zip(
            encoded, self._ask(script, [features_to_json(features), list(rows)]), strict=True
        ):
            row[np.array(pairs[::2], np.int64)] = pairs[1::2]
        return encoded

    def live_tensors(self) -> int:
        """How many tensors the page holds; it must not grow from sample to sample."""
        return int(self._ask("() => edgeDeploy.tensors()", None))

    def _ask(self, script: str, argument: Any) -> Any:
        from playwright.sync_api import Error

        try:
            return self._page.evaluate(script, argument)
        except Error as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ArtifactError:
        words = _first_line(error)
        heard = [text for text in dict.fromkeys(self._complaints) if text not in words][:3]
        return ArtifactError(f"{self._what}: {'; '.join([words, *heard])}")


def _wire_array(values: Array) -> Array:
    """What travels to the page: TF.js has 32-bit numbers and bytes for booleans."""
    kinds = {"b": np.uint8, "i": np.int32, "u": np.int32}
    wire = np.ascontiguousarray(values, dtype=kinds.get(values.dtype.kind, np.float32))
    if values.dtype.kind in "iu" and not np.array_equal(wire, values):
        raise UsageError("An input holds integers beyond 32 bits, which TF.js does not have.")
    return wire


def _decode(entry: dict[str, Any], tensor: TensorSpec) -> Array:
    kind = {"Float32Array": np.float32, "Int32Array": np.int32}.get(entry["array"], np.uint8)
    values = np.frombuffer(base64.b64decode(entry["data"]), kind).reshape(entry["shape"])
    return values.astype(np.dtype(tensor.dtype))


def _first_line(error: Any) -> str:
    text = str(error).strip().partition("\n")[0]
    for prefix in ("Page.evaluate: ", "Page.goto: ", "Error: "):
        text = text.removeprefix(prefix)
    return text


# A Ctrl-C ends Playwright's driver too, which asyncio then reports on stderr as nobody's error.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


@contextmanager
def open_browser(path: Path | None = None) -> Iterator[Browser]:
    """A headless browser, with the page's shell on a local port.

    Args:
        path: The browser; without it find_browser looks for one.

    Raises:
        MissingDependency: There is no browser, no Playwright, or the page is not built.
        UsageError: The browser that was named is not there.
    """
    executable = find_browser(path)
    shell_folder()
    with ExitStack() as stack:
        playwright = stack.enter_context(_driver())
        yield Browser(playwright, executable, stack)


class _Drivers(threading.local):
    """Playwright's driver of a thread, and how many browsers use it."""

    playwright: Any = None
    users = 0


_drivers = _Drivers()


@contextmanager
def _driver() -> Iterator[Any]:
    """Playwright, started once a thread: a second one beside it would be refused."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise MissingDependency(
            "TF.js files run in a browser through Playwright, which is not installed: leave them "
            f"out with --only tflite,onnx, or install it with: {install('browser')}"
        ) from error
    if not _drivers.users:
        try:
            _drivers.playwright = sync_playwright().start()
        except Error as error:
            raise EdgeDeployError(
                f"The browser cannot be driven from here ({_first_line(error)}) In a notebook, run "
                "the edge-deploy command in a shell instead."
            ) from error
    _drivers.users += 1
    try:
        yield _drivers.playwright
    finally:
        _drivers.users -= 1
        if not _drivers.users:
            _drivers.playwright.stop()
            _drivers.playwright = None
