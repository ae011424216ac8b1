"""``convert``, ``quantize`` and ``verify``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge_deploy.cli import say
from edge_deploy.cli.app import app
from edge_deploy.cli.options import (
    BrowserPath,
    Calibration,
    CustomObjects,
    InputShape,
    Io,
    Json,
    MaxDrop,
    MinAgreement,
    Quiet,
    Signature,
    Strict,
    TrustPickle,
    Verbose,
    load_options,
    split,
)


@app.command()
def convert(
    model: Annotated[Path, typer.Argument(help="Keras file, SavedModel folder, pickle or .zip.")],
    to: Annotated[str, typer.Option(help="Targets, separated by commas.")] = "tflite,tfjs,onnx",
    reference: Annotated[
        Path | None, typer.Option(help="Samples: .npz, .npy, .csv or a folder of pictures.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Samples to keep for evaluation.")] = 1000,
    quantize: Annotated[
        str, typer.Option(help="Precisions, such as float32,int8 or tflite=int8.")
    ] = "float32",
    io: Io = "float",
    calibration: Calibration = None,
    max_drop: MaxDrop = None,
    min_agreement: MinAgreement = None,
    strict: Strict = False,
    labels: Annotated[str | None, typer.Option(help="labels.txt, or a,b,c.")] = None,
    preprocess: Annotated[
        str | None, typer.Option(help="Preset, or key=value,... (see the README).")
    ] = None,
    features: Annotated[Path | None, typer.Option(help="features.json of a table model.")] = None,
    signature: Signature = None,
    input_shape: InputShape = None,
    custom_objects: CustomObjects = None,
    trust_pickle: TrustPickle = False,
    name: Annotated[str | None, typer.Option(help="Name; default: the file's.")] = None,
    artifact_version: Annotated[str, typer.Option(help="Version of the artifact.")] = "1",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder.")] = Path("artifacts"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a version that exists.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Publish the targets that could be converted.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check everything, write nothing.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of all that is chosen or made up.")] = 0,
    browser: BrowserPath = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Convert a trained model to artifacts/<name>/<version>/.

    Example: edge-deploy convert keras_model.h5 --labels labels.txt --preprocess teachable-machine
    """
    from edge_deploy import conversion, report
    from edge_deploy.verify_command import tolerances

    options = conversion.ConvertOptions(
        to=split(to),
        name=name,
        version=artifact_version,
        output=output,
        overwrite=overwrite,
        keep_going=keep_going,
        dry_run=dry_run,
        labels=labels,
        features=features,
        preprocess=preprocess,
        reference=reference,
        samples=samples,
        quantize=split(quantize),
        io=io,
        calibration=calibration,
        tolerances=tolerances([], [], max_drop, min_agreement),
        strict=strict,
        seed=seed,
        browser=browser,
        verbose=verbose,
        command=shlex.join(["edge-deploy", *sys.argv[1:]]),
        load=load_options(signature, custom_objects, trust_pickle, input_shape),
    )
    with say.progress(quiet or as_json or verbose) as progress:
        done = conversion.convert(model, options, progress)
    if as_json:
        document = report.to_document(done.manifest, done.verdicts)
        folder = str(done.artifact.folder) if done.artifact else None
        failed = dict(done.failed)
        say.json_document(
            {**document, "artifact": folder, "notes": list(done.notes), "failed": failed}
        )
    else:
        if not quiet:
            say.notes(done.notes)
            say.table(report.HEADER, report.rows(done.manifest, done.verdicts))
        say.problems(done.verdicts)
        for target, reason in done.failed.items():
            typer.echo(f"{target} could not be converted: {reason}", err=True)
        if done.artifact and not quiet:
            typer.echo(f"{done.artifact.folder}")
            typer.echo(f"Next: edge-deploy verify {shlex.quote(str(done.artifact.folder))}")
    raise typer.Exit(done.exit_code)


