"""A site in a browser, and what tests of the page ask of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from tests.support import PATIENCE


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
    """The answer for machines, once it is there."""
    page.locator("#output .raw").evaluate("one => { one.open = true; }")
    page.wait_for_selector("#raw:not(:empty)")
    return dict(json.loads(page.inner_text("#raw")))


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
