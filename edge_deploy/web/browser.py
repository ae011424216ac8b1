"""A real browser that runs converted files through the page's own code."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from edge_deploy.core.dependencies import install
from edge_deploy.core.errors import ArtifactError, EdgeDeployError, MissingDependencyError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import ModelSpec
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser_discovery import ENVIRONMENT, find_browser
from edge_deploy.web.page_runner import PageRunner, page_message
from edge_deploy.web.server import address, start

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


class Browser:
    """A browser process and a local server for it. Made by open_browser.

    Starting a page costs three times what loading it again does, so the page of a file that was
    answered serves the next one. It is loaded anew: scripts, runtime and memory are its own.
    """

    def __init__(self, playwright: Playwright, executable: Path, stack: ExitStack) -> None:
        self._playwright, self._executable, self._stack = playwright, executable, stack
        self._mounts: dict[str, Path] = {}
        self._numbers = itertools.count(1)
        self._idle: dict[bool, Page] = {}  # with WebGPU or without
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
            raise MissingDependencyError(
                f"{self._executable} does not start ({page_message(error)}). Name another browser "
                f"with {option('browser', 'PATH')} or {ENVIRONMENT}."
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

    def is_connected(self) -> bool:
        """Whether it still runs."""
        return bool(self._plain.is_connected())

    @contextmanager
    def reused_page(self, webgpu: bool = False) -> Iterator[Page]:
        """A page to be loaded, which one who is done with it may have used before.

        Args:
            webgpu: As of ``new_page``.
        """
        from playwright.sync_api import Error

        page = self._idle.pop(webgpu, None)
        if page is None or page.is_closed():
            page = self.new_page(webgpu)
        reusable = False
        try:
            yield page
            with suppress(Error):
                page.goto("about:blank")  # gives back the memory
                reusable = webgpu not in self._idle
        finally:
            if reusable:
                self._idle[webgpu] = page
            else:
                page.close()

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
        try:
            with self.reused_page(webgpu=backend == "webgpu") as page:
                runner = PageRunner(page, f"{path} on {backend}", spec)
                try:
                    runner.open(self.url, target, f"{mount}/{quote(path.name)}", backend)
                    yield runner
                finally:
                    runner.close()
        finally:
            del self._mounts[mount]


# A Ctrl-C ends Playwright's driver too, which asyncio then reports on stderr as nobody's error.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


@contextmanager
def open_browser(path: Path | None = None) -> Iterator[Browser]:
    """A headless browser, with the page's shell on a local port.

    Who asks while this thread has it open shares it.

    Args:
        path: The browser; without it find_browser looks for one.

    Raises:
        MissingDependencyError: There is no browser, no Playwright, or the page is not built.
        UsageError: The browser that was named is not there.
    """
    executable = find_browser(path)
    shell_folder()
    opened = _drivers.browsers.get(executable)
    if opened is not None and opened.is_connected():
        yield opened
        return
    with ExitStack() as stack:
        playwright = stack.enter_context(_driver())
        browser = _drivers.browsers[executable] = Browser(playwright, executable, stack)
        try:
            yield browser
        finally:
            if _drivers.browsers.get(executable) is browser:
                del _drivers.browsers[executable]


class _Drivers(threading.local):
    """Playwright's driver of a thread, the browsers that are open, and how many use the driver.

    A notebook runs its cells in an event loop. Playwright has one of its own and refuses to start
    in another, so the outer one is put aside: nothing of it runs before we return to it.
    """

    playwright: Any = None
    users = 0
    outer_loop: asyncio.AbstractEventLoop | None = None

    def __init__(self) -> None:
        self.browsers: dict[Path, Browser] = {}


_drivers = _Drivers()


@contextmanager
def _driver() -> Iterator[Any]:
    """Playwright, started once a thread: a second one beside it would be refused."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise MissingDependencyError(
            "TF.js files run in a browser through Playwright, which is not installed: leave them "
            f"out with {option('only', ['tflite', 'onnx'])}, or install it with: "
            f"{install('browser')}"
        ) from error
    if not _drivers.users:
        _drivers.outer_loop = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            _drivers.playwright = sync_playwright().start()
        except Error as error:
            asyncio._set_running_loop(_drivers.outer_loop)
            raise EdgeDeployError(
                f"The browser cannot be driven from here ({page_message(error)})"
            ) from error
    _drivers.users += 1
    try:
        yield _drivers.playwright
    finally:
        _drivers.users -= 1
        if not _drivers.users:
            _drivers.playwright.stop()
            _drivers.playwright = None
            asyncio._set_running_loop(_drivers.outer_loop)
