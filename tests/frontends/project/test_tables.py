"""Tables and rows as scripts build them: which columns go into a model, in which order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_deploy.frontends.project.findings import Findings

Read = Callable[..., Findings]
AB = "t = pd.DataFrame({'a': [1], 'b': [x]})\n"

COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a dict": (AB, ("a", "b")),
    "a list of a dict": ("t = pd.DataFrame([{'a': 1, 'b': x}])", ("a", "b")),
    "a dict by its name": ("d = {'a': 1}\nd['b'] = x\nt = pd.DataFrame(d, index=[0])", ("a", "b")),
    "a dict that grows": (
        "d = {}\nd.update({'a': 1})\nd.update(b=x)\nt = pd.DataFrame(d)",
        ("a", "b"),
    ),
    "a dict of dict": ("t = pd.DataFrame.from_dict([dict(a=1, b=x)])", ("a", "b")),
    "two dicts": ("d = {'a': 1}\nt = pd.DataFrame([{**d, 'b': x}])", ("a", "b")),
    "rows and names": ("t = pd.DataFrame([[1, x]], columns=['a', 'b'])", ("a", "b")),
    "an array and names": ("t = pd.DataFrame(np.array([[1, x]]), columns=['a', 'b'])", ("a", "b")),
    "names by their own name": (
        "N = ['a', 'b']\nt = pd.DataFrame([[1, x]], columns=N)",
        ("a", "b"),
    ),
    "an unknown row": ("t = pd.DataFrame(x, columns=['a', 'b'])", ("a", "b")),
    "names and no row": ("t = pd.DataFrame(columns=['a', 'b'])\nt.loc[0] = [1, x]", ("a", "b")),
    "one number": (
        "t = pd.DataFrame(0, index=[0], columns=['a', 'b'])\nt.at[0, 'b'] = x",
        ("a", "b"),
    ),
    "a series": ("s = pd.Series([1, x], index=['a', 'b'])\nt = s.to_frame().T", ("a", "b")),
    "a series of a dict": ("t = pd.DataFrame([pd.Series({'a': 1, 'b': x})])", ("a", "b")),
    "a column more": (AB + "t['c'] = 3", ("a", "b", "c")),
    "a column more by assign": (AB + "t = t.assign(c=3)", ("a", "b", "c")),
    "another order": (AB + "t = t[['b', 'a']]", ("b", "a")),
    "another order by loc": (AB + "t = t.loc[:, ['b', 'a']]", ("b", "a")),
    "reindexed": (AB + "t = t.reindex(columns=['b', 'c'], fill_value=0)", ("b", "c")),
    "dropped": (AB + "t = t.drop('a', axis=1)", ("b",)),
    "dropped by columns": (AB + "t = t.drop(columns=['a'])", ("b",)),
    "dropped in place": (AB + "t.drop(['a'], axis=1, inplace=True)", ("b",)),
    "a row dropped": (AB + "t = t.drop(0)", ("a", "b")),
    "renamed": (AB + "t = t.rename(columns={'a': 'c'})", ("c", "b")),
    "joined": (AB + "u = pd.DataFrame({'c': [1]})\nt = pd.concat([t, u], axis=1)", ("a", "b", "c")),
    "under one another": (AB + "t = pd.concat([t, t])", ("a", "b")),
    "copied": (AB + "t = t.copy().reset_index(drop=True).fillna(0).astype(float)", ("a", "b")),
    "values": (AB + "t = t.values", ("a", "b")),
    "dummies": (AB + "t = pd.get_dummies(t, columns=['a'])", ("b", "a_*")),
    "made by an encoder": (
        AB + "e = le.transform([[g]]).toarray()\n"
        "u = pd.DataFrame(e, columns=le.get_feature_names_out(['g']))\n"
        "t = pd.concat([t.drop('a', axis=1), u], axis=1)",
        ("b", "g_*"),
    ),
    "a CSV": ("t = pd.read_csv('d.csv')", ("id", "a", "b")),
    "a CSV with an index": ("t = pd.read_csv('d.csv', index_col=0)", ("a", "b")),
    "a CSV by its name": ("P = 'd.csv'\nt = pd.read_csv(P).drop(columns=['id'])", ("a", "b")),
    "a CSV of other signs": ("t = pd.read_csv('d.csv', sep=';')", ()),
    "a CSV without names": ("t = pd.read_csv('n.csv')", ()),
    "a CSV that is not there": ("t = pd.read_csv('none.csv')", ()),
    "popped": ("t = pd.read_csv('d.csv')\ny = t.pop('b')\nt = t[['id', 'a']]", ("id", "a")),
    "a text": ("t = pd.DataFrame({'a': ['{}'.format(x)], 'b': [str(x)]})", ("a", "b")),
    "a row that is a list": ("r = [1]\nr.append(x)\nr.extend([2])\nr.insert(0, 3)\nt = [r]", ()),
    "a dict of Keras": ("t = {'a': np.array([1]), 'b': np.array([x])}", ("a", "b")),
}


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_the_columns_of_what_goes_into_a_model_are_found_in_order(used: Read, name: str) -> None:
    source, expected = COLUMNS[name]
    found = used(source + "\nm.predict(t)", d_dot_csv="id,a,b\n1,2,3\n", n_dot_csv="0.5,1.5\n1,2\n")
    assert found.predictions[0].columns == expected


ROLES: dict[str, tuple[str, list[tuple[str, tuple[str, ...]]]]] = {
    "a list": ("FEATURES = ['a', 'b']", [("list", ("a", "b"))]),
    "numbers": ("numeric_features = ['a', 'b']", [("numeric", ("a", "b"))]),
    "categories": ("categorical_cols = ['a']", [("categorical", ("a",))]),
    "a table": (AB, [("table", ("a", "b"))]),
    "dummies of a column": (
        "t = pd.read_csv('t.csv')\npd.get_dummies(t['a'])",
        [("dummies", ("a",))],
    ),
    "chosen": ("t = pd.read_csv('t.csv')\nX = t[['a', 'b']]", [("features", ("a", "b"))]),
    "a target": ("t = pd.read_csv('t.csv')\ny = t['c']", [("target", ("c",))]),
    "a target by its attribute": ("t = pd.read_csv('t.csv')\ny = t.c", [("target", ("c",))]),
    "fitted on": (
        "t = pd.read_csv('t.csv')\nf = ['a', 'b']\nm.fit(t[f], t['c'])",
        [("features", ("a", "b")), ("target", ("c",))],
    ),
    "no columns": ("names = ['a', 'b']\nx = 3\ny = [1, 2]", []),
}


@pytest.mark.parametrize("name", sorted(ROLES))
def test_a_list_of_columns_has_its_role(used: Read, name: str) -> None:
    source, expected = ROLES[name]
    assert [(one.role, one.names) for one in used(source).columns] == expected


PLACES: dict[str, tuple[str, list[int | None]]] = {
    "a list of a list": ("[[a, b]]", [0, 1]),
    "an array": ("np.array([[b, a]])", [1, 0]),
    "an array with two axes": ("np.array([a, 0, b], ndmin=2)", [0, 2]),
    "reshaped": ("np.asarray([a, b]).reshape(1, -1)", [0, 1]),
    "np.reshape": ("np.reshape([a, b], (1, -1))", [0, 1]),
    "expanded": ("np.expand_dims([a, b], 0)", [0, 1]),
    "an axis more": ("np.array([a, b])[np.newaxis, :]", [None, None]),
    "numbers of each": ("[[float(a), int(b)]]", [0, 1]),
    "numbers of all": ("[[float(v) for v in (a, b)]]", [0, 1]),
    "a tensor": ("tf.convert_to_tensor([[a, b]], dtype=tf.float32)", [0, 1]),
    "scaled": ("sc.transform(np.array([[a, b]]))", [0, 1]),
    "behind one another": ("np.concatenate(([7, a], [b]))", [1, 2]),
    "an array of rows": ("np.array([[a], [b]]).T", [0, 1]),
    "a star": ("[[*[a, 1], b]]", [0, 2]),
    "a sum of lists": ("[[a] + [1] + [b]]", [0, 2]),
}


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_field_has_its_place_in_a_row(used: Read, name: str) -> None:
    row, expected = PLACES[name]
    found = used(f"a, b = st.slider('A'), st.slider('B')\nm.predict({row})")
    assert [one.position for one in found.fields] == expected
