"""The version that a search ends in: its files, what was measured, and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from edge_deploy.api._prepare import Prepared
from edge_deploy.api._write import write_version
from edge_deploy.api.options import TuneOptions
from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core import atomic_io, log
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.optimize.builder import FileBuilder
from edge_deploy.optimize.search import measure
from edge_deploy.optimize.search.candidates import Candidate, CandidateResult, front, recommend
from edge_deploy.optimize.search.measure import CandidateGroup
from edge_deploy.optimize.search.search import Search
from edge_deploy.verification.file_check import Checker
from edge_deploy.verification.tolerances import Tolerances
from edge_deploy.verification.verdicts import Verdict, blank, summarize

_log = log.logger(__name__)

_SCHEMA = "edge-deploy/tuning/1"


@dataclass(frozen=True)
class Recommendation:
    """The file to take of one target.

    Attributes:
        path: Inside the artifact.
        measured: What it costs.
        reason: Why this one, in words.
    """

    path: str
    measured: CandidateResult
    reason: str


def publish(
    search: Search,
    asked: TuneOptions,
    groups: Sequence[CandidateGroup],
    measured: Sequence[CandidateResult],
    manifest: Manifest,
    prepared: Prepared,
) -> tuple[Artifact, dict[str, Recommendation | None], tuple[Verdict, ...]]:
    """Write the version: the files of each target's front, tuning.json, the report.

    The float32 file of a target is among them also where others beat it: ``quantize`` makes more
    from it, and ``bench`` compares with it.

    Returns:
        The artifact, the file to take of each target, and verdicts on all files.
    """
    options = search.options
    objective, name = options.objective, manifest.name
    recommended: dict[str, Recommendation | None] = {}
    entries: list[FileEntry] = []
    verdicts: list[Verdict] = []
    labelled = measured[0].metric != "agreement" if measured else False
    tolerances = (
        Tolerances({}, {}, max_drop=options.max_drop)
        if labelled
        else Tolerances({}, {}, min_agreement=1 - options.max_drop)
    )
    checker = Checker(prepared.model.spec, prepared.dataset, tolerances, search.handle)
    final = artifact.check_free(asked.output, name, asked.version, asked.overwrite)
    with atomic_io.staged(asked.output, final) as stage:
        for target in asked.targets(prepared.model):
            mine = [m for m in measured if m.candidate.target == target]
            best = front(mine, objective, options.max_drop)
            whole = next((m for m in mine if m.candidate == Candidate(target, "float32")), None)
            recommended[target] = None
            for one in best if whole is None or whole in best else [*best, whole]:
                _log.info("writing %s %s", target, one.candidate.words)
                entry = _write(FileBuilder(stage, manifest, checker), groups, one)
                path, runtime = stage / entry.path, default_runtime(target)
                rows = checker.check(runtime, path, blank(runtime, entry))
                entries.append(structs.replace(entry, verification=summarize(rows)))
                verdicts.extend(rows)
            if best:
                chosen, reason = recommend(best, whole, objective)
                main = FORMATS[target].path(name, chosen.candidate.label)
                recommended[target] = Recommendation(main, chosen, reason)
        document = {
            "schema": _SCHEMA,
            "max_drop": options.max_drop,
            "objective": objective,
            "seed": asked.seed,
            "recommended": {
                target: r
                and {"path": r.path, "label": r.measured.candidate.label, "reason": r.reason}
                for target, r in recommended.items()
            },
            "candidates": [one.to_json() for one in measured],
        }
        _log.info("writing the report")
        manifest = structs.replace(manifest, artifacts=tuple(entries))
        write_version(stage, manifest, prepared.dataset, prepared.side, verdicts, document)
    published = artifact.open_artifact(final)
    return published, recommended, tuple(verdicts)


def _write(
    builder: FileBuilder, groups: Sequence[CandidateGroup], one: CandidateResult
) -> FileEntry:
    """A file of the front, made once more, and the manifest's form of it."""
    c = one.candidate
    group = next(g for g in groups if (g.target, g.sparsity) == (c.target, c.sparsity))
    path = builder.stage / FORMATS[c.target].path(builder.manifest.name, c.label)
    with temporary_folder() as folder:
        source = measure.write(group, folder)
        made = measure.build(group, c, source, path)
        if made is source:
            made = measure.write(
                replace(group, files=_renamed(group.files, path.name)), path.parent
            )
    own = replace(builder, pruned=group.pruned)
    return own.describe(FORMATS[c.target], c.precision, made, c.kept)


def _renamed(files: Mapping[str, bytes], first: str) -> dict[str, bytes]:
    """The file that a runtime opens under another name; its weights keep theirs."""
    main, *others = files
    return {first: files[main], **{name: files[name] for name in others}}
