"""The fields of an HTML template's forms: inputs, selects and their labels."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from edge_deploy.frontends.project.findings import Choice, Evidence, FieldKind, FormField

_MOST_FIELDS = 1000
_MOST_CHOICES = 1000
_LONGEST = 200
_HIDDEN = {"hidden", "submit", "button", "reset", "password", "image", "search"}
_KINDS: dict[str, FieldKind] = {
    "number": "number",
    "range": "slider",
    "checkbox": "boolean",
    "radio": "choice",
    "file": "file",
    "date": "date",
}
_TEMPLATE = re.compile(r"\{\{.{0,120}?\}\}|\{%.{0,120}?%\}|\{#.{0,120}?#\}", re.DOTALL)


@dataclass
class _Field:
    name: str
    identity: str
    kind: FieldKind
    line: int
    before: str
    attributes: dict[str, str]
    choices: list[Choice] = field(default_factory=list)
    default: str | None = None


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.fields: list[_Field] = []
        self.labels: dict[str, str] = {}
        self.words = ""  # text since the last field
        self.label: tuple[str, int, list[str]] | None = None  # for, first field, words
        self.select: _Field | None = None
        self.option: tuple[str | None, bool, list[str]] | None = None
        self.radio: _Field | None = None  # whose last choice the label around it names
        self.quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag in ("script", "style"):
            self.quiet += 1
        elif tag == "label":
            self._close_label()
            self.radio = None
            self.label = (given.get("for", ""), len(self.fields), [])
        elif tag == "input" and given.get("type", "text").lower() not in _HIDDEN:
            self._input(given)
        elif tag == "textarea":
            self._add(given, "text")
        elif tag == "select":
            self._close_option()
            self.select = self._add(given, "choices" if "multiple" in given else "choice")
        elif tag == "option" and self.select is not None:
            self._close_option()
            self.option = (given.get("value"), "selected" in given, [])
        elif tag in ("form", "fieldset", "h1", "h2", "h3"):
            self.words = ""

    def _input(self, given: dict[str, str]) -> None:
        kind = _KINDS.get(given.get("type", "text").lower(), "text")
        if kind == "file":
            accepted = given.get("accept", "").lower()
            pictured = "image" in accepted or any(
                one in accepted for one in (".png", ".jpg", ".jpeg")
            )
            words = (given.get("name", "") + given.get("id", "")).lower()
            pictured = pictured or any(one in words for one in ("image", "img", "photo"))
            kind = "picture" if pictured else "file"
        if kind == "choice":
            for one in self.fields:
                if one.name == given.get("name") and one.kind == "choice":
                    self._radio(one, given)
                    return
        made = self._add(given, kind)
        if kind == "choice" and made is not None:
            self._radio(made, given)

    def _radio(self, one: _Field, given: dict[str, str]) -> None:
        if len(one.choices) < _MOST_CHOICES:
            value = given.get("value", "on")
            one.choices.append(Choice(value, value))
            self.radio = one if self.label is not None else None
            if "checked" in given:
                one.default = value

    def _add(self, given: dict[str, str], kind: FieldKind) -> _Field | None:
        if len(self.fields) >= _MOST_FIELDS:
            return None
        line, _ = self.getpos()
        made = _Field(given.get("name", ""), given.get("id", ""), kind, line, self.words, given)
        self.fields.append(made)
        self.words = ""
        return made

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.quiet = max(0, self.quiet - 1)
        elif tag == "label":
            self._close_label()
        elif tag == "option":
            self._close_option()
        elif tag == "select":
            self._close_option()
            self.select = None

    def _close_label(self) -> None:
        if self.label is None:
            return
        target, first, words = self.label
        said = _clean("".join(words))
        self.label = None
        if self.radio is not None and said:
            last = self.radio.choices[-1]
            self.radio.choices[-1] = Choice(last.value, said)
            self.radio = None
        elif target:
            self.labels[target] = said
        elif len(self.fields) > first and said:
            self.fields[first].before = said  # a label around its field
        elif said:
            self.words = said

    def _close_option(self) -> None:
        if self.option is None or self.select is None:
            self.option = None
            return
        value, selected, words = self.option
        shown = _clean("".join(words))
        found = shown if value is None else value
        self.option = None
        if not found or len(self.select.choices) >= _MOST_CHOICES:
            return  # "Choose one"
        self.select.choices.append(Choice(found, shown or found))
        if selected:
            self.select.default = found

    def handle_data(self, data: str) -> None:
        if self.quiet:
            return
        if self.option is not None:
            self.option[2].append(data[:_LONGEST])
        elif self.label is not None:
            self.label[2].append(data[:_LONGEST])
        elif data.strip():
            self.words = data[:_LONGEST]


def _clean(words: str) -> str:
    return " ".join(words.split()).strip(" :*")[:_LONGEST]


def html_fields(file: str, page: str) -> list[FormField]:
    """The fields of a page, in their order; what is hidden, a button or a password is left.

    Args:
        file: The page, relative to the folder.
        page: Its text; Jinja's places are left away.
    """
    lines = re.split(r"\r\n|\r|\n", page)
    blank = _TEMPLATE.sub(lambda found: "\n" * found.group().count("\n"), page)
    form = _Form()
    # A broken declaration ends what html.parser reads.
    with contextlib.suppress(AssertionError, ValueError):
        form.feed(blank)
        form.close()
    return [_finding(file, lines, form, one) for one in form.fields]


def _finding(file: str, lines: list[str], form: _Form, one: _Field) -> FormField:
    said = form.labels.get(one.identity, "") if one.identity else ""
    hint = _clean(one.attributes.get("placeholder", ""))
    label = said or _clean(one.before) or hint or one.name
    shown = lines[one.line - 1].strip()[:_LONGEST] if one.line <= len(lines) else ""
    default: str | float | bool | None = one.default
    value = one.attributes.get("value", "")
    numeric = one.kind in ("number", "slider")
    if one.kind == "boolean":
        default = "checked" in one.attributes
    elif numeric:
        default = _number(value)
    elif one.kind == "text":
        default = value or None
    step = _number(one.attributes.get("step", ""))
    anything = one.attributes.get("step", "") == "any"
    return FormField(
        label,
        one.kind,
        Evidence(file, one.line, shown),
        "html",
        minimum=_number(one.attributes.get("min", "")) if numeric else None,
        maximum=_number(one.attributes.get("max", "")) if numeric else None,
        step=step if numeric else None,
        default=default,
        choices=tuple(one.choices),
        integer=one.kind == "number" and not anything and (step is None or step == int(step)),
        help=hint,
        name=one.name,
    )


def _number(text: str) -> float | None:
    try:
        found = float(text) if len(text) < 40 else None
    except ValueError:
        return None
    return found if found is not None and abs(found) < 1e300 else None
