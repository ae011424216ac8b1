"""C++17 with TensorFlow Lite's C API: small boards, desktops, anything CMake builds for."""

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
from edge_deploy.codegen.expressions import columns, literal, places, scaled, told
from edge_deploy.core.spec import Feature

_TYPES = {
    "float32": "float",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
}

_CODE = pieces("snippet.hpp")
_HELPERS = helpers(_CODE)


def install(plan: TemplateContext) -> str:
    """The CMake lines."""
    return (
        "target_link_libraries(app tensorflowlite_c), built from tensorflow/lite/c of "
        f"TensorFlow {plan.min_runtime or '2.17'} or newer"
    )


def code(plan: TemplateContext) -> str:
    """The header."""
    names = identifiers(plan.inputs, ("interpreter",))
    output = plan.main_output
    constants = ""
    if output.classes:
        listed = ", ".join(map(text, output.classes))
        constants += f"\ninline const std::vector<std::string> kLabels = {{{listed}}};\n"
    if plan.image:
        height, width = plan.image["size"]
        constants += f"\ninline constexpr int kHeight = {height}, kWidth = {width};\n"
    head = fill(
        _CODE["head"],
        headline=headline(plan),
        install=install(plan),
        needs=needs(plan),
        version=__version__,
        space=plan.snake,
        constants=constants,
    )
    body = fill(
        _CODE["class"] + "\n",
        type=plan.type_name,
        space=plan.snake,
        model=text(plan.path.name),
        takes=", ".join(map(tensor_words, plan.inputs)),
        gives=", ".join(map(tensor_words, plan.outputs)),
        parameters=", ".join(f"const std::vector<float>& {name}" for name in names),
        feeds="\n".join(_feed(t, n) for t, n in zip(plan.inputs, names, strict=True)),
        reads="\n".join(_read(t) for t in plan.outputs),
        predict=_predict(plan, names),
    )
    before = _picture(plan) if plan.image else _row(plan) if plan.features else []
    return "\n\n".join([head.rstrip("\n"), *before, _CODE["tensors"], body])


def _quantization(tensor: Tensor) -> str:
    return f"{tensor.scale!r}, {tensor.zero}" if tensor.scale else "0.0, 0"


def _feed(tensor: Tensor, name: str) -> str:
    return (
        f"        write<{_TYPES[tensor.dtype]}>"
        f"(TfLiteInterpreterGetInputTensor(interpreter, {tensor.index}), {name}, "
        f"{_quantization(tensor)});"
    )


def _read(tensor: Tensor) -> str:
    return (
        f"            {{{text(tensor.name)}, read<{_TYPES[tensor.dtype]}>"
        f"(TfLiteInterpreterGetOutputTensor(interpreter, {tensor.index}), {tensor.count}, "
        f"{_quantization(tensor)})}},"
    )


def _predict(plan: TemplateContext, names: Sequence[str]) -> str:
    output = plan.main_output
    parameter, made = {
        "picture": ("const Picture& picture", "preprocess(picture)"),
        "row": ("const Row& row", "encode(row)"),
        "tensors": (
            ", ".join(f"const std::vector<float>& {name}" for name in names),
            ", ".join(names),
        ),
    }[plan.takes]
    ask = f"        const auto values = run({made}).at({text(output.name)});"
    pairs = "std::vector<std::pair<std::string, float>>"
    sort = [
        f"        {pairs} shares;",
        "        for (size_t n = 0; n < kLabels.size(); ++n) "
        "shares.emplace_back(kLabels[n], @share@);",
        "        std::stable_sort(shares.begin(), shares.end(),",
        "                         [](const auto& a, const auto& b) { return a.second > b.second; });",
        "        return shares;",
    ]
    kind, lines = {
        "labels": (
            pairs,
            [line.replace("@share@", "values[n]") for line in sort],
        ),
        "probability": (
            pairs,
            [line.replace("@share@", "n ? values[0] : 1.0f - values[0]") for line in sort],
        ),
        "class": (
            "std::string" if output.classes else "int",
            [
                "        return kLabels.at(size_t(values[0]));"
                if output.classes
                else "        return int(values[0]);"
            ],
        ),
        "value": (
            "float",
            ["        return values[0];"],
        ),
        "tensor": ("std::vector<float>", ["        return values;"]
        ),
    }[output.role]  # fmt: skip
    return "\n".join(
        [f"    /** {told(plan)}. */", f"    {kind} predict({parameter}) {{", ask, *lines, "    }"]
    )


