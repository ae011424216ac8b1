"""Android: Kotlin with LiteRT's Interpreter."""

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
)
from edge_deploy.codegen.base import text as quoted
from edge_deploy.codegen.context import TemplateContext, Tensor
from edge_deploy.codegen.expressions import columns, literal, named_places, scaled, told
from edge_deploy.core.spec import Feature

# Its Interpreter runs operators up to TensorFlow 2.19's versions; minSdk 21.
_LITERT = "com.google.ai.edge.litert:litert:1.4.1"

_CODE = pieces("snippet.kt")
_PUT = {
    "float32": (4, "putFloat(value)", "getFloat(n * 4)", ""),
    "int32": (4, "putInt(value.toInt())", "getInt(n * 4).toFloat()", "Int"),
    "int64": (8, "putLong(value.toLong())", "getLong(n * 8).toFloat()", "Long"),
    "int16": (2, "putShort(@q@.toShort())", "getShort(n * 2).toFloat()", "Short"),
    "int8": (1, "put(@q@.toByte())", "get(n).toFloat()", "Byte"),
    "uint8": (1, "put(@q@.toByte())", "(get(n).toInt() and 0xFF).toFloat()", "UByte"),
}
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}

_HELPERS = helpers(_CODE)


def text(value: str) -> str:
    """A Kotlin string literal."""
    return quoted(value).replace("$", "\\$")


def package(plan: TemplateContext) -> str:
    """The package of the snippet."""
    return f"app.{plan.snake}"


def install(plan: TemplateContext) -> str:
    """The Gradle line."""
    return f'dependencies {{ implementation("{_LITERT}") }}'


def code(plan: TemplateContext) -> str:
    """The Kotlin file."""
    names = identifiers(plan.inputs, ("inputs", "outputs", "interpreter"))
    output = plan.main_output
    constants = ""
    if output.classes:
        constants += f"\nval LABELS = listOf({', '.join(map(text, output.classes))})\n"
    if plan.image:
        height, width = plan.image["size"]
        constants += f"\nprivate const val HEIGHT = {height}\nprivate const val WIDTH = {width}\n"
    imports = [
        "android.content.res.AssetManager",
        *(["android.graphics.Bitmap", "android.graphics.ImageDecoder"] if plan.image else []),
        "java.io.FileInputStream",
        "java.nio.ByteBuffer",
        "java.nio.ByteOrder",
        "java.nio.channels.FileChannel",
        "org.tensorflow.lite.Interpreter",
    ]
    head = fill(
        _CODE["head"],
        headline=headline(plan),
        install=install(plan),
        model=plan.path.name,
        needs=needs(plan),
        version=__version__,
        package=package(plan),
        imports="\n".join(f"import {name}" for name in imports),
        constants=constants,
    )
    body = fill(
        _CODE["class"],
        type=plan.type_name,
        model=text(plan.path.name),
        takes=", ".join(map(tensor_words, plan.inputs)),
        gives=", ".join(map(tensor_words, plan.outputs)),
        parameters=", ".join(f"{name}: FloatArray" for name in names),
        feeds="\n".join(_feed(t, n) for t, n in zip(plan.inputs, names, strict=True)),
        buffers="\n".join(
            f"            {text(t.name)} to buffer({_PUT[t.dtype][0] * t.count}),"
            for t in plan.outputs
        ),
        reads="\n".join(_read(t) for t in plan.outputs),
        predict=_predict(plan, names),
    )
    before = _picture(plan) if plan.image else _row(plan) if plan.features else []
    extra = [_CODE["quantize"]] if any(t.dtype in _LIMITS for t in plan.inputs) else []
    return "\n\n".join([head.rstrip("\n"), body, *before, *extra]) + "\n"


def _feed(tensor: Tensor, name: str) -> str:
    size, put, _, _ = _PUT[tensor.dtype]
    if tensor.dtype in _LIMITS:
        low, high = _LIMITS[tensor.dtype]
        scale = literal(tensor.scale) if tensor.scale else "1f"
        put = put.replace("@q@", f"quantize(value, {scale}, {tensor.zero}, {low}, {high})")
    return (
        f"            {text(tensor.name)} to buffer({size * tensor.count}).apply "
        f"{{ for (value in {name}) {put}; rewind() }},"
    )


def _read(tensor: Tensor) -> str:
    get = _PUT[tensor.dtype][2]
    value = (
        f"(outputs[{text(tensor.name)}] as ByteBuffer).run {{ FloatArray({tensor.count}) {{ n -> "
    )
    real = f"({get} - {tensor.zero}) * {literal(tensor.scale)}" if tensor.scale else get
    return f"            {text(tensor.name)} to {value}{real} }} }},"


def _predict(plan: TemplateContext, names: Sequence[str]) -> str:
    output = plan.main_output
    parameter, made = {
        "picture": ("picture: Picture", "preprocess(picture)"),
        "row": ("row: Map<String, Any?>", "encode(row)"),
        "tensors": (", ".join(f"{n}: FloatArray" for n in names), ", ".join(names)),
    }[plan.takes]
    ask = f"        val values = run({made}).getValue({text(output.name)})"
    pairs = "List<Pair<String, Float>>"
    kind, lines = {
        "labels": (
            pairs,
            ["        return LABELS.zip(values.toList()).sortedByDescending { it.second }"],
        ),
        "probability": (
            pairs,
            [
                "        val shares = listOf(1f - values[0], values[0])",
                "        return LABELS.zip(shares).sortedByDescending { it.second }",
            ],
        ),
        "class": (
            "String" if output.classes else "Int",
            [f"        return {'LABELS[values[0].toInt()]' if output.classes else 'values[0].toInt()'}"],
        ),
        "value": (
            "Float",
            ["        return values[0]"],
        ),
        "tensor": ("FloatArray", ["        return values"]),
    }[output.role]  # fmt: skip
    return "\n".join(
        [
            f"    /** {told(plan)}. */",
            f"    fun predict({parameter}): {kind} {{",
            ask,
            *lines,
            "    }",
        ]
    )


