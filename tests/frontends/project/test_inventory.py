"""What is looked at in a project's folder, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_deploy.frontends.project import inventory
from edge_deploy.frontends.project.inventory import Column, Pictures, read_table, take_stock

HDF5, PICKLE, ZIP = b"\x89HDF\r\n\x1a\n", b"\x80\x04}.", b"PK\x03\x04"


def put(path: str, data: bytes | str = b"x") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data.encode() if isinstance(data, str) else data)


FITTED = [
    # a file of the folder, its first bytes, and whether it is opened
    ("model.h5", HDF5, True),
    ("model.pkl", HDF5, True),
    ("scaler.save", PICKLE, True),
    ("model", PICKLE, True),
    ("deep/in/models/net.keras", ZIP, True),
    ("scaler.pkl", b"ccopy_reg\n", True),
    ("tokenizer.json", b"{}", True),
    ("labels.txt", b"a\nb\n", True),
    ("class_names.json", b"[]", True),
    ("requirements.txt", b"numpy", False),
    ("requirements_labels.txt", b"numpy", False),
    ("package.json", b"{}", False),
    ("features.json", b"[]", False),
    ("README", b"words", False),
    ("notes.bin", b"words", False),
    ("empty.h5", b"", False),
    ("app.py", b"import os", False),
    (".hidden/model.h5", HDF5, False),
    (".model.h5", HDF5, False),
    ("venv/lib/model.h5", HDF5, False),
    ("own_environment/model.h5", HDF5, False),
    ("node_modules/a/model.h5", HDF5, False),
    ("a/__pycache__/model.pkl", PICKLE, False),
    ("artifacts/m/1/onnx/model.pkl", PICKLE, False),
    ("1/2/3/4/5/6/7/model.h5", HDF5, False),
]


@pytest.mark.parametrize(("path", "data", "opened"), FITTED, ids=[row[0] for row in FITTED])
def test_fitted_files_are_told_by_their_first_bytes(path: str, data: bytes, opened: bool) -> None:
    put(f"p/{path}", data)
    put("p/own_environment/pyvenv.cfg")
    put("p/artifacts/m/1/manifest.json")
    put("p/artifacts/m/1/reference.npz")
    assert (path in take_stock(Path("p")).fitted) is opened


def test_a_folder_with_a_graph_is_a_saved_model() -> None:
    put("p/export/1/saved_model.pb")
    assert take_stock(Path("p")).fitted == ("export/1",)


def test_links_out_of_the_folder_are_not_followed() -> None:
    put("outside/model.h5", HDF5)
    put("outside/file.h5", HDF5)
    put("p/real.h5", HDF5)
    Path("p/folder").symlink_to("../outside")
    Path("p/file.h5").symlink_to("../outside/file.h5")
    Path("p/inner.h5").symlink_to("real.h5")
    Path("p/loop").symlink_to(".")
    Path("p/ring.h5").symlink_to("ring.h5")
    assert take_stock(Path("p")).fitted == ("inner.h5", "real.h5")


def test_names_that_no_text_can_hold_are_left_out() -> None:
    put("p/model.h5", HDF5)
    for name in (b"p/half\xff.h5", b"p/line\n.h5", "p/turn\u202e.h5".encode()):
        with open(name, "wb") as file:  # noqa: PTH123 -- a name of bytes
            file.write(HDF5)
    assert take_stock(Path("p")).fitted == ("model.h5",)


def test_how_much_is_looked_at_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MOST_ENTRIES", 20)
    monkeypatch.setattr(inventory, "MOST_FITTED", 5)
    for number in range(30):
        put(f"p/{number % 3}/{number}.pkl", PICKLE)
    found = take_stock(Path("p"))
    assert len(found.fitted) == 5
    assert any("only the first 20 files" in note for note in found.notes)
    assert any("only the first 5 of" in note for note in found.notes)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads all")
def test_a_folder_that_cannot_be_read_is_told() -> None:
    put("p/closed/model.h5", HDF5)
    Path("p/closed").chmod(0)
    assert take_stock(Path("p")).notes == ("closed: cannot be read (Permission denied)",)


def test_pictures_are_found_by_their_folders() -> None:
    for name in ("data/train/cat/1.jpg", "data/train/cat/2.png", "data/train/dog/1.jpg", "a.png"):
        put(f"p/{name}")
    put("p/test images/1.png")
    found = take_stock(Path("p"))
    assert found.pictures == (Pictures("data/train", {"cat": 2, "dog": 1}),)
    assert found.unsorted == {"test images": 1}


CSV = """\
age,city,member,smokes,empty,note
31,Rome,1,True,,one two three
40.5,Oslo,0,False,,four five
22,Rome,1,True,,
"""
SEEN = [
    ("age", (True, False, ("22", "31", "40.5"), 22.0, 40.5, 0, 3)),
    ("city", (False, False, ("Oslo", "Rome"), None, None, 0, 2)),
    ("member", (True, True, ("0", "1"), 0.0, 1.0, 0, 2)),
    ("smokes", (False, False, ("False", "True"), None, None, 0, 2)),
    ("empty", (False, False, (), None, None, 3, 0)),
]


@pytest.mark.parametrize(("name", "seen"), SEEN)
def test_a_table_tells_what_stands_in_its_columns(name: str, seen: tuple) -> None:
    put("p/data.csv", CSV)
    table = read_table(Path("p"), "data.csv")
    assert table is not None and table.rows == 3
    assert table.column(name) == Column(name, *seen)
    assert table.column("none") is None


NO_TABLES = [
    b"", b"a,b\n", b"a,a\n1,2\n", b"1,2\n3,4\n", b'a,b\n"' + b"x" * (1 << 21),
    b"a\x00b,c\n1,2\n", b",".join(b"c%d" % n for n in range(3000)) + b"\n1\n",
]  # fmt: skip


@pytest.mark.parametrize("data", NO_TABLES, ids=range(len(NO_TABLES)))
def test_what_is_no_table_is_none(data: bytes) -> None:
    put("p/data.csv", data)
    assert read_table(Path("p"), "data.csv") is None
    assert take_stock(Path("p")).tables == ()


def test_a_table_of_another_encoding_is_one() -> None:
    put("p/data.csv", b"text,label\n\xa3100 won,spam\n")
    (table,) = take_stock(Path("p")).tables
    assert [column.name for column in table.columns] == ["text", "label"]


def test_prose_is_a_column_of_different_texts_of_several_words() -> None:
    rows = [f"review number {n} of many,{n % 2},{n}" for n in range(30)]
    put("p/data.csv", "\n".join(["review,label,id", *rows]))
    table = read_table(Path("p"), "data.csv")
    assert table is not None
    assert [one.name for one in table.columns if one.is_prose] == ["review"]
