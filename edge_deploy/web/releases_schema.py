"""releases.schema.json, from the typed value: ``python -m edge_deploy.web.releases_schema``."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_deploy.artifact import schema
from edge_deploy.web.releases import SCHEMA, Releases

PATH = Path(__file__).with_name("releases.schema.json")


def to_text() -> str:
    """The file as it is kept."""
    return schema.to_text(Releases, SCHEMA)


if __name__ == "__main__":
    sys.stdout.write(to_text())
