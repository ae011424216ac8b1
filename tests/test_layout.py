"""The layout of the package: which modules there are, and what importing them may cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import edge_deploy

PACKAGE = Path(edge_deploy.__file__).parent


def test_the_root_of_the_package_holds_packages_only() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "_version"}


def test_no_module_imports_tensorflow_before_a_function_needs_it() -> None:
    script = (
        "import importlib, pkgutil, sys, edge_deploy\n"
        "for module in pkgutil.walk_packages(edge_deploy.__path__, 'edge_deploy.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "        found = {'tensorflow', 'keras', 'tf_keras', 'sklearn'} & set(sys.modules)\n"
        "        assert not found, f'{module.name} imports {found}'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
