"""``tune``."""

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
def tune(
    model: shared.Model,
    max_drop: Annotated[
        float, typer.Option(help="Accuracy (or R², or agreement) that a file may lose.")
    ] = 0.01,
    objective: Annotated[
        str, typer.Option(help="size (of the download) or latency (on this machine).")
    ] = "size",
    to: shared.Targets = None,
    executor: Annotated[
        str, typer.Option(help="loky (this machine), dask or ray (a cluster).")
    ] = "loky",
    jobs: Annotated[int | None, typer.Option(help="Files at a time; default one a core.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that did not end.")
    ] = False,
    sparsities: Annotated[
        str, typer.Option(help="Shares of weights to prune, for Keras files; none for none.")
    ] = "0.5,0.7,0.8,0.9",
    prune_data: Annotated[
        Path | None, typer.Option(help="Samples with labels to train pruned models on.")
    ] = None,
    prune_epochs: shared.PruneEpochs = 10,
    reference: Annotated[
        Path | None, typer.Option(help="Samples, best with labels: .npz, .npy, .csv or a folder.")
    ] = None,
    samples: shared.Samples = 1000,
    label_column: shared.LabelColumn = None,
    calibration: shared.Calibration = None,
    labels: shared.Labels = None,
    preprocess: shared.Preprocess = None,
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
    version: shared.Version = "tuned",
    output: shared.Output = Path("artifacts"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a version, or an unfinished search.")
    ] = False,
    seed: shared.Seed = 0,
    browser: shared.BrowserPath = None,
    timeout: shared.Timeout = 14400,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
) -> None:
    """Find the smallest files within an accuracy budget: artifacts/<name>/tuned/.

    Example: edge-deploy tune digits-mlp.keras --max-drop 0.01 --to tflite
    """
    options = shared.options_of(edge_deploy.TuneOptions, locals())
    cage.enter(
        timeout,
        models=shared.files_of(model),
        read=(reference, calibration, prune_data, labels, features, custom_objects),
        write=(output,),
        browser=browser,
        workers=executor,
    )
    from edge_deploy.api import tune as tune_command
    from edge_deploy.verification import report

    with console.progress(quiet or as_json or verbose), console.unheard():
        done = tune_command.tune(shared.one_or_all(model), options)
    console.warn(done.warnings)
    folder = done.artifact.folder
    if as_json:
        document = report.to_document(done.manifest, done.verdicts)
        tuning = done.artifact.tuning()
        console.json_document(
            {**document, "artifact": str(folder), "notes": list(done.notes), "tuning": tuning}
        )
    elif not quiet:
        console.notes(done.notes)
        console.table(tune_command.HEADER, tune_command.rows(done))
    for target, found in done.recommended.items():
        if found is None:
            console.echo(f"{target}: no file stays within a drop of {max_drop:g}.", err=True)
        elif not as_json and not quiet:
            console.echo(f"{folder / found.path}: {found.reason}")
    if not as_json and not quiet:
        console.echo(f"picture and table: {folder / 'report.html'}")
    raise typer.Exit(exit_codes.of_result(passed=done.passed))
