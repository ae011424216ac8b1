"""C++17 with TensorFlow Lite's C API: small boards, desktops, anything CMake builds for."""

from __future__ import annotations

from edge_deploy.codegen.base import Platform
from edge_deploy.codegen.context import TemplateContext
from edge_deploy.codegen.language import Language, cpp_text, shortest


def _install(plan: TemplateContext) -> str:
    """The CMake lines."""
    return (
        "target_link_libraries(app tensorflowlite_c), built from tensorflow/lite/c of "
        f"TensorFlow {plan.min_runtime or '2.17'} or newer"
    )


PLATFORM = Platform(
    name="cpp",
    title="C++",
    suffix="hpp",
    language=Language(text=cpp_text, float32=lambda value: f"{shortest(value)}f"),
    file=lambda plan: f"{plan.snake}.hpp",
    tests=lambda plan: {"test.cpp": "golden_test.cpp", "CMakeLists.txt": "CMakeLists.txt"},
    install=_install,
    steps=lambda plan: (
        "`cmake -B build -DTFLITE_INCLUDE=... -DTFLITE_LIBRARY=.../libtensorflowlite_c.so`",
        "`cmake --build build && ctest --test-dir build`",
    ),
    reserved=("interpreter",),
    picture="ppm",
)
