"""``snippet`` and ``bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_deploy.cli import cage, console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import Json, Quiet, Timeout
from edge_deploy.core.errors import UsageError

Platform = Annotated[
    str | None, typer.Option(help="android, ios, flutter, python, cpp or js.", show_default=False)
]
Precision = Annotated[str | None, typer.Option(help="Which .tflite file; default float32.")]


@app.command()
def snippet(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    platform: Platform = None,
    precision: Precision = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File or folder; default: stdout.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Code for an app: this model's own tensors, preprocessing and labels.

    Example: edge-deploy snippet artifacts/insurance/1 --platform android
    """
    from edge_deploy.api import snippets

    made = snippets.snippet(artifact, _given(platform), precision)
    path = snippets.write_snippet(made, output) if output else None
    if as_json:
        console.json_document(
            {
                "platform": made.platform,
                "file": str(path or made.file),
                "model": str(made.model),
                "install": made.install,
                "code": made.code,
            }
        )
    elif path:
        console.echo(f"{path} runs {made.model}")
        console.echo(made.install)
    else:
        console.echo(made.code, nl=False)


@app.command()
def bundle(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    platform: Platform = None,
    precision: Precision = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder or .zip; default <name>-<platform>."),
    ] = None,
    timeout: Timeout = 900,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """A folder or zip for an app: file, labels, code and a golden test.

    Example: edge-deploy bundle artifacts/insurance/1 --platform python -o insurance.zip
    """
    wanted = _given(platform)
    target = output or _place(artifact, wanted)
    cage.enter(timeout, show=(artifact,), makes=(target,))
    from edge_deploy.api import snippets

    made = snippets.bundle(artifact, wanted, target, precision)
    if as_json:
        console.json_document({"platform": platform, "path": str(made)})
    elif not quiet:
        console.echo(f"{made}: its README.md says how to use it")


def _given(platform: str | None) -> str:
    """The platform that was named; without one there is nothing to guess from."""
    if platform is None:
        from edge_deploy.codegen import PLATFORMS

        raise UsageError(f"--platform is missing: one of {', '.join(PLATFORMS)}.")
    return platform


def _place(artifact: Path, platform: str) -> Path:
    from edge_deploy.api import snippets

    return snippets.bundle_path(artifact, platform)
