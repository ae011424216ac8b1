"""Verdicts for people and machines: report.json, and report.html that needs no other file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_deploy.core.messages import option, samples, size_text, times
from edge_deploy.formats.layers import LayerError
from edge_deploy.verification.charts import figure
from edge_deploy.verification.html_page import STYLE
from edge_deploy.verification.metrics import Task
from edge_deploy.verification.verdicts import ZEROS, Verdict, to_json

SCHEMA = "edge-deploy/report/1"
_MARKS = {"pass": "✓ pass", "fail": "✗ FAIL", "not run": "– not run"}


def documents(
    manifest: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    sections: Sequence[str] = (),
) -> dict[str, str]:
    """The two report files by name.

    Args:
        manifest: Of the artifact.
        verdicts: On its files.
        sections: HTML that comes before the table, such as that of the search for these files.
    """
    document = to_document(manifest, verdicts)
    return {
        "report.json": json.dumps(document, ensure_ascii=False, indent=2) + "\n",
        "report.html": to_html(manifest, verdicts, sections),
    }


def to_document(manifest: Mapping[str, Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The machine's form: every verdict with its evidence."""
    statuses = [verdict.status for verdict in verdicts]
    return {
        "schema": SCHEMA,
        "name": manifest["name"],
        "version": manifest["version"],
        "source": manifest["source"],
        "reference": manifest["reference"],
        "ok": "fail" not in statuses and "not run" not in statuses,
        "verdicts": [to_json(verdict) for verdict in verdicts],
    }