def _picture(plan: TemplateContext) -> list[str]:
    image = plan.image
    assert image is not None
    parts = pieces("resize.kt")
    code = [parts[name].replace("@method@", image["resize"]) for name in resizing(image)]
    floats = image["resize"] == "tf-bilinear"
    part = "cropped(picture)" if "smart crop" in resizing(image) else "picture"
    at = "small[from@]" if floats else "small.at(from@)"

    def pixel(channel: int) -> str:
        value = at.replace("@", f" + {channel}" if channel else "")
        return value if floats else f"{value}.toFloat()"

    lines = [
        "/** A picture as the model takes it. */",
        "fun preprocess(picture: Picture): FloatArray {",
        f"    val small = resize({part})",
        f"    val values = FloatArray({plan.inputs[0].count})",
        "    for (n in 0 until HEIGHT * WIDTH) {",
        "        val from = n * 3",
    ]
    if image["color"] == "gray":
        if floats:
            lines += [
                "        val red = small[from] * 0.2989f",
                "        val green = small[from + 1] * 0.587f",
                "        val blue = small[from + 2] * 0.114f",
                "        val x = red + green + blue",
            ]
        else:
            lines += [
                "        val luma = small.at(from) * 19595 + small.at(from + 1) * 38470 +",
                "            small.at(from + 2) * 7471",
                "        val x = ((luma + 0x8000) shr 16).toFloat()",
            ]
        lines.append(f"        values[n] = {scaled(image, 'x', 0)}")
    else:
        for c, channel in enumerate((0, 1, 2) if image["color"] == "rgb" else (2, 1, 0)):
            place = f"from + {c}" if c else "from"
            lines.append(f"        values[{place}] = {scaled(image, pixel(channel), c)}")
    lines += ["    }", "    return values", "}"]
    return ["\n".join(lines), parts["picture"], _CODE["decode"], *code]


def _row(plan: TemplateContext) -> list[str]:
    assert plan.features is not None
    lines, used = columns(plan.features, lambda f, name: f"    *{_column(f, name)},", " //")
    example = ", ".join(f"{text(k)} to {_value(v)}" for k, v in (plan.example or {}).items())
    encode = [
        "/**",
        " * A row as the model takes it, such as",
        f" * mapOf({example})",
        " */",
        "fun encode(row: Map<String, Any?>): FloatArray = floatArrayOf(",
        *lines,
        ")",
    ]
    return ["\n".join(encode), *(code for name, code in _HELPERS.items() if name in used)]


def _column(feature: Feature, helper: str) -> str:
    name, names = text(feature.name), feature.categories or ()
    if helper == "number":
        stands = {
            "error": "",
            "nan": ", Float.NaN",
            "value": f", {literal(float(feature.default or 0))}" if helper == "number" else "",
        }[feature.missing]
        return f"number(row, {name}{stands})"
    more = named_places(feature, " = ")
    place = f"index(row, {name}, listOf({', '.join(map(text, names))}){more})"
    return f"ordinal({place})" if helper == "ordinal" else f"oneHot({place}, {len(names)})"


def _value(value: object) -> str:
    return text(value) if isinstance(value, str) else repr(value)


_TEST_IMPORTS = {
    "picture": "import android.graphics.ImageDecoder",
    "row": "",
    "tensors": "import java.nio.ByteBuffer\nimport java.nio.ByteOrder",
}


def test(plan: TemplateContext, golden: Sequence[Golden]) -> Mapping[str, str]:
    """A JUnit test that runs on a device or an emulator."""
    cases = []
    for number, case in enumerate(golden, start=1):
        if isinstance(case.source, str):
            asked = f"preprocess(open({text(case.source)}))"
        elif plan.features:
            pairs = ", ".join(f"{text(k)} to {_value(v)}" for k, v in case.source.items())
            asked = f"encode(mapOf({pairs}))"
        else:
            asked = ", ".join(f"open({text(file)})" for file in case.source.values())
        lines = ["    @Test", f"    fun answersSample{number}() {{"]
        lines.append(f"        val answers = model.run({asked})")
        for name, values in case.outputs.items():
            listed = ", ".join(literal(value) for value in values)
            lines.append(f"        check(answers, {text(name)}, {listed})")
        cases.append("\n".join([*lines, "    }"]))
    opened = _CODE.get(f"open {plan.takes}")  # a row needs nothing opened
    module = fill(
        _CODE["test"] + "\n",
        name=plan.name,
        package=package(plan),
        imports=_TEST_IMPORTS[plan.takes],
        type=plan.type_name,
        reader=f"\n{opened}\n" if opened else "",
        cases="\n\n".join(cases),
    )
    return {f"{plan.type_name}Test.kt": module.replace("\n\n\n", "\n\n")}


PLATFORM = Platform(
    name="android",
    title="Android (Kotlin)",
    file=lambda plan: f"{plan.type_name}.kt",
    code=code,
    test=test,
    install=install,
    steps=lambda plan: (
        f"`{plan.path.name}` goes to `app/src/main/assets/`, `{plan.type_name}.kt` to the "
        f"sources, `{plan.type_name}Test.kt` to `app/src/androidTest/`, and `golden-*` to "
        "`app/src/androidTest/assets/`.",
        "`./gradlew connectedAndroidTest` asks the golden samples on a device or an emulator.",
    ),
)
