"""JavaScript in a browser, with LiteRT.js; pixels are prepared by the page's own functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edge_deploy._version import __version__
from edge_deploy.codegen.base import (
    Golden,
    Platform,
    column_words,
    fill,
    headline,
    helpers,
    identifiers,
    needs,
    pieces,
    tensor_words,
    text,
)
from edge_deploy.codegen.context import TemplateContext, Tensor, category
from edge_deploy.codegen.expressions import helper, steps
from edge_deploy.codegen.source_extract import closure, one_filter
from edge_deploy.codegen.text_features import counters, in_javascript
from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.spec import Feature
from edge_deploy.web.assets import shell_folder

_ARRAYS = {"float32": "Float32Array", "int32": "Int32Array", "uint8": "Uint8Array"}

_CODE = pieces("snippet.mjs")
_HELPERS = helpers(_CODE)


def install(plan: TemplateContext) -> str:
    """The npm line."""
    return "npm install @litertjs/core"


def code(plan: TemplateContext) -> str:
    """The ES module.

    Raises:
        UsageError: A tensor is of a type that LiteRT.js does not have.
    """
    for tensor in (*plan.inputs, *plan.outputs):
        if tensor.dtype not in _ARRAYS:
            raise UsageError(
                f"{plan.path.name}: {tensor.name} is of {tensor.dtype}; LiteRT.js takes "
                f"{', '.join(_ARRAYS)}. Take a file with float32 ends, with "
                f"{option('precision')}."
            )
    names = identifiers(plan.inputs, ("model", "tensors", "outputs", "values"))
    output = plan.main_output
    labels = f"\nexport const LABELS = [{', '.join(map(text, output.classes or ()))}];\n"
    head = fill(
        _CODE["head"],
        headline=headline(plan),
        install=install(plan),
        model=plan.path.name,
        needs=needs(plan),
        version=__version__,
        constants=labels if output.classes else "",
    )
    run = fill(
        _CODE["run"],
        takes=", ".join(map(tensor_words, plan.inputs)),
        gives=", ".join(map(tensor_words, plan.outputs)),
        parameters=", ".join(names),
        feeds="\n".join(_feed(t, n) for t, n in zip(plan.inputs, names, strict=True)),
        reads="\n".join(_read(t) for t in plan.outputs),
    )
    before = _picture(plan) if plan.image else _row(plan) if plan.features else []
    quantized = any(t.scale for t in plan.inputs)
    extra = [_CODE["quantize"]] if quantized else []
    load = fill(_CODE["load"], model=text(f"./{plan.path.name}"))
    parts = [head.rstrip("\n"), load, run, _predict(plan, names), *before, *extra]
    return "\n\n".join(parts) + "\n"


def _feed(tensor: Tensor, name: str) -> str:
    array = _ARRAYS[tensor.dtype]
    value = (
        f"quantize({name}, {tensor.scale!r}, {tensor.zero})"
        if tensor.scale
        else f"{array}.from({name})"
    )
    shape = ", ".join(map(str, tensor.shape))
    return f"    {text(tensor.name)}: new Tensor({value}, [{shape}]),"


def _read(tensor: Tensor) -> str:
    value = f"outputs[{text(tensor.name)}].toTypedArray()"
    if tensor.scale:
        value = f"Float32Array.from({value}, (n) => (n - {tensor.zero}) * {tensor.scale!r})"
    else:
        value = f"{value}.slice()"
    return f"    {text(tensor.name)}: {value},"


def _predict(plan: TemplateContext, names: Sequence[str]) -> str:
    output = plan.main_output
    given, made = {
        "picture": ("file", "preprocess(await decode(file))"),
        "row": ("row", "encode(row)"),
        "tensors": (", ".join(names), ", ".join(names)),
    }[plan.takes]
    ask = f"  const values = (await run(model, {made}))[{text(output.name)}];"
    ranked = "[label, shares[n]]).sort((a, b) => b[1] - a[1]);"
    told, lines = {
        "labels": (
            "[label, share] pairs, the largest first,",
            ["  const shares = [...values];", f"  return LABELS.map((label, n) => {ranked}"],
        ),
        "probability": (
            "[label, share] pairs, the larger first,",
            [
                "  const shares = [1 - values[0], values[0]];",
                f"  return LABELS.map((label, n) => {ranked}",
            ],
        ),
        "class": (
            "The label" if output.classes else "The number of the class",
            ["  return LABELS[values[0]];" if output.classes else "  return values[0];"],
        ),
        "value": (
            f"The value{f' in {output.unit}' if output.unit else ''}",
            ["  return values[0];"],
        ),
        "tensor": (tensor_words(output), ["  return values;"]),
    }[output.role]
    of = " of a picture file (a Blob)" if plan.image else ""
    told = told if of else told.rstrip(",")
    head = f"/** {told}{of}. */\nexport async function predict(model, {given}) {{"
    return "\n".join([head, ask, *lines, "}"])


def _picture(plan: TemplateContext) -> list[str]:
    """The page's own functions, those that this model needs."""
    image = plan.image
    assert image is not None
    height, width = image["size"]
    method, centered = image["resize"], image["crop"] == "center"
    if method.startswith("tf-"):
        part = f"smartCrop(picture, {height}, {width})" if centered else "picture"
        resized = f"{'tfNearest' if method == 'tf-nearest' else 'tfBilinear'}"
        resized += f"({part}, {height}, {width})"
    else:
        box = (
            f"fitBox(picture, {height}, {width})"
            if centered
            else "[0, 0, picture.width, picture.height]"
        )
        filter_ = f", ...FILTERS.{method}" if method != "nearest" else ""
        name = "nearest" if method == "nearest" else "resample"
        resized = f"{name}(picture, {height}, {width}, {box}{filter_})"
    lines = [
        "/** Pixels ({data, height, width}, three bytes a pixel) as the model takes them. */",
        "export function preprocess(picture) {",
        f"  const {{ data }} = {resized};",
        f"  const values = new Float32Array({plan.inputs[0].count});",
        "  for (let from = 0, at = 0; from < data.length; from += 3) {",
    ]
    luma = "lumaFloat" if method == "tf-bilinear" else "luma8"
    if image["color"] == "gray":
        lines += [f"    values[at] = {_scaled(image, f'{luma}(data, from)', 0)};", "    at += 1;"]
    else:
        order = (0, 1, 2) if image["color"] == "rgb" else (2, 1, 0)
        for c, channel in enumerate(order):
            place = f"from + {channel}" if channel else "from"
            lines.append(f"    values[at + {c}] = {_scaled(image, f'data[{place}]', c)};")
        lines.append("    at += 3;")
    lines += ["  }", "  return values;", "}"]
    own = "\n".join(lines)
    sources = [
        (shell_folder() / "src" / name).read_text(encoding="utf-8")
        for name in ("preprocess.js", "resize.js")
    ]
    taken = closure(sources, own + "\ndecode(")
    if method in ("box", "bilinear", "hamming", "bicubic", "lanczos"):
        taken = [one_filter(block, method) for block in taken]
        taken = closure(taken, own + "\ndecode(")  # without the other filters' functions
    return [own, *taken]


