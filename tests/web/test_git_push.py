"""A site pushed by the real git to bare repositories on this machine, by LFS to their stores."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import edge_deploy
from edge_deploy.core.errors import EdgeDeployError, MissingDependencyError, UsageError
from edge_deploy.web import git as git_client
from edge_deploy.web import hosting
from edge_deploy.web.git_push import LARGE, RECORD
from edge_deploy.web.site_writer import publish
from tests.conftest import Run

FILES = {
    "index.html": b"<title>Costs</title>",
    "src/main.js": b"start();\n",
    "src/main.js.br": b"\0compressed",
    "models/costs/tfjs/group1-shard1of1.bin": bytes(range(256)) * 40,
    "models/costs/a class.png": b"\x89PNG\r\n\x1a\n\0",
    "models/index.json": json.dumps({"models": [{"name": "costs", "version": "3"}]}).encode(),
}
NAMED = {f"GIT_{who}_{what}": "somebody@example.org" for who in ("AUTHOR", "COMMITTER")
         for what in ("NAME", "EMAIL")}  # fmt: skip


@pytest.fixture(autouse=True)
def _somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user with a name, and without this machine's own settings and LFS filters."""
    for name, value in NAMED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    publish(tmp_path / "site", dict(FILES))
    return tmp_path / "site"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A host's repository, which keeps each pack as it was sent and sends commits alone."""
    folder = tmp_path / "host" / "site.git"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--bare", ".")
    git(folder, "config", "receive.unpackLimit", "1")
    git(folder, "config", "uploadpack.allowFilter", "true")
    return folder


def tree(bare: Path, branch: str) -> dict[str, bytes]:
    names = git(bare, "ls-tree", "-r", "--name-only", "-z", branch).split("\0")
    return {
        name: subprocess.run(
            ["git", "show", f"{branch}:{name}"], cwd=bare, capture_output=True, check=True
        ).stdout
        for name in names
        if name
    }


def sent(bare: Path) -> int:
    """How many objects all pushes brought, those that were there before included."""
    packs = bare.glob("objects/pack/*.idx")
    listed = [git(bare, "verify-pack", "-v", str(pack)) for pack in packs]
    return sum(line[:40].isalnum() and " " in line for text in listed for line in text.splitlines()
               if len(line.split(" ")[0]) == 40)  # fmt: skip


def commits(bare: Path, branch: str) -> list[str]:
    return git(bare, "log", "--format=%s", branch).splitlines()


def test_two_pushes_are_two_commits_and_send_what_is_new(site: Path, bare: Path) -> None:
    first = edge_deploy.push(site, str(bare))
    assert first.commit == git(bare, "rev-parse", "gh-pages")
    found = tree(bare, "gh-pages")
    assert {name: found[name] for name in FILES} == FILES
    assert set(found) - set(FILES) == {"models/site.json"}
    assert first.bytes == sum(map(len, found.values()))
    before = sent(bare)
    publish(site, {**FILES, "src/main.js": b"again();\n"})
    second = edge_deploy.push(site, str(bare))
    assert [(f.path, f.change) for f in second.changes] == [
        ("models/site.json", "changed"),
        ("src/main.js", "changed"),
    ]
    assert commits(bare, "gh-pages") == ["Publish costs 3", "Publish costs 3"]
    # Two files, the trees of models/, src/ and the root, the commit.
    assert sent(bare) - before == 2 + 3 + 1
    publish(site, {name: FILES[name] for name in FILES if "png" not in name})
    third = edge_deploy.push(site, str(bare))
    assert ("models/costs/a class.png", "removed") in [(f.path, f.change) for f in third.changes]
    assert "models/costs/a class.png" not in tree(bare, "gh-pages")
    again = edge_deploy.push(site, str(bare))
    assert (again.commit, again.changes, len(commits(bare, "gh-pages"))) == (None, (), 3)


def test_another_clone_that_pushed_meanwhile_is_not_overwritten(
    site: Path, bare: Path, tmp_path: Path, run: Run
) -> None:
    edge_deploy.push(site, str(bare))
    shutil.copytree(site, tmp_path / "other")
    (tmp_path / "other" / "CNAME").write_text("models.example.org")
    edge_deploy.push(tmp_path / "other", str(bare))
    (site / "robots.txt").write_text("none")
    refused = run("push", site, "--git", bare)
    assert refused.code == 2
    assert "has moved" in refused.err and "--force" in refused.err
    assert "robots.txt" not in tree(bare, "gh-pages")
    forced = run("push", site, "--git", bare, "--force")
    assert forced.code == 0
    # Nobody's commit is lost: it is one more on top.
    assert len(commits(bare, "gh-pages")) == 3
    assert {"robots.txt"} <= set(tree(bare, "gh-pages"))
    git(bare, "update-ref", "-d", "refs/heads/gh-pages")
    with pytest.raises(UsageError, match="it is gone"):
        edge_deploy.push(site, str(bare))


