"""What is probably wrong though every file agrees with the original: labels, pixels, scalers.

A converted file can only be as right as the model is used. With labelled samples the original
itself is asked whether it does far better under another order of the labels, other preprocessing,
or other rows beside the labels. A handful of ways is tried on at most ``unlabelled.MOST`` samples,
and only where the accuracy leaves room for it. What is found must be beyond chance: five samples
prove nothing. Made-up samples are never judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from edge_deploy.artifact.performance import WarningEntry
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Array, Arrays, ModelSpec, TensorSpec
from edge_deploy.data.reference import class_count
from edge_deploy.verification import metrics
from edge_deploy.verification.columns import column_name
from edge_deploy.verification.metrics import answered, outputs_of
from edge_deploy.verification.other_inputs import Way, picture_ways, table_ways
from edge_deploy.verification.unlabelled import (
    FEW,
    FEW_CHANCE,
    Case,
    constant_answers,
    some,
    strange_inputs,
)

_GOOD = 0.9  # a kappa from here on leaves nothing to look for
_SURE = 0.02  # the chance that a finding is none, over all ways that are tried
_FARTHEST = 500  # rows that labels are looked for from their own
_SHARES = ("probability", "probabilities")


Tried = tuple[Way, Array, Array]
"""A way, and which samples were right without it and with it."""


def diagnose(case: Case) -> tuple[WarningEntry, ...]:
    """What is probably wrong with a model, its samples or their labels; mostly nothing.

    Args:
        case: The model and the user's samples. Made-up ones are not judged.
    """
    data = case.data
    if data.origin == "synthetic" or not data.count:
        return ()
    found: list[WarningEntry] = []
    outputs = outputs_of(case.spec, data.labels)
    if data.labels is not None and not outputs:
        data_labels = _unfit(case.spec, data.labels)
        found.append(WarningEntry(kind="labels", text=f"the labels are not used: {data_labels}"))
    elif data.unlabelled:
        told = f"the labels are not used: {data.unlabelled}"
        found.append(WarningEntry(kind="labels", text=told))
    if data.labels is not None and outputs:
        found.extend(_judged(case, outputs, data.labels))
    if not found:
        found.extend(strange_inputs(case))
    if not found:
        found.extend(constant_answers(case))
    return tuple(found)


def _judged(case: Case, outputs: Sequence[TensorSpec], labels: Array) -> Iterator[WarningEntry]:
    """The same of each column of the labels, of which most models have one."""
    for n, column in enumerate(labels.reshape(len(labels), -1).T):
        output = outputs[n] if len(outputs) > 1 else outputs[0]
        if class_count(output) == 0 or (labels.ndim > 1 and len(outputs) == 1):
            told = list(_regressor(case, output, column, n))
        else:
            one = replace(case, data=replace(case.data, labels=column))
            told = list(_classifier(one, output, column))
        if told:
            name = column_name(output, n, labels.shape[-1]) if labels.ndim > 1 else ""
            called = (output.label or output.name) if len(outputs) > 1 else name
            lead = f"{called}: " if labels.ndim > 1 else ""
            yield from (WarningEntry(kind=w.kind, text=f"{lead}{w.text}") for w in told)
            return


def _unfit(spec: ModelSpec, labels: Array) -> str:
    """Why labels belong to no output."""
    counts = [count for output in spec.outputs if (count := class_count(output))]
    shown = ", ".join(str(label) for label in np.unique(labels)[:4])
    if not counts:
        kinds = ", ".join(f"{output.name} is a {output.kind}" for output in spec.outputs)
        return (
            f"they are {shown}, …, and the model gives no single value that they could be ({kinds})"
        )
    classes = next((output.classes for output in spec.outputs if output.classes), None)
    wanted = ", ".join(classes[:8]) if classes else f"0 to {counts[0] - 1}"
    if labels.dtype.kind in "iuf" and labels.min() >= 1 and labels.max() == counts[0]:
        return f"they count from 1, and classes are counted from 0 ({wanted}). Take 1 from each."
    return (
        f"they are {shown}, …, which are no classes of the model ({wanted}). Give labels that are, "
        f"or the names of the classes in the order of the model's columns with {option('labels')}."
    )


# Chance


def _bounds(hits: float, count: int) -> tuple[float, float]:
    """Wilson's interval of a share: it holds the true one in 99 of 100 cases."""
    z, share = 2.576, hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half


