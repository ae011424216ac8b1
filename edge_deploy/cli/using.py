"""``demo``, ``serve``, ``run`` and ``inspect``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from edge_deploy.cli import say
from edge_deploy.cli.app import app
from edge_deploy.cli.options import (
    CustomObjects,
    InputShape,
    Json,
    Quiet,
    Signature,
    TrustPickle,
    load_options,
)


@app.command()
def demo(
    artifact: Annotated[list[Path], typer.Argument(help="Artifacts to show.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the site.")] = Path(
        "web_demo"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a static site that runs the models in the browser.

    Example: edge-deploy demo artifacts/insurance/1 && edge-deploy serve
    """
    from edge_deploy.demo import build_demo

    site = build_demo(artifact, output)
    if as_json:
        say.json_document({"folder": str(site.folder), "models": list(site.models)})
    elif not quiet:
        typer.echo(f"{site.folder} shows {', '.join(site.models)}")
        typer.echo(f"Look at it: edge-deploy serve {shlex.quote(str(site.folder))}")


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="A built site.")] = Path("web_demo"),
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Look at a built site locally; Ctrl-C ends it.

    Example: edge-deploy serve web_demo
    """
    from edge_deploy.server import serve as serve_folder

    serve_folder(folder, port, host, ready=lambda url: typer.echo(f"Serving {folder} at {url}"))


@app.command()
def run(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    inputs: Annotated[
        list[str], typer.Argument(help="Pictures, a .csv, an .npz, or feature=value pairs.")
    ],
    only: Annotated[str | None, typer.Option(help="tflite or onnx.")] = None,
    as_json: Json = False,
) -> None:
    """Ask a converted file, with the light install.

    Example: edge-deploy run artifacts/insurance/1 age=40 sex=female smoker=no
    """
    from edge_deploy import running

    answers = running.run(artifact, inputs, only)
    if as_json:
        say.json_document({"answers": [{"source": a.source, **a.outputs} for a in answers]})
    else:
        for answer in answers:
            typer.echo(running.to_text(answer))


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A model, a converted file or an artifact.")],
    signature: Signature = None,
    input_shape: InputShape = None,
    custom_objects: CustomObjects = None,
    trust_pickle: TrustPickle = False,
    as_json: Json = False,
) -> None:
    """Show what a model, a converted file or an artifact is.

    Example: edge-deploy inspect keras_model.h5
    """
    from edge_deploy import inspection

    options = load_options(signature, custom_objects, trust_pickle, input_shape)
    document = inspection.inspect(path, options)
    if as_json:
        say.json_document(document)
        return
    for key, value in document.items():
        if key in ("inputs", "outputs"):
            for spec in value:
                shape = " x ".join("any" if axis is None else str(axis) for axis in spec["shape"])
                extra = "".join(f", {n}" for n in spec.get("classes") or ())
                typer.echo(
                    f"{key[:-1]}: {spec['name']} [{shape}] {spec['dtype']} {spec['kind']}{extra}"
                )
        elif key == "artifacts":
            for entry in value:
                total = sum(file["bytes"] for file in entry["files"])
                typer.echo(f"file: {entry['files'][0]['path']} {total:,} bytes")
        elif key != "files" and value not in (None, [], ()):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            typer.echo(f"{key}: {text}")
