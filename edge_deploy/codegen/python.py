"""Python, with ai-edge-litert, numpy and Pillow: a laptop, a server, a Raspberry Pi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_deploy.codegen.base import Platform
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.codegen.language import Code, Language, docstring
from edge_deploy.codegen.source_extract import source_of
from edge_deploy.codegen.text_features import counters, in_python
from edge_deploy.data.preprocessing import resize

_OTHERS = {
    "tf-bilinear": ("_centers", "_weights", "_tf_bilinear"),
    "tf-nearest": ("_centers", "_tf_nearest"),
    "cv2-linear": ("_cv2_weights", "_cv2_linear"),
}


def _resize_functions(image: Mapping[str, Any]) -> list[Code]:
    """Functions of our own resize that a preprocessing spec needs."""
    method, centered = image["resize"], image["crop"] == "center"
    if method in _OTHERS:
        names = [*(["_smart_crop"] if centered else []), *_OTHERS[method]]
    else:
        names = ["_fit_box"] if centered else []
        names += ["down_first"] if method != "nearest" else []
    return [Code(source_of(getattr(resize, name))) for name in names]


def _more(plan: TemplateContext) -> Mapping[str, Any]:
    return {
        "resize_functions": _resize_functions(plan.image) if plan.image else [],
        "counters": {column: Code(name) for column, name in counters(plan).items()},
        "text_functions": [Code(block) for block in in_python(plan)],
    }


def _install(plan: TemplateContext) -> str:
    """The pip line."""
    pillow = ' "pillow>=10.1"' if plan.image else ""
    return f'pip install "ai-edge-litert>=2.1" "numpy>=1.26"{pillow}'


PLATFORM = Platform(
    name="python",
    title="Python",
    suffix="py",
    language=Language(text=repr, value=repr, comment=docstring),
    file=lambda plan: f"{plan.snake}.py",
    tests=lambda plan: {"test.py": f"test_{plan.snake}.py"},
    install=_install,
    steps=lambda plan: (
        f"`{_install(plan)} pytest`",
        "`python -m pytest` in this folder runs the golden test.",
    ),
    reserved=("self", "np"),
    texts=True,
    more=_more,
)
