"""iOS: Swift with TensorFlow Lite's Swift library."""

from __future__ import annotations

from edge_deploy.codegen.base import Platform
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.codegen.language import Language, swift_text
from edge_deploy.core.escapes import code_span

_NEWEST = (2, 17)  # the last version that was released for iOS


def _install(plan: TemplateContext) -> str:
    """The Podfile line."""
    version = "2.17.0" if plan.oldest <= _NEWEST else "0.0.1-nightly"
    return f"pod 'TensorFlowLiteSwift', '~> {version}'"


PLATFORM = Platform(
    name="ios",
    title="iOS (Swift)",
    suffix="swift",
    language=Language(text=swift_text),
    file=lambda plan: f"{plan.type_name}.swift",
    tests=lambda plan: {"test.swift": f"{plan.type_name}Tests.swift"},
    install=_install,
    steps=lambda plan: (
        f"{code_span(plan.path.name)} and `{plan.type_name}.swift` go to the app's target, "
        f"`{plan.type_name}Tests.swift` and `golden-*` to its unit tests. Put your module's "
        "name for `YourApp`.",
        "`xcodebuild test`, or Product > Test.",
    ),
    reserved=("interpreter",),
)
