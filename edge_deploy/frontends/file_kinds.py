"""What a file or folder is, by its first bytes: suffixes lie (HDF5 named ``.keras`` is common)."""

from __future__ import annotations

from pathlib import Path

from edge_deploy.core.bounds import open_file
from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.core.messages import call
from edge_deploy.frontends import keras_weights
from edge_deploy.frontends.sklearn.catboost_file import is_catboost
from edge_deploy.frontends.sklearn.skops import is_skops

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
# Pickle protocol 2 and later, gzip, bzip2, xz, lzma alone, lz4: what joblib writes, and zlib at
# its levels (whose first byte is an x, with which many a text begins).
_PICKLE = (
    *(b"\x80", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18"),
    *(b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"),
)
READABLE = (
    "a Keras file (.h5, .hdf5, .keras), a SavedModel folder, a frozen graph (.pb), a scikit-learn "
    "pickle, joblib or skops file, a CatBoost .cbm or JSON file, or a .zip with one of them"
)


def sniff(path: Path) -> str:
    """The loader for a model file or folder, from its first bytes.

    Raises:
        UsageError: It is not a trained model; the message says what it looks like instead.
        SourceError: It cannot be read, or is empty.
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
            return "saved_model"
        inside = ", ".join(sorted(p.name for p in path.iterdir())[:5]) or "nothing"
        raise UsageError(
            f"{path}: this folder is not a SavedModel: it has no saved_model.pb (it holds "
            f"{inside}), nor an edge-deploy.toml. Have one written from what lies in it with "
            f"{call('init', path)}, or give the model file itself."
        )
    with open_file(path, SourceError) as file:
        head = file.read(512)
    if not head:
        raise SourceError(f"{path}: the file is empty. Save or download the model again.")
    if head.startswith(b"version https://git-lfs"):
        raise UsageError(
            f"{path}: is a Git LFS pointer, not the model. Fetch the model with: git lfs pull."
        )
    if is_skops(path) or is_catboost(head):
        return "sklearn"
    if head.startswith((_HDF5, _ZIP)):
        return "keras"
    if head[4:8] == b"TFL3":
        raise UsageError(
            f"{path}: this is a .tflite file, already converted. `edge-deploy inspect` shows it, "
            f"`{call('verify', against=...)}` compares it; `convert` wants the trained model."
        )
    if head.startswith(_PICKLE) or (path.suffix in (".pkl", ".pickle", ".joblib") and head):
        return "sklearn"
    if path.suffix == ".pb" and head[:1] == b"\n":  # the first node of a GraphDef
        return "frozen_graph"
    if _is_text(head) and keras_weights.read_architecture(path) is not None:
        raise UsageError(
            f"{path}: describes the layers of a Keras model, and holds no weights. Give the file "
            "that model.save_weights(...) wrote; the layers are then read from this one beside it."
        )
    looks = "a text file" if _is_text(head) else f"of an unknown format ({head[:8].hex(' ')} …)"
    raise UsageError(f"{path}: not a trained model: the file is {looks}. MODEL is {READABLE}.")


def _is_text(head: bytes) -> bool:
    try:
        return head.decode("utf-8").isprintable() or b"\n" in head
    except UnicodeDecodeError:
        return False
