"""Draws docs/images/imports.svg: which package imports which, laid out by the layers.

The layers are those of `[tool.importlinter]` in pyproject.toml, the arrows are the import graph as
it is. An arrow down is drawn on the right, an arrow up on the left and in red: there must be none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "imports.svg"
ROOMS = {
    "cli": "argv → one call → text and exit code",
    "api": "one module a public function",
    "examples": "one file an example model",
    "codegen": "code for apps, one file a platform",
    "optimize": "quantization, pruning, search",
    "verification": "compare, judge, report",
    "web": "browser, server, static site",
    "artifact": "folder and manifest",
    "formats": "TFLite, TF.js, ONNX",
    "frontends": "Keras, SavedModel, scikit-learn",
    "data": "samples and preprocessing",
    "core": "errors, specs, files",
    "_version": "the version",
}
TOP, HEIGHT, GAP, BAND, LEFT, WIDTH = 16, 34, 6, 12, 110, 340


def layers() -> list[list[str]]:
    """The layers from the highest to the lowest; packages of one layer do not know each other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layered = next(c for c in settings["contracts"] if c["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in layered["layers"]]


def imports() -> set[tuple[str, str]]:
    """Pairs (importer, imported) of the packages in edge_deploy, imports in functions too."""
    graph = grimp.build_graph("edge_deploy", cache_dir=None)
    pairs = set()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            names = [name.split(".")[1:2] for name in (importer, imported)]
            if all(names) and names[0] != names[1]:
                pairs.add((names[0][0], names[1][0]))
    return pairs


def climbing(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The imports that run up, or sideways within a layer."""
    level = {name: n for n, layer in enumerate(layers()) for name in layer}
    return sorted(pair for pair in pairs if level[pair[0]] >= level[pair[1]])


def picture(pairs: Iterable[tuple[str, str]]) -> str:
    """The SVG, the same for the same imports."""
    middle, boxes, y = {}, [], TOP
    for layer in layers():
        tall = len(layer) * (HEIGHT + GAP) - GAP
        boxes.append(
            f'<rect class="layer" x="{LEFT - 8}" y="{y - 5}" width="{WIDTH + 16}" '
            f'height="{tall + 10}" rx="8"/>'
        )
        for name in layer:
            middle[name] = y + HEIGHT / 2
            boxes.append(
                f'<rect class="room" x="{LEFT}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
                f'<text class="name" x="{LEFT + 12}" y="{y + 22}">{name}</text>'
                f'<text x="{LEFT + WIDTH - 12}" y="{y + 22}" text-anchor="end">{ROOMS[name]}</text>'
            )
            y += HEIGHT + GAP
        y += BAND
    wrong = climbing(pairs)
    arrows = [_arrow(pair, middle, pair in wrong) for pair in sorted(pairs)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {y}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">\n'
        "<title>Which package of edge_deploy imports which: every arrow runs down</title>\n"
        "<style>.layer{fill:#eef2f7}.room{fill:#fff;stroke:#93a4b8}.name{font-weight:600}"
        "text{fill:#1f2937}path{fill:none;stroke-width:1.3;opacity:.75}.down{stroke:#2563eb}"
        ".up{stroke:#dc2626;stroke-width:2.5}</style>\n"
        '<defs><marker id="down" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 0 8 4 0 8Z" style="fill:#2563eb;stroke:none"/>'
        '</marker><marker id="up" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 0 8 4 0 8Z" style="fill:#dc2626;stroke:none"/>'
        '</marker></defs>\n<rect width="680" height="100%" fill="#fff"/>\n'
        + "\n".join([*boxes, *arrows])
        + "\n</svg>\n"
    )


def _arrow(pair: tuple[str, str], middle: dict[str, float], wrong: bool) -> str:
    """An arc from the importer to what it imports; the farther, the wider."""
    start, end = middle[pair[0]] + 5, middle[pair[1]] - 5
    kind = "up" if wrong else "down"
    x = LEFT if wrong else LEFT + WIDTH
    bulge = (-1 if wrong else 1) * (24 + 0.42 * abs(end - start))
    path = f"M{x} {start:g}C{x + bulge:g} {start:g} {x + bulge:g} {end:g} {x} {end:g}"
    return (
        f'<path class="{kind}" marker-end="url(#{kind})" d="{path}">'
        f"<title>{pair[0]} imports {pair[1]}</title></path>"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(imports()), encoding="utf-8")
