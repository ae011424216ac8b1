"""Files and folders that change in one step, and what meets another run."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_deploy.core import atomic_io
from edge_deploy.core.errors import EdgeDeployError


def tree(folder: Path) -> dict[str, str]:
    """Every file's text."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_text() for p in files}


@pytest.fixture
def folder() -> Path:
    """Some files to change."""
    path = Path("all/one").absolute()
    (path / "inner").mkdir(parents=True)
    for name in ("a", "b", "inner/c"):
        (path / name).write_text(f"old {name}")
    Path("new").write_text("new c")
    return path


@pytest.mark.parametrize("there", ["", "all/one/inner"], ids=["beside it", "in it"])
@pytest.mark.parametrize("can", [True, False], ids=["exchanged", "not exchanged"])
def test_a_folder_is_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, there: str, can: bool
) -> None:
    if not can:
        monkeypatch.setattr(atomic_io, "exchange", lambda one, other: False)
    new, other = Path("new").absolute(), Path("other").absolute()
    other.write_text("new c")
    if there:  # the folder that we stand in must stay the one that it is
        monkeypatch.chdir(there)
    before = folder.stat().st_ino
    atomic_io.replace_all(
        {new: folder / "inner/c", other: folder / "inner/deep/d"},
        {folder / "a": "new a"},
        [folder / "b"],
        folder,
    )
    assert tree(folder) == {"a": "new a", "inner/c": "new c", "inner/deep/d": "new c"}
    assert can or folder.stat().st_ino == before
    assert not there or Path("c").read_text() == "new c"
    assert [p.name for p in folder.parent.iterdir()] == ["one"]


def test_folders_take_each_others_names_in_one_step(folder: Path) -> None:
    other = folder.with_name("two")
    other.mkdir()
    if not atomic_io.exchange(folder, other):
        pytest.skip("this system, or its file system, cannot")
    assert tree(folder) == {} and len(tree(other)) == 3


def test_a_version_is_replaced_where_folders_cannot_be_exchanged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_io, "exchange", lambda one, other: False)
    with atomic_io.staged(Path("all"), folder) as stage:
        (stage / "x").write_text("x")
    assert tree(Path("all")) == {"one/x": "x"}


def test_a_version_that_was_set_aside_by_a_killed_run_is_put_back(folder: Path) -> None:
    before = tree(folder)
    folder.rename(folder.with_name(".one.replaced"))
    with pytest.raises(KeyError), atomic_io.staged(Path("all"), folder):
        raise KeyError
    assert tree(folder) == before and [p.name for p in Path("all").iterdir()] == ["one"]


def test_a_version_that_another_run_made_meanwhile_is_left(folder: Path) -> None:
    final = Path("all/two")
    with (
        pytest.raises(EdgeDeployError, match="was written by another run meanwhile"),
        atomic_io.staged(Path("all"), final) as stage,
    ):
        (stage / "x").write_text("mine")
        final.mkdir()
        (final / "x").write_text("theirs")
    assert tree(final) == {"x": "theirs"}
    assert sorted(p.name for p in Path("all").iterdir()) == ["one", "two"]


HOLD = """
import sys, time
from pathlib import Path
from edge_deploy.core.atomic_io import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_in_use_is_waited_for_and_told(folder: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no locks of folders there")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with (
            pytest.raises(EdgeDeployError, match="in use by another run"),
            atomic_io.locked(folder, seconds=0.1),
        ):
            pass
    finally:
        other.kill()
        other.communicate()
    with atomic_io.locked(folder, seconds=0.1):  # a run that was killed holds nothing
        pass


def test_half_written_texts_of_killed_runs_are_cleared_away(folder: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        (folder / f".a.{pid}").write_text("half")
    mine = folder / f".b.{gone.pid}"
    mine.write_text("of another file")
    atomic_io.replace_text(folder / "a", "new a")
    left = {p.name for p in folder.iterdir() if p.name.startswith(".")}
    assert left == {mine.name}, "its own part is the one that it wrote and moved"
    assert (folder / "a").read_text() == "new a"


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Free some space or name another"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "if another run has removed it, or name"),
    ],
)
def test_what_cannot_be_written_is_said_with_its_mend(
    folder: Path, error: OSError, mend: str
) -> None:
    says = rf"cannot be written \(No s.*{mend}"
    with pytest.raises(EdgeDeployError, match=says), atomic_io.writing(folder):
        raise error