def _beyond_chance(now: Array, then: Array, tried: int) -> bool:
    """Whether ``then`` is right where ``now`` is wrong, beyond chance (McNemar's test)."""
    better, worse = int((then & ~now).sum()), int((now & ~then).sum())
    count = better + worse
    return _tail(better, count) * tried < _SURE or (better >= 6 and not worse)


def _tail(hits: int, count: int) -> float:
    """The chance of so many heads or more."""
    return float(sum(math.comb(count, n) for n in range(hits, count + 1)) / 2**count)


def _by_chance(found: Array, labels: Array) -> float:
    """The accuracy that these answers would have if they had nothing to do with these labels."""
    size = int(max(found.max(), labels.max())) + 1
    shares = [np.bincount(values, minlength=size) / len(values) for values in (found, labels)]
    return float(shares[0] @ shares[1])


def _percent(share: float) -> str:
    return f"{share:.1%}"


# Classes


def _classifier(case: Case, output: TensorSpec, labels: Array) -> Iterator[WarningEntry]:
    answers = case.data.outputs[output.name]
    true, found = labels.astype(np.int64), answered(output, answers)
    if found.min() < 0:
        return  # outliers and the like: no classes
    right = found == true
    chance = _by_chance(found, true)
    kappa = (right.mean() - chance) / (1 - chance) if chance < 1 else 1.0
    if kappa >= _GOOD:
        yield from _told(list(_other_inputs(case, output, true, good=True)))
        return
    ways = list(_other_rows(true, found)) if case.ordered else []
    order = _assignment(true, found, class_count(output) or int(max(true.max(), found.max())) + 1)
    if order is not None:
        then = found == order[true]
        if _all_exchanged(order, true, found) or _beyond_chance(right, then, 3):
            ways = [(_label_order(output, order), right, then), *ways]
    if not any(then.mean() >= _GOOD for _, _, then in ways):
        ways += _other_inputs(case, output, true)
    yield from _told(ways) if ways else _at_chance(case, output, right, chance)


def _told(ways: Sequence[Tried]) -> Iterator[WarningEntry]:
    """The way that does best; where one sample makes the difference, the one named first."""
    if not ways:
        return
    most = max(float(then.mean()) - 1.5 / len(then) for _, _, then in ways)
    way, before, then = next(one for one in ways if one[2].mean() >= most)
    yield WarningEntry(
        kind=way.kind,
        text=f"{way.cause}: the original's accuracy is {_percent(before.mean())} as it is and "
        f"{_percent(then.mean())} otherwise, of {len(then):,} samples. {way.mend}",
    )


def _label_order(output: TensorSpec, order: Array) -> Way:
    moved = [n for n in range(len(order)) if order[n] != n]
    names = output.classes
    if not names:
        pairs = ", ".join(f"label {n} is answered as {order[n]}" for n in moved[:6])
        return Way(
            "label order",
            f"the labels are probably in another order than the model's columns ({pairs})",
            f"Number the labels as the model was trained, or name the classes with "
            f"{option('labels')} in the order of the columns.",
        )
    right = list(names)
    for n in moved:
        right[order[n]] = names[n]
    pairs = ", ".join(f"{names[n]!r} is answered as {names[order[n]]!r}" for n in moved[:6])
    told = ",".join(right)
    mend = option("labels", told) if len(right) <= 20 else option("labels")
    return Way(
        "label order",
        f"the classes are probably in another order than the model's columns ({pairs}"
        f"{', …' if len(moved) > 6 else ''})",
        f"Give them in the order that the model was trained with: {mend}; or, if the names are "
        "right, mend the labels of the samples.",
    )


def _all_exchanged(order: Array, true: Array, found: Array) -> bool:
    """Whether classes are answered as another one without exception, at least 3 samples of each."""
    moved = np.flatnonzero(order != np.arange(len(order)))
    here = np.isin(true, moved)
    counts = np.bincount(true[here], minlength=len(order))[moved]
    return bool(len(moved) and counts.min() >= 3 and (found[here] == order[true[here]]).all())


