"""What a host needs beside the page, so that it serves a site well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
    "gitlab-pages": {".gitlab-ci.yml": "gitlab.yml.j2"},
    "codeberg": {},
}
HOSTS = tuple(_FILES)
PATHS = tuple(path for files in _FILES.values() for path in files)
"""What a host needs, by path from the site's root: its owner may have changed these files."""


@dataclass(frozen=True)
class GitHost:
    """A host that takes a site by git.

    Attributes:
        domain: Where its repositories are.
        branch: What it serves, unless told otherwise.
        compresses: Whether it compresses by itself, so that it has no use for our .br and .gz.
    """

    domain: str
    branch: str
    compresses: bool = True


GIT_HOSTS = {
    "github-pages": GitHost("github.com", "gh-pages"),
    "hf-space": GitHost("huggingface.co", "main"),
    "gitlab-pages": GitHost("gitlab.com", "pages", compresses=False),
    "codeberg": GitHost("codeberg.org", "pages"),
}
"""Those hosts that a site is pushed to."""

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
    return _filled(host, [model.name for model in models])


def pushed_files(host: str, models: Sequence[str]) -> Files:
    """The files that a host needs in a branch that it serves.

    Args:
        host: One of GIT_HOSTS.
        models: What the site's models are called.
    """
    # A workflow is for sites that lie on another branch than the one that is served.
    return {
        path: content
        for path, content in _filled(host, models).items()
        if not path.startswith(".github/")
    }


def of_address(url: str) -> str | None:
    """The host that an address leads to, where it is one of GIT_HOSTS.

    Args:
        url: ``https://github.com/me/site.git``, ``git@github.com:me/site.git``.
    """
    found = re.match(r"(?:[a-z+]+://)?(?:[^@/]*@)?([^/:]+)(?:[/:]|$)", url)
    name = found[1].lower() if found else ""
    return next((host for host, one in GIT_HOSTS.items() if name == one.domain), None)


def _filled(host: str, models: Sequence[str]) -> Files:
    names = ", ".join(models)
    # JSON text in quotes is YAML text in quotes.
    made = environment("edge_deploy.web", escape=json_text)
    made.filters["markdown"] = lambda words: Markup(markdown(words))
    values = {"forever": _FOREVER, "title": names[:60], "names": names}
    return {
        path: made.get_template(template).render(values).encode() if template else b""
        for path, template in _FILES[host].items()
    }
