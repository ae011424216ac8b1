"""``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import edge_deploy
from edge_deploy.cli import cage, console, exit_codes
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app
from edge_deploy.cli.help import LongCommand


@app.command(cls=LongCommand)
def verify(
    artifact: Annotated[
        list[Path], typer.Argument(help="Artifacts; with --against also a bare converted file.")
    ],
    only: Annotated[str, typer.Option(help="Targets to verify.")] = shared.TARGETS,
    runtimes: Annotated[
        str, typer.Option("--runtime", help="Runtimes to use; also litert-web, ort-web.")
    ] = shared.RUNTIMES,
    backends: Annotated[
        str, typer.Option("--backend", help="TF.js backends: webgl, wasm, webgpu, cpu.")
    ] = shared.BACKENDS,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="The original, to answer again (needs [convert]); repeatable, as convert's MODEL."
        ),
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="New samples for --against.")] = None,
    label_column: shared.LabelColumn = None,
    atol: Annotated[
        list[str] | None, typer.Option(help="Allowed error: VALUE or OUTPUT:VALUE. Repeatable.")
    ] = None,
    rtol: Annotated[
        list[str] | None, typer.Option(help="The same, as a share of the output's scale.")
    ] = None,
    max_drop: shared.MaxDrop = None,
    min_agreement: shared.MinAgreement = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the reports there.")
    ] = None,
    skip_missing: Annotated[
        bool,
        typer.Option("--skip-missing", help="What nothing here can run is left out, not an error."),
    ] = False,
    strict: shared.Strict = False,
    browser: shared.BrowserPath = None,
    signature: shared.Signature = None,
    input_shapes: shared.InputShape = None,
    custom_objects: shared.CustomObjects = None,
    trust_pickle: shared.TrustPickle = False,
    deterministic: shared.Deterministic = False,
    threshold: shared.Threshold = None,
    pad: shared.Pad = None,
    max_size: shared.MaxSize = shared.MAX_SIZE,
    timeout: shared.Timeout = 900,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Compare each converted file with the original's answers, in its real runtime.

    Example: edge-deploy verify artifacts/insurance/1
    """
    original = shared.one_or_all(against) if against else None
    options = shared.options_of(edge_deploy.VerifyOptions, {**locals(), "against": original})
    models = _models(against, original)
    folders = [path.parent if path.name == "manifest.json" else path for path in artifact]
    cage.enter(
        timeout,
        models=models,
        read=(reference, custom_objects),
        show=artifact,
        write=(report, *(path for path in folders if path.is_dir())),
        browser=browser,
    )
    from edge_deploy.verification import report as reports

    codes, documents = [], []
    for path in artifact:
        with console.unheard():
            done = edge_deploy.verify(path, options)
        some_ran = any(verdict.status != "not run" for verdict in done.verdicts)
        complete = done.complete or (skip_missing and some_ran)
        console.warn(done.warnings)
        codes.append(exit_codes.of_result(complete, done.passed))
        documents.append(reports.to_document(done.manifest, done.verdicts))
        if as_json:
            continue
        if not quiet:
            name = f"{done.manifest.name} {done.manifest.version}".rstrip()
            console.echo(f"{name}: {done.samples}")
            console.notes(done.notes)
            console.table(reports.HEADER, reports.rows(done.manifest, done.verdicts))
            console.lines(reports.performance(done.manifest))
        console.problems(done.verdicts)
        if done.report and not quiet:
            console.echo(f"report: {done.report / 'report.html'}")
    if as_json:
        console.json_document({"ok": not any(codes), "reports": documents})
    raise typer.Exit(max(codes))


def _models(against: list[Path] | None, original: Any) -> Sequence[Path]:
    """The files of the original, where it is to answer again."""
    if not against:
        return ()
    from edge_deploy.api import recipe as recipes

    path = recipes.find(original)
    return shared.files_of(against) if path is None else recipes.read(path).files
