"""Jinja environments: the ``templates/`` folders of packages, read and escaped in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(*packages: str, escape: Callable[[Any], str], **options: Any) -> Environment:
    """The templates in packages' ``templates/`` folders; a name that is missing is an error.

    No template has to remember to escape: ``{{ value }}`` is escaped unless it is ``Markup``,
    which ``| safe`` makes of a template's own constants.

    Args:
        packages: As they are imported; the first that has a template gives it.
        escape: How the language of the templates writes a value.
        options: More of ``jinja2.Environment``'s own.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Macros and blocks give Markup where this is set; finalize comes before it.
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else Markup(escape(value)),
        **options,
    )
