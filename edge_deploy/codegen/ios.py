"""iOS: Swift with TensorFlow Lite's Swift library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_deploy._version import __version__
from edge_deploy.codegen.base import (
    Golden,
    Platform,
    fill,
    headline,
    helpers,
    identifiers,
    needs,
    pieces,
    resizing,
    tensor_words,
    text,
)
from edge_deploy.codegen.context import TemplateContext, Tensor
from edge_deploy.codegen.expressions import columns, literal, named_places, scaled, told
from edge_deploy.core.spec import Feature

_NEWEST = (2, 17)  # the last version that was released for iOS
_TYPES = {
    "float32": "Float",
    "int8": "Int8",
    "uint8": "UInt8",
    "int16": "Int16",
    "int32": "Int32",
    "int64": "Int64",
}

_CODE = pieces("snippet.swift")
_HELPERS = helpers(_CODE)


def install(plan: TemplateContext) -> str:
    """The Podfile line."""
    version = "2.17.0" if plan.oldest <= _NEWEST else "0.0.1-nightly"
    return f"pod 'TensorFlowLiteSwift', '~> {version}'"


def code(plan: TemplateContext) -> str:
    """The Swift file."""
    names = identifiers(plan.inputs, ("interpreter",))
    output = plan.main_output
    constants = ""
    if output.classes:
        constants += f"\nlet labels = [{', '.join(map(text, output.classes))}]\n"
    if plan.image:
        height, width = plan.image["size"]
        constants += f"\nprivate let wantedHeight = {height}\nprivate let wantedWidth = {width}\n"
    modules = ["CoreGraphics", "Foundation", "ImageIO"] if plan.image else ["Foundation"]
    head = fill(
        _CODE["head"],
        headline=headline(plan),
        install=install(plan),
        model=plan.path.name,
        needs=needs(plan),
        version=__version__,
        imports="\n".join(f"import {name}" for name in [*modules, "TensorFlowLite"]),
        constants=constants,
    )
    body = fill(
        _CODE["class"],
        type=plan.type_name,
        stem=text(plan.path.stem),
        model=text(plan.path.name),
        takes=", ".join(map(tensor_words, plan.inputs)),
        gives=", ".join(map(tensor_words, plan.outputs)),
        parameters=", ".join(f"_ {name}: [Float]" for name in names),
        feeds="\n".join(_feed(t, n) for t, n in zip(plan.inputs, names, strict=True)),
        reads="\n".join(_read(t) for t in plan.outputs),
        predict=_predict(plan, names),
    )
    before = _picture(plan) if plan.image else _row(plan) if plan.features else []
    extra = [_CODE["quantize"]] if any(t.scale for t in plan.inputs) else []
    return "\n\n".join([head.rstrip("\n"), body, *before, *extra]) + "\n"


def _feed(tensor: Tensor, name: str) -> str:
    kind = _TYPES[tensor.dtype]
    if tensor.scale:
        value = f"quantize({name}, {literal(tensor.scale, '')}, {tensor.zero}, {kind}.self)"
    else:
        value = name if kind == "Float" else f"{name}.map {{ {kind}($0) }}"
    return f"        try interpreter.copy(bytes({value}), toInputAt: {tensor.index})"


def _read(tensor: Tensor) -> str:
    kind = _TYPES[tensor.dtype]
    value = f"cells(try interpreter.output(at: {tensor.index}).data, {kind}.self)"
    if tensor.scale:
        zero = f"- {tensor.zero}" if tensor.zero >= 0 else f"+ {-tensor.zero}"
        value += f".map {{ (Float($0) {zero}) * {literal(tensor.scale, '')} }}"
    elif kind != "Float":
        value += ".map { Float($0) }"
    return f"            {text(tensor.name)}: {value},"


def _predict(plan: TemplateContext, names: Sequence[str]) -> str:
    output = plan.main_output
    parameter, made = {
        "picture": ("_ picture: Picture", "preprocess(picture)"),
        "row": ("_ row: [String: Any]", "try encode(row)"),
        "tensors": (", ".join(f"_ {n}: [Float]" for n in names), ", ".join(names)),
    }[plan.takes]
    ask = f"        let values = try run({made})[{text(output.name)}]!"
    pairs = "[(label: String, share: Float)]"
    zipped = "zip(labels, @).map { (label: $0, share: $1) }.sorted { $0.share > $1.share }"
    kind, lines = {
        "labels": (
            pairs,
            [f"        return {zipped.replace('@', 'values')}"],
        ),
        "probability": (
            pairs,
            [
                "        let shares = [1 - values[0], values[0]]",
                f"        return {zipped.replace('@', 'shares')}",
            ],
        ),
        "class": (
            "String" if output.classes else "Int",
            [f"        return {'labels[Int(values[0])]' if output.classes else 'Int(values[0])'}"],
        ),
        "value": (
            "Float",
            ["        return values[0]"],
        ),
        "tensor": ("[Float]", ["        return values"]),
    }[output.role]
    head = [f"    /// {told(plan)}.", f"    func predict({parameter}) throws -> {kind} {{"]
    return "\n".join([*head, ask, *lines, "    }"])


def _picture(plan: TemplateContext) -> list[str]:
    image = plan.image
    assert image is not None
    parts = pieces("resize.swift")
    code = [parts[name].replace("@method@", image["resize"]) for name in resizing(image)]
    floats = image["resize"] == "tf-bilinear"
    part = "cropped(picture)" if "smart crop" in resizing(image) else "picture"
    lines = [
        "/// A picture as the model takes it.",
        "func preprocess(_ picture: Picture) -> [Float] {",
        f"    let rgb = resize({part}){'' if floats else '.rgb'}",
        "    var values = [Float]()",
        f"    values.reserveCapacity({plan.inputs[0].count})",
        "    for n in stride(from: 0, to: rgb.count, by: 3) {",
    ]
    if image["color"] == "gray":
        if floats:
            lines += [
                "        let red: Float = rgb[n] * 0.2989",
                "        let green: Float = rgb[n + 1] * 0.587",
                "        let blue: Float = rgb[n + 2] * 0.114",
                "        let x: Float = red + green + blue",
            ]
        else:
            lines += [
                "        let red = Int(rgb[n]) * 19595",
                "        let green = Int(rgb[n + 1]) * 38470",
                "        let blue = Int(rgb[n + 2]) * 7471",
                "        let x = Float((red + green + blue + 0x8000) >> 16)",
            ]
        lines.append(f"        values.append({scaled(image, 'x', 0, '')})")
    else:
        for c, channel in enumerate((0, 1, 2) if image["color"] == "rgb" else (2, 1, 0)):
            x = f"Float(rgb[n + {channel}])" if channel else "Float(rgb[n])"
            lines.append(f"        values.append({scaled(image, x, c, '')})")
    lines += ["    }", "    return values", "}"]
    return ["\n".join(lines), parts["picture"], _CODE["decode"], *code]


def _row(plan: TemplateContext) -> list[str]:
    assert plan.features is not None
    first = plan.features[0]

    def added(feature: Feature, name: str) -> str:
        start = "var values =" if feature is first else "values +="
        return f"    {start} {_column(feature, name)}"

    lines, used = columns(plan.features, added, "  //")
    example = ", ".join(f"{text(k)}: {_value(v)}" for k, v in (plan.example or {}).items())
    encode = [
        "/// A row as the model takes it, such as",
        f"/// [{example}]",
        "func encode(_ row: [String: Any]) throws -> [Float] {",
        *lines,
        "    return values",
        "}",
    ]
    return ["\n".join(encode), *(code for name, code in _HELPERS.items() if name in used)]


def _column(feature: Feature, helper: str) -> str:
    name, names = text(feature.name), feature.categories or ()
    if helper == "number":
        if feature.missing == "value":
            return f"try number(row, {name}, {literal(float(feature.default or 0), '')})"
        stands = ", .nan" if feature.missing == "nan" else ""
        return f"try number(row, {name}{stands})"
    more = named_places(feature, ": ")
    place = f"try index(row, {name}, [{', '.join(map(text, names))}]{more})"
    return f"ordinal({place})" if helper == "ordinal" else f"oneHot({place}, {len(names)})"


def _value(value: object) -> str:
    return text(value) if isinstance(value, str) else repr(value)


def test(plan: TemplateContext, golden: Sequence[Golden]) -> Mapping[str, str]:
    """An XCTest case."""
    cases = []
    for number, case in enumerate(golden, start=1):
        if isinstance(case.source, str):
            asked = f"preprocess(decode(file({text(case.source)})))"
        elif plan.features:
            pairs = ", ".join(f"{text(k)}: {_value(v)}" for k, v in case.source.items())
            asked = f"encode([{pairs}])"
        else:
            asked = ", ".join(f"open({text(file)})" for file in case.source.values())
        lines = [f"    func testAnswersOfSample{number}() throws {{"]
        lines.append(f"        let answers = try {plan.type_name}().run({asked})")
        for name, values in case.outputs.items():
            listed = ", ".join(literal(value, "") for value in values)
            lines.append(f"        check(answers, {text(name)}, [{listed}])")
        cases.append("\n".join([*lines, "    }"]))
    reader = {
        "picture": _CODE["reader"] + "\n",
        "row": "",
        "tensors": _CODE["reader"] + "\n" + _CODE["floats"] + "\n",
    }[plan.takes]
    module = fill(
        _CODE["test"] + "\n",
        name=plan.name,
        type=plan.type_name,
        reader=reader,
        cases="\n\n".join(cases),
    )
    return {f"{plan.type_name}Tests.swift": module}


PLATFORM = Platform(
    name="ios",
    title="iOS (Swift)",
    file=lambda plan: f"{plan.type_name}.swift",
    code=code,
    test=test,
    install=install,
    steps=lambda plan: (
        f"`{plan.path.name}` and `{plan.type_name}.swift` go to the app's target, "
        f"`{plan.type_name}Tests.swift` and `golden-*` to its unit tests. Put your module's "
        "name for `YourApp`.",
        "`xcodebuild test`, or Product > Test.",
    ),
)
