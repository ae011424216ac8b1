"""Everything a user may get wrong: one message with the mend, exit 2 or 3, nothing half-written."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_deploy import ConvertOptions, convert, publish
from edge_deploy.web import assets
from edge_deploy.web.monitoring.store import ReportStore
from edge_deploy.web.monitoring.visit_report import parse
from tests.fuzz.kills import versioned
from tests.support import PATIENCE, unmeasured
from tests.support.bad_models import BAD, CANARY
from tests.support.visits import as_bytes, report, visit

pytestmark = pytest.mark.slow


def nothing_written() -> bool:
    """No version and no leftover of one."""
    output = Path("artifacts")
    return not output.exists() or not any(output.iterdir())


def is_one_message(text: str) -> bool:
    """One block of words that ends as a sentence does, without a traceback."""
    return text.startswith("edge-deploy: ") and "Traceback" not in text and len(text) < 2500


@pytest.mark.parametrize(("builder", "says"), BAD.values(), ids=BAD)
def test_convert_refuses_a_bad_model(
    run, tmp_path: Path, builder: Callable[[Path], Path], says: str
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    result = run("convert", builder(folder))
    assert result.code in (2, 3), result
    assert is_one_message(result.err) and says in result.err, result.err
    assert nothing_written()
    assert not Path(CANARY).exists() and not (folder / CANARY).exists()


NO_MODELS = {
    "table": (lambda: Path("rows.csv").write_text("a,b\n1,2\n"), "the file is a text file"),
    "table of x": (lambda: Path("x.csv").write_text("x,y\n1,2\n"), "the file is a text file"),
    "note": (lambda: Path("a.txt").write_text("a note\n"), "the file is a text file"),
    "picture": (lambda: _picture("a.png"), "of an unknown format (89 50 4e 47"),
    "picture named h5": (lambda: _picture("a.h5"), "of an unknown format (89 50 4e 47"),
    "note named pkl": (lambda: Path("a.pkl").write_text("a note\n"), "is a text file, not a"),
    "pointer": (
        lambda: Path("a.h5").write_text("version https://git-lfs.github.com/spec/v1\n"),
        "git lfs pull",
    ),
    "tflite": (lambda: Path("a.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(9)), "already"),
    "folder": (lambda: Path("a").mkdir(), "is not a SavedModel"),
    "zip": (lambda: _zip("a.zip", "a.txt"), "found none"),
    "zip of two": (lambda: _zip("a.zip", "a.h5", "b.h5"), "found a.h5, b.h5"),
}


def _picture(name: str) -> None:
    Image.new("RGB", (2, 2)).save(name, "PNG")


def _zip(name: str, *inside: str) -> None:
    with zipfile.ZipFile(name, "w") as archive:
        for entry in inside:
            archive.writestr(entry, "")


@pytest.mark.parametrize(("write", "says"), NO_MODELS.values(), ids=NO_MODELS)
def test_what_is_no_model_is_a_usage_error(run, write: Callable[[], object], says: str) -> None:
    write()
    result = run("convert", *Path().iterdir())
    assert (result.code, is_one_message(result.err), nothing_written()) == (2, True, True), result
    assert says in result.err, result.err


@pytest.fixture(scope="session")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression over three numbers."""
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    path = tmp_path_factory.mktemp("linear") / "linear.pkl"
    path.write_bytes(pickle.dumps(LinearRegression().fit(x, x @ [1.0, 2.0, 3.0])))
    return path


def _npz(**arrays: Any) -> Callable[[], str]:
    def write() -> str:
        np.savez("data.npz", **arrays)
        return "data.npz"

    return write


def _text(name: str, text: str) -> Callable[[], str]:
    def write() -> str:
        Path(name).write_text(text)
        return name

    return write


def _nan() -> np.ndarray:
    values = np.ones((4, 3))
    values[2, 1] = np.nan
    return values


REFERENCES = {
    "missing": (lambda: "no.npz", "no.npz: no such file"),
    "wrong shape": (_npz(x=np.ones((4, 5))), "has shape [4, 5]; the model takes samples x 3"),
    "wrong dtype": (_npz(x=np.array([["a", "b", "c"]])), "is of dtype <U1"),
    "complex": (_npz(x=np.ones((4, 3), complex)), "is of dtype complex128"),
    "NaN": (_npz(x=_nan()), "NaN or infinity (first in sample 2, at [1])"),
    "objects": (_npz(x=np.array([[1, 2, 3], None], dtype=object)), "object array"),
    "no samples": (_npz(x=np.ones((0, 3))), "no samples"),
    "no npz": (_text("data.npz", "hello"), "data.npz"),
    "no npy": (_text("data.npy", "hello"), "not a numpy file"),
    "another suffix": (_text("data.txt", "1 2 3"), ".npz, .npy, .csv or a folder"),
    "csv with words": (_text("data.csv", "a,b,c\n1,2,many\n"), "'many'"),
    "csv too narrow": (_text("data.csv", "a,b\n1,2\n"), "has shape [1, 2]"),
    "csv without rows": (_text("data.csv", "a,b,c\n"), "no rows"),
    "csv with a hole": (_text("data.csv", "a,b,c\n1,,3\n"), "row 1"),
    "folder for a table": (lambda: ".", "--preprocess"),
}


