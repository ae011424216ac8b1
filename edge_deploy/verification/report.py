"""Verdicts for people and machines: report.json, and report.html that needs no other file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from msgspec import UnsetType

from edge_deploy.artifact.document import to_document as plain
from edge_deploy.artifact.file_entry import Requirements
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core.escapes import visible
from edge_deploy.core.messages import option, samples, size_text, times
from edge_deploy.verification.charts import errors
from edge_deploy.verification.html_page import render
from edge_deploy.verification.metrics import IN_UNITS, Confusion, Task
from edge_deploy.verification.verdicts import ZEROS, Verdict, to_json

SCHEMA = "edge-deploy/report/1"
_MARKS = {"pass": "✓ pass", "fail": "✗ FAIL", "not run": "– not run"}


def documents(
    manifest: Manifest,
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


def to_document(manifest: Manifest, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The machine's form: every verdict with its evidence."""
    statuses = [verdict.status for verdict in verdicts]
    return {
        "schema": SCHEMA,
        "name": manifest.name,
        "version": manifest.version,
        "source": plain(manifest.source),
        "reference": plain(manifest.reference),
        "warnings": [warning.text for warning in manifest.reference.warnings or ()],
        "ok": "fail" not in statuses and "not run" not in statuses,
        "verdicts": [to_json(verdict) for verdict in verdicts],
    }


