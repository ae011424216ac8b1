"""Fields that a person fills in, of each framework, and the column or place that they feed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_deploy.frontends.project.findings import Choice, Findings, FormField

Read = Callable[..., Findings]


def shown(field: FormField) -> dict[str, Any]:
    """What a field says, without what is empty, and choices as (value, label)."""
    empty = FormField("", "text", field.evidence, "")
    names = (
        *("label", "kind", "framework", "variable", "column", "position", "minimum", "maximum"),
        *("step", "default", "choices", "integer", "help", "name"),
    )
    found = {name: getattr(field, name) for name in names}
    return {
        name: tuple((one.value, one.label) for one in value) if name == "choices" else value
        for name, value in found.items()
        if value != getattr(empty, name) or name == "kind"
    }


ST = {"framework": "streamlit", "variable": "v", "position": 0}
FILE = {"framework": "streamlit", "variable": "v"}
GR = {"framework": "gradio", "variable": "v", "position": 0}
PAIR = (("a", "a"), ("b", "b"))
ONE: dict[str, tuple[str, dict[str, Any]]] = {
    "number_input": (
        "v = st.number_input('Age', min_value=0, max_value=99, value=30, step=1, help='in years')",
        {
            **ST,
            "label": "Age",
            "kind": "number",
            "minimum": 0.0,
            "maximum": 99.0,
            "default": 30.0,
            "step": 1.0,
            "integer": True,
            "help": "in years",
        },
    ),
    "number_input by place": (
        "v = st.number_input('Age', 0.0, 9.5, 3.0, 0.5)",
        {
            **ST,
            "label": "Age",
            "kind": "number",
            "minimum": 0.0,
            "maximum": 9.5,
            "default": 3.0,
            "step": 0.5,
        },
    ),
    "number_input alone": (
        "v = st.number_input('Age')",
        {**ST, "label": "Age", "kind": "number", "default": 0.0},
    ),
    "number_input of constants": (
        "LOW, HIGH = 2 * 5, 99\nv = st.number_input('Age', LOW, HIGH)",
        {
            **ST,
            "label": "Age",
            "kind": "number",
            "minimum": 10.0,
            "maximum": 99.0,
            "default": 10.0,
            "integer": True,
        },
    ),
    "slider": (
        "v = st.sidebar.slider('Age', 18, 92, 40)",
        {
            **ST,
            "label": "Age",
            "kind": "slider",
            "minimum": 18.0,
            "maximum": 92.0,
            "default": 40.0,
            "integer": True,
        },
    ),
    "slider alone": (
        "v = st.slider('Age')",
        {
            **ST,
            "label": "Age",
            "kind": "slider",
            "minimum": 0.0,
            "maximum": 100.0,
            "default": 0.0,
            "integer": True,
        },
    ),
    "selectbox": (
        "v = st.selectbox('Which', ['a', 'b'])",
        {**ST, "label": "Which", "kind": "choice", "default": "a", "choices": PAIR},
    ),
    "selectbox with an index": (
        "v = st.selectbox(label='Which', options=('a', 'b'), index=1)",
        {**ST, "label": "Which", "kind": "choice", "default": "b", "choices": PAIR},
    ),
    "selectbox without a choice": (
        "v = st.selectbox('Which', ('a', 'b'), index=None, placeholder='pick')",
        {**ST, "label": "Which", "kind": "choice", "choices": PAIR, "help": "pick"},
    ),
    "selectbox of numbers": (
        "v = st.selectbox('Which', range(2), format_func=lambda n: 'yes' if n == 1 else 'no')",
        {
            **ST,
            "label": "Which",
            "kind": "choice",
            "default": 0,
            "choices": ((0, "no"), (1, "yes")),
        },
    ),
    "selectbox of a dict": (
        "d = {'a': 1, 'b': 2}\nv = st.selectbox('Which', list(d.keys()))",
        {**ST, "label": "Which", "kind": "choice", "default": "a", "choices": PAIR},
    ),
    "selectbox of an encoder": (
        "v = st.selectbox('Which', le.classes_)",
        {**ST, "label": "Which", "kind": "choice"},
    ),
    "radio": (
        "v = st.radio('Which:', ['a', 'b'], horizontal=True)",
        {**ST, "label": "Which", "kind": "choice", "default": "a", "choices": PAIR},
    ),
    "multiselect": (
        "v = st.multiselect('Which', ['a', 'b'])",
        {**ST, "label": "Which", "kind": "choices", "choices": PAIR},
    ),
    "checkbox": (
        "v = st.checkbox('Smoker', True)",
        {**ST, "label": "Smoker", "kind": "boolean", "default": True},
    ),
    "text_input": (
        "v = st.text_input('**Name**', 'x', placeholder='a name')",
        {**ST, "label": "Name", "kind": "text", "default": "x", "help": "a name"},
    ),
    "text_area": ("v = st.text_area('Review')", {**ST, "label": "Review", "kind": "text"}),
    "file_uploader": (
        "v = st.file_uploader('Picture', type=['jpg', 'png'])",
        {**FILE, "label": "Picture", "kind": "picture"},
    ),
    "file_uploader of a table": (
        "v = st.file_uploader('Table', type='csv')",
        {**FILE, "label": "Table", "kind": "file"},
    ),
    "camera_input": ("v = st.camera_input('Look')", {**FILE, "label": "Look", "kind": "picture"}),
    "a column of the page": (
        "left, right = st.columns(2)\nwith left:\n    v = right.toggle('On')",
        {**ST, "label": "On", "kind": "boolean"},
    ),
    "a form of the page": (
        "with st.form('f') as form:\n    v = st.checkbox('On')\n    st.form_submit_button('Go')",
        {**ST, "label": "On", "kind": "boolean"},
    ),
    "a star import": (
        "from streamlit import *\nimport streamlit\nv = streamlit.checkbox('On')",
        {**ST, "label": "On", "kind": "boolean"},
    ),
    "input": (
        "v = float(input('Age? '))",
        {"framework": "input", "variable": "v", "position": 0, "label": "Age?", "kind": "number"},
    ),
    "gr.Number": (
        "def f(v):\n    m.predict([[v]])\n"
        "gr.Interface(f, gr.Number(label='A', value=3, precision=0), 'text')",
        {**GR, "label": "A", "kind": "number", "default": 3, "integer": True},
    ),
    "gr.Slider": (
        "def f(v):\n    m.predict([[v]])\n"
        "gr.Interface(fn=f, inputs=[gr.Slider(1, 9, 5, step=2, label='A')])",
        {
            **GR,
            "label": "A",
            "kind": "slider",
            "minimum": 1.0,
            "maximum": 9.0,
            "step": 2.0,
            "default": 5,
        },
    ),
    "gr.Dropdown": (
        "def f(v):\n    m.predict([[v]])\n"
        "gr.Interface(f, [gr.Dropdown(['a', ('B', 'b')], label='A', info='i')])",
        {
            **GR,
            "label": "A",
            "kind": "choice",
            "choices": (("a", "a"), ("b", "B")),
            "help": "i",
        },
    ),
    "gr.Radio by place": (
        "def f(v):\n    m.predict([[v]])\n"
        "gr.Interface(f, [gr.Radio(['a', 'b'], type='index', label='A')])",
        {**GR, "label": "A", "kind": "choice", "choices": ((0, "a"), (1, "b"))},
    ),
    "gr.Checkbox": (
        "def f(v):\n    m.predict([[v]])\ngr.Interface(f, [gr.Checkbox(label='A')])",
        {**GR, "label": "A", "kind": "boolean"},
    ),
    "gr.inputs": (
        "def f(v):\n    m.predict([[v]])\n"
        "gr.Interface(f, gr.inputs.Textbox(lines=2, label='A', default='x'))",
        {**GR, "label": "A", "kind": "text", "default": "x"},
    ),
    "a word": (
        "def f(v):\n    m.predict([[v]])\ngr.Interface(f, 'number', 'label')",
        {**GR, "kind": "number", "name": "number 0"},
    ),
    "blocks": (
        "def f(w):\n    m.predict([[w]])\nwith gr.Blocks():\n    v = gr.Image(label='A')\n"
        "    gr.Button('Go').click(f, inputs=[v], outputs=None)",
        {"framework": "gradio", "variable": "v", "label": "A", "kind": "picture"},
    ),
    "request.form": (
        "def f():\n    v = float(request.form['age'])\n    m.predict([[v]])",
        {
            "framework": "flask",
            "variable": "v",
            "position": 0,
            "label": "age",
            "kind": "number",
            "name": "age",
        },
    ),
    "request.form.get": (
        "def f():\n    v = request.form.get('age', 3, type=int)\n    m.predict([[v]])",
        {
            "framework": "flask",
            "variable": "v",
            "position": 0,
            "label": "age",
            "default": 3,
            "kind": "number",
            "name": "age",
            "integer": True,
        },
    ),
    "request.args": (
        "def f():\n    v = int(request.args.get('age'))\n    m.predict([[v]])",
        {
            "framework": "flask",
            "variable": "v",
            "position": 0,
            "label": "age",
            "kind": "number",
            "name": "age",
            "integer": True,
        },
    ),
    "request.json": (
        "def f():\n    v = request.json['age']\n    m.predict([[v]])",
        {
            "framework": "flask",
            "variable": "v",
            "position": 0,
            "label": "age",
            "kind": "text",
            "name": "age",
        },
    ),
    "request.get_json": (
        "def f():\n    d = request.get_json(force=True)\n    v = float(d['age'])\n"
        "    m.predict([[v]])",
        {
            "framework": "flask",
            "variable": "v",
            "position": 0,
            "label": "age",
            "kind": "number",
            "name": "age",
        },
    ),
    "request.files": (
        "def f():\n    v = request.files['pic']\n    m.predict([[v]])",
        {
            "framework": "flask",
            "variable": "v",
            "label": "pic",
            "kind": "picture",
            "name": "pic",
        },
    ),
    "Django": (
        "def view(request):\n    v = int(request.POST['age'])\n    m.predict([[v]])",
        {
            "framework": "django",
            "variable": "v",
            "position": 0,
            "label": "age",
            "kind": "number",
            "name": "age",
            "integer": True,
        },
    ),
    "FastAPI": (
        "@app.post('/p')\ndef f(v: float = 2.5):\n    m.predict([[v]])",
        {
            "framework": "fastapi",
            "variable": "v",
            "position": 0,
            "label": "v",
            "kind": "number",
            "name": "v",
            "default": 2.5,
        },
    ),
    "FastAPI's Query": (
        "from fastapi import Query\n@app.get('/p')\n"
        "async def f(v: int = Query(3, ge=0, le=9, description='how many')):\n    m.predict([[v]])",
        {
            "framework": "fastapi",
            "variable": "v",
            "position": 0,
            "label": "v",
            "name": "v",
            "kind": "number",
            "default": 3,
            "minimum": 0.0,
            "maximum": 9.0,
            "integer": True,
            "help": "how many",
        },
    ),
    "FastAPI's file": (
        "@app.post('/p')\nasync def f(v: UploadFile):\n    m.predict([[v]])",
        {
            "framework": "fastapi",
            "variable": "v",
            "label": "v",
            "kind": "picture",
            "name": "v",
        },
    ),
    "FastAPI's dict": (
        "@app.post('/p')\nasync def f(data: dict):\n    v = float(data['age'])\n"
        "    m.predict([[v]])",
        {
            "framework": "fastapi",
            "variable": "v",
            "position": 0,
            "label": "age",
            "kind": "number",
            "name": "age",
        },
    ),
    "a request's JSON": (
        "@app.post('/p')\nasync def f(request: Request):\n    d = await request.json()\n"
        "    v = float(d['age'])\n    m.predict([[v]])",
        {
            "framework": "flask",
            "variable": "v",
            "position": 0,
            "label": "age",
            "kind": "number",
            "name": "age",
        },
    ),
}


@pytest.mark.parametrize("name", sorted(ONE))
def test_a_field_is_found_with_all_that_it_says(used: Read, name: str) -> None:
    source, expected = ONE[name]
    asked = source if "m.predict" in source else source + "\nm.predict([[v]])"
    (field,) = used(asked).fields
    assert shown(field) == expected


FORM_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "Django": (
        "from django import forms\nclass F(forms.Form):\n"
        "    age = forms.IntegerField(label='Age', min_value=0, max_value=99, initial=3)\n"
        "def view(request):\n    form = F(request.POST)\n    v = form.cleaned_data['age']\n"
        "    m.predict([[v]])",
        {
            "framework": "django",
            "label": "Age",
            "kind": "number",
            "variable": "age",
            "minimum": 0.0,
            "maximum": 99.0,
            "default": 3,
            "integer": True,
            "position": 0,
        },
    ),
    "Django's choices": (
        "from django import forms\nclass F(forms.Form):\n"
        "    sex = forms.ChoiceField(choices=[(1, 'Male'), (0, 'Female')])\n"
        "def view(request):\n    form = F(request.POST)\n"
        "    m.predict([[form.cleaned_data.get('sex')]])",
        {
            "framework": "django",
            "label": "sex",
            "kind": "choice",
            "variable": "sex",
            "choices": ((1, "Male"), (0, "Female")),
            "position": 0,
        },
    ),
    "WTForms": (
        "from flask_wtf import FlaskForm\nfrom wtforms import FloatField\n"
        "from wtforms.validators import NumberRange\nclass F(FlaskForm):\n"
        "    age = FloatField('Age', validators=[NumberRange(min=0, max=99)])\n"
        "def view():\n    form = F()\n    m.predict([[form.age.data]])",
        {
            "framework": "flask",
            "label": "Age",
            "kind": "number",
            "variable": "age",
            "minimum": 0.0,
            "maximum": 99.0,
            "position": 0,
        },
    ),
}


@pytest.mark.parametrize("name", sorted(FORM_CLASSES))
def test_a_form_s_class_gives_its_fields(used: Read, name: str) -> None:
    source, expected = FORM_CLASSES[name]
    (field,) = used(source).fields
    assert shown(field) == expected


def test_fields_of_a_loop_are_each_one(used: Read) -> None:
    found = used(
        "names = ['a', 'b']\nrow = {name: st.number_input(name) for name in names}\nmore = []\n"
        "for name in ['c', 'd']:\n    more.append(st.slider(name.upper()))\n"
        "m.predict(pd.DataFrame([row]))\nm.predict([more])"
    )
    feeds = [(one.label, one.column, one.position) for one in found.fields]
    assert feeds == [("a", "a", None), ("b", "b", None), ("C", "", 0), ("D", "", 1)]


P = {"framework": "pydantic", "label": "v", "variable": "v", "column": "v", "name": "v"}
PYDANTIC: dict[str, tuple[str, dict[str, Any]]] = {
    "a float": ("v: float", {"kind": "number"}),
    "an int": ("v: int", {"kind": "number", "integer": True}),
    "a text": ("v: str", {"kind": "text"}),
    "a truth": ("v: bool = False", {"kind": "boolean", "default": False}),
    "a default": ("v: float = 1.5", {"kind": "number", "default": 1.5}),
    "a Field": (
        "v: int = Field(..., ge=0, le=120, description='in years', example=30)",
        {
            "kind": "number",
            "integer": True,
            "minimum": 0.0,
            "maximum": 120.0,
            "help": "in years",
            "default": 30,
        },
    ),
    "a Field with a title": (
        "v: float = Field(default=2, gt=1, lt=3, title='Height', multiple_of=0.5)",
        {
            "kind": "number",
            "minimum": 1.0,
            "maximum": 3.0,
            "label": "Height",
            "default": 2,
            "step": 0.5,
        },
    ),
    "a Literal": ("v: Literal['a', 'b']", {"kind": "choice", "choices": PAIR}),
    "an Enum": ("v: Kind", {"kind": "choice", "choices": PAIR}),
    "an Optional": ("v: Optional[int] = None", {"kind": "number", "integer": True}),
    "a union": ("v: int | None = 3", {"kind": "number", "integer": True, "default": 3}),
    "Annotated": (
        "v: Annotated[float, Field(ge=0, le=1)]",
        {"kind": "number", "minimum": 0.0, "maximum": 1.0},
    ),
    "confloat": (
        "v: confloat(ge=0, le=1)",
        {"kind": "number", "minimum": 0.0, "maximum": 1.0},
    ),
    "an annotation as text": ("v: 'float'", {"kind": "number"}),
}


@pytest.mark.parametrize("name", sorted(PYDANTIC))
def test_a_field_of_pydantic_is_found_with_its_limits(used: Read, name: str) -> None:
    line, expected = PYDANTIC[name]
    found = used(
        "from enum import Enum\nfrom typing import *\n"
        "from pydantic import BaseModel, Field, confloat\n"
        "class Kind(str, Enum):\n    first = 'a'\n    second = 'b'\n"
        f"class Row(BaseModel):\n    {line}\n"
        "@app.post('/p')\ndef ask(row: Row):\n    return m.predict(pd.DataFrame([row.dict()]))"
    )
    (field,) = found.fields
    assert shown(field) == {**P, **expected}


ROWS = {
    "model_dump": "pd.DataFrame([row.model_dump()])",
    "a dict of it": "pd.DataFrame([dict(row)])",
    "its own dict": "pd.DataFrame([row.__dict__])",
    "by name": "pd.DataFrame({'b': [row.b], 'a': [row.a]})",
    "a list": "[[row.a, row.b]]",
    "values": "np.array(list(row.dict().values())).reshape(1, -1)",
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_fields_of_a_model_go_to_columns_or_places(used: Read, name: str) -> None:
    found = used(
        "from pydantic import BaseModel\nclass Row(BaseModel):\n    a: float\n    b: float\n"
        f"@app.post('/p')\ndef ask(row: Row):\n    return m.predict({ROWS[name]})"
    )
    feeds = [(field.name, field.column or field.position) for field in found.fields]
    assert feeds in ([("a", "a"), ("b", "b")], [("a", 0), ("b", 1)])


def test_places_follow_the_list_and_not_the_page(used: Read) -> None:
    found = used(
        "a = st.slider('A')\nb = st.slider('B')\nc = st.slider('C')\n"
        "x = np.array([b, 7, a]).reshape(1, -1)\nm.predict(sc.transform(x))"
    )
    assert [(one.label, one.position) for one in found.fields] == [("A", 2), ("B", 0), ("C", None)]


def test_names_of_columns_come_from_the_table(used: Read) -> None:
    found = used(
        "a = st.slider('A')\nb = st.slider('B')\n"
        "m.predict(pd.DataFrame([[b, a]], columns=['first', 'second']))"
    )
    assert [(one.label, one.column) for one in found.fields] == [("A", "second"), ("B", "first")]


def test_a_field_of_two_columns_feeds_none(used: Read) -> None:
    found = used(
        "w = st.slider('W')\nh = st.slider('H')\nm.predict(pd.DataFrame({'bmi': [w / h ** 2]}))"
    )
    assert [one.column for one in found.fields] == ["", ""]


def test_a_dict_of_tensors_gives_the_columns(used: Read) -> None:
    found = used(
        "def f(a, b):\n    row = {'age': a, 'sex': b}\n"
        "    return m.predict({k: tf.constant([v]) for k, v in row.items()})\n"
        "gr.Interface(f, [gr.Number(label='Age'), gr.Radio(['m', 'f'])], gr.Number(label='Risk'))"
    )
    assert [(one.label, one.column) for one in found.fields] == [("Age", "age"), ("", "sex")]
    assert found.predictions[0].columns == ("age", "sex")


def test_a_field_that_shows_the_answer_is_none(used: Read) -> None:
    found = used(
        "def f(a):\n    return m.predict([[a]])\nwith gr.Blocks():\n    a = gr.Number(label='In')\n"
        "    b = gr.Textbox(label='Out')\n    gr.Button('Go').click(f, a, b)"
    )
    assert [one.label for one in found.fields] == ["In"]


def test_places_of_a_vector_that_is_filled(used: Read) -> None:
    found = used(
        "def price(area, bath):\n    x = np.zeros(len(columns))\n    x[0] = area\n    x[2] = bath\n"
        "    return m.predict([x])\nprice(st.number_input('Area'), st.number_input('Bath'))"
    )
    assert [(one.label, one.position) for one in found.fields] == [("Area", 0), ("Bath", 2)]


def test_choices_are_choices() -> None:
    assert Choice(1, "one").label == "one"
