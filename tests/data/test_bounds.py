"""Data that claims more than there is, or never ends: refused in words, in 1 GB of memory."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.core.spec import ModelSpec, TensorSpec
from edge_deploy.data import npz
from edge_deploy.data.preprocessing.decode import decode_image, pixels
from edge_deploy.data.readers import read, stream
from tests.support.limits import in_little_memory

SPEC = ModelSpec((TensorSpec("x", (None, 3), "float32"),), ())


def array(header: str, data: bytes = b"") -> bytes:
    """A ``.npy`` file with any header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def claims(shape: str, descr: str = "'<f4'", fortran: bool = False) -> bytes:
    return array(f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}", bytes(12))


ARRAYS = {
    "36 TiB": (claims("(3298534883328, 3)"), "would take 39,582,418,599,936 bytes, and 12 are"),
    "a little more": (claims("(2, 3)"), "would take 24 bytes, and 12 are there"),
    "more than 2**64": (claims(f"({2**62}, {2**62})"), "and 12 are there"),
    "rows of nothing": (claims(f"({2**50}, 0)"), "and 12 are there"),
    "fewer than none": (claims("(-1, -3)"), "and 12 are there"),
    "numbers of no bytes": (claims("(1, 3)", "'<U0'"), "and 12 are there"),
    "texts of gigabytes": (claims("(1,)", "'<U500000000'"), "and 12 are there"),
    # More than numpy can count: it says so itself since 2.3, and gave a negative size before.
    "texts past counting": (claims("(1,)", "'<U1000000000'"), "an array"),
    "objects": (claims("(1,)", "'|O'"), "holds an object array"),
    "objects inside": (claims("(1,)", "[('a', '|O')]"), "holds an object array"),
    "nested": (array("(" * 9000), "holds what is not an array"),
    "a long header": (array("{" + " " * 60_000), "holds what is not an array"),
    "code": (array("__import__('os').system('touch evil')"), "holds what is not an array"),
    "another version": (b"\x93NUMPY\x09\x00" + bytes(20), "holds what is not an array"),
    "a pickle": (b"\x80\x04\x95" + bytes(20), "not a numpy file"),
    "nothing": (b"", "not a numpy file"),
}


@pytest.mark.parametrize(("data", "says"), ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("way", ["read", "stream"])
def test_array_that_is_not_what_it_claims_is_refused(
    data: bytes, says: str, suffix: str, way: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".npz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", data)
    else:
        path.write_bytes(data)
    with pytest.raises(UsageError) as refused:
        read(path, SPEC) if way == "read" else stream(path, SPEC, None)
    assert says in str(refused.value)
    assert not Path("evil").exists()


def test_damaged_archive_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, x=np.arange(30, dtype=np.float32).reshape(10, 3))
    data = whole.getvalue()
    path = tmp_path / "a.npz"
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.integers(0, len(data), 150):
        for damaged in (data[:at], data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]):
            path.write_bytes(damaged)
            try:
                read(path, SPEC)
                found = stream(path, SPEC, None)
                assert found is not None
                list(found.read(range(found.count)))
            except UsageError:
                refused += 1
    assert refused > 200


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool"])
def test_array_is_read_as_numpy_reads_it(order: str, dtype: str, tmp_path: Path) -> None:
    values = np.asarray(np.arange(24).reshape(2, 3, 4), dtype, order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", values)
    np.savez_compressed(tmp_path / "a.npz", a=values, b=values[:0], c=np.float32(3))
    for mapped in (False, True):
        found = npz.read_npy(tmp_path / "a.npy", mapped=mapped)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)
    arrays = npz.read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(arrays["a"], values)
    assert (arrays["b"].shape, arrays["c"].shape, float(arrays["c"])) == ((0, 3, 4), (), 3.0)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv", ".png", ".txt"])
@pytest.mark.parametrize("make", [_pipe, _device])
def test_what_is_no_file_is_not_waited_for(
    make: Callable[[Path], None], suffix: str, tmp_path: Path
) -> None:
    make(path := tmp_path / f"a{suffix}")
    with pytest.raises(UsageError, match=r"is a (pipe|device)|reference data is"):
        decode_image(path) if suffix == ".png" else read(path, SPEC)


def test_line_that_does_not_end_is_refused_in_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.write(b"x,y\n1,")
        file.truncate(3 * 2**30)  # a field of zeros
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from edge_deploy.data.csv_reader import read_csv\n"
        "try:\n    read_csv(Path(sys.argv[1]), None)\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = in_little_memory(tmp_path / "a.csv", code=code)
    assert done.stdout.startswith("UsageError"), done
    assert "has a line of more than 16,777,216 characters" in done.stdout


def picture(width: int, height: int) -> bytes:
    """A PNG that claims to be so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    about = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", about) + body + chunk(b"IEND", b"")


def test_picture_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "a.png").write_bytes(picture(50_000, 50_000))
    with pytest.raises(UsageError, match="has more pixels than are read"):
        decode_image(path)
    with pytest.raises(UsageError, match="has more pixels than are read"):
        pixels(path)


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(evil) print\n",
        b"P6 2 2 255 " + bytes(12),
        b"II*\0" + bytes(30),
    ],
    ids=["PostScript", "PPM", "TIFF"],
)
def test_only_pictures_of_a_browser_are_opened(data: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UsageError, match="cannot be read as a picture"):
        decode_image(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_damaged_picture_is_refused_or_read(kind: str, tmp_path: Path) -> None:
    from PIL import Image

    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole, kind)
    data, rng = whole.getvalue(), np.random.default_rng(1)
    for at in rng.integers(0, len(data), 60):
        damaged = data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]
        try:
            assert decode_image(damaged).ndim == 3
        except EdgeDeployError as refused:
            assert "picture" in str(refused)
