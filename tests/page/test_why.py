"""Why an answer is what it is: maps, curves and words in the page, against the model's numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.spec import Feature, Text
from edge_deploy.data.preprocessing.features import features_to_json
from tests.api.test_demo import make_artifact
from tests.page.conftest import Site, raw, serious_issues, site_of, small_model
from tests.page.test_use import edit

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 360, "height": 740}}
WORDS = ("good", "bad", "film")


def with_texts(root: Path) -> Path:
    """A model that counts three words."""
    made = make_artifact(root, "texts", classes=["no", "yes"])
    features = [Feature("review", kind="text", text=Text(vocabulary=WORDS))]
    return edit(made, features=features_to_json(features))


built = site_of(
    small_model("costs"),
    small_model("pets", classes=["cat", "dog"]),
    with_texts,
    small_model("digits", picture=28, classes=list("abc")),
)


def weights(site: Site, place: int) -> np.ndarray:
    """What a model multiplies its columns with, and adds; of a classifier for its log odds."""
    with np.load(site.folder.parent / f"artifacts/{place}/1/reference.npz") as data:
        x, y = data["in:x"].astype(float), data["out:y"].astype(float)
    target = np.log(y[:, 1] / y[:, 0]) if y.shape[1] == 2 else y[:, 0]
    return np.linalg.lstsq(np.c_[x, np.ones(len(x))], target, rcond=None)[0]


def share(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))


def explained(page: Any) -> str:
    """The text of the section, once it is done."""
    page.click("#ask-why")
    page.wait_for_selector("#why[data-state=done]")
    return str(page.inner_text("#why"))


def curve(page: Any, name: str) -> dict[float, str]:
    """The answers along a column, as whoever does not see the chart hears them."""
    label = page.get_attribute(f"#why figure:has(figcaption:text-is('{name}')) svg", "aria-label")
    pairs = (point.rsplit(": ", 1) for point in label.partition(". ")[2].split("; "))
    return {float(value): answer for value, answer in pairs}


def test_curve_of_a_regression_has_its_answers_in_its_units(site: Site) -> None:
    page = site.open("?model=costs&lang=en")
    page.wait_for_selector("#output .value")
    text = explained(page)
    assert "individual conditional expectation" in text
    assert "another answer" not in text  # a number has no other class
    w = weights(site, 0)
    points = curve(page, "length")
    assert list(points) == list(range(1, 10))
    for value, answer in points.items():
        number, _, unit = answer.rpartition(" ")
        assert unit == "USD"
        if "×" in number:  # a power of ten, next to nothing
            continue
        expected = float(np.dot(w, [value, 1, 0, 1]))
        assert float(number) == pytest.approx(expected, rel=1e-3, abs=1e-4)
    bars = page.locator("#why figure:has(figcaption:text-is('pet')) li")
    assert bars.count() == 2
    assert "no (now)" in bars.first.inner_text()
    # The typical value of two samples is the form's.
    usual = re.search(r"At its usual value 4 \(the form’s\): (\S+) USD", text)
    assert usual
    assert float(usual[1]) == pytest.approx(float(np.dot(w, [4, 1, 0, 1])), rel=1e-3, abs=1e-4)


def test_smallest_change_gives_another_answer(site: Site) -> None:
    page = site.open("?model=pets&lang=en")
    page.wait_for_selector("#output .bars")
    w = weights(site, 1)
    text = explained(page)
    now = float(np.dot(w, [4, 1, 0, 1]))
    edge = 4 - now / w[0]
    found = re.search(r"length from 4 to (\S+) \((\S+) % of its range\): (cat|dog)", text)
    if not 1 <= edge <= 9:
        assert found is None
    else:
        assert found
        value = float(found[1])
        assert (np.dot(w, [value, 1, 0, 1]) > 0) != (now > 0)
        assert abs(value - edge) <= 1  # whole centimetres
        assert float(found[2]) == pytest.approx(abs(value - 4) / 8 * 100, abs=0.1)
    other = float(np.dot(w, [4, 0, 1, 1]))
    assert ("pet from no to yes" in text) == ((other > 0) != (now > 0))
    assert "One column at a time" in text
    page.fill("input[name=length]", "8")  # another question: what was said is of the last one
    page.wait_for_selector("#why", state="hidden")


def test_words_are_coloured_by_what_is_lost_without_them(site: Site) -> None:
    page = site.open("?model=texts&lang=en")
    page.fill("textarea", "A good film, <b>bad</b>\nbad!")
    page.click("button.main")
    page.wait_for_selector("#history li", state="attached")  # the last of several answers
    text = explained(page)
    w = weights(site, 2)
    counts = np.array([1, 2, 1, 1.0])
    answer = int(np.dot(w, counts) > 0)
    chance = [share(-float(np.dot(w, counts))), share(float(np.dot(w, counts)))][answer]
    for word, place in (("good", 0), ("bad!", 1), ("film,", 2)):
        without = counts.copy()
        without[place] -= 1
        odds = float(np.dot(w, without))
        lost = (chance - share(odds if answer else -odds)) * 100
        told = re.search(rf"without “{re.escape(word)}”: ([−+])(\S+) percentage points", text)
        assert told
        assert float(told[2]) * (1 if told[1] == "−" else -1) == pytest.approx(lost, rel=5e-3)
        colour = page.locator("#why .word", has_text=re.compile(f"^{re.escape(word)}$"))
        assert colour.get_attribute("class") == f"word {'for' if lost > 0 else 'against'}"
    assert page.inner_text("#why blockquote") == "A good film, <b>bad</b>\nbad!"
    assert page.locator("#why b").count() == 0


OCCLUDED = """async ([side, channels, spot]) => {
  const { occlusion, blur } = await import(new URL('src/explain/occlusion.js', document.baseURI));
  const values = new Float32Array(side * side * channels);
  values[(spot[0] * side + spot[1]) * channels] = 1;
  const levels = [];
  await occlusion(async (picture) => picture[(spot[0] * side + spot[1]) * channels], values,
    { height: side, width: side, channels },
    { stopped: () => false, progress() {}, partial() {},
      level: ({ grid, changes }) => levels.push([grid, changes.indexOf(Math.max(...changes))]) });
  const even = new Float32Array(side * side * channels).fill(3);
  const flat = blur(even, { height: side, width: side, channels }, 5);
  return [levels, Math.max(...flat.map((value) => Math.abs(value - 3)))];
}"""


@pytest.mark.parametrize(("side", "channels", "spot"), [(56, 3, (50, 9)), (28, 1, (3, 14))])
def test_occlusion_finds_the_only_place_that_matters(
    modules: Any, side: int, channels: int, spot: tuple[int, int]
) -> None:
    levels, rough = modules.evaluate(OCCLUDED, [side, channels, list(spot)])
    assert rough < 1e-5  # what is even stays so, at the border too
    assert [grid for grid, _ in levels] == [[4, 4], [7, 7], [14, 14]]
    for (rows, columns), best in levels:
        cell = side / rows
        middle = ((best // columns + 0.5) * cell, (best % columns + 0.5) * cell)
        assert max(abs(m - s) for m, s in zip(middle, spot, strict=True)) <= cell  # its window


@pytest.mark.parametrize(
    ("model", "code", "options"),
    [
        ("digits", "en", {}),
        ("digits", "id", {**PHONE, "color_scheme": "dark"}),
        ("pets", "id", PHONE),
        ("texts", "en", {**PHONE, "color_scheme": "dark"}),
    ],
)
def test_explanation_is_named_and_read_by_all(
    site: Site, model: str, code: str, options: dict[str, Any]
) -> None:
    page = site.open(f"?model={model}&lang={code}", bypass_csp=True, **options)
    if model == "texts":
        page.fill("textarea", "good film")
        page.click("button.main")
        page.wait_for_selector("#history li", state="attached")
    else:
        page.click("#samples button")
    page.wait_for_selector("#ask-why")
    text = explained(page)
    names = {
        "digits": ("Occlusion map", "Peta oklusi"),
        "pets": ("individual conditional", "harapan bersyarat individual"),
        "texts": ("Leave-one-out", "Hilangkan satu"),
    }
    assert names[model][code == "id"] in text
    if model == "digits":
        levels = page.get_attribute("#why", "data-levels")
        assert levels in ("7x7", "10x10", "12x12", "14x14")  # as this device allows
        assert page.get_attribute("#why canvas", "aria-label")
    assert serious_issues(page) == []
    width = options.get("viewport", {}).get("width", 1100)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click("#why-stop")
    assert not page.is_visible("#why")


def test_explanation_is_stopped(site: Site) -> None:
    page = site.open("?model=digits&lang=en")
    page.click("#samples button")
    page.wait_for_selector("#ask-why")
    # As fast as it is here, it would be over before a click.
    page.evaluate(
        """() => new MutationObserver((_, watcher) => {
          const why = document.querySelector('#why');
          if (why.dataset.levels !== '4x4') return;
          watcher.disconnect();
          document.querySelector('#why-stop').click();
        }).observe(document.querySelector('#why'), { attributes: true })"""
    )
    page.click("#ask-why")
    page.wait_for_selector("#why[data-state=stopped]")
    assert "Stopped" in page.inner_text("#why [role=status]")
    page.wait_for_timeout(300)
    assert page.get_attribute("#why", "data-levels") == "4x4"
    page.click("#samples button:nth-child(2)")
    page.wait_for_selector("#why", state="hidden")
    assert len(raw(page)["outputs"]["y"]["values"]) == 3
    assert json.dumps(site.noise) == "[]"
