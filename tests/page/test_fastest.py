"""`automatic` measures what the device has, keeps the fastest that is right, and remembers it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from edge_deploy.web.browser import Browser
from tests.page.conftest import HERE, copied, site_of, small_model

pytestmark = pytest.mark.slow

# WebGL by a processor is never tried; here it says that it is a graphics card.
CARD = """
for (const context of [WebGLRenderingContext, WebGL2RenderingContext]) {
  const own = context.prototype.getParameter;
  context.prototype.getParameter = function (name) {
    return name === 37446 || name === this.RENDERER ? 'A graphics card' : own.call(this, name);
  };
}
"""
SLOW = """
for (const name of ['readPixels', 'getBufferSubData', 'fenceSync']) {
  const own = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (...given) {
    const end = performance.now() + 40;
    while (performance.now() < end);
    return own.apply(this, given);
  };
}
"""


def edit(folder: Path, backend: str, change: Callable[[str], str]) -> None:
    """Another TF.js in a site."""
    [file] = folder.glob(f"models/tfjs-{backend}-*.js")
    code = file.read_text()
    changed = change(code)
    assert changed != code
    file.write_text(changed)
    for made in (".br", ".gz"):
        file.with_name(file.name + made).unlink()


def with_card(folder: Path) -> None:
    """A site that sees a graphics card, whatever draws here."""
    worker = folder / "src/worker.js"
    worker.write_text(CARD + worker.read_text())
    for made in (".br", ".gz"):
        worker.with_name(worker.name + made).unlink()


def slow_webgl(code: str) -> str:
    return code + SLOW


def wrong_wasm(code: str) -> str:
    return re.sub(r"(this\.wasm\.HEAPU8\.slice\([^()]*\))", r"\1.fill(0)", code)


def wrong_webgl(code: str) -> str:
    return code.replace("return a + b;", "return a - b;")


Site = tuple[Path, str]


built = site_of(small_model("costs"))


@pytest.fixture
def site(built: Site, tmp_path: Path) -> Iterator[Site]:
    """A site that a test may break."""
    with copied(built, tmp_path / "www") as own:
        yield own


@pytest.fixture
def page(browser: Browser) -> Iterator[Any]:
    opened = browser.new_page(service_workers="block")
    outside: list[str] = []
    opened.on("request", lambda r: None if HERE.match(r.url) else outside.append(r.url))
    yield opened
    opened.context.close()
    assert outside == []


def ready(page: Any, url: str) -> dict[str, str]:
    page.goto(url)
    page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
    found: dict[str, str] = page.evaluate("({...document.documentElement.dataset})")
    return found


def measured(page: Any) -> str:
    page.wait_for_selector("html[data-measured]", state="attached", timeout=60_000)
    return str(page.get_attribute("html", "data-measured"))


KEPT = "Object.values(JSON.parse(localStorage.getItem('edge-deploy-fastest') ?? '{}'))"


def test_faster_backend_takes_over_and_is_the_first_next_time(page: Any, site: Site) -> None:
    folder, url = site
    with_card(folder)
    edit(folder, "webgl", slow_webgl)
    assert ready(page, url)["backend"] == "webgl"
    answer = page.inner_text("#output .value")
    assert measured(page) == "exchanged"
    assert page.get_attribute("html", "data-backend") == "wasm"
    page.set_viewport_size({"width": 360, "height": 740})
    page.click("button.main")  # answers go on, by the other one
    expect(page.locator("#status")).to_contain_text("WebAssembly", timeout=60_000)
    assert page.inner_text("#output .value") == answer
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate(KEPT) == [{"file": "tfjs/float32/model.json", "backend": "wasm"}]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert ready(page, url)["backend"] == "wasm"
    page.wait_for_timeout(300)
    assert not [one for one in asked if "tfjs-webgl" in one]
    assert not page.get_attribute("html", "data-measured")
    # Who chooses gets what was chosen.
    assert ready(page, f"{url}?backend=webgl")["backend"] == "webgl"


def test_backend_that_is_fast_and_wrong_is_never_kept(page: Any, site: Site) -> None:
    folder, url = site
    with_card(folder)
    edit(folder, "webgl", slow_webgl)
    edit(folder, "wasm", wrong_wasm)
    assert ready(page, url)["backend"] == "webgl"
    assert measured(page) == "kept"
    assert page.get_attribute("html", "data-backend") == "webgl"
    assert page.evaluate(KEPT) == [{"file": "tfjs/float32/model.json", "backend": "webgl"}]


def test_remembered_backend_that_became_wrong_is_left_and_forgotten(page: Any, site: Site) -> None:
    folder, url = site
    with_card(folder)
    edit(folder, "webgl", slow_webgl)
    edit(folder, "wasm", wrong_wasm)
    ready(page, url)
    measured(page)
    edit_again = next(folder.glob("models/tfjs-webgl-*.js"))
    edit_again.write_text(wrong_webgl(edit_again.read_text()))
    page.goto(url)
    page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
    shown = page.evaluate("({...document.documentElement.dataset})")
    assert (shown["backend"], shown["check"]) == ("cpu", "pass")
    assert page.evaluate(KEPT) == []


@pytest.mark.parametrize(
    ("why", "script"),
    [
        ("small", ""),
        ("saving data", "Object.defineProperty(navigator.connection, 'saveData', {value: true});"),
    ],
)
def test_nothing_more_is_downloaded_where_it_is_not_worth_it(
    browser: Browser, site: Site, why: str, script: str
) -> None:
    folder, url = site
    page = browser.new_page(service_workers="block")
    if why == "saving data":
        page.add_init_script(script)
        with_card(folder)
        edit(folder, "webgl", slow_webgl)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    backend = ready(page, url)["backend"]
    measured(page)
    other = "wasm" if backend == "webgl" else "webgl"
    assert not [one for one in asked if f"tfjs-{other}" in one]
    page.close()


def told_operators(folder: Path, operators: list[str]) -> None:
    """What `convert` would say of the file."""
    path = folder / "models/costs/1/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["artifacts"][0]["ops"] = operators
    path.write_text(json.dumps(manifest))
    for made in (".br", ".gz"):
        path.with_name(path.name + made).unlink()


# What takes a tenth of a millisecond takes 5 on a machine that other tests keep busy.
SLOW_CLOCK = """
  const now = performance.now.bind(performance);
  performance.now = () => now() / 50;
