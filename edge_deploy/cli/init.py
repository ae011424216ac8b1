"""``init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import cage, console
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app
from edge_deploy.core.messages import in_shell

HEADER = ("what", "found", "evidence", "to check")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder of a project.")] = Path(),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a recipe that is there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look, and write nothing.")] = False,
    max_size: shared.MaxSize = shared.MAX_SIZE,
    timeout: shared.Timeout = 900,
    as_json: shared.Json = False,
) -> None:
    """Look at a project: model, scaler, encoders, scripts. Write how to convert it.

    Nothing of the project is run. What was found, and which line says so, is printed and stands in
    edge-deploy.toml, which `convert` takes; where two readings fit, it asks.

    Example: edge-deploy init churn
    """
    cage.enter(
        timeout, models=(folder / "edge-deploy.toml",), read=(folder,),
        # A folder that is not there would be made.
        write=() if dry_run or not folder.is_dir() else (folder,),
    )  # fmt: skip
    with console.progress(as_json), console.unheard():
        done = edge_deploy.init(
            folder, overwrite=overwrite, dry_run=dry_run, max_size=shared.size(max_size)
        )
    if as_json:
        found = [
            {"what": row.what, "found": row.found, "evidence": row.evidence, "check": row.check}
            for row in done.rows
        ]
        console.json_document(
            {
                "recipe": str(done.path) if done.path else None,
                "undecided": list(done.undecided),
                "found": found,
                "scripts": list(done.scripts),
                "text": done.text,
            }
        )
        return
    rows = [(row.what, row.found, row.evidence, row.check) for row in done.rows]
    console.table(HEADER, rows, whole=1)
    if done.path is None:
        console.echo(done.text)
        return
    console.echo(f"{done.path}")
    if done.undecided:
        console.echo("To decide, in that file, before it converts:")
        for question in done.undecided:
            console.echo(f"  - {question}")
    else:
        here = "" if folder == Path() else f" {in_shell(folder)}"
        console.echo(f"Next: edge-deploy convert{here}")
