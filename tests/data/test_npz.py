"""Arrays whose headers say what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.data.npz import read_npy

HEADERS = {
    "a bracket that is not closed": "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 3,",
    "no Python": "{'descr': '<f4' 'fortran_order': False, 'shape': (6, 3), }",
    "a NUL": "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 3), }\0",
    "nested": "(" * 9_000,
    "a size that is no number": "{'descr': '<f4', 'fortran_order': False, 'shape': ('6', 3), }",
    "below 0": "{'descr': '<f4', 'fortran_order': False, 'shape': (-6, 3), }",
    "more than there is": "{'descr': '<f4', 'fortran_order': False, 'shape': (9**12, 3), }",
    "a dtype of nothing": "{'descr': '|S0', 'fortran_order': False, 'shape': (6, 3), }",
    "no dtype": "{'descr': 'x', 'fortran_order': False, 'shape': (6, 3), }",
    "a key too many": "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 3), 'x': 1}",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_cannot_be_is_refused(header: str) -> None:
    text = header.encode() + b"\n"
    path = Path("a.npy")
    path.write_bytes(b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + bytes(72))
    with pytest.raises(UsageError, match=r"a\.npy"):
        read_npy(path)
