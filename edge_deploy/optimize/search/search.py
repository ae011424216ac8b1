"""The search itself: float32 files at every sparsity, and each candidate measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edge_deploy.artifact.manifest import Manifest
from edge_deploy.artifact.metadata import file_metadata
from edge_deploy.core import log
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.options import Options
from edge_deploy.core.spec import LoadedModel
from edge_deploy.data.reference import Reference
from edge_deploy.formats.base import FLOAT, Opener
from edge_deploy.formats.registry import FORMATS, default_runtime
from edge_deploy.optimize import pruning
from edge_deploy.optimize.finetuning import FineTuneData
from edge_deploy.optimize.search import executors, measure
from edge_deploy.optimize.search.candidates import (
    Candidate,
    CandidateResult,
    first_round,
    second_round,
)
from edge_deploy.optimize.search.measure import CandidateGroup
from edge_deploy.optimize.search.store import Store
from edge_deploy.verification.file_check import BrowserSession, for_browser

_log = log.logger(__name__)

SPARSITIES = (0.5, 0.7, 0.8, 0.9)
"""What is tried besides no pruning; beyond 0.9 little is left to gain and much to lose."""

_ROUNDS = 3  # in which files are timed


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Options):
    """What to search.

    Attributes:
        max_drop: How far the task metric (accuracy, R²; without labels the agreement with the
            original) may fall, as a share.
        objective: ``size`` (brotli bytes, what is downloaded) or ``latency`` (LiteRT, ONNX
            Runtime, or TF.js on wasm, on this machine).
        executor: ``loky``, ``dask`` or ``ray``.
        jobs: Candidates at a time on this machine; None for one a core.
        sparsities: Shares of weights to prune; a model that is no Keras file is not pruned.
    """

    max_drop: float = 0.01
    objective: str = "size"
    executor: str = "loky"
    jobs: int | None = None
    sparsities: tuple[float, ...] = SPARSITIES


@dataclass(frozen=True, eq=False)
class Search:
    """What the parts of one search share."""

    targets: tuple[str, ...]
    options: SearchOptions
    store: Store
    handle: BrowserSession


def float_files(
    search: Search,
    loaded: LoadedModel,
    manifest: Manifest,
    training: FineTuneData | None,
    seen: tuple[Reference, Reference],
) -> list[CandidateGroup]:
    """The float32 file of every target at every sparsity: converted once, or found."""
    groups = []
    sparsities = search.options.sparsities if can_be_pruned(loaded) else ()
    for sparsity in (0.0, *sorted(set(sparsities))):
        names = [f"{target}-{sparsity:g}" for target in search.targets]
        found = {name: search.store.float_files(name) for name in names}
        with ExitStack() as stack:
            model, how = loaded, None
            if sparsity and None in found.values():
                _log.info("pruning %.0f%%", 100 * sparsity)
                done = stack.enter_context(pruning.pruned(loaded, sparsity, training))
                model, how = done.model, done.entry
            for target, name in zip(search.targets, names, strict=True):
                files, known = found[name] or (None, how)
                if files is None:
                    what = f", {sparsity:.0%} pruned" if sparsity else ""
                    _log.info("converting to %s%s", target, what)
                    files = _convert(model, target, manifest)
                    search.store.keep_float_files(name, files, how)
                in_browser = default_runtime(target).in_browser
                data = for_browser(seen[0]) if in_browser else seen[0]
                groups.append(
                    CandidateGroup(target, sparsity, files, loaded.spec, data, seen[1], known)
                )
    return groups


def can_be_pruned(model: LoadedModel) -> bool:
    return model.kind in ("keras2", "keras3")


def _convert(model: LoadedModel, target: str, manifest: Manifest) -> dict[str, bytes]:
    with temporary_folder() as folder:
        path = folder / "files" / Path(FORMATS[target].path("model", FLOAT)).name
        path.parent.mkdir()
        made = FORMATS[target].export(model, path, file_metadata(manifest))
        others = [file for file in made.files if file != made.path]
        return {file.name: file.read_bytes() for file in (made.path, *others)}


def measure_all(search: Search, groups: Sequence[CandidateGroup]) -> list[CandidateResult]:
    """Both rounds, and with ``latency`` the time of each file that may be used."""
    options = search.options
    place = {(g.target, g.sparsity): g for g in groups}
    targets = [g.target for g in groups if not g.sparsity]
    sparsities = sorted({g.sparsity for g in groups})
    weighted = {g.target: _weighted(g) for g in groups if not g.sparsity}
    with executors.pool(options.executor, options.jobs) as run:
        first = _round(search, run, place, first_round(targets, sparsities))
        more = second_round(first, weighted, options.max_drop)
        measured = [*first, *_round(search, run, place, more)]
    if options.objective == "latency":
        measured = _timed(search, place, measured)
    return measured


def _weighted(group: CandidateGroup) -> list[str]:
    with temporary_folder() as folder:
        source = measure.write(group, folder)
        return [layer.name for layer in FORMATS[group.target].layers(source.path) if layer.weighted]


def _round(
    search: Search,
    run: executors.Run,
    place: Mapping[tuple[str, float], CandidateGroup],
    candidates: Sequence[Candidate],
) -> list[CandidateResult]:
    """Measure candidates: those that are known are read, the others made; in their own order."""
    found: dict[Candidate, CandidateResult | None] = {}
    keys = {c: place[c.target, c.sparsity].key(c) for c in candidates}
    open_ones = []
    for c, key in keys.items():
        known = search.store.get(key)
        if isinstance(known, bool):
            open_ones.append(c)
        else:
            found[c] = known

    def done(c: Candidate, result: CandidateResult | None) -> None:
        found[c] = result
        search.store.put(keys[c], result)
        _log.info("measured %d of %d: %s %s", len(found), len(candidates), c.target, c.words)

    here = [c for c in open_ones if default_runtime(c.target).in_browser]
    away = [c for c in open_ones if c not in here]
    _log.info("measured %d of %d", len(found), len(candidates))
    if away:
        tasks = [(place[c.target, c.sparsity], c) for c in away]
        for number, result in run(tasks):
            done(away[number], result)
    for c in here:
        group = place[c.target, c.sparsity]
        done(c, measure.measure_in(group, c, _opener(search, group)))
    return [one for c in candidates if (one := found[c]) is not None]


def _opener(search: Search, group: CandidateGroup) -> Opener:
    """Opens a file of a group's target: TF.js on wasm, whose speed is a CPU's own."""
    runtime = default_runtime(group.target)
    if not runtime.in_browser:
        return runtime.open
    browser = search.handle.browser
    assert browser is not None  # _browser made sure
    return lambda path: browser.open_file(group.target, path, "wasm", group.spec)


def _timed(
    search: Search,
    place: Mapping[tuple[str, float], CandidateGroup],
    measured: Sequence[CandidateResult],
) -> list[CandidateResult]:
    """The same with the time of each file within the budget, the best of several rounds.

    The files take turns, so that what else the machine does meanwhile meets all of them. Where
    precisions are of the stored weights alone, all files do the same work: float32 is timed.
    """
    times: dict[Candidate, float] = {}
    usable = [m.candidate for m in measured if m.within(search.options.max_drop)]
    timed = list(dict.fromkeys(_same_work(c) for c in usable))
    for number in range(_ROUNDS):
        for c in timed:
            _log.info("timing %s %s, round %d of %d", c.target, c.words, number + 1, _ROUNDS)
            group = place[c.target, c.sparsity]
            found = measure.time_alone(group, c, _opener(search, group))
            times[c] = min(found, times.get(c, found))
    return [m.with_time(times.get(_same_work(m.candidate))) if m.candidate in usable else m
            for m in measured]  # fmt: skip


def _same_work(candidate: Candidate) -> Candidate:
    only_storage = FORMATS[candidate.target].only_storage
    return Candidate(candidate.target, FLOAT) if only_storage else candidate
