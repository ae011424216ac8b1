"""Ask the databases of known vulnerabilities about everything that we install or ship.

Usage: python tools/audit.py (`make audit`)

Exits with 0 when all of it was looked up and nothing was found, 1 when something was found, 2 when
a database did not answer for all of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def python_packages() -> tuple[list[str], str]:
    """What is known of the packages of requirements.txt, and why not of all, if so."""
    how = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")
    done = subprocess.run(
        (sys.executable, "-m", "pip_audit", *how, "-r", "requirements.txt"),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], last_line(done.stderr)
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, "
        f"mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    skipped = [package for package in packages if "skip_reason" in package]
    if not skipped:
        return found, ""
    return found, f"{len(skipped)} of {len(packages)} packages: {skipped[0]['skip_reason']}"


def page_packages() -> tuple[list[str], str]:
    """The same of what package-lock.json of the page names."""
    done = subprocess.run(
        ("npm", "audit", "--json"), cwd=ROOT / "web_demo", capture_output=True, text=True
    )
    try:
        report = json.loads(done.stdout)
        flaws = report["vulnerabilities"]
    except (ValueError, KeyError):
        return [], last_line(done.stderr) or "no answer"
    return [f"{name}: {flaw['severity']}, {flaw['range']}" for name, flaw in flaws.items()], ""


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "complete log" not in line]
    return lines[-1].strip() if lines else ""


def main() -> int:
    code = 0
    for what, look in (("Python", python_packages), ("the page", page_packages)):
        found, unknown = look()
        for line in found:
            print(f"{what}: {line}")
        if unknown:
            print(f"{what}: NOT AUDITED, no database answered ({unknown})")
        elif not found:
            print(f"{what}: no known vulnerability")
        code = 1 if found or code == 1 else 2 if unknown else code
    return code


if __name__ == "__main__":
    sys.exit(main())
