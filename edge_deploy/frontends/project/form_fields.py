"""Fields that a person fills in: Streamlit, Gradio, Flask, Django, FastAPI, pydantic, input()."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

from edge_deploy.frontends.project.findings import (
    Choice,
    Constant,
    Evidence,
    FieldKind,
    FormField,
)
from edge_deploy.frontends.project.values import (
    NOTHING,
    Call,
    Reader,
    Value,
    as_list,
    constant,
    inner_fields,
    number,
    plain,
    text,
    whole,
)

_LONGEST_LABEL = 200
_MOST_CHOICES = 1000

# Streamlit's and Gradio's arguments by place.
_STREAMLIT: dict[str, tuple[FieldKind, tuple[str, ...]]] = {
    "number_input": ("number", ("label", "min_value", "max_value", "value", "step", "format")),
    "slider": ("slider", ("label", "min_value", "max_value", "value", "step", "format")),
    "selectbox": ("choice", ("label", "options", "index", "format_func")),
    "radio": ("choice", ("label", "options", "index", "format_func")),
    "select_slider": ("choice", ("label", "options", "value", "format_func")),
    "segmented_control": ("choice", ("label", "options", "value", "format_func")),
    "pills": ("choice", ("label", "options", "value", "format_func")),
    "multiselect": ("choices", ("label", "options", "default", "format_func")),
    "checkbox": ("boolean", ("label", "value")),
    "toggle": ("boolean", ("label", "value")),
    "text_input": ("text", ("label", "value")),
    "text_area": ("text", ("label", "value")),
    "chat_input": ("text", ("label",)),
    "file_uploader": ("file", ("label", "type")),
    "camera_input": ("picture", ("label",)),
    "date_input": ("date", ("label", "value")),
}
_GRADIO: dict[str, tuple[FieldKind, tuple[str, ...]]] = {
    "Number": ("number", ("value", "label")),
    "Slider": ("slider", ("minimum", "maximum", "value", "step", "label")),
    "Dropdown": ("choice", ("choices", "value")),
    "Radio": ("choice", ("choices", "value")),
    "Checkbox": ("boolean", ("value", "label")),
    "CheckboxGroup": ("choices", ("choices", "value")),
    "Textbox": ("text", ("value", "lines")),
    "Text": ("text", ("value",)),
    "TextArea": ("text", ("value",)),
    "Image": ("picture", ("value",)),
    "Sketchpad": ("picture", ("value",)),
    "File": ("file", ("value",)),
}
# Django's and WTForms' classes of fields.
_FORM_CLASSES: dict[str, FieldKind] = {
    "IntegerField": "number",
    "FloatField": "number",
    "DecimalField": "number",
    "IntegerRangeField": "slider",
    "CharField": "text",
    "StringField": "text",
    "TextAreaField": "text",
    "ChoiceField": "choice",
    "TypedChoiceField": "choice",
    "SelectField": "choice",
    "RadioField": "choice",
    "MultipleChoiceField": "choices",
    "SelectMultipleField": "choices",
    "BooleanField": "boolean",
    "ImageField": "picture",
    "FileField": "file",
    "DateField": "date",
}
_GRADIO_WORDS = {
    "text": "Textbox",
    "textbox": "Textbox",
    "number": "Number",
    "image": "Image",
    "checkbox": "Checkbox",
    "sketchpad": "Sketchpad",
    "slider": "Slider",
    "file": "File",
}
_EVENTS = {"click", "submit", "change", "upload", "release"}
_PICTURES = {"jpg", "jpeg", "png", "bmp", "webp", "gif", "tif", "tiff", "jfif"}
_NUMBERS = {"int", "float", "conint", "confloat", "PositiveInt", "NonNegativeInt", "Decimal"}
_NUMBERS |= {"PositiveFloat", "NonNegativeFloat", "StrictInt", "StrictFloat", "condecimal"}
_FORMS = re.compile(r"(^|\.)(form|args|json|POST|GET|values|data|get_json)$")
_FILES = re.compile(r"(^|\.)(files|FILES)$")


def add(reader: Reader, field: FormField) -> Value:
    """Note a field; the value that it gives."""
    notes = reader.notes
    wanted = (field.evidence, field.name, field.label, field.framework)
    known = notes.places.get(wanted)
    if known is None:
        notes.fields.append(field)
        known = notes.places[wanted] = len(notes.fields) - 1
    return Value(fields=(known,))


def _clean(label: str) -> str:
    """A label without Markdown and a colon at its end."""
    return re.sub(r"[*_`#]{2,}|^#+\s*", "", " ".join(label.split())).strip(" :")[:_LONGEST_LABEL]


def call(call: Call) -> Value | None:
    """A function of Streamlit, Gradio or Python's own ``input``; None where it is another."""
    if call.name.startswith("streamlit"):
        return _streamlit(call)
    if call.name.startswith("gradio"):
        return _gradio(call)
    if call.last == "NumberRange":
        limits = (("min", call.given(0, "min")), ("max", call.given(1, "max")))
        return Value(entries=limits)
    if call.last in _FORM_CLASSES and re.search(r"(^|\.)(forms|wtforms|fields)\.", call.name):
        return _form_class(call)
    if call.name in ("input", "raw_input"):
        label = _clean(text(call.given(0)))
        return add(call.reader, FormField(label, "text", call.evidence, "input"))
    base = call.name.rpartition(".")[0]
    if call.last in ("json", "form") and base.endswith("request"):  # `await request.json()`
        return Value(dotted=call.name)
    if _FORMS.search(base) or call.last == "get_json":
        return _requested(call)
    if _FILES.search(call.name.rpartition(".")[0]) and call.last == "get":
        return subscript(
            call.reader, Value(dotted=call.name.rpartition(".")[0]), call.given(0), call.node
        )
    return None


