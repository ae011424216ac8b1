"""A project's Python read by its syntax tree: how its model is loaded, fed and understood.

Nothing is imported and nothing is run: `ast` parses the files, and what follows is a reading of
assignments and calls. What cannot be told is left out; two readings that differ are both given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from edge_deploy.frontends.project.data_flow import Machine
from edge_deploy.frontends.project.findings import (
    Classes,
    Encoding,
    Evidence,
    Findings,
    FormField,
    Load,
    Picture,
    PictureStep,
    Prediction,
    Save,
    Source,
    Strength,
    TextStep,
    Use,
    Window,
)
from edge_deploy.frontends.project.html_forms import html_fields
from edge_deploy.frontends.project.pictures import summary
from edge_deploy.frontends.project.script_files import Folder, read_folder
from edge_deploy.frontends.project.values import Notes, Step

T = TypeVar("T")
_PREDICTS = {"predict", "predict_proba", "decision_function"}
_REQUESTS = ("flask", "django", "fastapi")
_MOST_EACH = 2000


def read_scripts(folder: Path) -> Findings:
    """What the scripts, notebooks and pages of a folder say about its model.

    Args:
        folder: A project's folder. Environments, hidden folders and links that leave it are not
            looked at; what is too large or broken is in ``problems``.

    Raises:
        UsageError: It is no folder.
    """
    listed = read_folder(folder)
    machine = Machine(listed)
    for script in listed.scripts:
        machine.read(script)
    return _Result(machine.notes, listed, machine).findings()


class _Result:
    """Notes, put in order."""

    def __init__(self, notes: Notes, folder: Folder, machine: Machine) -> None:
        self.notes = notes
        self.folder = folder
        self.problems = [*folder.problems, *machine.problems]
        self.kinds: dict[str, str] = {}
        for index, save in notes.saves:
            if index < 0:
                continue
            note = notes.sources[index]
            if save.source.path and note.kind:
                name = save.source.path.rpartition("/")[2]
                key = f"{name}::{save.source.key or ''}"
                self.kinds.setdefault(key, note.kind)
            if note.path is None and save.source.key is None:
                note.path, note.exists = save.source.path, save.source.exists
        self.sources = [self._source(index) for index in range(len(notes.sources))]

    def _source(self, index: int) -> Source:
        found = self.notes.sources[index].freeze()
        if not found.kind and found.path:
            name = found.path.rpartition("/")[2]
            found = replace(found, kind=self.kinds.get(f"{name}::{found.key or ''}", ""))
        if not found.name:
            found = replace(found, name=found.path or found.kind)
        return found

    def strength(self, evidence: Evidence) -> Strength:
        """How strong a line is by the file that it is in."""
        if evidence.file in self.notes.predicting:
            # What fits and loads again in one file is weaker than an application.
            fits = evidence.file in self.notes.fitting
            return Strength.MENTION if fits else Strength.PREDICTING
        return Strength.TRAINING if evidence.file in self.notes.fitting else Strength.MENTION

    def findings(self) -> Findings:
        """All of them."""
        notes = self.notes
        uses = [self._use(step) for step in notes.steps]
        fitted = [use for use, step in zip(uses, notes.steps, strict=True) if step.words is None]
        places = self._fields()
        return Findings(
            files=tuple(
                sorted([*(s.file for s in self.folder.scripts), *(f for f, _ in self.folder.pages)])
            ),
            loads=_ordered(self._loads()),
            saves=_unique((save for _, save in self._saves()), lambda one: one),
            uses=_best(fitted, lambda one: (one.evidence, one.action, _key(one.source)), _columns),
            predictions=self._predictions(uses, places),
            columns=_ordered(
                _unique(
                    (self._weighed(one) for one in notes.columns),
                    lambda one: (one.names, one.role, one.evidence.file),
                )
            ),
            classes=self._classes(),
            thresholds=_ordered(
                _best(
                    [self._weighed(one) for one in notes.thresholds],
                    lambda one: (one.evidence, one.value, one.operator),
                    lambda one: bool(one.above),
                )
            ),
            encodings=_ordered(
                _best(
                    self._encodings(places),
                    lambda one: (one.evidence, one.mapping, one.name, one.column),
                    lambda one: bool(one.column),
                )
            ),
            paddings=_ordered(_unique((self._weighed(one) for one in notes.paddings), lambda x: x)),
            pictures=self._pictures(),
            windows=_ordered(_unique((self._weighed(one) for one in self._windows()), lambda x: x)),
            texts=self._texts(),
            fields=tuple(dict.fromkeys(one for _, one in places))[:_MOST_EACH],
            problems=tuple(dict.fromkeys(self.problems))[:_MOST_EACH],
        )

    def _encodings(self, places: list[tuple[int | None, FormField]]) -> list[Encoding]:
        """Encodings, with all choices of the field that they encode."""
        fields = {index: field for index, field in places if index is not None}
        times = Counter(self.notes.encoded.values())
        found = []
        for index, one in enumerate(self.notes.encodings):
            place = self.notes.encoded.get(index, -1)
            field = fields.get(place)
            alone = field is not None and field.position is not None and times[place] == 1
            if field is not None and alone and not one.column:
                name = field.column or field.name or field.variable or field.label
                one = replace(one, column=name)
            if field is not None and field.kind == "boolean":
                pairs = {bool(key): value for key, value in one.mapping}
                if one.other is not None:
                    pairs.setdefault(not next(iter(pairs)), one.other)
                if pairs == {True: 1, False: 0}:
                    continue  # the field's own number
                one = replace(one, mapping=tuple(pairs.items()))
            elif field is not None and one.other is not None:
                known = {str(key) for key, _ in one.mapping}
                rest = [c.value for c in field.choices if str(c.value) not in known]
                mapping = (*one.mapping, *((value, one.other) for value in rest))
                one = replace(one, mapping=mapping)
            found.append(self._weighed(one))
        return found

    def _weighed(self, finding: Any) -> Any:
        return replace(finding, strength=min(finding.strength, self._limit(finding.evidence)))

    def _limit(self, evidence: Evidence) -> Strength:
        """The most that a line may count: a module that only says something counts in full."""
        neither = evidence.file not in self.notes.predicting | self.notes.fitting
        return Strength.PREDICTING if neither else self.strength(evidence)

    def _loads(self) -> list[Load]:
        found = []
        for index, load in self.notes.loads:
            source = self.sources[index]
            if source.path is None:
                continue  # of a function that nobody calls with a path
            strength = self._limit(load.evidence)
            found.append(replace(load, source=source, strength=strength))
        unique = _unique(found, lambda one: (one.evidence, one.source.path, one.source.key))
        return list(unique)

    def _saves(self) -> list[tuple[int, Save]]:
        found = []
        for index, save in self.notes.saves:
            kind = self.notes.sources[index].kind if index >= 0 else save.source.kind
            name = self.notes.sources[index].name if index >= 0 else save.source.name
            found.append((index, replace(save, source=replace(save.source, name=name, kind=kind))))
        return found

    def _use(self, step: Step) -> Use:
        source = self.sources[step.source] if step.source is not None else None
        strength = self.strength(step.evidence)
        loaded = step.source is not None and self.notes.sources[step.source].loaded
        fits = step.action == "fit_transform" or (source is not None and not loaded)
        if loaded and step.evidence.file not in self.notes.predicting | self.notes.fitting:
            strength = Strength.PREDICTING
        elif fits and step.evidence.file in self.notes.fitting:
            strength = Strength.TRAINING
        return Use(
            step.action,
            source,
            step.evidence,
            step.columns[:_MOST_EACH],
            step.arguments,
            strength,
            step.made,
        )

    def _predictions(
        self, uses: list[Use], places: list[tuple[int | None, FormField]]
    ) -> tuple[Prediction, ...]:
        steps = self.notes.steps
        after: dict[int, list[int]] = {}
        for index, step in enumerate(steps):
            for one in step.before:
                if steps[one].action in _PREDICTS:
                    after.setdefault(one, []).append(index)
        found: list[tuple[tuple[Any, ...], Prediction]] = []
        for index, step in enumerate(steps):
            if step.action not in _PREDICTS or step.source is None:
                continue
            before = tuple(uses[one] for one in step.before if steps[one].words is None)
            behind = tuple(
                uses[one] for one in after.get(index, ())[:200] if steps[one].words is None
            )
            use = uses[index]
            columns = step.table or next(
                (steps[one].table for one in reversed(step.before) if any(steps[one].table)), ()
            )
            made = Prediction(
                self.sources[step.source],
                _once(before),
                use,
                _once(behind),
                columns if all(columns) else (),
                step.evidence,
                use.strength,
                tuple(dict.fromkeys(one for place, one in places if place in step.fields)),
            )
            key = (step.evidence, _key(made.model))
            found.append((key, made))
        best: dict[tuple[Any, ...], Prediction] = {}
        for key, made in found:
            known = best.get(key)
            if known is None or _richness(made) > _richness(known):
                best[key] = made
        told = {one.evidence for one in best.values() if one.model.path or one.model.kind}
        kept = [o for o in best.values() if o.model.path or o.model.kind or o.evidence not in told]
        return _ordered(kept)

    def _classes(self) -> tuple[Classes, ...]:
        weighed = [self._weighed(one) for one in self.notes.classes]
        order = {"argmax": 0, "lookup": 1, "conditions": 2, "threshold": 3, "folder": 4, "list": 5}
        weighed.sort(key=lambda one: (-one.strength, order[one.origin]))
        kept: dict[tuple[Any, ...], Classes] = {}
        for one in weighed:
            kept.setdefault((one.names, one.numbers, one.evidence.file), one)
        return tuple(kept.values())[:_MOST_EACH]

    def _pictures(self) -> tuple[Picture, ...]:
        steps = self.notes.steps
        flows: list[tuple[tuple[int, ...], Strength]] = []
        inside: set[int] = set()
        for index, step in enumerate(steps):
            chain = tuple(one for one in (*step.before, index) if steps[one].picture is not None)
            if not chain:
                continue
            if step.action in _PREDICTS:
                flows.append((chain, self._limit(step.evidence)))
                inside.update(chain)
        ends: list[tuple[int, ...]] = []
        for index, step in enumerate(steps):
            if step.picture is not None and index not in inside:
                ends.append(tuple(o for o in (*step.before, index) if steps[o].picture is not None))
        for chain in ends:
            if not any(set(chain) < set(other) for other in ends):
                flows.append(
                    (chain, min(Strength.MENTION, self.strength(steps[chain[-1]].evidence)))
                )
        found = []
        for chain, strength in flows:
            parts = [steps[one].picture for one in chain]
            given: list[PictureStep] = []
            for part in parts:
                if part is not None and part not in given:
                    given.append(part)
            found.append(summary(tuple(given), strength))
        return _ordered(_unique(found, lambda one: one.steps))

    def _windows(self) -> list[Any]:
        steps = self.notes.steps
        found = list(self.notes.windows)
        for step in steps:
            if step.action != "reshape":
                continue
            shape = dict(step.arguments).get("shape")
            if not isinstance(shape, tuple) or len(shape) != 3:
                continue
            if any(steps[one].picture is not None for one in step.before):
                continue
            count, channels = shape[1], shape[2]
            if not isinstance(count, int) or not isinstance(channels, int):
                continue
            if count > 1 and 0 < channels < 1000:
                found.append(Window(count, channels, "", step.evidence, Strength.PREDICTING))
        return found

    def _texts(self) -> tuple[TextStep, ...]:
        """Steps of texts that come to a model, and all that no phone can do."""
        steps = self.notes.steps
        reached: set[int] = set()
        for step in steps:
            goal = step.action in (*_PREDICTS, "texts_to_sequences", "texts_to_matrix")
            if goal or (step.action == "transform" and not step.table):
                reached.update(step.before)
        found = []
        for index, step in enumerate(steps):
            words = step.words
            if words is not None and (index in reached or not words.movable):
                found.append(self._weighed(words))
        return _ordered(_unique(found, lambda one: one))

    def _fields(self) -> list[tuple[int | None, FormField]]:
        """The fields, each with its index in the notes, where a script has it."""
        asked: dict[str, tuple[int, FormField]] = {}
        found: list[tuple[int | None, FormField]] = []
        for index, one in enumerate(self.notes.fields):
            if index not in self.notes.answers:
                found.append((index, one))
            if one.framework in _REQUESTS and one.name:
                asked.setdefault(one.name, (index, one))
        pages: list[tuple[int | None, FormField]] = []
        for file, page in self.folder.pages:
            for field in html_fields(file, page):
                known = asked.get(field.name)
                if known is None:
                    pages.append((None, field))
                else:
                    pages.append((known[0], _merged(field, known[1])))
        used = {field.name for index, field in pages if index is not None}
        kept = [
            (index, one)
            for index, one in found
            if not (one.framework in _REQUESTS and one.name in used)
        ]
        return [*kept, *_placed(pages)]


def _merged(field: FormField, asked: FormField) -> FormField:
    """A page's field with what the script does with it."""
    kind = field.kind
    if kind == "text" and asked.kind == "number":
        kind = "number"
    return replace(
        field,
        kind=kind,
        framework=asked.framework,
        variable=asked.variable,
        column=asked.column,
        position=asked.position,
        derived=asked.derived,
        integer=asked.integer if asked.kind == "number" else field.integer,
        default=field.default if field.default is not None else asked.default,
    )


