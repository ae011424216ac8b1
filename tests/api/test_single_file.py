"""The page as one HTML file: opened from a disk, on a phone, in a frame; and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_deploy
from edge_deploy.api import single_file
from edge_deploy.core.errors import UsageError
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from tests.api.test_demo import make_artifact
from tests.conftest import Run

pytestmark = pytest.mark.slow

AXE = shell_folder() / "node_modules/axe-core/axe.min.js"
EVIL = "</script><b>"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("single")
    return [
        make_artifact(root, "costs"),
        make_artifact(root, "digits", picture=16, classes=[EVIL, "two", "three"]),
    ]


@pytest.fixture(scope="module")
def file(made: list[Path]) -> Path:
    return edge_deploy.build_single_file(made, made[0].parents[1] / "both.html").file


Open = Callable[..., Any]


@pytest.fixture
def opened(browser: Browser, file: Path) -> Iterator[Open]:
    """Opens the file from the disk; a request or a complaint fails the test."""
    pages: list[Any] = []
    noise: list[str] = []

    def open_page(query: str = "", **options: Any) -> Any:
        page = browser.new_page(**options)
        pages.append(page)
        page.on("request", lambda r: noise.append(r.url) if "both.html" not in r.url else None)
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("console", lambda m: noise.append(m.text))
        page.goto(file.as_uri() + query)
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert [url for url in noise if not url.startswith(("data:", "blob:"))] == []


VIEWS: dict[str, tuple[str, int]] = {
    "table": ("?model=costs&lang=en", 1280),
    "table on a phone": ("?model=costs&lang=id", 360),
    "picture": ("?model=digits&lang=en", 1280),
    "picture on a phone": ("?model=digits&lang=pl", 360),
}


@pytest.mark.parametrize("view", VIEWS)
def test_file_answers_from_the_disk_and_asks_for_nothing(opened: Open, view: str) -> None:
    query, width = VIEWS[view]
    page = opened(query, viewport={"width": width, "height": 740}, bypass_csp=True)
    shown = page.evaluate("({...document.documentElement.dataset})")
    assert (shown["check"], shown["backend"]) == ("pass", "wasm")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click("#samples button")
    page.wait_for_selector("#output .tools")
    if "digits" in query:
        wait = "() => document.querySelector('#samples img').naturalWidth > 0"
        page.wait_for_function(wait)
        assert EVIL in page.inner_text("#output")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("async () => (await axe.run()).violations")
    assert [r["id"] for r in found if r["impact"] in ("serious", "critical")] == []


def test_answer_is_the_model_s_own(opened: Open, made: list[Path]) -> None:
    page = opened("?model=costs&lang=en")
    page.fill("input[name=length]", "5")
    page.select_option("select[name=pet]", "yes")
    page.click("button.main")
    page.locator("#output .raw").evaluate("one => { one.open = true; }")
    page.wait_for_function("() => document.querySelector('#raw').textContent.includes('\"yes\"')")
    told = json.loads(page.inner_text("#raw"))["outputs"]["y"]["values"]
    with np.load(made[0] / "reference.npz") as data:
        x, y = data["in:x"], data["out:y"]
    solution, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)
    assert told == pytest.approx([float(([5, 0, 1, 1] @ solution)[0])], rel=1e-4, abs=1e-5)


def test_policy_allows_this_script_and_style_and_no_connection(file: Path, opened: Open) -> None:
    text = file.read_text()
    [policy] = re.findall(r'Content-Security-Policy"\s+content="([^"]+)"', text)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]+' 'wasm-unsafe-eval'", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/=]+'", rules["style-src"])
    assert "connect-src" not in rules and "unsafe-inline" not in policy
    page = opened()
    page.click("#licences summary")
    page.wait_for_function("() => document.querySelector('#licences pre').textContent.length > 1e5")


def test_file_in_a_sandboxed_frame_answers(browser: Browser, file: Path, tmp_path: Path) -> None:
    """As a learning platform shows what was uploaded to it: without an origin or a storage."""
    frame = f'<iframe sandbox="allow-scripts" src="{file.as_uri()}"></iframe>'
    (tmp_path / "course.html").write_text(f"<!doctype html><title>c</title>{frame}")
    page = browser.new_page()
    page.goto((tmp_path / "course.html").as_uri())
    inner = page.frame_locator("iframe")
    inner.locator("html[data-state=ready]").wait_for(state="attached", timeout=60_000)
    inner.locator("button.main").click()
    inner.locator("#output .value").wait_for()
    page.close()


def test_command_writes_its_own_file_anew_and_no_other(
    made: list[Path], run: Run, tmp_path: Path
) -> None:
    told = run("demo", made[0], "--single-file")
    assert told.code == 0
    assert re.match(r"costs\.html shows costs: \d+\.\d KB\n", told.out)
    first = Path("costs.html").read_bytes()
    assert len(first) < 700_000
    document = json.loads(run("demo", made[0], "--single-file", "--json").out)
    assert document == {"file": "costs.html", "models": ["costs"], "bytes": len(first)} | {
        "left_out": 0
    }
    assert Path("costs.html").read_bytes() == first
    titled = run("demo", made[0], "--single-file", "--title", "A & B", "-o", tmp_path / "t.html")
    assert titled.code == 0
    assert "<title>A &amp; B</title>" in (tmp_path / "t.html").read_text()
    for change in (first.replace(b"costs", b"hosts", 1), b"mine"):
        Path("costs.html").write_bytes(change)
        refused = run("demo", made[0], "--single-file")
        assert (refused.code, Path("costs.html").read_bytes()) == (2, change)
        assert "it is left alone" in refused.err


@pytest.mark.parametrize(
    "flags", [["--host", "nginx"], ["--embed"], ["--compare"], ["--runtimes", "tfjs"]], ids=str
)
def test_what_only_a_site_has_is_refused(made: list[Path], run: Run, flags: list[str]) -> None:
    result = run("demo", made[0], "--single-file", *flags)
    assert result.code == 2
    assert f"--single-file and {flags[0]} do not go together" in result.err


def test_model_that_is_too_large_or_of_another_runtime_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = make_artifact(tmp_path / "made", "large", picture=256, classes=list("abcdef"))
    with pytest.raises(UsageError, match=r"up to 1.0 MB together; large has 1.6 MB \(float32\)"):
        edge_deploy.build_single_file(large)
    other = make_artifact(tmp_path / "made", "other", targets=())
    with pytest.raises(UsageError, match=r"no TF\.js file.*build a site"):
        edge_deploy.build_single_file(other)
    pictures = make_artifact(tmp_path / "made", "pictures", picture=16, classes=list("ab"))
    size = (pictures / "samples" / "00_a class.png").stat().st_size
    monkeypatch.setattr(single_file, "_PICTURES", size + 10)
    assert edge_deploy.build_single_file(pictures).left_out == 2
    assert not list(tmp_path.glob("large*"))
