"""Flutter: Dart with tflite_flutter, or flutter_litert where that one's runtime is too old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_deploy.codegen.base import Platform
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.codegen.language import Code, Language, dart_text
from edge_deploy.core.escapes import code_span, yaml_text

# tflite_flutter brings TensorFlow Lite 2.11 to Android (tensorflow/flutter-tflite issue 260);
# flutter_litert has the same interpreter and brings LiteRT.
_OLD, _OLD_RUNTIME, _NEW = "tflite_flutter: ^0.11.0", (2, 11), "flutter_litert: ^2.5.2"


def _package(plan: TemplateContext) -> str:
    """The line of pubspec.yaml for the runtime."""
    return _OLD if plan.oldest <= _OLD_RUNTIME else _NEW


def _install(plan: TemplateContext) -> str:
    """The lines of pubspec.yaml."""
    lines = ["dependencies:", f"  {_package(plan)}"]
    lines += ["  image: ^4.2.0"] if plan.image else []
    asset = yaml_text(f"assets/{plan.path.name}")
    return "\n".join([*lines, "flutter:", "  assets:", f"    - {asset}"])


def _more(plan: TemplateContext) -> Mapping[str, Any]:
    return {"package": Code(_package(plan).split(":")[0])}


PLATFORM = Platform(
    name="flutter",
    title="Flutter (Dart)",
    suffix="dart",
    # Dart has no float32: the double that it is.
    language=Language(text=dart_text, float32=lambda value: repr(float(np.float32(value)))),
    file=lambda plan: f"{plan.snake}.dart",
    tests=lambda plan: {"test.dart": f"{plan.snake}_test.dart"},
    install=_install,
    steps=lambda plan: (
        f"{code_span(plan.path.name)} and `golden-*` go to `assets/` (list them in pubspec.yaml), "
        f"`{plan.snake}.dart` to `lib/`, `{plan.snake}_test.dart` to `integration_test/`. Put "
        "your package's name for `your_app`.",
        "`flutter test integration_test` asks the golden samples on a device.",
    ),
    more=_more,
)
