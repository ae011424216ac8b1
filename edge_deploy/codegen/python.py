"""Python, with ai-edge-litert, numpy and Pillow: a laptop, a server, a Raspberry Pi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_deploy._version import __version__
from edge_deploy.codegen.base import (
    Golden,
    Platform,
    column_words,
    fill,
    headline,
    helpers,
    identifiers,
    indent,
    needs,
    pieces,
    tensor_words,
)
from edge_deploy.codegen.context import TemplateContext, Tensor, category
from edge_deploy.codegen.expressions import helper, told
from edge_deploy.codegen.source_extract import source_of
from edge_deploy.codegen.text_features import counters, in_python
from edge_deploy.core.spec import Feature
from edge_deploy.data.preprocessing import resize

_CODE = pieces("snippet.py.txt")
_HELPERS = helpers(_CODE)


def install(plan: TemplateContext) -> str:
    """The pip line."""
    pillow = ' "pillow>=10.1"' if plan.image else ""
    return f'pip install "ai-edge-litert>=2.1" "numpy>=1.26"{pillow}'


def code(plan: TemplateContext) -> str:
    """The module: decode, preprocess, encode, ask, and read the answer."""
    names = identifiers(plan.inputs, ("self", "np"))
    output = plan.main_output
    constants = f"\nLABELS = {list(output.classes)!r}" if output.classes else ""
    if plan.image:
        constants += f"\nHEIGHT, WIDTH = {plan.image['size'][0]}, {plan.image['size'][1]}"
    usage = {"picture": "PICTURE...", "row": "", "tensors": "INPUTS.npz"}[plan.takes]
    head = fill(
        _CODE["head"],
        headline=headline(plan),
        install=install(plan),
        file=f"{plan.snake}.py",
        usage=usage,
        model=plan.path.name,
        needs=needs(plan),
        version=__version__,
        re="import re\n" if counters(plan) else "",
        unicodedata="import unicodedata\n" if counters(plan) else "",
        namespace="\nfrom types import SimpleNamespace" if counters(plan) else "",
        imports="\nfrom PIL import Image, ImageOps" if plan.image else "",
        constants=constants,
    ).replace(f"{plan.snake}.py \n", f"{plan.snake}.py\n")
    body = fill(
        _CODE["class"],
        type=plan.type_name,
        parameters=", ".join(names),
        takes=", ".join(tensor_words(t) for t in plan.inputs),
        gives=", ".join(tensor_words(t) for t in plan.outputs),
        feeds="\n".join(_feed(t, n) for t, n in zip(plan.inputs, names, strict=True)),
        reads="\n".join(_read(t) for t in plan.outputs),
        predict=indent(_predict(plan, names), 4),
    )
    integers = [_CODE["quantize"]] if any(t.scale for t in plan.inputs) else []
    integers += [_CODE["dequantize"]] if any(t.scale for t in plan.outputs) else []
    before = _picture(plan) if plan.image else _row(plan) if plan.features else []
    return "\n\n\n".join([head, *before, *integers, body, _main(plan, names)]) + "\n"


def _feed(tensor: Tensor, name: str) -> str:
    value = f"np.reshape({name}, {tensor.shape})"
    if tensor.scale:
        value = f"quantize({value}, {tensor.scale!r}, {tensor.zero}, np.{tensor.dtype})"
    else:
        value = f"np.asarray({value}, np.{tensor.dtype})"
    plain = tensor.name.isidentifier()
    return (
        f"            {tensor.name}={value},"
        if plain
        else (f"            **{{{tensor.name!r}: {value}}},")
    )


def _read(tensor: Tensor) -> str:
    value = f"outputs[{tensor.name!r}]"
    if tensor.scale:
        value = f"dequantize({value}, {tensor.scale!r}, {tensor.zero})"
    return f"            {tensor.name!r}: {value},"


def _predict(plan: TemplateContext, names: Sequence[str]) -> str:
    output = plan.main_output
    value = f"self.run({', '.join(names)})[{output.name!r}]"
    if plan.image:
        signature, value = "picture", f"self.run(preprocess(decode(picture)))[{output.name!r}]"
    elif plan.features:
        signature, value = "row", f"self.run(encode(row))[{output.name!r}]"
    else:
        signature = ", ".join(names)
    label = f"int({value}.item())"
    lines = {
        "labels": [
            f"shares = {value}.ravel().tolist()",
            "return dict(sorted(zip(LABELS, shares), key=lambda pair: -pair[1]))",
        ],
        "probability": [
            f"share = {value}.item()",
            "shares = zip(LABELS, (1.0 - share, share))",
            "return dict(sorted(shares, key=lambda pair: -pair[1]))",
        ],
        "class": [f"return LABELS[{label}]" if output.classes else f"return {label}"],
        "value": [f"return {value}.item()"],
        "tensor": [f"return {value}"],
    }[output.role]
    return "\n".join(
        [
            f"def predict(self, {signature}):",
            f'    """{told(plan)}."""',
            *(f"    {x}" for x in lines),
        ]
    )


def _picture(plan: TemplateContext) -> list[str]:
    image = plan.image
    assert image is not None
    method, centered = image["resize"], image["crop"] == "center"
    sources = []
    if method.startswith("tf-"):
        names = ["_centers"]
        names += ["_weights", "_tf_bilinear"] if method == "tf-bilinear" else ["_tf_nearest"]
        names = ["_smart_crop", *names] if centered else names
        sources = [source_of(getattr(resize, name)) for name in names]
        name = "_tf_bilinear" if method == "tf-bilinear" else "_tf_nearest"
        pixels = "_smart_crop(pixels, (HEIGHT, WIDTH))" if centered else "pixels"
        sources.append(f"def resize(pixels):\n    return {name}({pixels}, (HEIGHT, WIDTH))")
    elif method == "nearest":
        box = "_fit_box(pixels, (HEIGHT, WIDTH))" if centered else "None"
        sources = [source_of(resize._fit_box)] if centered else []
        sources.append(fill(_CODE["nearest"], box=box))
    else:
        box = "_fit_box(pixels, (HEIGHT, WIDTH))" if centered else "0, 0, width, height"
        sources = [source_of(resize._fit_box)] if centered else []
        sources.append(source_of(resize.down_first))
        sources.append(fill(_CODE["pillow"], box=box, method=method, METHOD=method.upper()))
    return [_CODE["decode"], *sources, _preprocess(plan)]


def _preprocess(plan: TemplateContext) -> str:
    image, tensor = plan.image, plan.inputs[0]
    assert image is not None
    lines = ["pixels = resize(pixels)"]
    if image["color"] == "bgr":
        lines.append("pixels = pixels[:, :, ::-1]")
    elif image["color"] == "gray" and image["resize"] == "tf-bilinear":
        lines += [
            "red, green, blue = np.moveaxis(",
            "    pixels * np.asarray([0.2989, 0.587, 0.114], np.float32), 2, 0",
            ")",
            "pixels = red + green + blue",
        ]
    elif image["color"] == "gray":
        lines += [
            "red, green, blue = np.moveaxis(pixels.astype(np.int32), 2, 0)",
            "pixels = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16",
        ]
    lines.append("values = pixels.astype(np.float32)")
    if image["scale"] != 1:
        lines.append(f"values = values * np.float32({image['scale']!r})")
    if image["offset"] != 0:
        lines.append(f"values = values + np.float32({image['offset']!r})")
    if any(image["mean"]):
        lines.append(f"values = values - np.asarray({image['mean']!r}, np.float32)")
    if any(value != 1 for value in image["std"]):
        lines.append(f"values = values / np.asarray({image['std']!r}, np.float32)")
    lines.append(f"return values.reshape({tensor.shape})")
    return "\n".join(
        [
            "def preprocess(pixels):",
            f'    """Pixels as the model takes them: float32 {tensor.shape}."""',
            *(f"    {line}" for line in lines),
        ]
    )


def _row(plan: TemplateContext) -> list[str]:
    assert plan.features is not None
    used: list[str] = []
    lines = []
    names = counters(plan)
    for feature in plan.features:
        if feature.text is not None:
            called, arguments = "counts", f"row, {feature.name!r}, {names[feature.name]}"
            arguments += f", missing={feature.default!r}" if feature.missing == "value" else ""
        else:
            called, arguments = helper(feature), _arguments(feature)
        used += [called] if called in ("number", "counts") else ["index", called]
        told = column_words(feature)
        lines.append(f"        *{called}({arguments}),{f'  # {told}' if told else ''}")
    helpers = [_HELPERS[name] for name in _HELPERS if name in used]
    encode = [
        "def encode(row):",
        f'    """A row by its columns\' names as the model takes it: {plan.inputs[0].shape}."""',
        "    values = [",
        *lines,
        "    ]",
        f"    return np.asarray(values, np.float32).reshape({plan.inputs[0].shape})",
    ]
    return [*in_python(plan), *helpers, "\n".join(encode)]


