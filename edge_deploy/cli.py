"""The command line: argv -> one API call -> text and exit code. The only module that prints.

Nothing heavy is imported before a command is chosen; `--help` needs neither numpy nor rich.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_deploy import __version__
from edge_deploy.errors import EdgeDeployError, UsageError

if TYPE_CHECKING:
    from edge_deploy.spec import LoadOptions

app = typer.Typer(
    name="edge-deploy",
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

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print only what went wrong.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show the libraries' own output.")]
BrowserPath = Annotated[
    Path | None, typer.Option("--browser", help="Chromium, Chrome or Edge to use.")
]
Signature = Annotated[str | None, typer.Option(help="Signature of a SavedModel.")]
CustomObjects = Annotated[
    Path | None, typer.Option(help="Python file with the model's own layers and functions.")
]
TrustPickle = Annotated[
    bool, typer.Option("--trust-pickle", help="Run code that the model file brings along.")
]
InputShape = Annotated[
    list[str] | None, typer.Option(help="Size of free axes: name=1,128,128,3. Repeatable.")
]


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


@app.command()
def convert(
    model: Annotated[Path, typer.Argument(help="Keras file, SavedModel folder, pickle or .zip.")],
    to: Annotated[str, typer.Option(help="Targets, separated by commas.")] = "tflite,tfjs,onnx",
    reference: Annotated[
        Path | None, typer.Option(help="Samples: .npz, .npy, .csv or a folder of pictures.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Samples to keep for evaluation.")] = 1000,
    labels: Annotated[str | None, typer.Option(help="labels.txt, or a,b,c.")] = None,
    preprocess: Annotated[
        str | None, typer.Option(help="Preset, or key=value,... (see the README).")
    ] = None,
    features: Annotated[Path | None, typer.Option(help="features.json of a table model.")] = None,
    signature: Signature = None,
    input_shape: InputShape = None,
    custom_objects: CustomObjects = None,
    trust_pickle: TrustPickle = False,
    name: Annotated[str | None, typer.Option(help="Name; default: the file's.")] = None,
    artifact_version: Annotated[str, typer.Option(help="Version of the artifact.")] = "1",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder.")] = Path("artifacts"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a version that exists.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Publish the targets that could be converted.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check everything, write nothing.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of all that is chosen or made up.")] = 0,
    browser: BrowserPath = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Convert a trained model to artifacts/<name>/<version>/.

    Example: edge-deploy convert keras_model.h5 --labels labels.txt --preprocess teachable-machine
    """
    from edge_deploy import conversion, report

    options = conversion.ConvertOptions(
        to=_list(to),
        name=name,
        version=artifact_version,
        output=output,
        overwrite=overwrite,
        keep_going=keep_going,
        dry_run=dry_run,
        labels=labels,
        features=features,
        preprocess=preprocess,
        reference=reference,
        samples=samples,
        seed=seed,
        browser=browser,
        verbose=verbose,
        command=shlex.join(["edge-deploy", *sys.argv[1:]]),
        load=_load_options(signature, custom_objects, trust_pickle, input_shape),
    )
    with _progress(quiet or as_json or verbose) as progress:
        done = conversion.convert(model, options, progress)
    if as_json:
        document = report.to_document(done.manifest, done.verdicts)
        folder = str(done.artifact.folder) if done.artifact else None
        failed = dict(done.failed)
        _print_json({**document, "artifact": folder, "notes": list(done.notes), "failed": failed})
    else:
        if not quiet:
            _notes(done.notes)
            _table(report.HEADER, report.rows(done.manifest, done.verdicts))
        _problems(done.verdicts)
        for target, reason in done.failed.items():
            typer.echo(f"{target} could not be converted: {reason}", err=True)
        if done.artifact and not quiet:
            typer.echo(f"{done.artifact.folder}")
            typer.echo(f"Next: edge-deploy verify {shlex.quote(str(done.artifact.folder))}")
    raise typer.Exit(done.exit_code)


