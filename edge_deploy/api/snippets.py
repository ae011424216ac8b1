"""``snippet`` and ``bundle``: a model's file in an app, with code that feeds it right."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.codegen import PLATFORMS, context
from edge_deploy.codegen.base import Golden, Platform, headline, needs
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.core.atomic_io import put, scratch, writing
from edge_deploy.core.errors import UsageError, unknown_option
from edge_deploy.core.escapes import code_span, markdown
from edge_deploy.core.filesystem import write_text
from edge_deploy.core.messages import option
from edge_deploy.core.options import as_path
from edge_deploy.core.spec import Arrays, as_dtype
from edge_deploy.core.stdio import quietly
from edge_deploy.data.reference import sample

_CASES = 3
_SHOWN = 100  # so many numbers of an output stand in a golden test
_PICTURE_PIXELS = 4_000_000


@dataclass(frozen=True)
class Snippet:
    """Code for an app.

    Attributes:
        platform: One of PLATFORMS.
        file: What its file is called.
        model: The file that it runs.
        install: What the app's project must ask for.
        code: The text.
    """

    platform: str
    file: str
    model: Path
    install: str
    code: str


def snippet(artifact: Path | str, platform: str, precision: str | None = None) -> Snippet:
    """Write code that feeds an artifact's ``.tflite`` file right and reads its answer.

    Args:
        artifact: An artifact.
        platform: android, ios, flutter, python, cpp or js.
        precision: Which file; None takes float32, or the first that is there.

    Raises:
        UsageError: The platform or the precision is not known, or the platform cannot hold
            the model's tensors.
        ArtifactError: The artifact is damaged.
    """
    chosen, _, drawn = _plan(artifact, platform, precision)
    return Snippet(
        chosen.name, chosen.file(drawn), drawn.path, chosen.install(drawn), chosen.code(drawn)
    )


def _plan(
    artifact: Path | str, platform: str, precision: str | None
) -> tuple[Platform, Artifact, TemplateContext]:
    chosen, found = _opened(artifact, platform)
    return chosen, found, context.make(found, precision)


def _opened(artifact: Path | str, platform: str) -> tuple[Platform, Artifact]:
    if platform not in PLATFORMS:
        raise unknown_option("platform", platform, PLATFORMS, "platform")
    return PLATFORMS[platform], artifacts.open_artifact(as_path(artifact, "artifact"))


@quietly
def bundle(
    artifact: Path | str,
    platform: str,
    output: Path | str | None = None,
    precision: str | None = None,
) -> Path:
    """Put everything that an app needs into a folder or a zip.

    The ``.tflite`` file, labels.txt where there are labels, the snippet, a golden test for the
    platform with its samples, and a README. It appears whole or not at all.

    Args:
        artifact: An artifact.
        platform: As for ``snippet``.
        output: A folder or a ``.zip`` that does not exist; None takes ``<name>-<platform>``.
        precision: As for ``snippet``.

    Returns:
        What was written.

    Raises:
        UsageError: As for ``snippet``, or the output exists.
        EdgeDeployError: The output cannot be written.
    """
    chosen, found, drawn = _plan(artifact, platform, precision)
    target = Path(output) if output else _default_path(found, platform)
    if target.exists() or target.is_symlink():
        raise UsageError(
            f"{target} exists; it is left alone. Name another with {option('output')}."
        )
    code = chosen.code(drawn)
    with scratch(target.parent) as stage:
        folder = stage / "bundle"
        folder.mkdir()
        _fill(folder, chosen, found, drawn, code)
        made = _zip(folder, stage / "bundle.zip") if target.suffix == ".zip" else folder
        put(made, target)
    return target


def bundle_path(artifact: Path | str, platform: str) -> Path:
    """Where ``bundle`` writes if it is not told.

    Raises:
        UsageError: The platform is not known.
        ArtifactError: The artifact is damaged.
    """
    return _default_path(_opened(artifact, platform)[1], platform)


def _default_path(found: Artifact, platform: str) -> Path:
    return Path(f"{found.name}-{platform}")


def _fill(
    folder: Path, chosen: Platform, found: Artifact, drawn: TemplateContext, code: str
) -> None:
    shutil.copyfile(drawn.path, folder / drawn.path.name)
    write_text(folder / chosen.file(drawn), code)
    if classes := drawn.main_output.classes:
        write_text(folder / "labels.txt", "\n".join(classes) + "\n")
    golden = _golden(found, drawn, folder, chosen.picture)
    tests = chosen.test(drawn, golden)
    for name, text in tests.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    readme = _readme(chosen, drawn, golden, tests)
    write_text(folder / "README.md", readme)


def _zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def _golden(found: Artifact, drawn: TemplateContext, folder: Path, suffix: str) -> list[Golden]:
    """A few samples, written to the folder where they are files, and the file's answers."""
    from edge_deploy.data.preprocessing.encoding import encode_rows
    from edge_deploy.formats.registry import RUNTIMES

    sources: list[str | Mapping[str, object]] = []
    feeds: list[Arrays] = []
    pictures = _pictures(found) if drawn.image else []
    name = drawn.inputs[0].name
    if drawn.image and pictures:
        from PIL import Image

        from edge_deploy.data.preprocessing.decode import decode_image
        from edge_deploy.data.preprocessing.image import preprocess_image

        for number, path in enumerate(pictures, start=1):
            picture = decode_image(path)
            file = f"golden-{number}.{suffix}"  # lossless: decoders of JPEG differ a little
            Image.fromarray(picture).save(folder / file)
            ready = preprocess_image(
                {"image": drawn.image}, picture, tuple(drawn.inputs[0].shape[1:])
            )
            sources.append(file)
            feeds.append({name: ready[None]})
    elif drawn.features:
        for row in context.rows(found, drawn.features)[:_CASES]:
            sources.append(row)
            ready = encode_rows(drawn.features, [row])
            feeds.append({name: as_dtype(ready, found.spec.inputs[0].dtype)})
    else:
        reference = found.reference()
        for number in range(min(_CASES, reference.count)):
            feed = {s.name: sample(reference.inputs[s.name], s, number) for s in found.spec.inputs}
            files = {}
            for index, tensor in enumerate(drawn.inputs):
                file = files[tensor.name] = f"golden-{number + 1}-{index}.f32"
                (folder / file).write_bytes(feed[tensor.name].astype("<f4").tobytes())
            sources.append(files)
            feeds.append(feed)
    with RUNTIMES["litert"].open(drawn.path) as runner:
        return [
            Golden(source, _flat(runner.predict(feed)))
            for source, feed in zip(sources, feeds, strict=True)
        ]


