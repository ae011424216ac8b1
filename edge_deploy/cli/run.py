"""``run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_deploy.cli import console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import MAX_SIZE, Json, MaxSize, size

if TYPE_CHECKING:
    from edge_deploy.api.run import Prediction

_TOP = 5  # classes of an answer that are printed


@app.command()
def run(
    artifact: Annotated[Path, typer.Argument(help="An artifact.")],
    inputs: Annotated[
        list[str],
        typer.Argument(help="Pictures, a .csv, an .npz, feature=value pairs, or a sentence."),
    ],
    only: Annotated[str | None, typer.Option(help="tflite or onnx.")] = None,
    precision: Annotated[str | None, typer.Option(help="Which file; default float32.")] = None,
    max_size: MaxSize = MAX_SIZE,
    as_json: Json = False,
) -> None:
    """Ask a converted file, with the light install.

    Example: edge-deploy run artifacts/insurance/1 age=40 sex=female smoker=no
    """
    from edge_deploy.api import run as running

    with console.warnings():
        answers = running.run(artifact, inputs, only, precision, max_size=size(max_size))
    if as_json:
        console.json_document({"answers": [{"source": a.source, **a.outputs} for a in answers]})
    else:
        for answer in answers:
            typer.echo(_answer(answer))


def _answer(answer: Prediction) -> str:
    """An answer in a line or a few."""
    import numpy as np

    lines = []
    for name, output in answer.outputs.items():
        if "target" in output:
            name = f"next {output['target']}"
        if "probabilities" in output:
            top = list(output["probabilities"].items())[:_TOP]
            lines.append(f"{name}: " + ", ".join(f"{label} {share:.4f}" for label, share in top))
        elif "label" in output:
            lines.append(f"{name}: {output['label']}")
        elif "value" in output:
            lines.append(f"{name}: {output['value']:.6g} {output['unit'] or ''}".rstrip())
        else:
            flat = np.asarray(output["values"]).ravel()
            shown = " ".join(f"{value:.6g}" for value in flat[:20])
            more = f" … ({flat.size} numbers; --json has all)" if flat.size > 20 else ""
            shape = "" if "target" in output else f" {output['shape']}"
            lines.append(f"{name}{shape}: {shown} {output.get('unit') or ''}".rstrip() + more)
    return f"{answer.source}\n  " + "\n  ".join(lines)