def _streamlit(call: Call) -> Value | None:
    kind_of = _STREAMLIT.get(call.last)
    if kind_of is None:
        if call.last in ("columns", "tabs", "container", "form", "expander", "empty", "sidebar"):
            return Value(dotted="streamlit")
        if call.last in ("button", "form_submit_button"):
            return NOTHING
        return Value() if call.name != "streamlit.cache_resource" else None
    kind, places = kind_of
    given = {name: call.given(place, name) for place, name in enumerate(places)}
    label = _clean(text(given["label"]))
    evidence = call.evidence
    extra = text(call.given(-1, "help")) or text(call.given(-1, "placeholder"))
    if kind in ("number", "slider"):
        return add(call.reader, _number_field(call, kind, label, given, evidence, extra))
    if kind in ("choice", "choices"):
        choices = _choices(call, given["options"], given.get("format_func", NOTHING))
        default = _default_choice(given, choices)
        field = FormField(
            label, kind, evidence, "streamlit", choices=choices, default=default, help=extra
        )
        return add(call.reader, field)
    if kind == "file":
        types = plain(given["type"])
        listed = (types,) if isinstance(types, str) else types
        pictured = isinstance(listed, tuple) and any(
            str(one).lower().lstrip(".") in _PICTURES for one in listed
        )
        kind = "picture" if pictured else "file"
    default = constant(given.get("value", NOTHING))
    field = FormField(label, kind, evidence, "streamlit", default=default, help=extra)
    return add(call.reader, field)


def _number_field(
    call: Call,
    kind: FieldKind,
    label: str,
    given: dict[str, Value],
    evidence: Evidence,
    extra: str,
) -> FormField:
    least, most = number(given["min_value"]), number(given["max_value"])
    value, step = given["value"], number(given["step"])
    default = number(value)
    numbers = [given[one].constant for one in ("min_value", "max_value", "value", "step")]
    known = [one for one in numbers if isinstance(one, (int, float)) and one is not None]
    integer = bool(known) and all(isinstance(one, int) for one in known)
    if kind == "slider":
        least, most = 0.0 if least is None else least, 100.0 if most is None else most
        integer = all(isinstance(one, int) for one in known)
        default = least if default is None and value.items is None else default
    elif default is None and value.constant is not None:
        default = least if least is not None else 0.0
    return FormField(
        label,
        kind,
        evidence,
        "streamlit",
        minimum=least,
        maximum=most,
        step=step,
        default=default,
        integer=integer,
        help=extra,
    )


