"""``run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_deploy.cli import console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import Json


@app.command()
def run(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    inputs: Annotated[
        list[str], typer.Argument(help="Pictures, a .csv, an .npz, or feature=value pairs.")
    ],
    only: Annotated[str | None, typer.Option(help="tflite or onnx.")] = None,
    precision: Annotated[str | None, typer.Option(help="Which file; default float32.")] = None,
    as_json: Json = False,
) -> None:
    """Ask a converted file, with the light install.

    Example: edge-deploy run artifacts/insurance/1 age=40 sex=female smoker=no
    """
    from edge_deploy.api import run as running

    def note(line: str) -> None:
        typer.echo(f"note: {line}", err=True)

    answers = running.run(artifact, inputs, only, precision, note)
    if as_json:
        console.json_document({"answers": [{"source": a.source, **a.outputs} for a in answers]})
    else:
        for answer in answers:
            typer.echo(running.to_text(answer))
