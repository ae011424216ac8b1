"""``collect`` and ``stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import edge_deploy
from edge_deploy.cli import console, exit_codes
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app


@app.command()
def collect(
    database: Annotated[
        Path, typer.Option("--db", help="File of SQLite; made where there is none.")
    ],
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Take reports of this site alone, such as https://me.github.io; several times "
            "for several."
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8001,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    rate: Annotated[int, typer.Option(help="Reports of one address in a minute.")] = 60,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="Take senders' addresses from X-Forwarded-For."),
    ] = False,
    max_size: Annotated[
        str, typer.Option("--max-size", help="What the file may grow to, such as 1GB.")
    ] = "1GB",
    as_json: shared.Json = False,
) -> None:
    """Take the reports of a site that was built with --report-to; Ctrl-C ends it.

    A report is acknowledged when it is on the disk. Neither addresses nor times are kept, only the
    day. It speaks plain HTTP: put a proxy with HTTPS in front.

    Example: edge-deploy collect --db stats.sqlite --origin https://me.github.io
    """
    from edge_deploy.web.monitoring.collector import CollectOptions
    from edge_deploy.web.monitoring.collector import collect as take

    def ready(url: str) -> None:
        if as_json:
            console.json_document({"database": str(database), "url": url})
        else:
            console.echo(f"Taking reports at {url} into {database}")

    options = CollectOptions(
        port, host, tuple(origin or ()), rate, behind_proxy, shared.size(max_size)
    )
    take(database, options, ready)


@app.command()
def stats(
    database: Annotated[Path, typer.Argument(help="The file of collect.")],
    max_drop: Annotated[
        float | None,
        typer.Option(
            help="By how much more inputs or self-checks of a candidate may fail than of the "
            "stable version, and a shadow may answer otherwise; default: 0.01."
        ),
    ] = None,
    min_visits: Annotated[
        int | None,
        typer.Option(help="In how many visits it must have run; default: 100."),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Where a page of it goes.")] = None,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Add up what collect took: visits, failures, latency, agreement, drift; by day.

    It says of each canary and shadow whether it may be promoted. With --max-drop or --min-visits
    it is a gate: exit code 1 where one may not.

    Example: edge-deploy stats stats.sqlite --max-drop 0.02
    """
    gate = max_drop is not None or min_visits is not None
    found = edge_deploy.stats(
        database,
        max_drop=0.01 if max_drop is None else max_drop,
        min_visits=100 if min_visits is None else min_visits,
        html=html,
    )
    if as_json:
        console.json_document(_document(found))
    elif not quiet:
        from edge_deploy.verification.visit_statistics import tables

        span = f", {found.first} to {found.last}" if found.first else ""
        console.echo(f"{found.reports:,} visits{span}")
        for title, header, rows in tables(found):
            if rows:
                console.echo(title)
                console.table(header, rows)
        if html is not None:
            console.echo(f"page: {html}")
    raise typer.Exit(exit_codes.of_result(passed=found.passed or not gate))


def _document(value: Any) -> Any:
    """A result as JSON: days as texts, shares with their value."""
    from dataclasses import fields, is_dataclass
    from datetime import date

    from edge_deploy.verification.visit_statistics import Share

    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_document(one) for one in value]
    if not is_dataclass(value):
        return value
    found = {field.name: _document(getattr(value, field.name)) for field in fields(value)}
    return {**found, "share": value.value} if isinstance(value, Share) else found