def _choices(call: Call, options: Value, labelled: Value) -> tuple[Choice, ...]:
    if options.entries is not None and not options.table:
        options = as_list(Value(constant=key) for key, _ in options.entries)
    found = []
    for one in (options.items or ())[:_MOST_CHOICES]:
        value, shown = one, ""
        if one.items is not None and len(one.items) == 2:  # gradio's (label, value)
            shown, value = text(one.items[0]), one.items[1]
        if not value.known:
            continue
        if labelled.callee is not None:
            shown = text(call.reader.call_value(labelled, [value], call.node))
        found.append(Choice(constant(value), shown or str(value.constant)))
    return tuple(found)


def _default_choice(given: dict[str, Value], choices: tuple[Choice, ...]) -> Constant:
    if "index" in given:
        place = whole(given["index"])
        if given["index"].constant is None or not choices:
            return None
        place = 0 if place is None else place
        return choices[place].value if 0 <= place < len(choices) else None
    return constant(given.get("value", given.get("default", NOTHING)))


def _gradio(call: Call) -> Value | None:
    if call.last in ("Interface", "ChatInterface"):
        return _interface(call, call.given(0, "fn"), call.given(1, "inputs"))
    if call.last in _EVENTS:
        return clicked(call)
    kind_of = _GRADIO.get(call.last)
    if kind_of is None:
        return Value(dotted="gradio.object")
    return gradio_field(call, call.last)


def gradio_field(call: Call, component: str) -> Value:
    """``gr.Slider(0, 100, label="Age")``; the older ``gr.inputs`` too."""
    kind, places = _GRADIO[component]
    given = {name: call.given(place, name) for place, name in enumerate(places)}
    label = _clean(text(call.given(-1, "label")) or text(given.get("label", NOTHING)))
    default = call.given(-1, "value", "default")
    default = default if default.known else given.get("value", NOTHING)
    least = number(given.get("minimum", call.given(-1, "minimum")))
    most = number(given.get("maximum", call.given(-1, "maximum")))
    if kind == "slider":
        least, most = 0.0 if least is None else least, 100.0 if most is None else most
    chosen = constant(default) if default.constant is not None else None
    if kind in ("choice", "choices") and text(call.given(-1, "type")) == "index":
        options = call.given(0, "choices").items or ()
        choices = tuple(Choice(i, text(one)) for i, one in enumerate(options[:_MOST_CHOICES]))
    elif kind in ("choice", "choices"):
        choices = _choices(call, call.given(0, "choices"), NOTHING)
    else:
        choices = ()
    numbers = kind in ("number", "slider")
    field = FormField(
        label,
        kind,
        call.evidence,
        "gradio",
        minimum=least if numbers else None,
        maximum=most if numbers else None,
        step=number(given.get("step", call.given(-1, "step"))) if numbers else None,
        default=chosen,
        choices=choices,
        integer=whole(call.given(-1, "precision")) == 0,
        help=text(call.given(-1, "info")) or text(call.given(-1, "placeholder")),
    )
    return add(call.reader, field)


