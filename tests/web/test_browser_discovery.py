"""Where a browser is looked for, and what is said where there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_deploy.core.errors import MissingDependencyError, UsageError
from edge_deploy.web.browser import open_browser
from edge_deploy.web.browser_discovery import ENVIRONMENT, find_browser


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a browser."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (ENVIRONMENT, "PLAYWRIGHT_BROWSERS_PATH"):
        monkeypatch.delenv(name, raising=False)


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return path


def test_a_browser_is_found_where_it_is_named_or_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = executable(tmp_path / ".cache/ms-playwright/chromium-1200/chrome-linux/chrome")
    assert find_browser() == own
    cache = tmp_path / ".cache/ms-playwright/chromium_headless_shell-1200"
    shell = executable(cache / "chrome-headless-shell-linux64/chrome-headless-shell")
    assert find_browser() == shell
    chrome = executable(tmp_path / "google-chrome")
    assert find_browser() == chrome
    without_windows = executable(tmp_path / "chromium-headless-shell")
    assert find_browser() == without_windows
    monkeypatch.setenv(ENVIRONMENT, str(own))
    assert find_browser() == own
    assert find_browser(chrome) == chrome


def test_where_there_is_none_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError, match=r"No Chromium, .*`playwright install chro"):
        find_browser()
    with pytest.raises(UsageError, match=r"^browser=... nobrowser: no such program"):
        find_browser(Path("nobrowser"))
    monkeypatch.setenv(ENVIRONMENT, "nobrowser")
    with pytest.raises(UsageError, match=f"^{ENVIRONMENT} nobrowser: no such program"):
        find_browser()


@pytest.mark.slow
def test_a_program_that_is_no_browser_is_told(tmp_path: Path) -> None:
    other = executable(tmp_path / "chromium")
    says = rf"{re.escape(str(other))} does not start \(.*Name another browser with browser='PATH'"
    with pytest.raises(MissingDependencyError, match=says), open_browser():
        pass
