"""What is asked about a damaged input; run in a child, by name."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Subject = Callable[[Path, int], object]
"""A damaged file or folder, and a number that chooses among questions."""


def model(path: Path, pick: int) -> object:
    """A trained model, read as ``inspect`` and ``convert`` do."""
    from edge_deploy import load_model

    found = load_model(path)
    return found.spec


def converted(path: Path, pick: int) -> object:
    """A converted file (a folder of TF.js: its model.json) described, and asked by its runtime."""
    import numpy as np

    from edge_deploy import inspect
    from edge_deploy.formats.registry import default_runtime, format_of

    file = path / "model.json" if path.is_dir() else path
    inspect(file)
    kind = format_of(file)
    runtime = default_runtime(kind.name)
    list(kind.operators(file))
    if runtime.in_browser or pick % 2:
        return None
    with runtime.open(file) as runner:
        for spec in kind.describe(file).inputs:
            size = [axis or 1 for axis in spec.shape]
            if np.prod(size, dtype=float) > 1e6 or spec.dtype == "string":
                return None
        feed = {
            s.name: np.zeros([a or 1 for a in s.shape], s.dtype) for s in kind.describe(file).inputs
        }
        return runner.predict(feed)


def artifact(path: Path, pick: int) -> object:
    """An artifact in the hands of each command that needs no TensorFlow and no browser."""
    from edge_deploy import (
        build_demo,
        build_single_file,
        bundle,
        diff,
        inspect,
        publish,
        quantize,
        run,
        snippet,
        verify,
    )

    corpus = Path(os.environ["FUZZ_CORPUS"])
    platforms = ("android", "ios", "flutter", "python", "cpp", "js")
    match pick % 12:
        case 0 | 1:
            return inspect(path)
        case 2:
            return run(path, ["age=1", "height=2", "pet=dog"])
        case 3:
            return run(path, path / "reference.npz")
        case 4:
            return snippet(path, platforms[pick // 12 % 6])
        case 5:
            return bundle(path, platforms[pick // 12 % 6], "bundled")
        case 6:
            return build_demo(path, "site")
        case 7:
            return verify(path, only=("tflite", "onnx"), runtimes=("litert", "ort"))
        case 8:
            return quantize(path, to=("onnx=float16",), overwrite=True)
        case 9:
            return build_single_file(path)
        case 10:
            # Of no target but this: one for a page is asked in a browser.
            return diff(corpus / "artifacts/table", path, target="onnx", page="diff.html")
        case _:
            with _without_runtimes():
                return publish(path, "site")


@contextlib.contextmanager
def _without_runtimes() -> Iterator[None]:
    """Sites without the page's runtimes, which are copied and not read."""
    from edge_deploy.web import assets

    before, assets.FOLDERS = assets.FOLDERS, ()
    try:
        yield
    finally:
        assets.FOLDERS = before


