"""How the command line writes the options that the library's messages name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edge_deploy.core.messages import Shown, Style, in_shell

# Where a flag has another name than the Python option.
_NAMES = {
    "any_folder": "any",
    "backends": "backend",
    "input_shapes": "input-shape",
    "runtimes": "runtime",
    "version": "artifact-version",
}


def flag(name: str, value: object = ...) -> str:
    """``overwrite`` is ``--overwrite``, ``max_drop`` of 0.1 is ``--max-drop 0.1``.

    ``cache`` of False is ``--no-cache``.
    """
    text = f"--{_NAMES.get(name, name.replace('_', '-'))}"
    if value is False:
        return f"--no-{text.removeprefix('--')}"
    return text if value is True or value is ... else f"{text} {_quoted(value)}"


def command(name: str, arguments: Sequence[object], options: Sequence[str]) -> str:
    """``edge-deploy quantize a/1 --to int8``."""
    return " ".join(["edge-deploy", name, *map(_quoted, arguments), *options])


def _quoted(value: object) -> str:
    """As a shell takes it; a number that is only shown stays as it is."""
    text = _argument(value)
    plain = isinstance(value, Shown) or not re.search(r"[\s'\"`$&;|()<>\\]", text)
    return text if plain else in_shell(text)


def _argument(value: object) -> str:
    if value is ...:
        return "..."
    if isinstance(value, Mapping):
        parts = (k if v is ... else f"{k}={_argument(v)}" for k, v in value.items())
        return ",".join(parts)
    if isinstance(value, list | tuple):
        return ",".join(map(_argument, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


SHELL = Style(flag, command)
