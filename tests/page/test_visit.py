"""A site that tells its owner how its models do: a real page, and the real receiver."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import edge_deploy
from edge_deploy.api.demo import build_demo
from edge_deploy.api.single_file import build_single_file
from edge_deploy.core.errors import UsageError
from edge_deploy.web.browser import Browser
from edge_deploy.web.monitoring import collector
from edge_deploy.web.monitoring.collector import CollectOptions
from edge_deploy.web.monitoring.store import ReportStore, read_reports
from edge_deploy.web.monitoring.visit_report import VisitReport
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.server import address, start
from edge_deploy.web.site_index import read_index
from tests.api.test_demo import make_artifact
from tests.page.conftest import serious_issues
from tests.page.test_releases import Hosted, broken_weights, copy_site, counted

pytestmark = pytest.mark.slow

READY = "html[data-state=ready]"
PRIVATELY = "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })"


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield address(server)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("artifacts")
    return [
        make_artifact(root, "costs"),
        make_artifact(root, "shapes", picture=6, classes=["round", "square"]),
    ]


@pytest.fixture(scope="module")
def silent(artifacts: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that tells nobody, for copies."""
    return build_demo(artifacts, tmp_path_factory.mktemp("silent") / "site").folder


@contextmanager
def site(silent: Path, artifacts: list[Path], folder: Path, report_to: str) -> Iterator[str]:
    """The same that tells an address."""
    edge_deploy.publish(artifacts, copy_site(silent, folder), report_to=report_to)
    with served(start(folder)) as url:
        yield url


