"""``tune``: the smallest files of a trained model within an accuracy budget, by measurement."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge_deploy import artifact as artifacts
from edge_deploy import conversion, report, sidecars, sources
from edge_deploy import manifest as manifests
from edge_deploy.artifact import Artifact
from edge_deploy.checking import BrowserHandle, browser_if_any, check_file, for_browser
from edge_deploy.compression import pruning
from edge_deploy.compression.calibration import Samples
from edge_deploy.compression.layers import of_file
from edge_deploy.compression.making import Making, blank, calibrate, summarize
from edge_deploy.compression.quantization import FLOAT
from edge_deploy.conversion import ConvertOptions
from edge_deploy.errors import MissingDependency, UsageError
from edge_deploy.quiet import quiet, set_environment
from edge_deploy.reference import Reference, join, split
from edge_deploy.sidecars import Sidecars
from edge_deploy.spec import LoadedModel, ModelSpec
from edge_deploy.targets import TARGETS
from edge_deploy.tuning import executors, measuring
from edge_deploy.tuning.candidates import (
    OBJECTIVES,
    Candidate,
    Measured,
    first_round,
    front,
    recommend,
    second_round,
)
from edge_deploy.tuning.measuring import Group
from edge_deploy.tuning.store import Store, open_store
from edge_deploy.verdicts import Verdict
from edge_deploy.verification import Tolerances

Progress = Callable[[str], None]
SPARSITIES = (0.5, 0.7, 0.8, 0.9)
"""What is tried besides no pruning; beyond 0.9 little is left to gain and much to lose."""

_ROUNDS = 3  # in which files are timed
_SCHEMA = "edge-deploy/tuning/1"


@dataclass(frozen=True)
class TuneOptions:
    """What ``tune`` was asked for.

    Attributes:
        max_drop: How far the task metric (accuracy, R²; without labels the agreement with the
            original) may fall, as a share.
        objective: ``size`` (brotli bytes, what is downloaded) or ``latency`` (LiteRT, ONNX
            Runtime, or TF.js on wasm, on this machine).
        executor: ``loky``, ``dask`` or ``ray``.
        jobs: Candidates at a time on this machine; None for one a core.
        resume: Go on with a search that did not end.
        sparsities: Shares of weights to prune; a model that is no Keras file is not pruned.
        convert: Everything else, as for ``convert``: targets, data, ``prune_data``, seed, output.
    """

    max_drop: float = 0.01
    objective: str = "size"
    executor: str = "loky"
    jobs: int | None = None
    resume: bool = False
    sparsities: tuple[float, ...] = SPARSITIES
    convert: ConvertOptions = field(default_factory=ConvertOptions)


@dataclass(frozen=True)
class Recommended:
    """The file to take of one target.

    Attributes:
        path: Inside the artifact.
        measured: What it costs.
        reason: Why this one, in words.
    """

    path: str
    measured: Measured
    reason: str


@dataclass(frozen=True)
class TuneResult:
    """What ``tune`` found.

    Attributes:
        artifact: The files of the front, with tuning.json and the report.
        manifest: As written.
        measured: Every candidate that could be made.
        recommended: By target; None where no file stays within the budget.
        verdicts: On the files of the front.
        notes: What the user should know, one line each.
    """

    artifact: Artifact
    manifest: Mapping[str, Any]
    measured: tuple[Measured, ...]
    recommended: Mapping[str, Recommended | None]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 a file for every target, 1 a target has none within the budget."""
        return 1 if None in self.recommended.values() else 0


HEADER = ("target", "file", "brotli", "of float32", "metric", "drop", "ms", "")


