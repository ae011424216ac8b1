"""``quantize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import cage, console, exit_codes
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app
from edge_deploy.cli.help import LongCommand


@app.command(cls=LongCommand)
def quantize(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    to: Annotated[str, typer.Option(help="Precisions, such as int8,float16 or tflite=int8.")],
    calibration: shared.Calibration = None,
    io: shared.Io = "float",
    keep_float: shared.KeepFloat = None,
    max_drop: shared.MaxDrop = None,
    min_agreement: shared.MinAgreement = None,
    strict: shared.Strict = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace precisions that are there.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Keep the precisions that could be made.")
    ] = False,
    max_size: shared.MaxSize = shared.MAX_SIZE,
    browser: shared.BrowserPath = None,
    timeout: shared.Timeout = 900,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
) -> None:
    """Add precisions to an artifact, without the original and without TensorFlow.

    Example: edge-deploy quantize artifacts/digits-mlp/1 --to float16,int8
    """
    options = shared.options_of(edge_deploy.QuantizeOptions, locals())
    from edge_deploy.artifact.artifact import find_folder

    folder = find_folder(artifact)
    cage.enter(
        timeout,
        read=(calibration,),
        show=(folder,),
        write=(folder,),  # where one stands in it, so that it cannot be exchanged
        makes=dict.fromkeys((folder.absolute(), folder.resolve())),
        browser=browser,
    )
    with console.progress(quiet or as_json or verbose):
        done = edge_deploy.quantize(artifact, options)
    console.made(done, "made", as_json, quiet)
    raise typer.Exit(exit_codes.of_result(done.complete, done.passed))
