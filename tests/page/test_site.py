"""A built site in a real Chromium: its own kernels, its service worker, its hosts, its faults."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import (
    BaseHTTPRequestHandler,
    HTTPServer,
    SimpleHTTPRequestHandler,
    ThreadingHTTPServer,
)
from pathlib import Path
from typing import Any

import brotli
import numpy as np
import pytest

from edge_deploy.api.demo import build_demo
from edge_deploy.core.errors import UsageError
from edge_deploy.web.browser import Browser
from edge_deploy.web.hosting import HOSTS
from tests.api.test_demo import make_artifact
from tests.page.conftest import copied, served
from tests.support import PATIENCE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def artifact(root: Path) -> Path:
    return make_artifact(root / "artifacts", "costs")


@pytest.fixture(scope="module")
def built(root: Path, artifact: Path) -> Iterator[tuple[Path, str]]:
    folder = build_demo([artifact], root / "www", embed=True).folder
    with served(folder) as url:
        yield folder, url


@pytest.fixture
def site(built: tuple[Path, str], tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A site of its own on a sub-path, and its address: a test may break it."""
    with copied(built, tmp_path / "www", "sub/") as own:
        yield own


@contextmanager
def hosted(folder: Path, headers: Callable[[str], tuple[str, str]]) -> Iterator[str]:
    """The address of a folder, served with one more header, which depends on the path."""

    class Host(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header(*headers(self.path))
            super().end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def ready(page: Any, url: str, state: str = "ready") -> dict[str, str]:
    page.goto(url)
    page.wait_for_selector(f"html[data-state={state}]", state="attached", timeout=60_000)
    found: dict[str, str] = page.evaluate("() => ({...document.documentElement.dataset})")
    return found


@pytest.mark.parametrize("backend", ["webgl", "wasm"])
def test_site_brings_only_the_kernels_it_needs(
    browser: Browser, site: tuple[Path, str], backend: str
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert ready(page, f"{site[1]}?backend={backend}")["backend"] == backend
    page.close()
    assert all(url.startswith(site[1]) for url in asked)
    assert sum(f"/models/tfjs-{backend}-" in url for url in asked) == 1
    assert not [url for url in asked if "/vendor/" in url and not url.endswith(".wasm")]


def test_model_with_more_kernels_than_the_site_has_runs(
    browser: Browser, site: tuple[Path, str]
) -> None:
    folder, _ = site
    other = make_artifact(folder.parents[1] / "other", "labels", classes=["a", "b", "c"])
    labelled = build_demo([other], folder.parents[1] / "labelled").folder
    # The site of a model with a softmax, with the kernels of one without.
    index = json.loads((labelled / "models/index.json").read_text())
    index["kernels"] = {
        part: f"models/{next(folder.glob(f'models/tfjs-{part}-*.js')).name}"
        for part in ("core", "webgl", "wasm")
    }
    for file in folder.glob("models/tfjs-*.js"):
        (labelled / "models" / file.name).write_bytes(file.read_bytes())
    for stale in labelled.glob("models/index.json.*"):
        stale.unlink()
    (labelled / "models/index.json").write_text(json.dumps(index))
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with served(labelled) as url:
        assert ready(page, f"{url}?backend=wasm")["check"] == "pass"
        assert any("/vendor/tfjs-wasm.js" in one for one in asked)
    page.close()


def test_backend_that_computes_wrongly_is_left_and_said(
    browser: Browser, site: tuple[Path, str]
) -> None:
    folder, url = site
    [webgl] = folder.glob("models/tfjs-webgl-*.js")
    code = webgl.read_text()
    assert "return a + b;" in code
    webgl.write_text(code.replace("return a + b;", "return a - b;"))
    for made in (".br", ".gz"):
        webgl.with_name(webgl.name + made).unlink()
    page = browser.new_page()
    found = ready(page, f"{url}?backend=webgl")
    assert (found["backend"], found["check"]) == ("wasm", "pass")
    assert "WebGL" in page.inner_text("main")
    page.close()


def test_sites_work_without_a_network_after_the_first_visit(
    browser: Browser, site: tuple[Path, str]
) -> None:
    folder, url = site
    other = make_artifact(folder.parents[1] / "beside", "other")
    build_demo([other], folder.parent / "beside")
    page = browser.new_page()
    sites = {"costs": url, "other": url.replace("/sub/", "/beside/")}  # on one origin
    for address_of_one in sites.values():
        ready(page, address_of_one)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    for model, address_of_one in sites.items():
        assert ready(page, f"{address_of_one}?model={model}")["check"] == "pass"
    page.context.close()


KEPT = """async () => {
  const files = await caches.open('edge-deploy-files');
  const kept = (await files.keys()).map(({url}) => url.split('/models/')[1]);
  const sites = (await caches.keys()).filter((name) => name.startsWith('edge-deploy-site'));
  return [kept.sort(), sites.length];
}"""


@pytest.mark.parametrize(
    ("worker", "then"),
    [(True, True), (False, False), (True, False)],
    ids=["service worker", "none", "service worker, and then none"],
)
def test_new_version_is_taken_whole_and_the_old_one_dropped(
    browser: Browser, tmp_path: Path, worker: bool, then: bool
) -> None:
    def header(path: str) -> tuple[str, str]:
        # GitHub Pages lets browsers keep files for ten minutes; here the index is past them.
        kept = then or not path.endswith("index.json")
        return "Cache-Control", "max-age=600" if kept else "no-cache"

    www = tmp_path / "www"
    first = [make_artifact(tmp_path / "made", name) for name in ("costs", "gone")]
    build_demo(first, www, work_offline=worker)
    page = browser.new_page()
    with hosted(www, header) as url:
        ready(page, f"{url}?model=gone")
        ready(page, f"{url}?model=costs")
        if worker:
            page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        time.sleep(1)  # this server tells versions apart by the second
        second = make_artifact(tmp_path / "made", "costs", version="2")
        build_demo([second], www, work_offline=then)
        (entry,) = json.loads((www / "models/index.json").read_text())["models"]
        parts = entry["files"][0]["parts"]
        wanted = sorted(f"costs/2/{part['path']}?sha256={part['sha256']}" for part in parts)
        assert ready(page, url)["check"] == "pass"
        if worker:  # whose page is the old one, and follows releases.json all the same
            assert "Version 2" in page.text_content("#facts")
            page.wait_for_selector("#note:has-text('There is a new version')", timeout=60_000)
            assert ready(page, url)["check"] == "pass"
        assert "Version 2" in page.text_content("#facts")
        deadline = time.monotonic() + PATIENCE
        while (kept := page.evaluate(KEPT)) != [wanted, int(then)]:
            assert time.monotonic() < deadline, kept
            page.wait_for_timeout(50)
    page.context.close()


def test_no_offline_leaves_the_worker_out(artifact: Path, tmp_path: Path) -> None:
    folder = build_demo([artifact], tmp_path / "site", work_offline=False).folder
    assert not (folder / "sw.js").exists()
    assert not (folder / "models/offline.js").exists()
    assert json.loads((folder / "models/index.json").read_text())["offline"] is False


IN_PAGE = """async ([site, url, backend, count]) => {
  const {open} = await import(new URL('src/model.js', site));
  const spec = await (await fetch(new URL('models/costs/1/manifest.json', site))).json();
  const model = await open('tfjs', new URL(url, site), backend, spec);
  const ask = () => model.predict({x: {data: Float32Array.from([5, 0, 1]), shape: [1, 3]}});
  const [{name}] = spec.outputs;
  const first = (await ask())[name].data[0];
  const before = await model.tensors();
  let last = first;
  for (let n = 0; n < count; n += 1) last = (await ask())[name].data[0];
  const after = await model.tensors();
  model.dispose();
  return [first, last, before, after];
}"""


@pytest.mark.parametrize("backend", ["webgl", "wasm"])
def test_memory_stays_flat_over_a_thousand_predictions(
    browser: Browser, site: tuple[Path, str], backend: str
) -> None:
    page = browser.new_page()
    ready(page, site[1])
    where = [site[1], "models/costs/1/tfjs/float32/model.json", backend, 1000]
    first, last, before, after = page.evaluate(IN_PAGE, where)
    page.close()
    assert first == last
    assert before == after


@pytest.mark.parametrize("late", ["src/preload.js", "src/main.js"])
def test_whichever_script_comes_first_there_is_one_thread(
    browser: Browser, site: tuple[Path, str], late: str
) -> None:
    page = browser.new_page()

    def answer_late(route: Any) -> None:
        page.wait_for_timeout(1500)
        route.continue_()

    page.route(f"**/{late}", answer_late)
    with page.expect_response(f"**/{late}"):
        ready(page, f"{site[1]}?backend=wasm")
    page.wait_for_timeout(500)
    assert len(page.workers) == 1
    page.close()


def test_page_of_one_model_is_called_as_that(browser: Browser, built: tuple[Path, str]) -> None:
    page = browser.new_page(service_workers="block", viewport={"width": 360, "height": 740})
    ready(page, built[1])
    assert page.inner_text("h1") == page.title() == "costs"
    assert page.locator("#title").bounding_box()["width"] <= 1  # still there to be read out
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.close()


def test_lost_graphics_context_is_recovered(browser: Browser, site: tuple[Path, str]) -> None:
    page = browser.new_page()
    assert ready(page, f"{site[1]}?backend=webgl")["backend"] == "webgl"
    page.wait_for_selector("#output .value")
    first = page.inner_text("#output .value")  # of the form as it opens
    page.click("[data-sample='0']")
    shown_within(page, lambda value: value != first)
    expected = page.inner_text("#output .value")
    index = json.loads((site[0] / "models/index.json").read_text())
    lose = """async (core) => {
      const tf = await import(core);
      const {gl} = tf.engine().backendInstance.gpgpu;
      gl.getExtension('WEBGL_lose_context').loseContext();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return gl.isContextLost();
    }"""
    [worker] = page.workers
    assert worker.evaluate(lose, site[1] + index["kernels"]["core"])
    page.click("[data-sample='1']")
    shown_within(page, lambda value: value != expected)
    page.click("[data-sample='0']")
    shown_within(page, lambda value: value == expected)
    page.close()


def shown_within(page: Any, right: Callable[[str], bool], seconds: float = 60) -> None:
    """Wait until the answer on the page is a right one."""
    deadline = time.monotonic() + seconds
    while not right(page.inner_text("#output .value")):
        assert time.monotonic() < deadline, page.inner_text("#output")
        page.wait_for_timeout(100)


def test_weights_that_are_a_web_page_are_told(browser: Browser, site: tuple[Path, str]) -> None:
    folder, url = site
    model = folder / "models/costs/1/tfjs/float32/model.json"
    document = json.loads(model.read_text())
    document["weightsManifest"][0]["paths"] = ["../../../../../index.html"]
    model.write_text(json.dumps(document))
    for made in (".br", ".gz"):
        model.with_name(model.name + made).unlink()
    page = browser.new_page()
    page.add_init_script("delete globalThis.caches")
    ready(page, url, state="error")
    assert "sends a web page in its place" in page.inner_text("main")
    page.close()


def test_selftest_runs_every_file_and_backend(browser: Browser, site: tuple[Path, str]) -> None:
    page = browser.new_page()
    page.goto(f"{site[1]}?selftest=1")
    page.wait_for_selector("pre#selftest", timeout=60_000)
    document = json.loads(page.inner_text("pre#selftest"))
    page.close()
    assert document["ok"] is True
    keys = {"model", "file", "runtime", "backend", "ok", "max_abs_error", "ms"}
    assert all(keys <= set(row) for row in document["results"])
    assert {row["backend"] for row in document["results"] if row["ok"]} >= {"webgl", "wasm", "cpu"}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same origin", "another origin"])
def test_embedded_module_answers_in_a_page_of_somebody_else(
    browser: Browser, site: tuple[Path, str], artifact: Path, elsewhere: bool
) -> None:
    folder, url = site
    (folder.parent / "mine.html").write_text("<!doctype html><title>mine</title>")
    ask = """async ([module, length]) => {
      const {predict} = await import(module);
      return predict({length, pet: 'yes'});
    }"""
    page = browser.new_page()
    page.goto(url.removesuffix("sub/") + "mine.html")
    with hosted(folder, lambda _: ("Access-Control-Allow-Origin", "*")) as other:
        module = other + "embed.mjs" if elsewhere else "./sub/embed.mjs"
        answer = page.evaluate(ask, [module, 5])
    page.close()
    assert answer["unit"] == "USD"
    assert answer["backend"] == "wasm"
    with np.load(artifact / "reference.npz") as data:
        x, y = data["in:x"], data["out:y"]
    solution, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)
    assert answer["value"] == pytest.approx(float(([5, 0, 1, 1] @ solution)[0]), rel=1e-4, abs=1e-5)


def test_embedded_page_loads_without_a_fault(browser: Browser, site: tuple[Path, str]) -> None:
    failed: list[str] = []
    page = browser.new_page()
    page.on("response", lambda r: failed.append(r.url) if not r.ok else None)
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(site[1] + "embed.html")
    page.wait_for_load_state("networkidle")
    assert page.title() == "costs"
    assert page.get_attribute("link[rel=icon]", "href") == "icon.svg"
    assert (site[0] / "icon.svg").is_file()
    page.close()
    assert failed == []


def test_every_file_lies_compressed_beside_itself(site: tuple[Path, str]) -> None:
    folder, _ = site
    plain = [
        file
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in (".br", ".gz") and file.name != "site.json"
        # One rename replaces it, which two files more would undo.
        if file.name != "releases.json"
    ]
    for file in plain:
        data = file.read_bytes()
        assert brotli.decompress(file.with_name(file.name + ".br").read_bytes()) == data
        assert gzip.decompress(file.with_name(file.name + ".gz").read_bytes()) == data
    assert len(plain) > 30


@pytest.mark.parametrize(
    ("host", "files"),
    [
        ("github-pages", {".nojekyll", ".github/workflows/pages.yml"}),
        ("hf-space", {"README.md"}),
        ("netlify", {"_headers"}),
        ("nginx", {"nginx.conf", "Dockerfile"}),
    ],
)
def test_host_gets_what_it_needs(
    artifact: Path, tmp_path: Path, host: str, files: set[str]
) -> None:
    plain = set(build_demo([artifact], tmp_path / "plain").files)
    made = build_demo([artifact], tmp_path / "made", host=host)
    more = {path for path in set(made.files) - plain if not path.endswith((".br", ".gz"))}
    assert more == files
    if host == "hf-space":
        assert "\nsdk: static\n" in (made.folder / "README.md").read_text()


def test_unknown_host_is_refused(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=", ".join(HOSTS)):
        build_demo([artifact], tmp_path / "site", host="geocities")


# What a server does wrong, to which files, and what the page says of it.
SERVERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "sends code as bytes": (
        "**/models/tfjs-*",
        {"content_type": "application/octet-stream", "body": "export {}"},
        "sends {file} as application/octet-stream, and browsers run “text/javascript” only",
    ),
    # Its name is a backend's, and no other backend is to hide the fault.
    "sends a backend as bytes": (
        "**/models/tfjs-wasm-*",
        {"content_type": "application/octet-stream", "body": "export {}"},
        "sends {file} as application/octet-stream, and browsers run “text/javascript” only",
    ),
    "has no code": ("**/models/tfjs-*", {"status": 404}, "{file} cannot be fetched (HTTP 404)"),
    "sends a page for code": (
        "**/models/tfjs-*",
        {"content_type": "text/html", "body": "<!doctype html>"},
        "{file} is missing on the server, which sends a web page in its place",
    ),
    "has no worker": ("**/src/worker.js", {"status": 404}, "{file} cannot be fetched (HTTP 404)"),
    "has no weights": ("**/group1-*", {"status": 404}, "{file} cannot be fetched (HTTP 404)"),
}


