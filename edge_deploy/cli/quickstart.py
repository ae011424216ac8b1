"""``quickstart``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import cage, console, exit_codes
from edge_deploy.cli.app import app
from edge_deploy.cli.options import BrowserPath, Json, Quiet, Timeout
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.messages import in_shell


@app.command()
def quickstart(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "quickstart"
    ),
    browser: BrowserPath = None,
    timeout: Timeout = 3600,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Examples, convert, verify and demo in one go.

    Example: edge-deploy quickstart && edge-deploy serve quickstart/web_demo
    """
    cage.enter(timeout, write=(output,), browser=browser)
    from edge_deploy.examples import EXAMPLES, build_example
    from edge_deploy.verification import report

    codes, folders, rows, documents = [], [], [], []
    for name in EXAMPLES:
        with console.progress(quiet or as_json, f"{name}: ") as progress:
            progress("training")
            made = build_example(name, output / "examples" / name)
            options = edge_deploy.ConvertOptions(
                name=name,
                output=output / "artifacts",
                overwrite=True,
                browser=browser,
                command=f"edge-deploy quickstart ({name})",
            )
            try:
                done = edge_deploy.convert(made.model, options)
            except EdgeDeployError as error:
                if EXAMPLES[name].converts:
                    raise
                console.echo(f"{name}: trained, not converted: {error}", err=True)
                continue
            assert done.artifact is not None
            folders.append(done.artifact.folder)
            progress("verifying")
            checked = edge_deploy.verify(folders[-1], edge_deploy.VerifyOptions(browser=browser))
            codes.append(exit_codes.of_result(checked.complete, checked.passed))
        if not (as_json or quiet):
            console.echo(f"{name}: trained, converted and verified")
        documents.append(report.to_document(checked.manifest, checked.verdicts))
        rows += [(name, *row) for row in report.rows(checked.manifest, checked.verdicts)]
        console.problems(checked.verdicts)
    site = edge_deploy.build_demo(folders, output / "web_demo", compare=True)
    if as_json:
        ok = not any(codes)
        console.json_document({"ok": ok, "reports": documents, "site": str(site.folder)})
    elif not quiet:
        console.table(("model", *report.HEADER), rows)
        console.echo(f"The page: edge-deploy serve {in_shell(site.folder)}")
        console.echo("          then open http://127.0.0.1:8000/")
    raise typer.Exit(max(codes))
