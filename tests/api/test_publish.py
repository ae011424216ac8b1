"""Versions on a site: published, promoted, rolled back, pruned, refused, and killed in between."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import edge_deploy
from edge_deploy.api.demo import build_demo
from edge_deploy.core import atomic_io
from edge_deploy.core.errors import ArtifactError, EdgeDeployError, UsageError
from edge_deploy.web import assets, site_writer
from edge_deploy.web.releases import RELEASES, ModelReleases, read_releases
from edge_deploy.web.site_index import place, read_index
from tests.api.test_demo import files_of, make_artifact
from tests.fuzz import kills

pytestmark = pytest.mark.slow

Site = tuple[Path, dict[str, Path]]


@pytest.fixture(scope="module", autouse=True)
def _light_page() -> Iterator[None]:
    """Sites without the page's runtimes: tests/page has whole ones, and here many are built."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(assets, "FOLDERS", ())
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site of version 1, and versions 1 to 4, of which 2 has the weights of 1."""
    root = tmp_path_factory.mktemp("versions")
    # A stable version is held to the one before: in ONNX Runtime, which needs no browser.
    made = {
        n: make_artifact(root / "artifacts", "costs", version=n, targets=("onnx",)) for n in "134"
    }
    made["2"] = with_version(made["1"], root / "artifacts" / "again" / "2", "2")
    edge_deploy.publish(made["1"], root / "site", by="Ada")
    return root / "site", made


def with_version(artifact: Path, folder: Path, version: str) -> Path:
    """The same model under another version."""
    shutil.copytree(artifact, folder)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": version}))
    return folder


@pytest.fixture
def site(built: Site, tmp_path: Path) -> Path:
    shutil.copytree(built[0], tmp_path / "site")
    return tmp_path / "site"


def model(site: Path) -> ModelReleases:
    found = read_releases(site).model("costs")
    assert found is not None
    return found


def state(site: Path) -> tuple[str, Any, str | None, tuple[str, ...]]:
    """The stable version, the canary with its share, the shadow, and all that are kept."""
    found = model(site)
    canary = (found.canary.version, found.canary.share) if found.canary else None
    return found.stable, canary, found.shadow, found.versions


def whole(site: Path) -> bool:
    """Whether every version that is listed is there, each file as it was written."""
    record = site_writer.read_record(site)
    index = read_index(site)
    found = model(site)
    entries = [index.entry("costs", version) for version in found.versions]
    paths = [
        place(entry, part["path"])
        for entry in entries
        if entry is not None
        for file in entry["files"]
        for part in file["parts"]
    ]
    return None not in entries and all(
        atomic_io.sha256(site / path) in record[path] for path in paths
    )


def test_a_new_site_has_its_first_version(built: Site) -> None:
    folder, _ = built
    assert state(folder) == ("1", None, None, ("1",))
    assert whole(folder)
    (event,) = model(folder).history
    assert (event.action, event.by, event.channel) == ("publish", "Ada", "stable")
    assert (folder / "index.html").is_file()
    assert not [p for p in files_of(folder) if p.startswith(f"{RELEASES}.")]  # one rename is all


STEPS: dict[str, tuple[list[tuple[str, dict[str, Any]]], Any]] = {
    "stable": ([("2", {})], ("2", None, None, ("1", "2"))),
    "canary": ([("2", {"channel": "canary"})], ("1", ("2", 0.1), None, ("1", "2"))),
    "canary of half": (
        [("2", {"channel": "canary", "share": 0.5})],
        ("1", ("2", 0.5), None, ("1", "2")),
    ),
    "shadow and canary": (
        [("2", {"channel": "shadow"}), ("3", {"channel": "canary"})],
        ("1", ("3", 0.1), "2", ("1", "2", "3")),
    ),
    "the shadow becomes a canary": (
        [("2", {"channel": "shadow"}), ("2", {"channel": "canary", "share": 0.2})],
        ("1", ("2", 0.2), None, ("1", "2")),
    ),
    "the canary becomes stable": (
        [("2", {"channel": "canary"}), ("2", {})],
        ("2", None, None, ("1", "2")),
    ),
    "two are kept": ([("2", {}), ("3", {"keep": 2})], ("3", None, None, ("2", "3"))),
    "one is kept": ([("2", {}), ("3", {"keep": 1})], ("3", None, None, ("3",))),
    "the live ones stay": (
        [("2", {"channel": "canary"}), ("3", {"channel": "shadow"}), ("4", {"keep": 1})],
        ("4", ("2", 0.1), "3", ("2", "3", "4")),
    ),
}


@pytest.mark.parametrize(("steps", "expected"), STEPS.values(), ids=STEPS)
def test_versions_are_published(
    built: Site, site: Path, steps: list[tuple[str, dict[str, Any]]], expected: Any
) -> None:
    for version, given in steps:
        edge_deploy.publish(built[1][version], site, **given)
    assert state(site) == expected
    assert whole(site)
    index = read_index(site)
    assert sorted(entry["version"] for entry in index.entries) == sorted(expected[3])
    assert index.entries[0]["version"] == expected[0]  # what a page without releases.json takes
    record = site_writer.read_record(site)
    assert files_of(site) == {*record, "models/site.json"}
    needed = {f"models/{entry['folder']}/" for entry in index.entries}
    needed |= {place(entry, path) for entry in index.entries for path in entry.get("shared", ())}
    strays = [
        path
        for path in record
        if path.startswith("models/costs/") and not path.startswith(tuple(needed))
    ]
    assert strays == []  # nothing is left of what was pruned


def test_promote_and_roll_back_replace_one_file(built: Site, site: Path) -> None:
    edge_deploy.publish(built[1]["2"], site, channel="canary", share=0.5)
    before = kills.files_of(site)
    assert edge_deploy.promote(site, "costs", by="Bo").version == "2"
    assert state(site) == ("2", None, None, ("1", "2"))
    assert changed(before, site) == {RELEASES, "models/site.json"}
    assert edge_deploy.rollback(site, "costs").version == "1"
    assert state(site) == ("1", None, None, ("1", "2"))
    assert edge_deploy.rollback(site, "costs", "2").version == "2"
    actions = [(event.action, event.version) for event in model(site).history]
    assert actions == [
        ("publish", "1"),
        ("publish", "2"),
        ("promote", "2"),
        ("rollback", "1"),
        ("rollback", "2"),
    ]


def changed(before: dict[str, str], site: Path) -> set[str]:
    now = kills.files_of(site)
    return {path for path in {*before, *now} if before.get(path) != now.get(path)}


def test_what_versions_share_is_there_once(built: Site, site: Path) -> None:
    done = edge_deploy.publish(built[1]["2"], site)
    entry = read_index(site).entry("costs", "2")
    assert entry is not None
    weights = "onnx/costs_float32.onnx"
    assert place(entry, weights) == f"models/costs/1/{weights}"
    assert not (site / "models/costs/2/onnx").exists()
    assert done.shared > 0
    hashes = [atomic_io.sha256(site / path) for path in done.written]
    others = [atomic_io.sha256(p) for p in built[0].rglob("*") if p.is_file()]
    assert set(hashes).isdisjoint(others)
    # A version that others share files with may go, and its files stay.
    edge_deploy.publish(built[1]["3"], site, keep=1)
    edge_deploy.publish(built[1]["4"], site, keep=2)
    assert whole(site)


def test_a_picture_that_an_embedding_page_shows_stays(tmp_path: Path) -> None:
    made = [
        make_artifact(tmp_path / "made", "shapes", version=n, picture=6, targets=("onnx",))
        for n in "123"
    ]
    site = build_demo(made[:1], tmp_path / "site", embed=True).folder
    for artifact in made[1:]:
        edge_deploy.publish(artifact, site, keep=1, force=True)
    entry = read_index(site).entries[0]
    assert (entry["version"], len(read_index(site).entries)) == ("3", 1)
    (shown,) = re.findall(r'fetch\("([^"]+)"\)', (site / "embed.html").read_text())
    left = files_of(site / "models/shapes/1")
    assert shown.startswith("models/shapes/1/") and (site / unquote(shown)).is_file()
    assert {path.removesuffix(".br").removesuffix(".gz") for path in left} == {
        unquote(shown).removeprefix("models/shapes/1/")
    }


REFUSED: dict[str, tuple[Callable[[Path, dict[str, Path]], object], str]] = {
    "a share of a shadow": (
        lambda site, made: edge_deploy.publish(made["2"], site, channel="shadow", share=0.5),
        "it goes with channel='canary'",
    ),
    "a share of 10": (
        lambda site, made: edge_deploy.publish(made["2"], site, channel="canary", share=10),
        "is 10% or 0.1",
    ),
    "no channel": (
        lambda site, made: edge_deploy.publish(made["2"], site, channel="canery"),
        "Did you mean canary?",
    ),
    "keep nothing": (
        lambda site, made: edge_deploy.publish(made["2"], site, keep=0),
        "at least one version",
    ),
    "stable as canary": (
        lambda site, made: edge_deploy.publish(made["1"], site, channel="canary"),
        "is the stable version",
    ),
    "two of one model": (
        lambda site, made: edge_deploy.publish([made["2"], made["3"]], site),
        "several versions of it",
    ),
    "a new model as canary": (
        lambda site, made: edge_deploy.publish(named(made["2"], "other"), site, channel="canary"),
        "its first one is channel='stable'",
    ),
    "other bytes": (
        lambda site, made: edge_deploy.publish(other_bytes(made["1"], made["3"]), site),
        "was published with other files",
    ),
    "not a site": (
        lambda site, made: edge_deploy.publish(made["2"], made["3"]),
        "is not a site of edge-deploy",
    ),
    "a file": (
        lambda site, made: edge_deploy.publish(made["2"], site / "index.html"),
        "is a file",
    ),
    "no canary": (lambda site, made: edge_deploy.promote(site, "costs"), "no canary and no shadow"),
    "no former": (lambda site, made: edge_deploy.rollback(site, "costs"), "no former stable"),
    "no such model": (lambda site, made: edge_deploy.rollback(site, "cost"), "Did you mean costs?"),
    "no such version": (
        lambda site, made: edge_deploy.rollback(site, "costs", "../1"),
        "no version of costs is called '../1'",
    ),
    "a name that climbs": (
        lambda site, made: edge_deploy.publish(named(made["2"], "../../x"), site),
        "cannot name a folder",
    ),
    "demo over it": (
        lambda site, made: build_demo([made["2"]], site),
        "holds what was published",
    ),
}


def edited(artifact: Path, **changes: str) -> Path:
    folder = artifact.parent / f"edited {'-'.join(changes)}"
    if not folder.exists():
        shutil.copytree(artifact, folder)
        manifest = folder / "manifest.json"
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))
    return folder


def named(artifact: Path, name: str) -> Path:
    shutil.rmtree(artifact.parent / "edited name", ignore_errors=True)
    return edited(artifact, name=name)


def other_bytes(_: Path, artifact: Path) -> Path:
    return edited(artifact, version="1")


@pytest.mark.parametrize(("ask", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_and_nothing_changes(
    built: Site, ask: Callable[[Path, dict[str, Path]], object], words: str
) -> None:
    site, made = built
    before = kills.files_of(site)
    with pytest.raises(EdgeDeployError) as caught:
        ask(site, made)
    assert words in str(caught.value)
    assert kills.files_of(site) == before


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


BY_HAND: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights": (
        lambda site: (site / "models/costs/1/onnx/costs_float32.onnx").write_bytes(b"x"),
        "was changed since it was published",
    ),
    "a manifest that is gone": (
        lambda site: (site / "models/costs/1/manifest.json").unlink(),
        "is missing",
    ),
    "the page": (lambda site: (site / "style.css").write_text("*{}"), "was changed since"),
    "the page, compressed": (
        lambda site: (site / "style.css.br").write_bytes(b"x"),
        "style.css.br was changed since",
    ),
    "the index": (
        lambda site: (site / "models/index.json").write_text('{"schema": "edge-deploy/site/1"}'),
        "not as edge-deploy writes it",
    ),
    "an index that climbs": (
        lambda site: (site / "models/index.json").write_text(
            (site / "models/index.json").read_text().replace('"costs/1"', '"../../x"')
        ),
        "is no path inside of a site",
    ),
    "newer releases": (
        lambda site: (site / RELEASES).write_text('{"schema": "edge-deploy/releases/9"}'),
        "edge-deploy/releases/9",
    ),
    "a pipe for a record": (lambda site: pipe(site / "models/site.json"), "is a pipe"),
    "a record without an end": (
        lambda site: (site / "models/site.json").write_text("[" * 100_000),
        "nested too deep",
    ),
    "no record": (lambda site: (site / "models/site.json").write_text("{"), "cannot be read"),
}


@pytest.mark.parametrize(("edit", "words"), BY_HAND.values(), ids=BY_HAND)
def test_a_site_that_was_edited_by_hand_is_left_alone(
    built: Site, site: Path, edit: Callable[[Path], object], words: str
) -> None:
    edit(site)
    before = kills.files_of(site)
    with pytest.raises((UsageError, ArtifactError)) as caught:
        edge_deploy.publish(built[1]["2"], site)
    assert words in str(caught.value)
    assert kills.files_of(site) == before


def test_two_at_once_are_both_there(built: Site, site: Path) -> None:
    failed: list[BaseException] = []

    def run(version: str, channel: str) -> None:
        try:
            edge_deploy.publish(built[1][version], site, channel=channel)
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=run, args=given) for given in (("2", "canary"), ("3", "shadow"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert state(site)[:3] == ("1", ("2", 0.1), "3")
    assert whole(site)


def test_a_full_disk_leaves_what_was(
    built: Site, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = site_writer._write, 4

    def full(file: Path | bytes, path: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device", str(path))
        write(file, path)

    monkeypatch.setattr(site_writer, "_write", full)
    with pytest.raises(EdgeDeployError, match=r"No space left on device.* what visitors get is"):
        edge_deploy.publish(built[1]["3"], site)
    monkeypatch.undo()
    assert state(site) == ("1", None, None, ("1",))
    assert whole(site)
    edge_deploy.publish(built[1]["3"], site)
    assert state(site) == ("3", None, None, ("1", "3"))


def test_a_kill_at_any_moment_leaves_what_was_or_what_is_to_be(
    built: Site, site: Path, tmp_path: Path
) -> None:
    """A few of the moments that ``make kills`` goes through, of a publication that prunes."""
    edge_deploy.publish(built[1]["2"], site)

    def run() -> None:
        edge_deploy.publish(built[1]["3"], "site", channel="shadow", keep=1)

    before, after = state(site), ("2", None, "3", ("2", "3"))
    folder = tmp_path / "counted"
    shutil.copytree(site, folder / "site")
    code, count = kills.fork(folder, run, None)
    assert (code, state(folder / "site")) == (0, after)
    found = set()
    for moment in (1, count // 3, count // 2, count * 2 // 3, count - 2):
        folder = tmp_path / f"killed-{moment}"
        shutil.copytree(site, folder / "site", copy_function=_link)
        assert kills.fork(folder, run, moment)[0] == -9
        now = state(folder / "site")
        assert now in (before, after), moment
        assert whole(folder / "site"), moment
        found.add(now)
    assert found == {before, after}
    # The next run makes good what the last kill left.
    assert kills.fork(folder, run, None)[0] == 0
    assert state(folder / "site") == after
    record = site_writer.read_record(folder / "site")
    assert files_of(folder / "site") == {*record, "models/site.json"}


def _link(source: str, target: str) -> None:
    """Files are replaced by rename, never written in place: a link is as good as a copy."""
    Path(target).hardlink_to(source)
