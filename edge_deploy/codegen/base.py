"""What every platform module gives, and the words that all of them use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.codegen.context import TemplateContext, Tensor
from edge_deploy.core.spec import Feature

_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Golden:
    """One sample and what the chosen file answers to it.

    Attributes:
        source: A picture's file name, a row, or the input arrays by name.
        outputs: By name, flat.
    """

    source: str | Mapping[str, Any]
    outputs: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Platform:
    """One platform: a file of this package, and a value of this class.

    Attributes:
        name: As in ``--platform``.
        title: As a person calls it.
        file: What the snippet's file is called.
        code: Writes the snippet.
        test: Writes the files of the golden test, by path.
        install: What the app's project must ask for.
        steps: How the bundle's test is run, as Markdown lines.
        picture: The suffix of golden pictures.
    """

    name: str
    title: str
    file: Callable[[TemplateContext], str]
    code: Callable[[TemplateContext], str]
    test: Callable[[TemplateContext, Sequence[Golden]], Mapping[str, str]]
    install: Callable[[TemplateContext], str]
    steps: Callable[[TemplateContext], Sequence[str]]
    picture: str = "png"


def pieces(file: str) -> dict[str, str]:
    """The parts of a file in ``templates/``, by the names in its ``//# name`` lines."""
    text = (_TEMPLATES / file).read_text(encoding="utf-8")
    parts = re.split(r"^//# (.+)\n", text, flags=re.MULTILINE)[1:]
    return {name: body.strip("\n") for name, body in zip(parts[::2], parts[1::2], strict=True)}


def helpers(parts: Mapping[str, str]) -> dict[str, str]:
    """The parts called ``helper NAME``, by that name: what the code of a row may call."""
    start = "helper "
    return {
        name.removeprefix(start): part for name, part in parts.items() if name.startswith(start)
    }


def resizing(image: Mapping[str, Any]) -> list[str]:
    """The pieces that a preprocessing spec needs, in the order of their definition."""
    method, centered = image["resize"], image["crop"] == "center"
    if method.startswith("tf-"):
        return [*(["smart crop"] if centered else []), method]
    box = "box center" if centered else "box whole"
    return [box, "nearest"] if method == "nearest" else [f"filter {method}", box, "pillow"]


def headline(plan: TemplateContext) -> str:
    """What the model takes and gives, in a line."""
    return f"{plan.name}, version {plan.version}: {_takes(plan)} in, {_gives(plan)} out."


def _takes(plan: TemplateContext) -> str:
    if plan.image:
        height, width = plan.image["size"]
        return f"pictures ({height} x {width} {plan.image['color']})"
    if plan.features:
        count = len(plan.features)
        return f"rows of {count} column{'s' if count > 1 else ''}"
    return ", ".join(tensor_words(tensor) for tensor in plan.inputs)


def _gives(plan: TemplateContext) -> str:
    output = plan.main_output
    if output.classes:
        return f"{len(output.classes)} classes"
    return (
        f"a value{f' in {output.unit}' if output.unit else ''}"
        if output.count == 1
        else (tensor_words(output))
    )


def tensor_words(tensor: Tensor) -> str:
    """``picture float32 1 x 28 x 28``."""
    return f"{tensor.name} {tensor.dtype} {' x '.join(map(str, tensor.shape))}"


def needs(plan: TemplateContext) -> str:
    """Which runtime the file needs."""
    oldest = plan.min_runtime or "an unknown version"
    return f"{plan.path.name} needs TensorFlow Lite or LiteRT {oldest} or newer."


def f32(value: float) -> str:
    """The shortest decimal that a float32 is read back from."""
    text = str(np.float32(value))
    return text if "." in text or "e" in text or "n" in text else f"{text}.0"


def text(value: str) -> str:
    """A string literal that Python, JavaScript, Swift, Dart, Kotlin and C++ read alike."""
    return json.dumps(value, ensure_ascii=False)


def identifier(name: str) -> str:
    """A tensor's name as a parameter."""
    joined = "_".join(re.findall(r"[A-Za-z0-9]+", name)) or "input"
    return joined if not joined[0].isdigit() else f"input_{joined}"


def identifiers(tensors: Sequence[Tensor | Feature], reserved: Sequence[str] = ()) -> list[str]:
    """Names in code for tensors or columns, each another."""
    taken: list[str] = []
    for tensor in tensors:
        name = identifier(tensor.name)
        while name in taken or name in reserved:
            name += "_"
        taken.append(name)
    return taken


def listed(values: Sequence[str], width: int = 96) -> str:
    """String literals with commas between, in lines of about a width."""
    lines = [""]
    for value in values:
        literal = f"{text(value)}, "
        if len(lines[-1]) + len(literal) > width and lines[-1]:
            lines.append("")
        lines[-1] += literal
    return "\n".join(line.rstrip() for line in lines)


def column_words(feature: Any) -> str:
    """A column's unit and limits: ``years, 18 to 64``."""
    words = [feature.unit] if feature.unit else []
    if feature.min is not None and feature.max is not None:
        words.append(f"{feature.min:g} to {feature.max:g}")
    if feature.missing != "error":
        words.append("may be missing")
    return ", ".join(words)


def indent(code: str, depth: int) -> str:
    """Code some columns further in."""
    pad = " " * depth
    return "\n".join(pad + line if line else line for line in code.split("\n"))


def join(*parts: str) -> str:
    """Parts of a file, those that are there, with an empty line between."""
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def fill(template: str, **values: object) -> str:
    """Put values in the place of ``@name@`` in a template."""
    for name, value in values.items():
        template = template.replace(f"@{name}@", str(value))
    return template
