"""The report of an artifact: what it says is read back, and earlier verdicts stay."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.formats.layers import LayerError
from edge_deploy.verification import report
from edge_deploy.verification.history import with_earlier
from edge_deploy.verification.metrics import Task
from edge_deploy.verification.verdicts import OutputVerdict, Verdict, from_json, to_json
from tests.support.manifests import file_document, manifest, part, source

KEPT = Path(__file__).with_name("report.html")
INFINITE = float("inf")


def output(name: str = "y", **changes: object) -> OutputVerdict:
    """An output with nothing wrong."""
    good = OutputVerdict(
        name, 0.25, 0.125, 2.0, 0.5, 0.1, 3, 0.75, (), ((0.5, 0.25), (-1e-9, 1e-12)), 40.0
    )
    return replace(good, **changes)  # type: ignore[arg-type]


PLAIN = Verdict("tflite", "float32", "tflite/a_float32.tflite", "litert", samples=4)
VERDICTS = {
    "pass": replace(PLAIN, outputs=(output(),), median_ms=0.5),
    "not run": replace(PLAIN, runtime="tfjs", backend="wasm", reason="no browser"),
    "fail": replace(
        PLAIN,
        outputs=(output(failures=("off by 3",)), output("z", limit=INFINITE, snr_db=INFINITE)),
        failures=("is missing",),
        advice=("--keep-float a",),
        layers=(LayerError("a", 0.01, 0.5),),
        sparsity=0.8,
    ),
    "task": replace(PLAIN, task=Task("y", "R²", 0.9, 0.8, {"MAE": (1.0, 2.0)})),
}


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS)
def test_a_verdict_is_read_back_as_it_was_written(verdict: Verdict) -> None:
    again = from_json(json.loads(json.dumps(to_json(verdict))))
    assert (again, again.status, again.problems) == (verdict, verdict.status, verdict.problems)


def entry(path: str, sha256: str = "a") -> dict[str, object]:
    """A file of a manifest."""
    weighed = {"bytes": 1, "gzip_bytes": 0, "brotli_bytes": 0}
    return file_document(files=[{**part(path, sha256), **weighed}])


NEEDS = {
    "operators": [{"name": "ADD", "version": 1, "count": 2, "min_runtime": None}],
    "min_runtime": "2.3.0",
    "min_litert": "1.0",
    "flex": [],
    "custom": ["Mine"],
    "gpu": {"all": False, "falls_back": [{"name": "ADD", "reason": "it isn't there"}]},
    "peak_memory_bytes_estimate": 123456,
    "multiply_adds": 9876,
}
MANIFEST = manifest(
    name="a",
    source=source("a.h5"),
    reference={"samples": 4, "origin": "synthetic"},
    artifacts=[{**entry(PLAIN.path), "kept_float": ["first"], "needs": NEEDS}],
)


def on(path: str, samples: int) -> Verdict:
    """A verdict on a file, told from others by its samples."""
    return replace(PLAIN, path=path, samples=samples)


EARLIER = {
    # name: (new manifest's files, new verdicts, changed files, what the report then holds)
    "another file": (["x", "y"], [("y", 2)], {}, [("x", 1), ("y", 2)]),
    "in the manifest's order": (["y", "x"], [("y", 2)], {}, [("y", 2), ("x", 1)]),
    "asked again": (["x"], [("x", 2), ("x", 3)], {}, [("x", 2), ("x", 3)]),
    "changed by hand": (["x", "y"], [("y", 2)], {"x": "sha256 differs"}, [("y", 2)]),
    "made anew": (["x:b", "y"], [("y", 2)], {}, [("y", 2)]),
    "gone": (["y"], [("y", 2)], {}, [("y", 2)]),
    "the report was changed": (["x", "y"], [("y", 2)], {"report.json": "differs"}, [("y", 2)]),
}


@pytest.mark.parametrize(("files", "new", "changed", "kept"), EARLIER.values(), ids=EARLIER)
def test_earlier_verdicts_stay_while_their_file_is_the_same(
    files: list[str], new: list[tuple[str, int]], changed: dict[str, str], kept: object
) -> None:
    told = {"verdicts": [to_json(on("x", 1))]}
    Path("report.json").write_text(json.dumps(told))
    found = Artifact(Path(), manifest(artifacts=[entry("x")]))
    new_one = manifest(artifacts=[entry(*name.split(":")) for name in files])
    every = with_earlier(found, new_one, [on(*one) for one in new], changed)
    assert [(v.path, v.samples) for v in every] == kept


def test_a_report_that_cannot_be_read_is_as_good_as_none() -> None:
    found = Artifact(Path(), manifest(artifacts=[entry("x")]))
    for text in ("{", "[]", '{"verdicts": [{}]}', '{"verdicts": [1]}'):
        Path("report.json").write_text(text)
        assert with_earlier(found, found.manifest, [], {}) == []


def test_the_picture_of_an_earlier_verdict_is_the_same() -> None:
    before = VERDICTS["fail"]
    again = from_json(to_json(before))
    assert report.to_html(MANIFEST, [again]) == report.to_html(MANIFEST, [before])


def test_the_page_is_the_one_that_is_kept() -> None:
    """A change that is meant renews it: RENEW=1 python -m pytest tests/verification."""
    page = report.to_html(MANIFEST, list(VERDICTS.values()), ["<h2>The search</h2>"])
    if os.environ.get("RENEW"):
        KEPT.write_text(page, encoding="utf-8")
    assert page == KEPT.read_text(encoding="utf-8")


def test_words_of_others_are_text_on_the_page() -> None:
    script = "<script>'\"&"
    found = output(script, failures=(script,))
    verdict = replace(
        PLAIN, path=script, precision=script, outputs=(found,), failures=(script,), reason=script,
        advice=(script,), layers=(LayerError(script, 0.1, 0.1),),
        task=Task(script, script, 1, 1, {script: (1, 1)}),
    )  # fmt: skip
    needs = {**NEEDS, "flex": [script], "gpu": None}
    told = manifest(
        name=script,
        version=script,
        source={**source(script), "framework": script},
        artifacts=[{**entry(script), "kept_float": [script], "needs": needs}],
    )
    page = report.to_html(told, [verdict])
    assert "<script" not in page and "'\"&" not in page
    assert "&lt;script&gt;&#x27;&quot;&amp;" in page


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [(0.9, 0.9, "R² 0.9"), (0.90001, 0.90002, "R² 0.9"), (0.9, 0.8, "R² 0.9 → 0.8")],
)
def test_a_figure_that_did_not_change_stands_once(before: float, after: float, shown: str) -> None:
    verdict = replace(PLAIN, task=Task("y", "R²", before, after, {}))
    (row,) = report.rows(MANIFEST, [verdict])
    assert dict(zip(report.HEADER, row, strict=True))["task"] == shown