def _form_class(call: Call) -> Value:
    """``forms.IntegerField(min_value=0)`` and ``IntegerField("Age", [NumberRange(0, 120)])``."""
    kind = _FORM_CLASSES[call.last]
    django = ".wtforms" not in f".{call.name}"
    label = text(call.given(-1, "label")) or ("" if django else text(call.given(0)))
    least, most = number(call.given(-1, "min_value")), number(call.given(-1, "max_value"))
    for one in call.given(1, "validators").items or ():
        limits = dict(one.entries or ())  # what NumberRange gives
        least = number(limits.get("min", NOTHING)) if least is None else least
        most = number(limits.get("max", NOTHING)) if most is None else most
    choices: tuple[Choice, ...] = ()
    if kind in ("choice", "choices"):
        found: list[Choice] = []
        for one in (call.given(-1, "choices").items or ())[:_MOST_CHOICES]:
            pair = one.items if one.items is not None and len(one.items) == 2 else (one, one)
            if pair[0].known:
                found.append(Choice(constant(pair[0]), str(pair[1].constant)))
        choices = tuple(found)
    field = FormField(
        _clean(label),
        kind,
        call.evidence,
        "django" if django else "flask",
        minimum=least,
        maximum=most,
        default=constant(call.given(-1, "initial", "default")),
        choices=choices,
        integer=call.last.startswith("Integer"),
        help=text(call.given(-1, "help_text", "description")),
    )
    return add(call.reader, field)


def _interface(call: Call, function: Value, inputs: Value) -> Value:
    """``gr.Interface(predict, [gr.Number(), ...])``: the fields go into the function."""
    given = list(inputs.items) if inputs.items is not None else [inputs]
    values: list[Value] = []
    for one in given:
        word = text(one)
        if word in _GRADIO_WORDS:
            component = _GRADIO_WORDS[word]
            kind = _GRADIO[component][0]
            field = FormField("", kind, call.evidence, "gradio", name=f"{word} {len(values)}")
            values.append(add(call.reader, field))
        else:
            values.append(one)
    call.reader.notes.answers.update(inner_fields(call.given(2, "outputs")))
    if function.callee is not None:
        call.reader.call_value(function, values, call.node)
    return Value(dotted="gradio.object")


def clicked(call: Call) -> Value | None:
    """``button.click(predict, inputs=[...], outputs=...)`` of Gradio's blocks."""
    if call.last not in _EVENTS:
        return None
    function, inputs = call.given(0, "fn"), call.given(1, "inputs")
    if function.callee is None:
        return None
    return _interface(call, function, inputs)


def _requested(call: Call) -> Value | None:
    """``request.form.get("age")``, ``request.get_json()``, ``request.form.values()``."""
    base = call.name.rpartition(".")[0]
    if call.last == "get_json":
        return Value(dotted=f"{base}.json")
    if call.last in ("get", "getlist", "pop"):
        return subscript(call.reader, Value(dotted=base), call.given(0, "key"), call.node, call)
    if call.last in ("values", "to_dict", "dict", "items", "copy"):
        return Value(dotted=base, form=True)
    return None


def subscript(
    reader: Reader, value: Value, key: Value, node: ast.AST, call: Call | None = None
) -> Value | None:
    """``request.form["age"]``; None where the value is no request."""
    name = text(key)
    if not name or not value.dotted:
        return None
    if _FILES.search(value.dotted):
        return add(
            reader,
            FormField(name, "picture", reader.evidence(node), _framework(value.dotted), name=name),
        )
    if not (_FORMS.search(value.dotted) and "request" in value.dotted):
        return None
    kind: FieldKind = "text"
    integer = False
    default: Constant = None
    if call is not None:
        given = call.given(2, "type")
        wanted = given.dotted or given.name
        kind = "number" if wanted in ("float", "int") else "text"
        integer = wanted == "int"
        default = constant(call.given(1, "default"))
    field = FormField(
        name,
        kind,
        reader.evidence(node),
        _framework(value.dotted),
        default=default,
        integer=integer,
        name=name,
    )
    return add(reader, field)


def _framework(dotted: str) -> str:
    if dotted.startswith("fastapi"):
        return "fastapi"
    return "django" if dotted.endswith(("POST", "GET", "FILES")) else "flask"


def parameter(
    reader: Reader, node: ast.arg, default: ast.expr | None, evidence: Evidence
) -> Value | None:
    """A parameter of a FastAPI endpoint that is a plain number, text or file."""
    if node.annotation is None:
        return None
    found = annotated(reader, node.arg, node.annotation, default, evidence, "fastapi")
    return add(reader, found) if found is not None else None