def rows(found: TuneResult) -> list[tuple[str, ...]]:
    """The front of each target, for the terminal (see HEADER)."""
    tuning = found.artifact.tuning() or {}
    result: list[tuple[str, ...]] = []
    for target, chosen in found.recommended.items():
        mine = [m for m in found.measured if m.candidate.target == target]
        whole = next((m for m in mine if m.candidate == Candidate(target, "float32")), None)
        for m in front(mine, tuning["objective"], tuning["max_drop"]):
            share = f"{m.brotli_bytes / whole.brotli_bytes:.3f}" if whole else ""
            result.append(
                (
                    target,
                    m.candidate.words,
                    report.size_text(m.brotli_bytes),
                    share,
                    f"{m.metric} {m.after:.4f}",
                    f"{m.drop:+.4f}",
                    "" if m.median_ms is None else f"{m.median_ms:.3f}",
                    "★" if chosen is not None and m == chosen.measured else "",
                )
            )
    return result


@dataclass(frozen=True, eq=False)
class _Search:
    """What the parts of one search share."""

    options: TuneOptions
    store: Store
    handle: BrowserHandle
    progress: Progress


def tune(
    model: Path | str, options: TuneOptions = TuneOptions(), progress: Progress = lambda _: None
) -> TuneResult:
    """Search precisions, sparsities and layers kept in float for the best files of each target.

    The model is converted to float32 once for each sparsity; every candidate is made from that
    file without TensorFlow, run in its real runtime and measured. What was measured is kept in a
    folder beside the version, ``.tune-<version>``, until the version is written.

    Args:
        model: A trained model, as for ``convert``.
        options: What to search.
        progress: Called with a line at each step.

    Raises:
        UsageError: The request or the data is wrong, or a search is there that did not end.
        MissingDependency: The executor or a browser for TF.js is missing.
        SourceError: The model cannot be read.
        ConversionError: A target cannot hold it.
    """
    set_environment()
    path, asked = Path(model), options.convert
    _check(options)
    given = (asked.reference, asked.calibration, asked.prune_data, asked.load.custom_objects)
    sidecars.precheck(asked.labels, asked.features, asked.preprocess, given)
    with sources.find(path) as source, ExitStack() as stack:
        name = artifacts.check_name("--name", asked.name or conversion.default_name(path))
        final = artifacts.check_free(asked.output, name, asked.version, asked.overwrite)
        handle = stack.enter_context(_browser(options))
        progress(f"reading {path.name}")
        loaded, side, spec, data, notes = conversion.prepare(source, asked)
        loaded = replace(loaded, spec=spec)
        reference, evaluation = split(data, asked.samples, asked.seed)
        progress("looking at the calibration data")
        calibration, warnings = calibrate(
            spec, (reference, evaluation), asked.calibration,
            (side.features, side.preprocessing), asked.strict,
        )  # fmt: skip
        training = conversion.training(asked, spec, side)
        manifest = manifests.begin(
            path, (name, asked.version, asked.command), loaded, side, reference
        )
        about = _about(manifest, options, (data, training.data if training else None))
        with artifacts.writing(asked.output):
            store = open_store(
                final.with_name(f".tune-{asked.version}"), about, options.resume, asked.overwrite
            )
        search = _Search(options, store, handle, progress)
        everything = join(reference, evaluation)
        seen = (everything, _as_reference(calibration, spec))
        groups = _float_files(search, loaded, manifest, training, seen)
        measured = _measure_all(search, groups)
        manifest["reference"] = {"samples": reference.count, "origin": reference.origin}
        notes = (*notes, *warnings, *_notes(options, loaded, everything, measured))
        found = _publish(search, groups, measured, (reference, evaluation), manifest, side, notes)
        store.end()
    return found


