"""Where browsers are on Linux, macOS and Windows."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_deploy.core.errors import MissingDependencyError, UsageError
from edge_deploy.core.messages import option

ENVIRONMENT = "EDGE_DEPLOY_BROWSER"
# The headless shell is Chromium without windows: a page costs it a sixth of the processor time.
_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "microsoft-edge-stable",
    "chrome",
    "msedge",
)
_MENDS = {
    "darwin": "Install Google Chrome, or run `playwright install chromium`.",
    "win32": "Install Google Chrome or Microsoft Edge, or run `playwright install chromium`.",
    "linux": "Install one (`apt install chromium`), or run `playwright install chromium`.",
}


def find_browser(explicit: Path | None = None) -> Path:
    """A Chromium, Chrome or Edge on this machine.

    Args:
        explicit: The one to take; without it EDGE_DEPLOY_BROWSER, then those on the PATH and
            in the usual places, then Playwright's own.

    Raises:
        UsageError: The one that was named is not there.
        MissingDependencyError: There is none.
    """
    named = explicit or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if named is not None:
        found = shutil.which(named)
        if found is None:
            how = option("browser") if explicit else ENVIRONMENT
            raise UsageError(f"{how} {named}: no such program. Leave it out to look for one.")
        return Path(found)
    for name in _NAMES:
        if path := shutil.which(name):
            return Path(path)
    for place in _usual_places():
        if place.is_file():
            return place
    mend = _MENDS.get(sys.platform, _MENDS["linux"])
    raise MissingDependencyError(
        f"No Chromium, Chrome or Edge was found to run TF.js files in. {mend} Or name one with "
        f"{option('browser', 'PATH')} or {ENVIRONMENT}; {option('only', ['tflite', 'onnx'])} does "
        "without."
    )


def _usual_places() -> Iterator[Path]:
    home = Path.home()
    if sys.platform == "darwin":
        for folder in (Path("/Applications"), home / "Applications"):
            for app in ("Google Chrome", "Chromium", "Microsoft Edge"):
                yield folder / f"{app}.app" / "Contents" / "MacOS" / app
        cache, pattern = home / "Library/Caches/ms-playwright", "chrome-mac*/*.app/Contents/MacOS/*"
    elif sys.platform == "win32":
        for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
            folder = Path(os.environ.get(variable, "/"))
            yield folder / "Google/Chrome/Application/chrome.exe"
            yield folder / "Microsoft/Edge/Application/msedge.exe"
            yield folder / "Chromium/Application/chrome.exe"
        cache, pattern = home / "AppData/Local/ms-playwright", "chrome-win*/chrome.exe"
    else:
        yield Path("/snap/bin/chromium")
        yield Path("/opt/google/chrome/chrome")
        cache, pattern = home / ".cache/ms-playwright", "chrome-linux*/chrome"
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or cache)
    for name in ("chrome-headless-shell", "headless_shell"):
        suffix = ".exe" if sys.platform == "win32" else ""
        yield from sorted(cache.glob(f"chromium_headless_shell-*/*/{name}{suffix}"), reverse=True)
    yield from sorted(cache.glob(f"chromium-*/{pattern}"), reverse=True)
