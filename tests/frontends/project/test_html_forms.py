"""The fields of a page's forms, and how they meet what the script asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from edge_deploy.frontends.project.findings import Findings
from edge_deploy.frontends.project.html_forms import html_fields

Read = Callable[..., Findings]

FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "a number": (
        "<label for=a>Age:</label><input type=number id=a name=age min=0 max=99 step=1 value=30>",
        {
            "label": "Age",
            "kind": "number",
            "name": "age",
            "minimum": 0.0,
            "maximum": 99.0,
            "step": 1.0,
            "default": 30.0,
            "integer": True,
        },
    ),
    "any number": (
        "<input type=number name=bmi step=any placeholder='e.g. 22.5'>",
        {"label": "e.g. 22.5", "kind": "number", "integer": False, "help": "e.g. 22.5"},
    ),
    "a step": ("<input type=number name=x step=0.01>", {"step": 0.01, "integer": False}),
    "a range": (
        "<p>How much</p><input type=range name=x min=1 max=5>",
        {"label": "How much", "kind": "slider", "minimum": 1.0, "maximum": 5.0},
    ),
    "a text": (
        "Glucose: <input name=g value=5>",
        {"label": "Glucose", "kind": "text", "default": "5"},
    ),
    "a label around": (
        "<label>Age <input type=number name=age></label>",
        {"label": "Age", "kind": "number"},
    ),
    "a label before": ("<label>Age</label> <input name=age>", {"label": "Age"}),
    "no label": ("<input name=age>", {"label": "age"}),
    "a label in a place": (
        "<b>{{ label }}</b><label>Age</label><input name=age>",
        {"label": "Age"},
    ),
    "a select": (
        "<label for=s>Sex</label><select name=sex id=s><option value=''>Choose</option>"
        "<option value=1>Male</option><option value=0 selected>Female</option></select>",
        {
            "label": "Sex",
            "kind": "choice",
            "choices": [("1", "Male"), ("0", "Female")],
            "default": "0",
        },
    ),
    "a select without values": (
        "<select name=c><option>red<option>blue</select>",
        {"kind": "choice", "choices": [("red", "red"), ("blue", "blue")]},
    ),
    "radios": (
        "<p>Sex</p><input type=radio name=s value=m checked><input type=radio name=s value=f>",
        {"label": "Sex", "kind": "choice", "choices": [("m", "m"), ("f", "f")], "default": "m"},
    ),
    "radios in labels": (
        "<p>Sex</p><label><input type=radio name=s value=1> Male</label>"
        "<label><input type=radio name=s value=0> Female</label>",
        {"label": "Sex", "kind": "choice", "choices": [("1", "Male"), ("0", "Female")]},
    ),
    "a checkbox": (
        "<input type=checkbox name=x checked>",
        {"kind": "boolean", "default": True},
    ),
    "a text area": (
        "<textarea name=t placeholder=Words></textarea>",
        {"label": "Words", "kind": "text"},
    ),
    "a picture": ("<input type=file name=f accept='image/*'>", {"kind": "picture"}),
    "a picture by its name": ("<input type=file name=imagefile>", {"kind": "picture"}),
    "a file": ("<input type=file name=f accept=.csv>", {"kind": "file"}),
    "a big number": ("<input type=number name=x min=1e999 max=abc value=nan>", {"minimum": None}),
}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_field_of_a_page_is_found_with_all_that_it_says(name: str) -> None:
    page, expected = FIELDS[name]
    (field,) = html_fields("a.html", f"<form>{page}</form>")
    got = {key: getattr(field, key) for key in expected}
    if "choices" in got:
        got["choices"] = [(one.value, one.label) for one in field.choices]
    assert got == expected


LEFT = {
    "hidden": "<input type=hidden name=csrf>",
    "a password": "<input type=password name=p>",
    "a button": "<button name=b>Go</button><input type=submit value=Go>",
    "a script": "<script>document.write('<input name=a>')</script>",
    "a comment": "<!-- <input name=a> -->",
    "an option without a select": "<option value=1>One</option></select></label>",
    "nothing": "",
    "bytes": "\0\ufffd<\x01>",
    "a broken declaration": "<![CDATA[ <!ELEMENT <![foo",
}


@pytest.mark.parametrize("name", sorted(LEFT))
def test_what_nobody_fills_in_is_left(name: str) -> None:
    assert html_fields("a.html", LEFT[name]) == []


HUGE = {
    "fields": "<input name=a>" * 20_000,
    "options": "<select name=a>" + "<option>x" * 50_000,
    "places": "{{" * 200_000,
    "tags": "<div>" * 100_000,
    "labels": "<label>" * 60_000,
    "attributes": "<input " + "a=b " * 100_000 + ">",
    "an open tag": "<input " + "a" * 500_000,
    "less than": "<" * 500_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(HUGE))
def test_a_huge_page_ends_soon(name: str) -> None:
    start = time.monotonic()
    assert len(html_fields("a.html", HUGE[name])) <= 1000
    assert time.monotonic() - start < 10


PAGE = """
<form method="post">
  <label for="age">Age in years</label>
  <input type="number" id="age" name="age" min="0" max="120">
  <label for="sex">Sex</label>
  <select id="sex" name="sex">
    <option value="1">Male</option><option value="0">Female</option>
  </select>
</form>
"""


def test_a_page_and_the_script_make_one_field(used: Read) -> None:
    found = used(
        "def ask():\n    sex = int(request.form['sex'])\n    age = float(request.form['age'])\n"
        "    return m.predict(pd.DataFrame({'Age': [age], 'Sex': [sex]}))",
        templates__index_dot_html=PAGE,
    )
    assert [(one.label, one.kind, one.column, one.framework) for one in found.fields] == [
        ("Age in years", "number", "Age", "flask"),
        ("Sex", "choice", "Sex", "flask"),
    ]
    assert str(found.fields[0].evidence) == "templates/index.html:4"


def test_a_page_whose_values_are_taken_in_order_gives_places(used: Read) -> None:
    found = used(
        "def ask():\n    row = [float(x) for x in request.form.values()]\n"
        "    m.predict([np.array(row)])",
        templates__index_dot_html=PAGE,
    )
    assert [(one.name, one.position) for one in found.fields] == [("age", 0), ("sex", 1)]
