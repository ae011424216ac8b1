"""Versions in a real browser: shadow, canary, a broken one, promotion, rollback, and no network."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import edge_deploy
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from edge_deploy.web.releases import RELEASES
from edge_deploy.web.server import address, start
from edge_deploy.web.site_index import place, read_index
from tests.api.test_demo import make_artifact
from tests.api.test_publish import with_version
from tests.page.conftest import serious_issues

pytestmark = pytest.mark.slow

PATIENCE = 60_000
VISITS = int(os.environ.get("EDGE_DEPLOY_VISITORS", "4"))


@dataclass(frozen=True)
class Hosted:
    """A site that is served.

    Attributes:
        folder: On disk.
        url: Of its page.
        made: Artifacts of one model, by version.
    """

    folder: Path
    url: str
    made: dict[str, Path]

    def publish(self, version: str, channel: str = "stable", share: float | None = None) -> None:
        edge_deploy.publish(self.made[version], self.folder, channel=channel, share=share, by="Ada")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("artifacts")
    return {n: make_artifact(root, "costs", version=n) for n in "123"}


@pytest.fixture(scope="module")
def first(made: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of version 1, for copies."""
    folder = tmp_path_factory.mktemp("first") / "site"
    edge_deploy.publish(made["1"], folder, by="Ada")
    return folder


def copy_site(site: Path, folder: Path) -> Path:
    """The same site elsewhere. Most of it are links: what is written there is a new file."""

    def copy(source: str, target: str) -> None:
        if Path(source).suffix == ".json":  # tests edit these where they lie
            shutil.copyfile(source, target)
        else:
            Path(target).hardlink_to(source)

    shutil.copytree(site, folder, copy_function=copy)
    return folder


@pytest.fixture
def hosted(made: dict[str, Path], first: Path, tmp_path: Path) -> Iterator[Hosted]:
    copy_site(first, tmp_path / "www" / "site")
    # The page's own modules are beside it, for questions that need no page.
    server = start(tmp_path / "www", mounts={"shell": shell_folder()})
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Hosted(tmp_path / "www" / "site", f"{address(server)}site/", made)
    server.shutdown()
    server.server_close()


def visited(page: Any, url: str, state: str = "ready") -> Any:
    page.goto(url)
    page.wait_for_selector(f"html[data-state={state}]", state="attached", timeout=PATIENCE)
    return page


def version_of(page: Any) -> str:
    """The version that the page says it answers with."""
    text = page.text_content("#facts")
    return str(text.split("Version ")[1].split(" ")[0])


def counted(page: Any, version: str, name: str, least: int = 1) -> int:
    """A number of the table of releases, once it is large enough."""
    cell = f"#releases tr[data-version='{version}'] [data-count={name}]"
    asked = "([cell, least]) => Number(document.querySelector(cell)?.textContent) >= least"
    page.wait_for_function(asked, arg=[cell, least], timeout=PATIENCE)
    return int(page.text_content(cell))


VISITORS = """async ([shell, site, many]) => {
  const {visitorsModels} = await import(new URL('src/channels.js', shell));
  const anew = {cache: 'no-store'};
  const read = async (name) => (await fetch(new URL(`models/${name}.json`, site), anew)).json();
  const [index, releases] = await Promise.all(['index', 'releases'].map(read));
  const shown = () => visitorsModels(index.models, releases)[0].version;
  const found = [];
  for (let n = 0; n < many; n += 1) {
    localStorage.clear();
    found.push([shown(), shown()]);
  }
  localStorage.clear();
  return found;
}"""


EMBEDDED = """async (site) => {
  localStorage.clear();
  const {loadModel} = await import(new URL('src/embed.js', site));
  const {manifest, dispose} = await loadModel(new URL(site), 'costs');
  dispose();
  const counted = Object.keys(localStorage).find((name) => name.startsWith('edge-deploy-releases'));
  return [manifest.version, JSON.parse(localStorage[counted]).costs['3'].dropped];
}"""


