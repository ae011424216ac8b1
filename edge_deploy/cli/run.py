"""``run``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_deploy.cli import cage, console
from edge_deploy.cli.app import app
from edge_deploy.cli.options import MAX_SIZE, Json, MaxSize, Timeout, size
from edge_deploy.core.errors import UsageError
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.log import NOTES
from edge_deploy.core.messages import in_shell

if TYPE_CHECKING:
    from edge_deploy.api.run import Prediction

_STDIN = "-"
_MANIFEST = "manifest.json"  # as artifact.MANIFEST, which would take an import
_TOP = 5  # classes of an answer that are printed


@app.command()
def run(
    artifact: Annotated[
        Path,
        typer.Argument(help="An artifact; or a folder with a recipe, which is converted first."),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, .csv or .npz files, feature=value pairs, or a sentence; - reads a .csv "
            "from stdin."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .csv for the rows with the answers beside them."),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="The column of the true answers, for a score; default label."),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--every", help="Every window of a series, scored by what came next."),
    ] = False,
    only: Annotated[str | None, typer.Option(help="tflite or onnx.")] = None,
    precision: Annotated[str | None, typer.Option(help="Which file; default float32.")] = None,
    max_size: MaxSize = MAX_SIZE,
    timeout: Timeout = 900,
    as_json: Json = False,
) -> None:
    """Ask a converted file, with the light install.

    Example: edge-deploy run artifacts/insurance/1 age=40 sex=female smoker=no
    """
    most = size(max_size)
    if output is not None:
        from edge_deploy.api._answers import check_output

        check_output(output, inputs)
    with console.warnings():
        found = _converted(artifact)
        piped = _piped(inputs, most)
        cage.enter(timeout, read=_files(inputs), show=(found,), makes=(output,))
        from edge_deploy.api import _answers as tables
        from edge_deploy.api import run as running

        with _as_file(piped) as named:
            answers = running.answer(
                found,
                [named or one if one == _STDIN else one for one in inputs],
                only,
                precision,
                tables.Wish(label_column, every),
                max_size=most,
            )
        predictions = [replace(a, source=_said(a.source, named)) for a in answers.predictions]
    if output is not None:
        tables.write_answers(output, replace(answers, predictions=tuple(predictions)))
    score = answers.score
    if as_json:
        told = {"score": dict(score.values) | {"samples": score.samples}} if score else {}
        listed = [{"source": a.source, **a.outputs} for a in predictions]
        console.json_document({"answers": listed, **told})
        return
    for answer in predictions if output is None else ():
        console.echo(_answer(answer))
    if output is not None:
        count = len(predictions)
        console.echo(f"{output}: {count:,} row{'' if count == 1 else 's'} with answers")
    if score is not None:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in score.values.items())
        called = {
            spec.name: ", ".join(spec.classes)
            if spec.kind == "value" and spec.classes
            else spec.label or spec.name
            for spec in answers.spec.outputs
        }
        of = called.get(score.output, score.output)
        console.echo(f"{figures}, of {score.samples:,} true answers ({of})")


def _converted(given: Path) -> Path:
    """An artifact as it is; of a project's folder the one of its recipe, made where it is not."""
    if given.name == _MANIFEST or (given / _MANIFEST).is_file():
        return given
    from edge_deploy.api import recipe as recipes
    from edge_deploy.artifact.artifact import MANIFEST, open_artifact

    found = recipes.artifact_of(given)
    if found is None:
        return given
    place, recipe = found
    if not (place / MANIFEST).is_file():
        # A command of its own, since converting is shut in and answering is not. Without -P it
        # would import from the folder that the user stands in, which may be a stranger's.
        program = [sys.executable, "-P", "-m", "edge_deploy.cli"]
        command = [*program, "convert", os.fspath(given), "--quiet"]
        code = subprocess.run(command, check=False).returncode
        if not (place / MANIFEST).is_file():
            raise typer.Exit(code)
    kept = open_artifact(place).manifest.recipe
    if not kept or kept.sha256 != recipe.sha256:
        again = in_shell("edge-deploy", "convert", given, "--overwrite")
        NOTES.warning("%s is not of the recipe as it is now; make it anew: %s", place, again)
    return place


def _files(inputs: Sequence[str]) -> list[str]:
    """What of the inputs may be files: those of a model of several inputs are ``input=FILE``."""
    values = (one.partition("=")[2] for one in inputs)
    # pathlib raises on what is too long for a name, as a text may be.
    return [*inputs, *(value for value in values if os.path.isfile(value))]  # noqa: PTH113


def _piped(inputs: Sequence[str], most: int) -> bytes | None:
    """What stdin says, where an input is ``-``; None where none is."""
    if _STDIN not in inputs:
        return None
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise UsageError(f"stdin has more than {most:,} bytes.")
    return data


@contextmanager
def _as_file(piped: bytes | None) -> Iterator[str | None]:
    """A file of what stdin said; messages call it stdin."""
    if piped is None:
        yield None
        return
    with temporary_folder() as folder:
        path = folder / "stdin.csv"
        path.write_bytes(piped)
        try:
            yield str(path)
        except UsageError as error:
            raise UsageError(_said(str(error), str(path))) from error


def _said(text: str, file: str | None) -> str:
    return text.replace(file, "stdin") if file else text


def _answer(answer: Prediction) -> str:
    """An answer in a line."""
    import numpy as np

    lines = []
    shares = {one["called"]: one["label"] for one in answer.outputs.values()
              if "called" in one and "probabilities" in one}  # fmt: skip
    for name, output in answer.outputs.items():
        name = output.get("called", name)
        if "probabilities" not in output and shares.get(name, "") == output.get("label"):
            continue  # a class that its probabilities say
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
            if "names" in output:
                unit = output.get("unit") or ""
                pairs = zip(output["names"], flat, strict=True)
                lines += [f"{one}: {value:.6g} {unit}".rstrip() for one, value in pairs]
                continue
            shown = " ".join(f"{value:.6g}" for value in flat[:20])
            more = f" … ({flat.size} numbers; --json has all)" if flat.size > 20 else ""
            shape = "" if "target" in output else f" {output['shape']}"
            lines.append(f"{name}{shape}: {shown} {output.get('unit') or ''}".rstrip() + more)
    return f"{answer.source}  {'; '.join(lines)}"
