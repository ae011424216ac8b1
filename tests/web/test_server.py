"""The local server: types, headers, and what it does not hand out."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.web.server import address, serve, start

Get = Callable[[str], Any]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "models" / "né 猫").mkdir(parents=True)
    (folder / "empty").mkdir()
    (tmp_path / "secret.txt").write_text("no")
    (tmp_path / "site-beside.txt").write_text("no")
    for name in ("index.html", "a.mjs", "a.js", "a.css", "a.wasm", "a.json", "a.bin", "a.svg"):
        (folder / name).write_text(name)
    (folder / "models" / "né 猫" / "model.json").write_text("{}")
    return folder


@pytest.fixture
def serving(site: Path) -> Iterator[Callable[..., str]]:
    with ExitStack() as stack:

        def begin(**options: Any) -> str:
            server = start(site, **options)
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return address(server)

        yield begin


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.headers, response.read().decode()


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("", "text/html; charset=utf-8"),
        ("index.html?x=1", "text/html; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.json", "application/json"),
        ("a.bin", "application/octet-stream"),
        ("a.svg", "image/svg+xml"),
        ("models/n%C3%A9%20%E7%8C%AB/model.json", "application/json"),
    ],
)
def test_file_is_served_with_its_type(serving: Any, path: str, type_: str) -> None:
    headers, _ = get(serving() + path)
    assert headers["Content-Type"] == type_
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Cross-Origin-Opener-Policy"] is None


def test_isolation_headers_are_sent_when_asked(serving: Any) -> None:
    headers, _ = get(serving(isolated=True))
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "models/../../secret.txt",
        "%2e%2e%2fsite-beside.txt",
        "a%00.json",
        "missing.json",
        "empty/",
        "models",
    ],
)
def test_nothing_else_is_handed_out(serving: Any, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(serving() + path)
    assert caught.value.code == 404
    caught.value.close()


def test_mounted_folder_is_served_from_the_moment_it_is_mounted(
    serving: Any, tmp_path: Path
) -> None:
    mounts: dict[str, Path] = {}
    url = serving(mounts=mounts)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.json").write_text("[]")
    mounts["model-1"] = tmp_path / "other"
    assert get(f"{url}model-1/model.json")[1] == "[]"


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder to serve"):
        serve(tmp_path / "missing", 0)


def test_taken_port_is_told(site: Path) -> None:
    with start(site) as server:
        with pytest.raises(UsageError, match="something else listens there"):
            serve(site, server.server_address[1])
        with pytest.raises(UsageError, match=r"another port="):
            serve(site, 99999)


def test_ready_is_told_the_address(site: Path) -> None:
    def stop(url: str) -> None:
        assert url.startswith("http://127.0.0.1:")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(site, 0, ready=stop)


@pytest.mark.slow
def test_serve_says_where_in_json(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("here")
    command = [sys.executable, "-m", "edge_deploy.cli", "serve", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "}\n")
        told = json.loads("".join(lines) + "}")
        with urllib.request.urlopen(told["url"]) as page:
            assert (told["folder"], page.read()) == (str(tmp_path), b"here")
        server.terminate()
