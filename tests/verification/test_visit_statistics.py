"""What reports of visits add up to, and which candidate may be promoted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import edge_deploy
from edge_deploy.core.errors import UsageError
from edge_deploy.verification.visit_statistics import Statistics, to_html, visit_statistics
from edge_deploy.web.monitoring.store import ReportStore
from edge_deploy.web.monitoring.visit_report import parse
from tests.conftest import Run
from tests.support.visits import as_bytes, report, shadow, visit

DAY = date(2026, 3, 1)


def added(reports: Iterable[Any], **limits: Any) -> Statistics:
    return visit_statistics(
        [(DAY + timedelta(n // 50), parse(as_bytes(one))) for n, one in enumerate(reports)],
        **limits,
    )


def test_counts_add_up_by_version_backend_column_and_day() -> None:
    reports = [
        report(
            visit(
                version="1" if n % 4 else "2",
                channel="stable" if n % 4 else "canary",
                backend="webgl" if n % 2 else "wasm",
                first_ms=100 + n,
                median_ms=None if n == 0 else n,
                answers=3,
                failures=1 if n % 10 == 0 else 0,
                columns=[{"name": "umur", "inputs": 3, "outside": n % 3}],
            )
        )
        for n in range(100)
    ]
    found = added(reports)
    stable, canary = sorted(found.versions, key=lambda one: one.version)
    assert (stable.visits, canary.visits) == (75, 25)
    assert (stable.channel, canary.channel) == ("stable", "canary")
    # Inputs that failed are inputs, too: n = 10, 30, 50, 70, 90 and n = 0, 20, 40, 60, 80.
    assert (stable.failures.count, stable.failures.of, stable.answers) == (5, 230, 230)
    assert (canary.failures.count, canary.failures.of) == (5, 80)
    assert canary.median_ms == 50  # of 4, 8, ..., 96
    by_backend = {(one.version, one.backend): one.visits for one in found.backends}
    assert by_backend == {("1", "webgl"): 50, ("1", "wasm"): 25, ("2", "wasm"): 25}
    (drift,) = found.drift
    assert (drift.outside.count, drift.outside.of) == (33 + 2 * 33, 300)
    assert [(d.day, d.version, d.visits) for d in found.days] == [
        (DAY, "1", 37), (DAY, "2", 13),
        (DAY + timedelta(1), "1", 38), (DAY + timedelta(1), "2", 12),
    ]  # fmt: skip
    assert (found.reports, found.first, found.last) == (100, DAY, DAY + timedelta(1))
    assert sum(d.outside.count for d in found.days) == drift.outside.count


STABLE = [report(visit()) for _ in range(200)]
CASES: dict[str, tuple[list[Any], str | None]] = {
    # what came in -> why the candidate may not be promoted; None where it may
    "a good canary": ([report(visit(version="2", channel="canary"))] * 120, None),
    "a good shadow": ([report(visit(shadow=shadow()))] * 120, None),
    "few visits": ([report(visit(version="2", channel="canary"))] * 99, "99 visits, and 100"),
    "nothing asked": (
        [report(visit(version="2", channel="canary", answers=0))] * 120,
        "nobody has asked it anything",
    ),
    "failing inputs": (
        [report(visit(version="2", channel="canary", failures=1))] * 120,
        "20.0% of its inputs failed",
    ),
    "failing self-checks": (
        [report(visit(version="2", channel="canary"))] * 110 + [report(visit(dropped="2"))] * 10,
        "8.3% of its self-checks failed",
    ),
    "another answer": (
        [report(visit(shadow=shadow(agreed=3)))] * 120,
        r"agrees with the stable version on 75.0% \(70.9 to 78.7\)",
    ),
    "a canary like the stable version": (
        [report(visit(version="2", channel="canary", shadow=shadow(version="1")))] * 120,
        None,
    ),
    "a canary with another answer": (
        [report(visit(version="2", channel="canary", shadow=shadow(version="1", agreed=3)))] * 120,
        r"agrees with the stable version on 75.0% \(70.9 to 78.7\)",
    ),
    "a failing shadow": ([report(visit(shadow=shadow(failures=1)))] * 120, "20.0% of its inputs"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_candidate_is_judged_by_what_it_did(case: str) -> None:
    reports, why = CASES[case]
    (judged,) = added([*STABLE, *reports]).promotions
    assert (judged.model, judged.version, judged.may) == ("costs", "2", why is None)
    if why is not None:
        assert re.search(why, "; ".join(judged.reasons)), judged.reasons


def test_limits_decide_and_what_was_promoted_is_no_candidate() -> None:
    reports, _ = CASES["another answer"]
    assert added([*STABLE, *reports], max_drop=0.25).passed
    assert not added([*STABLE, *reports], max_drop=0.25, min_visits=121).passed
    after = [report(visit(version="2"))]
    assert added([*STABLE, *reports, *after]).promotions == ()
    alone = added(CASES["a good canary"][0]).promotions[0]
    assert not alone.may and "no visit had the stable version" in alone.reasons[0]
    for wrong in ({"max_drop": 1.5}, {"max_drop": float("nan")}, {"min_visits": 0}):
        with pytest.raises(UsageError):
            added([], **wrong)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_candidates_of_one_day_are_all_judged_in_whatever_order_they_lie(
    order: tuple[int, ...],
) -> None:
    """No time of a visit is kept, but the day."""
    visits = [
        report(visit(version="1", channel="stable")),
        report(visit(version="2", channel="canary")),
        report(visit(version="1", channel="stable", dropped="3")),
    ]
    judged = added(visits[n] for n in order).promotions
    assert [(one.version, one.channel) for one in judged] == [("2", "canary"), ("3", "canary")]


def test_nothing_is_no_error() -> None:
    found = added([])
    assert (found.reports, found.first, found.versions, found.passed) == (0, None, (), True)
    assert "0 visits" in to_html(found)


HTML = "<img src=x onerror=alert(1)>[red]"


def test_html_in_fields_is_text(tmp_path: Path, run: Run) -> None:
    told = report(
        visit(
            model=HTML,
            version=HTML,
            channel="canary",
            shadow=shadow(version=HTML),
            columns=[{"name": HTML, "inputs": 1, "outside": 1}],
        )
    )
    with ReportStore(tmp_path / "stats.sqlite", 2**24) as store:
        store.add(parse(as_bytes(told)), DAY)
    done = run("stats", tmp_path / "stats.sqlite", "--html", tmp_path / "stats.html")
    assert done.code == 0 and "onerror" in done.out and "[red]" in done.out
    page = (tmp_path / "stats.html").read_text()
    assert "<img" not in page and "&lt;img src=x onerror=alert(1)&gt;" in page
    assert json.loads(run("stats", tmp_path / "stats.sqlite", "--json").out)["reports"] == 1


def test_the_command_prints_draws_and_is_a_gate(tmp_path: Path, run: Run) -> None:
    database = tmp_path / "stats.sqlite"
    reports, _ = CASES["another answer"]
    with ReportStore(database, 2**24) as store:
        for n in range(120):
            told = {**reports[0], "id": f"{n:032x}"}
            store.add(parse(as_bytes(told)), DAY + timedelta(n % 9))
    page = tmp_path / "stats.html"
    done = run("stats", database, "--html", page)
    assert done.code == 0
    for title in ("Versions", "Latency by backend", "Agreement", "By day", "May it be promoted?"):
        assert title in done.out and title in page.read_text()
    assert page.read_text().count("<rect") == 9
    assert run("stats", database, "--max-drop", "0.3").code == 0
    assert run("stats", database, "--max-drop", "0.1").code == 1
    assert run("stats", database, "--min-visits", "121").code == 1
    document = json.loads(run("stats", database, "--json").out)
    assert document["agreements"][0]["agreed"] == {"count": 360, "of": 480, "share": 0.75}
    assert document["first"] == "2026-03-01"
    other = tmp_path / "mine.html"
    other.write_text("mine")
    assert run("stats", database, "--html", other).code == 2
    assert other.read_text() == "mine"
    assert "75.0%" in edge_deploy.stats(database)._repr_html_()
