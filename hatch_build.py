"""Puts the page's shell, web_demo/, into the wheel as edge_deploy/_web_demo/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What makes vendor/, and what `demo` puts beside it in a checkout: no part of the shell.
NOT_SHIPPED = {
    "apache-2.0.txt",
    "build.mjs",
    "models",
    "node_modules",
    "package-lock.json",
    "package.json",
    "test",
    "tests",
}


class WebDemoHook(BuildHookInterface):  # type: ignore[type-arg]
    """For wheels only: an editable install finds web_demo/ in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the shell to the wheel, or say what must be built first."""
        if version == "editable":
            return
        shell = Path(self.root) / "web_demo"
        if not (shell / "vendor" / "LICENSES.txt").is_file():  # the build writes it last
            raise RuntimeError(
                "A wheel brings the browser runtimes of web_demo/vendor/, and they are not built. "
                "Build them first: make vendor (or, in web_demo/: npm ci && npm run build)."
            )
        for entry in sorted(shell.iterdir()):
            if entry.name not in NOT_SHIPPED and not entry.name.startswith("."):
                build_data["force_include"][str(entry)] = f"edge_deploy/_web_demo/{entry.name}"
