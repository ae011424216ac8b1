"""A built site in a notebook: served by this process, and shown in a frame."""

from __future__ import annotations

import sys
import threading
from html import escape
from pathlib import Path

from edge_deploy.core.messages import in_shell
from edge_deploy.web.server import address, start

_HEIGHT = 640
_addresses: dict[Path, str] = {}


def frame(folder: Path) -> str:
    """A frame that shows a site, for a browser that reaches this machine.

    The site is served on this machine alone, until the process ends. Colab's browser does not
    reach it there, so Colab itself hands the port through.
    """
    folder = folder.resolve()
    if folder not in _addresses:
        # Colab's proxy asks by a name of its own.
        server = start(folder, guarded="google.colab" not in sys.modules)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _addresses[folder] = address(server)
    url = _addresses[folder]
    title = escape(folder.name)
    inner = f'<iframe src="{url}" title="{title}" width="100%" height="{_HEIGHT}"></iframe>'
    if "google.colab" in sys.modules:
        port = url.rstrip("/").rpartition(":")[2]
        inner = (
            f'<iframe id="edge-deploy-{port}" title="{title}" width="100%" height="{_HEIGHT}">'
            f"</iframe><script>google.colab.kernel.proxyPort({port}, {{cache: true}})"
            f'.then(url => {{ document.getElementById("edge-deploy-{port}").src = url; }});'
            "</script>"
        )
    where = escape(f"edge-deploy serve {in_shell(folder)}")
    return f"<div>{inner}<p>{url} – from a terminal: {where}</p></div>"
