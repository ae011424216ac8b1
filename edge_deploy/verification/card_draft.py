"""A draft of a model card: what a conversion knows, and questions where only its author does."""

from __future__ import annotations

from collections.abc import Sequence

from edge_deploy._version import __version__
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core.escapes import markdown
from edge_deploy.core.templates import environment
from edge_deploy.verification import report
from edge_deploy.verification.verdicts import Verdict

FILE = "MODEL_CARD.draft.md"


def draft(manifest: Manifest, verdicts: Sequence[Verdict]) -> str:
    """The draft, as Markdown.

    Args:
        manifest: Of the artifact.
        verdicts: On its files.
    """
    told = {
        (one.target, one.precision, one.sparsity is not None): one.status
        for one in sorted(verdicts, key=lambda one: one.status == "fail")
    }
    files = [
        (
            f"{entry.target} {entry.precision}{' pruned' if entry.pruned else ''}",
            f"{entry.bytes / 1000:,.0f} KB",
            told.get((entry.target, entry.precision, bool(entry.pruned)), "not compared"),
        )
        for entry in manifest.artifacts
    ]
    samples = manifest.reference.samples
    made_up = manifest.reference.origin == "synthetic"
    template = environment("edge_deploy.verification", escape=lambda value: markdown(str(value)))
    return template.get_template("model_card.md.j2").render(
        name=manifest.name,
        data=(
            "What was it trained on? No samples were given: it was compared on made-up inputs."
            if made_up
            else f"What was it trained on? It was compared on {samples:,} samples."
        ),
        figures=report.performance(manifest),
        files=files,
        source=manifest.source.file,
        framework=manifest.source.framework,
        parameters=f"{manifest.source.parameters:,}",
        version=__version__,
    )
