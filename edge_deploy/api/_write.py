"""The rest of a version once its files are made: samples, labels, the reports, the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_deploy.artifact import artifact, samples
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core import atomic_io
from edge_deploy.core.filesystem import write_text
from edge_deploy.data.model_card import FILE
from edge_deploy.data.preprocessing.encoding import raw_rows
from edge_deploy.data.reference import Dataset
from edge_deploy.data.sidecars import Sidecars
from edge_deploy.optimize.search.report import sections
from edge_deploy.verification import card_draft, report
from edge_deploy.verification.verdicts import Verdict


def write_version(
    stage: Path,
    manifest: Manifest,
    dataset: Dataset,
    side: Sidecars,
    verdicts: Sequence[Verdict],
    tuning: Mapping[str, Any] | None = None,
) -> None:
    """Write everything but the converted files, the manifest last.

    Args:
        stage: The folder that will be the version.
        manifest: Its manifest, with the entries of its files.
        dataset: Its samples.
        side: What lay beside the model.
        verdicts: On its files.
        tuning: The search that chose them, where one did.
    """
    reference, evaluation = dataset.reference, dataset.evaluation
    rows = raw_rows(side.features or (), reference.rows)
    artifact.save_reference(stage / artifact.REFERENCE, reference, rows)
    if evaluation.count:
        artifact.save_reference(stage / artifact.EVALUATION, evaluation)
    samples.save(stage, reference, side.features or ())
    if side.labels:
        write_text(stage / "labels.txt", "\n".join(side.labels) + "\n")
    if side.card:
        write_text(stage / FILE, side.card)
    else:
        write_text(stage / card_draft.FILE, card_draft.draft(manifest, verdicts))
    if tuning is not None:
        write_text(stage / artifact.TUNING, atomic_io.to_text(tuning))
    for file, text in report.documents(manifest, verdicts, sections(tuning)).items():
        write_text(stage / file, text)
    artifact.write_manifest(stage, manifest)
