"""What every platform module gives, and what all templates are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_deploy._version import __version__
from edge_deploy.codegen.context import TemplateContext, Tensor, identifiers
from edge_deploy.codegen.expressions import channels, columns, resizing, used
from edge_deploy.codegen.language import Code, Language, templates
from edge_deploy.codegen.token_tables import cased, ignored, numbers, token_tables
from edge_deploy.data.preprocessing.series import rows_in_words


@dataclass(frozen=True)
class Golden:
    """One sample and what the chosen file answers to it.

    Attributes:
        source: A picture's file name, a row, or the input arrays by name.
        outputs: By name, flat.
    """

    source: str | Mapping[str, Any]
    outputs: Mapping[str, Sequence[float]]


def _nothing(plan: TemplateContext) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Platform:
    """One platform: a file of this package, a folder of templates, and a value of this class.

    Attributes:
        name: As in ``--platform``; the folder of its templates is called the same.
        title: As a person calls it.
        suffix: Of the snippet, whose template is ``snippet.SUFFIX.j2``.
        language: Its literals.
        file: What the snippet's file is called.
        tests: What the files of the golden test are called, by their templates.
        install: What the app's project must ask for.
        steps: How the bundle's test is run, as Markdown lines.
        reserved: Names that no parameter may have.
        texts: Whether its code counts texts.
        more: What else the snippet's template is given.
        picture: The suffix of golden pictures.
    """

    name: str
    title: str
    suffix: str
    language: Language
    file: Callable[[TemplateContext], str]
    tests: Callable[[TemplateContext], Mapping[str, str]]
    install: Callable[[TemplateContext], str]
    steps: Callable[[TemplateContext], Sequence[str]]
    reserved: tuple[str, ...] = ()
    texts: bool = False
    more: Callable[[TemplateContext], Mapping[str, Any]] = _nothing
    picture: str = "png"

    def code(self, plan: TemplateContext) -> str:
        """Write the snippet.

        Raises:
            UsageError: The platform cannot hold the model's tensors or columns.
        """
        values = {**self._values(plan), **self.more(plan)}
        return self._render(f"snippet.{self.suffix}", values)

    def test(self, plan: TemplateContext, golden: Sequence[Golden]) -> Mapping[str, str]:
        """Write the files of the golden test, by path."""
        values = {**_shared(plan), "file": self.file(plan), "cases": golden}
        return {file: self._render(name, values) for name, file in self.tests(plan).items()}

    def _values(self, plan: TemplateContext) -> dict[str, Any]:
        names = [Code(name) for name in identifiers(plan.inputs, self.reserved)]
        table = columns(plan, self.texts)
        tables = {} if self.texts else token_tables(plan)
        sigma = any(one.sigma for one in tables.values())
        return {
            **_shared(plan),
            "headline": headline(plan),
            "install": self.install(plan),
            "needs": needs(plan),
            "version": __version__,
            "names": names,
            "inputs": list(zip(plan.inputs, names, strict=True)),
            "takes": ", ".join(map(tensor_words, plan.inputs)),
            "gives": ", ".join(map(tensor_words, plan.outputs)),
            "told": told(plan),
            "columns": table,
            "used": used(table),
            "tables": tables,
            "sigma": sigma,
            "cased": numbers(cased()) if sigma else "",
            "ignored": numbers(ignored()) if sigma else "",
            "parts": resizing(plan.image) if plan.image else [],
            "channels": channels(plan.image) if plan.image else [],
        }

    def _render(self, template: str, values: Mapping[str, Any]) -> str:
        found = templates(self.language).get_template(f"{self.name}/{template}.j2")
        return found.render(values).rstrip("\n") + "\n"


def _shared(plan: TemplateContext) -> dict[str, Any]:
    """What snippets and golden tests alike are given."""
    return {
        "name": plan.name,
        "model": plan.path,
        "type": Code(plan.type_name),
        "snake": Code(plan.snake),
        "way": plan.takes,
        "image": plan.image,
        "example": plan.example or {},
        "outputs": plan.outputs,
        "output": plan.main_output,
    }


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
    if plan.series:
        return f"{rows_in_words(plan.series)} (the oldest first)"
    return ", ".join(map(tensor_words, plan.inputs))


def _gives(plan: TemplateContext) -> str:
    output = plan.main_output
    if words := _forecast(plan):
        return words
    if output.classes and output.role != "tensor":
        return f"{len(output.classes)} classes"
    if output.count != 1:
        return tensor_words(output)
    return f"a value{f' in {output.unit}' if output.unit else ''}"


def _forecast(plan: TemplateContext) -> str:
    """``the next 5 values of Close in USD``; empty where the answer is none."""
    output, series = plan.main_output, plan.series
    if series is None or series.target is None or output.role not in ("value", "tensor"):
        return ""
    many = f"{output.count} values of " if output.count > 1 else ""
    return f"the next {many}{series.target}{f' in {output.unit}' if output.unit else ''}"


def tensor_words(tensor: Tensor) -> str:
    """``picture float32 1 x 28 x 28``."""
    named = tensor.kind == "value" and tensor.count > 1 and tensor.classes
    columns = f" ({', '.join(tensor.classes or ())})" if named else ""
    return f"{tensor.name} {tensor.dtype} {' x '.join(map(str, tensor.shape))}{columns}"


def told(plan: TemplateContext) -> str:
    """What ``predict`` gives, in words."""
    output = plan.main_output
    if forecast := _forecast(plan):
        return forecast[0].upper() + forecast[1:]
    words = {
        "labels": "Each label's share, the largest first",
        "probability": "Each label's share, the larger first",
        "class": "The label" if output.classes else "The number of the class",
        "value": f"The value{f' in {output.unit}' if output.unit else ''}",
        "tensor": tensor_words(output),
    }
    return words[output.role]


def needs(plan: TemplateContext) -> str:
    """Which runtime the file needs."""
    oldest = plan.min_runtime or "an unknown version"
    return f"{plan.path.name} needs TensorFlow Lite or LiteRT {oldest} or newer."
