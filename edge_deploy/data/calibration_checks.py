"""A look at calibration data before a file is made from it.

Most int8 files that answer nonsense were calibrated on nonsense: one picture repeated, zeros,
values normalized twice or not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.options import Data
from edge_deploy.core.spec import Array, ModelSpec, TensorSpec
from edge_deploy.data import calibration
from edge_deploy.data.calibration import Samples
from edge_deploy.data.reference import Dataset

_FEW = 16  # fewer than this rarely show the rarer activations
_CHANNELS = 256  # a last axis of up to this size is looked at one by one
_UNLIKE = 2.5  # how often wider or narrower than the reference the values may be
_OTHER = 20.0  # from here on the data cannot be meant: 1/255 or 1/127.5 was applied twice or never


@dataclass(frozen=True)
class Finding:
    """What is wrong with calibration data.

    Attributes:
        text: What, the likely cause, and the mend.
        hopeless: A file made from it would be wrong, whatever the user thinks.
    """

    text: str
    hopeless: bool = False


@dataclass
class _Seen:
    """What is known of one input after going through its samples."""

    low: Array | None = None
    high: Array | None = None
    by_channel: bool = False
    digests: set[bytes] = field(default_factory=set)
    count: int = 0
    bad: int | None = None

    def add(self, value: Array) -> None:
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            self.bad = self.count if self.bad is None else self.bad
        self.count += 1
        self.digests.add(hashlib.blake2b(value.tobytes(), digest_size=16).digest())
        wide = self.by_channel and value.ndim > 1 and 1 < value.shape[-1] <= _CHANNELS
        flat = value.reshape(-1, value.shape[-1]) if wide else value.reshape(-1, 1)
        low, high = flat.min(axis=0).astype(np.float64), flat.max(axis=0).astype(np.float64)
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)

    @property
    def span(self) -> float:
        return 0.0 if self.low is None else float(self.high.max() - self.low.min())  # type: ignore[union-attr]


def _look(samples: Samples, spec: ModelSpec) -> dict[str, _Seen]:
    # In a picture without a channel axis the last one is a place, often blank at the border.
    seen = {s.name: _Seen(by_channel=s.kind != "image" or len(s.shape) == 4) for s in spec.inputs}
    for feed in samples:
        for name, value in feed.items():
            seen[name].add(value)
    return seen


def lint(samples: Samples, spec: ModelSpec, reference: Samples | None) -> list[Finding]:
    """What is wrong with calibration data, before a file is made from it.

    Args:
        samples: The calibration data.
        spec: The model's inputs.
        reference: The samples that verdicts are made on, if these are others.
    """
    findings = []
    if not samples.count:
        return [
            Finding(
                f"{samples.origin} has no samples. Give some with {option('calibration')}.", True
            )
        ]
    seen = _look(samples, spec)
    usual = _look(reference, spec) if reference is not None else {}
    if samples.count < _FEW:
        findings.append(
            Finding(
                f"{samples.origin} has {samples.count} samples; rare activations need more to be "
                f"seen. Give 100 or more of real data with {option('calibration')}."
            )
        )
    alike = all(len(one.digests) == 1 for one in seen.values())
    for s in spec.inputs:
        findings.extend(_lint_input(samples, s, seen[s.name], usual.get(s.name), alike))
    return findings


def _lint_input(
    samples: Samples, spec: TensorSpec, seen: _Seen, usual: _Seen | None, alike: bool
) -> list[Finding]:
    where = f"{samples.origin}, input {spec.name!r}"
    assert seen.low is not None and seen.high is not None
    if seen.bad is not None:
        return [
            Finding(
                f"{where} has NaN or infinity (first in sample {seen.bad}). Fill or drop what is "
                "missing.",
                True,
            )
        ]
    if not seen.span:
        what = "all zeros" if not seen.high.any() else f"{seen.high.max():g} everywhere"
        return [
            Finding(
                f"{where} is {what}: the ranges of the activations cannot be seen in it, and the "
                "file would give nonsense. Was the data loaded, and scaled by integers? Give real "
                f"samples with {option('calibration')}.",
                True,
            )
        ]
    if alike and samples.count > 1:
        return [
            Finding(
                f"{where}: all {samples.count} samples are the same one. Was one picture repeated? "
                "Give different samples.",
                True,
            )
        ]
    findings = []
    if len(seen.digests) < samples.count // 2:
        findings.append(
            Finding(
                f"{where}: only {len(seen.digests)} of {samples.count} samples differ. Give "
                "different ones."
            )
        )
    dead = np.flatnonzero(seen.high == seen.low)
    if usual is None or usual.low is None or usual.high is None or len(usual.low) != len(seen.low):
        dead = dead[:0]  # nothing to tell a column that is rarely set from a lost one
    else:
        dead = dead[(usual.high != usual.low)[dead]]
    if len(dead):
        findings.append(
            Finding(
                f"{where}: channel {', '.join(map(str, dead[:5]))} never changes, and does "
                "in the reference. Is a column missing, or a picture grey?"
            )
        )
    if usual is not None and usual.span and spec.dtype.startswith("float"):
        findings.extend(_compare_range(where, seen, usual))
    return findings


def _compare_range(where: str, seen: _Seen, usual: _Seen) -> list[Finding]:
    ratio = seen.span / usual.span
    if 1 / _UNLIKE <= ratio <= _UNLIKE:
        return []
    low, high = float(seen.low.min()), float(seen.high.max())  # type: ignore[union-attr]
    expected = float(usual.low.min()), float(usual.high.max())  # type: ignore[union-attr]
    cause = "normalized twice" if ratio < 1 else "not normalized"
    return [
        Finding(
            f"{where} lies within {low:.4g} .. {high:.4g}, the reference within {expected[0]:.4g} "
            f".. {expected[1]:.4g}: it was probably {cause}. Give samples as the model takes "
            "them, or pictures, which go through the model's own preprocessing.",
            not 1 / _OTHER <= ratio <= _OTHER,
        )
    ]


def check(
    samples: Samples, spec: ModelSpec, reference: Samples | None, strict: bool
) -> tuple[str, ...]:
    """Look at calibration data; hopeless data, or with ``strict`` any fault, is an error.

    Returns:
        Warnings, one line each.

    Raises:
        UsageError: No good file can come from it.
    """
    findings = lint(samples, spec, reference)
    if wrong := [f for f in findings if f.hopeless or strict]:
        raise UsageError("Calibration data: " + "\n".join(f.text for f in wrong))
    return tuple(f"calibration data: {finding.text}" for finding in findings)


def calibrate(
    spec: ModelSpec, dataset: Dataset, given: Data | None, strict: bool
) -> tuple[Samples, tuple[str, ...]]:
    """Calibration data, looked at: what the user gives, else the evaluation, else the reference.

    Args:
        spec: The model's inputs.
        dataset: The samples that verdicts are made on.
        given: Data of the user, which goes before all others.
        strict: Warnings are errors.

    Returns:
        The samples, and warnings.

    Raises:
        UsageError: They cannot be read, or no good file can come from them.
    """
    usual = None
    if given is not None:
        samples = calibration.open_samples(
            given,
            spec,
            dataset.columns,
            dataset.preprocessing,
            dataset.label_column,
            dataset.series,
        )
        usual = calibration.from_reference(dataset.every, spec, "the reference")
    elif dataset.evaluation.count < dataset.reference.count:
        samples = calibration.from_reference(dataset.every, spec, "the reference data")
    elif dataset.evaluation.count:
        samples = calibration.from_reference(dataset.evaluation, spec, "the evaluation data")
    else:
        samples = calibration.from_reference(dataset.reference, spec, "the reference")
    warnings = check(samples, spec, usual, strict)
    if given is None and dataset.reference.origin == "synthetic":
        made_up = (
            "calibration data: there is none but made-up samples, whose ranges are not those of "
            f"real ones. Give real samples with {option('calibration')}."
        )
        if strict:
            raise UsageError(made_up)
        warnings = (*warnings, made_up)
    return samples, warnings