@pytest.mark.parametrize(("write", "says"), REFERENCES.values(), ids=REFERENCES)
def test_convert_refuses_a_bad_reference(
    run, linear: Path, write: Callable[[], str], says: str
) -> None:
    result = run("convert", linear, "--reference", write())
    assert (result.code, is_one_message(result.err), nothing_written()) == (2, True, True), result
    assert says in result.err, result.err


FEATURES = '[{"name": "a"}, {"name": "b"}, {"name": "c"}]'
OPTIONS = {
    "no model": (["no.h5"], "no.h5: no such file or folder"),
    "no option": (["{model}", "--fast"], "No such option"),
    "no target": (["{model}", "--to", "coreml"], "--to: no target is called 'coreml'"),
    "labels of a regression": (["{model}", "--labels", "yes,no"], "2 labels (yes, no) do not fit"),
    "labels twice": (["{model}", "--labels", "a,a"], "'a' stands there twice"),
    "one label": (["{model}", "--labels", "only"], "no such file"),
    "features too few": (["{model}", "--features", "two.json"], "The features fill 2 numbers"),
    "features no json": (["{model}", "--features", "bad.json"], "cannot be read as JSON"),
    "column no feature": (
        ["{model}", "--features", "three.json", "--reference", "other.csv"],
        "has no column 'c'. It needs a, b, c",
    ),
    "preset near": (["{model}", "--preprocess", "mobilnet"], "mobilenet"),
    "picture for a table": (["{model}", "--preprocess", "unit"], "size"),
    "no signature": (["{model}", "--custom-objects", "no.py"], ""),
    "name climbs": (["{model}", "--name", "../out"], "cannot name a folder"),
    "name is a path": (["{model}", "--name", "a/b"], "cannot name a folder"),
    "name is dots": (["{model}", "--name", ".."], "cannot name a folder"),
    "name is empty": (["{model}", "--name", " "], "cannot name a folder"),
    "version climbs": (["{model}", "--artifact-version", "../../1"], "cannot name a folder"),
    "input shape": (["{model}", "--input-shape", "features"], "--input-shape features"),
    "samples": (["{model}", "--samples", "-1"], "--samples -1"),
}


