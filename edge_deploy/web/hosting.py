"""What a host needs beside the page, so that it serves a site well."""

from __future__ import annotations

from collections.abc import Sequence

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.core.errors import wrong_option
from edge_deploy.core.messages import unknown
from edge_deploy.web.site_writer import Files

HOSTS = ("github-pages", "hf-space", "netlify", "nginx")

# A file whose name holds its hash never changes; all others are asked for anew.
_FOREVER = "public, max-age=31536000, immutable"

_WORKFLOW = """\
# Puts this folder on GitHub Pages: Settings > Pages > Source: GitHub Actions.
name: pages
on:
  push:
    branches: [main]
  workflow_dispatch:
permissions:
  contents: read
  pages: write
  id-token: write
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment:
      name: github-pages
      url: ${{ steps.deployment.outputs.page_url }}
    steps:
      - uses: actions/checkout@v6
      - uses: actions/upload-pages-artifact@v5
        with:
          path: .
      - id: deployment
        uses: actions/deploy-pages@v5
"""

# The host compresses, and asks for everything else anew by itself; two rules that give one header
# would be joined by a comma.
_HEADERS = f"""\
/*
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
/models/tfjs-*
  Cache-Control: {_FOREVER}
"""

_TYPES = "\n".join(
    f'    "~\\.{ending}(\\.br|\\.gz)?$" "{kind}";'
    for ending, kind in (
        ("html", "text/html; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("m?js", "text/javascript; charset=utf-8"),
        ("json", "application/json"),
        ("txt", "text/plain; charset=utf-8"),
        ("wasm", "application/wasm"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("jpe?g", "image/jpeg"),
        ("webp", "image/webp"),
        ("gif", "image/gif"),
        ("bmp", "image/bmp"),
    )
)
# nginx has no brotli of its own, and a module that is not there would keep it from starting: so
# plain directives choose among the files that lie compressed beside each other. default_type
# takes no variable and an empty one sends no type, which is why the type is a header added.
_NGINX = f"""\
# A site of edge-deploy: every file lies compressed beside itself, as .br and .gz.
map $http_accept_encoding $edge_suffix {{
    default "";
    "~*(^|,)\\s*br\\s*(;\\s*q=(?!0(\\.0*)?\\s*(,|$))|,|$)" ".br";
    "~*(^|,)\\s*gzip\\s*(;\\s*q=(?!0(\\.0*)?\\s*(,|$))|,|$)" ".gz";
}}
map $edge_suffix $edge_encoding {{
    default "";
    ".br" "br";
    ".gz" "gzip";
}}
# Names that hold the hash of what is in them may be kept for good.
map $uri $edge_cache {{
    default "no-cache";
    "~/models/tfjs-[^/]*$" "{_FOREVER}";
}}
# The type of the file that was asked for, whatever is sent.
map $uri $edge_type {{
    default "application/octet-stream";
{_TYPES}
}}
server {{
    listen 8080;
    root /usr/share/nginx/html;
    types {{ }}
    default_type "";
    absolute_redirect off;
    add_header Content-Type $edge_type;
    add_header Cache-Control $edge_cache;
    add_header Vary Accept-Encoding;
    add_header X-Content-Type-Options nosniff;
    rewrite ^(.*)/$ $1/index.html;
    location / {{
        add_header Content-Encoding $edge_encoding;
        add_header Content-Type $edge_type;
        add_header Cache-Control $edge_cache;
        add_header Vary Accept-Encoding;
        add_header X-Content-Type-Options nosniff;
        try_files $uri$edge_suffix @plain;
    }}
    location @plain {{
        if (-d $request_filename) {{
            add_header Cache-Control no-cache;
            return 301 $uri/;
        }}
        try_files $uri =404;
    }}
}}
"""

_DOCKERFILE = """\
# docker build -t site . && docker run -p 8080:8080 site
FROM nginx:stable-alpine
COPY nginx.conf /etc/nginx/conf.d/default.conf
COPY . /usr/share/nginx/html
RUN rm /usr/share/nginx/html/nginx.conf /usr/share/nginx/html/Dockerfile
EXPOSE 8080
"""


def check(host: str | None) -> None:
    """Refuse a host that is not known, before anything is built.

    Raises:
        UsageError: There is no such host.
    """
    if host is not None and host not in HOSTS:
        raise wrong_option("host", host, unknown(host, HOSTS, "host"))


def files(host: str, models: Sequence[Artifact]) -> Files:
    """The files that a host needs, by path from the site's root."""
    if host == "github-pages":
        # Without .nojekyll the host drops files whose names begin with an underscore.
        return {".nojekyll": b"", ".github/workflows/pages.yml": _WORKFLOW.encode()}
    if host == "hf-space":
        return {"README.md": _space(models).encode()}
    if host == "netlify":
        return {"_headers": _HEADERS.encode()}
    return {"nginx.conf": _NGINX.encode(), "Dockerfile": _DOCKERFILE.encode()}


def _space(models: Sequence[Artifact]) -> str:
    import json

    names = ", ".join(model.name for model in models)
    # JSON text in quotes is YAML text in quotes.
    title = json.dumps(names[:60], ensure_ascii=False)
    return f"""\
---
title: {title}
emoji: 📦
colorFrom: blue
colorTo: green
sdk: static
app_file: index.html
pinned: false
---

{names}: runs in the browser of whoever opens it; nothing that is entered leaves the device.
Built with edge-deploy.
"""