def rows(manifest: Manifest, verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """The table of verdicts, for the terminal and the page alike (see HEADER)."""
    sizes = {
        entry.path: [
            size_text(size) if size else ""
            for size in (entry.bytes, entry.gzip_bytes, entry.brotli_bytes)
        ]
        for entry in manifest.artifacts
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
    # Once where it did not change, as with nearly every float32 file: two are too wide to read.
    figures = [f"{value:.4g}" for value in (task.before, task.after)] if task else []
    return (
        f"{min(kept):.1%}" if kept else "",
        f"{min(noise):.0f} dB" if noise else "",
        f"{task.name} {' → '.join(dict.fromkeys(figures))}" if task else "",
    )


def precision_text(verdict: Verdict) -> str:
    """The precision, and the share of zeros in the kernels of a pruned file."""
    if verdict.sparsity is None:
        return verdict.precision
    return f"{verdict.precision}, {verdict.sparsity:.0%} zeros"


def needed(needs: Requirements | UnsetType | None) -> list[str]:
    """What a file asks of an app, a line each."""
    if not needs:
        return []
    operators = ", ".join(
        f"{o.name} version {o.version} ({times(o.count)})" for o in needs.operators
    )
    litert = f", LiteRT {needs.min_litert}" if needs.min_litert else ""
    lines = [
        f"operators: {operators}",
        f"oldest runtime: TensorFlow Lite {needs.min_runtime}{litert}",
    ]
    for kind, names in (("flex", needs.flex), ("custom", needs.custom)):
        if names:
            lines.append(f"{kind} operators, which the app must link: {', '.join(names)}")
    if needs.gpu:
        back = ", ".join(f"{b.name} ({b.reason})" for b in needs.gpu.falls_back)
        lines.append(f"GPU delegate: {f'leaves to the CPU {back}' if back else 'takes all of it'}")
    memory = needs.peak_memory_bytes_estimate
    lines.append(f"tensor memory at its peak: {memory:,} bytes (an estimate)")
    if needs.multiply_adds is not None:
        lines.append(f"multiply-adds: {needs.multiply_adds:,}")
    return lines


def to_html(
    manifest: Manifest,
    verdicts: Sequence[Verdict],
    sections: Sequence[str] = (),
) -> str:
    """One page without scripts or foreign files: the table, what failed, a picture an output."""
    source, data, kept = manifest.source, manifest.reference, _kept(manifest)
    told = samples(data.samples, data.given or None, data.origin)
    needs = [(entry.path, needed(entry.needs)) for entry in manifest.artifacts]
    return render(
        "report.html.j2",
        mark="",
        title=f"{manifest.name} {manifest.version}",
        origin=f"{source.file} · {source.framework} · {source.parameters or 0:,} "
        f"parameters · {told}",
        synthetic=data.origin == "synthetic",
        reference=option("reference"),
        pruned=any(verdict.sparsity is not None for verdict in verdicts),
        zeros=ZEROS,
        sections=sections,
        header=HEADER,
        rows=[
            (verdict.status.split()[0], cells)
            for verdict, cells in zip(verdicts, rows(manifest, verdicts), strict=True)
        ],
        ms=MS,
        needs=[(path, lines) for path, lines in needs if lines],
        performance=performance(manifest),
        confusion=_of_original(manifest),
        warnings=[warning.text for warning in data.warnings or ()],
        parts=[_part(manifest, verdict, kept.get(verdict.path, ())) for verdict in verdicts],
    )


def _part(manifest: Manifest, verdict: Verdict, kept: Sequence[str]) -> dict[str, Any]:
    """What the page says of a file in a runtime."""
    layers = [(e.name, f"{e.before:.2%}", f"{e.after:.2%}") for e in verdict.layers]
    return {
        "where": f"{verdict.path} · {verdict.runtime} {verdict.backend or ''}".strip(),
        "verdict": verdict,
        "kept": ", ".join(kept),
        "batches": batches_text(verdict),
        "layers": [("", cells) for cells in layers],
        "rounding": [
            f"{o.name}: the original's own answers to a sample vary by up to {o.own_rounding:.3g} "
            "within float32's rounding, which is not held against the file"
            for o in verdict.outputs
            if o.own_rounding
        ],
        "task": _task_lines(verdict.task, manifest) if verdict.task else [],
        "confusion": _matrix(manifest, verdict.task.output, verdict.task.confusion)
        if verdict.task and verdict.task.confusion
        else None,
        "figures": map(errors, verdict.outputs),
    }


def batches_text(verdict: Verdict) -> str:
    """How many samples a file takes in one call; nothing where it was not run."""
    if verdict.batches == (1,):
        return "answers one sample at a time"
    sizes = " and ".join(map(str, verdict.batches))
    return f"answers several samples in one call: asked with {sizes}" if sizes else ""


def _kept(manifest: Manifest) -> dict[str, Sequence[str]]:
    """The layers kept in float, by the file that a verdict names."""
    return {entry.path: entry.kept_float or () for entry in manifest.artifacts}


def _task_lines(task: Task, manifest: Manifest) -> list[str]:
    rows = {task.name: (task.before, task.after), **task.more}
    told = [
        f"{n} {_figure(n, a, task.output, manifest)} (the original {b:.4g})"
        for n, (b, a) in rows.items()
    ]
    # A report of before does not say how many.
    many = f", of {samples_with_labels(task.samples)}" if task.samples else ""
    return [f"{_called(task.output, manifest)}: {', '.join(told)}{many}"]


def _called(output: str, manifest: Manifest) -> str:
    """What an output is called for people, else by the model."""
    label = next((o.label for o in manifest.outputs if o.name == output), None)
    return visible(label) if label else output


def _figure(name: str, value: float, output: str, manifest: Manifest) -> str:
    """Such as ``0.862 USD``: an error is in the unit of its output, a share in none."""
    unit = next((o.unit for o in manifest.outputs if o.name == output), None)
    if not unit or name not in IN_UNITS:
        return f"{value:.4g}"
    factor = "× " if unit[:1].isdigit() else ""  # such as "1,000 USD"
    return f"{value:.4g} {factor}{visible(unit)}"


def samples_with_labels(count: int) -> str:
    """``1 sample with its label``, ``32 samples with labels``."""
    return "1 sample with its label" if count == 1 else f"{count:,} samples with labels"


def performance(manifest: Manifest) -> list[str]:
    """How good the original is by the true labels, in a line; none where there are no labels."""
    found = manifest.reference.performance
    if not found:
        return []
    told = ", ".join(
        f"{name} {_figure(name, value, found.output, manifest)}"
        for name, value in found.values.items()
    )
    return [f"the original: {told}, of {samples_with_labels(found.samples)}"]


def _matrix(manifest: Manifest, output: str, confusion: Confusion) -> dict[str, Any]:
    """A confusion matrix as the page shows it: whole, or the pairs that are taken most."""
    named = next((o.classes for o in manifest.outputs if o.name == output), None) or ()

    def name(index: int) -> str:
        return named[index] if 0 <= index < len(named) else str(index)

    return {
        "names": [name(index) for index in range(len(confusion.counts))],
        "rows": [
            (name(true), [(("hit" if n == true else "miss") if value else "", value)
                          for n, value in enumerate(row)])
            for true, row in enumerate(confusion.counts)
        ],
        "pairs": [] if confusion.counts else [
            f"{name(true)} taken for {name(found)}: {times(count)}"
            for true, found, count in confusion.pairs
        ],
    }  # fmt: skip


def _of_original(manifest: Manifest) -> dict[str, Any] | None:
    found = manifest.reference.performance
    if not found or not found.confusion:
        return None
    return _matrix(manifest, found.output, Confusion.from_json(plain(found.confusion)))
