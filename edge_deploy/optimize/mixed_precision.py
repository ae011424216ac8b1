"""A file made and judged, with layers kept in float: those named, or the fewest that help."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from msgspec import structs

from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.core import log
from edge_deploy.core.errors import ConversionError, UsageError
from edge_deploy.core.messages import option
from edge_deploy.formats.base import FLOAT, Converted, Format
from edge_deploy.formats.layers import AUTO, Layer, LayerError, advise, choose, worst
from edge_deploy.optimize.builder import FileBuilder
from edge_deploy.optimize.precisions import PrecisionRequest
from edge_deploy.verification.verdicts import Verdict, summarize

_log = log.logger(__name__)

_TRIALS = 24  # files made at most in each round of the search for layers

_CLEARLY = 0.9  # the share of the error that another file over budget must stay under

_DROPS = 80  # sets that are tried to find out which layers it does without

Bad = Callable[[Sequence[Layer]], tuple[float, int]]
"""From kept layers to how bad the file is (0.0 within budget) and its bytes."""


def check_keep(keep: Sequence[str], wish: PrecisionRequest) -> None:
    """Refuse ``keep_float`` where no file is compressed.

    Raises:
        UsageError: All that is asked for is float32, or ``auto`` stands among names.
    """
    if not keep:
        return
    if all(set(names) <= {FLOAT} for names in wish.by_target.values()):
        raise UsageError(
            f"{option('keep_float')} is about compressed files, and only float32 is asked for. "
            "Name a precision, such as int8, too.",
            option="keep_float",
            got=keep,
        )
    if AUTO in keep and len(keep) > 1:
        raise UsageError(
            f"{option('keep_float', AUTO)} finds the layers itself: give it alone, or only names.",
            option="keep_float",
            got=keep,
        )


def make_and_judge(
    builder: FileBuilder, file_format: Format, precision: str, source: Converted
) -> tuple[FileEntry, list[Verdict]]:
    """One file with its verdicts, and where it fails its budget the layers that break it.

    Args:
        builder: What all files of the run share, ``keep_float`` and the checker among it.
        file_format: Its format.
        precision: Of the file.
        source: The float32 file.

    Returns:
        The manifest's entry, with the verification in it, and the verdicts.

    Raises:
        ConversionError: The quantizer cannot do it.
        UsageError: A layer that is to be kept in float is not there.
    """

    def make(keep: Sequence[Layer]) -> tuple[FileEntry, list[Verdict]]:
        entry = builder.entry(file_format, precision, source, keep)
        return entry, builder.judge(file_format, entry)

    def second(entry: FileEntry, rows: list[Verdict]) -> tuple[FileEntry, list[Verdict]]:
        fallback = file_format.fallback
        if builder.model is None or fallback is None or fallback.precision != precision:
            return entry, rows
        _log.info("%s %s: %s's", file_format.name, precision, fallback.name)
        path = builder.path(file_format, precision)
        before = path.read_bytes()
        with contextlib.suppress(ConversionError):
            other = builder.fallback_entry(file_format, source)
            found = builder.judge(file_format, other)
            if _better(found, rows):
                return other, found
        path.write_bytes(before)
        return entry, rows

    checker = builder.checker
    names = builder.keep_float if precision != FLOAT else ()
    layers = file_format.layers(source.path) if names else ()
    named = tuple(name for name in names if name != AUTO)
    try:
        entry, rows = make(choose(layers, named, f"the {file_format.name} file"))
    except ConversionError as error:
        if not named:
            raise
        raise ConversionError(
            f"{error} With {', '.join(named)} in float it may be that nothing is left to quantize."
        ) from error
    if _failed(rows) and not named:
        entry, rows = second(entry, rows)
    if builder.pruned and builder.pruned.epoch is None and not names:
        # No layer in float brings back what pruning took; training the others may.
        train = (
            "It was pruned at once. Train what is left, on samples with labels: convert "
            f"{option('prune_data')}; or prune less."
        )
        rows = [replace(row, advice=(train,)) if row.status == "fail" else row for row in rows]
    elif precision != FLOAT and _failed(rows):
        layers = layers or file_format.layers(source.path)
        weighted = [layer for layer in layers if layer.weighted]
        errors: tuple[LayerError, ...] = ()
        # A fallback fuses otherwise: its tensors are not the float file's.
        own = entry.quantizer == file_format.quantizer
        if file_format.layer_errors and own and all(row.outputs for row in rows):
            path = builder.path(file_format, precision)
            errors = file_format.layer_errors(
                source.path, path, layers, checker.spec, checker.dataset.reference
            )
        advice = advise(precision, errors, [layer.name for layer in weighted])
        if advice is None and len(weighted) > 1:
            advice = (
                f"{option('keep_float', AUTO)} finds the fewest layers that must stay float, by "
                "trying."
            )
        if AUTO in names:
            order = {e.name: n for n, e in enumerate(worst(errors))}
            weighted.sort(key=lambda layer: order.get(layer.name, len(order)))
            found = fewest(weighted, _trial(make, f"{file_format.name} {precision}"))
            entry, rows = make([layer for layer in layers if layer in (found or ())])
            if not found:
                entry, rows = second(entry, rows)
            advice = None if found else "no layers kept in float bring it within its budget"
        if advice:
            rows = [
                replace(row, layers=errors, advice=(advice,)) if _far_off(row) else row
                for row in rows
            ]
    return structs.replace(entry, verification=summarize(rows)), rows


def _failed(rows: Sequence[Verdict]) -> bool:
    return any(row.status == "fail" for row in rows)


def _far_off(row: Verdict) -> bool:
    """Whether it is the numbers that fail: no layer in float mends a file that does not run."""
    costs_too_much = row.task is not None and bool(row.failures)
    return costs_too_much or any(not output.ok for output in row.outputs)


def _better(rows: Sequence[Verdict], than: Sequence[Verdict]) -> bool:
    """Within the budget, or clearly nearer to the original with no more that is wrong."""
    if not _failed(rows):
        return True
    wrong, before = (sum(len(row.problems) for row in some) for some in (rows, than))
    return wrong <= before and _cost(rows) < _CLEARLY * _cost(than)


def _cost(rows: Sequence[Verdict]) -> float:
    """The mean errors as shares of the outputs' sizes; infinite where nothing could be compared."""
    cost = sum(o.mean_abs_error / o.scale for row in rows for o in row.outputs)
    return cost if cost and math.isfinite(cost) else math.inf


