"""The cache of conversions: the same is not made twice, and nothing else is taken for it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import ConvertOptions, UsageError, convert
from edge_deploy.api import cache
from edge_deploy.artifact.artifact import open_artifact
from edge_deploy.verification.history import verdicts_of
from edge_deploy.verification.report import documents

OPTIONS = {"to": ("onnx",), "labels": "no,yes"}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A classifier, with the files that may lie beside one."""
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(0).normal(size=(60, 2))
    folder = tmp_path / "own"
    folder.mkdir()
    fitted = LogisticRegression().fit(x, x[:, 0] > 0)
    (folder / "side.pkl").write_bytes(pickle.dumps(fitted))
    (folder / "labels.txt").write_text("no\nyes\n")
    (folder / "data.csv").write_text("a,b\n" + "\n".join(f"{p},{q}" for p, q in x.tolist()))
    return folder / "side.pkl"


def key(model: Any, **options: Any) -> cache.Key | None:
    return cache.key_of(model, ConvertOptions(**{**OPTIONS, **options}), None)


def edit(name: str, text: str) -> Callable[[Path], dict[str, Any]]:
    def change(folder: Path) -> dict[str, Any]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        return {}

    return change


def other_model(folder: Path) -> dict[str, Any]:
    data = bytearray((folder / "side.pkl").read_bytes())
    data[-9] ^= 1
    (folder / "side.pkl").write_bytes(data)
    return {}


def other_data(folder: Path) -> dict[str, Any]:
    (folder / "data.csv").write_text("a,b\n1,2\n")
    return {"reference": folder / "data.csv"}


OTHERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a byte of the model": other_model,
    "labels beside it": edit("labels.txt", "yes\nno\n"),
    "labels that are given": lambda folder: {"labels": "yes,no"},
    "a file that is new beside it": edit("features.json", "[]"),
    "reference data": other_data,
    "data in the folder of reference data": edit("reference/one.txt", "1"),
    "a target": lambda folder: {"to": ("onnx", "tflite")},
    "a precision": lambda folder: {"quantize": ("float32", "dynamic")},
    "the seed": lambda folder: {"seed": 1},
    "a budget": lambda folder: {"max_drop": 0.5},
    "the name": lambda folder: {"name": "other"},
    "the version": lambda folder: {"version": "2"},
    "trust": lambda folder: {"trust_pickle": True},
}
SAME: dict[str, dict[str, Any]] = {
    "where it goes": {"output": Path("elsewhere")},
    "what is replaced": {"overwrite": True},
    "the browser": {"browser": Path("chromium")},
    "the command": {"command": "edge-deploy convert"},
}


@pytest.mark.parametrize("what", OTHERS)
def test_key_is_another_when_the_files_could_be(kept: Path, model: Path, what: str) -> None:
    given = {"reference": model.parent / "data.csv"} if what == "reference data" else {}
    before = key(model, **given)
    changed = OTHERS[what](model.parent)
    assert before and before != key(model, **changed)


def test_key_is_another_where_files_change_places(kept: Path, model: Path) -> None:
    beside, other = model.parent / "data.csv", model.parent.parent / "data.csv"
    other.write_text("a,b\n1,2\n")
    one = key(model, reference=beside, calibration=other)
    assert one and one != key(model, reference=other, calibration=beside)


@pytest.mark.parametrize("what", SAME)
def test_key_is_the_same_when_the_files_are(kept: Path, model: Path, what: str) -> None:
    moved = shutil.copytree(model.parent, model.parent.with_name("moved")) / model.name
    assert key(model) == key(model, **SAME[what]) == key(moved)


