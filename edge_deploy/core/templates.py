"""Jinja environments: a package's ``templates/`` folder, read in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(package: str, **options: Any) -> Environment:
    """The templates in a package's ``templates/`` folder; a name that is missing is an error.

    Args:
        package: As it is imported.
        options: More of ``jinja2.Environment``'s own.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
