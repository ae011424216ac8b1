"""How a model does where it is used: what the reports of visits add up to."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from edge_deploy.core.errors import wrong_option
from edge_deploy.core.messages import times
from edge_deploy.verification.charts import Axis
from edge_deploy.verification.html_page import render
from edge_deploy.verification.quality import wilson_interval
from edge_deploy.web.monitoring.visit_report import ModelVisit, VisitReport


@dataclass(frozen=True)
class Share:
    """A part of a whole.

    Attributes:
        count: How many.
        of: Of how many.
    """

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """From 0 to 1; None of nothing."""
        return self.count / self.of if self.of else None

    def __str__(self) -> str:
        """``97.0 % (94.1 to 98.5)``: with the 95 % interval of Wilson."""
        if not self.of:
            return ""
        low, high = wilson_interval(self.count, self.of)
        return f"{self.count / self.of:.1%} ({low * 100:.1f} to {high * 100:.1f})"


@dataclass(frozen=True)
class VersionStatistics:
    """A version that answered visitors.

    Attributes:
        model: What the page calls the model.
        version: The version.
        channel: Why it answered: stable, canary, or shadow, whose answers nobody saw.
        visits: Visits in which it ran.
        answers: Inputs that it was asked.
        failures: Of the inputs, those that it had no answer to.
        failed_checks: Of the visits, those on a device on which it failed its self-check; of a
            canary those in which the stable version took its place.
        first_ms: The median over visits of the time to the first answer.
        median_ms: The median over visits of the median time for an answer.
    """

    model: str
    version: str
    channel: str
    visits: int
    answers: int
    failures: Share
    failed_checks: Share
    first_ms: float | None
    median_ms: float | None


@dataclass(frozen=True)
class BackendStatistics:
    """What a version took on one backend: medians over visits, in milliseconds."""

    model: str
    version: str
    backend: str
    visits: int
    first_ms: float | None
    median_ms: float | None


@dataclass(frozen=True)
class Agreement:
    """How a candidate's answers were beside those of the stable version, to the same inputs.

    Attributes:
        model: What the page calls the model.
        version: The candidate: a shadow that was asked in silence, or a canary that was shown while
            the stable version was asked in silence.
        channel: shadow or canary.
        shown: The stable version.
        agreed: Of the compared inputs, those with the same answer.
        beyond: Of these, those further apart than the tolerance.
    """

    model: str
    version: str
    channel: str
    shown: str
    agreed: Share
    beyond: Share


@dataclass(frozen=True)
class ColumnDrift:
    """How many inputs lay outside of what the model was made with, a column each."""

    model: str
    column: str
    outside: Share


@dataclass(frozen=True)
class DayCounts:
    """A day of one version: its visits, its failures, and the inputs outside."""

    day: date
    model: str
    version: str
    visits: int
    answers: int
    failures: int
    outside: Share


@dataclass(frozen=True)
class Promotion:
    """Whether a canary or a shadow may become the stable version.

    Attributes:
        may: Whether it may.
        reasons: What speaks against it, or what was found.
    """

    model: str
    version: str
    channel: str
    may: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Statistics:
    """What ``stats`` found.

    Attributes:
        reports: How many there are.
        first: The day of the oldest; None where there is none.
        last: The day of the newest.
        versions: What each version did, the newest of a model last.
        backends: What each took where.
        agreements: How each shadow and canary answered beside the stable version.
        drift: The inputs that lay outside, a column each, the most first.
        days: The same, by day.
        promotions: Whether the canaries and shadows of each model's last such day may be promoted.
    """

    reports: int
    first: date | None
    last: date | None
    versions: tuple[VersionStatistics, ...]
    backends: tuple[BackendStatistics, ...]
    agreements: tuple[Agreement, ...]
    drift: tuple[ColumnDrift, ...]
    days: tuple[DayCounts, ...]
    promotions: tuple[Promotion, ...]

    @property
    def passed(self) -> bool:
        """Whether every candidate may be promoted."""
        return all(one.may for one in self.promotions)

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        return str(to_html(self, "visits_card.html.j2"))


@dataclass(frozen=True)
class _Run:
    """A version that ran in a visit, seen or in silence."""

    day: date
    visit: ModelVisit
    version: str
    channel: str
    answers: int
    failures: int
    failed_check: bool
    first_ms: float | None
    median_ms: float | None


def visit_statistics(
    reports: Iterable[tuple[date, VisitReport]], max_drop: float = 0.01, min_visits: int = 100
) -> Statistics:
    """Add up reports, and judge the candidates.

    A candidate may be promoted that ran in enough visits, and of which neither the failures nor
    the failed self-checks (as shares) are above those of the stable version by more than
    ``max_drop``; where its answers were compared they must be the stable version's but for that
    share, too.

    Args:
        reports: Each with its day, the oldest first.
        max_drop: How much worse a candidate may be, from 0 to 1.
        min_visits: In how many visits it must have run.

    Raises:
        UsageError: A limit is none.
    """
    if not 0 <= max_drop <= 1:
        raise wrong_option("max_drop", max_drop, "a share is from 0 to 1.")
    if min_visits < 1:
        raise wrong_option("min_visits", min_visits, "a number of visits is 1 or more.")
    count, days = 0, set()
    visits: list[tuple[date, ModelVisit]] = []
    for day, report in reports:
        count += 1
        days.add(day)
        visits += [(day, one) for one in report.models]
    runs = [run for day, visit in visits for run in _runs(day, visit)]
    versions = tuple(_versions(runs))
    agreements = tuple(_agreements(visit for _, visit in visits))
    return Statistics(
        count,
        min(days, default=None),
        max(days, default=None),
        versions,
        tuple(_backends(runs)),
        agreements,
        tuple(_drift(visit for _, visit in visits)),
        tuple(_days(runs)),
        tuple(_promotions(runs, versions, agreements, max_drop, min_visits)),
    )


def _runs(day: date, visit: ModelVisit) -> Iterator[_Run]:
    """The versions that ran in a visit: the one that answered, one that failed, one in silence."""
    failed = visit.check == "fail"
    timed = (visit.first_ms, visit.median_ms)
    asked = visit.answers + visit.failures
    yield _Run(
        day, visit, visit.version, visit.channel, asked, visit.failures, failed, *timed
    )  # fmt: skip
    if visit.dropped is not None:
        yield _Run(day, visit, visit.dropped, "canary", 0, 0, True, None, None)
    if (shadow := visit.shadow) is not None and visit.channel == "stable":
        asked = shadow.compared + shadow.failures
        yield _Run(
            day, visit, shadow.version, "shadow", asked, shadow.failures, False, None,
            shadow.median_ms,
        )  # fmt: skip


def _grouped(runs: Iterable[_Run], *names: str) -> dict[tuple[str, ...], list[_Run]]:
    """Runs by what they have in common, in the order in which that was first seen."""
    found: dict[tuple[str, ...], list[_Run]] = defaultdict(list)
    for run in runs:
        values = {"model": run.visit.model, "version": run.version, "channel": run.channel}
        values |= {"backend": run.visit.backend, "day": run.day.isoformat()}
        found[tuple(values[name] for name in names)].append(run)
    return found


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _versions(runs: Sequence[_Run]) -> Iterator[VersionStatistics]:
    for (model, version, channel), own in _grouped(runs, "model", "version", "channel").items():
        asked = sum(run.answers for run in own)
        yield VersionStatistics(
            model,
            version,
            channel,
            len(own),
            asked,
            Share(sum(run.failures for run in own), asked),
            Share(sum(run.failed_check for run in own), len(own)),
            _median(run.first_ms for run in own),
            _median(run.median_ms for run in own),
        )


def _backends(runs: Sequence[_Run]) -> Iterator[BackendStatistics]:
    timed = [run for run in runs if run.channel != "shadow" and run.answers]
    for (model, version, backend), own in _grouped(timed, "model", "version", "backend").items():
        first, each = (run.first_ms for run in own), (run.median_ms for run in own)
        yield BackendStatistics(model, version, backend, len(own), _median(first), _median(each))


def _agreements(visits: Iterable[ModelVisit]) -> Iterator[Agreement]:
    sums: dict[tuple[str, str, str, str], Counter[str]] = defaultdict(Counter)
    for visit in visits:
        if silent := visit.shadow:
            # Beside a canary it is the stable version that answers in silence.
            if visit.channel == "canary":
                key = (visit.model, visit.version, "canary", silent.version)
            else:
                key = (visit.model, silent.version, "shadow", visit.version)
            sums[key].update(compared=silent.compared, agreed=silent.agreed, beyond=silent.beyond)
    for key, found in sums.items():
        parts = (Share(found[name], found["compared"]) for name in ("agreed", "beyond"))
        yield Agreement(*key, *parts)


def _drift(visits: Iterable[ModelVisit]) -> Iterator[ColumnDrift]:
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for visit in visits:
        for column in visit.columns:
            sums[visit.model, column.name].update(inputs=column.inputs, outside=column.outside)
    found = [
        ColumnDrift(model, name, Share(one["outside"], one["inputs"]))
        for (model, name), one in sums.items()
    ]
    yield from sorted(found, key=lambda one: (one.model, -(one.outside.value or 0), one.column))


def _days(runs: Sequence[_Run]) -> Iterator[DayCounts]:
    seen = [run for run in runs if run.channel != "shadow"]
    for (day, model, version), own in sorted(_grouped(seen, "day", "model", "version").items()):
        columns = [c for run in own for c in run.visit.columns if run.version == run.visit.version]
        yield DayCounts(
            date.fromisoformat(day),
            model,
            version,
            len(own),
            sum(run.answers for run in own),
            sum(run.failures for run in own),
            Share(sum(c.outside for c in columns), sum(c.inputs for c in columns)),
        )


# May it be promoted?


def _promotions(
    runs: Sequence[_Run],
    versions: Sequence[VersionStatistics],
    agreements: Sequence[Agreement],
    max_drop: float,
    min_visits: int,
) -> Iterator[Promotion]:
    known = {(one.model, one.version, one.channel): one for one in versions}
    latest = _latest(runs)
    candidates = [
        (model, version, channel)
        for (model, channel), then in list(latest.items())
        for version in sorted(then)
        if channel != "stable" and version not in latest[model, "stable"]  # it was promoted
    ]
    for model, version, channel in candidates:
        own, stable = known[model, version, channel], latest[model, "stable"]
        usual = max(stable, key=lambda one: (stable[one], one), default="")
        found = [
            o for o in agreements if (o.model, o.version, o.channel) == (model, version, channel)
        ]
        against = list(_against(own, known.get((model, usual, "stable")), max_drop, min_visits))
        against += _disagrees(found, max_drop)
        for_it = (
            f"{own.visits:,} visits, {own.failures.count:,} of {own.answers:,} inputs failed, "
            f"the self-check {times(own.failed_checks.count)}",
        )
        yield Promotion(model, version, channel, not against, tuple(against) or for_it)


def _latest(runs: Iterable[_Run]) -> dict[tuple[str, str], Counter[str]]:
    """The versions of a model in a channel on the last day that it has any: no time is kept."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    last: dict[tuple[str, str], date] = {}
    for run in runs:
        channel = run.visit.model, run.channel
        if last.get(channel) != run.day:
            last[channel], found[channel] = run.day, Counter()
        found[channel][run.version] += 1
    return found