def _scaled(image: Mapping[str, Any], x: str, c: int) -> str:
    """``f32(f32(x * scale) + offset)`` and so on, without the steps that change nothing."""
    value = x
    for sign, number in steps(image, c):
        value = f"f32({value} {sign} f32({number!r}))"
    return value


def _row(plan: TemplateContext) -> list[str]:
    assert plan.features is not None
    used: set[str] = set()
    lines = []
    names = counters(plan)
    for feature in plan.features:
        if feature.text is not None:
            used.add("counts")
            given = f"row, {text(feature.name)}, {names[feature.name]}, {feature.width}"
            given += f", {_literal(str(feature.default))}" if feature.missing == "value" else ""
            lines.append(f"    ...counts({given}),")
            continue
        called = helper(feature)
        used |= {"number"} if called == "number" else {called, "index"}
        told = column_words(feature)
        arguments = _arguments(feature)
        name = "oneHot" if called == "one_hot" else called
        lines.append(f"    ...{name}({arguments}),{f' // {told}' if told else ''}")
    encode = [
        "/** A row, an object by the columns' names, as the model takes it. */",
        "export function encode(row) {",
        "  return Float32Array.from([",
        *lines,
        "  ]);",
        "}",
    ]
    example = ", ".join(f"{text(k)}: {_literal(v)}" for k, v in (plan.example or {}).items())
    shown = f"// For example: predict(model, {{ {example} }})"
    helpers = [code for name, code in _HELPERS.items() if name in used]
    return ["\n".join([shown, *encode]), *helpers, *in_javascript(plan)]


def _arguments(feature: Feature) -> str:
    number, names = feature.encode == "none", feature.categories or ()
    arguments = [f"row, {text(feature.name)}"]
    if not number:
        arguments.append(f"[{', '.join(map(text, names))}]")
    more = {}
    if feature.missing == "value":
        more["missing"] = _literal(
            float(feature.default or 0) if number else category(feature.default)
        )
    elif feature.missing == "nan":
        more["missing"] = "NaN" if number else str(len(names))
    if not number and feature.unknown != "error":
        more["unknown"] = str(len(names) - 1 if feature.unknown == "infrequent" else -1)
    if number:
        arguments += list(more.values())[:1]
    elif more:
        arguments.append(f"{{ {', '.join(f'{k}: {v}' for k, v in more.items())} }}")
    return ", ".join(arguments)


def _literal(value: object) -> str:
    return text(value) if isinstance(value, str) else repr(value)


def test(plan: TemplateContext, golden: Sequence[Golden]) -> Mapping[str, str]:
    """An ES module whose ``test()`` asks the golden samples."""
    read = f"\n{_CODE['read']}\n"
    encoder, run, helpers = {
        "picture": (
            "decode, preprocess",
            "preprocess(await decode(await read(source)))",
            fill(read, **{"as": "blob()"}),
        ),
        "row": ("encode", "encode(source)", ""),
        "tensors": (
            "LABELS as _",
            "...(await Promise.all(source.map(async (f) => new Float32Array(await read(f)))))",
            fill(read, **{"as": "arrayBuffer()"}),
        ),
    }[plan.takes]
    cases = []
    for case in golden:
        source = list(case.source.values()) if plan.takes == "tensors" else case.source  # type: ignore[union-attr]
        cases.append(
            f"  {{ source: {json.dumps(source, ensure_ascii=False)}, "
            f"outputs: {json.dumps(dict(case.outputs))} }},"
        )
    module = fill(
        _CODE["test"],
        name=plan.name,
        file=f"{plan.snake}.test.js",
        module=f"{plan.snake}.js",
        encoder=encoder,
        cases="\n".join(cases),
        run=run,
        helpers=helpers,
    ).replace(", LABELS as _ }", " }")
    return {f"{plan.snake}.test.js": module.rstrip("\n") + "\n"}


PLATFORM = Platform(
    name="js",
    title="JavaScript (browser)",
    file=lambda plan: f"{plan.snake}.js",
    code=code,
    test=test,
    install=install,
    steps=lambda plan: (
        f"`{install(plan)}`, and copy `node_modules/@litertjs/core/wasm/` here as `wasm/`.",
        f"In a page: `import {{ test }} from './{plan.snake}.test.js'; await test();` asks the "
        "golden samples.",
    ),
)
