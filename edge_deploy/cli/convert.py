"""``convert``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import edge_deploy
from edge_deploy.cli import cage, console, exit_codes
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app
from edge_deploy.cli.help import LongCommand
from edge_deploy.core.messages import in_shell

if TYPE_CHECKING:
    from edge_deploy.frontends.project.recipe import Recipe


@contextlib.contextmanager
def _keeping(
    model: Any, options: edge_deploy.ConvertOptions, recipe: Recipe | None
) -> Iterator[None]:
    """Keep what a caged child makes: it cannot, and the body ends its parent with its exit code."""
    from edge_deploy.api import cache

    key, began = cache.key_of(model, options, recipe), time.time()
    try:
        yield
    except SystemExit as end:
        made = cache.version_of(model, options)
        if (
            key
            and made
            and end.code == exit_codes.DONE
            and key == cache.key_of(model, options, recipe)
        ):
            note = cache.keep(key, made, began)
            if note:
                console.echo(f"note: {note}", err=True)
        raise


@app.command(cls=LongCommand)
def convert(
    context: typer.Context,
    model: shared.ModelOrRecipe = None,
    to: shared.Targets = None,
    reference: Annotated[
        Path | None, typer.Option(help="Samples: .npz, .npy, .csv or a folder of pictures.")
    ] = None,
    samples: shared.Samples = 1000,
    label_column: shared.LabelColumn = None,
    quantize: Annotated[
        str, typer.Option(help="Precisions, such as float32,int8 or tflite=int8.")
    ] = "float32",
    io: shared.Io = "float",
    calibration: shared.Calibration = None,
    keep_float: shared.KeepFloat = None,
    max_drop: shared.MaxDrop = None,
    min_agreement: shared.MinAgreement = None,
    strict: shared.Strict = False,
    prune: Annotated[
        float | None,
        typer.Option(
            help="Share of the weights of a Keras model that become zeros, such as 0.8. All files "
            "are then of the pruned model (_pruned), none of the full one."
        ),
    ] = None,
    prune_data: Annotated[
        Path | None,
        typer.Option(help="Samples with labels to train the rest on: .npz, .csv or class folders."),
    ] = None,
    prune_epochs: shared.PruneEpochs = 10,
    labels: shared.Labels = None,
    preprocess: shared.Preprocess = None,
    fold_preprocessing: Annotated[
        bool, typer.Option("--fold-preprocessing", help="The files take 0-255 pixels, RGB.")
    ] = False,
    min_runtime: Annotated[
        str, typer.Option(help="Oldest TensorFlow Lite that must run the files, such as 2.11.")
    ] = "",
    opset: Annotated[
        int,
        typer.Option(help="Version of ONNX' operators, 13 to 18; older runtimes need a lower one."),
    ] = 17,
    free_batch: Annotated[
        bool,
        typer.Option(
            "--free-batch",
            help="TFLite files take any number of samples at a time, where a runtime can resize "
            "their inputs; else one.",
        ),
    ] = False,
    features: shared.Features = None,
    signature: shared.Signature = None,
    input_shapes: shared.InputShape = None,
    custom_objects: shared.CustomObjects = None,
    trust_pickle: shared.TrustPickle = False,
    deterministic: shared.Deterministic = False,
    threshold: shared.Threshold = None,
    pad: shared.Pad = None,
    max_size: shared.MaxSize = shared.MAX_SIZE,
    name: shared.Name = None,
    version: shared.Version = "1",
    output: shared.Output = Path("artifacts"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a version that exists.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Publish the targets that could be converted.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check everything, write nothing.")
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="Convert again what was converted before."),
    ] = False,
    seed: shared.Seed = 0,
    browser: shared.BrowserPath = None,
    timeout: shared.Timeout = 900,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
) -> None:
    """Convert a trained model to artifacts/<name>/<version>/.

    Example: edge-deploy convert keras_model.h5 --labels labels.txt --preprocess teachable-machine
    """
    options = shared.options_of(edge_deploy.ConvertOptions, {**locals(), "cache": not no_cache})
    original = shared.one_or_all(model) if model else None
    from edge_deploy.api import cache as conversions
    from edge_deploy.api import recipe as recipes

    given = {**shared.by_name(context, options), "cache": options.cache}
    _, _, asked, recipe = recipes.resolve(original, None, given)
    if recipe is not None:
        options = edge_deploy.ConvertOptions(**asked)
    from edge_deploy.api.convert import from_cache

    what = original if recipe is None else recipes.model_of(recipe)
    done = from_cache(conversions.key_of(what, options, recipe), options)
    if done is None:
        with _keeping(what, options, recipe):
            cage.enter(
                timeout,
                models=shared.files_of(model or [Path()]) if recipe is None else recipe.files,
                read=recipes.files_read(options),
                write=(options.output,),
                browser=browser,
            )
        with console.progress(quiet or as_json or verbose), console.unheard():
            if recipe is None:
                done = edge_deploy.convert(original, options)
            else:  # read again, shut in
                done = edge_deploy.convert(original, **given)
    console.made(done, "converted", as_json, quiet)
    if done.artifact and not (as_json or quiet):
        console.echo(f"{done.artifact.folder}")
        console.echo(f"Next: edge-deploy verify {in_shell(done.artifact.folder)}")
    raise typer.Exit(exit_codes.of_result(done.complete, done.passed))