def _trial(
    make: Callable[[Sequence[Layer]], tuple[FileEntry, list[Verdict]]],
    what: str,
) -> Bad:
    def trial(keep: Sequence[Layer]) -> tuple[float, int]:
        _log.info("%s: %s in float", what, ", ".join(layer.name for layer in keep))
        try:
            entry, rows = make(keep)
        except ConversionError:  # nothing is left to quantize
            return math.inf, 0
        if not _failed(rows):
            return 0.0, entry.brotli_bytes
        worse = sum(o.mean_abs_error / o.scale for row in rows for o in row.outputs) or 1.0
        return worse, entry.brotli_bytes

    return trial


def fewest(layers: Sequence[Layer], bad: Bad) -> tuple[Layer, ...] | None:
    """The fewest layers in float that bring a file within its budget, by trying.

    All sets of one layer are tried, then of two and so on, while a round stays within _TRIALS
    files; of several sets that do, the smallest file wins. Beyond that layers are added in the
    order of what each gains alone, and those that turn out not to be needed are dropped: few,
    not provably the fewest.

    Args:
        layers: Those with weights, the likeliest first.
        bad: Makes and measures a file.

    Returns:
        The layers, in the order given; None where no set helps.
    """
    alone: dict[str, float] = {}
    for size in range(1, len(layers) + 1):
        if size > 1 and math.comb(len(layers), size) > _TRIALS:
            break
        tried = {keep: bad(keep) for keep in itertools.combinations(layers[:_TRIALS], size)}
        if good := [keep for keep, (badness, _) in tried.items() if badness == 0.0]:
            return min(good, key=lambda keep: tried[keep][1])
        alone |= {keep[0].path: badness for keep, (badness, _) in tried.items() if size == 1}
    else:
        return None
    ranked = sorted(layers, key=lambda layer: alone.get(layer.path, math.inf))
    low, high = size - 1, size
    while bad(ranked[:high])[0] > 0:
        if high == len(ranked):
            return None
        low, high = high, min(2 * high, len(ranked))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bad(ranked[:middle])[0] == 0 else (middle, high)
    kept = _without_idle(ranked[:high], bad)
    chosen = {layer.path for layer in kept}
    return tuple(layer for layer in layers if layer.path in chosen)


def _without_idle(kept: list[Layer], bad: Bad) -> list[Layer]:
    """Drop what a set does without: halves of it first, then quarters, at last single layers."""
    chunk, left = len(kept) // 2, _DROPS
    while chunk:
        start = 0
        while start < len(kept) and left:
            rest, left = kept[:start] + kept[start + chunk :], left - 1
            if rest and bad(rest)[0] == 0:
                kept = rest
            else:
                start += chunk
        chunk //= 2
    return kept