def _check(options: TuneOptions) -> None:
    """Refuse what cannot be meant, before anything is read.

    Raises:
        UsageError: A wrong option.
        MissingDependency: The executor is not installed.
    """
    if options.objective not in OBJECTIVES:
        raise UsageError(f"--objective {options.objective}: there are {', '.join(OBJECTIVES)}.")
    if not 0 <= options.max_drop < 1:
        raise UsageError(
            f"--max-drop {options.max_drop:g}: a share from 0 to below 1, such as 0.01."
        )
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least 1.")
    for target in options.convert.to:
        if target not in TARGETS:
            raise UsageError(f"--to {target}: no such target; there are {', '.join(TARGETS)}.")
    for sparsity in options.sparsities:
        if not 0 < sparsity < 1:
            raise UsageError(f"--sparsities {sparsity:g}: shares between 0 and 1, such as 0.8.")
    if options.convert.prune_data and not options.sparsities:
        raise UsageError("--prune-data is to train pruned models on, and --sparsities has none.")
    pruning.check_options(0.5, options.convert.prune_data, options.convert.prune_epochs)
    executors.check(options.executor)


@contextmanager
def _browser(options: TuneOptions) -> Iterator[BrowserHandle]:
    """The browser that TF.js candidates are measured in.

    Raises:
        MissingDependency: There is none.
    """
    wanted = "tfjs" in options.convert.to
    with browser_if_any(wanted, options.convert.browser) as handle:
        if wanted and handle.browser is None:
            raise MissingDependency(
                f"TF.js candidates are measured in a browser: {handle.reason} Leave them out with "
                "--to tflite,onnx."
            )
        yield handle


def _about(
    manifest: Mapping[str, Any], options: TuneOptions, data: tuple[Reference, Reference | None]
) -> dict[str, str]:
    """What must be the same for a search to go on; how it ends (budget, aim) may differ."""
    nothing = Group("", 0.0, {}, ModelSpec((), ()), data[0], data[1] or Reference({}))
    asked = options.convert
    return {
        "model": manifest["source"]["sha256"],
        "data": nothing.digest(),
        "training": f"{asked.prune_epochs} epochs" if asked.prune_data else "none",
        "seed": str(asked.seed),
        "name": f"{manifest['name']} {manifest['version']}",
        "tools": json.dumps(manifest["tools"], sort_keys=True),
    }


def _as_reference(samples: Samples, spec: ModelSpec) -> Reference:
    """Calibration samples as arrays, which can travel to other machines."""
    import numpy as np

    rows = list(samples)
    return Reference(
        {
            s.name: (np.concatenate if s.batched else np.stack)([row[s.name] for row in rows])
            for s in spec.inputs
        }
    )


def _float_files(
    search: _Search,
    loaded: LoadedModel,
    manifest: Mapping[str, Any],
    training: pruning.Tuning | None,
    seen: tuple[Reference, Reference],
) -> list[Group]:
    """The float32 file of every target at every sparsity: converted once, or found."""
    asked = search.options.convert
    groups = []
    sparsities = search.options.sparsities if _can_be_pruned(loaded) else ()
    for sparsity in (0.0, *sorted(set(sparsities))):
        names = [f"{target}-{sparsity:g}" for target in asked.to]
        found = {name: search.store.float_files(name) for name in names}
        with ExitStack() as stack:
            model, how = loaded, None
            if sparsity and None in found.values():
                search.progress(f"pruning {sparsity:.0%}")
                with quiet(asked.verbose):
                    done = stack.enter_context(
                        pruning.pruned(loaded, sparsity, training, search.progress)
                    )
                model, how = done.model, done.to_json()
            for target, name in zip(asked.to, names, strict=True):
                files, known = found[name] or (None, how)
                if files is None:
                    what = f", {sparsity:.0%} pruned" if sparsity else ""
                    search.progress(f"converting to {target}{what}")
                    with quiet(asked.verbose):
                        files = _convert(model, target, manifest)
                    search.store.keep_float_files(name, files, how)
                data = for_browser(seen[0]) if TARGETS[target].open_runner is None else seen[0]
                groups.append(Group(target, sparsity, files, loaded.spec, data, seen[1], known))
    return groups


def _can_be_pruned(model: LoadedModel) -> bool:
    return model.kind in ("keras2", "keras3")