def _assignment(true: Array, found: Array, classes: int) -> Array | None:
    """The answered class that each true one is best taken for; None where it is its own.

    Kuhn's and Munkres' method on the confusion matrix, so that each answer is given once.
    """
    if classes > metrics.MOST_CLASSES:
        return None
    size = max(classes, int(max(true.max(), found.max())) + 1)
    counts = np.zeros((size, size))
    np.add.at(counts, (true, found), 1)
    counts += np.eye(size) * 0.5  # where both are as good, nothing is moved
    cost = np.zeros((size + 1, size + 1))
    cost[1:, 1:] = counts.max() - counts
    row_of, left, right = np.zeros(size + 1, int), np.zeros(size + 1), np.zeros(size + 1)
    for row in range(1, size + 1):
        row_of[0], column = row, 0
        least, way = np.full(size + 1, np.inf), np.zeros(size + 1, int)
        used = np.zeros(size + 1, bool)
        while row_of[column]:
            used[column] = True
            reduced = cost[row_of[column]] - left[row_of[column]] - right
            closer = ~used & (reduced < least)
            least[closer], way[closer] = reduced[closer], column
            free = np.where(used, np.inf, least)
            free[0] = np.inf
            after = int(free.argmin())
            step = free[after]
            left[row_of[used]] += step
            right[used] -= step
            least[~used] -= step
            column = after
        while column:
            row_of[column] = row_of[way[column]]
            column = int(way[column])
    order = np.zeros(size, np.int64)
    order[row_of[1:] - 1] = np.arange(size)
    return None if (order == np.arange(size)).all() else order


def _other_rows(true: Array, found: Array) -> Iterator[Tried]:
    """Labels that belong to rows further on, or to the rows from the end."""
    count = len(true)
    if count < FEW_CHANCE:
        return
    right = found == true
    far = max(_shifts(count), key=lambda shift: float(np.mean(found == np.roll(true, shift))))
    then = found == np.roll(true, far)
    if far and _beyond_chance(right, then, len(_shifts(count))) and then.mean() > 0.5:
        way = Way(
            "rows shifted",
            f"the labels are probably those of other rows: shifted by {abs(far)} "
            f"({'down' if far > 0 else 'up'}) they fit",
            "Put each label beside its own sample: was a header or a row lost in one of them?",
        )
        yield way, right, then
    back = found == true[::-1]
    if _beyond_chance(right, back, 2) and back.mean() > 0.5:
        told = "the labels are probably in the opposite order of the rows"
        yield Way("rows reversed", told, "Put each label beside its own sample."), right, back


