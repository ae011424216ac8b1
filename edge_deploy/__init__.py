"""edge-deploy: trained models to phones and browsers, each file verified.

The functions mirror the commands; nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edge_deploy._version import __version__

if TYPE_CHECKING:
    from edge_deploy.api._publish_search import Recommendation
    from edge_deploy.api.bench import BenchResult, bench
    from edge_deploy.api.convert import ConvertResult, convert
    from edge_deploy.api.demo import build_demo
    from edge_deploy.api.inspect import inspect
    from edge_deploy.api.options import (
        BenchOptions,
        ConvertOptions,
        QuantizeOptions,
        TuneOptions,
        VerifyOptions,
    )
    from edge_deploy.api.quantize import QuantizeResult, quantize
    from edge_deploy.api.run import Prediction, run
    from edge_deploy.api.snippets import Snippet, bundle, snippet
    from edge_deploy.api.tune import TuneResult, tune
    from edge_deploy.api.verify import VerifyResult, verify
    from edge_deploy.core.errors import (
        ArtifactError,
        ConversionError,
        EdgeDeployError,
        MissingDependencyError,
        SourceError,
        UntrustedError,
        UsageError,
    )
    from edge_deploy.core.spec import Feature, LoadedModel, LoadOptions, ModelSpec, TensorSpec
    from edge_deploy.frontends.load import load_model
    from edge_deploy.optimize.search.candidates import Candidate, CandidateResult
    from edge_deploy.verification.benchmark_report import BenchRow
    from edge_deploy.verification.tolerances import Tolerances
    from edge_deploy.verification.verdicts import OutputVerdict, Verdict

_HOMES = {
    "Prediction": "api.run",
    "ArtifactError": "core.errors",
    "BenchResult": "api.bench",
    "BenchOptions": "api.options",
    "BenchRow": "verification.benchmark_report",
    "Candidate": "optimize.search.candidates",
    "ConvertResult": "api.convert",
    "ConversionError": "core.errors",
    "ConvertOptions": "api.options",
    "EdgeDeployError": "core.errors",
    "Feature": "core.spec",
    "LoadOptions": "core.spec",
    "LoadedModel": "core.spec",
    "CandidateResult": "optimize.search.candidates",
    "MissingDependencyError": "core.errors",
    "ModelSpec": "core.spec",
    "OutputVerdict": "verification.verdicts",
    "QuantizeResult": "api.quantize",
    "QuantizeOptions": "api.options",
    "Recommendation": "api._publish_search",
    "Snippet": "api.snippets",
    "SourceError": "core.errors",
    "TensorSpec": "core.spec",
    "Tolerances": "verification.tolerances",
    "TuneOptions": "api.options",
    "TuneResult": "api.tune",
    "UntrustedError": "core.errors",
    "UsageError": "core.errors",
    "Verdict": "verification.verdicts",
    "VerifyResult": "api.verify",
    "VerifyOptions": "api.options",
    "bench": "api.bench",
    "build_demo": "api.demo",
    "bundle": "api.snippets",
    "convert": "api.convert",
    "inspect": "api.inspect",
    "load_model": "frontends.load",
    "quantize": "api.quantize",
    "run": "api.run",
    "snippet": "api.snippets",
    "tune": "api.tune",
    "verify": "api.verify",
}

__all__ = [
    "ArtifactError",
    "BenchOptions",
    "BenchResult",
    "BenchRow",
    "Candidate",
    "CandidateResult",
    "ConversionError",
    "ConvertOptions",
    "ConvertResult",
    "EdgeDeployError",
    "Feature",
    "LoadOptions",
    "LoadedModel",
    "MissingDependencyError",
    "ModelSpec",
    "OutputVerdict",
    "Prediction",
    "QuantizeOptions",
    "QuantizeResult",
    "Recommendation",
    "Snippet",
    "SourceError",
    "TensorSpec",
    "Tolerances",
    "TuneOptions",
    "TuneResult",
    "UntrustedError",
    "UsageError",
    "Verdict",
    "VerifyOptions",
    "VerifyResult",
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
