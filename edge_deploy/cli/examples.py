"""``examples``, ``quickstart`` and ``doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_deploy.cli import console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import Json, Quiet
from edge_deploy.core.errors import UsageError


@app.command()
def examples(
    names: Annotated[list[str] | None, typer.Argument(help="Which; default: all.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "examples"
    ),
    data: Annotated[
        Path | None, typer.Option(help="Folder of pictures, a subfolder a class (the two CNNs).")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="For digits-mlp: digits or fashion-mnist (needs a network).")
    ] = "digits",
    seed: Annotated[int, typer.Option(help="Seed of the data and the training.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train the example models, offline, in seconds each.

    Example: edge-deploy examples insurance digits-mlp
    """
    from edge_deploy.core.messages import unknown
    from edge_deploy.examples import EXAMPLES, build_example

    wanted = names or list(EXAMPLES)
    for name in wanted:
        if name not in EXAMPLES:
            raise UsageError(unknown(name, EXAMPLES, "example"))
    results = []
    for name in wanted:
        with console.progress(quiet or as_json) as progress:
            progress(f"training {name}")
            made = build_example(name, output / name, seed=seed, data=data, dataset=dataset)
        results.append({"name": name, "model": str(made.model), made.metric: made.value})
        if not (as_json or quiet):
            console.echo(f"{made.model}  {made.metric} {made.value:.3g} on held-out data")
    if as_json:
        console.json_document({"examples": results})