def _against(
    own: VersionStatistics, base: VersionStatistics | None, max_drop: float, min_visits: int
) -> Iterator[str]:
    if own.visits < min_visits:
        yield f"it ran in {own.visits:,} visits, and {min_visits:,} are needed"
    if not own.answers:
        yield "nobody has asked it anything"
    if base is None:
        yield "no visit had the stable version, which it is held to"
        return
    for what, part, whole in (
        ("inputs failed", own.failures, base.failures),
        ("self-checks failed", own.failed_checks, base.failed_checks),
    ):
        if (part.value or 0) - (whole.value or 0) > max_drop:
            yield (
                f"{part.value or 0:.1%} of its {what}, of the stable version's "
                f"{whole.value or 0:.1%}"
            )


def _disagrees(found: Sequence[Agreement], max_drop: float) -> Iterator[str]:
    agreed = Share(sum(o.agreed.count for o in found), sum(o.agreed.of for o in found))
    if agreed.value is not None and 1 - agreed.value > max_drop:
        yield f"it agrees with the stable version on {agreed} of the inputs"


# As tables.


def tables(found: Statistics) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """A title, a header and rows of texts for each part."""

    def ms(value: float | None) -> str:
        return "" if value is None else f"{value:,.1f} ms"

    return [
        (
            "Versions",
            ("model", "version", "channel", "visits", "inputs", "failed", "self-check failed",
             "first answer", "median"),
            [
                (o.model, o.version, o.channel, f"{o.visits:,}", f"{o.answers:,}",
                 str(o.failures), str(o.failed_checks), ms(o.first_ms), ms(o.median_ms))
                for o in found.versions
            ],
        ),
        (
            "Latency by backend",
            ("model", "version", "backend", "visits", "first answer", "median"),
            [
                (o.model, o.version, o.backend, f"{o.visits:,}", ms(o.first_ms), ms(o.median_ms))
                for o in found.backends
            ],
        ),
        (
            "Agreement with the stable version",
            ("model", "version", "channel", "beside", "inputs", "same answer",
             "beyond the tolerance"),
            [
                (o.model, o.version, o.channel, o.shown, f"{o.agreed.of:,}", str(o.agreed),
                 str(o.beyond))
                for o in found.agreements
            ],
        ),
        (
            "Inputs outside of the training ranges",
            ("model", "column", "inputs", "outside"),
            [(o.model, o.column, f"{o.outside.of:,}", str(o.outside)) for o in found.drift],
        ),
        (
            "By day",
            ("day", "model", "version", "visits", "inputs", "failed", "values outside"),
            [
                (o.day.isoformat(), o.model, o.version, f"{o.visits:,}", f"{o.answers:,}",
                 f"{o.failures:,}", str(o.outside))
                for o in found.days
            ],
        ),
        (
            "May it be promoted?",
            ("model", "version", "channel", "", "why"),
            [
                (o.model, o.version, o.channel, "yes" if o.may else "NO", "; ".join(o.reasons))
                for o in found.promotions
            ],
        ),
    ]  # fmt: skip