def annotated(
    reader: Reader,
    name: str,
    annotation: ast.expr,
    default: ast.expr | None,
    evidence: Evidence,
    framework: str,
) -> FormField | None:
    """A field of its type and default: of a pydantic model, or an endpoint's parameter."""
    kind, choices, integer, extra = _typed(reader, annotation, 0)
    if kind is None:
        return None
    field = FormField(
        name, kind, evidence, framework, variable=name, name=name, choices=choices, integer=integer
    )
    for one in (*extra, *([default] if default is not None else [])):
        field = _limited(reader, field, one)
    return field


def _typed(
    reader: Reader, node: ast.expr, depth: int
) -> tuple[FieldKind | None, tuple[Choice, ...], bool, list[ast.expr]]:
    nothing: tuple[Choice, ...] = ()
    if depth > 5:
        return None, nothing, False, []
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            node = ast.parse(node.value[:500], mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None, nothing, False, []
    if isinstance(node, ast.BinOp):  # int | None
        return _typed(reader, node.left, depth + 1)
    if isinstance(node, ast.Subscript):
        outer = node.value.attr if isinstance(node.value, ast.Attribute) else ""
        outer = node.value.id if isinstance(node.value, ast.Name) else outer
        inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Literal":
            values = [reader.evaluate(one) for one in inner[:_MOST_CHOICES]]
            found = [Choice(constant(one), str(one.constant)) for one in values if one.known]
            return "choice", tuple(found), False, []
        if outer == "Annotated" and inner:
            kind, choices, integer, extra = _typed(reader, inner[0], depth + 1)
            return kind, choices, integer, [*extra, *inner[1:]]
        if outer in ("Optional", "Union") and inner:
            return _typed(reader, inner[0], depth + 1)
        return None, nothing, False, []
    extra = []
    if isinstance(node, ast.Call):
        extra, node = [node], node.func
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    if name in _NUMBERS:
        return "number", nothing, "int" in name.lower() and "float" not in name.lower(), extra
    if name == "bool":
        return "boolean", nothing, False, extra
    if name in ("str", "constr", "StrictStr"):
        return "text", nothing, False, extra
    if name in ("UploadFile", "bytes"):
        return "picture", nothing, False, extra
    if name in ("date", "datetime"):
        return "date", nothing, False, extra
    value = reader.evaluate(node) if isinstance(node, (ast.Name, ast.Attribute)) else NOTHING
    if value.entries and value.name == "Enum":
        members = tuple(Choice(constant(one), str(one.constant)) for _, one in value.entries)
        return "choice", members, False, extra
    return None, nothing, False, []


def _limited(reader: Reader, field: FormField, node: ast.expr) -> FormField:
    """``Field(..., ge=0, le=120, description="Age in years")``, or a plain default."""
    if not isinstance(node, ast.Call):
        found = constant(reader.evaluate(node))
        return replace(field, default=found) if found is not None else field
    given = {one.arg: reader.evaluate(one.value) for one in node.keywords if one.arg}
    default: Any = given.get("default", NOTHING)
    if node.args and not isinstance(node.args[0], ast.Constant | ast.Name | ast.UnaryOp):
        default = NOTHING
    elif node.args:
        default = reader.evaluate(node.args[0])
    least = number(given.get("ge", given.get("gt", NOTHING)))
    most = number(given.get("le", given.get("lt", NOTHING)))
    words = text(given.get("description", NOTHING))
    example = given.get("example", NOTHING)
    examples = given.get("examples", NOTHING).items
    if not example.known and examples:
        example = examples[0]
    shown = constant(default)
    title = text(given.get("title", NOTHING))
    return replace(
        field,
        label=title or field.label,
        minimum=least if least is not None else field.minimum,
        maximum=most if most is not None else field.maximum,
        step=number(given.get("multiple_of", NOTHING)),
        default=shown if shown is not None else constant(example),
        help=words or field.help,
        column=text(given.get("alias", NOTHING)) or field.column,
    )
