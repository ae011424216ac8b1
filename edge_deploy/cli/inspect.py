"""``inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import (
    CustomObjects,
    InputShape,
    Json,
    Signature,
    TrustPickle,
    options_of,
)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A model, a converted file or an artifact.")],
    signature: Signature = None,
    input_shapes: InputShape = None,
    custom_objects: CustomObjects = None,
    trust_pickle: TrustPickle = False,
    as_json: Json = False,
) -> None:
    """Show what a model, a converted file or an artifact is.

    Example: edge-deploy inspect keras_model.h5
    """
    options = options_of(edge_deploy.LoadOptions, locals())
    document = edge_deploy.inspect(path, options)
    if as_json:
        console.json_document(document)
        return
    for line in console.described(document):
        typer.echo(line)
