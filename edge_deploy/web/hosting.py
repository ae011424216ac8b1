"""What a host needs beside the page, so that it serves a site well."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.core.errors import unknown_option
from edge_deploy.core.escapes import json_text, markdown
from edge_deploy.core.templates import environment
from edge_deploy.web.site_writer import Files

# The templates of the files that each host needs, by path from the site's root.
_FILES = {
    # Without .nojekyll the host drops files whose names begin with an underscore.
    "github-pages": {".nojekyll": "", ".github/workflows/pages.yml": "pages.yml.j2"},
    "hf-space": {"README.md": "space.md.j2"},
    "netlify": {"_headers": "headers.j2"},
    "nginx": {"nginx.conf": "nginx.conf.j2", "Dockerfile": "Dockerfile.j2"},
}
HOSTS = tuple(_FILES)

# A file whose name holds its hash never changes; all others are asked for anew.
_FOREVER = "public, max-age=31536000, immutable"


def check(host: str | None) -> None:
    """Refuse a host that is not known, before anything is built.

    Raises:
        UsageError: There is no such host.
    """
    if host is not None and host not in HOSTS:
        raise unknown_option("host", host, HOSTS, "host")


def files(host: str, models: Sequence[Artifact]) -> Files:
    """The files that a host needs, by path from the site's root."""
    names = ", ".join(model.name for model in models)
    # JSON text in quotes is YAML text in quotes.
    made = environment("edge_deploy.web", escape=json_text)
    made.filters["markdown"] = lambda words: Markup(markdown(words))
    values = {"forever": _FOREVER, "title": names[:60], "names": names}
    return {
        path: made.get_template(template).render(values).encode() if template else b""
        for path, template in _FILES[host].items()
    }
