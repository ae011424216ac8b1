"""Every error edge-deploy raises on purpose.

    EdgeDeployError            could not be done
    ├── UsageError             the request itself is wrong
    ├── SourceError            the model cannot be read
    │   └── UntrustedError     reading it would run code from it
    ├── ConversionError        a target cannot hold the model
    ├── MissingDependencyError an extra or a program is not installed
    └── ArtifactError          a converted file or its folder is unusable

A message says what happened, what was found, and how to mend it. The command line prints
the message and no traceback; anything that is not an EdgeDeployError is a bug of ours and
shows one.
"""

from __future__ import annotations

from collections.abc import Iterable

from edge_deploy.core import messages


class EdgeDeployError(Exception):
    """What edge-deploy could not do, in words for its user."""


class UsageError(EdgeDeployError):
    """The request cannot be right: an option, a name, or data that does not fit the model.

    Attributes:
        option: The option that it is about, by its name in Python; None where it is no single one.
        got: What that option was given.
    """

    def __init__(self, message: str, option: str | None = None, got: object = None) -> None:
        super().__init__(message)
        self.option = option
        self.got = got


def wrong_option(option: str, got: object, mend: str, *, shown: object = None) -> UsageError:
    """``samples=-1: a number of samples is 0 or more.``, as the caller writes the option.

    Args:
        option: Its name in Python.
        got: What it was given.
        mend: What would be right.
        shown: Behind the name, if not ``got``; ``...`` for the name alone, where the mend says
            what was given.
    """
    value = got if shown is None else shown
    return UsageError(f"{messages.option(option, value)}: {mend}", option, got)


def unknown_option(option: str, got: str, known: Iterable[str], what: str) -> UsageError:
    """``to=...: no target is called 'tflit'. Did you mean tflite? There are: ...``."""
    return wrong_option(option, got, messages.unknown(got, known, what), shown=...)


class SourceError(EdgeDeployError):
    """The trained model cannot be read."""


class UntrustedError(SourceError):
    """Reading the model would run code that the file brings along."""


class ConversionError(EdgeDeployError):
    """A target format cannot hold this model."""


class MissingDependencyError(EdgeDeployError):
    """Something that must be installed first."""


class ArtifactError(EdgeDeployError):
    """A converted file, or the folder it is in, is missing or damaged."""
