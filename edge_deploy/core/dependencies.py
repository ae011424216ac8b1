"""Commands that mend an installation, as they are pasted into a shell."""

from __future__ import annotations

import re
import shutil
import sys
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from edge_deploy._version import __version__
from edge_deploy.core.errors import MissingDependencyError

PACKAGE = Path(__file__).parents[1]
WHEEL = f"edge_deploy-{__version__}-py3-none-any.whl"  # what `make wheel` writes to dist/


def install(extra: str) -> str:
    """The command that adds an extra to this installation, with the versions we test with.

    edge-deploy is in no registry. In a clone the folder is named; where it is installed, from a
    wheel or a URL, pip takes the extra's packages from its metadata; elsewhere the wheel is named.
    """
    checkout = in_checkout()
    # One is what the tests run with, the other of newer packages: every system has builds of them.
    tested = sys.platform == "linux" and sys.version_info < (3, 13)
    name = "constraints.txt" if tested else "constraints-next.txt"
    constraints = (PACKAGE.parent if checkout else PACKAGE) / name
    exact = ("-c", constraints) if constraints.is_file() else ()
    if checkout:
        return pip_install(*exact, "-e", f"{PACKAGE.parent}[{extra}]")
    return pip_install(*exact, f"{'edge-deploy' if _is_installed() else WHEEL}[{extra}]")


def pip_install(*arguments: object) -> str:
    """``pip install`` for this very Python, or uv's where the environment has no pip."""
    # Not importlib.util.find_spec: setuptools hooks in there and warns where distutils is loaded.
    if PathFinder.find_spec("pip") is not None:
        return python_m("pip", "install", *arguments)
    if shutil.which("uv"):
        return " ".join(["uv pip install --python", *map(quote, (sys.executable, *arguments))])
    return f"{python_m('ensurepip')} && {python_m('pip', 'install', *arguments)}"


def _is_installed() -> bool:
    try:
        metadata.version("edge-deploy")
    except metadata.PackageNotFoundError:
        return False
    return True


def missing_dependency(package: str | None, purpose: str, extra: str) -> MissingDependencyError:
    """``tensorflow is needed to ... and is not installed``, and how to install it."""
    return MissingDependencyError(
        f"{package} is needed {purpose} and is not installed. Install it with: {install(extra)}"
    )


def in_checkout() -> bool:
    """Whether this package is run from a clone."""
    return (PACKAGE.parent / "pyproject.toml").is_file()


def python_m(module: str, *arguments: object) -> str:
    """A command of this very Python: the one that a shell finds may be another."""
    return f"{quote(sys.executable)} -m {' '.join([module, *map(quote, arguments)])}"


def quote(text: object) -> str:
    """Double quotes where a shell needs them: they serve in each, cmd.exe among them."""
    return str(text) if re.fullmatch(r"[\w.:/\\=-]+", str(text)) else f'"{text}"'