def _convert(model: LoadedModel, target: str, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="edge-deploy-") as folder:
        path = Path(folder) / "files" / Path(TARGETS[target].path("model", "float32")).name
        path.parent.mkdir()
        made = TARGETS[target].convert(model, path, manifests.embedded(manifest))
        others = [file for file in made.files if file != made.path]
        return {file.name: file.read_bytes() for file in (made.path, *others)}


def _measure_all(search: _Search, groups: Sequence[Group]) -> list[Measured]:
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


def _weighted(group: Group) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="edge-deploy-") as folder:
        source = measuring.write(group, Path(folder))
        return [layer.name for layer in of_file(group.target, source.path) if layer.weighted]


def _round(
    search: _Search,
    run: executors.Run,
    place: Mapping[tuple[str, float], Group],
    candidates: Sequence[Candidate],
) -> list[Measured]:
    """Measure candidates: those that are known are read, the others made; in their own order."""
    found: dict[Candidate, Measured | None] = {}
    keys = {c: place[c.target, c.sparsity].key(c) for c in candidates}
    open_ones = []
    for c, key in keys.items():
        known = search.store.get(key)
        if isinstance(known, bool):
            open_ones.append(c)
        else:
            found[c] = known

    def done(c: Candidate, result: Measured | None) -> None:
        found[c] = result
        search.store.put(keys[c], result)
        search.progress(f"measured {len(found)} of {len(candidates)}: {c.target} {c.words}")

    here = [c for c in open_ones if TARGETS[c.target].open_runner is None]
    away = [c for c in open_ones if c not in here]
    search.progress(f"measured {len(found)} of {len(candidates)}")
    if away:
        tasks = [(place[c.target, c.sparsity], c) for c in away]
        for number, result in run(tasks):
            done(away[number], result)
    for c in here:
        group = place[c.target, c.sparsity]
        done(c, measuring.measure_in(group, c, _opener(search, group)))
    return [one for c in candidates if (one := found[c]) is not None]


def _opener(search: _Search, group: Group) -> Any:
    """Opens a file of a group's target: TF.js on wasm, whose speed is a CPU's own."""
    target = TARGETS[group.target]
    if target.open_runner is not None:
        return target.open_runner
    browser = search.handle.browser
    assert browser is not None  # _browser made sure
    return lambda path: browser.open_tfjs(path, "wasm", group.spec)


def _timed(
    search: _Search, place: Mapping[tuple[str, float], Group], measured: Sequence[Measured]
) -> list[Measured]:
    """The same with the time of each file within the budget, the best of several rounds.

    The files take turns, so that what else the machine does meanwhile meets all of them. TF.js
    widens stored weights and knows no zeros: its files do the same work, so float32 is timed.
    """
    times: dict[Candidate, float] = {}
    usable = [m.candidate for m in measured if m.within(search.options.max_drop)]
    timed = list(dict.fromkeys(_same_work(c) for c in usable))
    for number in range(_ROUNDS):
        for c in timed:
            search.progress(f"timing {c.target} {c.words}, round {number + 1} of {_ROUNDS}")
            group = place[c.target, c.sparsity]
            with quiet(search.options.convert.verbose):
                found = measuring.time_alone(group, c, _opener(search, group))
            times[c] = min(found, times.get(c, found))
    return [m.with_time(times.get(_same_work(m.candidate))) if m.candidate in usable else m
            for m in measured]  # fmt: skip


def _same_work(candidate: Candidate) -> Candidate:
    return Candidate("tfjs", FLOAT) if candidate.target == "tfjs" else candidate


def _notes(
    options: TuneOptions, loaded: LoadedModel, data: Reference, measured: Sequence[Measured]
) -> Iterator[str]:
    if options.sparsities and not _can_be_pruned(loaded):
        yield f"no pruning: only Keras files can be pruned, and this is a {loaded.kind} model"
    if measured and measured[0].metric == "agreement":
        yield (
            "no labels: the budget is about the agreement with the original. Give --reference "
            "data with labels to keep the accuracy itself"
        )
    counted = measured and measured[0].metric in ("accuracy", "agreement")
    if counted and 0 < options.max_drop < 1 / data.count:
        yield (
            f"{data.count} samples: one answer is {1 / data.count:.1%}, so a drop of "
            f"{options.max_drop:g} allows none. Give more with --reference"
        )


