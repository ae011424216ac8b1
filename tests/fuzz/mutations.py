"""Damage done to files as a generator of numbers asks for it, at the level of their structure.

A step is three numbers: what is done, where, and with which value. The same steps on the same
file always give the same bytes, so that a finding can be had again.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import pickletools
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Step = tuple[int, int, int]


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


STRINGS = (
    "", " ", "\0", "a\0b", "\ud800", "\ufeff", "\u202egnp.exe", "שלום עולם", "x" * 5000, "\n",
    "a\r\nb",
    "../../../outside", "/etc/passwd", "C:\\nul", "CON", "${HOME}", "%s%n", "{{7*7}}", "'\"`\\",
    "*/", "//", "<script>", "nan", "1e999", "-0", "٣", "[0]", "é" * 200, "float32", "__class__",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0,
    1e308, float("nan"), float("inf"), [], {}, [None], {"": None}, {"a": {"b": []}}, [0] * 999,
    _nested(90), _nested(600), *STRINGS,
)  # fmt: skip
_INTS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63,
    2**64 - 1,
)


class _Pairs(dict[Any, Any]):
    """An object of JSON that has some of its keys twice."""

    def __init__(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> Any:
        return self._pairs


def change_bytes(data: bytes, step: Step, other: bytes = b"") -> bytes:
    """Flip, cut, repeat, splice or overwrite some bytes."""
    what, where, value = step
    if not data:
        return bytes([value & 0xFF])
    at = where % len(data)
    # The head is where most that is read stands.
    at = at % min(len(data), 64) if value & 1 else at
    size = 1 + value % 16
    match what % 10:
        case 0 | 1:
            return data[:at] + bytes([data[at] ^ (1 << value % 8)]) + data[at + 1 :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[at + size :]
        case 4:
            return data[: at + size] + data[at:]
        case 5 | 6:
            number = _INTS[value % len(_INTS)]
            width = (1, 2, 4, 8)[value // 16 % 4]
            raw = (number % (1 << 8 * width)).to_bytes(width, "little" if value & 64 else "big")
            return data[:at] + raw + data[at + width :]
        case 7:
            return data[:at] + os.fsencode(_plain(value)) + data[at:]
        case 8:
            cut = value % (len(other) or 1)
            return data[:at] + other[cut : cut + 256] + data[at + 256 :]
        case _:
            return data + (data[:at] if value & 2 else bytes(size))


def _plain(value: int) -> str:
    return STRINGS[value % len(STRINGS)].replace("\ud800", "\udcff")


def change_json(document: Any, step: Step) -> Any:
    """Replace, drop, double or exchange a value somewhere in a document."""
    what, where, value = step
    places: list[tuple[Any, Any]] = []
    level = [document]
    while level and len(places) < 5000:
        inner = []
        for node in level:
            if isinstance(node, (dict, list)):
                for key in list(node) if isinstance(node, dict) else range(len(node)):
                    places.append((node, key))
                    inner.append(node[key])
        level = inner
    evil = VALUES[value % len(VALUES)]
    if not places:
        return evil
    node, key = places[where % len(places)]
    match what % 8:
        case 0 | 1 | 2:
            node[key] = evil
        case 3:
            del node[key]
        case 4 if isinstance(node, dict):
            node[STRINGS[value % len(STRINGS)]] = node.pop(key)
        case 4 | 5 if isinstance(node, list):
            node.insert(key, node[key])
        case 5:
            doubled = _Pairs([*node.items(), (key, evil)])
            parent = next(((n, k) for n, k in places if n[k] is node), None)
            if parent is None:
                return doubled
            parent[0][parent[1]] = doubled
        case 6:
            other, theirs = places[value % len(places)]
            node[key] = other.get(theirs) if isinstance(other, dict) else other[theirs % len(other)]
        case _:
            node[key] = _kin(node[key], value)
    return document


def _kin(value: Any, seed: int) -> Any:
    """A value of the same type that is not the one that was there."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return (-value, value + 1, value * 1000, 0)[seed % 4]
    if isinstance(value, float):
        return (-value, value * 1e30, 0.0, float("nan"))[seed % 4]
    if isinstance(value, str):
        return (value * 2, value[1:], value.upper(), STRINGS[seed // 4 % len(STRINGS)])[seed % 4]
    return [value, value]


def json_bytes(document: Any) -> bytes:
    """A document as text; half a character becomes the bytes of it that are no UTF-8."""
    try:
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):  # it was put into itself
        return b"[" * 100_000


def _change_as_json(data: bytes, step: Step) -> bytes:
    try:
        return json_bytes(change_json(json.loads(data), step))
    except (ValueError, RecursionError, LookupError):  # the steps before left little of it
        return change_bytes(data, step)


def _change_text(data: bytes, step: Step) -> bytes:
    what, where, value = step
    lines = data.split(b"\n")
    at = where % len(lines)
    text = STRINGS[value % len(STRINGS)].encode("utf-8", "surrogatepass")
    match what % 8:
        case 0:
            lines[at] = text
        case 1:
            lines.insert(at, text)
        case 2:
            del lines[at]
        case 3:
            lines.insert(at, lines[at])
        case 4:
            cells = lines[at].split(b",")
            cells[value % len(cells)] = text
            lines[at] = b",".join(cells)
        case 5:
            return data.decode("utf-8", "replace").encode(
                ("utf-16", "utf-32", "latin-1")[value % 3], "replace"
            )
        case 6:
            lines = [line + b"," + text for line in lines]
        case _:
            lines[at] = b'"' + lines[at]
    return b"\n".join(lines)


def _change_zip(data: bytes, step: Step) -> bytes:
    """Damage members with or without a right checksum, and the archive's own table."""
    what, where, value = step
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [[info.filename, archive.read(info)] for info in archive.infolist()]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError):
        return change_bytes(data, step)
    except Exception as error:  # zlib.error, of what was damaged before
        assert "decompress" in str(error), error
        return change_bytes(data, step)
    if not members:
        return change_bytes(data, step)
    place = where % len(members)
    match what % 8:
        case 0 | 1 | 2:
            name, content = members[place]
            members[place][1] = change_content(name, content, (what // 8, where // 7, value))
        case 3:
            del members[place]
        case 4:
            name = _plain(value).encode("utf-8", "replace").decode()
            members[place][0] = name.partition("\0")[0] or "x"
        case 5:
            members.append([members[place][0], members[value % len(members)][1]])
        case 6:
            members[place][1] = b""
        case _:
            return change_bytes(data, (what // 8, where, value))
    packed = io.BytesIO()
    kind = zipfile.ZIP_STORED if value & 1 else zipfile.ZIP_DEFLATED
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w", kind) as archive:
        warnings.simplefilter("ignore", UserWarning)  # a name that is there twice
        for name, content in members:
            archive.writestr(str(name), content)
    return packed.getvalue()


def _change_pickle(data: bytes, step: Step) -> bytes:
    """Drop, double or exchange opcodes, and the names and numbers they carry."""
    what, where, value = step
    try:
        ops = list(pickletools.genops(data))
    except Exception:  # raised as anything: it is no pickle any more
        return change_bytes(data, step)
    starts = [place for _, _, place in ops] + [len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(starts)]
    at = where % len(pieces)
    match what % 8:
        case 0:
            del pieces[at]
        case 1:
            pieces.insert(at, pieces[at])
        case 2:
            other = value % len(pieces)
            pieces[at], pieces[other] = pieces[other], pieces[at]
        case 3 | 4:
            pieces[at] = pieces[value % len(pieces)]
        case 5:
            names = [
                n for n, (op, _, _) in enumerate(ops) if "UNICODE" in op.name or op.name == "GLOBAL"
            ]
            if names:
                text = _plain(value).encode("utf-8", "replace")
                pieces[names[where % len(names)]] = b"X" + len(text).to_bytes(4, "little") + text
        case 6:
            numbers = [
                n for n, (op, _, _) in enumerate(ops) if op.name.startswith(("BININT", "BINFLOAT"))
            ]
            if numbers:
                number = _INTS[value % len(_INTS)] % 2**31 * (-1) ** (value // 16)
                pieces[numbers[where % len(numbers)]] = b"J" + number.to_bytes(
                    4, "little", signed=True
                )
        case _:
            opcodes = b"(.0123]}be\x81\x92RNl\x85\x86\x87\x90\x93asuq\x94h"
            pieces[at] = opcodes[value % len(opcodes) :][:1]
    return b"".join(pieces)


def _change_gzip(data: bytes, step: Step) -> bytes:
    try:
        return gzip.compress(_change_pickle(gzip.decompress(data), step))
    except Exception:  # zlib.error, EOFError: damaged before
        return change_bytes(data, step)


def _change_hdf5(data: bytes, step: Step) -> bytes:
    """Change, drop or retype attributes and datasets."""
    import h5py
    import numpy as np

    what, where, value = step
    held = io.BytesIO(data)
    try:
        with h5py.File(held, "r+") as file:
            nodes: list[Any] = [file]
            file.visititems(lambda _, node: nodes.append(node))
            attributes = [(node, name) for node in nodes for name in node.attrs]
            node, name = attributes[where % len(attributes)]
            if what % 8 in (0, 1, 2) and "model_config" in file.attrs:
                node, name = file, "model_config"
            known = node.attrs[name]
            text = known.decode() if isinstance(known, bytes) else known
            match what % 8:
                case 0 | 1 | 2 if isinstance(text, str) and text.startswith("{"):
                    new = json_bytes(change_json(json.loads(text), (what // 8, where, value)))
                    node.attrs[name] = new[:60_000]
                case 3:
                    del node.attrs[name]
                case 4:
                    strange = (
                        7,
                        np.nan,
                        b"\xff\xfe",
                        np.zeros((2, 2)),
                        np.array([b"a", b"\xff"]),
                        "",
                        b"[" * 5000,
                    )
                    node.attrs[name] = strange[value % len(strange)]
                case 5:
                    other, theirs = attributes[value % len(attributes)]
                    node.attrs[name] = other.attrs[theirs]
                case _:
                    sets = [n for n in nodes if isinstance(n, h5py.Dataset)]
                    path = sets[where % len(sets)].name
                    del file[path]
                    if what % 2:
                        shapes: tuple[Any, ...] = ((0,), (1,), (3, 3, 3), (), (4, 3))
                        kinds = ("<f4", "<f8", "<i4", "S3", "<c8", "?")
                        file[path] = np.zeros(shapes[value % 5], kinds[value // 5 % 6])
        return held.getvalue()
    except Exception:  # HDF5 raises anything of what was damaged before
        return change_bytes(data, step)


def _change_npy(data: bytes, step: Step) -> bytes:
    """Another header (shape, order, dtype) over the same numbers."""
    what, where, value = step
    shapes = (
        "()",
        "(0,)",
        "(3,)",
        "(2, 9)",
        "(999999999999,)",
        "(-1, 3)",
        "(2, 3, 1)",
        "(6, 3,",
        "((1,),)",
    )
    kinds = (
        "<f4",
        ">f8",
        "|O",
        "<U9",
        "|V4",
        "<M8[ns]",
        "<c16",
        "|b1",
        "<f2",
        "<i8",
        "x",
        "|S0",
        "[('a', '<f4')]",
    )
    kind = kinds[value % len(kinds)]
    descr = kind if kind.startswith("[") else repr(kind)
    shape = shapes[where // 2 % len(shapes)]
    header = f"{{'descr': {descr}, 'fortran_order': {bool(where & 1)}, 'shape': {shape}, }}"
    if what % 4 == 0:
        return change_bytes(data, (what // 4, where, value))
    raw = header.encode().ljust(117) + b"\n"
    version = (b"\1\0", b"\1\0", b"\2\0", b"\7\0")[what // 4 % 4]
    return (
        b"\x93NUMPY"
        + version
        + len(raw).to_bytes(4 if version == b"\2\0" else 2, "little")
        + raw
        + data[128:]
    )


_BY_SUFFIX: dict[str, Callable[[bytes, Step], bytes]] = {
    ".json": _change_as_json,
    ".txt": _change_text,
    ".csv": _change_text,
    ".md": _change_text,
    ".py": _change_text,
    ".toml": _change_text,
    ".ipynb": _change_as_json,
    ".npy": _change_npy,
    ".pkl": _change_pickle,
    ".joblib": _change_pickle,
}


def change_content(name: str, data: bytes, step: Step, other: bytes = b"") -> bytes:
    """Damage a file's content by what it holds, or (a third of the time) as mere bytes."""
    what, where, value = step
    if what % 3 == 0:
        return change_bytes(data, (what // 3, where, value), other)
    step = (what // 3, where, value)
    if data.startswith(b"PK"):
        return _change_zip(data, step)
    if data.startswith(b"\x89HDF"):
        return _change_hdf5(data, step)
    if data.startswith(b"\x1f\x8b"):
        return _change_gzip(data, step)
    change = _BY_SUFFIX.get(Path(name).suffix)
    return change(data, step) if change else change_bytes(data, step, other)


def plain_files(folder: Path) -> list[Path]:
    """The files of a folder, without links (which lead out of it), pipes and devices."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def change_path(path: Path, step: Step, other: bytes = b"") -> None:
    """Damage a file, or one file of a folder, in place; now and then it is gone, or no file."""
    files = [path] if path.is_file() else plain_files(path)
    if not files:
        return
    what, where, value = step
    file = files[where % len(files)]
    if what % 50 == 49 and path.is_dir():
        file.unlink()
        (
            lambda: None,
            file.mkdir,
            lambda: os.mkfifo(file),
            lambda: file.symlink_to("/dev/zero"),
            lambda: file.symlink_to("/etc/hostname"),
            lambda: file.symlink_to(file.name),
        )[value % 6]()
        return
    file.write_bytes(change_content(file.name, file.read_bytes(), (what, where // 3, value), other))
