"""A site as one commit on a branch of its own.

The branch's last commit is fetched without the files in it, so that git knows what is there and
sends what is new alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_deploy._version import __version__
from edge_deploy.core import atomic_io, bounds, log
from edge_deploy.core.errors import EdgeDeployError, UsageError, wrong_option
from edge_deploy.core.filesystem import temporary_folder
from edge_deploy.core.messages import option
from edge_deploy.web import git, hosting
from edge_deploy.web.site_writer import Files, file_digest

RECORD = ".edge-deploy-push.json"
"""In the site, and never sent: the commit that each branch was at after the last push from here.

``tried`` is the one of a push of which the end was not seen.
"""

LARGE = 10_000_000
"""More bytes than these go through LFS; the Hub of Hugging Face takes no larger file without."""

_PARTS = ("pushed", "tried")
_TRAILER = "Edge-Deploy-Version"
_LEFT_OUT = re.compile(r"\.git$|\.edge-deploy-|\.partial-|\.DS_Store$")
_WORKFLOWS = ".github/workflows/"  # tokens of a workflow may not write these
_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
_log = log.logger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a site goes.

    Attributes:
        url: The repository, as ``git.resolve`` gave it.
        branch: Its branch.
        host: One of ``hosting.GIT_HOSTS``, or None for any other.
    """

    url: str
    branch: str
    host: str | None

    @property
    def ref(self) -> str:
        """The branch's whole name."""
        return f"refs/heads/{self.branch}"

    @property
    def shown(self) -> str:
        """The place in a message."""
        return f"{self.branch} of {git.shown(self.url)}"


@dataclass(frozen=True)
class PushedFile:
    """A file of the branch.

    Attributes:
        path: From the site's root.
        bytes: How large it is; 0 where it is removed.
        change: new, changed, same, or removed.
        lfs: Whether it goes through LFS.
    """

    path: str
    bytes: int
    change: str
    lfs: bool = False


@dataclass(frozen=True)
class PushResult:
    """What ``push`` did, or would do.

    Attributes:
        url: The repository, without a password.
        branch: Its branch.
        host: Whose files were added, if a host's were.
        commit: The branch's new last commit; None where nothing was pushed.
        files: Every file of the branch, and those that it loses.
    """

    url: str
    branch: str
    host: str | None
    commit: str | None
    files: tuple[PushedFile, ...]

    @property
    def changes(self) -> tuple[PushedFile, ...]:
        """The files that are not there as they are here."""
        return tuple(file for file in self.files if file.change != "same")

    @property
    def bytes(self) -> int:
        """What new and changed files hold."""
        return sum(file.bytes for file in self.changes)


def push(site: Path, place: Place, lfs: bool, dry_run: bool, force: bool) -> PushResult:
    """Make the branch what the site is, by one commit on top of what is there.

    Args:
        site: A site that ``demo`` or ``publish`` wrote.
        place: Where it goes.
        lfs: Send large files by LFS.
        dry_run: Look, and send nothing.
        force: Go on where others have pushed; their commits stay in the history.

    Raises:
        UsageError: It is no site, or the branch has moved.
        EdgeDeployError: git cannot reach or write the branch.
    """
    with temporary_folder() as folder:
        repository = git.create(folder / "site.git", place.url, Path.cwd())
        _log.info("looking at %s", place.shown)
        tip = _tip(repository, place)
        if not force:
            _check_not_moved(repository, site, place, tip)
        before = _listed(repository, tip)
        with atomic_io.locked(site):
            files = site_files(site, place)
            large = {path for path in files if lfs and _is_large(files[path], place.host)}
            if large:
                files[".gitattributes"] = _attributes(files.get(".gitattributes", b""), large)
            blobs = _blobs(repository, files, large)
        done = PushResult(
            git.shown(place.url), place.branch, place.host, None,
            tuple(_changes(files, blobs, before, large)),
        )  # fmt: skip
        if dry_run or not done.changes:
            return done
        commit = _commit(repository, blobs, tip, _message(site))
        sent = {f.path for f in done.changes if f.lfs} if tip else large
        _send_large(repository, [_oid(files[path]) for path in sorted(sent)])
        _log.info("sending %d bytes to %s", done.bytes, place.shown)
        _remember(site, place, commit, sent=False)  # a run that is killed may have sent it
        repository.run(
            "push", "--quiet", "--no-verify", "--no-thin", "live", f"{commit}:{place.ref}",
            doing=f"push to {place.shown}",
        )  # fmt: skip
    _remember(site, place, commit, sent=True)
    return PushResult(done.url, done.branch, done.host, commit, done.files)


