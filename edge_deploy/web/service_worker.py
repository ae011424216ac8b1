"""What the service worker of a site keeps, so that it works without a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from edge_deploy.web.site_index import place
from edge_deploy.web.site_writer import Files, file_digest

WORKER = "sw.js"
LIST = "models/offline.js"
# Models that nobody has opened yet are kept only while they are small together.
_WEIGHTS = 50_000_000
# Of these a visitor loads what the device can run: it is kept when it was loaded.
_WHEN_LOADED = ("vendor/", "harness.html", WORKER)
_WASM = "vendor/tfjs-backend-wasm"  # what every device can run
_ALWAYS = {
    "tfjs": (_WASM,),
    "onnx": ("vendor/ort", "vendor/chunk-"),
    "tflite": ("vendor/litert", "vendor/chunk-"),
}
_WHOLE = ("vendor/tfjs.js", "vendor/tfjs-wasm.js", "vendor/tfjs-webgl.js", "vendor/chunk-")


def site_list(
    files: Files, entries: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]] = ()
) -> bytes:
    """``models/offline.js``: the files that sw.js keeps at the first visit.

    Args:
        files: All of the site's.
        entries: The versions of its index that most visitors get.
        others: Further versions that are there: what is theirs alone is kept when it was loaded.

    Returns:
        A script that sets ``SITE`` to {version, files, weights}: paths from the site's root, and
        the models' own files with their hashes.
    """
    weights: list[dict[str, Any]] = []
    of_models = {part for entry in (*entries, *others) for part in _parts(entry)}
    total = 0
    for entry in entries:
        for file in entry["files"]:
            for part in file["parts"]:
                if file["file"] == entry["file"] and total + part["bytes"] <= _WEIGHTS:
                    total += part["bytes"]
                    weights.append({**part, "path": place(entry, part["path"])})
    always = tuple({part for entry in entries for part in _ALWAYS[entry["target"]]})
    # Without kernels of its own the site runs on the whole of TF.js.
    if _WASM in always and not any(name.startswith("models/tfjs-") for name in files):
        always = (*always, *_WHOLE)
    shared = {place(entry, path) for entry in entries for path in entry.get("shared", ())}
    unwanted = tuple(f"models/{entry['folder']}/" for entry in others)
    kept = [
        name
        for name in files
        if name not in of_models
        and name != LIST
        and (name in shared or not name.startswith(unwanted))
        and (name.startswith(always) or not name.startswith(_WHEN_LOADED))
    ]
    version = hashlib.sha256()
    for name, file in sorted(files.items()):
        version.update(f"{name} {file_digest(file)}\n".encode())
    site = {"version": version.hexdigest()[:16], "files": kept, "weights": weights}
    return f"self.SITE = {json.dumps(site)};\n".encode()


def _parts(entry: Mapping[str, Any]) -> list[str]:
    """Where the converted files of a version lie, from the site's root."""
    return [place(entry, part["path"]) for file in entry["files"] for part in file["parts"]]