def _publish(
    search: _Search,
    groups: Sequence[Group],
    measured: Sequence[Measured],
    data: tuple[Reference, Reference],
    manifest: dict[str, Any],
    side: Sidecars,
    notes: Sequence[str],
) -> TuneResult:
    """Write the version: the files of each target's front, tuning.json, the report."""
    options, asked = search.options, search.options.convert
    objective, name = options.objective, manifest["name"]
    recommended: dict[str, Recommended | None] = {}
    verdicts: list[Verdict] = []
    labelled = measured[0].metric != "agreement" if measured else False
    tolerances = (
        Tolerances({}, {}, max_drop=options.max_drop)
        if labelled
        else Tolerances({}, {}, min_agreement=1 - options.max_drop)
    )
    with artifacts.staged(asked.output, name, asked.version, asked.overwrite) as stage:
        for target in asked.to:
            mine = [m for m in measured if m.candidate.target == target]
            best = front(mine, objective, options.max_drop)
            whole = next((m for m in mine if m.candidate == Candidate(target, "float32")), None)
            recommended[target] = None
            for one in best:
                search.progress(f"writing {target} {one.candidate.words}")
                entry = _write(stage, manifest, groups, one)
                with quiet(asked.verbose):
                    rows = check_file(
                        TARGETS[target], stage / entry["files"][0]["path"],
                        blank(TARGETS[target], entry), groups[0].spec, data[0], tolerances,
                        search.handle, ("wasm",), evaluation=data[1],
                    )  # fmt: skip
                entry["verification"] = summarize(rows)
                manifest["artifacts"].append(entry)
                verdicts.extend(rows)
            if best:
                chosen, reason = recommend(best, whole, objective)
                path = TARGETS[target].path(name, chosen.candidate.label)
                recommended[target] = Recommended(path, chosen, reason)
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
        search.progress("writing the report")
        artifacts.save_reference(stage / artifacts.REFERENCE, data[0])
        if data[1].count:
            artifacts.save_reference(stage / artifacts.EVALUATION, data[1])
        conversion.save_samples(stage, data[0])
        if side.labels:
            (stage / "labels.txt").write_text("\n".join(side.labels) + "\n", encoding="utf-8")
        (stage / artifacts.TUNING).write_text(artifacts.to_text(document), encoding="utf-8")
        for file, text in report.documents(manifest, verdicts, document).items():
            (stage / file).write_text(text, encoding="utf-8")
        artifacts.write_manifest(stage, manifest)
    published = artifacts.find(asked.output / name / asked.version)
    return TuneResult(
        published, published.manifest, tuple(measured), recommended, tuple(verdicts), tuple(notes)
    )


def _write(
    stage: Path, manifest: dict[str, Any], groups: Sequence[Group], one: Measured
) -> dict[str, Any]:
    """A file of the front, made once more, and the manifest's form of it."""
    c = one.candidate
    group = next(g for g in groups if (g.target, g.sparsity) == (c.target, c.sparsity))
    path = stage / TARGETS[c.target].path(manifest["name"], c.label)
    with tempfile.TemporaryDirectory(prefix="edge-deploy-") as folder:
        source = measuring.write(group, Path(folder))
        made = measuring.build(group, c, source, path)
        if made is source:
            made = measuring.write(
                replace(group, files=_renamed(group.files, path.name)), path.parent
            )
    making = Making(stage, manifest, group.spec, pruned=group.pruned)
    return making.describe(TARGETS[c.target], c.precision, made, c.kept)


def _renamed(files: Mapping[str, bytes], first: str) -> dict[str, bytes]:
    """The file that a runtime opens under another name; its weights keep theirs."""
    main, *others = files
    return {first: files[main], **{name: files[name] for name in others}}