@app.command()
def verify(
    artifact: Annotated[
        list[Path], typer.Argument(help="Artifacts; with --against also a bare converted file.")
    ],
    only: Annotated[str, typer.Option(help="Targets to verify.")] = "tflite,tfjs,onnx",
    runtime: Annotated[str, typer.Option(help="Runtimes to use.")] = "litert,ort,tfjs",
    backend: Annotated[
        str, typer.Option(help="TF.js backends: webgl, wasm, webgpu, cpu.")
    ] = "webgl,wasm",
    against: Annotated[
        Path | None, typer.Option(help="The original, to answer again (needs [convert]).")
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="New samples for --against.")] = None,
    atol: Annotated[
        list[str] | None, typer.Option(help="Allowed error: VALUE or OUTPUT:VALUE. Repeatable.")
    ] = None,
    rtol: Annotated[
        list[str] | None, typer.Option(help="The same, as a share of the output's scale.")
    ] = None,
    report_folder: Annotated[
        Path | None, typer.Option("--report", help="Write the reports there.")
    ] = None,
    browser: BrowserPath = None,
    signature: Signature = None,
    input_shape: InputShape = None,
    custom_objects: CustomObjects = None,
    trust_pickle: TrustPickle = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare each converted file with the original's answers, in its real runtime.

    Example: edge-deploy verify artifacts/insurance/1
    """
    from edge_deploy import report, verify_command

    options = verify_command.VerifyOptions(
        only=_list(only),
        runtimes=_list(runtime),
        backends=_list(backend),
        against=against,
        reference=reference,
        tolerances=verify_command.tolerances(atol or [], rtol or []),
        report=report_folder,
        browser=browser,
        load=_load_options(signature, custom_objects, trust_pickle, input_shape),
    )
    codes, documents = [], []
    for path in artifact:
        done = verify_command.verify(path, options)
        codes.append(done.exit_code)
        documents.append(report.to_document(done.manifest, done.verdicts))
        if as_json:
            continue
        if not quiet:
            origin = done.manifest["reference"]
            typer.echo(
                f"{done.manifest['name']} {done.manifest['version']}: {origin['samples']} "
                f"{origin['origin']} reference samples"
            )
            _notes(done.notes)
            _table(report.HEADER, report.rows(done.manifest, done.verdicts))
        _problems(done.verdicts)
        if done.report and not quiet:
            typer.echo(f"report: {done.report / 'report.html'}")
    if as_json:
        _print_json({"ok": not any(codes), "reports": documents})
    raise typer.Exit(max(codes))


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
        _print_json({"folder": str(site.folder), "models": list(site.models)})
    elif not quiet:
        typer.echo(f"{site.folder}: {len(site.models)} models: {', '.join(site.models)}")
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
        _print_json({"answers": [{"source": a.source, **a.outputs} for a in answers]})
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

    options = _load_options(signature, custom_objects, trust_pickle, input_shape)
    document = inspection.inspect(path, options)
    if as_json:
        _print_json(document)
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


@app.command()
def examples(
    names: Annotated[list[str] | None, typer.Argument(help="Which; default: all.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "examples"
    ),
    data: Annotated[
        Path | None, typer.Option(help="Folder of pictures, a subfolder a class (the two CNNs).")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="For digits-mlp: digits or fashion-mnist (needs a network).")
    ] = "digits",
    seed: Annotated[int, typer.Option(help="Seed of the data and the training.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train the example models, offline, in seconds each.

    Example: edge-deploy examples insurance digits-mlp
    """
    from edge_deploy.examples import EXAMPLES

    wanted = names or list(EXAMPLES)
    for name in wanted:
        if name not in EXAMPLES:
            raise UsageError(f"{name}: no such example; there are {', '.join(EXAMPLES)}.")
    results = []
    for name in wanted:
        with _progress(quiet or as_json) as progress:
            progress(f"training {name}")
            made = _build_example(name, output / name, seed=seed, data=data, dataset=dataset)
        results.append({"name": name, "model": str(made.model), made.metric: made.value})
        if not (as_json or quiet):
            typer.echo(f"{made.model}  {made.metric} {made.value:.3g} on held-out data")
    if as_json:
        _print_json({"examples": results})


