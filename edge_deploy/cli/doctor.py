"""``doctor``."""

from __future__ import annotations

import typer

from edge_deploy.cli import console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import Json


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show versions, the browser found, and what is missing with the command that mends it.

    Example: edge-deploy doctor
    """
    from dataclasses import asdict

    from edge_deploy.api.doctor import examine

    found = examine()
    if as_json:
        console.json_document({"ok": found.ok, "checks": [asdict(check) for check in found.checks]})
    else:
        for check in found.checks:
            mark = "✓" if check.ok else "✗" if check.needed else "–"
            console.echo(f"{mark} {check.name}: {check.found}")
            if check.mend:
                console.echo(f"    {check.mend}")
    raise typer.Exit(0 if found.ok else 3)