def test_key_is_another_for_another_program(
    kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(model)
    program = cache._program()
    assert any(name.startswith("numpy-") for name in program)
    monkeypatch.setattr(cache, "_program", lambda: [*program, "numpy-9.9.9.dist-info"])
    assert key(model) != before


def test_key_is_another_for_another_browser_where_one_is_asked(kept: Path, model: Path) -> None:
    """A verdict of TF.js is one of the browser that it was run in."""
    browsers = [model.parent.parent / name for name in ("one", "other")]
    for browser in browsers:
        browser.write_text("#!/bin/sh\n")
        browser.chmod(0o755)
    keys = [key(model, to=("tfjs",), browser=browser) for browser in browsers]
    assert all(keys) and keys[0] != keys[1]
    browsers[0].write_text("#!/bin/sh\n# a newer version\n")
    assert key(model, to=("tfjs",), browser=browsers[0]) not in keys
    assert key(model, to=("onnx",), browser=browsers[0]) == key(model, to=("onnx",))


def test_key_is_another_where_what_custom_objects_may_import_is(kept: Path, model: Path) -> None:
    code = model.parent.parent / "code"
    code.mkdir()
    (code / "train.py").write_text("from layers import Own\n")
    (code / "layers.py").write_text("class Own: pass\n")
    before = key(model, custom_objects=code / "train.py")
    (code / "layers.py").write_text("class Own: more = 1\n")
    assert before and key(model, custom_objects=code / "train.py") != before


def test_what_no_hash_tells_has_no_key(
    kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = pickle.loads(model.read_bytes())
    assert key(live) is None
    assert key(model, reference=np.zeros((3, 2))) is None
    assert key(model, dry_run=True) is None
    assert key(model, cache=False) is None
    monkeypatch.setattr(cache, "_MOST_READ", 100)
    assert key(model) is None
    monkeypatch.setenv(cache.ENVIRONMENT, "")
    assert cache.folder() is None


def without_time(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "manifest.json").read_text())
    del document["created"], document["command"]
    return dict(document)


@pytest.fixture
def first(kept: Path, model: Path) -> Path:
    """The artifact that was made and kept."""
    made = convert(model, output="first", **OPTIONS)
    assert made.artifact and made.passed
    return made.artifact.folder


@pytest.mark.slow
def test_second_conversion_is_the_first_without_tensorflow(first: Path, model: Path) -> None:
    said = ["edge-deploy", "convert", str(model), "--to", "onnx", "--labels", "no,yes", "-o", "b"]
    code = (
        "import sys\nfor name in ('tensorflow', 'sklearn', 'skl2onnx'): sys.modules[name] = None\n"
        f"sys.argv = {said!r}\nfrom edge_deploy import cli\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done
    assert "taken from the cache (--no-cache converts again)" in done.stdout
    assert "✓ pass" in done.stdout
    second = Path("b/side/1")
    assert without_time(second) == without_time(first)
    assert json.loads((second / "manifest.json").read_text())["command"].endswith("-o b")
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True), again


@pytest.mark.slow
def test_command_in_its_cage_is_kept_by_its_parent(kept: Path, model: Path) -> None:
    said = [sys.executable, "-m", "edge_deploy.cli", "convert", str(model), "--to", "onnx"]
    told = [
        subprocess.run([*said, "-o", name, *more], capture_output=True, text=True)
        for name, *more in (("a",), ("b",), ("c", "--no-cache"))
    ]
    assert [done.returncode for done in told] == [0, 0, 0], told
    assert ["from the cache" in done.stdout for done in told] == [False, True, False]
    assert len(list(kept.iterdir())) == 1


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "a byte of a file": lambda entry: flip(entry / "artifact/onnx/side_float32.onnx"),
    "a byte of the verdicts": lambda entry: flip(entry / "artifact/report.json"),
    "a byte of the manifest": lambda entry: flip(entry / "artifact/manifest.json"),
    "a byte of the seal": lambda entry: flip(entry / "manifest.sha256"),
    "a file is gone": lambda entry: (entry / "artifact/labels.txt").unlink(),
    "a file more": lambda entry: (entry / "artifact/more.txt").write_text("1"),
    "a link": lambda entry: (entry / "artifact/more.txt").symlink_to(entry / "manifest.sha256"),
    "no seal": lambda entry: (entry / "manifest.sha256").unlink(),
    "nothing in it": lambda entry: shutil.rmtree(entry / "artifact"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_entry_is_made_anew(first: Path, kept: Path, model: Path, what: str) -> None:
    (entry,) = kept.iterdir()
    DAMAGE[what](entry)
    made = convert(model, output="second", **OPTIONS)
    assert made.artifact and not any("cache" in note for note in made.notes)
    assert not made.artifact.changed_files()
    third = convert(model, output="third", **OPTIONS)
    assert any("taken from the cache" in note for note in third.notes)
    assert third.artifact and without_time(third.artifact.folder) == without_time(
        made.artifact.folder
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="folders there have no modes")
def test_what_others_could_write_is_not_taken(
    first: Path, kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = kept.iterdir()
    whole, options = cache.Key(entry.name), ConvertOptions(**OPTIONS, output=Path("second"))
    kept.chmod(0o1777)
    assert cache.restore(whole, options) is None
    note = cache.keep(whole, first)
    assert note and "others may write to the cache" in note
    kept.chmod(0o700)
    user = os.geteuid()
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: user + 1)  # what another user left there
        assert cache.restore(whole, options) is None
    assert entry.is_dir() and not Path("second").exists()
    shutil.move(entry, kept.parent / "moved")
    entry.symlink_to(kept.parent / "moved")
    assert cache.restore(whole, options) is None
    entry.unlink()
    shutil.move(kept.parent / "moved", entry)
    entry.chmod(0o777)
    assert cache.restore(whole, options) is None
    assert not entry.exists()  # and the next run keeps its own


@pytest.mark.slow
def test_what_did_not_pass_or_was_changed_is_not_kept(first: Path, kept: Path) -> None:
    for name in ("report.json", "labels.txt"):
        other = Path(shutil.copytree(first, Path(name).stem))
        flip(other / name)
        assert cache.keep(cache.Key("0" * 64), other) is None
    assert len(list(kept.iterdir())) == 1


@pytest.mark.slow
def test_what_was_used_least_recently_goes_first(
    first: Path, kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = kept.iterdir()
    size = sum(path.stat().st_size for path in entry.rglob("*") if path.is_file())
    monkeypatch.setattr(cache, "LIMIT", 2 * size + size // 2)
    os.utime(entry, (1, 1))
    cache.keep(cache.Key("a" * 64), first)
    os.utime(kept / ("a" * 64), (2, 2))
    convert(model, output="used", **OPTIONS)  # from the first entry, which is now the newest
    cache.keep(cache.Key("b" * 64), first)
    assert {path.name for path in kept.iterdir()} == {entry.name, "b" * 64}


@pytest.mark.slow
def test_cache_that_cannot_be_written_is_told_and_not_fatal(kept: Path, model: Path) -> None:
    kept.write_text("a file is in its place")
    made = convert(model, output="made", **OPTIONS)
    assert made.artifact and made.passed
    assert [note for note in made.notes if f"the cache {kept} cannot be written" in note]


@pytest.mark.slow
def test_processes_keep_the_same_at_once(first: Path, kept: Path) -> None:
    for entry in kept.iterdir():
        shutil.rmtree(entry)
    dead = kept / ".partial-999999-killed"  # what a killed run left
    (dead / "artifact").mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from edge_deploy.api import cache\n"
        f"sys.exit(cache.keep(cache.Key({'c' * 64!r}), Path({str(first)!r})))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [one.wait() for one in running] == [0] * 4
    assert [path.name for path in kept.iterdir()] == ["c" * 64]
    cache._checked(kept / ("c" * 64) / "artifact", (kept / ("c" * 64) / cache._SEAL).read_text())


def network(folder: Path) -> Path:
    """A classifier of Keras, whose samples are made up."""
    import keras

    from tests.support.models import randomize, save

    layers = [keras.Input((6,), name="x"), keras.layers.Dense(16, "relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(3, "softmax", name="kind")])
    randomize(model)
    (folder / "net").mkdir()
    (folder / "names.txt").write_text("a\nb\nc\n")
    return save(model, folder / "net" / "net.keras")


def content(folder: Path) -> dict[str, Any]:
    """All files of an artifact without the times at which and in which something was done."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name] = path.read_bytes()
    manifest, report = (json.loads(found[name]) for name in ("manifest.json", "report.json"))
    del manifest["created"], manifest["command"]
    manifest["files"] = [one for one in manifest["files"] if not one["path"].startswith("report")]
    for one in (*manifest["artifacts"], {"verification": report["verdicts"]}):
        for row in one["verification"]:
            row["median_ms"] = None
    # Bars in the page are as long as the times.
    opened = open_artifact(folder)
    verdicts = verdicts_of(opened)
    html = documents(opened.manifest, verdicts)["report.html"]
    assert found["report.html"].decode() == html
    timeless = [replace(verdict, median_ms=None) for verdict in verdicts]
    html = documents(opened.manifest, timeless)["report.html"]
    return {**found, "manifest.json": manifest, "report.json": report, "report.html": html}


LABELLED = {
    "given": ("one,two,three", "eins,zwei,drei"),
    "in a file": ("names.txt", "names.txt"),
    "twice the same letters": ("1,0,2", "0,1,<b>&é"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", LABELLED)
def test_other_labels_are_written_over_what_was_kept(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model, (before, after) = network(tmp_path), LABELLED[what]
    asked: dict[str, Any] = {"quantize": "float32,tflite=int8,onnx=dynamic", "min_agreement": 0.1}
    if what != "given":
        asked["to"] = ("tflite", "onnx")
    first = convert(model, labels=before, output="first", **asked)
    assert first.passed and not any("cache" in note for note in first.notes)
    (tmp_path / "names.txt").write_text("z\ny\nx\n")
    quick = convert(model, labels=after, output="quick", **asked)
    assert any("taken from the cache" in note for note in quick.notes)
    whole = convert(model, labels=after, output="whole", cache=False, **asked)
    assert quick.artifact and whole.artifact and first.artifact
    assert not quick.artifact.changed_files()
    made = content(quick.artifact.folder)
    assert made == content(whole.artifact.folder)
    assert made != content(first.artifact.folder)


@pytest.mark.slow
def test_labels_that_do_not_fit_are_refused_as_ever(kept: Path, tmp_path: Path) -> None:
    model = network(tmp_path)
    assert convert(model, labels="a,b,c", output="first", to="onnx").passed
    for labels, words in (("a,b", "2 labels"), ("a,b,a", "twice")):
        with pytest.raises(UsageError, match=words):
            convert(model, labels=labels, output="second", to="onnx")


@pytest.mark.slow
def test_true_answers_by_name_are_looked_at_again(kept: Path, model: Path) -> None:
    data = model.parent / "answers.csv"
    data.write_text(
        "a,b,label\n" + "".join(f"{n},{-n},{'yes' if n > 0 else 'no'}\n" for n in range(-9, 10))
    )
    right = convert(model, labels="no,yes", reference=data, output="first", to="onnx")
    assert right.artifact and right.manifest.reference.performance
    wrong = convert(model, labels="yes,no", reference=data, output="second", to="onnx")
    assert not any("cache" in note for note in wrong.notes)
