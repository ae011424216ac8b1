"""``demo`` and ``serve``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import Json, Quiet, is_given, split
from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import in_shell, size_text


@app.command()
def demo(
    context: typer.Context,
    artifact: Annotated[
        list[Path],
        typer.Argument(help="Artifacts to show: by their TF.js file, else ONNX, else TFLite."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the site.")] = Path(
        "web_demo"
    ),
    host: Annotated[
        str | None,
        typer.Option(
            help="Add what it needs: github-pages, hf-space, gitlab-pages, codeberg, netlify, "
            "nginx."
        ),
    ] = None,
    embed: Annotated[
        bool,
        typer.Option("--embed", help="Write embed.mjs, edge-model.mjs: models in a page of yours."),
    ] = False,
    runtimes: Annotated[
        str | None,
        typer.Option(
            "--runtimes",
            "--runtime",
            help="Runtimes to bring: tfjs, litert-web, ort-web; else what the models need.",
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Bring every runtime, for the page's Compare.")
    ] = False,
    single_file: Annotated[
        bool,
        typer.Option("--single-file", help="One HTML file of models of up to 1 MB: -o FILE.html."),
    ] = False,
    no_offline: Annotated[
        bool, typer.Option("--no-offline", help="Leave out the service worker.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="What the page is called.")] = None,
    description: Annotated[
        str | None,
        typer.Option(help="What it is for, in a sentence or two."),
    ] = None,
    author: Annotated[str | None, typer.Option(help="Who made it.")] = None,
    link: Annotated[str | None, typer.Option(help="Where the author's name leads.")] = None,
    accent: Annotated[
        str | None,
        typer.Option(help="The colour of buttons and bars, such as #0a7d5a."),
    ] = None,
    report_to: Annotated[
        str | None,
        typer.Option(
            "--report-to",
            help="Where the page sends counts of a visit, if its visitor lets it: an address of "
            "collect.",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Where the site will be, for the picture in previews of its link."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a static site that runs the models in the browser.

    Example: edge-deploy demo artifacts/insurance/1 && edge-deploy serve
    """

    page = edge_deploy.PageInfo(title, description, author, link, accent, report_to, url)
    if single_file:
        _refuse_with_single_file(context)
        place = output if is_given(context, "output") else None
        _tell_file(edge_deploy.build_single_file(artifact, place, page), as_json, quiet)
        return
    site = edge_deploy.build_demo(
        artifact,
        output,
        host=host,
        embed=embed,
        work_offline=not no_offline,
        runtimes=None if runtimes is None else split(runtimes),
        compare=compare,
        page=page,
    )
    if as_json:
        document = {"folder": str(site.folder), "models": list(site.models)}
        console.json_document({**document, "gone": list(site.gone), "bytes": dict(site.sizes)})
    elif not quiet:
        console.echo(f"{site.folder} shows {', '.join(site.models)}")
        console.echo(_weight(site.sizes))
        if site.gone:
            console.echo(
                f"No longer there: {', '.join(site.gone)}. A site shows the artifacts that are "
                "named together."
            )
        if embed:
            console.echo(f"For a page of your own: {site.folder / 'embed.html'} shows how")
        console.echo(f"Look at it: edge-deploy serve {in_shell(site.folder)}")


def _refuse_with_single_file(context: typer.Context) -> None:
    """What only a site can have."""
    for name in ("host", "embed", "runtimes", "compare", "no_offline", "report_to"):
        if is_given(context, name):
            raise UsageError(
                f"--single-file and --{name.replace('_', '-')} do not go together: that is for a "
                "site of many files."
            )


def _tell_file(made: edge_deploy.SingleFile, as_json: bool, quiet: bool) -> None:
    if as_json:
        document = {"file": str(made.file), "models": list(made.models), "bytes": made.bytes}
        console.json_document({**document, "left_out": made.left_out})
    elif not quiet:
        console.echo(f"{made.file} shows {', '.join(made.models)}: {size_text(made.bytes)}")
        if made.left_out:
            console.echo(f"{made.left_out} packaged pictures have no room in it.")
        console.echo("Open it in a browser: it needs no server and no network.")


def _weight(sizes: Mapping[str, int]) -> str:
    """What the site weighs, and what of it."""
    plain = {part: size for part, size in sizes.items() if part != "compressed"}
    parts = ", ".join(f"{part} {size_text(size)}" for part, size in plain.items())
    beside = size_text(sizes["compressed"])
    return f"{size_text(sum(plain.values()))}: {parts}; {beside} compressed beside them"


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="A built site.")] = Path("web_demo"),
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    any_folder: Annotated[
        bool, typer.Option("--any", help="Serve a folder that demo did not write, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at a built site locally; Ctrl-C ends it.

    Example: edge-deploy serve web_demo
    """
    from edge_deploy.web.server import serve as serve_folder

    def ready(url: str) -> None:
        if as_json:
            console.json_document({"folder": str(folder), "url": url})
        else:
            console.echo(f"Serving {folder} at {url}")

    serve_folder(folder, port, host, any_folder=any_folder, ready=ready)
