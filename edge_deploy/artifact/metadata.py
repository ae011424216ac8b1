"""What every converted file carries of its manifest."""

from __future__ import annotations

import hashlib
from typing import Any

from edge_deploy.artifact.document import (
    to_document,
)
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.artifact.preparation import FeatureEntry, TextEntry, TokensEntry


def file_metadata(manifest: Manifest) -> dict[str, Any]:
    """What every file carries of the manifest; of a vocabulary, only which one it is."""
    before, features = manifest.preprocessing, manifest.features
    return {
        "name": manifest.name,
        "version": manifest.version,
        "source_sha256": manifest.source.sha256,
        "classes": {o.name: list(o.classes) for o in manifest.outputs if o.classes},
        "preprocessing": to_document(before) if before else None,
        "features": [_brief(f) for f in features] if features else None,
        "inputs": {i.name: {"kind": i.kind} for i in manifest.inputs},
        "outputs": {o.name: {"kind": o.kind, "unit": o.unit} for o in manifest.outputs},
    }


LATER = ("features", "inputs", "outputs")
"""Keys of file_metadata that files of before do not carry."""


def _brief(feature: FeatureEntry) -> dict[str, Any]:
    """A column without its vocabulary, which may be larger than the model itself."""
    brief = to_document(feature)
    if feature.text:
        brief["text"] = _brief_text(feature.text)
    if feature.tokens:
        brief["tokens"] = _brief_words(feature.tokens)
    return brief


def _brief_words(text: TextEntry | TokensEntry) -> dict[str, Any]:
    brief = to_document(text)
    if words := text.vocabulary:
        digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
        brief["vocabulary"] = {"size": len(words), "sha256": digest}
    return brief


def _brief_text(text: TextEntry) -> dict[str, Any]:
    brief = _brief_words(text)
    if text.also:
        brief["also"] = [_brief_text(one) for one in text.also]
    return brief
