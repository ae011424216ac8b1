"""What this installation has, what it lacks, and the command that mends each lack.

Only package metadata is read: nothing heavy is imported, and the light install suffices.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from edge_deploy._version import __version__
from edge_deploy.core import dependencies
from edge_deploy.core.errors import EdgeDeployError, MissingDependencyError
from edge_deploy.core.worker import cage
from edge_deploy.web.assets import shell_folder

PYTHONS = ((3, 11), (3, 12), (3, 13))
FREE_BYTES = 1_000_000_000

# Each extra: the package that tells whether it was installed, and what it is for.
EXTRAS = {
    "quantize": ("ai-edge-quantizer", "to make an artifact's files smaller"),
    "convert": ("tensorflow", "to convert trained models"),
    "browser": ("playwright", "to verify TF.js files"),
    "tune": ("dask", "to search the smallest files"),
}

# Packages whose modules are called otherwise.
_PACKAGES = {"sklearn": "scikit-learn", "PIL": "pillow"}

# Why a version is kept out, where the resolver's "needs" does not say it.
REASONS = {
    "tf-keras": "Keras 2 models are read with it, and it takes the TensorFlow of its own number",
    "keras": "Keras 3 models are read with it",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        ok: Whether it is as it should be.
        found: What is there.
        mend: The command, or the step, that mends it; None where nothing is to be mended.
        needed: Whether its lack is a fault, not just a feature that was not installed.
    """

    name: str
    ok: bool
    found: str
    mend: str | None = None
    needed: bool = True


@dataclass(frozen=True)
class Report:
    """All that was looked at."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether all that is installed can work."""
        return all(check.ok or not check.needed for check in self.checks)


def examine() -> Report:
    """Look at this installation and this machine."""
    return Report(
        (
            _python(),
            *_packages(),
            _cage(),
            _browser(),
            _page(),
            _folder("this folder", Path.cwd(), "change to a folder you may write to, or use -o"),
            _folder("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to such a folder"),
        )
    )


def _python() -> Check:
    version = sys.version_info
    wanted = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    ok = version[:2] in PYTHONS
    found = f"{version.major}.{version.minor}.{version.micro} at {sys.executable}"
    mend = (
        f"install one of Python {wanted} and make an environment with it: python3.11 -m venv .venv"
    )
    return Check("Python", ok, found, None if ok else mend)


def _packages() -> Iterator[Check]:
    try:
        declared = metadata.requires("edge-deploy") or []
    except metadata.PackageNotFoundError:
        found = f"{__version__} in {dependencies.PACKAGE}, which no pip installed"
        yield Check("edge-deploy", False, found, dependencies.install("convert,browser"))
        return
    yield Check("edge-deploy", True, f"{__version__} in {dependencies.PACKAGE}")
    groups = _groups(declared)
    found, lacking = _look(groups[""])
    yield Check("base packages", not lacking, found, _pip(lacking))
    for extra in EXTRAS:
        yield _extra(extra, groups[extra])
    yield _conflicts(requirement for group in groups.values() for requirement in group)


def _groups(declared: Iterable[str]) -> dict[str, list[Requirement]]:
    """The packages of the base, under "", and of each extra, for this machine."""
    groups: dict[str, list[Requirement]] = {extra: [] for extra in ("", *EXTRAS)}
    for requirement in map(Requirement, declared):
        if requirement.name == "edge-deploy":  # one extra that includes another
            continue
        # The base comes first: what it has needs no extra.
        for extra, group in groups.items():
            if _holds(requirement, extra):
                group.append(requirement)
                break
    return groups


def lack(error: ModuleNotFoundError) -> MissingDependencyError | None:
    """A failed import as the extra to install; None where none of ours has the module."""
    module = (error.name or "").split(".")[0]
    package = _PACKAGES.get(module, module.replace("_", "-"))
    try:
        groups = _groups(metadata.requires("edge-deploy") or [])
    except metadata.PackageNotFoundError:
        return None
    for extra, requirements in groups.items():
        if package in {requirement.name for requirement in requirements}:
            if extra:
                return dependencies.missing_dependency(package, "here", extra)
            mend = dependencies.pip_install(package)
            return MissingDependencyError(
                f"{package} is needed here and is not installed. Install it with: {mend}"
            )
    return None


