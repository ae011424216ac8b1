"""Results as a notebook shows them: well-formed, escaped, with the numbers."""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge_deploy import (
    BenchResult,
    BenchRow,
    CandidateResult,
    ConvertResult,
    QuantizeResult,
    TuneResult,
    VerifyResult,
)
from edge_deploy.api.demo import DemoSite
from edge_deploy.artifact.artifact import TUNING, Artifact
from edge_deploy.optimize.search.candidates import Candidate
from edge_deploy.verification.metrics import Task
from edge_deploy.verification.verdicts import OutputVerdict, Verdict
from tests.support.manifests import file_document, manifest, part

VOID = {"meta", "circle", "line", "rect", "br"}
NASTY = '<script>alert("x")</script>&\''


class Tags(HTMLParser):
    """Holds open tags and counts them; what closes another than the last one is wrong."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def output(agreement: float | None, error: float = 0.25) -> OutputVerdict:
    return OutputVerdict("y", error, 0.125, 2.0, 0.5, 0.1, 3, agreement, (), (), 40.0)


def verdict(precision: str, agreement: float, **changes: object) -> Verdict:
    path = f"tflite/{precision}.tflite"
    plain = Verdict("tflite", precision, path, "litert", samples=4, outputs=(output(agreement),))
    return replace(plain, **changes)  # type: ignore[arg-type]


VERDICTS = (
    verdict("float32", 1.0),
    verdict("int8", 0.9375, outputs=(replace(output(0.9375, 0.75), failures=(NASTY,)),)),
    Verdict("tfjs", "float32", "tfjs/float32/model.json", "tfjs", "wasm", reason="no browser"),
)
SIZES = {"tflite/float32.tflite": 40_000, "tflite/int8.tflite": 12_345}
MANIFEST = manifest(
    name=NASTY,
    version="7",
    artifacts=[
        file_document(files=[{**part(p), "bytes": 2 * n, "gzip_bytes": n + 9, "brotli_bytes": n}])
        for p, n in SIZES.items()
    ],
)


def tuned(folder: Path) -> TuneResult:
    measured = [
        CandidateResult(Candidate("tflite", p), n, n // 2, "accuracy", 0.9, after, 100)
        for p, n, after in (("float32", 40_000, 0.9), ("int8", 12_000, 0.8905))
    ]
    chosen = {"path": "a", "label": "int8", "reason": NASTY}
    document = {
        "max_drop": 0.01,
        "objective": "size",
        "recommended": {"tflite": chosen, "onnx": None},
        "candidates": [one.to_json() for one in measured],
    }
    # A target of which nothing was kept has been measured too.
    lost = replace(measured[0], candidate=Candidate("onnx", "float32"), after=0.1)
    document["candidates"].append(lost.to_json())
    (folder / TUNING).write_text(json.dumps(document))
    artifact = Artifact(folder, MANIFEST)
    return TuneResult(artifact, MANIFEST, tuple(measured), {"tflite": None}, VERDICTS, (NASTY,))


ROW = BenchRow(NASTY, "p", "tflite", "int8", "litert", None, 9000, 8000, 7000, 1.5, 0.256)
RESULTS = {
    "convert": (
        lambda folder: ConvertResult(None, MANIFEST, VERDICTS, {"onnx": NASTY}, (NASTY, "b")),
        ["✓ pass", "✗ FAIL", "– not run", "12.3 KB", "93.8%", "onnx could not be made"],
    ),
    "quantize": (
        lambda folder: QuantizeResult(Artifact(folder, MANIFEST), MANIFEST, VERDICTS, {}, ()),
        ["int8", "40.0 KB", "7.5e-01", "5.0e-01"],
    ),
    "verify": (
        lambda folder: VerifyResult(MANIFEST, VERDICTS, None, (NASTY,), "4 of 5,000 samples"),
        ["4 of 5,000 samples", "✗ FAIL", "40 dB"],
    ),
    "bench": (
        lambda folder: BenchResult((ROW, replace(ROW, median_ms=None, reason="gone")), None),
        ["0.256", "7.0 KB", "gone"],
    ),
    "tune": (tuned, ["0.8905", "★ recommended", "No file of this target", "12.3 KB"]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_in_a_notebook_is_whole_escaped_and_has_the_numbers(
    tmp_path: Path, name: str
) -> None:
    made, told = RESULTS[name]
    html = made(tmp_path)._repr_html_()
    assert type(html) is str  # Markup would escape what a notebook puts beside it
    found = Tags(html)
    assert "script" not in found.seen and NASTY in found.text
    for text in told:
        assert text in found.text
    # It is a part of somebody else's page, and loads nothing.
    assert html.startswith("<div") and not {"html", "body", "link", "img"} & set(found.seen)
    assert "http" not in html


def test_bars_are_as_long_as_the_numbers_are_large() -> None:
    html = ConvertResult(None, MANIFEST, VERDICTS, {}, ())._repr_html_()
    sizes = [int(n) for n in re.findall(r'"bar size" style="width:(\d+)px"', html)]
    assert sizes == [70, round(70 * 12_345 / 40_000)]
    assert [len(re.findall(f'"bar {kind}"', html)) for kind in ("error", "over")] == [1, 1]


CHARTS = {
    # verdicts -> what the chart is of, and how many dots it has; None where there is none
    "agreement": (VERDICTS, ("agreement with the original", 2)),
    "task": (
        tuple(replace(v, task=Task("y", "accuracy", 0.9, 0.8, {})) for v in VERDICTS[:2]),
        ("accuracy", 2),
    ),
    "one file": (VERDICTS[:1], None),
    "nothing to agree on": (
        tuple(replace(v, outputs=(output(None),)) for v in VERDICTS[:2]),
        None,
    ),
}


@pytest.mark.parametrize("case", CHARTS)
def test_size_against_accuracy_is_drawn_where_both_are_known(case: str) -> None:
    verdicts, wanted = CHARTS[case]
    html = ConvertResult(None, MANIFEST, verdicts, {}, ())._repr_html_()
    if wanted is None:
        assert "<svg" not in html
        return
    name, dots = wanted
    assert f"Size against {name}" in html and html.count("<circle") == dots
    places = [tuple(map(float, at)) for at in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', html)]
    assert all(70 <= x <= 620 and 16 <= y <= 210 for x, y in places)


def test_a_site_is_shown_in_a_frame_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / '"site"'
    folder.mkdir()
    (folder / "index.html").write_text("<p>here</p>")
    site = DemoSite(folder, ("a",), ("index.html",))
    html = site._repr_html_()
    assert Tags(html).seen.count("iframe") == 1
    (url,) = re.findall(r'src="([^"]+)"', html)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"<p>here</p>"
    assert site._repr_html_() == html  # one server a site
    monkeypatch.setitem(__import__("sys").modules, "google.colab", object())
    assert "proxyPort" in site._repr_html_()
