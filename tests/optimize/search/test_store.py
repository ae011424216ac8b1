"""What a search found so far is there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_deploy.optimize.search.store import open_store

ABOUT = {"model": "a digest"}
FILES = {"model.onnx": b"weights", "one.bin": b"1", "two.bin": b"2"}


@pytest.mark.parametrize("anew", [False, True], ids=["ended", "begun anew"])
def test_a_search_goes_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    """Killed half-way through its removal, the next run would find half of its float32 files."""
    folder = tmp_path / "out/model/.tune-1"
    store = open_store(folder, ABOUT, resume=False, overwrite=False)
    store.keep_float_files("onnx", FILES, None)

    class KilledError(Exception):
        """In place of a signal."""

    unlink, left = os.unlink, iter(range(3))

    def killed(path: str, dir_fd: int | None = None) -> None:
        if next(left, None) is None:
            raise KilledError
        unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", killed)
    with pytest.raises(KilledError):
        open_store(folder, ABOUT, resume=False, overwrite=True) if anew else store.end()
    monkeypatch.undo()
    again = open_store(folder, ABOUT, resume=True, overwrite=False)
    assert again.float_files("onnx") in (None, (FILES, None))
    again.end()
    assert not folder.exists()