def _extra(extra: str, requirements: list[Requirement]) -> Check:
    name = f"[{extra}]"
    sign, purpose = EXTRAS[extra]
    if _version(sign) is None:
        return Check(
            name, False, f"not installed; needed {purpose}", dependencies.install(extra), False
        )
    found, lacking = _look(requirements)
    return Check(name, not lacking, found, _pip(lacking))


def _look(requirements: list[Requirement]) -> tuple[str, list[Requirement]]:
    """What is installed of these, as text, and those that are not as required."""
    parts, lacking = [], []
    for requirement in requirements:
        version = _version(requirement.name)
        reason = REASONS.get(requirement.name)
        because = f": {reason}" if reason else ""
        if version is None:
            parts.append(f"{requirement.name} MISSING{because}")
        elif not _fits(requirement, version):
            parts.append(f"{requirement.name} {version} (needs {requirement.specifier}{because})")
        else:
            parts.append(f"{requirement.name} {version}")
            continue
        lacking.append(requirement)
    # What is wrong first: it is what one looks for.
    wrong = {requirement.name for requirement in lacking}
    parts.sort(key=lambda part: part.split()[0] not in wrong)
    return ", ".join(parts), lacking


def _conflicts(requirements: Iterable[Requirement]) -> Check:
    """What the installed packages themselves require: a later install may have broken it."""
    found, dependencies = [], []
    for package in sorted({requirement.name for requirement in requirements}):
        for needed in _needs_of(package):
            version = _version(needed.name)
            if version is not None and not _fits(needed, version):
                found.append(f"{package} needs {needed.name}{needed.specifier}, not {version}")
                dependencies.append(needed)
    if not found:
        return Check("versions together", True, "no package contradicts another")
    return Check("versions together", False, "; ".join(found), _pip(dependencies))


def _cage() -> Check:
    """What holds a stranger's model back on this machine."""
    there, lacking = cage.active()
    found = ", ".join(there) or "none"
    if not lacking:
        return Check("cage", True, found)
    mend = f"Not held here: {', '.join(lacking)}. Open strangers' models where it is: Linux 6.12."
    return Check("cage", False, found, mend, needed=False)


def _browser() -> Check:
    from edge_deploy.web.browser import find_browser

    try:
        return Check("browser", True, str(find_browser()))
    except EdgeDeployError as error:
        mend = dependencies.python_m("playwright", "install", "chromium")
        return Check("browser", False, str(error), mend, needed=False)


def _page() -> Check:
    try:
        return Check("page and TF.js", True, str(shell_folder()))
    except EdgeDeployError as error:
        mend = dependencies.pip_install("--force-reinstall", "--no-deps", dependencies.WHEEL)
        if dependencies.in_checkout():
            mend = f"make -C {dependencies.quote(dependencies.PACKAGE.parent)} vendor"
        return Check("page and TF.js", False, str(error), mend)


def _folder(name: str, folder: Path, elsewhere: str) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name, False, f"{folder} cannot be written to: {error.strerror}", elsewhere)
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < FREE_BYTES:
        return Check(name, False, found, f"Free {FREE_BYTES / 1e9:.0f} GB there. {elsewhere}")
    return Check(name, True, found)


def _holds(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _needs_of(package: str) -> list[Requirement]:
    try:
        declared = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []
    return [requirement for requirement in map(Requirement, declared) if _holds(requirement)]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _fits(requirement: Requirement, version: str) -> bool:
    return requirement.specifier.contains(version, prereleases=True)


def _pip(requirements: Sequence[Requirement]) -> str | None:
    """The command that installs these, with the versions they need; None for none."""
    wanted = dict.fromkeys(f"{needed.name}{needed.specifier}" for needed in requirements)
    return dependencies.pip_install(*wanted) if wanted else None
