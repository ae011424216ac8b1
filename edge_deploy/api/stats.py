"""``stats``: what the reports that ``collect`` took add up to."""

from __future__ import annotations

from pathlib import Path

from edge_deploy.core import atomic_io
from edge_deploy.core.errors import UsageError
from edge_deploy.core.options import as_path
from edge_deploy.verification.visit_statistics import (
    MARK,
    Statistics,
    to_html,
    visit_statistics,
)
from edge_deploy.web.monitoring.store import read_reports


def stats(
    database: Path | str,
    *,
    max_drop: float = 0.01,
    min_visits: int = 100,
    html: Path | str | None = None,
) -> Statistics:
    """Add up the reports of visits, and say whether the canary or the shadow may be promoted.

    Args:
        database: The file of ``edge-deploy collect``, which may be at work meanwhile.
        max_drop: By how much the share of inputs that fail, or of self-checks that fail, may be
            above the stable version's, and on what share of inputs a shadow may answer otherwise.
        min_visits: In how many visits a candidate must have run.
        html: Where a page with the tables and a picture goes.

    Raises:
        UsageError: There is no such file, a limit is none, or the page is in the way.
    """
    page = as_path(html, "html") if html is not None else None
    if page is not None and page.exists() and not _is_own(page):
        raise UsageError(f"{page} was not written by stats: it is left alone. Name another.")
    found = visit_statistics(read_reports(as_path(database, "database")), max_drop, min_visits)
    if page is not None:
        with atomic_io.writing(page, "html"):
            atomic_io.replace_text(page, to_html(found))
    return found


def _is_own(page: Path) -> bool:
    return page.is_file() and MARK in page.read_text(encoding="utf-8", errors="replace")