@app.command()
def quickstart(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "quickstart"
    ),
    browser: BrowserPath = None,
    quiet: Quiet = False,
) -> None:
    """Examples, convert, verify and demo in one go.

    Example: edge-deploy quickstart && edge-deploy serve quickstart/web_demo
    """
    from edge_deploy import conversion, report, verify_command
    from edge_deploy.demo import build_demo
    from edge_deploy.examples import EXAMPLES

    codes, folders, rows = [], [], []
    for name in EXAMPLES:
        with _progress(quiet) as progress:
            progress(f"{name}: training")
            made = _build_example(name, output / "examples" / name)
            options = conversion.ConvertOptions(
                name=name,
                output=output / "artifacts",
                overwrite=True,
                browser=browser,
                command=f"edge-deploy quickstart ({name})",
            )
            try:
                done = conversion.convert(
                    made.model,
                    options,
                    lambda line, n=name: progress(f"{n}: {line}"),  # type: ignore[misc]
                )
            except EdgeDeployError as error:
                typer.echo(f"{name}: trained, not converted: {error}", err=True)
                codes.append(0 if not EXAMPLES[name].converts else error.exit_code)
                continue
            assert done.artifact is not None
            folders.append(done.artifact.folder)
            progress(f"{name}: verifying")
            checked = verify_command.verify(
                folders[-1], verify_command.VerifyOptions(browser=browser)
            )
            codes.append(checked.exit_code)
        rows += [(name, *row) for row in report.rows(checked.manifest, checked.verdicts)]
        _problems(checked.verdicts)
    site = build_demo(folders, output / "web_demo")
    if not quiet:
        _table(("model", *report.HEADER), rows)
        typer.echo(f"The page: edge-deploy serve {shlex.quote(str(site.folder))}")
        typer.echo("          then open http://127.0.0.1:8000/")
    raise typer.Exit(max(codes))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show versions, the browser found, and what is missing with the command that mends it.

    Example: edge-deploy doctor
    """
    from dataclasses import asdict

    from edge_deploy.doctor import examine

    found = examine()
    if as_json:
        _print_json({"ok": found.ok, "checks": [asdict(check) for check in found.checks]})
    else:
        for check in found.checks:
            typer.echo(f"{'✓' if check.ok else '✗'} {check.name}: {check.found}")
            if check.mend:
                typer.echo(f"    {check.mend}")
    raise typer.Exit(0 if found.ok else 3)


def main() -> None:
    """The console script: run a command and turn what went wrong into words and a code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    as_json = "--json" in sys.argv
    try:
        code = app(standalone_mode=False)
    except EdgeDeployError as error:
        code = _fail(as_json, error)
    except (KeyboardInterrupt, typer.Abort):
        code = _fail(as_json, EdgeDeployError("Interrupted. Nothing half-written was left behind."))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except Exception as error:
        code = _usage(as_json, error)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(as_json: bool, error: Exception) -> int:
    """Words for an error of the command-line parser; anything else is a bug and stays one.

    Typer brings a Click of its own in some versions, so the class cannot be named.
    """
    if not hasattr(error, "format_message"):
        raise error
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return 2
    context = getattr(error, "ctx", None)
    hint = f" See {context.command_path} --help." if context else ""
    return _fail(as_json, UsageError(f"{error.format_message()}{hint}"))


def _fail(as_json: bool, error: EdgeDeployError) -> int:
    if as_json:
        kind = type(error).__name__
        _print_json({"error": {"type": kind, "message": str(error), "exit_code": error.exit_code}})
    typer.echo(f"edge-deploy: {error}", err=True)
    return error.exit_code


def _build_example(name: str, folder: Path, **options: Any) -> Any:
    from edge_deploy.examples import build_example
    from edge_deploy.quiet import quiet, set_environment

    set_environment()
    with quiet():
        return build_example(name, folder, **options)


def _load_options(
    signature: str | None,
    custom_objects: Path | None,
    trust_pickle: bool,
    shapes: Sequence[str] | None,
) -> LoadOptions:
    from edge_deploy.spec import LoadOptions

    return LoadOptions(signature, custom_objects, trust_pickle, tuple(map(_shape, shapes or [])))


def _shape(text: str) -> tuple[str, tuple[int | None, ...]]:
    name, _, sizes = text.rpartition("=")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
    except ValueError:
        shape = ()
    if not name or not shape or min(shape) < 1:
        raise UsageError(f"--input-shape {text}: say it as name=1,128,128,3.")
    return name, shape


def _list(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _print_json(document: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _notes(notes: Sequence[str]) -> None:
    for note in notes:
        typer.echo(f"note: {note}")


def _problems(verdicts: Sequence[Any]) -> None:
    for verdict in verdicts:
        where = (
            f"{verdict.path} ({verdict.runtime}{' ' + verdict.backend if verdict.backend else ''})"
        )
        for problem in verdict.problems:
            typer.echo(f"FAIL {where}: {problem}", err=True)
        if verdict.reason and verdict.status == "not run":
            typer.echo(f"not run {where}: {verdict.reason}", err=True)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=box.SIMPLE)
    for row in rows:
        style = "red" if any("FAIL" in cell for cell in row[:2]) else None
        table.add_row(*row, style=style)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=140)  # a log has no width: lose no columns
    console.print(table)


@contextmanager
def _progress(silent: bool) -> Iterator[Callable[[str], None]]:
    """A status line on stderr, on a terminal only; it survives what `quiet` turns aside."""
    if silent or not sys.stderr.isatty():
        yield lambda _: None
        return
    terminal = os.dup(2)

    def show(line: str) -> None:
        os.write(terminal, f"\r\x1b[K{line} …".encode())

    try:
        yield show
    finally:
        os.write(terminal, b"\r\x1b[K")
        os.close(terminal)


if __name__ == "__main__":
    main()
