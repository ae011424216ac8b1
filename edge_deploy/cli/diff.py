"""``diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import cage, console, exit_codes
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app

_MOST = 12  # changed samples on a terminal


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="An artifact: the version before.")],
    new: Annotated[Path, typer.Argument(help="An artifact: the version after.")],
    reference: Annotated[
        Path | None,
        typer.Option(help="Samples for both, as for convert; default: those in the new one."),
    ] = None,
    label_column: shared.LabelColumn = None,
    target: Annotated[
        str | None, typer.Option("--only", help="tflite or onnx; default: the first there is.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="Which files; default: float32.")] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(help="Accuracy (or R²) that the new version may lose; more is exit code 1."),
    ] = None,
    page: Annotated[Path, typer.Option(help="Where the page goes.")] = Path("diff.html"),
    max_size: shared.MaxSize = shared.MAX_SIZE,
    timeout: shared.Timeout = 900,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Compare two versions of a model on the same samples, without TensorFlow.

    Example: edge-deploy diff artifacts/insurance/1 artifacts/insurance/2 --max-drop 0.01
    """
    options = shared.options_of(edge_deploy.DiffOptions, locals())
    cage.enter(timeout, read=(reference, page), show=(old, new), makes=(page,))
    from edge_deploy.api.diff import HEADER, changed_rows, summary, to_document

    with console.progress(quiet or as_json):
        done = edge_deploy.diff(old, new, options)
    if as_json:
        console.json_document(to_document(done))
    elif not quiet:
        console.echo(f"{done.old} -> {done.new}")
        console.lines(summary(done))
        for change in done.changes:
            console.echo(f"{change.what}: {change.old} -> {change.new}")
        console.table(HEADER, changed_rows(done, _MOST), whole=0)
        console.echo(f"page: {done.page}")
    if not done.passed and done.answers is not None:
        console.echo(
            f"FAIL {done.new}: loses {done.answers.drop:.4f}, {max_drop:g} is allowed", err=True
        )
    raise typer.Exit(exit_codes.of_result(True, done.passed))
