"""``--help``: commands in the order of the work, the options of the long commands by job.

Typer groups options too, by importing rich, which takes longer than all of ``--help`` may.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

COMMANDS = (
    "init", "convert", "quantize", "verify", "demo", "serve",
    "diff", "publish", "promote", "rollback", "releases", "push", "collect", "stats", "run",
    "snippet", "bundle", "inspect", "bench", "tune", "examples", "quickstart", "doctor",
)  # fmt: skip

_REST = "The rest"
PANELS = {
    "Model and data": (
        "--against", "--reference", "--samples", "--label-column", "--labels", "--preprocess",
        "--features", "--signature", "--input-shape", "--custom-objects", "--trust-pickle",
        "--deterministic", "--threshold", "--pad", "--max-size",
    ),
    "What is run": ("--only", "--runtime", "--backend", "--skip-missing"),
    "What comes out": (
        "--to", "--objective", "--fold-preprocessing", "--min-runtime", "--opset", "--free-batch",
        "--name", "--artifact-version", "--output", "--report", "--overwrite", "--keep-going",
        "--dry-run", "--no-cache",
    ),
    "Compression": (
        "--quantize", "--io", "--calibration", "--strict", "--keep-float", "--prune",
        "--sparsities", "--prune-data", "--prune-epochs",
    ),
    "Budgets": ("--max-drop", "--min-agreement", "--atol", "--rtol"),
    _REST: (
        "--seed", "--executor", "--jobs", "--resume", "--browser", "--timeout", "--json",
        "--quiet", "--verbose", "--help",
    ),
}  # fmt: skip


class Group(TyperGroup):
    """All commands, as they are listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self.commands, key=lambda n: COMMANDS.index(n) if n in COMMANDS else 99)


class LongCommand(TyperCommand):
    """A command with so many options that its help lists them by job, in the order of PANELS."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        arguments, options = [], {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                arguments.append(record)
            else:
                options[max(parameter.opts, key=len)] = record
        panels = {"Arguments": arguments}
        for title, flags in PANELS.items():
            panels[title] = [options.pop(flag) for flag in flags if flag in options]
        panels[_REST] += options.values()
        for title, records in panels.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