def _placed(fields: list[tuple[int | None, FormField]]) -> list[tuple[int | None, FormField]]:
    """Fields of a page whose values are taken in their order: their places in it."""
    if any(index is not None for index, _ in fields):
        return fields
    places: dict[str, int] = {}
    found: list[tuple[int | None, FormField]] = []
    for index, field in fields:
        place = places.get(field.evidence.file, 0)
        if field.kind in ("number", "slider", "choice", "text", "boolean") and field.name:
            places[field.evidence.file] = place + 1
            field = replace(field, position=place)
        found.append((index, field))
    return found


def _key(source: Source | None) -> tuple[Any, ...]:
    return (None,) if source is None else (source.path or source.name, source.key)


def _columns(use: Use) -> tuple[bool, int]:
    return bool(use.columns), len(use.arguments)


def _richness(one: Prediction) -> tuple[int, int, int]:
    return len(one.before) + len(one.after), len(one.columns), len(one.before)


def _once(uses: Iterable[Use]) -> tuple[Use, ...]:
    return tuple(dict.fromkeys(uses))


def _unique(items: Iterable[T], key: Callable[[T], Any]) -> tuple[T, ...]:
    found: dict[Any, T] = {}
    for one in items:
        found.setdefault(key(one), one)
    return tuple(found.values())[:_MOST_EACH]


def _best(items: Iterable[T], key: Callable[[T], Any], worth: Callable[[T], Any]) -> tuple[T, ...]:
    """One of each key and columns: those without columns only where no other is."""
    given = list(dict.fromkeys(items))
    most: dict[Any, Any] = {}
    for one in given:
        most[key(one)] = max(most.get(key(one), worth(one)), worth(one))
    kept = [one for one in given if worth(one) or not most[key(one)]]
    return tuple(kept)[:_MOST_EACH]


def _ordered(items: Iterable[T]) -> tuple[T, ...]:
    found: list[Any] = list(items)
    found.sort(key=lambda one: -int(one.strength))
    return tuple(found)[:_MOST_EACH]
