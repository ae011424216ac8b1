"""The README: short, with pictures; its links lead somewhere; its quickstart ends with a page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.docs.test_commands import fetch_while_served

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEXTS = [README, ROOT / "CONTRIBUTING.md"]


def test_readme_is_at_most_9_kb() -> None:
    assert len(README.read_bytes()) <= 9_000


def test_readme_shows_the_page_and_the_verdicts() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\((\S+)\)", README.read_text("utf-8"))
    assert {"docs/images/page.png", "docs/images/report.png"} <= set(pictures)


def test_pictures_are_pngs_under_150_kb() -> None:
    pictures = sorted((ROOT / "docs" / "images").glob("*.png"))
    assert pictures
    for picture in pictures:
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG") and len(data) < 150_000, picture.name


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8")):
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, link


@pytest.mark.slow
def test_make_quickstart_ends_with_a_page(tmp_path: Path) -> None:
    from edge_deploy.web.browser import open_browser
    from edge_deploy.web.server import address, start

    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    virtual = Path(sys.executable).parent.parent
    done = subprocess.run(
        ["make", "-C", ROOT, "quickstart", f"VENV={virtual}"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    rows = [line for line in done.stdout.splitlines() if "float32" in line]
    assert len(rows) == 28 and all("✓ pass" in row for row in rows), done.stdout
    site = ROOT / "build" / "web_demo"
    assert "<title>" in fetch_while_served(f"edge-deploy serve {shlex.quote(str(site))}", tmp_path)
    with start(site) as server, open_browser() as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        models = ("insurance", "housing-nn", "digits-mlp")
        for model in models:
            page.goto(f"{address(server)}?model={model}&backend=webgl")
            page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
            shown = page.evaluate("({...document.documentElement.dataset})")
            assert (shown["model"], shown["backend"], shown["check"]) == (model, "webgl", "pass")
        server.shutdown()
