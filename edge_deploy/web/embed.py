"""``demo --embed``: the models in a page of somebody else, as modules and as an element."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.preparation import FeatureEntry
from edge_deploy.core.escapes import c_comment, html_text, json_text
from edge_deploy.core.templates import environment
from edge_deploy.web.site_writer import Files

MODULE = "embed.mjs"
TYPES = "embed.d.mts"
ELEMENT = "edge-model.mjs"
SNIPPET = "embed.html"
PATHS = (MODULE, TYPES, ELEMENT, SNIPPET)
_ELEMENT_SOURCE = "src/edge-model.js"
_FEW = 64
"""Numbers of a tensor that an example spells out."""


def files(shell: Path, models: Sequence[Artifact], entries: Sequence[Mapping[str, Any]]) -> Files:
    """The modules, their types, the element, and a page that uses them.

    Args:
        shell: The page's folder.
        models: The artifacts.
        entries: Their entries in the site's index.
    """
    made = environment("edge_deploy.web", escape=json_text)
    keys = [str(entry["key"]) for entry in entries]
    told = [
        {"key": key, "takes": Markup(takes(model)), "name": Markup(c_comment(model.name))}
        for key, model in zip(keys, models, strict=True)
    ]
    page = environment("edge_deploy.web", escape=html_text).get_template(SNIPPET + ".j2")
    shown = [
        {"key": entry["key"], "script": _script(entry["key"]), "input": _example(model, entry)}
        | {"picture": bool(model.manifest.preprocessing)}
        for model, entry in zip(models, entries, strict=True)
    ]
    title = ", ".join(model.name for model in models)
    return {
        MODULE: made.get_template(MODULE + ".j2").render(models=told).encode(),
        TYPES: made.get_template(TYPES + ".j2").render(models=told).encode(),
        ELEMENT: shell / _ELEMENT_SOURCE,
        SNIPPET: page.render(title=title, module=MODULE, element=ELEMENT, models=shown).encode(),
    }


def kept(site: Path, record: Collection[str]) -> list[str]:
    """What ``files`` wrote in a site, and the samples of models that its page shows.

    Args:
        site: The site.
        record: The paths of all that was written in it.
    """
    if SNIPPET not in record or not (site / SNIPPET).is_file():
        return [path for path in record if path in PATHS]
    page = (site / SNIPPET).read_text("utf-8")
    return [
        p for p in record if p in PATHS or (p.startswith("models/") and f'"{quote(p)}"' in page)
    ]


def takes(model: Artifact) -> str:
    """What ``predict`` takes, as a TypeScript type."""
    if model.manifest.preprocessing:
        return "Blob"
    if features := model.manifest.features:
        # In comments too, which a name could end.
        names = (json_text(feature.name).replace("*/", "*\\/") for feature in features)
        return "{ " + "; ".join(f"{name}: number | string" for name in names) + " }"
    return "Record<string, { data: ArrayLike<number>; shape: number[] }>"


def _example(model: Artifact, entry: Mapping[str, Any]) -> Markup:
    """JavaScript for an input that the model takes: of its samples, where it has some."""
    manifest = model.manifest
    if manifest.preprocessing:
        if not entry["pictures"]:
            return Markup("null")
        path = quote(f"models/{entry['folder']}/{entry['pictures'][0]}")
        return Markup(f"await (await fetch({_script(path)})).blob()")
    if manifest.features:
        rows = _rows(model, entry)
        row = {feature.name: _value(feature, rows) for feature in manifest.features}
        return _script(row)
    data = model.reference()
    tensors = []
    for spec in manifest.inputs:
        values = data.inputs[spec.name][:1]
        numbers = _script([float(value) for value in values.ravel()])
        if values.size > _FEW:
            numbers = Markup(f"new Float32Array({values.size}).fill(0.5)")
        shape = _script(list(values.shape))
        tensors.append(f"{_script(spec.name)}: {{ data: {numbers}, shape: {shape} }}")
    return Markup("{ " + ", ".join(tensors) + " }")


def _script(value: Any) -> Markup:
    """JSON within a script of a page, which a tag in it would end."""
    return Markup(json_text(value).replace("<", "\\u003c"))


def _rows(model: Artifact, entry: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if not entry["rows"]:
        return []
    found: list[Mapping[str, Any]] = json.loads((model.folder / entry["rows"]).read_text("utf-8"))
    return found


def _value(feature: FeatureEntry, rows: Sequence[Mapping[str, Any]]) -> Any:
    """The first sample's value, else the form's own."""
    for row in rows[:1]:
        if (value := row.get(feature.name)) not in (None, ""):
            return value
    if feature.default is not None:
        return feature.default
    if feature.kind == "category" and feature.categories:
        return feature.categories[0]
    return "" if feature.kind == "text" else (feature.min if feature.min is not None else 0)
