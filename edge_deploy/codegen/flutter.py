"""Flutter: Dart with tflite_flutter, or flutter_litert where that one's runtime is too old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_deploy._version import __version__
from edge_deploy.codegen.base import (
    Golden,
    Platform,
    f32,
    fill,
    headline,
    helpers,
    identifiers,
    needs,
    pieces,
    resizing,
    tensor_words,
)
from edge_deploy.codegen.base import text as quoted
from edge_deploy.codegen.context import TemplateContext, Tensor
from edge_deploy.codegen.expressions import columns, named_places, steps, told
from edge_deploy.core.spec import Feature

# tflite_flutter brings TensorFlow Lite 2.11 to Android (tensorflow/flutter-tflite issue 260);
# flutter_litert has the same interpreter and brings LiteRT.
_OLD, _OLD_RUNTIME, _NEW = "tflite_flutter: ^0.11.0", (2, 11), "flutter_litert: ^2.5.2"

_LISTS = {
    "float32": "Float32List",
    "int8": "Int8List",
    "uint8": "Uint8List",
    "int16": "Int16List",
    "int32": "Int32List",
    "int64": "Int64List",
}
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}

_CODE = pieces("snippet.dart")
_HELPERS = helpers(_CODE)


def text(value: str) -> str:
    """A Dart string literal."""
    return quoted(value).replace("$", "\\$")


def number(value: float) -> str:
    """A float32 as the double that it is, in brackets where it is negative."""
    import numpy as np

    shown = repr(float(np.float32(value)))
    return f"({shown})" if value < 0 else shown


def package(plan: TemplateContext) -> str:
    """The line of pubspec.yaml for the runtime."""
    return _OLD if plan.oldest <= _OLD_RUNTIME else _NEW


def install(plan: TemplateContext) -> str:
    """The lines of pubspec.yaml."""
    lines = ["dependencies:", f"  {package(plan)}"]
    lines += ["  image: ^4.2.0"] if plan.image else []
    return "\n".join([*lines, "flutter:", "  assets:", f"    - assets/{plan.path.name}"])


def code(plan: TemplateContext) -> str:
    """The Dart file."""
    names = identifiers(plan.inputs)
    output = plan.main_output
    constants = ""
    if output.classes:
        constants += f"\nconst labels = [{', '.join(map(text, output.classes))}];\n"
    if plan.image:
        height, width = plan.image["size"]
        constants += f"\nconst _height = {height};\nconst _width = {width};\n"
    imports = ["import 'dart:typed_data';", ""]
    if plan.image:
        imports = ["import 'dart:math';", "import 'dart:typed_data';", ""]
        imports += ["import 'package:image/image.dart' as img;"]
    name = package(plan).split(":")[0]
    imports.append(f"import 'package:{name}/{name}.dart';")
    head = fill(
        _CODE["head"],
        headline=headline(plan),
        pubspec="\n".join(f"//   {line}" for line in install(plan).splitlines()),
        needs=needs(plan),
        version=__version__,
        imports="\n".join(imports),
        constants=constants,
    )
    body = fill(
        _CODE["class"],
        type=plan.type_name,
        asset=text(f"assets/{plan.path.name}"),
        takes=", ".join(map(tensor_words, plan.inputs)),
        gives=", ".join(map(tensor_words, plan.outputs)),
        parameters=", ".join(f"List<double> {name}" for name in names),
        feeds="\n".join(_feed(t, n) for t, n in zip(plan.inputs, names, strict=True)),
        reads="\n".join(_read(t) for t in plan.outputs),
        predict=_predict(plan, names),
    )
    before = _picture(plan) if plan.image else _row(plan) if plan.features else []
    quantized = any(t.scale for t in plan.inputs)
    extra = [_CODE["quantize"]] if quantized else []
    rounds = any("_f32(" in part for part in (*before, *extra))
    return (
        "\n\n".join([head.rstrip("\n"), body, *before, *extra, *([_CODE["f32"]] if rounds else [])])
        + "\n"
    )


def _feed(tensor: Tensor, name: str) -> str:
    cells = _LISTS[tensor.dtype]
    if tensor.scale:
        low, high = _LIMITS[tensor.dtype]
        value = f"_quantize({name}, {number(tensor.scale)}, {tensor.zero}, {low}, {high})"
    else:
        value = name if cells == "Float32List" else f"{name}.map((x) => x.toInt()).toList()"
    return (
        f"    _interpreter.getInputTensor({tensor.index}).data =\n"
        f"        _bytes({cells}.fromList({value}));"
    )


def _read(tensor: Tensor) -> str:
    cells = _LISTS[tensor.dtype].removesuffix("List")
    value = f"_output(_interpreter, {tensor.index}).as{cells}List()"
    if tensor.scale:
        zero = f"- {tensor.zero}" if tensor.zero >= 0 else f"+ {-tensor.zero}"
        value += f".map((n) => (n {zero}) * {number(tensor.scale)}).toList()"
    elif cells != "Float32":
        value += ".map((n) => n.toDouble()).toList()"
    return f"      {text(tensor.name)}: {value},"


def _predict(plan: TemplateContext, names: Sequence[str]) -> str:
    output = plan.main_output
    parameter, made = {
        "picture": ("Picture picture", "preprocess(picture)"),
        "row": ("Map<String, Object?> row", "encode(row)"),
        "tensors": (", ".join(f"List<double> {n}" for n in names), ", ".join(names)),
    }[plan.takes]
    ask = f"    final values = run({made})[{text(output.name)}]!;"
    pairs = "List<MapEntry<String, double>>"
    ranked = [
        "    final entries = [",
        "      for (var n = 0; n < labels.length; n++) MapEntry(labels[n], shares[n]),",
        "    ];",
        "    return entries..sort((a, b) => b.value.compareTo(a.value));",
    ]
    kind, lines = {
        "labels": (pairs,
            ["    final shares = values;", *ranked],
        ),
        "probability": (pairs,
            ["    final shares = [1 - values[0], values[0]];", *ranked],
        ),
        "class": (
            "String" if output.classes else "int",
            [f"    return {'labels[values[0].toInt()]' if output.classes else 'values[0].toInt()'};"],
        ),
        "value": (
            "double",
            ["    return values[0];"],
        ),
        "tensor": ("List<double>", ["    return values;"]),
    }[output.role]  # fmt: skip
    return "\n".join(
        [f"  /// {told(plan)}.", f"  {kind} predict({parameter}) {{", ask, *lines, "  }"]
    )


def _picture(plan: TemplateContext) -> list[str]:
    image = plan.image
    assert image is not None
    parts = pieces("resize.dart")
    code = [parts[name].replace("@method@", image["resize"]) for name in resizing(image)]
    floats = image["resize"] == "tf-bilinear"
    part = "_cropped(picture)" if "smart crop" in resizing(image) else "picture"
    lines = [
        "/// A picture as the model takes it.",
        "Float32List preprocess(Picture picture) {",
        f"  final rgb = _resize({part}){'' if floats else '.rgb'};",
        f"  final values = Float32List({plan.inputs[0].count});",
        "  for (var from = 0, at = 0; from < rgb.length; from += 3) {",
    ]
    if image["color"] == "gray":
        if floats:
            weights = [number(weight) for weight in (0.2989, 0.587, 0.114)]
            lines += [
                f"    final red = _f32(rgb[from] * {weights[0]});",
                f"    final green = _f32(rgb[from + 1] * {weights[1]});",
                f"    final blue = _f32(rgb[from + 2] * {weights[2]});",
                "    final x = _f32(_f32(red + green) + blue);",
            ]
        else:
            lines += [
                "    final red = rgb[from] * 19595, green = rgb[from + 1] * 38470;",
                "    final luma = red + green + rgb[from + 2] * 7471;",
                "    final x = ((luma + 0x8000) >> 16).toDouble();",
            ]
        lines.append(f"    values[at++] = {_scaled(image, 'x', 0)};")
    else:
        for c, channel in enumerate((0, 1, 2) if image["color"] == "rgb" else (2, 1, 0)):
            x = f"rgb[from + {channel}]" if channel else "rgb[from]"
            x = x if floats else f"{x}.toDouble()"
            lines.append(f"    values[at++] = {_scaled(image, x, c)};")
    lines += ["  }", "  return values;", "}"]
    return ["\n".join(lines), parts["picture"], _CODE["decode"], *code]


def _scaled(image: Mapping[str, object], x: str, c: int) -> str:
    """As common.scaled, each step rounded to float32; the last one by the list it goes into."""
    value = x
    for sign, operand in steps(image, c):
        value = f"_f32({value} {sign} {number(operand)})"
    return value


def _row(plan: TemplateContext) -> list[str]:
    assert plan.features is not None
    lines, used = columns(plan.features, lambda f, name: f"      ...{_column(f, name)},", " //")
    example = ", ".join(f"{text(k)}: {_value(v)}" for k, v in (plan.example or {}).items())
    encode = [
        "/// A row as the model takes it, such as",
        f"/// {{{example}}}",
        "List<double> encode(Map<String, Object?> row) => [",
        *lines,
        "    ];",
    ]
    return ["\n".join(encode), *(code for name, code in _HELPERS.items() if name in used)]


def _column(feature: Feature, helper: str) -> str:
    name, names = text(feature.name), feature.categories or ()
    if helper == "number":
        if feature.missing == "value":
            return f"_number(row, {name}, {f32(float(feature.default or 0))})"
        return f"_number(row, {name}{', double.nan' if feature.missing == 'nan' else ''})"
    more = named_places(feature, ": ")
    place = f"_index(row, {name}, [{', '.join(map(text, names))}]{more})"
    return f"_ordinal({place})" if helper == "ordinal" else f"_oneHot({place}, {len(names)})"


def _value(value: object) -> str:
    return text(value) if isinstance(value, str) else repr(value)


def test(plan: TemplateContext, golden: Sequence[Golden]) -> Mapping[str, str]:
    """An integration test, which runs on a device where the runtime is."""
    cases = []
    for count, case in enumerate(golden, start=1):
        if isinstance(case.source, str):
            asked = f"preprocess(decode(await open({text(case.source)})))"
        elif plan.features:
            pairs = ", ".join(f"{text(k)}: {_value(v)}" for k, v in case.source.items())
            asked = f"encode({{{pairs}}})"
        else:
            asked = ", ".join(f"await open({text(file)})" for file in case.source.values())
        lines = [
            f"  testWidgets('answers sample {count}', (_) async {{",
            f"    final model = await {plan.type_name}.load();",
            f"    final answers = model.run({asked});",
        ]
        for name, values in case.outputs.items():
            listed = ", ".join(number(value).strip("()") for value in values)
            lines.append(f"    check(answers, {text(name)}, [{listed}]);")
        cases.append("\n".join([*lines, "  });"]))
    tensors = plan.takes == "tensors"
    module = fill(
        _CODE["test"] + "\n",
        name=plan.name,
        file=f"{plan.snake}.dart",
        kind="Float32List" if tensors else "Uint8List",
        divided="" if not tensors else ", data.lengthInBytes ~/ 4",
        cases="\n\n".join(cases),
        **{"as": "asFloat32List" if tensors else "asUint8List"},
    )
    if plan.features:
        start, end = module.index("Future<Uint8List>"), module.index("void main")
        module = module[:start] + module[end:]
        module = module.replace("import 'package:flutter/services.dart';\n", "")
    return {f"{plan.snake}_test.dart": module}


PLATFORM = Platform(
    name="flutter",
    title="Flutter (Dart)",
    file=lambda plan: f"{plan.snake}.dart",
    code=code,
    test=test,
    install=install,
    steps=lambda plan: (
        f"`{plan.path.name}` and `golden-*` go to `assets/` (list them in pubspec.yaml), "
        f"`{plan.snake}.dart` to `lib/`, `{plan.snake}_test.dart` to `integration_test/`. Put "
        "your package's name for `your_app`.",
        "`flutter test integration_test` asks the golden samples on a device.",
    ),
)
