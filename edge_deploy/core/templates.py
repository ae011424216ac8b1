"""Jinja environments: the ``templates/`` folders of packages, read in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(*packages: str, **options: Any) -> Environment:
    """The templates in packages' ``templates/`` folders; a name that is missing is an error.

    Args:
        packages: As they are imported; the first that has a template gives it.
        options: More of ``jinja2.Environment``'s own.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