def rows(manifest: Mapping[str, Any], verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """The table of verdicts, for the terminal and the page alike (see HEADER)."""
    sizes = {
        entry["files"][0]["path"]: [
            size_text(sum(file[kind] for file in entry["files"]))
            if kind in entry["files"][0]
            else ""
            for kind in ("bytes", "gzip_bytes", "brotli_bytes")
        ]
        for entry in manifest["artifacts"]
    }
    kept = _kept(manifest)
    result: list[tuple[str, ...]] = []
    for verdict in verdicts:
        inside = len(kept.get(verdict.path, ()))
        worst = max(verdict.outputs, key=lambda o: o.needed_rtol, default=None)
        result.append(
            (
                _MARKS[verdict.status],
                verdict.target,
                precision_text(verdict) + (f", {inside} in float" if inside else ""),
                f"{verdict.runtime} {verdict.backend or ''}".strip(),
                *sizes.get(verdict.path, [""] * 3),
                f"{worst.max_abs_error:.1e}" if worst else "",
                f"{worst.limit:.1e}" if worst and math.isfinite(worst.limit) else "",
                *_costs(verdict),
                f"{verdict.median_ms:.2f}" if verdict.median_ms is not None else "",
            )
        )
    return result


MS = (
    "ms: the median time of the model's own answer to one sample, the first answer left out; in a "
    "browser by the page's clock, which ticks every 0.1 ms."
)
HEADER = (
    "verdict", "target", "precision", "runtime", "size", "gzip", "brotli", "max error", "allowed",
    "top-1", "SNR", "task", "ms",
)  # fmt: skip


def _costs(verdict: Verdict) -> tuple[str, str, str]:
    """What compression costs: winners kept, signal to noise, the task metric before and after."""
    kept = [o.top1_agreement for o in verdict.outputs if o.top1_agreement is not None]
    noise = [o.snr_db for o in verdict.outputs if math.isfinite(o.snr_db)]
    task = verdict.task
    return (
        f"{min(kept):.1%}" if kept else "",
        f"{min(noise):.0f} dB" if noise else "",
        f"{task.name} {task.before:.4g} → {task.after:.4g}" if task else "",
    )


def precision_text(verdict: Verdict) -> str:
    """The precision, and the share of zeros in the kernels of a pruned file."""
    if verdict.sparsity is None:
        return verdict.precision
    return f"{verdict.precision}, {verdict.sparsity:.0%} zeros"


def needed(needs: Mapping[str, Any] | None) -> list[str]:
    """What a file asks of an app, a line each."""
    if not needs:
        return []
    operators = ", ".join(
        f"{o['name']} version {o['version']} ({times(o['count'])})" for o in needs["operators"]
    )
    litert = f", LiteRT {needs['min_litert']}" if needs["min_litert"] else ""
    lines = [
        f"operators: {operators}",
        f"oldest runtime: TensorFlow Lite {needs['min_runtime']}{litert}",
    ]
    for kind in ("flex", "custom"):
        if needs[kind]:
            lines.append(f"{kind} operators, which the app must link: {', '.join(needs[kind])}")
    if needs["gpu"]:
        back = ", ".join(f"{b['name']} ({b['reason']})" for b in needs["gpu"]["falls_back"])
        lines.append(f"GPU delegate: {f'leaves to the CPU {back}' if back else 'takes all of it'}")
    memory = needs["peak_memory_bytes_estimate"]
    lines.append(f"tensor memory at its peak: {memory:,} bytes (an estimate)")
    if needs["multiply_adds"] is not None:
        lines.append(f"multiply-adds: {needs['multiply_adds']:,}")
    return lines


def to_html(
    manifest: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    sections: Sequence[str] = (),
) -> str:
    """One page without scripts or foreign files: the table, what failed, a picture an output."""
    title = f"{manifest['name']} {manifest['version']}"
    source, data = manifest["source"], manifest["reference"]
    body = [
        f"<h1>edge-deploy report: {escape(title)}</h1>",
        f"<p>{escape(str(source['file']))} · {escape(str(source['framework']))} · "
        f"{source['parameters'] or 0:,} parameters · "
        f"{samples(data['samples'], data.get('given'), escape(data['origin']))}</p>",
    ]
    if data["origin"] == "synthetic":
        body.append(
            '<p class="note">The reference samples were made up: verdicts on made-up data say '
            f"little about real data. Give real samples with {option('reference')}.</p>"
        )
    if any(verdict.sparsity is not None for verdict in verdicts):
        body.append(f'<p class="note">{escape(ZEROS)}</p>')
    if sections:
        body += [*sections, "<h2>The files</h2>"]
    head = "".join(
        f"<th{' class=n' if n >= 4 else ''}>{escape(name)}</th>" for n, name in enumerate(HEADER)
    )
    body.append(f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>")
    for verdict, cells in zip(verdicts, rows(manifest, verdicts), strict=True):
        first, *rest = cells
        kind = verdict.status.split()[0]
        cols = "".join(
            f"<td{' class=n' if n >= 3 else ''}>{escape(c)}</td>" for n, c in enumerate(rest)
        )
        body.append(f'<tr><td class="{kind}">{escape(first)}</td>{cols}</tr>')
    body.append(f"</tbody></table></div><p>{escape(MS)}</p>")
    for entry in manifest["artifacts"]:
        if lines := needed(entry.get("needs")):
            path = entry["files"][0]["path"]
            items = "".join(f"<li>{escape(line)}</li>" for line in lines)
            body.append(f"<h2>What {escape(path)} needs</h2><ul>{items}</ul>")
    kept = _kept(manifest)
    for verdict in verdicts:
        where = f"{verdict.path} · {verdict.runtime} {verdict.backend or ''}".strip()
        body.append(f"<h2>{escape(where)}</h2>")
        if verdict.reason:
            body.append(f'<p class="not">not run: {escape(verdict.reason)}</p>')
        if names := kept.get(verdict.path):
            body.append(f"<p>kept in float32: {escape(', '.join(names))}</p>")
        body.extend(f'<p class="fail">{escape(problem)}</p>' for problem in verdict.problems)
        body.extend(f"<p>{escape(line)}</p>" for line in verdict.advice)
        if verdict.layers:
            body.append(_layer_table(verdict.layers))
        if verdict.task:
            body.extend(f"<p>{escape(line)}</p>" for line in _task_lines(verdict.task))
        body.extend(figure(output) for output in verdict.outputs)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} – '
        'edge-deploy report</title><meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _kept(manifest: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The layers kept in float, by the file that a verdict names."""
    return {e["files"][0]["path"]: e.get("kept_float") or () for e in manifest["artifacts"]}


def _layer_table(layers: Sequence[LayerError]) -> str:
    rows = "".join(
        f"<tr><td>{escape(e.name)}</td><td class=n>{e.before:.2%}</td>"
        f"<td class=n>{e.after:.2%}</td></tr>"
        for e in layers
    )
    return (
        "<details><summary>error of each layer</summary><div class=wide><table><thead><tr>"
        "<th>layer</th><th class=n>what it takes is off by</th><th class=n>what it gives</th>"
        f"</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _task_lines(task: Task) -> list[str]:
    rows = {task.name: (task.before, task.after), **task.more}
    return [f"{task.output}: {n} {b:.4g} before, {a:.4g} after" for n, (b, a) in rows.items()]
