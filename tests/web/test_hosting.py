"""What each host gets, read as that host reads it; the nginx files are served by the real nginx."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import brotli
import pytest
import yaml

from edge_deploy.api.demo import DemoSite, build_demo
from edge_deploy.web.browser import open_browser
from tests.api.test_demo import make_artifact

pytestmark = pytest.mark.slow

FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artifact(tmp_path_factory.mktemp("artifacts"), "costs, 'a' #1")


def test_pages_workflow_is_one_that_github_runs(artifact: Path, tmp_path: Path) -> None:
    site = build_demo([artifact], tmp_path / "site", host="github-pages")
    document = yaml.safe_load((site.folder / ".github/workflows/pages.yml").read_text())
    # YAML 1.1 reads the key `on` as true.
    assert document[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert document["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    job = document["jobs"]["deploy"]
    # The first versions on Node 24: what runs on Node 20 is no longer run.
    assert [step["uses"] for step in job["steps"]] == [
        "actions/checkout@v6",
        "actions/upload-pages-artifact@v5",
        "actions/deploy-pages@v5",
    ]
    assert job["steps"][1]["with"] == {"path": "."}
    assert job["environment"]["url"] == "${{ steps.deployment.outputs.page_url }}"
    assert job["steps"][2]["id"] == "deployment"
    # Uploads leave out what begins with a dot: nothing of the page may.
    assert [f for f in site.files if f.startswith((".", "_"))] == [
        ".nojekyll",
        ".github/workflows/pages.yml",
    ]


def test_space_has_a_card_that_its_host_reads(artifact: Path, tmp_path: Path) -> None:
    site = build_demo([artifact], tmp_path / "site", host="hf-space")
    text = (site.folder / "README.md").read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    card = yaml.safe_load(head)
    assert card["title"] == "costs, 'a' #1"
    assert card["sdk"] == "static"
    assert (site.folder / card["app_file"]).is_file()
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {card["colorFrom"], card["colorTo"]} <= colours
    assert "nothing that is entered leaves the device" in body


def test_netlify_headers_meet_each_path_once(artifact: Path, tmp_path: Path) -> None:
    site = build_demo([artifact], tmp_path / "site", host="netlify")
    rules: dict[str, dict[str, str]] = {}
    path = ""
    for line in (site.folder / "_headers").read_text().splitlines():
        if line.startswith("/"):
            path = line
            rules[path] = {}
        else:
            found = re.fullmatch(r"  ([A-Za-z-]+): (\S.*)", line)
            assert found, line
            rules[path][found[1]] = found[2]

    def sent(file: str) -> list[tuple[str, str]]:
        return [
            header
            for rule, headers in rules.items()
            if re.fullmatch(re.escape(rule).replace(r"\*", ".*"), f"/{file}")
            for header in headers.items()
        ]

    for file in site.files:
        names = [name for name, _ in sent(file)]
        assert len(names) == len(set(names)), file
        hashed = file.startswith("models/tfjs-")
        assert dict(sent(file)).get("Cache-Control") == (FOREVER if hashed else None), file


# nginx.


def program() -> str:
    unpacked = Path(sys.prefix) / "nginx/usr/sbin/nginx"
    found = str(unpacked) if unpacked.is_file() else shutil.which("nginx")
    assert found, "there is no nginx: `tools/setup.sh libraries` brings it (make test does that)"
    return found


@dataclass
class Host:
    """A site that nginx serves, as the Dockerfile has it, and once more below /sub/."""

    site: DemoSite
    port: int

    def get(self, path: str, accept: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {**({"Accept-Encoding": accept} if accept else {}), **headers}
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in given.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        names = [name.lower() for name, _ in answer.getheaders()]
        assert len(names) == len(set(names)), names
        body = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


@pytest.fixture(scope="module")
def nginx(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    root = tmp_path_factory.mktemp("nginx")
    site = build_demo([artifact], root / "html", host="nginx")
    shutil.copytree(root / "html", root / "html/sub")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = (site.folder / "nginx.conf").read_text()
    # Only what the container decides: where the files are, and the port.
    for theirs, ours in (
        ("/usr/share/nginx/html", str(root / "html")),
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
    ):
        assert conf.count(theirs) == 1
        conf = conf.replace(theirs, ours)
    (root / "default.conf").write_text(conf)
    user = "user root;\n" if os.name == "posix" and os.geteuid() == 0 else ""
    temporary = "".join(
        f"{kind}_temp_path {root}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As the image's own nginx.conf, which includes the site's.
    (root / "nginx.conf").write_text(
        f"{user}worker_processes 1;\npid {root}/pid;\nerror_log stderr warn;\n"
        "events { worker_connections 64; }\n"
        f"http {{\ninclude {root}/mime.types;\ndefault_type application/octet-stream;\n"
        f"access_log off;\nsendfile on;\n{temporary}include {root}/default.conf;\n}}\n"
    )
    (root / "mime.types").write_text("types { text/html html; application/javascript js; }\n")
    command = [program(), "-p", str(root), "-c", str(root / "nginx.conf")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr
    running = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        while running.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Host(site, port)
    finally:
        running.terminate()
        running.wait(10)


UNPACK = {"": bytes, "br": brotli.decompress, "gzip": gzip.decompress}
TYPES = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "src/main.js": "text/javascript; charset=utf-8",
    "vendor/tfjs.js": "text/javascript; charset=utf-8",
    "vendor/tfjs-backend-wasm-simd.wasm": "application/wasm",
    "vendor/LICENSES.txt": "text/plain; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "models/index.json": "application/json",
    "tfjs/float32/group1-shard1of1.bin": "application/octet-stream",
}


@pytest.mark.parametrize("below", ["/", "/sub/"])
@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br;q=0.0", ""),
        ("x-br", ""),
    ],
)
def test_nginx_sends_what_the_browser_takes(
    nginx: Host, accept: str, coding: str, below: str
) -> None:
    for ending, kind in TYPES.items():
        [file] = [f for f in nginx.site.files if f.endswith(ending)]
        status, headers, body = nginx.get(below + file, accept)
        assert (status, headers.get("content-encoding", "")) == (200, coding), file
        assert headers["content-type"] == kind
        assert UNPACK[coding](body) == (nginx.site.folder / file).read_bytes()
        assert headers["vary"] == "Accept-Encoding"
        assert headers["cache-control"] == "no-cache"
        assert headers["x-content-type-options"] == "nosniff"


def test_nginx_lets_browsers_keep_what_never_changes(nginx: Host) -> None:
    kernels = [f for f in nginx.site.files if re.fullmatch(r"models/tfjs-.*\.js", f)]
    assert len(kernels) == 3
    for file in kernels:
        for below in ("/", "/sub/"):
            _, headers, _ = nginx.get(below + file, "br")
            assert headers["cache-control"] == FOREVER
            assert headers["content-type"] == "text/javascript; charset=utf-8"
    # Which version answers is asked anew by every visit.
    assert nginx.get("/models/releases.json", "br")[1]["cache-control"] == "no-cache"


@pytest.mark.parametrize("accept", ["", "br"])
def test_nginx_says_that_nothing_has_changed(nginx: Host, accept: str) -> None:
    _, headers, _ = nginx.get("/style.css", accept)
    status, _, body = nginx.get("/style.css", accept, If_None_Match=headers["etag"])
    assert (status, body) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/sub/"])
def test_nginx_answers_a_folder_with_its_page(nginx: Host, path: str) -> None:
    status, headers, body = nginx.get(path, "br")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert b"Content-Security-Policy" in brotli.decompress(body)


def test_nginx_sends_a_folder_to_its_slash(nginx: Host) -> None:
    status, headers, _ = nginx.get("/sub")
    assert (status, headers["location"]) == (301, "/sub/")


@pytest.mark.parametrize("accept", ["", "gzip", "br"])
@pytest.mark.parametrize("path", ["/none.js", "/sub/none.bin", "/none/", "/models/tfjs-none.js"])
def test_nginx_says_what_is_missing(nginx: Host, path: str, accept: str) -> None:
    status, headers, body = nginx.get(path, accept)
    assert status == 404
    assert "content-encoding" not in headers
    assert "cache-control" not in headers
    assert b"404" in body


@pytest.mark.parametrize("path", ["/", "/sub/"])
def test_page_works_on_nginx(nginx: Host, path: str) -> None:
    with open_browser() as browser:
        page = browser.new_page()
        noise: list[str] = []
        page.on("console", lambda m: noise.append(m.text) if m.type == "error" else None)
        page.goto(f"http://127.0.0.1:{nginx.port}{path}")
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        assert page.evaluate("document.documentElement.dataset.check") == "pass"
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        page.context.set_offline(True)
        page.reload()
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        page.context.close()
        assert noise == []


def test_dockerfile_places_what_the_conf_names(nginx: Host) -> None:
    lines = (nginx.site.folder / "Dockerfile").read_text().splitlines()
    conf = (nginx.site.folder / "nginx.conf").read_text()
    [root] = re.findall(r"root (\S+);", conf)
    [port] = re.findall(r"listen (\d+);", conf)
    assert f"COPY . {root}" in lines
    assert f"EXPOSE {port}" in lines
    assert f"-p {port}:{port}" in lines[0]
    # The image's nginx.conf includes this folder inside http { }.
    assert "COPY nginx.conf /etc/nginx/conf.d/default.conf" in lines
    assert json.dumps(lines).count("rm ") == 1
