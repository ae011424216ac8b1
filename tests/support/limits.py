"""A child with little memory, for what must be refused before it fills the machine."""

from __future__ import annotations

import subprocess
import sys

from tests.support import PATIENCE, unmeasured

_LIMITED = """\
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_AS, ({most}, {most}))
sys.argv[0] = "edge-deploy"
runpy.run_module("edge_deploy.cli", run_name="__main__", alter_sys=True)
"""


def in_little_memory(
    *arguments: object, most: int = 2**30, code: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line, or Python code, in so many bytes; what hangs is killed, and fails."""
    script = _LIMITED.format(most=most)
    if code is not None:
        script = "\n".join([*script.splitlines()[:2], code])
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        env=unmeasured(),
    )
