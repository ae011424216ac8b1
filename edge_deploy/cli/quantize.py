"""``quantize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import console, exit_codes
from edge_deploy.cli.app import app
from edge_deploy.cli.help import LongCommand
from edge_deploy.cli.options import (
    BrowserPath,
    Calibration,
    Io,
    Json,
    KeepFloat,
    MaxDrop,
    MinAgreement,
    Quiet,
    Strict,
    Verbose,
    options_of,
)


@app.command(cls=LongCommand)
def quantize(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    to: Annotated[str, typer.Option(help="Precisions, such as int8,float16 or tflite=int8.")],
    calibration: Calibration = None,
    io: Io = "float",
    keep_float: KeepFloat = None,
    max_drop: MaxDrop = None,
    min_agreement: MinAgreement = None,
    strict: Strict = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace precisions that are there.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Keep the precisions that could be made.")
    ] = False,
    browser: BrowserPath = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Add precisions to an artifact, without the original and without TensorFlow.

    Example: edge-deploy quantize artifacts/digits-mlp/1 --to float16,int8
    """
    options = options_of(edge_deploy.QuantizeOptions, locals())
    with console.progress(quiet or as_json or verbose):
        done = edge_deploy.quantize(artifact, options)
    console.made(done, "made", as_json, quiet)
    raise typer.Exit(exit_codes.of_result(done.complete, done.passed))
