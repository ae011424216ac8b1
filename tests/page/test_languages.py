"""The page's languages: each is one file, whole, with numbers, plurals and direction of its own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.api import demo
from edge_deploy.web import assets
from edge_deploy.web.browser import Browser
from tests.api.test_demo import make_artifact
from tests.page.conftest import HERE, served

FOLDER = assets.shell_folder() / "src" / "locales"
LANGUAGES = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}
CATEGORIES = {"zero", "one", "two", "few", "many", "other"}
AXE = assets.shell_folder() / "node_modules/axe-core/axe.min.js"
OTHERS = sorted(set(LANGUAGES) - {"en"})


def places(entry: str | dict[str, str]) -> set[str]:
    """What is filled in, in the form for most numbers."""
    text = entry if isinstance(entry, str) else entry["other"]
    return set(re.findall(r"\{(\w+)\}", text))


def test_the_page_offers_the_languages_that_there_are() -> None:
    page = (assets.shell_folder() / "index.html").read_text()
    offered = re.findall(r'<option value="(\w+)" lang="\1">([^<]+)</option>', page)
    assert dict(offered) == assets.languages(assets.shell_folder())
    assert {"en", "id", "pl"} <= set(LANGUAGES)


@pytest.mark.parametrize("code", OTHERS)
def test_language_has_every_text_with_the_same_places(code: str) -> None:
    english, own = LANGUAGES["en"], LANGUAGES[code]
    assert list(own) == list(english)
    assert {key for key in own if places(own[key]) != places(english[key])} == set()
    plural = {key for key in english if isinstance(english[key], dict)}
    assert {key for key in own if isinstance(own[key], dict)} == plural
    assert all("count" in places(own[key]) for key in plural)


def test_every_text_that_the_code_names_is_there() -> None:
    code = "".join(file.read_text() for file in FOLDER.parent.rglob("*.js"))
    named = set(re.findall(r"(?:\bt\(|PageError\(|\? |: )'([a-z]+\.[a-z.]+)'", code))
    assert len(named) > 100
    assert named <= set(LANGUAGES["en"])


Open = Callable[..., Any]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens an address and waits for the model; complaints fail the test."""
    pages: list[Any] = []
    noise: list[str] = []

    def open_page(url: str, **options: Any) -> Any:
        page = browser.new_page(service_workers="block", bypass_csp=True, **options)
        pages.append(page)
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("response", lambda r: r.status < 400 or noise.append(r.url))
        page.on("request", lambda r: None if HERE.match(r.url) else noise.append(r.url))
        page.goto(url)
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert noise == []


def serious(page: Any) -> list[Any]:
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")]


@pytest.mark.slow
def test_plural_forms_are_those_of_the_language(browser: Browser) -> None:
    ask = "(codes) => codes.map((c) => new Intl.PluralRules(c).resolvedOptions().pluralCategories)"
    page = browser.new_page()
    wanted = dict(zip(LANGUAGES, page.evaluate(ask, list(LANGUAGES)), strict=True))
    page.close()
    for code, words in LANGUAGES.items():
        forms = [set(entry) for entry in words.values() if isinstance(entry, dict)]
        assert forms
        assert all(form == set(wanted[code]) <= CATEGORIES for form in forms), code


WORDS = """async ([code, counts]) => {
  const {chooseLanguage, t} = await import(new URL('src/i18n.js', document.baseURI));
  const {share, number} = await import(new URL('src/format.js', document.baseURI));
  await chooseLanguage(code, [code]);
  const counted = counts.map((count) => t('facts.parameters', {count}));
  return [counted, share(0.256), number(1234.5), document.documentElement.lang];
}"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "counted", "share", "number"),
    [
        ("en", ["1 parameter", "2 parameters", "12,345 parameters"], "25.6 %", "1,234.5"),
        ("id", ["1 parameter", "2 parameter", "12.345 parameter"], "25,6 %", "1.234,5"),
        ("pl", ["1 parametr", "2 parametry", "12 345 parametrów"], "25,6 %", "1234,5"),
    ],
)
def test_numbers_and_plurals_are_written_as_the_language_does(
    browser: Browser, code: str, counted: list[str], share: str, number: str
) -> None:
    with served(assets.shell_folder()) as url:
        page = browser.new_page()
        page.goto(f"{url}harness.html")
        told = page.evaluate(WORDS, [code, [1, 2, 12345]])
        page.close()
    plain = json.loads(json.dumps(told, ensure_ascii=False).replace("\u00a0", " "))
    assert plain == [counted, share, number, code]


@pytest.mark.slow
def test_polish_page_is_polish_and_asks_for_one_file_more(tmp_path: Path, opened: Open) -> None:
    site = demo.build_demo([make_artifact(tmp_path / "made", "costs")], tmp_path / "site").folder
    assert not (site / "src/locales/en.json").exists()  # it comes with the code
    with served(site) as url:
        page = opened(url, locale="pl-PL", viewport={"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.lang") == "pl"
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        asked = "performance.getEntriesByType('resource').map((e) => e.name)"
        languages = [u for u in page.evaluate(asked) if "/locales/" in u]
        assert [u.rpartition("/")[2] for u in languages] == ["pl.json"]
        assert page.inner_text("button.main") == "Oblicz"
        page.click("button.main")
        page.wait_for_selector("#output .value")
        assert "przyjmuje wiersz o 2 kolumnach: length, pet" in page.text_content("#facts")
        assert "próbek wzorcowych" in page.text_content("#check")
        assert serious(page) == []
        page.select_option("#language", "id")
        page.wait_for_selector("html[lang=id][data-state=ready]", state="attached")


@pytest.mark.slow
def test_one_file_adds_a_language_also_from_right_to_left(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = tmp_path / "shell"
    source = assets.shell_folder()
    shutil.copytree(source / "src", shell / "src")
    for name in assets.FILES:
        shutil.copyfile(source / name, shell / name)
    (shell / "vendor").symlink_to(source / "vendor")
    words = {**LANGUAGES["en"], "language.name": "עברית", "language.direction": "rtl"}
    forms = {"one": "{count} פרמטר", "two": "{count} פרמטרים", "other": "{count} פרמטרים"}
    words |= {"page.promise": "הם פועלים במכשיר הזה.", "facts.parameters": forms}
    (shell / "src/locales/he.json").write_text(json.dumps(words))
    monkeypatch.setattr(assets, "shell_folder", lambda: shell)
    made = [make_artifact(tmp_path / "made", name, classes=list("abc")) for name in ("one", "two")]
    site = demo.build_demo(made, tmp_path / "site").folder
    with served(site) as url:
        page = opened(f"{url}?lang=he", viewport={"width": 360, "height": 740})
        root = page.locator("html")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == ("he", "rtl")
        page.click("button.main")
        page.wait_for_selector("#output .bars")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate("getComputedStyle(document.querySelector('#output')).direction") == (
            "rtl"
        )
        box = page.locator("#output .label").first.bounding_box()
        assert box["x"] + box["width"] / 2 > 180  # words begin at the right edge
        assert serious(page) == []
        options = page.locator("#language option").all_inner_texts()
        assert options == ["English", "עברית", "Bahasa Indonesia", "Polski"]
