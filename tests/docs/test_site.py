"""The documentation as it is built: without a warning, and without another host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def test_every_page_is_in_the_navigation() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))

    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        inner = entry.values() if isinstance(entry, dict) else entry
        return [page for one in inner for page in pages(one)]  # type: ignore[attr-defined]

    written = {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}
    assert sorted(pages(settings["nav"])) == sorted(written)


@pytest.mark.slow
def test_docs_build_without_a_warning_and_ask_no_other_host(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": ""},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    built = sorted((tmp_path / "site").rglob("*.html"))
    assert len(built) > 20
    asked = re.compile(
        r'<(?:script|img|iframe|source)[^>]*src="(?:https?:)?//|<link[^>]*href="http'
    )
    for page in built:
        assert not asked.search(page.read_text("utf-8")), page
