"""Takes the pictures of docs/images/ of what `make quickstart` built: tools/take_screenshots.py.

They are of the real page and the real report, in the browser that the tests use.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

import edge_deploy
from edge_deploy.web.browser import Browser, open_browser
from edge_deploy.web.server import address, start

ROOT = Path(__file__).parents[1]
BUILD, IMAGES = ROOT / "build", ROOT / "docs" / "images"
LARGEST = 150_000
WIDTH = 1_100
Act = Callable[[Page], None]


def save(name: str, picture: bytes) -> None:
    """Write a picture with 256 colours, which is a third of the bytes."""
    path = IMAGES / name
    shown = Image.open(io.BytesIO(picture)).convert("RGB")
    shown.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    if (size := path.stat().st_size) >= LARGEST:
        raise SystemExit(f"{path}: {size:,} bytes; a picture may have {LARGEST:,}.")


def page(
    browser: Browser, name: str, model: str, height: int, act: Act, part: str | None = None
) -> None:
    """The built page, or a part of it, after somebody did something with a model."""
    with start(BUILD / "web_demo") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shown = browser.new_page(viewport={"width": WIDTH, "height": height})
        shown.goto(f"{address(server)}?model={model}")
        shown.wait_for_selector("html[data-state=ready]", state="attached", timeout=120_000)
        shown.wait_for_selector("html[data-check=pass]", state="attached", timeout=120_000)
        act(shown)
        shown.wait_for_timeout(1_500)
        shown.evaluate("scrollTo(0, 0)")
        save(name, shown.locator(part).screenshot() if part else shown.screenshot())
        shown.close()
        server.shutdown()


def draw_a_three(shown: Page) -> None:
    canvas = shown.locator("#input canvas").first.bounding_box()
    assert canvas
    points = [(0.3, 0.2), (0.6, 0.18), (0.68, 0.32), (0.45, 0.47), (0.68, 0.62), (0.6, 0.8),
              (0.3, 0.8)]  # fmt: skip
    places = [(canvas["x"] + x * canvas["width"], canvas["y"] + y * canvas["height"])
              for x, y in points]  # fmt: skip
    shown.mouse.move(*places[0])
    shown.mouse.down()
    for place in places[1:]:
        shown.mouse.move(*place, steps=8)
    shown.mouse.up()


def take_a_sample(shown: Page) -> None:
    shown.locator("#samples button").nth(2).click()


def ask_why(shown: Page) -> None:
    """A sample, and the map of what its answer rests on."""
    take_a_sample(shown)
    shown.wait_for_selector("#output .bars")
    shown.click("#ask-why")
    shown.wait_for_selector("#why[data-state=done]", timeout=120_000)


def report(browser: Browser) -> None:
    """The table of verdicts in report.html, of a network in several precisions."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "digits-mlp" / "1"
        shutil.copytree(BUILD / "artifacts" / "digits-mlp" / "1", copy)
        precisions = ("tflite=int8", "tflite=dynamic", "tflite=int4", "onnx=int8", "tfjs=float16")
        edge_deploy.quantize(copy, edge_deploy.QuantizeOptions(to=precisions))
        shown = browser.new_page(viewport={"width": 1_330, "height": 800})
        shown.goto((copy / "report.html").as_uri())
        save("report.png", shown.locator("table", has_text="verdict").first.screenshot())
        shown.close()


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        page(browser, "page.png", "digits-mlp", 850, draw_a_three)
        page(browser, "why.png", "cat-vs-dog", 1_000, ask_why, "#why")
        page(browser, "form.png", "insurance", 900, take_a_sample)
        report(browser)
