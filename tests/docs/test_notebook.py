"""The notebook runs from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "edge_deploy.ipynb"


def code() -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]


def test_notebook_has_eight_cells_and_no_output() -> None:
    assert len(code()) == 8
    assert all(not cell.outputs and cell.execution_count is None for cell in code())


def test_install_cell_does_nothing_outside_colab() -> None:
    install = code()[0].source
    names: dict[str, object] = {}
    exec(install, names)
    assert "browser" not in names and '"google.colab" in sys.modules' in install


@pytest.mark.slow
def test_notebook_ends_with_a_zipped_site(tmp_path: Path) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, 4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [str(output) for cell in cells for output in cell.outputs]
    assert not any("Traceback" in text for text in shown)
    verdicts = str(cells[4].outputs)
    assert verdicts.count("pass") >= 5 and "FAIL" not in verdicts
    with zipfile.ZipFile(tmp_path / "digits-page.zip") as archive:
        assert {"index.html", "models/index.json"} <= set(archive.namelist())
