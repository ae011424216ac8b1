"""``demo --embed``: one model in a page of somebody else, as a small module."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.web.site_writer import Files

MODULE = "embed.mjs"
SNIPPET = "embed.html"


def files(model: Artifact, entry: Mapping[str, Any]) -> Files:
    """``embed.mjs``, which exports ``predict``, and ``embed.html``, a page that uses it.

    Args:
        model: The artifact.
        entry: Its entry in the site's index.
    """
    return {MODULE: _module(model, entry).encode(), SNIPPET: _page(model).encode()}


def takes(model: Artifact) -> str:
    """What ``predict`` takes, as a JSDoc type."""
    manifest = model.manifest
    if manifest["preprocessing"]:
        return "Blob"
    if manifest["features"]:
        features = manifest["features"]
        rows = features if isinstance(features, list) else features.get("features", [])
        fields = (f"{json.dumps(f['name'], ensure_ascii=False)}: number|string" for f in rows)
        return "{" + ", ".join(fields) + "}"
    return "Object<string, {data: ArrayLike<number>, shape: number[]}>"


def _module(model: Artifact, entry: Mapping[str, Any]) -> str:
    name = f"{model.name} {model.manifest['version']}".replace("*/", "* /")
    return f"""\
// {json.dumps(name, ensure_ascii=False)[1:-1]}: made by `edge-deploy demo --embed`.
// Copy this folder to your site and import this file from there. All of it stays on the device.
import {{ loadModel }} from './src/embed.js';

/**
 * @typedef {{object}} Answer
 * @property {{string=}} label the most probable class, of a classifier
 * @property {{number=}} probability of that class, 0 to 1
 * @property {{Array<{{label: string, probability: number}}>=}} classes all of them, best first
 * @property {{number=}} value of a regression
 * @property {{string=}} unit of the value
 * @property {{Object<string, {{data: ArrayLike<number>, shape: number[]}}>}} outputs as they are
 * @property {{string}} backend that answered
 * @property {{number}} milliseconds it took
 */

let loading = null;

/**
 * Start to load the model; predict() does it too.
 * @param {{{{onProgress?: (state: {{loaded: number, total: number, cached: boolean}}) => void,
 *   backend?: 'auto'|'webgl'|'wasm'|'webgpu'|'cpu', signal?: AbortSignal}}}} [options]
 * @returns {{Promise<object>}} the model, checked against the original on this device
 */
export function load(options = {{}}) {{
  const site = new URL('./', import.meta.url);
  loading ??= loadModel(site, {json.dumps(entry["key"], ensure_ascii=False)}, options);
  loading.catch(() => {{
    loading = null; // another try may have a network
  }});
  return loading;
}}

/**
 * Answer one input.
 * @param {{{takes(model)}}} input
 * @returns {{Promise<Answer>}}
 */
export async function predict(input) {{
  return (await load()).predict(input);
}}
"""


def _page(model: Artifact) -> str:
    if model.manifest["preprocessing"]:
        control = '<input id="input" type="file" accept="image/*" />'
        value = "document.querySelector('#input').files[0]"
    else:
        control, value = '<button id="input">Predict</button>', "{ /* your values */ }"
    title = html.escape(model.name)
    return f"""\
<!doctype html>
<meta charset="utf-8" />
<title>{title}</title>
<link rel="icon" href="icon.svg" />
<!-- From here on: what a page of yours needs. -->
{control}
<pre id="answer"></pre>
<script type="module">
  import {{ predict }} from './{MODULE}'; // from wherever you put this folder
  const input = document.querySelector('#input');
  input.addEventListener(input.type === 'file' ? 'change' : 'click', async () => {{
    const answer = await predict({value});
    const shown = answer.label ?? answer.value ?? answer.outputs;
    document.querySelector('#answer').textContent = JSON.stringify(shown, null, 1);
  }});
</script>
"""
