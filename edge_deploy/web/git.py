"""The user's own git and its credentials, run in a repository of ours.

What it works in is a folder of temporary ones: no file, index or reference of the user's own
repository is touched. From there comes how git reaches hosts and who the user is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_deploy.core.errors import (
    EdgeDeployError,
    MissingDependencyError,
    UsageError,
    wrong_option,
)

_OLDEST = (2, 31)  # GIT_CONFIG_COUNT: settings that no file holds
# What leads git to another repository than ours; hooks and aliases of git set these.
_LEADING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE", "GIT_QUARANTINE_PATH",
)  # fmt: skip
# Of a repository's own settings: how hosts are reached, and who commits.
_TAKEN = re.compile(
    r"(author|commit|committer|credential|gpg|http|https|ssh|url|user)\.|core\.(sshcommand|askpass)$"
)
_PROTOCOLS = ("https", "ssh", "http", "git", "file")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ON_HOST = re.compile(r"(?![A-Za-z]:[\\/])[^/\\:]+:")  # user@host:path, and no drive of Windows
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")

# What git says -> what helps.
_MENDS = {
    r"could not read (Username|Password)|Authentication failed|terminal prompts disabled|"
    r"Permission denied|Invalid username or password|HTTP (401|403)|error: 403": (
        "git has no right to write there: log in to that host with git first."
    ),
    r"Could not resolve host|unable to connect|Connection (refused|timed out)|Failed to connect": (
        "The host cannot be reached: look at the address and at the network."
    ),
    r"does not appear to be a git repository|not found|does not exist|Could not read from remote": (
        "Look at the address, and whether the repository is there."
    ),
    r"tell me who you are|ident name|auto-detect email": (
        "Tell git who you are: git config --global user.name NAME, and the same with user.email."
    ),
    r"No space left": "Free some space.",
    r"fetch first|non-fast-forward|stale info|cannot lock ref|failed to update ref": (
        "Somebody else has pushed meanwhile; run this again."
    ),
}


@dataclass(frozen=True)
class Repository:
    """A bare repository of ours, whose remote ``live`` is the user's.

    Attributes:
        folder: Where it is.
        environment: What git is run with.
    """

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, doing: str, data: bytes | None = None) -> bytes:
        """Run git.

        Args:
            arguments: Behind ``git``.
            doing: What it is to do, for the message where it cannot: ``read what is there``.
            data: What it reads on stdin; without it, nothing.

        Returns:
            What it wrote to stdout.

        Raises:
            EdgeDeployError: It could not.
        """
        done = _run(self.folder, self.environment, arguments, data)
        if done.returncode:
            raise EdgeDeployError(f"git cannot {doing}: {told(done.stderr)}")
        return done.stdout

    def text(self, *arguments: str, doing: str, data: bytes | None = None) -> str:
        """The same, as a text without the last line break."""
        return self.run(*arguments, doing=doing, data=data).decode("utf-8", "replace").rstrip("\n")


def create(folder: Path, url: str, home: Path) -> Repository:
    """A new and empty one.

    Args:
        folder: Where it is made; there is nothing yet.
        url: What its remote ``live`` is, as ``resolve`` gave it.
        home: The user's folder, whose repository says how git reaches hosts.
    """
    plain = {name: value for name, value in os.environ.items() if name not in _LEADING}
    plain |= {"LC_ALL": "C", "GIT_ALLOW_PROTOCOL": ":".join(_PROTOCOLS)}
    if not sys.stdin.isatty():
        plain["GIT_TERMINAL_PROMPT"] = "0"  # nobody is there to type a password
    settings = [
        *_own_settings(home),
        *_given_settings(plain),
        ("remote.live.url", url),
        ("core.hooksPath", os.devnull),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("fetch.recurseSubmodules", "false"),
        ("push.recurseSubmodules", "no"),
        ("submodule.recurse", "false"),
        ("push.followTags", "false"),
    ]
    environment = {**plain, "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    folder.mkdir()
    repository = Repository(folder, environment)
    repository.run("init", "--quiet", "--bare", "--template=", ".", doing="make a repository")
    return repository


def check() -> None:
    """Refuse to begin without a git that is new enough.

    Raises:
        MissingDependencyError: There is none.
    """
    needed = ".".join(map(str, _OLDEST))
    if shutil.which("git") is None:
        raise MissingDependencyError(
            f"git is not installed, or not on the PATH: install git {needed} or newer."
        )
    said = _run(Path(), os.environ, ["version"]).stdout.decode()
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) < _OLDEST:
        raise MissingDependencyError(f"git {found[0]} is too old: install git {needed} or newer.")


def has_lfs() -> bool:
    """Whether this git has Git LFS."""
    return _run(Path(), os.environ, ["lfs", "version"]).returncode == 0


def resolve(git: str, home: Path) -> str:
    """The address of a remote that is given by name, address or path.

    Args:
        git: ``origin``, ``https://host/me/site.git``, ``git@host:me/site.git``, ``../site.git``.
        home: The folder whose repository knows the name, and that paths begin at.

    Raises:
        UsageError: There is no such remote, or the address could make git run a program.
    """
    named = _remotes(home)
    url = named.get(git, git)
    if url.startswith("-") or _HELPER.match(url) or re.search(r"[\x00-\x1f\x7f]", url) or not url:
        raise wrong_option("git", git, "no address of a repository, but something git would run.")
    if found := _SCHEME.match(url):
        if found[1].lower() not in _PROTOCOLS:
            raise wrong_option("git", git, f"it begins with one of {', '.join(_PROTOCOLS)}://.")
        return url
    if git not in named and not re.search(r"[/\\:]", url) and not (home / url).is_dir():
        there = f"There are: {', '.join(named)}." if named else "This folder's repository has none."
        raise UsageError(f"No remote is called {git!r}. {there}", option="git", got=git)
    return url if _ON_HOST.match(url) else str((_top(home) if git in named else home) / url)


def shown(url: str) -> str:
    """An address without the name and the password that may be in it."""
    return _SECRET.sub("", url)


def told(stderr: bytes) -> str:
    """What git wrote to stderr, as one sentence and the mend."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines()]
    rules = (r"fatal: (?!Could not read from remote)", r"! \[", r"remote: +error", r"error: ")
    line = next(
        (line for rule in rules for line in lines if re.match(rule, line)),
        next((line for line in lines if line), "it says nothing"),
    )
    mend = next((mend for rule, mend in _MENDS.items() if re.search(rule, "\n".join(lines))), "")
    # What a host refuses a push with, it says in lines of its own.
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    if "remote rejected" in line and any(said):
        line += f": {' '.join(part for part in said if re.search(r'[a-z]', part))[:300]}"
    line = re.sub(r"^(fatal|error): ", "", shown(line)).rstrip(".")
    return f"{line[:500]}. {mend}".rstrip()