"""


@pytest.mark.parametrize("operators", [["AddV2", "MatMul"], ["AddV2", "MatMul", "While"]])
def test_quick_answers_come_from_the_page_s_own_thread(
    page: Any, site: Site, operators: list[str]
) -> None:
    folder, url = site
    told_operators(folder, operators)
    page.add_init_script(SLOW_CLOCK)
    ready(page, f"{url}?backend=wasm")
    answer = page.inner_text("#output .value")
    page.wait_for_selector("html[data-thread]", state="attached", timeout=60_000)
    # With a loop one input may take longer than another.
    thread, workers = ("worker", 1) if "While" in operators else ("page", 0)
    assert page.get_attribute("html", "data-thread") == thread
    assert len(page.workers) == workers
    page.click("button.main")
    expect(page.locator("#status")).to_contain_text("Answered", timeout=60_000)
    assert page.inner_text("#output .value") == answer


IN_A_ROW = """async (site) => {
  const { open } = await import(new URL('src/model.js', site));
  const folder = new URL('models/costs/1/', site);
  const spec = await (await fetch(new URL('manifest.json', folder))).json();
  const url = new URL('tfjs/float32/model.json', folder);
  const model = await open('tfjs', url, 'wasm', spec, { near: true });
  const ask = () => model.predict({ x: { data: new Float32Array(3), shape: [1, 3] } });
  await ask();
  let clicks = 0;
  const timer = setInterval(() => (clicks += 1), 1);
  const started = performance.now();
  while (performance.now() - started < 400) await ask();
  clearInterval(timer);
  model.dispose();
  return clicks;
}"""


def test_many_answers_in_the_page_s_own_thread_let_clicks_through(page: Any, site: Site) -> None:
    page.goto(f"{site[1]}harness.html")
    assert page.evaluate(IN_A_ROW, site[1]) > 5