MARK = '<meta name="generator" content="edge-deploy stats">'
_WIDTH, _HEIGHT = 720.0, 160.0
_FIRST_NUMBERS = ("visits", "inputs")  # of a table: what stands right of them is numbers


def to_html(found: Statistics, template: str = "visits.html.j2") -> Markup:
    """The tables, and the visits and the inputs outside of each day as a picture."""
    visits: Counter[date] = Counter()
    outside: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for one in found.days:
        visits[one.day] += one.visits
        outside[one.day][0] += one.outside.count
        outside[one.day][1] += one.outside.of
    days = sorted(visits)
    x = Axis(0, max(len(days), 1), 40.0, _WIDTH - 8)
    y = Axis(0, max(visits.values(), default=1), _HEIGHT - 24, 12.0)
    drawn = [
        {
            "day": day.isoformat(),
            "x": x.at(n + 0.1),
            "wide": max(x.at(0.8) - x.at(0), 1.0),
            "top": y.at(visits[day]),
            "high": y.at(0) - y.at(visits[day]),
            "visits": visits[day],
            "outside": str(Share(*outside[day])),
        }
        for n, day in enumerate(days)
    ]
    # Whether one may be promoted stands in sentences above.
    numbered = [
        (
            title,
            header,
            [(None, row) for row in rows],
            next(n for n, name in enumerate(header) if name in _FIRST_NUMBERS),
        )
        for title, header, rows in tables(found)[:-1]
    ]
    return render(
        template,
        mark=Markup(MARK),
        found=found,
        tables=numbered,
        days=drawn,
        width=_WIDTH,
        height=_HEIGHT,
        most=max(visits.values(), default=0),
        start=x.start,
    )
