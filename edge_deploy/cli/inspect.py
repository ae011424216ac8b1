"""``inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import cage, console
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A model, a converted file or an artifact.")],
    signature: shared.Signature = None,
    input_shapes: shared.InputShape = None,
    custom_objects: shared.CustomObjects = None,
    trust_pickle: shared.TrustPickle = False,
    deterministic: shared.Deterministic = False,
    max_size: shared.MaxSize = shared.MAX_SIZE,
    timeout: shared.Timeout = 900,
    as_json: shared.Json = False,
) -> None:
    """Show what a model, a converted file or an artifact is.

    Example: edge-deploy inspect keras_model.h5
    """
    options = shared.options_of(edge_deploy.LoadOptions, locals())
    from edge_deploy.api.inspect import is_artifact

    if not is_artifact(path):
        cage.enter(timeout, models=(path,), read=(custom_objects,))
    document = edge_deploy.inspect(path, options)
    if as_json:
        console.json_document(document)
        return
    for line in console.described(document):
        console.echo(line)
