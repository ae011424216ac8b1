"""A hostile artifact: nothing outside of it is read, published or written, by no command."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import edge_deploy
from edge_deploy.api.demo import build_demo
from edge_deploy.artifact.artifact import check_name, open_artifact
from edge_deploy.artifact.inner_paths import name_fault, path_fault
from edge_deploy.core.errors import ArtifactError, EdgeDeployError, UsageError
from tests.api.test_demo import make_artifact

SECRET = "-----BEGIN PRIVATE KEY-----"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artifact(tmp_path_factory.mktemp("sound"), "costs")


@pytest.fixture
def found(sound: Path, tmp_path: Path) -> Path:
    """A copy beside a secret file and a secret folder."""
    (tmp_path / "secret").mkdir()
    for name in ("secret.json", "secret/a.json"):
        (tmp_path / name).write_text(f'["{SECRET}"]')
    folder = tmp_path / "artifact"
    shutil.copytree(sound, folder)
    return folder


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    change(document)
    (folder / "manifest.json").write_text(json.dumps(document))


def lists(path: str) -> Callable[[Path], None]:
    """A manifest that lists one more file, as whole as it can be."""

    def change(folder: Path) -> None:
        edit(folder, lambda d: d["files"].append({"path": path, "bytes": 31, "sha256": "0" * 64}))

    return change


def converts(path: str) -> Callable[[Path], None]:
    """A manifest whose converted file is another."""
    return lambda folder: edit(folder, lambda d: d["artifacts"][0]["files"][0].update(path=path))


def becomes(key: str, value: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder, lambda d: d.update({key: value}))


def linked(inner: str, to: str, *, folder: bool = False) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        place = root / inner
        if place.is_dir():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.symlink_to(root.parent / to, target_is_directory=folder)

    return change


def pipe(inner: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / inner).unlink(missing_ok=True)
        os.mkfifo(root / inner)

    return change


def too_large(root: Path) -> None:
    with (root / "evaluation.npz").open("wb") as file:
        file.truncate(5 * 2**30)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a sample above": (lists("../secret.json"), "it leads outside"),
    "a sample above, from within": (lists("samples/../../secret.json"), "it leads outside"),
    "an absolute sample": (lists("/etc/hostname"), "it leads outside"),
    "a backslash": (lists("samples\\..\\..\\secret.json"), r"it holds \\"),
    "a drive": (lists("C:/secret.json"), "it holds :"),
    "a stream of Windows": (lists("samples/a.json:b"), "it holds :"),
    "a device of Windows": (lists("samples/NUL.json"), "it is a device on Windows"),
    "a port of Windows": (lists("com¹"), "it is a device on Windows"),
    "a dot at the end": (lists("samples./a.json"), "starts or ends with a dot"),
    "a space at the end": (lists("samples/a.json "), "starts or ends with a dot or a space"),
    "this folder": (lists("samples/./a.json"), "it is not plain"),
    "nothing between": (lists("samples//a.json"), "it is not plain"),
    "no path": (lists(""), "it is not plain"),
    "a line's end": (lists("samples/a\n.json"), "a control character"),
    "the end of a string": (lists("samples/a\0.json"), "a control character"),
    "right to left": (lists("samples/nosj.\u202ea"), "a control character"),
    "a long name": (lists(f"samples/{'a' * 300}"), "it is longer than 200 bytes"),
    "a long path": (lists("/".join("ab" * 150)), "it is longer than 400 bytes"),
    "a file twice": (lists("samples/samples.json"), "is there twice"),
    "a file in capitals": (lists("samples/SAMPLES.json"), "where case does not count"),
    "a converted file above": (converts("../secret.json"), "it leads outside"),
    "an absolute converted file": (converts("/etc/hostname"), "it leads outside"),
    "the manifest as a converted file": (converts("manifest.json"), "is no converted file"),
    "a name above": (becomes("name", "../../out"), "cannot name a folder"),
    "an absolute name": (becomes("name", "/tmp/out"), "cannot name a folder"),
    "a version above": (becomes("version", "../1"), "cannot name a folder"),
    "a name of two lines": (becomes("name", "a\nb"), "cannot name a folder"),
    "half a character": (becomes("name", "\ud800"), "half a character"),
    "a linked sample": (linked("samples/samples.json", "secret.json"), "is a link"),
    "linked samples": (linked("samples", "secret", folder=True), "is a link"),
    "a linked reference": (linked("reference.npz", "secret.json"), "is a link"),
    "a linked evaluation": (linked("evaluation.npz", "secret.json"), "is a link"),
    "linked labels": (linked("labels.txt", "secret.json"), "is a link"),
    "a linked report": (linked("report.json", "secret.json"), "is a link"),
    "a linked search": (linked("tuning.json", "secret.json"), "is a link"),
    "a linked model": (linked("tfjs/float32/model.json", "secret.json"), "is a link"),
    "a linked format": (linked("tflite", "secret", folder=True), "is a link"),
    "a linked manifest": (linked("manifest.json", "artifact2/manifest.json"), "is a link"),
    "a pipe": (pipe("samples/samples.json"), "is a pipe"),
    "a pipe for a report": (pipe("report.json"), "is a pipe"),
    "a pipe for a manifest": (pipe("manifest.json"), "is a pipe|no manifest.json|not a SavedModel"),
    "too much": (too_large, "at most 4295.0 MB are read"),
}
COMMANDS: dict[str, Callable[[Path], object]] = {
    "demo": lambda folder: build_demo([folder], folder.parent / "site"),
    "verify": lambda folder: edge_deploy.verify(folder, only="tflite"),
    "run": lambda folder: edge_deploy.run(folder, {"length": 1, "pet": "yes"}),
    "bundle": lambda folder: edge_deploy.bundle(folder, "python", folder.parent / "bundle"),
    "snippet": lambda folder: edge_deploy.snippet(folder, "python"),
    "inspect": edge_deploy.inspect,
    "quantize": lambda folder: edge_deploy.quantize(folder, to="float16"),
    "bench": lambda folder: edge_deploy.bench([folder]),
}


def everything(folder: Path) -> Iterator[tuple[str, object]]:
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        yield path.relative_to(folder).as_posix(), (about.st_mode, about.st_size, about.st_mtime_ns)


@pytest.mark.parametrize(("change", "says"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_artifact_is_refused_before_anything_is_read_or_written(
    change: Callable[[Path], None], says: str, found: Path
) -> None:
    shutil.copytree(found, found.parent / "artifact2")
    change(found)
    before = list(everything(found.parent))
    for command in COMMANDS.values():
        with pytest.raises(EdgeDeployError, match=says) as refused:
            command(found)
        assert SECRET not in str(refused.value)
        assert list(everything(found.parent)) == before


def test_sound_artifact_is_opened_also_through_a_link(found: Path) -> None:
    (found.parent / "latest").symlink_to(found)
    assert open_artifact(found.parent / "latest").name == "costs"
    assert [site.name for site in build_demo(found, found.parent / "site").folder.iterdir()]


@pytest.mark.parametrize(
    "name",
    ["a", "digits-mlp", "1.0", "a b", "köttbullar", "猫と犬", "100% & more", "a,b;c#d", "connect",
     "it's", "a.tar.gz", "👩‍🔬", "nul-model"],
)  # fmt: skip
def test_name_that_every_system_takes_is_taken(name: str) -> None:
    assert name_fault(name) is None
    assert path_fault(f"samples/{name}") is None
    assert check_name("name", name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", ".a", "a.", "a ", " a", "a/b", "a\\b", "a:b", "a*", "a?", 'a"', "<a>",
     "a|b", "a\tb", "a\x7f", "\ud800", "a\u202eb", "a\u2028b", "con", "AUX.txt", "lpt9", "COM³.a",
     "é" * 61],
)  # fmt: skip
def test_name_that_some_system_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a folder on every system: it "):
        check_name("name", name)


ROWS = {
    "no rows": '{"a": 1}',
    "rows of numbers": "[1, 2]",
    "not a number": "[NaN]",
    "a number in words": '[{"length": "long", "pet": "yes"}]',
    "half a character": '[{"length": 1, "pet": "\\ud800"}]',
    "nested": "[" * 100_000,
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize("text", ROWS.values(), ids=ROWS)
def test_edited_rows_are_refused_in_words(text: str, found: Path) -> None:
    from edge_deploy.artifact.manifest import columns_of
    from edge_deploy.codegen import context

    path = found / "samples" / "samples.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    opened = open_artifact(found)
    with pytest.raises(ArtifactError):
        context.rows(opened, columns_of(opened.manifest) or ())
