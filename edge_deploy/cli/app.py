"""The application that commands are registered with."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_deploy._version import __version__
from edge_deploy.cli.help import Group

app = typer.Typer(
    name="edge-deploy",
    cls=Group,
    rich_markup_mode=None,  # rich help costs more than the 0.2 s that --help may take
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Trained models to phones and browsers, each file verified.\n\n"
        "Exit codes: 0 done and within tolerance; 1 done, and something is outside tolerance or "
        "a file is not the one that was converted; 2 usage; 3 could not be done."
    ),
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"edge-deploy {__version__}")
        raise typer.Exit()


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