@pytest.mark.parametrize(("arguments", "says"), OPTIONS.values(), ids=OPTIONS)
def test_convert_refuses_bad_options(run, linear: Path, arguments: list[str], says: str) -> None:
    Path("two.json").write_text('[{"name": "a"}, {"name": "b"}]')
    Path("three.json").write_text(FEATURES)
    Path("bad.json").write_text("{")
    Path("other.csv").write_text("a,b,z\n1,2,3\n")
    filled = [str(linear) if a == "{model}" else a for a in arguments]
    result = run("convert", *filled)
    if not says:  # an option that this kind of model has no use for
        assert result.code in (0, 2), result
        return
    assert (result.code, is_one_message(result.err), nothing_written()) == (2, True, True), result
    assert says in result.err, result.err


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("labels.txt", "red\ngreen\nblue\n", "labels.txt beside the model: 3 labels (red, green"),
        ("features.json", '[{"name": "a"}]', "features.json beside the model: the features fill 1"),
    ],
)
def test_file_of_another_model_beside_it_is_named(
    run, linear: Path, tmp_path: Path, name: str, text: str, says: str
) -> None:
    model = tmp_path / "own" / linear.name
    model.parent.mkdir()
    model.write_bytes(linear.read_bytes())
    (model.parent / name).write_text(text)
    result = run("convert", model)
    assert (result.code, is_one_message(result.err), nothing_written()) == (2, True, True), result
    assert says in result.err, result.err
    assert "another model's, give this one a folder of its own" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["verify", "nowhere"], 2, "no such artifact"),
        (["verify", "empty"], 2, "not an artifact"),
        (["verify", "broken"], 3, "not a manifest"),
        (["verify", "future"], 3, "edge-deploy/manifest/9"),
        (["demo", "nowhere"], 2, "no such artifact"),
        (["run", "nowhere", "a=1"], 2, "no such artifact"),
        (["inspect", "nowhere"], 2, "no such file or folder"),
        (["inspect", "rows.csv"], 2, "not a trained model: the file is a text file"),
        (["serve", "nowhere"], 2, "no such folder"),
        (["serve", "broken"], 2, "edge-deploy demo broken"),
        (["demo", "model.pkl"], 2, "edge-deploy convert model.pkl"),
        (["examples", "titanic"], 2, "no example is called"),
        (["snippet", "nowhere"], 2, "one of android, ios, flutter, python, cpp, js."),
        (["bundle", "nowhere"], 2, "one of android, ios, flutter, python, cpp, js."),
        (["convert"], 2, "edge-deploy init"),
        (["conv"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_commands_refuse_what_is_not_there(run, arguments: list[str], code: int, says: str) -> None:
    Path("empty").mkdir()
    Path("model.pkl").write_bytes(b"")
    Path("rows.csv").write_text("a,b\n1,2\n")
    for name, text in (("broken", "{"), ("future", '{"schema": "edge-deploy/manifest/9"}')):
        Path(name).mkdir()
        Path(name, "manifest.json").write_text(text)
    result = run(*arguments)
    assert (result.code, is_one_message(result.err)) == (code, True), result
    assert says in result.err, result.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["convert", "no.h5"], "no.h5"),
        (["convert"], "edge-deploy init"),
        (["convert", "no.h5", "--to", "tfj"], "Did you mean tfjs?"),
        (["verify", "nowhere", "--only", "tflit"], "Did you mean tflite?"),
        (["quantize", "nowhere", "--to", "int8"], "no such artifact"),
        (["run", "nowhere", "x=1"], "no such artifact"),
        (["inspect", "nowhere"], "no such file or folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_is_one_json_document_and_stands_in_words_on_stderr_once(
    run, arguments: list[str], says: str
) -> None:
    result = run(*arguments, "--json")
    error = json.loads(result.out)["error"]
    assert (error["type"], error["exit_code"], result.code) == ("UsageError", 2, 2)
    assert says in error["message"]
    assert result.err == f"edge-deploy: {error['message']}\n"


def test_convert_refuses_an_output_that_cannot_be_written(run, linear: Path) -> None:
    Path("taken").write_text("a file")
    result = run("convert", linear, "-o", "taken", "--to", "onnx")
    assert (result.code, is_one_message(result.err)) == (3, True), result
    assert "cannot be written" in result.err
    assert Path("taken").read_text() == "a file"


def test_convert_leaves_alone_a_folder_that_is_no_artifact(run, linear: Path) -> None:
    mine = Path("artifacts/linear/1")
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("years of work")
    result = run("convert", linear, "--overwrite", "--to", "onnx")
    assert (result.code, "left alone" in result.err) == (2, True), result
    assert (mine / "thesis.txt").read_text() == "years of work"


@pytest.fixture(scope="session")
def artifact(linear: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The regression, converted."""
    options = ConvertOptions(
        to=("tflite", "onnx"),
        quantize=("float32", "int8"),
        output=tmp_path_factory.mktemp("artifact"),
    )
    found = convert(linear, options).artifact
    assert found is not None
    return found.folder


def _set(*keys: str | int, to: Any) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = to

    return edit


EDITED = {
    "no inputs": (_set("inputs", to=[]), "inputs: is empty"),
    "inputs gone": (lambda d: d.pop("inputs"), "inputs: is missing"),
    "inputs no list": (_set("inputs", to="x"), 'inputs: is "x", not of type array'),
    "input without a name": (lambda d: d["inputs"][0].pop("name"), "inputs[0].name: is missing"),
    "a kind of tomorrow": (_set("outputs", 0, "kind", to="smell"), "outputs[0].kind: is 'smell'"),
    "no files": (_set("artifacts", 1, "files", to=[]), "artifacts[1].files: is empty"),
    "no reference": (lambda d: d.pop("reference"), "reference: is missing"),
    "size in words": (_set("files", 0, "bytes", to="1 KB"), 'files[0].bytes: is "1 KB"'),
}
ON_AN_ARTIFACT = {
    "verify": (),
    "quantize": ("--to", "float16"),
    "demo": (),
    "run": ("x=1",),
    "snippet": ("--platform", "python"),
    "bundle": ("--platform", "python"),
    "inspect": (),
    "bench": (),
}


@pytest.mark.parametrize(("edit", "says"), EDITED.values(), ids=EDITED)
def test_an_edited_manifest_is_refused_by_every_command(
    run, artifact: Path, edit: Callable[[Any], None], says: str
) -> None:
    folder = Path(shutil.copytree(artifact, "edited"))
    document = json.loads((folder / "manifest.json").read_text())
    edit(document)
    (folder / "manifest.json").write_text(json.dumps(document))
    for command, arguments in ON_AN_ARTIFACT.items():
        result = run(command, folder, *arguments)
        assert (result.code, is_one_message(result.err)) == (3, True), (command, result)
        assert says in result.err, (command, result.err)


# What writes: name -> its arguments; {model} is the regression, {network} a Keras file,
# {artifact} a copy of the converted regression, {site} one that it is the canary of.
WRITERS = {
    "convert": ("convert", "{model}", "--to", "onnx"),
    "prune": ("convert", "{network}", "--to", "onnx", "--prune", "0.5"),
    "quantize": ("quantize", "{artifact}", "--to", "float16"),
    "quantize anew": ("quantize", "{artifact}", "--to", "int8", "--overwrite"),
    "bundle": ("bundle", "{artifact}", "--platform", "python"),
    "tune": ("tune", "{model}", "--to", "onnx", "--jobs", "1"),
    "publish": ("publish", "{artifact}", "--to", "new"),
    "promote": ("promote", "{site}", "linear"),
    "stats": ("stats", "visits.db", "--html", "page.html"),
}
PROGRAM = [sys.executable, "-m", "edge_deploy.cli"]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dense network."""
    import keras

    path = tmp_path_factory.mktemp("network") / "network.keras"
    x = keras.Input((8,), name="x")
    keras.Model(x, keras.layers.Dense(4, name="y")(keras.layers.Dense(64)(x))).save(path)
    return path


@pytest.fixture
def writer(
    linear: Path, network: Path, artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], list[str]]:
    """A command of WRITERS, with what it works on in the current folder."""

    def fill(name: str) -> list[str]:
        shutil.copytree(artifact, "mine/linear/1")
        there = {"{model}": str(linear), "{network}": str(network), "{artifact}": "mine/linear/1"}
        if name == "promote":
            monkeypatch.setattr(assets, "FOLDERS", ())  # the page's runtimes are not needed
            versioned(artifact, Path("mine/linear/3"), "3")
            publish("mine/linear/1", "site")
            publish("mine/linear/3", "site", channel="canary")
            there["{site}"] = "site"
        if name == "stats":
            with ReportStore(Path("visits.db"), 1 << 20) as store:
                store.add(parse(as_bytes(report(visit()))), date(2026, 1, 1))
            with closing(sqlite3.connect("visits.db")) as database:
                database.execute("PRAGMA journal_mode = DELETE")  # one file, which is read alone
        return [there.get(argument, argument) for argument in WRITERS[name]]

    return fill


def everything() -> dict[str, bytes]:
    """All files below the current folder, but those of a search that can be resumed."""
    files = (p for p in Path().rglob("*") if p.is_file() and ".tune-tuned" not in p.parts)
    return {p.as_posix(): p.read_bytes() for p in files}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_told_and_changes_nothing(
    writer: Callable[[str], list[str]], name: str
) -> None:
    """A limit on the size of a file fails in the middle of writing, as a full disk does."""
    import resource

    arguments = writer(name)
    before = everything()

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

    done = subprocess.run(
        [*PROGRAM, *arguments],
        preexec_fn=limit,
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, is_one_message(done.stderr)) == (3, True), done
    assert "cannot be written" in done.stderr, done.stderr
    assert everything() == before


STOPS_ITSELF = """
import os, signal, sys
def stop(event, arguments):
    if event == "open" and "/.partial-" in os.path.dirname(os.path.abspath(str(arguments[0]))):
        if not halted:
            halted.append(event)
            os.kill(os.getpid(), signal.SIGSTOP)
halted = []
sys.addaudithook(stop)
from edge_deploy.cli import main
main()
"""


def stop(arguments: list[str], number: signal.Signals) -> tuple[int, str]:
    """Send a signal when a command opens its first file to write: its exit code, what it said."""
    command = [sys.executable, "-c", STOPS_ITSELF, *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "it ended without writing"
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


STOPS = [  # `tune` has tests of its own
    *(("convert", number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
    *(("bundle", number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
    *(("quantize", number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
    ("quantize anew", signal.SIGKILL),
    ("prune", signal.SIGTERM),
]


@pytest.mark.parametrize(("name", "number"), STOPS)
def test_a_command_that_is_stopped_leaves_nothing_half_written(
    run, writer: Callable[[str], list[str]], name: str, number: signal.Signals
) -> None:
    arguments = writer(name)
    before = everything()
    code, err = stop(arguments, number)
    assert {p: data for p, data in everything().items() if ".partial-" not in p} == before
    if number is not signal.SIGKILL:
        assert (code, "Interrupted" in err, "Traceback" in err) == (3, True, False), err
        assert not list(Path().rglob(".partial-*"))
    # The next run clears away what a kill left behind.
    again = run(*arguments)
    assert again.code in (0, 1), again
    assert not list(Path().rglob(".partial-*"))
    whole = set(everything())
    assert len(whole) > len(before) or name == "quantize anew"
