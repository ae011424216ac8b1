"""A site in a browser, and what tests of the page ask of it."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.api.demo import build_demo
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from edge_deploy.web.server import address, start
from tests.api.test_demo import make_artifact
from tests.support import PATIENCE

Make = Callable[[Path], Path]
HERE = re.compile(r"http://127\.0\.0\.1:|blob:|data:")  # where requests may go


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder while it is served."""
    server = start(folder)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield address(server)
    finally:
        server.shutdown()
        server.server_close()


def small_model(name: str, **options: Any) -> Make:
    """Makes an artifact in a folder; see ``make_artifact``, which has the options."""
    return partial(make_artifact, name=name, **options)


def site_of(*makers: Make, **options: Any) -> Any:
    """A module's fixture ``built``: a site of some models, its folder and its address.

    Args:
        makers: Each makes an artifact in the folder ``artifacts`` beside the site.
        **options: Of ``build_demo``.
    """

    @pytest.fixture(scope="module")
    def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
        root = tmp_path_factory.mktemp("site")
        made = [make(root / "artifacts") for make in makers]
        build_demo(made, root / "www", **options)
        with served(root / "www") as url:
            yield root / "www", url

    return built


@contextmanager
def copied(built: tuple[Path, str], folder: Path, below: str = "") -> Iterator[tuple[Path, str]]:
    """A copy of a site that a test may break, and its address, maybe below another path."""
    shutil.copytree(built[0], folder / below)
    with served(folder) as url:
        yield folder / below, url + below


@dataclass
class Site:
    """The site under test.

    Attributes:
        folder: Where it is.
        url: Its address.
        open: Opens a page: query, state that is waited for, options of Playwright.
        noise: What pages complained of, and requests that left the site.
    """

    folder: Path
    url: str
    open: Callable[..., Any]
    noise: list[str]


@pytest.fixture
def site(browser: Browser, built: tuple[Path, str]) -> Iterator[Site]:
    """A module has its site in a fixture ``built``: its folder and its address."""
    pages: list[Any] = []
    noise: list[str] = []
    folder, url = built

    def open_page(query: str = "", state: str = "ready", **options: Any) -> Any:
        options = {"viewport": {"width": 1100, "height": 800}, **options}
        page = browser.new_page(service_workers="block", **options)
        pages.append(page)
        page.on("request", lambda r: r.url.startswith((url, "blob:")) or noise.append(r.url))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("console", lambda m: noise.append(m.text) if "Content Security" in m.text else None)
        page.on("dialog", lambda d: (noise.append(f"dialog {d.message}"), d.dismiss()))
        page.goto(url + query)
        page.wait_for_selector(f"html[data-state={state}]", state="attached", timeout=60_000)
        return page

    yield Site(folder, url, open_page, noise)
    for page in pages:
        page.close()
    assert noise == []


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Any]:
    """A page whose modules are not bundled, to ask one of them; its words are English."""
    page = browser.new_page(service_workers="block", locale="en-US")
    page.goto(f"{browser.url}harness.html")
    page.wait_for_selector("html[data-state=ready]", state="attached")
    yield page
    page.close()


def serious_issues(page: Any) -> list[Any]:
    """What axe finds serious in a page that lets scripts in."""
    page.add_script_tag(path=str(shell_folder() / "node_modules/axe-core/axe.min.js"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


def raw(page: Any) -> dict[str, Any]:
    """The answer for machines, once it is there; the next answer may come in between."""
    told = page.wait_for_function(
        """() => {
          const more = document.querySelector('#output .raw');
          if (more) more.open = true;
          return document.querySelector('#raw')?.textContent;
        }"""
    )
    return dict(json.loads(told.json_value()))


def until(page: Any, right: Callable[[], bool]) -> None:
    """Wait for what is to come."""
    deadline = time.monotonic() + PATIENCE
    while not right():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def drop(page: Any, selector: str, name: str, kind: str, data: bytes, event: str) -> None:
    page.evaluate(
        """([selector, name, type, bytes, event]) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], name, {type}));
          const init = {bubbles: true, cancelable: true};
          const happened = event === 'paste'
            ? new ClipboardEvent('paste', {...init, clipboardData: files})
            : new DragEvent('drop', {...init, dataTransfer: files});
          document.querySelector(selector).dispatchEvent(happened);
        }""",
        [selector, name, kind, list(data), event],
    )