def test_a_push_that_was_killed_before_it_saw_its_end_is_its_own(
    site: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge_deploy.push(site, str(bare))
    (site / "robots.txt").write_text("none")
    run_git = git_client.Repository.run

    def killed(self: git_client.Repository, *arguments: str, **given: Any) -> bytes:
        done = run_git(self, *arguments, **given)
        if arguments[0] == "push":
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(git_client.Repository, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        edge_deploy.push(site, str(bare))
    monkeypatch.undo()
    (site / "robots.txt").write_text("all")
    assert edge_deploy.push(site, str(bare)).commit == git(bare, "rev-parse", "gh-pages")
    assert len(commits(bare, "gh-pages")) == 3
    assert json.loads((site / RECORD).read_text())["tried"] == {}


def test_a_site_built_anew_goes_on_top_of_what_push_made_and_of_nothing_else(
    site: Path, bare: Path, tmp_path: Path
) -> None:
    edge_deploy.push(site, str(bare))
    publish(tmp_path / "new", {**FILES, "index.html": b"anew"})  # as a CI's empty machine does
    edge_deploy.push(tmp_path / "new", str(bare))
    assert len(commits(bare, "gh-pages")) == 2
    git(tmp_path, "clone", "--quiet", "-b", "gh-pages", str(bare), "clone")
    clone = tmp_path / "clone"
    (clone / "CNAME").write_text("models.example.org")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "Name the domain")
    git(clone, "push", "--quiet")
    publish(tmp_path / "newer", dict(FILES))
    with pytest.raises(UsageError, match="'Name the domain'"):
        edge_deploy.push(tmp_path / "newer", str(bare))
    # A clone of the branch is what it says it is.
    (clone / "robots.txt").write_text("none")
    assert edge_deploy.push(clone, str(bare)).commit
    assert {"CNAME", "robots.txt"} <= set(tree(bare, "gh-pages"))


def test_a_push_between_our_look_and_ours_wins(
    site: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge_deploy.push(site, str(bare))
    shutil.copytree(site, tmp_path / "other")
    (tmp_path / "other" / "CNAME").write_text("models.example.org")
    (site / "robots.txt").write_text("none")
    run_git = git_client.Repository.run

    def run(self: git_client.Repository, *arguments: str, **more: Any) -> bytes:
        if arguments[0] == "push" and "robots.txt" not in str(more):
            monkeypatch.setattr(git_client.Repository, "run", run_git)
            edge_deploy.push(tmp_path / "other", str(bare))
        return run_git(self, *arguments, **more)

    monkeypatch.setattr(git_client.Repository, "run", run)
    with pytest.raises(EdgeDeployError, match="Somebody else has pushed meanwhile"):
        edge_deploy.push(site, str(bare), force=True)
    assert "CNAME" in tree(bare, "gh-pages") and len(commits(bare, "gh-pages")) == 2


def lfs_needed() -> None:
    if not git_client.has_lfs():
        pytest.skip("git-lfs is not installed: `tools/setup.sh libraries` (make test) brings it")


def test_large_files_go_through_lfs_and_come_back_whole(
    site: Path, bare: Path, tmp_path: Path
) -> None:
    lfs_needed()
    large = site / "models/costs/big [1] weights.bin"
    large.write_bytes(b"\x07" * (LARGE + 1))
    (site / "models/costs/limit.bin").write_bytes(b"\x07" * LARGE)
    done = edge_deploy.push(site, str(bare), lfs=True)
    digest = hashlib.sha256(large.read_bytes()).hexdigest()
    stored = bare / "lfs/objects" / digest[:2] / digest[2:4] / digest
    assert stored.stat().st_size == LARGE + 1
    assert [f.path for f in done.files if f.lfs] == ["models/costs/big [1] weights.bin"]
    found = tree(bare, "gh-pages")
    assert found["models/costs/big [1] weights.bin"].startswith(b"version https://git-lfs")
    assert len(found["models/costs/limit.bin"]) == LARGE
    # Who clones with LFS has the site.
    clone = ["-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.required=true",
             "clone", "--quiet", "-b", "gh-pages", bare.as_uri(), "clone"]  # fmt: skip
    git(tmp_path, *clone)
    assert (tmp_path / "clone" / large.relative_to(site)).read_bytes() == large.read_bytes()
    stored.unlink()
    (site / "index.html").write_bytes(b"other")
    edge_deploy.push(site, str(bare), lfs=True)
    assert not stored.exists()  # it did not change, and was not sent again


def test_a_space_has_its_card_and_every_binary_file_by_lfs(site: Path, bare: Path) -> None:
    lfs_needed()
    done = edge_deploy.push(site, str(bare), host="hf-space")
    found = tree(bare, "main")
    card = yaml.safe_load(found["README.md"].decode().split("---\n")[1])
    assert (done.branch, card["sdk"], card["title"]) == ("main", "static", "costs 3")
    assert not [name for name, content in found.items() if b"\0" in content]
    assert [f.path for f in done.files if f.lfs] == [
        "models/costs/a class.png",
        "models/costs/tfjs/group1-shard1of1.bin",
    ]
    assert "src/main.js.br" not in found  # which that host would never send


HOSTS = {
    # host -> branch, files that are added, whether .br stays
    "github-pages": ("gh-pages", {".nojekyll"}, False),
    "gitlab-pages": ("pages", {".gitlab-ci.yml"}, True),
    "codeberg": ("pages", set(), False),
    None: ("gh-pages", set(), True),
}


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_gets_its_branch_and_files(site: Path, bare: Path, host: str | None) -> None:
    branch, added, compressed = HOSTS[host]
    (site / ".github/workflows").mkdir(parents=True)
    (site / ".github/workflows/pages.yml").write_text("of demo --host github-pages")
    edge_deploy.push(site, str(bare), host=host)
    found = tree(bare, branch)
    kept = {name for name in FILES if compressed or not name.endswith(".br")}
    assert set(found) == kept | added | {"models/site.json"}
    assert RECORD not in found
    if host == "gitlab-pages":
        job = yaml.safe_load(found[".gitlab-ci.yml"])["pages"]
        assert job["artifacts"] == {"paths": ["public"]}
        shell = "cd $1; " + "; ".join(job["script"]) + "; find public -type f"
        copy = site.with_name("checkout")
        shutil.copytree(site, copy)
        said = subprocess.run(["sh", "-ec", shell, "-", copy], capture_output=True, text=True)
        assert "public/models/index.json" in said.stdout.split("\n")


ADDRESSES = {
    "https://github.com/me/site.git": "github-pages",
    "git@github.com:me/site.git": "github-pages",
    "ssh://git@codeberg.org/me/site": "codeberg",
    "https://me:token@huggingface.co/spaces/me/site": "hf-space",
    "https://gitlab.com/me/site.git": "gitlab-pages",
    "https://git.example.org/github.com/site.git": None,
    "/srv/github.com/site.git": None,
    "C:\\github.com\\site.git": None,
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_names_its_host(url: str) -> None:
    assert hosting.of_address(url) == ADDRESSES[url]


def test_a_dry_run_lists_files_and_bytes_and_sends_nothing(
    site: Path, bare: Path, run: Run
) -> None:
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    told = run("push", site, "--git", bare, "--dry-run")
    assert told.code == 0
    assert "10,240" in told.out and "Nothing was sent" in told.out
    document = json.loads(run("push", site, "--git", bare, "--dry-run", "--json").out)
    sizes = {file["path"]: file["bytes"] for file in document["files"]}
    assert {name: sizes[name] for name in FILES} == {n: len(FILES[n]) for n in FILES}
    assert (document["commit"], document["bytes"]) == (None, sum(sizes.values()))
    assert git(bare, "for-each-ref") == ""
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before


def test_nothing_of_the_users_repository_changes(
    site: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    git(own, "init", "--quiet", ".")
    git(own, "remote", "add", "live", "../host/site.git")
    (own / "staged.txt").write_text("staged\n")
    git(own, "add", "staged.txt")
    (own / ".gitignore").write_text("*\n")
    (own / ".gitattributes").write_text("* text eol=crlf\n")
    hook = own / ".git/hooks/pre-push"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    shutil.copytree(site, own / "site")
    monkeypatch.chdir(own)
    monkeypatch.setenv("GIT_INDEX_FILE", str(own / ".git/index"))  # as in a hook of git
    monkeypatch.setenv("GIT_DIR", str(own / ".git"))

    def state() -> dict[Path, bytes]:
        files = (path for path in own.rglob("*") if path.is_file() and path.name != RECORD)
        return {path: path.read_bytes() for path in files}

    before = state()
    edge_deploy.push("site", "live")
    assert state() == before
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    found = tree(bare, "gh-pages")
    assert {name: found[name] for name in FILES} == FILES


def test_the_users_settings_reach_the_host(
    site: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    git(own, "init", "--quiet", ".")
    # What a checkout of a CI keeps its credentials in: an included file of the repository.
    (tmp_path / "credentials").write_text(
        f'[url "{bare.as_uri()}"]\n\tinsteadOf = https://site.example.org/\n'
        "[user]\n\tname = A Robot\n"
    )
    git(own, "config", "include.path", str(tmp_path / "credentials"))
    monkeypatch.chdir(own)
    monkeypatch.delenv("GIT_AUTHOR_NAME")
    edge_deploy.push(site, "https://site.example.org/")
    assert git(bare, "log", "-1", "--format=%an", "gh-pages") == "A Robot"


BAD = {
    # what is asked -> the exit code and what is told
    ("--git", "ext::sh -c touch% pwned"): (2, "something git would run"),
    ("--git=-oProxyCommand=touch pwned",): (2, "something git would run"),
    ("--git=--upload-pack=touch pwned",): (2, "something git would run"),
    ("--git", "helper"): (2, "something git would run"),
    ("--git", "rewritten:site"): (3, "transport 'ext' not allowed"),
    ("--git", "https://example.org/\x1b[2J"): (2, "something git would run"),
    ("--git", "ftp://example.org/site.git"): (2, "https, ssh, http, git, file://"),
    ("--git", "orgin"): (2, "No remote is called 'orgin'. There are: helper"),
    ("--git", "./none.git"): (3, "does not appear to be a git repository"),
    ("--git", "http://me:secret@127.0.0.1:9/site.git"): (3, "cannot be reached"),
    ("--git", "BARE", "--branch", "a..b"): (2, "no name of a branch"),
    ("--git", "BARE", "--branch=-f"): (2, "no name of a branch"),
    ("--git", "BARE", "--host", "netlify"): (2, "no host is called 'netlify'"),
    ("--git", "BARE", "--host", "github-pages", "--lfs"): (2, "serves a pointer"),
}


@pytest.mark.parametrize("asked", BAD, ids=lambda asked: " ".join(asked)[:40].encode().hex()[:8])
def test_what_cannot_be_pushed_is_told_in_a_sentence(
    asked: tuple[str, ...], site: Path, bare: Path, tmp_path: Path, run: Run
) -> None:
    code, words = BAD[asked]
    git(tmp_path, "init", "--quiet", ".")
    git(tmp_path, "remote", "add", "helper", "ext::touch pwned")
    git(tmp_path, "config", "url.ext::touch .insteadOf", "rewritten:")
    told = run("push", site, *(str(bare) if word == "BARE" else word for word in asked))
    assert (told.code, words in told.err) == (code, True), told.err
    assert "secret" not in told.err and told.err.count("\n") == 1
    assert not list(tmp_path.rglob("pwned"))
    assert git(bare, "for-each-ref") == ""


def test_a_host_that_refuses_is_quoted(site: Path, bare: Path) -> None:
    hook = bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'the disk quota of me is used up' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(EdgeDeployError, match=r"pre-receive hook declined.*quota of me is used up"):
        edge_deploy.push(site, str(bare))
    assert json.loads((site / RECORD).read_text())["pushed"] == {}


def test_who_commits_must_be_known(
    site: Path, bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in NAMED:
        monkeypatch.delenv(name)
    (tmp_path / "gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with pytest.raises(EdgeDeployError, match="Tell git who you are: git config"):
        edge_deploy.push(site, str(bare))


Spoil = Callable[[Path], object]
NO_SITES: dict[str, tuple[Spoil, str]] = {
    "no site": (lambda site: (site / "models/index.json").unlink(), "is no site of edge-deploy"),
    "broken index": (lambda site: (site / "models/index.json").write_text("{"), "cannot be read"),
    "a link": (lambda site: (site / "keys").symlink_to("/etc/passwd"), "is no plain file"),
    "a name": (lambda site: (site / "a\nb").write_text(""), "control characters"),
    "the checkout": (
        lambda site: [(site / name).write_text("") for name in ("harness.html", "package.json")],
        "the checkout's own page",
    ),
}


@pytest.mark.parametrize("case", NO_SITES)
def test_what_is_no_site_is_not_made_public(case: str, site: Path, bare: Path) -> None:
    spoil, words = NO_SITES[case]
    spoil(site)
    with pytest.raises(UsageError, match=words):
        edge_deploy.push(site, str(bare))
    assert git(bare, "for-each-ref") == ""


def test_without_git_it_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(MissingDependencyError, match=r"install git 2.31 or newer"):
        edge_deploy.push(site, "origin")


def test_without_lfs_it_is_told(site: Path, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_client, "has_lfs", lambda: False)
    with pytest.raises(EdgeDeployError, match="Git LFS is not installed: apt install git-lfs"):
        edge_deploy.push(site, str(bare), lfs=True)
