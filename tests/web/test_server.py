"""The local server: types, headers, and what it does not hand out."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.web import server
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
    (folder / "models" / "index.json").write_text("{}")
    return folder


@pytest.fixture
def serving(site: Path) -> Iterator[Callable[..., str]]:
    with ExitStack() as stack:

        def begin(**options: Any) -> str:
            running = start(site, **options)
            thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            stack.callback(running.server_close)
            stack.callback(running.shutdown)
            return address(running)

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
    with start(site) as running:
        with pytest.raises(UsageError, match="something else listens there"):
            serve(site, running.server_address[1])
        with pytest.raises(UsageError, match=r"another port="):
            serve(site, 99999)


def test_folder_that_is_no_site_is_served_only_when_asked(tmp_path: Path) -> None:
    def stop(url: str) -> None:
        raise KeyboardInterrupt

    (tmp_path / "private.txt").write_text("no")
    with pytest.raises(UsageError, match=r"is no site of edge-deploy.*any_folder=True"):
        serve(tmp_path, 0, ready=stop)
    with pytest.raises(KeyboardInterrupt):
        serve(tmp_path, 0, any_folder=True, ready=stop)


def test_links_do_not_lead_out_of_a_site(serving: Any, site: Path, tmp_path: Path) -> None:
    (site / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (site / "out").symlink_to(tmp_path, target_is_directory=True)
    (site / "empty" / "index.html").symlink_to(tmp_path / "secret.txt")
    (site / "a.json.br").symlink_to(tmp_path / "secret.txt")
    (site / "inside.json").symlink_to(site / "a.json")
    os.mkfifo(site / "pipe.json")
    url = serving()
    for path in ("secret.txt", "out/secret.txt", "empty/", "empty/index.html", "pipe.json"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(url + path)
        assert caught.value.code == 404, path
        caught.value.close()
    assert get(f"{url}inside.json")[1] == "a.json"
    asked = urllib.request.Request(f"{url}a.json", headers={"Accept-Encoding": "br"})
    with urllib.request.urlopen(asked, timeout=10) as response:
        assert (response.headers["Content-Encoding"], response.read()) == (None, b"a.json")


def raw(url: str, *lines: str) -> str:
    """What a server answers to a request as it is typed."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.makefile("rb").readline().decode().strip()


@pytest.mark.parametrize(
    ("host", "names", "code"),
    [
        ("127.0.0.1", ["localhost:8000"], 200),
        ("127.0.0.1", ["LOCALHOST"], 200),
        ("127.0.0.1", ["127.0.0.1:1"], 200),
        ("127.0.0.1", ["[::1]:8000"], 200),
        ("127.0.0.1", [], 200),
        ("127.0.0.1", ["evil.example"], 421),
        ("127.0.0.1", ["evil.example:8000"], 421),
        ("127.0.0.1", ["localhost.evil.example"], 421),
        ("127.0.0.1", ["127.0.0.1.evil.example"], 421),
        ("127.0.0.1", ["192.168.0.7"], 421),
        ("127.0.0.1", ["localhost", "evil.example"], 421),
        ("127.0.0.1", [""], 421),
        ("0.0.0.0", ["192.168.0.7:8000"], 200),
        ("0.0.0.0", ["[fe80::1]:8000"], 200),
        ("0.0.0.0", ["evil.example"], 421),
    ],
)
def test_only_names_of_this_machine_are_answered(
    serving: Any, host: str, names: list[str], code: int
) -> None:
    lines = ["GET /a.json HTTP/1.1", "Connection: close", *(f"Host: {name}" for name in names)]
    assert raw(serving(host=host), *lines).split()[1] == str(code)


def test_request_that_does_not_end_is_dropped(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_ARRIVES", 1.0)
    host, _, port = serving().removeprefix("http://").rstrip("/").partition(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        with contextlib.suppress(OSError):  # dropped while we still send
            connection.sendall(b"GET /a.json HTTP/1.1\r\n")
            for _ in range(400):  # each byte comes in time, the request does not
                connection.sendall(b"x")
                time.sleep(0.05)
            raise AssertionError("20 seconds of a request were taken")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""


def test_ready_is_told_the_address(site: Path) -> None:
    def stop(url: str) -> None:
        assert url.startswith("http://127.0.0.1:")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(site, 0, ready=stop)


@pytest.mark.slow
def test_serve_says_where_in_json(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("here")
    command = [sys.executable, "-m", "edge_deploy.cli", "serve", str(tmp_path), "--any"]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        lines = iter(running.stdout.readline, "}\n")
        told = json.loads("".join(lines) + "}")
        with urllib.request.urlopen(told["url"]) as page:
            assert (told["folder"], page.read()) == (str(tmp_path), b"here")
        running.terminate()
