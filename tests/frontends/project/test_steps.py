"""What a step is written as."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.frontends.project.steps import EVERY, Step, is_written_step, parse_step

WRITTEN = [
    ("scaler.pkl", Step(Path("scaler.pkl"))),
    ("scaler.pkl@*", Step(Path("scaler.pkl"), EVERY)),
    ("onehot.pkl@Geography", Step(Path("onehot.pkl"), ("Geography",))),
    ("dir/scaler.pkl@Age,Est Salary", Step(Path("dir/scaler.pkl"), ("Age", "Est Salary"))),
    ("bundle.pkl::scaler", Step(Path("bundle.pkl"), None, "scaler")),
    ("bundle.pkl::scaler@a,b", Step(Path("bundle.pkl"), ("a", "b"), "scaler")),
    ("me@home/scaler.pkl@Age", Step(Path("me@home/scaler.pkl"), ("Age",))),
    ("@home.pkl", Step(Path("@home.pkl"))),
]


@pytest.mark.parametrize(("text", "step"), WRITTEN, ids=[text for text, _ in WRITTEN])
def test_a_step_is_read_from_its_text_and_written_again(text: str, step: Step) -> None:
    assert parse_step(text) == step
    assert str(step) == text


THERE = [
    ("me@work.pkl", "me@work.pkl", None, None),
    ("me@work.pkl", "me@work.pkl@Age", ("Age",), None),
    ("a::b.pkl", "a::b.pkl", None, None),
    ("a::b.pkl", "a::b.pkl::model@x", ("x",), "model"),
    ("data.pkl", "data.pkl@a@b", ("a@b",), None),
]


@pytest.mark.parametrize(("file", "text", "columns", "key"), THERE)
def test_a_path_that_is_there_keeps_its_signs(
    tmp_path: Path, monkeypatch, file: str, text: str, columns, key
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).touch()
    assert parse_step(text) == Step(Path(file), columns, key)
    assert is_written_step(text) == (text != file)


@pytest.mark.parametrize("text", ["scaler.pkl@", "scaler.pkl@a,,b", "bundle.pkl::"])
def test_an_empty_column_or_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"[Ss]ay"):
        parse_step(text)
