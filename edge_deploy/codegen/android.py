"""Android: Kotlin with LiteRT's Interpreter."""

from __future__ import annotations

from edge_deploy.codegen.base import Platform
from edge_deploy.codegen.language import Language, kotlin_text, shortest
from edge_deploy.core.escapes import code_span

# Its Interpreter runs operators up to TensorFlow 2.19's versions; minSdk 21.
_LITERT = "com.google.ai.edge.litert:litert:1.4.1"

PLATFORM = Platform(
    name="android",
    title="Android (Kotlin)",
    suffix="kt",
    language=Language(text=kotlin_text, float32=lambda value: f"{shortest(value)}f"),
    file=lambda plan: f"{plan.type_name}.kt",
    tests=lambda plan: {"test.kt": f"{plan.type_name}Test.kt"},
    install=lambda plan: f'dependencies {{ implementation("{_LITERT}") }}',
    steps=lambda plan: (
        f"{code_span(plan.path.name)} goes to `app/src/main/assets/`, `{plan.type_name}.kt` to the "
        f"sources, `{plan.type_name}Test.kt` to `app/src/androidTest/`, and `golden-*` to "
        "`app/src/androidTest/assets/`.",
        "`./gradlew connectedAndroidTest` asks the golden samples on a device or an emulator.",
    ),
    reserved=("inputs", "outputs", "interpreter"),
)
