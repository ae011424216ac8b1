"""``examples``, ``quickstart`` and ``doctor``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_deploy.cli import say
from edge_deploy.cli.app import app
from edge_deploy.cli.options import BrowserPath, Json, Quiet
from edge_deploy.errors import EdgeDeployError, UsageError


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
    from edge_deploy.examples import EXAMPLES
    from edge_deploy.words import unknown

    wanted = names or list(EXAMPLES)
    for name in wanted:
        if name not in EXAMPLES:
            raise UsageError(unknown(name, EXAMPLES, "example"))
    results = []
    for name in wanted:
        with say.progress(quiet or as_json) as progress:
            progress(f"training {name}")
            made = _build_example(name, output / name, seed=seed, data=data, dataset=dataset)
        results.append({"name": name, "model": str(made.model), made.metric: made.value})
        if not (as_json or quiet):
            typer.echo(f"{made.model}  {made.metric} {made.value:.3g} on held-out data")
    if as_json:
        say.json_document({"examples": results})


@app.command()
def quickstart(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "quickstart"
    ),
    browser: BrowserPath = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Examples, convert, verify and demo in one go.

    Example: edge-deploy quickstart && edge-deploy serve quickstart/web_demo
    """
    from edge_deploy import conversion, preparing, report, verify_command
    from edge_deploy.demo import build_demo
    from edge_deploy.examples import EXAMPLES

    codes, folders, rows, documents = [], [], [], []
    for name in EXAMPLES:
        with say.progress(quiet or as_json) as progress:
            progress(f"{name}: training")
            made = _build_example(name, output / "examples" / name)
            options = preparing.ConvertOptions(
                name=name,
                output=output / "artifacts",
                overwrite=True,
                browser=browser,
                command=f"edge-deploy quickstart ({name})",
            )
            try:
                done = conversion.convert(
                    made.model,
                    options,
                    lambda line, n=name: progress(f"{n}: {line}"),  # type: ignore[misc]
                )
            except EdgeDeployError as error:
                if EXAMPLES[name].converts:
                    raise
                typer.echo(f"{name}: trained, not converted: {error}", err=True)
                continue
            assert done.artifact is not None
            folders.append(done.artifact.folder)
            progress(f"{name}: verifying")
            checked = verify_command.verify(
                folders[-1], verify_command.VerifyOptions(browser=browser)
            )
            codes.append(checked.exit_code)
        if not (as_json or quiet):
            typer.echo(f"{name}: trained, converted and verified")
        documents.append(report.to_document(checked.manifest, checked.verdicts))
        rows += [(name, *row) for row in report.rows(checked.manifest, checked.verdicts)]
        say.problems(checked.verdicts)
    site = build_demo(folders, output / "web_demo")
    if as_json:
        ok = not any(codes)
        say.json_document({"ok": ok, "reports": documents, "site": str(site.folder)})
    elif not quiet:
        say.table(("model", *report.HEADER), rows)
        typer.echo(f"The page: edge-deploy serve {shlex.quote(str(site.folder))}")
        typer.echo("          then open http://127.0.0.1:8000/")
    raise typer.Exit(max(codes))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show versions, the browser found, and what is missing with the command that mends it.

    Example: edge-deploy doctor
    """
    from dataclasses import asdict

    from edge_deploy.doctor import examine

    found = examine()
    if as_json:
        say.json_document({"ok": found.ok, "checks": [asdict(check) for check in found.checks]})
    else:
        for check in found.checks:
            mark = "✓" if check.ok else "✗" if check.needed else "–"
            typer.echo(f"{mark} {check.name}: {check.found}")
            if check.mend:
                typer.echo(f"    {check.mend}")
    raise typer.Exit(0 if found.ok else 3)


def _build_example(name: str, folder: Path, **options: Any) -> Any:
    from edge_deploy.examples import build_example
    from edge_deploy.quiet import quiet, set_environment

    set_environment()
    with quiet():
        return build_example(name, folder, **options)
