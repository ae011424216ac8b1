"""What a host needs beside the page, so that it serves a site well."""

from __future__ import annotations

from collections.abc import Sequence

from edge_deploy.artifact import Artifact
from edge_deploy.errors import UsageError
from edge_deploy.publishing import Files

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
      - uses: actions/checkout@v4
      - uses: actions/upload-pages-artifact@v3
        with:
          path: .
      - id: deployment
        uses: actions/deploy-pages@v4
"""

_HEADERS = f"""\
/*
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
  Cache-Control: no-cache
/models/tfjs-*
  Cache-Control: {_FOREVER}
"""

# brotli_static is a module that the plain image lacks; the map and try_files do without it.
_NGINX = """\
# A site of edge-deploy: the files beside each other, compressed beforehand.
map $http_accept_encoding $edge_suffix {
    default "";
    "~*\\bbr\\b" ".br";
    "~*\\bgzip\\b" ".gz";
}
map $edge_suffix $edge_encoding {
    default "";
    ".br" "br";
    ".gz" "gzip";
}
map $uri $edge_cache {
    default "no-cache";
    "~^/models/tfjs-" "public, max-age=31536000, immutable";
}
# The type is that of the file asked for, not of the one sent.
map $uri $edge_type {
    default "application/octet-stream";
    "~/$" "text/html; charset=utf-8";
    "~\\.html$" "text/html; charset=utf-8";
    "~\\.css$" "text/css; charset=utf-8";
    "~\\.m?js$" "text/javascript; charset=utf-8";
    "~\\.json$" "application/json";
    "~\\.txt$" "text/plain; charset=utf-8";
    "~\\.wasm$" "application/wasm";
    "~\\.svg$" "image/svg+xml";
    "~\\.png$" "image/png";
    "~\\.jpe?g$" "image/jpeg";
    "~\\.webp$" "image/webp";
    "~\\.gif$" "image/gif";
    "~\\.bmp$" "image/bmp";
}
server {
    listen 8080;
    listen [::]:8080;
    root /usr/share/nginx/html;
    index index.html;
    location / {
        rewrite ^(.*)/$ $1/index.html last;
        types { }
        default_type $edge_type;
        add_header Content-Encoding $edge_encoding always;
        add_header Vary Accept-Encoding always;
        add_header Cache-Control $edge_cache always;
        add_header X-Content-Type-Options nosniff always;
        try_files $uri$edge_suffix @plain;
    }
    location @plain {
        types { }
        default_type $edge_type;
        add_header Cache-Control $edge_cache always;
        add_header X-Content-Type-Options nosniff always;
        try_files $uri =404;
    }
}
"""

_DOCKERFILE = """\
# docker build -t site . && docker run -p 8080:8080 site
FROM nginx:stable-alpine
COPY nginx.conf /etc/nginx/conf.d/default.conf
COPY . /usr/share/nginx/html
"""


def check(host: str | None) -> None:
    """Refuse a host that is not known, before anything is built.

    Raises:
        UsageError: There is no such host.
    """
    if host is not None and host not in HOSTS:
        raise UsageError(f"--host {host}: not known; there are {', '.join(HOSTS)}.")


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
