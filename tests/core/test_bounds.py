"""A stranger's file is read whole, or refused in words: nothing waits or grows without end."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.cli.options import size
from edge_deploy.core import bounds
from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.core.options import given

GIGABYTE = 2**30


def _link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 * GIGABYTE)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "is a folder, and not a file"),
    "a pipe": (os.mkfifo, "is a pipe, and not a file"),
    "a link to a device": (_link, "is a device, and not a file"),
    "nothing": (lambda path: None, "cannot be read (No such file or directory)"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be read (Too many levels"),
    "too much": (_sparse, "has 5368.7 MB; at most 4295.0 MB are read. If it is yours"),
}


@pytest.mark.parametrize(("make", "says"), NO_FILES.values(), ids=NO_FILES)
@pytest.mark.parametrize("read", [bounds.open_file, bounds.read_bytes, bounds.check_file])
def test_only_a_regular_file_of_a_bounded_size_is_opened(
    make: Callable[[Path], object], says: str, read: Callable[..., object], tmp_path: Path
) -> None:
    make(path := tmp_path / "given")
    with pytest.raises(SourceError) as refused:
        read(path, SourceError)
    assert f"{path}: {says}" in str(refused.value)


def test_file_that_turns_into_a_pipe_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    before = (tmp_path / "file").stat()
    os.mkfifo(path := tmp_path / "given")
    monkeypatch.setattr(Path, "stat", lambda _: before)
    with pytest.raises(UsageError, match="is a pipe"):
        bounds.open_file(path)


def test_limit_holds_for_what_a_public_function_reads(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(100))

    @bounds.bounded
    def read(options: bounds.SizeOptions | None = None, **keywords: Any) -> int:
        given(bounds.SizeOptions, options, keywords, "read")
        return len(bounds.read_bytes(tmp_path / "a"))

    assert read() == read(max_size=100) == read(bounds.SizeOptions(max_size=100)) == 100
    with pytest.raises(UsageError, match=r"has 100 B; at most 99 B are read.*max_size="):
        read(max_size=99)
    with pytest.raises(UsageError, match="max_size=0: a number of bytes above 0"):
        read(max_size=0)
    assert bounds.most() == bounds.DEFAULT


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), ("500MB", 500 * 2**20), ("8 gib", 2**33), ("4GB", bounds.DEFAULT), ("2k", 2048)],
)
def test_size_is_read_as_people_write_it(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "0", "-1", "4.5GB", "many", "1PB", "9" * 30])
def test_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="say it as 500MB or 8GB"):
        size(text)


BAD_JSON = {
    "nested": ("[" * 100_000, "nested too deep"),
    "nested and whole": ("[" * 500 + "]" * 500, "nested more than 100 deep"),
    "objects": ('{"a":' * 100_000, "nested too deep"),
    "NaN": ('{"a": [NaN]}', "holds NaN, which is no number of JSON"),
    "Infinity": ('{"a": -Infinity}', "holds -Infinity, which"),
    "too large": ("[1e999]", "holds 1e999, which is too large"),
    "too many digits": ("1" * 5000, "Exceeds the limit"),
    "half a character": (r'{"\uD800": 1}', "half a character"),
    "nothing": ("", "Expecting value"),
}


@pytest.mark.parametrize(("text", "says"), BAD_JSON.values(), ids=BAD_JSON)
def test_json_that_no_reader_could_bear_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UsageError) as refused:
        bounds.read_json(tmp_path / "a.json")
    assert says in str(refused.value)


def test_json_is_read_with_all_its_characters(tmp_path: Path) -> None:
    text = '\ufeff{"a": [1, 2.5, null], "\\ud83d\\ude00": "\\\\ud800"}'
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert bounds.read_json(tmp_path / "a.json") == {"a": [1, 2.5, None], "😀": "\\ud800"}


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"cat\n\xe9t\xe9\n"])
def test_text_of_another_encoding_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(data)
    with pytest.raises(UsageError, match="cannot be read as UTF-8 text"):
        bounds.read_text(tmp_path / "labels.txt")


def _archive(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], kind: int = 8) -> None:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in members:
            archive.writestr(name, content)


def _symlink(path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    _archive(path, (info, b"/etc/passwd"))


def _many(path: Path) -> None:
    _archive(path, *((str(n), b"") for n in range(20_001)))


def _claims_little(path: Path) -> None:
    """10 MB of zeros that say they are 10 bytes: zipfile stops there, and finds another CRC."""
    _archive(path, ("a", bytes(10**7)))
    data = path.read_bytes()
    path.write_bytes(data.replace((10**7).to_bytes(4, "little"), (10).to_bytes(4, "little")))


BAD_ZIPS: dict[str, tuple[Callable[[Path], None], str]] = {
    "outside": (lambda path: _archive(path, ("../evil", b"")), "'../evil', which lies outside"),
    "outside, of Windows": (lambda path: _archive(path, ("..\\evil", b"")), "lies outside"),
    "absolute": (lambda path: _archive(path, ("/tmp/evil", b"")), "lies outside"),
    "of a drive": (lambda path: _archive(path, ("C:evil", b"")), "lies outside"),
    "a link": (_symlink, "'link' in it is a link or a device"),
    "too many": (_many, "holds 20,001 files; 20,000 are read"),
    "inflates": (lambda path: _archive(path, ("a", bytes(5 * 10**6))), "becomes more than 4.0 MB"),
    "inflates together": (
        lambda path: _archive(path, *((str(n), bytes(10**6)) for n in range(5))),
        "becomes more than 4.0 MB",
    ),
    "another method": (
        lambda path: _archive(path, ("a", b"1"), kind=zipfile.ZIP_LZMA),
        "is compressed by method 14; deflate is read",
    ),
    "claims little": (_claims_little, "cannot be unpacked (Bad CRC-32"),
    "cut": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(50)), "a damaged archive"),
}


@pytest.mark.parametrize(("make", "says"), BAD_ZIPS.values(), ids=BAD_ZIPS)
def test_archive_that_is_no_plain_one_is_refused(
    make: Callable[[Path], None], says: str, tmp_path: Path
) -> None:
    make(path := tmp_path / "a.zip")
    (folder := tmp_path / "out" / "in").mkdir(parents=True)

    @bounds.bounded
    def unpack(*, max_size: int) -> None:
        bounds.extract(path, folder, SourceError)

    with pytest.raises(SourceError) as refused:
        unpack(max_size=4 * 10**6)
    assert says in str(refused.value)
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and folder not in p.parents]
    assert outside == [path]


def test_plain_archive_is_unpacked(tmp_path: Path) -> None:
    _archive(path := tmp_path / "a.zip", ("in/", b""), ("in/b.txt", b"b"), ("c.txt", b"c"))
    bounds.extract(path, tmp_path)
    assert (tmp_path / "in/b.txt").read_bytes() + (tmp_path / "c.txt").read_bytes() == b"bc"