def site(path: Path, pick: int) -> object:
    """A site with versions, read and changed by what works on one."""
    import subprocess

    from edge_deploy import build_demo, promote, publish, push, releases, rollback

    versions = Path(os.environ["FUZZ_CORPUS"], "versions")
    with _without_runtimes():
        match pick % 7:
            case 0:
                return releases(path)
            case 1:
                return promote(path, "table")
            case 2:
                return rollback(path, "table")
            case 3:
                return publish(versions / "4", path, channel="shadow", keep=1 + pick // 7 % 3)
            case 4:
                # A new stable version would be compared in a browser.
                return publish(versions / "4", path, channel="canary", share=0.5)
            case 5:
                return build_demo(versions / "1", path)
            case _:
                subprocess.run(["git", "init", "--quiet", "--bare", "host.git"], check=True)
                return push(path, str(Path("host.git").resolve()))


def reports(path: Path, pick: int) -> object:
    """What pages send, as it is received, and a file of what was received."""
    from datetime import date

    from edge_deploy import stats
    from edge_deploy.core.errors import UsageError
    from edge_deploy.web.monitoring.store import ReportStore
    from edge_deploy.web.monitoring.visit_report import parse

    if path.suffix == ".json":
        try:
            report = parse(path.read_bytes())
        except ValueError as error:  # an answer of 400
            raise UsageError(str(error)) from error
        with ReportStore(Path("new.db"), 1 << 20) as store:
            store.add(report, date(2026, 1, 1))
        path = Path("new.db")
    return stats(path, html="page.html", min_visits=1)


_TAGS = frozenset((
    *("p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "em", "strong", "code", "pre", "blockquote"),
    *("hr", "br", "a", "table", "thead", "tbody", "tr", "th", "td"),
))  # fmt: skip


def card(path: Path, pick: int) -> object:
    """A model card, whose HTML is of a few tags, whatever stands in the Markdown."""
    from html.parser import HTMLParser

    from edge_deploy.data.model_card import parse_card, read_card

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
            assert tag in _TAGS, tag
            for name, value in attrs:
                assert name in ("href", "title", "target", "rel", "class", "start", "style"), name
                assert name != "href" or re.match(r"(https?://|mailto:|#)", value or "", re.I), (
                    value
                )
                assert name != "style" or (value or "").startswith("text-align:"), value

        def handle_comment(self, data: str) -> None:
            raise AssertionError(data)

        handle_decl = handle_pi = unknown_decl = handle_comment

    html = parse_card(read_card(path)).html
    Tags().feed(html)
    return html


def project(path: Path, pick: int) -> object:
    """A folder of a project, looked at by ``init``, or converted by its recipe."""
    from edge_deploy import convert, init

    if pick % 3 == 0:
        return convert(path, to="onnx", output="out", dry_run=True)
    return init(path, overwrite=True, dry_run=bool(pick % 2))


def reference(path: Path, pick: int) -> object:
    """Samples that a table model, or one of pictures, is asked with."""
    from edge_deploy import run

    return run(Path(os.environ["FUZZ_CORPUS"], "artifacts", ("table", "picture")[pick % 2]), path)


def sidecars(path: Path, pick: int) -> object:
    """labels.txt, features.json, preprocessing.json and reference data beside a model."""
    import numpy as np

    from edge_deploy.core.spec import LoadedModel, ModelSpec, TensorSpec
    from edge_deploy.data import sidecars
    from edge_deploy.data.readers import read

    pictures = pick % 2
    shape = (None, 4, 4, 3) if pictures else (None, 3)
    other = path / ("features.json" if pictures else "preprocessing.json")
    if other.is_file():
        other.unlink()
    given = TensorSpec("x", shape, "float32", "image" if pictures else "table")
    spec = ModelSpec((given,), (TensorSpec("y", (None, 2), "float32", "probabilities"),))
    loaded = LoadedModel(spec, "keras2", "keras", 1, lambda x: {"y": np.zeros((1, 2))}, dict)
    options = sidecars.DataOptions()
    sidecars.precheck(options)
    side = sidecars.collect(path, "m.h5", loaded, options)
    spec = sidecars.apply(spec, side)
    if side.reference is not None:
        return read(side.reference, spec, side.features, side.preprocessing)
    return side


_COMMANDS = (
    "inspect",
    "run",
    "snippet",
    "bundle",
    "verify",
    "quantize",
    "demo",
    "bench",
    "convert",
    "tune",
    "doctor",
    "diff",
    "publish",
    "promote",
    "rollback",
    "releases",
    "push",
    "stats",
    "collect",
    "init",
)
_OPTIONS = (
    "--json", "--to", "--only", "--runtime", "--backend", "--labels", "--preprocess", "--features",
    "--samples", "--seed", "--name", "--artifact-version", "-o", "--max-size", "--io", "--atol",
    "--rtol", "--max-drop", "--min-agreement", "--keep-float", "--input-shape", "--platform",
    "--precision", "--target", "--against", "--host", "--jobs", "--sparsities", "--prune", "-q",
    "--signature", "--custom-objects", "--reference", "--calibration", "--nonsense", "--help", "--",
    "--channel", "--share", "--keep", "--by", "--force", "--report-to", "--git", "--branch",
    "--dry-run", "--db", "--origin", "--rate", "--port", "--html", "--min-visits", "--single-file",
    "--label-column", "--title", "--url", "--accent", "--embed", "--lfs", "--strict",
)  # fmt: skip


def flags(path: Path, pick: int) -> object:
    """A command line; ``path`` holds the numbers that choose its words."""
    from edge_deploy import cli
    from tests.fuzz.mutations import STRINGS

    texts = [text.replace("\ud800", "\udcff").replace("\0", "") for text in STRINGS]
    words = [
        *texts,
        "x" * 5000,
        "a" * 70_000,
        "1",
        "0",
        "-1",
        "nan",
        "tflite",
        "onnx",
        "int8",
        "python",
        "9" * 5000,
        "a=1",
        "x:1e-3",
        "x=1,2",
    ]
    numbers = json.loads(path.read_text())
    arguments = [_COMMANDS[pick % len(_COMMANDS)]]
    # What trains, converts or opens a browser where all is right is given no right model.
    light = arguments[0] in ("inspect", "run", "snippet", "bundle", "quantize", "diff")
    if light:
        shutil.copytree(Path(os.environ["FUZZ_CORPUS"], "artifacts/table"), "table")
        arguments.append("table")
    elif arguments[0] in ("verify", "demo", "bench"):
        arguments.append(str(path))
    for number in numbers:
        if number % 3:
            arguments.append(_OPTIONS[number // 3 % len(_OPTIONS)])
        if number % 5:
            arguments.append(words[number // 15 % len(words)])
    if arguments[0] in ("convert", "tune", "demo", "publish", "push", "collect"):
        arguments += ["--name"]  # without its value: nothing is done where all else is right
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["edge-deploy", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.in_process()
        except SystemExit as stopped:
            code = stopped.code
    said = out.getvalue() + err.getvalue()
    if "Traceback" in said or "bug of edge-deploy" in said:
        raise AssertionError(f"{[a[:60] for a in arguments]}: {said[-1500:]}")
    assert code in (0, 1, 2, 3), (arguments, code)
    said.encode("utf-8", "surrogateescape" if "\udcff" in said else "strict")
    for left in Path().iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return None


def python(path: Path, pick: int) -> object:
    """Some code, by which the tests see what a child would be seen to do."""
    exec(str(path))
    return None


SUBJECTS: dict[str, Subject] = {
    f.__name__: f
    for f in (
        *(model, converted, artifact, reference, sidecars, flags, site, reports, card, project),
        python,
    )
}