@pytest.fixture(scope="module")
def told(
    silent: Path, artifacts: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A site's address, and the database of its receiver."""
    root = tmp_path_factory.mktemp("told")
    with ReportStore(root / "stats.sqlite", 2**24) as store:
        # The site's own origin is known when it listens.
        port = CollectOptions(port=0, rate=1000)
        with (
            served(collector.start(store, port)) as to,
            site(silent, artifacts, root / "site", f"{to}visits") as url,
        ):
            yield url, root / "stats.sqlite"


def reports(database: Path, count: int) -> list[VisitReport]:
    """The newest reports, once there are so many."""
    until = time.monotonic() + 30
    while True:
        found = [one for _, one in read_reports(database)]
        if len(found) >= count or time.monotonic() > until:
            assert len(found) == count
            return found
        time.sleep(0.02)


def opened(browser: Browser, url: str, script: str | None = None, **options: Any) -> Any:
    page = browser.new_page(**options)
    if script:
        page.add_init_script(script)
    page.goto(url)
    page.wait_for_selector(READY, state="attached", timeout=60_000)
    return page


def leave(page: Any) -> None:
    page.goto("about:blank")
    page.context.close()


def test_a_site_whose_owner_did_not_ask_tells_nobody(browser: Browser, silent: Path) -> None:
    with served(start(silent)) as url:
        page = opened(browser, url)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        assert page.locator("#report").count() == 0
        policy = page.get_attribute("meta[http-equiv]", "content")
        assert "connect-src" not in policy
        leave(page)
        # Parts of the page's own code may still be on their way.
        own = ("about:blank", f"{url}src/")
        assert not [one for one in asked if not one.startswith(own)]


def test_counts_of_a_visit_arrive_once_and_hold_no_input(
    browser: Browser, told: tuple[str, Path]
) -> None:
    url, database = told
    before = sum(1 for _ in read_reports(database))
    noise: list[str] = []
    page = opened(browser, f"{url}?backend=wasm")
    page.on("console", lambda m: noise.append(m.text) if m.type == "error" else None)
    expect(page.locator("#report-switch")).to_be_checked()
    for value in ("1.25", "98765"):  # the second lies outside of the samples
        page.fill("form [name=length]", value)
        page.press("form [name=length]", "Enter")
        expect(page.locator("#status")).to_contain_text("ms")
    page.set_input_files(
        "input[type=file][accept*=csv]",
        {
            "name": "a.csv",
            "mimeType": "text/csv",
            "buffer": b"length,pet\n1,yes\n-98765,no\n2,no\n",
        },
    )
    page.wait_for_selector("#csv-download")
    page.click("#report summary")
    expect(page.locator("#report pre")).to_contain_text("models")
    shown = json.loads(page.inner_text("#report pre"))
    page.click("[data-key=shapes]")
    page.wait_for_selector("html[data-model=shapes][data-state=ready]", state="attached")
    page.click("#samples button")
    page.wait_for_selector("#output .answer, #output ol, #output li")
    page.goto("about:blank")
    (*_, kept) = reports(database, before + 1)
    costs, shapes = kept.models
    assert (costs.model, costs.version, costs.channel) == ("costs", "1", "stable")
    assert (costs.backend, costs.check, costs.failures) == ("wasm", "pass", 0)
    assert costs.answers == 5
    (length,) = [column for column in costs.columns if column.name == "length"]
    (reference,) = database.parent.glob("site/models/costs/**/reference.json")
    (span, _) = json.loads(reference.read_text())["columns"]["ranges"]
    outside = [v for v in (1.25, 98765, 1, -98765, 2) if not span["min"] <= v <= span["max"]]
    assert (length.inputs, length.outside) == (5, len(outside)) and len(outside) >= 2
    assert 0 < (costs.median_ms or 0) < 60_000 and 0 < (costs.first_ms or 0) < 600_000
    assert {column.name for column in shapes.columns} == {"pixel mean", "pixel deviation"}
    assert [column.outside for column in shapes.columns] == [0, 0]  # a sample of its own
    # What it said it would send is what it sent, at that time.
    assert shown["models"][0]["answers"] == 5
    assert b"98765" not in database.read_bytes()
    # The same visit loads the page again: it is not sent again.
    page.goto(url)
    page.wait_for_selector("#report")
    assert "were sent to 127.0.0.1" in page.inner_text("#report")
    leave(page)
    assert sum(1 for _ in read_reports(database)) == before + 1
    assert noise == []


def test_a_visitor_who_switches_it_off_stays_untold(
    browser: Browser, told: tuple[str, Path]
) -> None:
    url, database = told
    before = sum(1 for _ in read_reports(database))
    phone = {"viewport": {"width": 360, "height": 740}, "bypass_csp": True}
    page = opened(browser, f"{url}?lang=id", **phone)
    assert "Kirim hitungan kunjungan ini ke 127.0.0.1" in page.inner_text("#report")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    assert page.locator("#report-switch").bounding_box()["width"] > 15
    assert serious_issues(page) == []
    page.click("#report-switch")
    page.goto("about:blank")
    page.goto(url)
    page.wait_for_selector(READY, state="attached")
    expect(page.locator("#report-switch")).not_to_be_checked()  # it is remembered
    leave(page)
    private = opened(browser, url, PRIVATELY)
    expect(private.locator("#report-switch")).not_to_be_checked()
    leave(private)
    hidden = opened(
        browser, url, "Object.defineProperty(document, 'visibilityState', { value: 'hidden' })"
    )
    leave(hidden)  # a tab that nobody looked at
    time.sleep(0.3)
    assert sum(1 for _ in read_reports(database)) == before


class Html(BaseHTTPRequestHandler):
    """A host that answers everything with a page of its own."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<script>alert(1)</script>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize("kind", ["down", "html", "no storage"])
def test_a_receiver_that_fails_does_no_harm(
    browser: Browser, silent: Path, artifacts: list[Path], tmp_path: Path, kind: str
) -> None:
    blocked = (
        "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,"
        " { get() { throw new Error('blocked'); } })"
    )
    with served(ThreadingHTTPServer(("127.0.0.1", 0), Html)) as to:
        target = "http://127.0.0.1:9/" if kind == "down" else to
        with site(silent, artifacts, tmp_path / "site", target) as url:
            page = opened(browser, url, blocked if kind == "no storage" else None)
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            # As when the tab is put away: the page goes on.
            page.evaluate(
                "() => { Object.defineProperty(document, 'visibilityState', { value: 'hidden' });"
                " document.dispatchEvent(new Event('visibilitychange')); }"
            )
            page.fill("form [name=length]", "2")
            page.press("form [name=length]", "Enter")
            page.wait_for_function(
                "() => document.getElementById('status').textContent.includes('ms')"
            )
            assert page.evaluate("document.documentElement.dataset.state") == "ready"
            assert errors == []
            leave(page)


def test_the_policy_lets_that_origin_in_and_no_other(
    browser: Browser, told: tuple[str, Path]
) -> None:
    page = opened(browser, told[0])
    policy = page.get_attribute("meta[http-equiv]", "content")
    [connect] = [part for part in policy.split(";") if "connect-src" in part]
    allowed = connect.split()[2]
    assert connect.split()[:2] == ["connect-src", "'self'"] and len(connect.split()) == 3
    reach = "(url) => fetch(url, {mode: 'no-cors'}).then(() => 'reached', () => 'refused')"
    assert page.evaluate(reach, f"{allowed}/anything") == "reached"
    with served(ThreadingHTTPServer(("127.0.0.1", 0), Html)) as other:
        assert page.evaluate(reach, other) == "refused"
    leave(page)


def test_a_shadow_and_canaries_are_told(
    browser: Browser, silent: Path, artifacts: list[Path], tmp_path: Path
) -> None:
    made = {n: make_artifact(tmp_path / "artifacts", "costs", version=n) for n in "23"}
    database = tmp_path / "stats.sqlite"
    with ReportStore(database, 2**24) as store:
        receiver = collector.start(store, CollectOptions(port=0, rate=1000))
        with (
            served(receiver) as to,
            site(silent, artifacts[:1], tmp_path / "site", to) as url,
        ):
            hosted = Hosted(tmp_path / "site", url, made)
            hosted.publish("2", "shadow")
            page = opened(browser, url)
            before = counted(page, "2", "asked")
            assert "What is sent to the owner" in page.inner_text("#releases")
            for n in range(2, 5):
                page.fill("form [name=length]", str(n))
                page.press("form [name=length]", "Enter")
                counted(page, "2", "asked", before + n - 1)
            leave(page)
            reports(database, 1)
            # Beside a canary it is the stable version that is asked in silence.
            hosted.publish("2", "canary", 1.0)
            page = opened(browser, url)
            counted(page, "2", "asked")
            leave(page)
            reports(database, 2)
            hosted.publish("3", "canary", 1.0)
            with broken_weights(hosted, "3"):
                page = opened(browser, url)
                page.wait_for_selector("#report")  # its code comes after the model
                leave(page)
                found = [one.models[0] for one in reports(database, 3)]
    told = {(one.channel, one.dropped): one for one in found}  # which are kept in no order
    shadow, canary = told["stable", None], told["canary", None]
    broken = told["stable", "3"]
    for one, version, beside in ((shadow, "1", "2"), (canary, "2", "1")):
        asked = one.shadow
        assert asked is not None and (one.version, asked.version) == (version, beside)
        assert asked.compared == asked.agreed + asked.beyond >= 1 and asked.failures == 0
        assert asked.median_ms is not None
    assert shadow.shadow is not None and shadow.shadow.compared >= 4
    assert broken.version == "1"
    judged = edge_deploy.stats(database, min_visits=1)
    agreements = {(one.version, one.channel): one for one in judged.agreements}
    assert {(v, c): one.shown for (v, c), one in agreements.items()} == {
        ("2", "shadow"): "1",
        ("2", "canary"): "1",
    }
    dropped = next(one for one in judged.promotions if one.version == "3")
    assert not dropped.may and "100.0% of its self-checks failed" in "; ".join(dropped.reasons)
    assert read_index(hosted.folder).page.report_to == to  # publishing keeps what it was told once


@pytest.mark.parametrize(
    "wrong",
    [
        "stats.example.org",
        "ftp://stats.example.org/",
        "https://me:secret@stats.example.org/",
        "https://stats.example.org; script-src *",
        'https://stats.example.org/"><script>',
        "https://stats.example.org/ 'unsafe-inline'",
        "https://*.example.org/",
        "https://stats.example.org/?a=b#c",
        "",
    ],
)
def test_what_is_no_address_is_refused(wrong: str, artifacts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address"):
        build_demo(artifacts, tmp_path / "site", page=PageInfo(report_to=wrong))


def test_one_html_file_tells_nobody(artifacts: list[Path], tmp_path: Path) -> None:
    page = PageInfo(report_to="https://stats.example.org/")
    with pytest.raises(UsageError, match="sends nothing to anybody"):
        build_single_file(artifacts[0], tmp_path / "one.html", page)
