"""Steps before a model: which columns each takes, and what the columns are called behind it.

The columns that a person gives are found by going through the steps: those that a step was fitted
on, or was told to take, and that no step before it makes. Behind a step that gives as many columns
as it takes they stay where they are; made ones go to the end, as ``pd.concat`` puts them; and a
step that was fitted on named columns takes them in its own order.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.frontends.project.parts import Part, as_names, starts_with_texts
from edge_deploy.frontends.project.steps import EVERY
from edge_deploy.frontends.sklearn.compat.fitted import attribute

_SHOWN = 6


@dataclass(frozen=True)
class Known:
    """What is known of a person's columns from elsewhere.

    Attributes:
        names: In their order: of features.json, or the header of the reference data.
        origin: Where they stand.
        whole: Whether these are exactly the model's columns, and not a frame that holds others.
        label: The column of the true answers, where it was named.
    """

    names: tuple[str, ...] = ()
    origin: str = ""
    whole: bool = False
    label: str | None = None


NOTHING = Known()


@dataclass(frozen=True, eq=False)
class Placed:
    """A step in its place.

    Attributes:
        part: The step; of kind ``names`` it only chooses columns.
        take: Where the columns that it takes stand before it.
        after: The columns behind it: one of those that it makes (True), or one that was there.
        names: What these are called.
    """

    part: Part
    take: tuple[int, ...]
    after: tuple[tuple[bool, int], ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The steps in their places.

    Attributes:
        raw: The columns that a person gives.
        named: Whether these are real names.
        placed: The steps.
        unsure: Whether nothing says in which order the columns go on.
    """

    raw: tuple[str, ...]
    named: bool
    placed: tuple[Placed, ...]
    unsure: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns behind the last step."""
        return self.placed[-1].names if self.placed else self.raw


class _Missing(Exception):
    """A column that no step makes: a person gives it."""

    def __init__(self, part: Part, name: str, names: Sequence[str]) -> None:
        super().__init__(name)
        self.part, self.name, self.names = part, name, names

    @property
    def told(self) -> UsageError:
        """The same where nobody gives it."""
        return UsageError(
            f"{self.part.name} takes the column {self.name!r}, which is not there: there are "
            f"{_listed(self.names)}."
        )


@dataclass(frozen=True)
class _Raw:
    """Columns that a person may give.

    Attributes:
        names: In their order.
        named: Whether these are real names.
        ordered: Whether they are in the order in which they are known to be.
    """

    names: tuple[str, ...]
    named: bool = True
    ordered: bool = True


def lay_out(
    parts: Sequence[Part], wanted: int | None, target: str, known: Known = NOTHING
) -> Layout:
    """Find the columns that a person gives, and go through the steps with them.

    Args:
        parts: The steps before the model, in order.
        wanted: How many columns the model takes; None where there is none.
        target: What the model is called in messages.
        known: The person's columns.

    Raises:
        UsageError: Two steps do not fit; both are named with what each has.
    """
    found: list[Layout] = []
    reasons: list[UsageError] = []
    for raw in _candidates(parts, known):
        try:
            layout = _gone_through(parts, raw)
        except _Missing as missing:
            reasons.append(missing.told)
            continue
        except UsageError as error:
            reasons.append(error)
            continue
        if wanted is None or len(layout.names) == wanted:
            return layout
        found.append(layout)
    if not found:
        raise reasons[0]
    raise _wrong_width(found[0], wanted or 0, target, known)


def _candidates(parts: Sequence[Part], known: Known) -> list[_Raw]:
    """The columns that a person may give: found by the steps, ordered as the data are; or all."""
    found: list[_Raw] = []
    usable = tuple(name for name in known.names if name != known.label)
    if usable and known.whole:
        found.append(_Raw(usable))
    first = parts[0]
    if first.chosen or first.kind == "names" or _fitted_names(first):
        raw = _open_raw(parts)
        if set(raw) <= set(usable):
            found.append(_Raw(tuple(name for name in usable if name in raw)))
        found.append(_Raw(raw, ordered=len(raw) == 1))
    elif starts_with_texts(first.value):
        found += [_Raw(usable)] if len(usable) == 1 else []
        found.append(_Raw(("text",), named=False))
    elif (width := _width_of(first)) is not None:
        found += [_Raw(usable)] if len(usable) == width else []
        found.append(_Raw(tuple(f"x{n}" for n in range(width)), named=False))
    if usable and not known.whole:
        found.append(_Raw(usable))
    return found or [_Raw(())]


def _open_raw(parts: Sequence[Part]) -> tuple[str, ...]:
    """The columns that the steps ask for and none of them makes, in the order of the last."""
    raw: list[str] = []
    while True:
        try:
            layout = _gone_through(parts, _Raw(tuple(raw)))
        except _Missing as missing:
            raw.append(missing.name)
            continue
        except UsageError:
            return tuple(raw)
        origins: list[set[int]] = [{n} for n in range(len(raw))]
        for placed in layout.placed:
            taken: set[int] = set().union(*(origins[n] for n in placed.take))
            same = len(placed.take) == sum(made for made, _ in placed.after)
            origins = [
                (origins[placed.take[n]] if same else taken) if made else origins[n]
                for made, n in placed.after
            ]
        order = [n for origin in origins for n in sorted(origin)]
        order += range(len(raw))
        return tuple(raw[n] for n in dict.fromkeys(order))


def _gone_through(parts: Sequence[Part], raw: _Raw) -> Layout:
    names, ordered = raw.names, raw.ordered
    placed: list[Placed] = []
    for part in parts:
        one = _place(part, names)
        # What was fitted on all columns by name says in which order they go on.
        says = part.kind == "names" or _fitted_names(part) is not None
        ordered = ordered or (says and len(one.take) == len(names))
        placed.append(one)
        names = one.names
    return Layout(raw.names, raw.named, tuple(placed), not ordered)


def _place(part: Part, names: tuple[str, ...]) -> Placed:
    """One step on columns of these names."""
    if part.kind == "names":
        chosen = as_names(part)
        take = _find(part, chosen, names)
        return Placed(part, take, tuple((False, n) for n in take), chosen)
    fitted = _fitted_names(part)
    if part.chosen is not None and set(part.chosen) != set(fitted or ()):
        take = _find(part, part.chosen, names)
    elif fitted is not None:
        take = _find(part, fitted, names)
        if part.columns == EVERY and len(take) < len(names):
            raise _other_columns(part, names)
    else:
        take = tuple(range(len(names)))
    width = _width_of(part)
    if width is not None and len(take) != width:
        raise _other_columns(part, tuple(names[n] for n in take))
    taken = tuple(names[n] for n in take)
    made = _made_names(part, taken)
    if made != taken:
        rest = [n for n in range(len(names)) if n not in set(take)]
        after = (*((False, n) for n in rest), *((True, n) for n in range(len(made))))
        return Placed(part, take, after, (*(names[n] for n in rest), *made))
    if len(take) == len(names):  # in the order that it was fitted on
        return Placed(part, take, tuple((True, n) for n in range(len(take))), taken)
    places = {at: n for n, at in enumerate(take)}
    return Placed(
        part, take, tuple((at in places, places.get(at, at)) for at in range(len(names))), names
    )


def _find(part: Part, wanted: Sequence[str], names: tuple[str, ...]) -> tuple[int, ...]:
    places = {name: n for n, name in enumerate(names)}
    for name in wanted:
        if name not in places:
            raise _Missing(part, name, names)
    return tuple(places[name] for name in wanted)


def _fitted_names(part: Part) -> tuple[str, ...] | None:
    found = attribute(part.value, "feature_names_in_")
    if found is None and type(part.value).__name__ == "Pipeline" and part.value.steps:
        found = attribute(part.value.steps[0][1], "feature_names_in_")
    return None if found is None else tuple(map(str, found))


def _width_of(part: Part) -> int | None:
    """How many columns a step takes; None of what takes any number."""
    if part.kind == "label_encoder" or starts_with_texts(part.value):
        return 1
    width = attribute(part.value, "n_features_in_")
    if width is None and (scale := attribute(part.value, "scale_")) is not None:
        width = len(scale)
    return None if width is None else int(width)


def _made_names(part: Part, taken: tuple[str, ...]) -> tuple[str, ...]:
    """What the columns behind a step are called: as before where it changes them one by one."""
    kind = type(part.value).__name__
    if kind == "LabelEncoder":
        return taken
    if kind == "LabelBinarizer":
        classes = part.value.classes_
        return taken if len(classes) <= 2 else tuple(f"{taken[0]}_{one}" for one in classes)
    fitted = _fitted_names(part)
    given = None if starts_with_texts(part.value) or fitted else list(taken)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = tuple(map(str, part.value.get_feature_names_out(given)))
        return taken if names == fitted else names
    except Exception:
        # An estimator of another version, or one that has no names, raises anything.
        count = _made_count(part.value)
        return taken if count is None else tuple(f"{kind.lower()}{n}" for n in range(count))


def _made_count(value: Any) -> int | None:
    for name in ("n_components_", "_n_features_out", "n_output_features_"):
        if (count := attribute(value, name)) is not None:
            return int(count)
    if (buckets := attribute(value, "n_features")) is not None:
        return int(buckets)
    if (components := attribute(value, "components_")) is not None:
        return len(components)
    return None


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}" if names else "none"


def _count(number: int) -> str:
    return f"{number} column{'s' * (number != 1)}"


def _other_columns(part: Part, names: tuple[str, ...]) -> UsageError:
    fitted = _fitted_names(part)
    was = f" ({_listed(fitted)})" if fitted else ""
    return UsageError(
        f"{part.name} was fitted on {_count(_width_of(part) or 0)}{was} and is given "
        f"{len(names)} ({_listed(names)}). Say which it takes with {part.path.name}@NAME,NAME, or "
        "put the steps into the order in which data flow."
    )


def _wrong_width(layout: Layout, wanted: int, target: str, known: Known) -> UsageError:
    last = layout.placed[-1].part.name
    more = ""
    if not known.names and not layout.named:
        more = f" Data with a header ({option('reference')}) or a list of columns can say more."
    return UsageError(
        f"{target} takes {_count(wanted)}, and {last} before it leaves {len(layout.names)} "
        f"({_listed(layout.names)}): one of them is another model's, a step is missing, or they "
        f"are in the wrong order.{more}"
    )