@app.command()
def quantize(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    to: Annotated[str, typer.Option(help="Precisions, such as int8,float16 or tflite=int8.")],
    calibration: Calibration = None,
    io: Io = "float",
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
    from edge_deploy import quantize_command, report
    from edge_deploy.verify_command import tolerances

    options = quantize_command.QuantizeOptions(
        to=split(to),
        io=io,
        calibration=calibration,
        tolerances=tolerances([], [], max_drop, min_agreement),
        strict=strict,
        overwrite=overwrite,
        keep_going=keep_going,
        browser=browser,
        verbose=verbose,
    )
    with say.progress(quiet or as_json or verbose) as progress:
        done = quantize_command.quantize(artifact, options, progress)
    if as_json:
        document = report.to_document(done.manifest, done.verdicts)
        folder = str(done.artifact.folder)
        say.json_document(
            {**document, "artifact": folder, "notes": list(done.notes), "failed": dict(done.failed)}
        )
    else:
        if not quiet:
            say.notes(done.notes)
            say.table(report.HEADER, report.rows(done.manifest, done.verdicts))
        say.problems(done.verdicts)
        for what, reason in done.failed.items():
            typer.echo(f"{what} could not be made: {reason}", err=True)
    raise typer.Exit(done.exit_code)


@app.command()
def verify(
    artifact: Annotated[
        list[Path], typer.Argument(help="Artifacts; with --against also a bare converted file.")
    ],
    only: Annotated[str, typer.Option(help="Targets to verify.")] = "tflite,tfjs,onnx",
    runtime: Annotated[str, typer.Option(help="Runtimes to use.")] = "litert,ort,tfjs",
    backend: Annotated[
        str, typer.Option(help="TF.js backends: webgl, wasm, webgpu, cpu.")
    ] = "webgl,wasm",
    against: Annotated[
        Path | None, typer.Option(help="The original, to answer again (needs [convert]).")
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="New samples for --against.")] = None,
    atol: Annotated[
        list[str] | None, typer.Option(help="Allowed error: VALUE or OUTPUT:VALUE. Repeatable.")
    ] = None,
    rtol: Annotated[
        list[str] | None, typer.Option(help="The same, as a share of the output's scale.")
    ] = None,
    max_drop: MaxDrop = None,
    min_agreement: MinAgreement = None,
    report_folder: Annotated[
        Path | None, typer.Option("--report", help="Write the reports there.")
    ] = None,
    browser: BrowserPath = None,
    signature: Signature = None,
    input_shape: InputShape = None,
    custom_objects: CustomObjects = None,
    trust_pickle: TrustPickle = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare each converted file with the original's answers, in its real runtime.

    Example: edge-deploy verify artifacts/insurance/1
    """
    from edge_deploy import report, verify_command

    options = verify_command.VerifyOptions(
        only=split(only),
        runtimes=split(runtime),
        backends=split(backend),
        against=against,
        reference=reference,
        tolerances=verify_command.tolerances(atol or [], rtol or [], max_drop, min_agreement),
        report=report_folder,
        browser=browser,
        load=load_options(signature, custom_objects, trust_pickle, input_shape),
    )
    codes, documents = [], []
    for path in artifact:
        done = verify_command.verify(path, options)
        codes.append(done.exit_code)
        documents.append(report.to_document(done.manifest, done.verdicts))
        if as_json:
            continue
        if not quiet:
            origin = done.manifest["reference"]
            typer.echo(
                f"{done.manifest['name']} {done.manifest['version']}: {origin['samples']} "
                f"{origin['origin']} reference samples"
            )
            say.notes(done.notes)
            say.table(report.HEADER, report.rows(done.manifest, done.verdicts))
        say.problems(done.verdicts)
        if done.report and not quiet:
            typer.echo(f"report: {done.report / 'report.html'}")
    if as_json:
        say.json_document({"ok": not any(codes), "reports": documents})
    raise typer.Exit(max(codes))
