"""Large libraries are imported without what they only try, in a process of ours alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

OPTIONAL = ("pandas", "sklearn", "matplotlib")  # all of them are installed for the tests


@pytest.mark.slow
@pytest.mark.parametrize("own", [True, False], ids=["a caged child", "a caller's process"])
def test_keras_is_imported_without_what_it_only_tries(own: bool) -> None:
    code = (
        "import gc, importlib, json, sys\n"
        "from edge_deploy.core.worker import process\n"
        f"process._channel = {'sys' if own else None}\n"
        "from edge_deploy.frontends.keras import keras_of\n"
        "keras_of('keras3')\n"
        f"names = {OPTIONAL!r}\n"
        "found = [name for name in names if name in sys.modules]\n"
        "after = [bool(importlib.import_module(name).__version__) for name in names]\n"
        "print(json.dumps([found, after, gc.isenabled(), gc.get_freeze_count() > 0]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, after, collecting, frozen = json.loads(done.stdout)
    assert after == [True] * len(OPTIONAL)  # who needs them has them all the same
    assert collecting
    assert (found, frozen) == (([], True) if own else ([*OPTIONAL], False))
