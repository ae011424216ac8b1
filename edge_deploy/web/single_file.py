"""The page as one HTML file, which opens from a disk: code, style, runtime and models inside.

Nothing is asked for: the content security policy allows this file's own script and style, by their
hashes, and pictures that lie in it. ``web_demo/src/inside.js`` reads the files from the document.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path

from edge_deploy.core.errors import UsageError
from edge_deploy.core.escapes import html_text
from edge_deploy.core.messages import option
from edge_deploy.core.templates import environment
from edge_deploy.web import assets, page_head
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.site_writer import Files

_WASM = "vendor/tfjs-backend-wasm-simd.wasm"
_LICENCES = "vendor/LICENSES.txt"
# What a site's page asks for, and who asks for this one needs a server.
_ASKED = re.compile(
    r'    <(?:link rel="(?:stylesheet|icon|preload|modulepreload)"[^>]*>|script type="module"[^>]*>'
    r"</script>)\n"
)
_POLICY = re.compile(r'    <meta\s+http-equiv="Content-Security-Policy"[^>]*/>\n')
_PREVIEW = re.compile(r'    <meta (?:property="og:image|name="twitter:)[^>]*/>\n')
_SERVER = re.compile(r'        <p id="unstarted".*?</p>\n', re.DOTALL)
_FOOTER_LINK = re.compile(r'<a href="vendor/LICENSES\.txt"( data-t="[^"]+")>([^<]*)</a>')
# The last line: what tells a file of ours that nobody changed.
_SEAL = "<!-- edge-deploy/single-file/1 {} -->\n"


def files(source: Path) -> Files:
    """What the page needs beside the models: the wasm file, its other languages, the licences."""
    words = {
        f"src/locales/{code}.json": source / f"src/locales/{code}.json"
        for code in assets.languages(source)
        if code != "en"
    }
    return {_WASM: source / _WASM, _LICENCES: source / _LICENCES, **words}


def page(source: Path, inside: Files, kernels: str, info: PageInfo, models: Sequence[str]) -> str:
    """The whole page.

    Args:
        source: The shell.
        inside: The files that it reads, by their paths in a site.
        kernels: The script of TF.js' kernels.
        info: What the author gives.
        models: What the models are called.
    """
    html = assets.files(source, ())["index.html"]
    assert isinstance(html, bytes)
    head = page_head.with_head(html.decode(), info, models)
    style = (source / "style.css").read_text(encoding="utf-8")
    style = page_head.with_accent(style, info.accent).replace("</style", r"<\/style")
    # A tag's end within a text would end the script; the same text, otherwise written.
    script = f"{kernels}\n{assets.single_script(source)}".replace("</script", r"<\/script")
    script = script.replace("<!--", r"<\!--")
    policy = environment("edge_deploy.web", escape=html_text).get_template("single_head.html.j2")
    icon = base64.b64encode((source / "icon.svg").read_bytes()).decode()
    top = (
        policy.render(script=_hash(script), style=_hash(style))
        + f'    <link rel="icon" href="data:image/svg+xml;base64,{icon}" />\n'
        + f"    <style>{style}</style>\n"
    )
    head = _PREVIEW.sub("", _SERVER.sub("", _ASKED.sub("", head)))
    head = _POLICY.sub(lambda _: top, head, count=1)
    head = _FOOTER_LINK.sub(
        r'<details id="licences"><summary\1>\2</summary><pre></pre></details>', head
    )
    packed = json.dumps({name: _packed(name, file) for name, file in inside.items()})
    end = (
        f'    <script type="application/json" id="files">{packed}</script>\n'
        f'    <script type="module">{script}</script>\n  </body>'
    )
    return sealed(head.replace("  </body>", end))


def sealed(text: str) -> str:
    """A file with a last line that tells whether anybody changed it."""
    return text + _SEAL.format(hashlib.sha256(text.encode()).hexdigest())


def check_own(path: Path) -> None:
    """Refuse to write over what ``demo`` did not write, or what was changed since.

    Raises:
        UsageError: Something else is there.
    """
    if not path.exists() and not path.is_symlink():
        return
    what = "is not a plain file"
    if path.is_file() and not path.is_symlink():
        text = path.read_bytes()
        length = len(_SEAL.format("0" * 64))
        if sealed(text[:-length].decode(errors="replace")).encode() == text:
            return
        what = "was changed since" if b"edge-deploy/single-file/" in text else "is somebody else's"
    raise UsageError(
        f"{path} {what}; it is left alone. Move it away, or name another file with "
        f"{option('output')}."
    )


def _hash(code: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}"


def _packed(name: str, file: Path | bytes) -> dict[str, str | bool]:
    """A file for the document: pictures as an address takes them, all else compressed."""
    data = file.read_bytes() if isinstance(file, Path) else file
    kind, _ = mimetypes.guess_type(name)
    if kind and kind.startswith("image/"):
        return {"type": kind, "gzip": False, "data": base64.b64encode(data).decode()}
    small = gzip.compress(data, compresslevel=9, mtime=0)
    return {"gzip": True, "data": base64.b64encode(small).decode()}
