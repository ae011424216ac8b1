"""``push``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import Json, Quiet
from edge_deploy.core.messages import size_text

HEADER = ("file", "bytes", "", "sent by")


@app.command()
def push(
    site: Annotated[Path, typer.Argument(help="A site that demo or publish wrote.")],
    git: Annotated[
        str, typer.Option("--git", help="Name of a remote, address or path of a repository.")
    ],
    branch: Annotated[
        str | None,
        typer.Option(help="Branch; default: what the host serves, else gh-pages."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Whose files are added: github-pages, hf-space, gitlab-pages, codeberg; default: "
            "the one that the address names."
        ),
    ] = None,
    lfs: Annotated[
        bool, typer.Option("--lfs", help="Send files of more than 10 MB by Git LFS.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List files and bytes, and send nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on where others have pushed; history is kept.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Push a site to its host by git: one commit on a branch of its own.

    Your own git does it, with your credentials; nothing of your repository is touched. What is
    there already is not sent again.

    Example: edge-deploy push site --git origin
    """
    with console.progress(as_json or quiet):
        done = edge_deploy.push(
            site, git, branch=branch, host=host, lfs=lfs, dry_run=dry_run, force=force
        )
    changes = done.changes
    if as_json:
        console.json_document(
            {
                "url": done.url,
                "branch": done.branch,
                "host": done.host,
                "commit": done.commit,
                "bytes": done.bytes,
                "files": [
                    {"path": f.path, "bytes": f.bytes, "change": f.change, "lfs": f.lfs}
                    for f in done.files
                ],
            }
        )
        return
    if quiet:
        return
    if dry_run:
        rows = [(f.path, f"{f.bytes:,}", f.change, "LFS" if f.lfs else "git") for f in changes]
        console.table(HEADER, rows)
    where = f"{done.branch} of {done.url}"
    if not changes:
        console.echo(f"{where} is what this site is: nothing to push")
        return
    said = f"{len(changes):,} of {len(done.files):,} files, {size_text(done.bytes)}"
    if dry_run:
        console.echo(f"{said} would go to {where}. Nothing was sent.")
    else:
        console.echo(f"Pushed to {where}: {said}, as {str(done.commit)[:9]}")
