"""The HTML reports: what they look like, and how their templates are filled."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from edge_deploy.core.escapes import html_text
from edge_deploy.core.templates import environment

if TYPE_CHECKING:
    from jinja2 import Environment

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;
color:#1c2430;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.5rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .6rem;text-align:left;white-space:nowrap;
border-bottom:1px solid #d8dde4;vertical-align:top}.n{text-align:right;
font-variant-numeric:tabular-nums}
.pass{color:#14713d}.fail{color:#b3261e;font-weight:600}.not{color:#6b5900}
.note{background:#fff6d6;color:#4a3d00;padding:.6rem .9rem;border-radius:.4rem}
figure{margin:1rem 0;display:inline-block}figcaption{font-size:.85rem}
.confusion{width:auto}.hit{background:#e3f5e9}.miss{background:#fdeae8}
svg{background:#f6f8fa;border-radius:.4rem;max-width:100%}
@media (prefers-color-scheme:dark){body{color:#e3e8ee;background:#12161c}
th,td{border-color:#2d3743}.pass{color:#5fd08f}.fail{color:#ff8a80}.not{color:#e0c860}
.hit{background:#14301f}.miss{background:#3d1c1a}
svg{background:#1b222b}.note{background:#3a3213;color:#f4e6ae}}
"""


def _escape(value: object) -> str:
    """A value as HTML; a float is a place in a chart, with one decimal."""
    return html_text(f"{value:.1f}" if isinstance(value, float) else str(value))


def render(template: str, package: str = "edge_deploy.verification", **values: object) -> Markup:
    """Fill a template of a package; its own line breaks and indents are not in the HTML.

    Args:
        template: In the package's ``templates/``; it may use those of this package.
        package: As it is imported.
        values: What the template is given; all of it is escaped where it is put in.
    """
    return Markup(_environment(package).get_template(template).render(style=STYLE, **values))


@cache
def _environment(package: str) -> Environment:
    from jinja2.ext import Extension

    class Compact(Extension):
        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
            return re.sub(r"\n\s*", "", source)

    own = "edge_deploy.verification"
    return environment(package, own, escape=_escape, extensions=[Compact])
