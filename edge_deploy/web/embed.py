"""``demo --embed``: one model in a page of somebody else, as a small module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.core.escapes import c_comment, html_text, json_text
from edge_deploy.core.templates import environment
from edge_deploy.web.site_writer import Files

MODULE = "embed.mjs"
SNIPPET = "embed.html"


def files(model: Artifact, entry: Mapping[str, Any]) -> Files:
    """``embed.mjs``, which exports ``predict``, and ``embed.html``, a page that uses it.

    Args:
        model: The artifact.
        entry: Its entry in the site's index.
    """
    made = environment("edge_deploy.web", escape=json_text)
    module = made.get_template("embed.mjs.j2").render(
        name=Markup(c_comment(f"{model.name} {model.manifest.version}")),
        key=entry["key"],
        takes=Markup(takes(model)),
    )
    page = environment("edge_deploy.web", escape=html_text).get_template("embed.html.j2")
    picture = bool(model.manifest.preprocessing)
    shown = page.render(title=model.name, module=MODULE, picture=picture)
    return {MODULE: module.encode(), SNIPPET: shown.encode()}


def takes(model: Artifact) -> str:
    """What ``predict`` takes, as a JSDoc type."""
    if model.manifest.preprocessing:
        return "Blob"
    if features := model.manifest.features:
        names = (
            json_text(f.name).replace("*/", "*\\/") for f in features
        )  # it stands in a comment
        fields = (f"{name}: number|string" for name in names)
        return "{" + ", ".join(fields) + "}"
    return "Object<string, {data: ArrayLike<number>, shape: number[]}>"