def _flat(outputs: Arrays) -> dict[str, list[float]]:
    return {
        name: [float(value) for value in np.ravel(array)[:_SHOWN]]
        for name, array in outputs.items()
    }


def _pictures(found: Artifact) -> Sequence[Path]:
    """Packaged pictures, spread over the classes."""
    from edge_deploy.data.preprocessing.decode import is_picture, pixels

    kept = []
    for path in (found.folder / name for name in sorted(found.samples())):
        if is_picture(path) and pixels(path) <= _PICTURE_PIXELS:
            kept.append(path)
    step = max(1, len(kept) // _CASES)
    return kept[::step][:_CASES]


def _readme(
    chosen: Platform, drawn: TemplateContext, golden: Sequence[Golden], tests: Mapping[str, str]
) -> str:
    steps = "\n".join(f"{n}. {step}" for n, step in enumerate(chosen.steps(drawn), start=1))
    test = ", ".join(f"`{name}`" for name in tests)
    labels = (
        "- `labels.txt`: the classes, in the order of the output\n"
        if drawn.main_output.classes
        else ""
    )
    return (
        f"# {markdown(drawn.name)} on {chosen.title}\n\n{markdown(headline(drawn))}\n\n"
        f"- {code_span(drawn.path.name)}: the model ({drawn.precision})\n"
        f"- `{chosen.file(drawn)}`: the code that feeds it and reads its answer\n{labels}"
        f"- {test}: the answers to {len(golden)} golden samples, as a test\n\n"
        f"{markdown(needs(drawn))}\n\n## Install\n\n```\n{chosen.install(drawn)}\n```\n\n"
        f"## Test\n\n{steps}\n\n"
        "The expected numbers are this file's own answers in LiteRT for Python; on another "
        "device they may differ by a ten-thousandth of the output's scale.\n"
    )


def write_snippet(made: Snippet, output: Path) -> Path:
    """Write a snippet to a file, or into a folder under its own name.

    Raises:
        UsageError: The file exists.
        EdgeDeployError: It cannot be written.
    """
    path = output / made.file if output.is_dir() else output
    if path.exists():
        raise UsageError(f"{path} exists; it is left alone. Name another with {option('output')}.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with writing(path):
            write_text(beside, made.code)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path