def _picture(plan: TemplateContext) -> list[str]:
    image = plan.image
    assert image is not None
    parts = pieces("resize.hpp")
    code = [parts["picture"], *(parts[name] for name in resizing(image))]
    code = [part.replace("@method@", image["resize"]) for part in code]
    floats = image["resize"] == "tf-bilinear"
    part = "cropped(picture)" if "smart crop" in resizing(image) else "picture"
    lines = [
        "/** A picture as the model takes it. */",
        "inline std::vector<float> preprocess(const Picture& picture) {",
        f"    const auto rgb = resize({part}){'' if floats else '.rgb'};",
        "    std::vector<float> values;",
        "    for (size_t n = 0; n < rgb.size(); n += 3) {",
    ]
    if image["color"] == "gray":
        if floats:
            lines += [
                "        const float red = rgb[n] * 0.2989f, green = rgb[n + 1] * 0.587f;",
                "        const float blue = rgb[n + 2] * 0.114f;",
                "        const float x = red + green + blue;",
            ]
        else:
            lines += [
                "        const int luma = rgb[n] * 19595 + rgb[n + 1] * 38470 + rgb[n + 2] * 7471;",
                "        const float x = float((luma + 0x8000) >> 16);",
            ]
        lines.append(f"        values.push_back({scaled(image, 'x', 0)});")
    else:
        for c, channel in enumerate((0, 1, 2) if image["color"] == "rgb" else (2, 1, 0)):
            x = f"float(rgb[n + {channel}])" if channel else "float(rgb[n])"
            lines.append(f"        values.push_back({scaled(image, x, c)});")
    lines += ["    }", "    return values;", "}"]
    return [*code, "\n".join(lines)]


def _row(plan: TemplateContext) -> list[str]:
    assert plan.features is not None
    lines, used = columns(plan.features, lambda f, name: f"    {_column(f, name)}", "  //")
    used.add("row")
    encode = [
        "/** A row as the model takes it. */",
        "inline std::vector<float> encode(const Row& row) {",
        "    std::vector<float> out;",
        *lines,
        "    return out;",
        "}",
    ]
    return [*(code for name, code in _HELPERS.items() if name in used), "\n".join(encode)]


def _column(feature: Feature, helper: str) -> str:
    name, names = text(feature.name), feature.categories or ()
    if helper == "number":
        if feature.missing == "error":
            return f"number(out, row, {name});"
        stands = "NAN" if feature.missing == "nan" else repr(float(feature.default or 0))
        return f"{{ const double missing = {stands}; number(out, row, {name}, &missing); }}"
    listed = f"{{{', '.join(map(text, names))}}}"
    missing, unknown = places(feature)
    more = f", {missing}, {unknown}" if unknown != -2 else f", {missing}" if missing != -2 else ""
    place = f"index(row, {name}, {listed}{more})"
    if helper == "ordinal":
        return f"ordinal(out, {place});"
    return f"one_hot(out, {place}, {len(names)});"


_PICTURE_READER = "\n" + _CODE["picture reader"] + "\n"

_TENSOR_READER = "\n" + _CODE["tensor reader"] + "\n"


def test(plan: TemplateContext, golden: Sequence[Golden]) -> Mapping[str, str]:
    """A program, and the CMake file that builds it as a test."""
    cases = []
    for case in golden:
        if isinstance(case.source, str):
            asked = f"preprocess(open({text(case.source)}))"
        elif plan.features:
            pairs = ", ".join(f"{{{text(k)}, {_value(v)}}}" for k, v in case.source.items())
            asked = f"encode({{{pairs}}})"
        else:
            asked = ", ".join(f"open({text(file)})" for file in case.source.values())
        cases.append(f"    {{\n        const auto answers = model.run({asked});")
        for name, values in case.outputs.items():
            listed = ", ".join(literal(value) for value in values)
            cases.append(f"        check(answers, {text(name)}, {{{listed}}});")
        cases.append("    }")
    reader = {"picture": _PICTURE_READER, "row": "", "tensors": _TENSOR_READER}[plan.takes]
    program = fill(
        _CODE["test"] + "\n",
        name=plan.name,
        header=f"{plan.snake}.hpp",
        space=plan.snake,
        type=plan.type_name,
        reader=reader,
        cases="\n".join(cases),
        count=len(golden),
    )
    return {
        "golden_test.cpp": program,
        "CMakeLists.txt": fill(_CODE["cmake"] + "\n", space=plan.snake),
    }


def _value(value: object) -> str:
    return f"std::string({text(value)})" if isinstance(value, str) else repr(value)


PLATFORM = Platform(
    name="cpp",
    title="C++",
    file=lambda plan: f"{plan.snake}.hpp",
    code=code,
    test=test,
    install=install,
    steps=lambda plan: (
        "`cmake -B build -DTFLITE_INCLUDE=... -DTFLITE_LIBRARY=.../libtensorflowlite_c.so`",
        "`cmake --build build && ctest --test-dir build`",
    ),
    picture="ppm",
)