def test_the_whole_life_of_a_model(browser: Browser, hosted: Hosted) -> None:
    page = visited(browser.new_page(), hosted.url)
    assert version_of(page) == "1"
    assert page.is_hidden("#release")  # one version: nothing to tell

    # In silence beside the stable one.
    hosted.publish("2", "shadow")
    visited(page, hosted.url)
    assert version_of(page) == "1"
    asked = counted(page, "2", "asked")
    page.fill("input[name=length]", "7")
    page.click("button.main")
    counted(page, "2", "asked", asked + 1)
    kept = page.evaluate("() => JSON.stringify(localStorage)")
    assert "length" not in kept and "costs" in kept  # numbers of answers, and no inputs
    document = json.loads(copied(page))
    told = document["counts"]["2"]
    assert told["asked"] == told.get("agreed", 0) + told.get("differed", 0) > asked
    assert (told["against"], told["channel"]) == ("1", "shadow")

    # For half of the visitors, who keep what they got.
    hosted.publish("2", "canary", 0.5)
    shell = hosted.url.replace("/site/", "/shell/")
    visitors = page.evaluate(VISITORS, [shell, hosted.url, 200])
    assert all(first == again for first, again in visitors)
    share = sum(first == "2" for first, _ in visitors) / 200
    assert 0.35 <= share <= 0.65
    fresh = browser.new_page()
    for channel, version in {"canary": "2", "stable": "1"}.items():
        visited(fresh, f"{hosted.url}?channel={channel}")
        assert version_of(fresh) == version
        assert f"Version {version} answers." in fresh.text_content("#release")
    fresh.context.close()

    # A broken one: its visitors get the stable version, and it is counted.
    hosted.publish("3", "canary", 1.0)
    with broken_weights(hosted, "3"):
        fresh = visited(browser.new_page(), hosted.url)
        assert version_of(fresh) == "1"
        assert "Version 3 does not work on this device" in fresh.text_content("#note")
        assert counted(fresh, "3", "dropped") == 1
        assert version_of(visited(fresh, hosted.url)) == "1"  # and is not tried again
        assert counted(fresh, "3", "dropped") == 1
        # In a page of somebody else, too.
        assert fresh.evaluate(EMBEDDED, hosted.url) == ["1", 1]
    fresh.context.close()

    # An open page says so, and the next load follows; so does one that was offline in between.
    away = visited(browser.new_page(), hosted.url + "?channel=stable")
    away.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    away.context.set_offline(True)
    hosted.publish("2", "canary", 0.5)
    edge_deploy.promote(hosted.folder, "costs")
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#note:has-text('Version 2 answers now')", timeout=PATIENCE)
    assert version_of(visited(page, hosted.url)) == "2"
    assert version_of(visited(away, hosted.url)) == "1"
    away.context.set_offline(False)
    assert version_of(visited(away, hosted.url)) == "2"
    edge_deploy.rollback(hosted.folder, "costs")
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#note:has-text('Version 1 answers now')", timeout=PATIENCE)
    for one in (page, away):
        assert version_of(visited(one, hosted.url)) == "1"
        one.context.close()


def test_fresh_visitors_keep_the_version_that_they_got(browser: Browser, hosted: Hosted) -> None:
    """A few of them, each with a browser context of its own; `make soak` has 200."""
    hosted.publish("2", "canary", 0.5)
    found = []
    for _ in range(VISITS):
        page = browser.new_page(service_workers="block")
        page.goto(hosted.url, wait_until="commit")
        first = placed(page)
        page.reload(wait_until="commit")
        found.append((first, placed(page)))
        page.context.close()
    assert all(first == again for first, again in found)
    if VISITS >= 200:
        assert 0.35 <= sum(first == "2" for first, _ in found) / VISITS <= 0.65


def placed(page: Any) -> str:
    """The version that a page shows, as soon as it has chosen one."""
    page.wait_for_selector("#release[data-version]", state="attached", timeout=PATIENCE)
    return str(page.get_attribute("#release", "data-version"))


