"""What travels between Python and the page, and what of the page's words is shown."""

from __future__ import annotations

import numpy as np
import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.web.page_runner import _wire_array, page_message


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([1.5, -2.0]), np.float32),
        (np.array([1, -2], np.int64), np.int32),
        (np.array([3, 255], np.uint8), np.int32),
        (np.array([True, False]), np.uint8),
    ],
)
def test_arrays_travel_in_the_types_that_a_page_has(values: np.ndarray, dtype: type) -> None:
    wire = _wire_array(values)
    assert wire.dtype == dtype and wire.tolist() == values.tolist()


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_integers_that_do_not_fit_are_refused(value: int) -> None:
    with pytest.raises(UsageError, match="integers beyond 32 bits"):
        _wire_array(np.array([value]))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Page.evaluate: Error: no kernel\n    at x.js:1", "no kernel"),
        ("Page.goto: net::ERR_FAILED", "net::ERR_FAILED"),
        ("  a word of its own ", "a word of its own"),
    ],
)
def test_page_message_is_its_first_line_without_who_says_it(told: str, shown: str) -> None:
    assert page_message(told) == shown
