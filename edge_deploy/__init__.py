"""edge-deploy: trained models to phones and browsers, each file verified.

The functions mirror the commands; nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from edge_deploy.bench_command import Bench, BenchOptions, bench
    from edge_deploy.bench_page import BenchRow
    from edge_deploy.conversion import Conversion, convert
    from edge_deploy.demo import build_demo
    from edge_deploy.errors import (
        ArtifactError,
        ConversionError,
        EdgeDeployError,
        MissingDependency,
        SourceError,
        UntrustedError,
        UsageError,
    )
    from edge_deploy.inspection import inspect
    from edge_deploy.preparing import ConvertOptions, load_model
    from edge_deploy.quantize_command import Quantization, QuantizeOptions, quantize
    from edge_deploy.running import Answer, run
    from edge_deploy.snippets import Snippet, bundle, snippet
    from edge_deploy.spec import Feature, LoadedModel, LoadOptions, ModelSpec, TensorSpec
    from edge_deploy.tolerances import Tolerances
    from edge_deploy.tune_command import TuneResult, tune
    from edge_deploy.tuning.candidates import Candidate, Measured
    from edge_deploy.tuning.publishing import Recommended
    from edge_deploy.tuning.search import TuneOptions
    from edge_deploy.verdicts import OutputVerdict, Verdict
    from edge_deploy.verify_command import Verification, VerifyOptions, verify

_HOMES = {
    "Answer": "running",
    "ArtifactError": "errors",
    "Bench": "bench_command",
    "BenchOptions": "bench_command",
    "BenchRow": "bench_page",
    "Candidate": "tuning.candidates",
    "Conversion": "conversion",
    "ConversionError": "errors",
    "ConvertOptions": "preparing",
    "EdgeDeployError": "errors",
    "Feature": "spec",
    "LoadOptions": "spec",
    "LoadedModel": "spec",
    "Measured": "tuning.candidates",
    "MissingDependency": "errors",
    "ModelSpec": "spec",
    "OutputVerdict": "verdicts",
    "Quantization": "quantize_command",
    "QuantizeOptions": "quantize_command",
    "Recommended": "tuning.publishing",
    "Snippet": "snippets",
    "SourceError": "errors",
    "TensorSpec": "spec",
    "Tolerances": "tolerances",
    "TuneOptions": "tuning.search",
    "TuneResult": "tune_command",
    "UntrustedError": "errors",
    "UsageError": "errors",
    "Verdict": "verdicts",
    "Verification": "verify_command",
    "VerifyOptions": "verify_command",
    "bench": "bench_command",
    "build_demo": "demo",
    "bundle": "snippets",
    "convert": "conversion",
    "inspect": "inspection",
    "load_model": "preparing",
    "quantize": "quantize_command",
    "run": "running",
    "snippet": "snippets",
    "tune": "tune_command",
    "verify": "verify_command",
}

__all__ = [
    "Answer",
    "ArtifactError",
    "Bench",
    "BenchOptions",
    "BenchRow",
    "Candidate",
    "Conversion",
    "ConversionError",
    "ConvertOptions",
    "EdgeDeployError",
    "Feature",
    "LoadOptions",
    "LoadedModel",
    "Measured",
    "MissingDependency",
    "ModelSpec",
    "OutputVerdict",
    "Quantization",
    "QuantizeOptions",
    "Recommended",
    "Snippet",
    "SourceError",
    "TensorSpec",
    "Tolerances",
    "TuneOptions",
    "TuneResult",
    "UntrustedError",
    "UsageError",
    "Verdict",
    "Verification",
    "VerifyOptions",
    "__version__",
    "bench",
    "build_demo",
    "bundle",
    "convert",
    "inspect",
    "load_model",
    "quantize",
    "run",
    "snippet",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Find a public name in its module, on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edge_deploy' has no attribute {name!r}")
    return getattr(importlib.import_module(f"edge_deploy.{_HOMES[name]}"), name)