def _arguments(feature: Feature) -> str:
    arguments = [f"row, {feature.name!r}"]
    number = feature.encode == "none"
    if not number:
        arguments.append(repr(list(feature.categories or ())))
    if feature.missing == "value":
        arguments.append(f"missing={_missing(feature)!r}")
    elif feature.missing == "nan":
        stands = 'float("nan")' if number else str(len(feature.categories or ()))
        arguments.append(f"missing={stands}")
    if not number and feature.unknown != "error":
        last = len(feature.categories or ()) - 1
        arguments.append(f"unknown={last if feature.unknown == 'infrequent' else -1}")
    return ", ".join(arguments)


def _missing(feature: Feature) -> float | str:
    default = feature.default
    if feature.encode == "none":
        return float(default or 0)
    return category(default)


def _main(plan: TemplateContext, names: Sequence[str]) -> str:
    if plan.image:
        lines = [
            f"model = {plan.type_name}()",
            "for path in sys.argv[1:]:",
            "    print(path, model.predict(path))",
        ]
    elif plan.features:
        lines = [f"row = {dict(plan.example or {})!r}", f"print({plan.type_name}().predict(row))"]
    else:
        keys = ", ".join(f"arrays[{t.name!r}]" for t in plan.inputs)
        lines = [
            "arrays = np.load(sys.argv[1])",
            f"print({plan.type_name}().run({keys}))",
        ]
    return "\n".join(['if __name__ == "__main__":', *(f"    {line}" for line in lines)])


def test(plan: TemplateContext, golden: Sequence[Golden]) -> Mapping[str, str]:
    """A pytest module."""
    encoder, run = {
        "picture": ("decode, preprocess", "preprocess(decode(HERE / source))"),
        "row": ("encode", "encode(source)"),
        "tensors": ("MODEL", "*(np.fromfile(HERE / f, np.float32) for f in source)"),
    }[plan.takes]
    cases = ["["]
    for case in golden:
        source = list(case.source.values()) if plan.takes == "tensors" else case.source  # type: ignore[union-attr]
        cases.append(f"    ({source!r}, {dict(case.outputs)!r}),")
    module = fill(
        _CODE["test"] + "\n",
        name=plan.name,
        file=f"test_{plan.snake}.py",
        module=plan.snake,
        type=plan.type_name,
        encoder=encoder,
        cases="\n".join([*cases, "]"]),
        run=run,
    )
    return {f"test_{plan.snake}.py": module}


PLATFORM = Platform(
    name="python",
    title="Python",
    file=lambda plan: f"{plan.snake}.py",
    code=code,
    test=test,
    install=install,
    steps=lambda plan: (
        f"`{install(plan)} pytest`",
        "`python -m pytest` in this folder runs the golden test.",
    ),
)
