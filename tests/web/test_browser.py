"""The browser where its caller runs: in an event loop, as in a notebook."""

from __future__ import annotations

import asyncio

import pytest

from edge_deploy.web.browser import open_browser


@pytest.mark.slow
def test_browser_runs_inside_of_an_event_loop_and_gives_it_back() -> None:
    async def cell() -> int:
        with open_browser() as browser, open_browser() as other:
            pages = browser.new_page(), other.new_page()
            found = sum(page.evaluate("20 + 1") for page in pages)
        await asyncio.sleep(0)
        assert asyncio.get_running_loop().is_running()
        return int(found)

    assert asyncio.run(cell()) == 42