def _run(
    folder: Path,
    environment: Mapping[str, str],
    arguments: Iterable[str],
    data: bytes | None = None,
) -> subprocess.CompletedProcess[bytes]:
    # Who is asked for a password types it.
    nobody = data is None and not sys.stdin.isatty()
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        input=b"" if nobody else data,
    )


def _lines(home: Path, *arguments: str) -> list[str]:
    """What git says of the repository of a folder; nothing where there is none."""
    done = _run(home, os.environ, arguments)
    text = done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
    return [part for part in text.split("\0") if part]


def _own_settings(home: Path) -> Iterator[tuple[str, str]]:
    for one in _lines(home, "config", "--local", "--includes", "--list", "-z"):
        key, line, value = one.partition("\n")
        if _TAKEN.match(key):
            yield key, value if line else "true"


def _given_settings(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    count = environment.get("GIT_CONFIG_COUNT", "0")
    for number in range(int(count) if count.isdigit() else 0):
        key = environment.get(f"GIT_CONFIG_KEY_{number}")
        if key is not None:
            yield key, environment.get(f"GIT_CONFIG_VALUE_{number}", "")


def _remotes(home: Path) -> dict[str, str]:
    """Where each remote is pushed to."""
    found: dict[str, str] = {}
    for kind in ("url", "pushurl"):  # the second wins
        for one in _lines(home, "config", "-z", "--get-regexp", rf"^remote\..*\.{kind}$"):
            key, _, value = one.partition("\n")
            found[key.removeprefix("remote.").removesuffix(f".{kind}")] = value
    return found


def _top(home: Path) -> Path:
    done = _run(home, os.environ, ["rev-parse", "--show-toplevel"])
    return Path(done.stdout.decode().strip() or home)


def head(folder: Path) -> str | None:
    """The commit that a clone is at."""
    done = _run(folder, os.environ, ["rev-parse", "--verify", "HEAD"])
    return done.stdout.decode().strip() or None


def is_branch(name: str) -> bool:
    """Whether a branch can be called so."""
    found = _run(Path(), os.environ, ["check-ref-format", f"refs/heads/{name}"])
    return not name.startswith("-") and found.returncode == 0
