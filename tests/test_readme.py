"""Every command in the README is run here, or is one that another test runs, named below."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELSEWHERE = {
    "make check": "this is it",
    "make test": "this is it",
    "make quickstart": "test_make_quickstart_ends_with_a_page, below",
    ".venv/bin/edge-deploy serve build/web_demo": "test_make_quickstart_ends_with_a_page, below",
    "python3.11 -m venv .venv": "make setup does it (tools/setup.sh)",
    '.venv/bin/pip install -c constraints.txt -e ".[convert,browser]"': "make setup, with [dev]",
    'pip install -c constraints.txt "dist/edge_deploy-0.1.0-py3-none-any.whl[convert,browser]"': (
        "tests/test_install.py"
    ),
}


def commands() -> list[str]:
    """The lines of the README's shell blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def run_command(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line that starts with edge-deploy as a user's shell would."""
    program, *arguments = shlex.split(line)
    assert program == "edge-deploy", f"{line}: say in ELSEWHERE which test runs it"
    return subprocess.run(
        [sys.executable, "-m", "edge_deploy.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def fetch_while_served(line: str, folder: Path) -> str:
    """Start a serve command on a free port, fetch the page, and end it."""
    arguments = [*shlex.split(line)[1:], "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "edge_deploy.cli", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        with urllib.request.urlopen(address, timeout=30) as answer:
            return str(answer.read().decode())
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.slow
def test_the_readmes_commands_work_in_order(tmp_path: Path) -> None:
    ran = 0
    for line in commands():
        if line in ELSEWHERE:
            continue
        if line.startswith("edge-deploy serve"):
            assert "<title>" in fetch_while_served(line, tmp_path)
        else:
            done = run_command(line, tmp_path)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
        ran += 1
    assert ran >= 6


def test_every_command_of_the_readme_is_known() -> None:
    known = {line for line in commands() if line in ELSEWHERE or line.startswith("edge-deploy ")}
    assert known == set(commands())
    assert set(ELSEWHERE) <= set(commands()), "a line of ELSEWHERE is no longer in the README"


@pytest.mark.slow
def test_make_quickstart_ends_with_a_page(tmp_path: Path) -> None:
    from edge_deploy.web.browser import open_browser

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
    import threading

    from edge_deploy.web.server import address, start

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
