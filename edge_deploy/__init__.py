"""edge-deploy: trained models to phones and browsers, each file verified.

The functions mirror the commands:

    init         a project's folder -> edge-deploy.toml, which convert takes
    load_model   a trained model in memory
    convert      trained model -> artifacts/<name>/<version>/
    quantize     more precisions for an artifact
    verify       each converted file against the original, in its real runtime
    tune         the smallest files within an accuracy budget
    bench        size and latency of every file in every runtime
    run          answers from a converted file
    inspect      what a model, a converted file or an artifact is
    build_demo   a static site that runs them in the browser; ``build_single_file`` one HTML file
    push         a site to its host, by git
    stats        how the models of a site do, from its visitors' reports
    snippet      code for an app; ``bundle`` makes a folder or zip of it

Every option of a command is a keyword argument, and a field of the class of its options:

    edge_deploy.convert("model.h5", reference="data.csv", quantize=["float32", "int8"])

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any


def _homes() -> dict[str, str]:
    """Where each public name lives, from the stub that type checkers read."""
    stub = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    found = re.findall(r"^from (\S+) import (\w+) as \w+$", stub, re.MULTILINE)
    return {name: module for module, name in found}


_HOMES = _homes()
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Find a public name in its module, on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edge_deploy' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