def copied(page: Any) -> str:
    """What the button of the releases puts on the clipboard."""
    page.evaluate(
        "() => Object.defineProperty(navigator, 'clipboard', {value: {"
        "writeText: async (text) => { window.taken = text; }}, configurable: true})"
    )
    page.click("#releases-copy")
    page.wait_for_function("() => window.taken")
    return str(page.evaluate("() => window.taken"))


@contextmanager
def broken_weights(hosted: Hosted, version: str) -> Iterator[None]:
    """A version whose weights are others while the body runs."""
    entry = read_index(hosted.folder).entry("costs", version)
    assert entry is not None
    names = [place(entry, part["path"]) for part in entry["files"][0]["parts"]]
    (weights,) = [hosted.folder / name for name in names if name.endswith(".bin")]
    whole = {path: path.read_bytes() for path in weights.parent.glob(f"{weights.name}*")}
    for path in whole:
        path.unlink()
    weights.write_bytes(bytes(byte ^ 0x5A for byte in whole[weights]))
    yield
    for path, content in whole.items():
        path.write_bytes(content)


# What becomes of releases.json -> what a visitor gets.
WITHOUT = {
    "gone": lambda file: file.unlink(),
    "a web page": lambda file: file.write_text("<!doctype html>"),
    "of another form": lambda file: file.write_text('{"models": [{"name": "costs"}, null, 7]}'),
    "a version that is not there": lambda file: file.write_text(
        file.read_text().replace('"stable": "1"', '"stable": "77"')
    ),
}


@pytest.mark.parametrize("edit", WITHOUT.values(), ids=WITHOUT)
def test_without_releases_the_page_has_the_stable_version(
    browser: Browser, hosted: Hosted, edit: Any
) -> None:
    hosted.publish("2", "shadow")
    edit(hosted.folder / RELEASES)
    page = browser.new_page()
    assert version_of(visited(page, hosted.url)) == "1"
    page.context.close()


def test_a_browser_that_keeps_nothing_gets_the_stable_version(
    browser: Browser, hosted: Hosted
) -> None:
    hosted.publish("2", "canary", 1.0)
    page = browser.new_page()
    denied = "{get() { throw new DOMException('denied', 'SecurityError'); }}"
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {denied})")
    assert version_of(visited(page, hosted.url)) == "1"
    assert version_of(visited(page, f"{hosted.url}?channel=canary")) == "2"
    page.context.close()


def test_the_table_of_releases_is_read_by_everybody(browser: Browser, hosted: Hosted) -> None:
    hosted.publish("2", "shadow")
    for language, width in (("en", 1100), ("id", 360)):
        size = {"width": width, "height": 740}
        page = browser.new_page(viewport=size, bypass_csp=True, service_workers="block")
        visited(page, f"{hosted.url}?lang={language}")
        counted(page, "2", "asked")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert serious_issues(page) == []
        page.context.close()


def test_a_version_answers_with_files_that_lie_in_another(
    browser: Browser, hosted: Hosted, tmp_path: Path
) -> None:
    first = make_artifact(tmp_path / "made", "scores", targets=("onnx",))
    edge_deploy.publish(first, hosted.folder)
    both = [with_version(one, tmp_path / f"again {n}", "2")
            for n, one in enumerate((hosted.made["1"], first))]  # fmt: skip
    edge_deploy.publish(both, hosted.folder, channel="canary", share=1.0)
    page = browser.new_page(service_workers="block")
    for name, target in {"costs": "tfjs", "scores": "onnx"}.items():
        assert not (hosted.folder / f"models/{name}/2/{target}").exists()
        assert version_of(visited(page, f"{hosted.url}?model={name}")) == "2"
    page.context.close()


def test_a_site_that_moves_is_the_same_site(browser: Browser, hosted: Hosted) -> None:
    """Every address in it is relative to the page."""
    hosted.publish("2", "canary", 1.0)
    moved = hosted.folder.parent / "else" / "where"
    copy_site(hosted.folder, moved)
    page = browser.new_page()
    assert version_of(visited(page, hosted.url.replace("/site/", "/else/where/"))) == "2"
    page.context.close()
