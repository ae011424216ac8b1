"""Puts the page, web_demo/, into the wheel as edge_deploy/_web_demo/, and the constraints."""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebDemoHook(BuildHookInterface):  # type: ignore[type-arg]
    """For wheels only: an editable install finds web_demo/ in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page to the wheel, or say that its vendor/ must be built first."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from edge_deploy.web.assets import (
            FILES,
            FOLDERS,
            shell_folder,  # needs nothing installed
        )

        shell = shell_folder()
        for name in (*FILES, *FOLDERS):
            build_data["force_include"][str(shell / name)] = f"edge_deploy/_web_demo/{name}"
        # With which an extra is added to an installed wheel.
        for name in ("constraints.txt", "constraints-next.txt"):
            build_data["force_include"][name] = f"edge_deploy/{name}"
