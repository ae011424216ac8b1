"""The command line: argv -> one API call -> text and exit code. The only part that prints.

Nothing heavy is imported before a command is chosen; `--help` needs neither numpy nor rich.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import traceback
from typing import NoReturn

import typer

# Importing a module registers its commands.
from edge_deploy.cli import (
    bench,
    cage,
    console,
    convert,
    demo,
    diff,
    doctor,
    examples,
    exit_codes,
    init,
    inspect,
    monitoring,
    publish,
    push,
    quantize,
    quickstart,
    run,
    snippet,
    tune,
    verify,
)
from edge_deploy.cli.app import app
from edge_deploy.cli.flags import SHELL
from edge_deploy.core import messages, signals
from edge_deploy.core.errors import EdgeDeployError, UsageError

__all__ = [
    "app",
    "bench",
    "convert",
    "demo",
    "diff",
    "doctor",
    "examples",
    "in_process",
    "init",
    "inspect",
    "main",
    "monitoring",
    "publish",
    "push",
    "quantize",
    "quickstart",
    "run",
    "snippet",
    "tune",
    "verify",
]

_TYPER_INTERRUPTED = 130  # what newer Typers make of Ctrl-C


def main() -> None:
    """The console script: what opens a stranger's model does so in a process of its own."""
    # Python looks for unused cycles at every 700 new objects, and TensorFlow makes half a million
    # that stay: a quarter of the time of importing it.
    gc.set_threshold(20_000, 20, 20)
    with cage.allowed():
        in_process()


def in_process() -> None:
    """Run a command here, uncaged, and turn what went wrong into words and a code."""
    with messages.written_for(SHELL):
        _main()


def _main() -> NoReturn:
    signals.listen()
    console.take_every_character()
    as_json = "--json" in sys.argv
    try:
        code = app(standalone_mode=False)
    except (EdgeDeployError, MemoryError) as error:
        code = _TYPER_INTERRUPTED if signals.happened() else _fail(as_json, _told(error))
    except (KeyboardInterrupt, typer.Abort):
        code = _TYPER_INTERRUPTED
    except ModuleNotFoundError as error:
        code = _missing(as_json, error)
    except BrokenPipeError:
        console.give_up_stdout()
        code = 0
    except OSError as error:
        code = _TYPER_INTERRUPTED if signals.happened() else _fail(as_json, _unusable(error))
    except Exception as error:
        code = _TYPER_INTERRUPTED if signals.happened() else _usage(as_json, error)
    if code == _TYPER_INTERRUPTED:
        code = _fail(as_json, EdgeDeployError("Interrupted. Nothing half-written was left behind."))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # what libraries have to say while they are torn down helps nobody
    cage.leave(code if isinstance(code, int) else 0)


def _told(error: BaseException) -> EdgeDeployError:
    """The error itself, or what it comes from: memory was short, or another run was faster."""
    if (other := cage.replaced(error)) is not None:
        return other
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return EdgeDeployError(
                "Out of memory: this model needs more than there is. Nothing half-written was left "
                "behind."
            )
        cause = cause.__cause__
    assert isinstance(error, EdgeDeployError)
    return error


def _unusable(error: OSError) -> EdgeDeployError:
    """Words for a path that the system does not take, or an output that takes no more."""
    if (other := cage.replaced(error)) is not None:
        return other
    reason = error.strerror or str(error)
    if error.filename is not None:
        name = os.fsdecode(error.filename)
        shown = name if len(name) < 300 else f"{name[:60]}… ({len(name):,} characters)"
        return UsageError(f"{shown}: cannot be used ({reason}). Name another file or folder.")
    console.give_up_stdout()
    return EdgeDeployError(f"The answer cannot be written to stdout ({reason}).")


def _usage(as_json: bool, error: Exception) -> int:
    """Words for an error of the command-line parser; anything else is a bug, and shows as one.

    Typer brings a Click of its own in some versions, so the class cannot be named.
    """
    if not hasattr(error, "format_message"):
        traceback.print_exception(error)
        told = "this is a bug of edge-deploy; please report it."
        _fail(as_json, EdgeDeployError(f"{type(error).__name__}: {error}: {told}"))
        return exit_codes.NOT_DONE
    if type(error).__name__ == "NoArgsIsHelpError":
        console.echo(error.format_message())
        return exit_codes.USAGE
    context = getattr(error, "ctx", None)
    hint = f" See {context.command_path} --help." if context else ""
    return _fail(as_json, UsageError(f"{error.format_message()}{hint}"))


def _missing(as_json: bool, error: ModuleNotFoundError) -> int:
    """Words for a package of an extra that is not installed."""
    from edge_deploy.api.doctor import lack

    told = lack(error)
    return _fail(as_json, told) if told else _usage(as_json, error)


def _fail(as_json: bool, error: EdgeDeployError) -> int:
    code = exit_codes.of_error(error)
    with contextlib.suppress(OSError):  # a full device: there is nowhere to say more
        if as_json:
            kind = type(error).__name__
            document = {"type": kind, "message": str(error), "exit_code": code}
            console.json_document({"error": document})
    with contextlib.suppress(OSError):
        console.echo(f"edge-deploy: {error}", err=True)
    return code