def site_files(site: Path, place: Place) -> Files:
    """What of a site goes to a place, by path: its files and what the host needs beside them.

    Raises:
        UsageError: There is no site, or something in it is no plain file.
    """
    if (site / "harness.html").is_file() and (site / "package.json").is_file():
        raise UsageError(
            f"{site} is the checkout's own page, which is no whole site: build one with "
            f"edge-deploy demo ARTIFACT... {option('output', 'site')}."
        )
    if not (site / "models/index.json").is_file():
        raise UsageError(
            f"{site} is no site of edge-deploy: all that is in it would be public. "
            "edge-deploy demo ARTIFACT... builds one."
        )
    found: Files = {}
    for file in _walk(site):
        name = file.relative_to(site).as_posix()
        if file.is_symlink() or not file.is_file():
            raise UsageError(f"{file} is no plain file, and cannot be pushed. Move it away.")
        if re.search(r"[\x00-\x1f\x7f]", name):
            raise UsageError(f"{name!r}: a name with control characters cannot be pushed.")
        found[name] = file
    host = hosting.GIT_HOSTS.get(place.host or "")
    if host and host.compresses:  # it never sends these
        found = {
            name: file
            for name, file in found.items()
            if not (name.endswith((".br", ".gz")) and name[:-3] in found)
        }
    if place.branch != "main":  # which the workflow of `demo` is for
        found = {name: file for name, file in found.items() if not name.startswith(_WORKFLOWS)}
    added = hosting.pushed_files(place.host, _names(site)) if place.host else {}
    return {**added, **found}


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if _LEFT_OUT.match(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        else:
            yield entry


def _names(site: Path) -> list[str]:
    """What the site's models are called."""
    try:
        index = bounds.read_json(site / "models/index.json")
        versions: dict[str, str] = {}
        for model in index["models"]:  # of each model the stable version comes first
            versions.setdefault(model["name"], f"{model['name']} {model['version']}")
        return list(versions.values())
    except (EdgeDeployError, KeyError, TypeError) as error:
        raise UsageError(
            f"{site}/models/index.json cannot be read ({error}). Build the site again."
        ) from error


def _message(site: Path) -> str:
    return f"Publish {', '.join(_names(site))}\n\n{_TRAILER}: {__version__}\n"


# The branch as it is.


def _tip(repository: git.Repository, place: Place) -> str | None:
    """The branch's last commit, fetched without its files; None where there is no branch."""
    doing = f"read {place.shown}"
    listed = repository.text("ls-remote", "--heads", "live", place.ref, doing=doing)
    tips = [line.split("\t")[0] for line in listed.splitlines() if line.endswith(place.ref)]
    if not tips:
        return None
    repository.run(
        "fetch", "--quiet", "--no-tags", "--depth=1", "--filter=blob:none", "live",
        f"+{place.ref}:refs/live", doing=doing,
    )  # fmt: skip
    return repository.text("rev-parse", "refs/live", doing=doing)


def _check_not_moved(repository: git.Repository, site: Path, place: Place, tip: str | None) -> None:
    """Refuse to replace what somebody else pushed."""
    known, tried = _known(site, place)
    if tip == known or (tip is not None and tip == tried):
        return
    way = f"{option('force', True)} puts this site on top of it; the history keeps what was there."
    if known is not None:
        now = f"is at {tip[:9]}" if tip else "is gone"
        raise UsageError(
            f"{place.shown} has moved: it {now}, and {known[:9]} is what this site was last pushed "
            f"as. Build it anew with what is new there; or {way}"
        )
    assert tip is not None
    message = repository.text("log", "-1", "--format=%B", tip, doing=f"read {place.shown}")
    if f"\n{_TRAILER}: " not in message:
        subject = message.partition("\n")[0][:60]
        raise UsageError(
            f"{place.shown} holds something that edge-deploy did not push ({tip[:9]} {subject!r}). "
            f"Name another branch with {option('branch')}; or {way}"
        )


def _known(site: Path, place: Place) -> tuple[str | None, str | None]:
    """The commit that this folder is, as far as it is known, and the one it was last sent as.

    The second is not the first where the run was stopped before it saw that the commit is there.
    """
    record = _recorded(site)
    known, tried = (record[name].get(_key(place)) for name in ("pushed", "tried"))
    if known is None and (site / ".git").exists():
        known = git.head(site)
    return known, tried


def _recorded(site: Path) -> dict[str, dict[str, str]]:
    """RECORD, with what is no commit left out."""
    try:
        document = bounds.read_json(site / RECORD)
    except EdgeDeployError:
        document = None
    parts = {name: document.get(name) if isinstance(document, dict) else None for name in _PARTS}
    return {
        name: {key: one for key, one in part.items() if isinstance(one, str)}
        if isinstance(part, dict)
        else {}
        for name, part in parts.items()
    }


def _key(place: Place) -> str:
    return f"{place.branch} {git.shown(place.url)}"


def _remember(site: Path, place: Place, commit: str, sent: bool) -> None:
    record = _recorded(site)
    record["pushed" if sent else "tried"][_key(place)] = commit
    if sent:
        record["tried"].pop(_key(place), None)
    document = {"schema": "edge-deploy/push/1", **record}
    with contextlib.suppress(OSError):  # a site on read-only ground: it is pushed all the same
        atomic_io.replace_text(site / RECORD, atomic_io.to_text(document))


def _listed(repository: git.Repository, tip: str | None) -> dict[str, str]:
    """The files of a commit, by path, with the hashes of their blobs."""
    if tip is None:
        return {}
    listed = repository.run("ls-tree", "-r", "-z", "--full-tree", tip, doing="list what is there")
    found = {}
    for line in listed.split(b"\0"):
        if line:
            about, _, path = line.partition(b"\t")
            found[path.decode("utf-8", "surrogateescape")] = about.split()[2].decode()
    return found


# The commit.


def _size(file: Path | bytes) -> int:
    return file.stat().st_size if isinstance(file, Path) else len(file)


def _oid(file: Path | bytes) -> tuple[str, Path | bytes]:
    return file_digest(file), file


def _is_large(file: Path | bytes, host: str | None) -> bool:
    """Whether LFS is for it; the Hub wants it for every file that is no text."""
    if _size(file) > LARGE:
        return True
    if host != "hf-space" or isinstance(file, bytes):
        return False
    with file.open("rb") as opened:
        return b"\0" in opened.read(8000)  # git's own measure


def _attributes(own: Path | bytes, large: set[str]) -> bytes:
    """.gitattributes that tell git which files LFS holds."""
    text = own.read_bytes() if isinstance(own, Path) else own
    lines = [text.decode("utf-8", "replace").rstrip("\n")] if text else []
    for path in sorted(large):
        pattern = re.sub(r"([\\*?\[\]])", r"\\\1", path)
        pattern = re.sub(r"\s", "[[:space:]]", pattern)
        lines.append(f"/{pattern} filter=lfs diff=lfs merge=lfs -text")
    return ("\n".join(lines) + "\n").encode()


def _blobs(repository: git.Repository, files: Files, large: set[str]) -> dict[str, str]:
    """Every file as git keeps it, byte for byte: no line ending is changed, nothing is ignored."""
    doing = "take the site's files"
    plain = {
        path: file.absolute()
        for path, file in files.items()
        if isinstance(file, Path) and path not in large
    }
    listed = "".join(f"{file}\n" for file in plain.values())
    hashes = repository.text(
        "hash-object", "-w", "--no-filters", "--stdin-paths",
        doing=doing, data=os.fsencode(listed),
    ).split()  # fmt: skip
    blobs = dict(zip(plain, hashes, strict=True))
    for path, file in files.items():
        if path in blobs:
            continue
        text = file
        if path in large:
            text = _POINTER.format(file_digest(file), _size(file)).encode()
        assert isinstance(text, bytes)
        blobs[path] = repository.text("hash-object", "-w", "--stdin", doing=doing, data=text)
    return blobs


def _changes(
    files: Files, blobs: Mapping[str, str], before: Mapping[str, str], large: set[str]
) -> Iterator[PushedFile]:
    for path in sorted({*files, *before}):
        if path not in files:
            yield PushedFile(path, 0, "removed")
            continue
        there = before.get(path)
        change = "new" if there is None else "same" if there == blobs[path] else "changed"
        yield PushedFile(path, _size(files[path]), change, path in large)


def _commit(
    repository: git.Repository, blobs: Mapping[str, str], tip: str | None, message: str
) -> str:
    doing = "make the commit"
    index = "".join(f"100644 {blob}\t{path}\0" for path, blob in blobs.items())
    repository.run("update-index", "-z", "--index-info", doing=doing, data=os.fsencode(index))
    tree = repository.text("write-tree", doing=doing)
    parent = ["-p", tip] if tip else []
    signed = repository.run(
        "config", "--type=bool", "--default=false", "--get", "commit.gpgsign", doing=doing
    )
    sign = ["-S"] if signed.strip() == b"true" else []
    return repository.text("commit-tree", tree, *parent, *sign, doing=doing, data=message.encode())


def _send_large(repository: git.Repository, objects: Sequence[tuple[str, Path | bytes]]) -> None:
    if not objects:
        return
    for oid, file in objects:
        kept = repository.folder / "lfs/objects" / oid[:2] / oid[2:4] / oid
        kept.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file, Path):
            shutil.copyfile(file, kept)
        else:
            kept.write_bytes(file)
    _log.info("sending %d files by LFS", len(objects))
    names = list(dict.fromkeys(oid for oid, _ in objects))
    for start in range(0, len(names), 100):  # a command line has an end
        repository.run(
            "lfs", "push", "--object-id", "live", *names[start : start + 100],
            doing="send the large files by LFS",
        )  # fmt: skip


def check_branch(branch: str) -> None:
    """Refuse a name that is no branch's.

    Raises:
        UsageError: It is none.
    """
    if not git.is_branch(branch):
        raise wrong_option("branch", branch, "no name of a branch.")


def check_lfs(place: Place) -> None:
    """Refuse LFS where it cannot be sent or is not served.

    Raises:
        UsageError: The host serves pointers in place of the files.
        EdgeDeployError: Git LFS is not installed.
    """
    if place.host == "github-pages":
        raise UsageError(
            "GitHub Pages serves a pointer in place of a file that LFS holds: leave "
            f"{option('lfs', True)} out (a file may have 100 MB there), or push to another host."
        )
    if not git.has_lfs():
        raise EdgeDeployError(
            "Git LFS is not installed: apt install git-lfs, brew install git-lfs, or git-lfs.com."
        )