def _shifts(count: int) -> range:
    """How far labels may have slipped: anywhere in a few samples, not too far in many."""
    return range(-min(_FARTHEST, (count - 1) // 2), min(_FARTHEST, count // 2) + 1)


def _at_chance(
    case: Case, output: TensorSpec, right: Array, chance: float
) -> Iterator[WarningEntry]:
    """An accuracy that tells of nothing, with what that probably comes from."""
    assert case.data.labels is not None
    true = case.data.labels.astype(np.int64)
    count, found = len(right), answered(output, case.data.outputs[output.name])
    if count < FEW_CHANCE:
        return
    low, high = _bounds(right.sum(), count)
    most = float(np.bincount(true).max()) / count
    if low > chance or high >= 1 - (1 - chance) / 2:
        return  # better than chance, or perhaps much better
    if most >= 0.75 and high >= most:
        return  # rare classes are answered with a small probability, and rightly so
    shares = [np.bincount(v, minlength=len(right) + 1) / count for v in (true, found % (count + 1))]
    balanced = float(np.abs(shares[0] - shares[1]).sum()) / 2 < 0.25 and len(np.unique(found)) > 1
    told = (
        f"the original's accuracy is {_percent(right.mean())} of {count:,} samples, where answers "
        f"that have nothing to do with the labels would have {_percent(chance)}"
    )
    if balanced and _confident(case):
        yield WarningEntry(
            kind="rows shuffled",
            text=f"{told}: its answers are sure and as frequent as the labels, so the labels are "
            "probably those of other rows (one was sorted or shuffled without the other). Put each "
            "label beside its own sample.",
        )
    else:
        yield WarningEntry(
            kind="at chance",
            text=f"{told}. No other order of the labels and no other preprocessing that was tried "
            f"mends it: are the samples those that the model was trained for, prepared as in "
            f"training ({option('preprocess')}, {option('features')}), and the labels their own?",
        )


def _confident(case: Case) -> bool:
    """Whether the model is sure of its answers, where it says how sure it is."""
    output = next((o for o in case.spec.outputs if o.kind in _SHARES), None)
    if output is None:
        return False
    flat = case.data.outputs[output.name].astype(np.float64)
    flat = flat.reshape(len(flat), -1)
    if output.kind == "probability":
        return float(np.abs(flat[:, 0] - 0.5).mean()) > 1 / 6
    return bool(flat.max(axis=1).mean() > (1 + 2 / flat.shape[1]) / 3)


# Inputs


def _other_inputs(
    case: Case, output: TensorSpec, true: Array, good: bool = False
) -> Iterator[Tried]:
    """The model asked with the same samples, prepared in other ways.

    Exchanged channels may leave the accuracy as it is and take the certainty: they are tried where
    it is ``good``, too.
    """
    chosen = some(case.data)
    if case.predict is None or chosen is None or len(chosen) < FEW:
        return
    name = case.spec.inputs[0].name
    given, true = case.data.inputs[name][chosen], true[chosen]
    ways = [one for one in _ways(case, given) if not good or one[0].kind == "channels"]
    before = case.data.outputs[output.name][chosen]
    right = answered(output, before) == true
    for way, values in ways:
        answers = _asked(case, {name: values}, output)
        if answers is None:
            continue
        then = answered(output, answers) == true
        gains = then.mean() - right.mean() >= 0.05 and _beyond_chance(right, then, len(ways))
        # Larger numbers make most networks surer, right or wrong: that would prove nothing.
        calm = float(np.abs(values).mean()) <= 1.05 * float(np.abs(given).mean())
        fine = then.mean() >= max(right.mean(), 0.75)
        if gains or (calm and fine and _surer(output, before, answers, true)):
            yield way, right, then


def _asked(case: Case, inputs: Arrays, output: TensorSpec) -> Array | None:
    """The answers to samples that nobody asked; None where there are none, or no numbers."""
    assert case.predict is not None
    try:
        answers = case.predict(inputs)[output.name]
    except Exception:
        # Whatever a library or a runtime raises for numbers out of the ordinary: no mend is there.
        return None
    return answers if np.isfinite(answers).all() else None


def _surer(output: TensorSpec, before: Array, after: Array, true: Array) -> bool:
    """Whether nearly all samples get more for their true class, and on the whole much more."""
    if output.kind not in _SHARES:
        return False
    losses = []
    for answers in (before, after):
        flat = answers.reshape(len(answers), -1).astype(np.float64)
        if flat.shape[1] == 1:
            flat = np.concatenate([1 - flat, flat], axis=1)
        losses.append(-np.log(np.clip(flat[np.arange(len(true)), true], 1e-7, 1)))
    first, second = losses
    better, worse = int((second < first).sum()), int((second > first).sum())
    return _tail(better, better + worse) < _SURE / 10 and first.mean() > 2 * second.mean()


def _ways(case: Case, given: Array) -> Iterator[tuple[Way, Array]]:
    spec = case.spec.inputs[0]
    if given.dtype.kind != "f":
        return
    if case.preprocessing is not None:
        yield from picture_ways(case.preprocessing["image"], given)
    elif spec.kind == "image" or (len(spec.shape) == 4 and spec.shape[-1] in (1, 3)):
        yield from picture_ways(None, given)
    elif len(spec.shape) == 2 and all(f.kind != "text" for f in case.features or ()):
        yield from table_ways(given, case.ordinary)


# Values


def _regressor(
    case: Case, output: TensorSpec, labels: Array, column: int = 0
) -> Iterator[WarningEntry]:
    answered = case.data.outputs[output.name].reshape(len(labels), -1)
    found = answered[:, column].astype(np.float64)
    true = labels.astype(np.float64)
    if len(true) < FEW or not np.isfinite(found).all() or set(np.unique(true)) <= {0.0, 1.0}:
        return  # too few; or classes of a model that gives no probabilities
    now = _r2(true, found)
    if now >= 0.3:
        return
    ways: list[tuple[Way, float]] = [
        (way, _r2(true, then)) for way, then in _other_targets(true, found)
    ]
    if case.ordered:
        ways.extend(_other_values(true, found))
    chosen = some(case.data)
    if case.predict is not None and chosen is not None:
        name = case.spec.inputs[0].name
        for way, values in _ways(case, case.data.inputs[name][chosen]):
            answers = _asked(case, {name: values}, output)
            if answers is None:
                continue
            then = answers.reshape(len(chosen), -1)[:, column].astype(np.float64)
            ways.append((way, _r2(true[chosen], then)))
    best = max(ways, key=lambda way: round(way[1], 1), default=None)
    least = max(0.25, 12 / len(true))  # far above what the best of as many shifts has by chance
    if best is not None and best[1] >= least and best[1] - now >= 0.3:
        yield WarningEntry(
            kind=best[0].kind,
            text=f"{best[0].cause}: the original's R² is {now:.3g} as it is and {best[1]:.3g} "
            f"otherwise, of {len(true):,} samples. {best[0].mend}",
        )
    elif len(true) >= FEW_CHANCE and _surely_useless(true, found):
        same = (
            1 / 3 < found.std() / true.std() < 3
            and abs(found.mean() - true.mean()) < true.std() / 2
        )
        yield WarningEntry(
            kind="rows shuffled" if same else "at chance",
            text=f"the original's R² is {now:.3g} of {len(true):,} samples: no better than "
            "answering their mean. "
            + (
                "Its answers are spread as the labels are, so these are probably those of other "
                "rows (one was sorted or shuffled without the other). Put each label beside its "
                "own sample."
                if same
                else "No other scaling that was tried mends it: are the samples prepared as in "
                f"training ({option('features')}), and are the labels what the model predicts?"
            ),
        )


def _r2(true: Array, found: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        rest = float(np.sum((true - found) ** 2))
    total = float(np.sum((true - true.mean()) ** 2))
    return 1 - rest / total if math.isfinite(rest) and total else float("-inf")


def _surely_useless(true: Array, found: Array) -> bool:
    """Whether R² is at most 0 in nearly all drawings of as many samples from these."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(true), (200, len(true)))
    values = [_r2(true[rows], found[rows]) for rows in drawn if np.ptp(true[rows]) > 0]
    return float(np.quantile(values, 0.95)) <= 0.05


def _other_targets(true: Array, found: Array) -> Iterator[tuple[Way, Array]]:
    """Answers whose scaling was not undone, or that are a logarithm."""
    kind = "target scaling"

    def way(said: str, mend: str) -> Way:
        return Way(kind, f"the answers are probably {said}", mend)

    with np.errstate(over="ignore", invalid="ignore"):
        if (true > 0).all() and found.max() < 50:
            said = "logarithms of the labels"
            mend = "Put the exponential into the model, or give labels as it predicts them."
            yield way(said, mend), np.exp(found)
            yield way(said, mend), np.expm1(found)
        if (found > 0).all() and (true.max() < 50):
            mend = "Give labels as the model predicts them."
            yield way("what the labels are logarithms of", mend), np.log(found)
            yield way("what the labels are logarithms of", mend), np.log1p(found)
    for factor in (100, 1000, 1_000_000):
        mend = f"Divide the labels by {factor:,}, or put the factor into the model."
        yield way(f"{factor:,} times too small", mend), found * factor
        mend = f"Multiply the labels by {factor:,}, or put the factor into the model."
        yield way(f"{factor:,} times too large", mend), found / factor
    spread = float(found.std())
    if spread > 0 and np.corrcoef(true, found)[0, 1] > 0:
        slope, constant = np.polyfit(found, true, 1)
        mend = (
            f"The labels are about {slope:.4g} times the answer plus {constant:.4g}: put the "
            "scaler of the target into the model, or give labels as it predicts them."
        )
        yield way("scaled as the target was in training", mend), slope * found + constant


def _other_values(true: Array, found: Array) -> Iterator[tuple[Way, float]]:
    """Labels that belong to rows further on."""
    if len(true) < FEW_CHANCE:
        return
    far = max(_shifts(len(true)), key=lambda shift: _r2(np.roll(true, shift), found))
    if far:
        said = f"the labels are probably those of other rows: shifted by {abs(far)} they fit"
        way = Way("rows shifted", said, "Put each label beside its own sample.")
        yield way, _r2(np.roll(true, far), found)
    told = "the labels are probably in the opposite order of the rows"
    way = Way("rows reversed", told, "Put each label beside its own sample.")
    yield way, _r2(true[::-1], found)
