"""Models in a page of somebody else: an element, a function with types, React, a frame."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_deploy import run
from edge_deploy.api.demo import build_demo
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from tests.api.test_demo import make_artifact
from tests.page.conftest import HERE, served
from tests.page.test_languages import serious

pytestmark = pytest.mark.slow

BIN = shell_folder() / "node_modules" / ".bin"
DOCS = Path(__file__).parents[2] / "docs/how-to/embed.md"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A folder of two models, and its address."""
    root = tmp_path_factory.mktemp("embed")
    made = [
        make_artifact(root / "made", "costs"),
        make_artifact(root / "made", "digits", picture=16, classes=["one", "two"]),
    ]
    build_demo(made, root / "www/sub", embed=True)
    with served(root / "www") as url:
        yield url, root / "www"


Open = Callable[..., Any]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens an address; what fails in the page fails the test."""
    pages: list[Any] = []
    noise: list[str] = []

    def open_page(url: str, **options: Any) -> Any:
        page = browser.new_page(service_workers="block", **options)
        pages.append(page)
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("response", lambda r: r.status < 400 or noise.append(r.url))
        page.on("request", lambda r: None if HERE.match(r.url) else noise.append(r.url))
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert noise == []


@pytest.mark.parametrize("width", [1280, 360])
def test_page_that_shows_how_has_elements_and_buttons_that_work(
    opened: Open, two: tuple[str, Path], width: int
) -> None:
    page = opened(f"{two[0]}sub/embed.html", viewport={"width": width, "height": 740})
    for n in (0, 1):
        inner = page.frame_locator("edge-model iframe").nth(n)
        inner.locator("html[data-state=ready]").wait_for(state="attached", timeout=60_000)
        assert not inner.locator("header, footer + header, #compare").first.is_visible()
        body = inner.locator("body").bounding_box()
        page.wait_for_function(
            "([n, least]) => document.querySelectorAll('edge-model')[n].shadowRoot"
            ".querySelector('iframe').clientHeight >= least",
            arg=[n, body["height"] - 2],
        )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for n, told in enumerate([r"-?\d+(\.\d+)?(e-?\d+)?", '"(one|two)"']):
        page.locator("section > p > button").nth(n).click()
        shown = page.locator("pre").nth(n)
        page.wait_for_function(
            "n => document.querySelectorAll('pre')[n].textContent", arg=n, timeout=60_000
        )
        assert re.fullmatch(told, shown.inner_text())
    assert serious(page) == []


ELEMENT = """<!doctype html><html lang="en"><title>mine</title>
<edge-model src="SRC" model="costs" lang="pl" accent="#ffee00"></edge-model>
<script type="module" src="SRCedge-model.mjs"></script>"""


def test_element_speaks_the_language_has_the_colour_and_tells_answers(
    opened: Open, two: tuple[str, Path]
) -> None:
    url, www = two
    (www / "mine.html").write_text(ELEMENT.replace("SRC", "./sub/"))
    page = opened(f"{url}mine.html")
    page.evaluate("addEventListener('answer', ({detail}) => (globalThis.told = detail))")
    frame = page.frame_locator("edge-model iframe")
    button = frame.locator("button.main")
    button.wait_for(timeout=60_000)
    assert button.inner_text() == "Oblicz"
    assert frame.locator("h2").inner_text() == "costs"
    assert not frame.locator("#gallery").is_visible()
    # Yellow, darkened until it can be read on white.
    colour = button.evaluate("e => getComputedStyle(e).backgroundColor")
    red, green, blue = map(int, re.findall(r"\d+", colour))
    assert red > 60 and abs(red - green) < 20 and blue == 0 and red < 200
    frame.locator("input[name=length]").fill("5")
    page.evaluate("delete globalThis.told")
    button.click()
    page.wait_for_function("() => globalThis.told")
    told = page.evaluate("globalThis.told")
    assert {"model", "value", "unit", "outputs", "backend"} == set(told)
    assert told["model"] == "costs" and told["unit"] == "USD"
    assert told["outputs"]["y"]["data"] == [told["value"]]
    before = page.evaluate("document.querySelector('edge-model').clientHeight")
    page.set_viewport_size({"width": 320, "height": 740})
    page.wait_for_function(
        "(before) => document.querySelector('edge-model').clientHeight > before", arg=before
    )
    page.evaluate("document.querySelector('edge-model').setAttribute('lang', 'id')")
    frame.locator("html[lang=id]").wait_for(state="attached")


def test_page_of_another_origin_gets_answers_and_no_inputs(
    opened: Open, two: tuple[str, Path], tmp_path: Path
) -> None:
    url, _ = two
    frame = f'<iframe title="m" src="{url}sub/?embed=1&model=costs"></iframe>'
    listen = "<script>told=[];addEventListener('message',({data})=>told.push(data))</script>"
    (tmp_path / "course.html").write_text(f"<!doctype html><title>c</title>{listen}{frame}")
    with served(tmp_path) as other:
        page = opened(f"{other}course.html")
        inner = page.frame_locator("iframe")
        inner.locator("input[name=length]").fill("7.25", timeout=60_000)
        inner.locator("button.main").click()
        page.wait_for_function("() => told.some(({type}) => type === 'answer')")
        told = page.evaluate("told")
    assert {one["source"] for one in told} == {"edge-deploy"}
    heights = [one["height"] for one in told if one["type"] == "resize"]
    assert min(heights) > 150 and max(heights) > 300, heights
    assert "7.25" not in str(told) and "length" not in str(told)


USES = """
import { models, type Answer } from './embed.mjs';
const answer: Answer = await models['costs'].predict({ length: 5, pet: 'yes' });
const model = await models['costs'].load({ backend: 'wasm' });
document.addEventListener('answer', ({ detail }) => console.log(detail.model, detail.label));
export const shown: string = (answer.label ?? '') + model.backend;
await models['costs'].predict({ length: 5 });
await models['costs'].predict(new Blob());
await models['none'].predict(new Blob());
"""


def test_types_say_what_a_model_takes(two: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "embed.d.mts").write_bytes((two[1] / "sub/embed.d.mts").read_bytes())
    (tmp_path / "uses.mts").write_text(USES)
    flags = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext"]
    flags += ["--lib", "es2022,dom"]
    command = [BIN / "tsc", *flags, "uses.mts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    wrong = re.findall(r"uses\.mts\((\d+),", done.stdout)
    assert wrong == ["7", "8", "9"], done.stdout + done.stderr
    assert "Property '\"pet\"' is missing" in done.stdout


@pytest.fixture(scope="module")
def documented(
    tmp_path_factory: pytest.TempPathFactory, example_artifact: Callable[[str], Path]
) -> Iterator[tuple[str, Path, dict[str, str]]]:
    """The example of the documentation, served beside its folder; and the pieces of code."""
    www = tmp_path_factory.mktemp("docs") / "www"
    build_demo(example_artifact("insurance"), www / "embedded", embed=True)
    text = DOCS.read_text(encoding="utf-8")
    html = re.findall(r"```html\n(.*?)```", text, re.DOTALL)
    [react] = re.findall(r"```jsx\n(.*?)```", text, re.DOTALL)
    pieces = dict(zip(("element", "function", "frame"), html, strict=True))
    for name, code in pieces.items():
        (www / f"{name}.html").write_text(code, encoding="utf-8")
    with served(www) as url:
        yield url, www, {**pieces, "react": react}


ROW = {"age": 40, "sex": "female", "smoker": "no"}


def wanted(artifact: Path, **changes: Any) -> int:
    (answer,) = run(artifact, {**ROW, **changes}, "tflite")
    (values,) = answer.outputs.values()
    return round(float(values["value"]))


def test_documented_element_and_frame_work(
    opened: Open, documented: tuple[str, Path, dict[str, str]]
) -> None:
    url, *_ = documented
    page = opened(f"{url}element.html")
    frame = page.frame_locator("edge-model iframe")
    frame.locator("button.main").click(timeout=60_000)
    page.wait_for_function(
        "() => /^insurance: \\d+$/.test(document.querySelector('#told').textContent)"
    )
    page = opened(f"{url}frame.html", viewport={"width": 360, "height": 740})
    frame = page.frame_locator("iframe")
    frame.locator("html[lang=id][data-state=ready]").wait_for(state="attached", timeout=60_000)
    page.wait_for_function("() => document.querySelector('iframe').clientHeight > 700")


def test_documented_function_answers_as_python(
    opened: Open,
    documented: tuple[str, Path, dict[str, str]],
    example_artifact: Callable[[str], Path],
) -> None:
    artifact = example_artifact("insurance")
    page = opened(f"{documented[0]}function.html")
    for age in (40, 60):
        page.fill("#age", str(age))
        said = f"{wanted(artifact, age=age)} USD"
        page.wait_for_function(
            "(said) => document.querySelector('#cost').textContent === said", arg=said
        )


def test_documented_react_component_answers_as_python(
    opened: Open,
    documented: tuple[str, Path, dict[str, str]],
    example_artifact: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    url, www, pieces = documented
    (tmp_path / "cost.jsx").write_text(pieces["react"])
    (tmp_path / "main.jsx").write_text(
        "import { createRoot } from 'react-dom/client';\nimport { Cost } from './cost.jsx';\n"
        "createRoot(document.querySelector('#root')).render(<Cost smoker='yes' />);\n"
    )
    modules = shell_folder() / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    command = [BIN / "esbuild", "main.jsx", "--bundle", "--format=esm", "--jsx=automatic"]
    command += ["--external:./embedded/embed.mjs", f"--outfile={www / 'react.js'}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (www / "react.html").write_text(
        '<!doctype html><title>r</title><div id="root"></div>'
        '<script type="module" src="react.js"></script>'
    )
    page = opened(f"{url}react.html")
    for age in (40, 55):
        page.fill("input", str(age))
        said = f"{wanted(example_artifact('insurance'), age=age, smoker='yes')} USD"
        page.wait_for_function(
            "(said) => document.querySelector('output').textContent === said", arg=said
        )