@pytest.mark.parametrize("fault", SERVERS)
def test_server_s_fault_is_named(browser: Browser, site: tuple[Path, str], fault: str) -> None:
    files, sent, says = SERVERS[fault]
    page = browser.new_page(service_workers="block")
    page.route(files, lambda route: route.fulfill(**sent))
    ready(page, f"{site[1]}?backend=wasm&lang=en", "error")
    said = page.inner_text("#status")
    page.close()
    name = re.search(r"worker\.js|tfjs-core-\w+\.js|tfjs-wasm-\w+\.js|group1-\S+\.bin", said)
    assert name, said
    assert says.format(file=name[0]) in said


def test_download_that_breaks_off_is_told(browser: Browser, site: tuple[Path, str]) -> None:
    folder, _ = site
    weights = next(folder.rglob("group1-*.bin"))

    class Breaks(BaseHTTPRequestHandler):
        """Half of the weights."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(weights.stat().st_size))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(weights.read_bytes()[:9])

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Breaks)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    page = browser.new_page(service_workers="block", bypass_csp=True)
    elsewhere = f"http://127.0.0.1:{server.server_port}/"
    page.route(
        "**/group1-*", lambda route: route.fulfill(status=302, headers={"Location": elsewhere})
    )
    ready(page, f"{site[1]}?lang=en", "error")
    assert "cannot be fetched. Check the connection, then load again" in page.inner_text("#status")
    page.close()
    server.shutdown()
    server.server_close()


def test_page_that_is_opened_as_a_file_says_what_it_needs(
    browser: Browser, site: tuple[Path, str]
) -> None:
    page = browser.new_page()
    page.goto((site[0] / "index.html").as_uri())
    page.wait_for_selector("#unstarted:visible", timeout=60_000)
    page.wait_for_function("() => document.querySelector('#unstarted').offsetHeight > 20")
    assert "needs a web server" in page.inner_text("#unstarted")
    page.goto(site[1])
    page.wait_for_selector("html[data-state=ready]", state="attached")
    assert not page.is_visible("#unstarted")
    page.context.close()


@pytest.mark.parametrize("room", [1, 20_000], ids=["no room", "room for the model"])
def test_full_storage_is_told_and_costs_nothing_else(
    browser: Browser, site: tuple[Path, str], room: int
) -> None:
    _, url = site
    page = browser.new_page()
    devtools = page.context.new_cdp_session(page)
    origin = url.removesuffix("/sub/")
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": room})
    for _ in range(2):  # the second visit as the first
        assert ready(page, url)["check"] == "pass"
        page.wait_for_selector("#output .value")
        page.wait_for_selector("#note:has-text('storage is full')")
        assert "does not work offline" in page.inner_text("#note")
        # The worker failed whole: half a site is never served.
        left = """async () => {
          const registered = await navigator.serviceWorker.getRegistrations();
          const names = await caches.keys();
          return [...registered.map(String), ...names.filter((name) => name.includes('site'))];
        }"""
        deadline = time.monotonic() + PATIENCE
        while found := page.evaluate(left):
            assert time.monotonic() < deadline, found
            page.wait_for_timeout(50)
        stored = page.evaluate("() => navigator.storage.estimate().then(({usage}) => usage)")
        assert stored <= max(room, 10_000)
    page.context.close()


def test_storage_that_fills_up_leaves_the_old_site_at_work(
    browser: Browser, site: tuple[Path, str], artifact: Path
) -> None:
    folder, url = site
    page = browser.new_page()
    ready(page, url)
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    devtools = page.context.new_cdp_session(page)
    quota = {"origin": url.removesuffix("/sub/"), "quotaSize": 1}
    devtools.send("Storage.overrideQuotaForOrigin", quota)
    build_demo([artifact, make_artifact(folder.parents[1] / "new", "more")], folder, embed=False)
    page.reload()
    page.wait_for_selector("#note:has-text('storage is full')", timeout=60_000)
    page.context.set_offline(True)
    assert ready(page, url)["check"] == "pass"
    page.context.close()
