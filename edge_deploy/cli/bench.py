"""``bench``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import cage, console, exit_codes
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app


@app.command()
def bench(
    artifact: Annotated[list[Path], typer.Argument(help="Artifacts.")],
    only: Annotated[str, typer.Option(help="Targets to time.")] = shared.TARGETS,
    runtimes: Annotated[
        str, typer.Option("--runtime", help="Runtimes: litert, ort, tfjs, litert-web, ort-web.")
    ] = shared.RUNTIMES,
    backends: Annotated[
        str, typer.Option("--backend", help="TF.js backends: webgl, wasm, webgpu, cpu.")
    ] = shared.BACKENDS,
    seconds: Annotated[float, typer.Option(help="How long to ask each file.")] = 1.0,
    page: Annotated[
        Path, typer.Option("--page", help="Where the table and the picture go.")
    ] = Path("bench.html"),
    browser: shared.BrowserPath = None,
    timeout: shared.Timeout = 3600,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Measure size and latency of every file in every runtime.

    Example: edge-deploy bench artifacts/digits-mlp/1 --only tflite
    """
    options = shared.options_of(edge_deploy.BenchOptions, locals())
    cage.enter(timeout, read=(page,), show=artifact, makes=(page,), browser=browser)
    from edge_deploy.verification import benchmark_report

    with console.progress(quiet or as_json):
        done = edge_deploy.bench(artifact, options)
    if as_json:
        console.json_document({"rows": [asdict(row) for row in done.rows], "page": str(done.page)})
    elif not quiet:
        console.table(benchmark_report.HEADER, benchmark_report.table(done.rows))
        console.echo(f"picture: {done.page}")
    for row in done.rows:
        if row.reason:
            console.echo(f"not run {row.path} ({row.runtime}): {row.reason}", err=True)
    raise typer.Exit(exit_codes.of_result(done.complete))
