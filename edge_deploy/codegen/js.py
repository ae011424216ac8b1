"""JavaScript in a browser, with LiteRT.js; pixels are prepared by the page's own functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_deploy.codegen.base import Platform
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.codegen.language import Code, Language, json_value
from edge_deploy.codegen.source_extract import closure, one_filter
from edge_deploy.codegen.text_features import counters, in_javascript
from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import option
from edge_deploy.web.assets import shell_folder

_ARRAYS = {"float32": "Float32Array", "int32": "Int32Array", "uint8": "Uint8Array"}


def _more(plan: TemplateContext) -> Mapping[str, Any]:
    """Names of arrays, and functions of the page.

    Raises:
        UsageError: A tensor is of a type that LiteRT.js does not have, or its batch is free.
    """
    if plan.free_batch:
        raise UsageError(
            f"{plan.path.name} leaves the number of samples free; LiteRT.js opens no such file. "
            f"Convert the model again without {option('free_batch', True)}."
        )
    for tensor in (*plan.inputs, *plan.outputs):
        if tensor.dtype not in _ARRAYS:
            raise UsageError(
                f"{plan.path.name}: {tensor.name} is of {tensor.dtype}; LiteRT.js takes "
                f"{', '.join(_ARRAYS)}. Take a file with float32 ends, with {option('precision')}."
            )

    def page_functions(preprocess: str) -> list[Code]:
        """Those that preprocess calls, and decode."""
        assert plan.image is not None
        sources = [
            (shell_folder() / "src" / name).read_text(encoding="utf-8")
            for name in ("preprocess.js", "resize.js")
        ]
        start, method = f"{preprocess}\ndecode(", plan.image["resize"]
        taken = closure(sources, start)
        if method in ("box", "bilinear", "hamming", "bicubic", "lanczos"):
            taken = [one_filter(block, method) for block in taken]
            taken = closure(taken, start)  # without the other filters' functions
        return [Code(block) for block in taken]

    return {
        "ARRAYS": _ARRAYS,
        "page_functions": page_functions,
        "counters": {column: Code(name) for column, name in counters(plan).items()},
        "text_functions": [Code(block) for block in in_javascript(plan)],
    }


def _install(plan: TemplateContext) -> str:
    """The npm line."""
    return "npm install @litertjs/core"


PLATFORM = Platform(
    name="js",
    title="JavaScript (browser)",
    suffix="js",
    language=Language(value=json_value),
    file=lambda plan: f"{plan.snake}.js",
    tests=lambda plan: {"test.js": f"{plan.snake}.test.js"},
    install=_install,
    steps=lambda plan: (
        f"`{_install(plan)}`, and copy `node_modules/@litertjs/core/wasm/` here as `wasm/`.",
        f"In a page: `import {{ test }} from './{plan.snake}.test.js'; await test();` asks the "
        "golden samples.",
    ),
    reserved=("model", "tensors", "outputs", "values"),
    texts=True,
    more=_more,
)
