"""The browser where its caller runs: in an event loop, as in a notebook; one a thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.spec import ModelSpec
from edge_deploy.web.browser import Browser, open_browser

pytestmark = pytest.mark.slow


def test_browser_runs_inside_of_an_event_loop_and_gives_it_back() -> None:
    async def cell() -> int:
        with open_browser() as browser, open_browser() as other:
            pages = browser.new_page(), other.new_page()
            found = sum(page.evaluate("20 + 1") for page in pages)
        await asyncio.sleep(0)
        assert asyncio.get_running_loop().is_running()
        return int(found)

    with ThreadPoolExecutor(1) as other:  # the tests' own browser has a loop in this thread
        assert other.submit(asyncio.run, cell()).result() == 42


def test_browser_is_shared_by_who_asks_while_it_is_open(browser: Browser) -> None:
    with open_browser() as inner:
        assert inner is browser
    assert browser.is_connected()


def test_page_is_used_again_and_knows_nothing_of_before(browser: Browser) -> None:
    with browser.reused_page() as first:
        first.goto(f"{browser.url}harness.html")
        first.evaluate("globalThis.left = 1")
    with browser.reused_page() as second, browser.reused_page() as beside:
        assert second is first and beside is not first
        assert second.url == "about:blank"
        second.goto(f"{browser.url}harness.html")
        assert second.evaluate("globalThis.left") is None


def test_page_that_failed_is_not_used_again(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    with browser.reused_page() as page:
        pass
    opened = browser.open_file("tfjs", tmp_path / "model.json", "wasm", ModelSpec((), ()))
    with pytest.raises(ArtifactError), opened:
        pass
    assert page.is_closed()
