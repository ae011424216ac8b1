"""releases.json: read, refused in words, and what each command makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge_deploy.artifact import schema
from edge_deploy.artifact.document import to_document
from edge_deploy.core.errors import ArtifactError, UsageError
from edge_deploy.web import releases, releases_schema
from edge_deploy.web.releases import (
    RELEASES,
    SCHEMA,
    ModelReleases,
    ReleaseEvent,
    Releases,
    first_release,
    parse_releases,
    pruned,
    read_releases,
    with_event,
    with_model,
)


def event(action: str, version: str, channel: str = "stable", **more: Any) -> ReleaseEvent:
    return ReleaseEvent(
        action=action,  # type: ignore[arg-type]
        version=version,
        channel=channel,  # type: ignore[arg-type]
        time="2026-01-01T00:00:00Z",
        by=None,
        source="0" * 64,
        content="1" * 64,
        **more,
    )


def model(*events: ReleaseEvent) -> ModelReleases:
    made = first_release("iris", events[0])
    for one in events[1:]:
        made = with_event(made, one)
    return made


THREE = (event("demo", "1"), event("publish", "2"), event("publish", "3", "canary", share=0.1))


def document(*events: ReleaseEvent) -> dict[str, Any]:
    made = Releases(schema=SCHEMA, models=(model(*(events or THREE)),))
    found: dict[str, Any] = json.loads(releases.to_json(made))
    return found


def test_schema_is_the_one_that_the_typed_value_gives() -> None:
    made = releases_schema.to_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(made))
    assert releases_schema.PATH.read_text("utf-8") == made, (
        "python -m edge_deploy.web.releases_schema > edge_deploy/web/releases.schema.json"
    )


def test_what_is_written_is_of_the_schema_and_is_read_again() -> None:
    written = document()
    of = schema.schema(Releases, SCHEMA)
    jsonschema.Draft202012Validator(of).validate(written)
    assert to_document(parse_releases(written)) == written
    newer = {**written, "report_to": "https://example.org/"}
    assert to_document(parse_releases(newer)) == newer


EVENTS: dict[str, tuple[tuple[ReleaseEvent, ...], tuple[str, Any, str | None]]] = {
    "one": (THREE[:1], ("1", None, None)),
    "canary": (THREE, ("2", ("3", 0.1), None)),
    "shadow": ((*THREE[:2], event("publish", "4", "shadow")), ("2", None, "4")),
    "canary promoted": ((*THREE, event("promote", "3")), ("3", None, None)),
    "rolled back": ((*THREE, event("rollback", "1")), ("1", ("3", 0.1), None)),
    "shadow becomes canary": (
        (THREE[0], event("publish", "2", "shadow"), event("publish", "2", "canary", share=0.5)),
        ("1", ("2", 0.5), None),
    ),
    "another canary": ((*THREE, event("publish", "4", "canary", share=1)), ("2", ("4", 1), None)),
}


@pytest.mark.parametrize(("events", "expected"), EVENTS.values(), ids=EVENTS)
def test_versions_are_on_the_channel_of_their_last_event(
    events: tuple[ReleaseEvent, ...], expected: tuple[str, Any, str | None]
) -> None:
    found = model(*events)
    canary = (found.canary.version, found.canary.share) if found.canary else None
    assert (found.stable, canary, found.shadow) == expected


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (5, ("1", "2", "3", "4")),
        (4, ("1", "2", "3", "4")),
        (3, ("2", "3", "4")),
        (2, ("3", "4")),
        (1, ("4",)),
    ],
)
def test_the_oldest_versions_are_dropped_and_the_live_ones_never(
    keep: int, expected: tuple[str, ...]
) -> None:
    four = model(*(event("publish", str(n)) for n in range(1, 5)))
    assert pruned(four, keep).versions == expected
    live = with_event(model(*THREE), event("publish", "4", "shadow"))
    assert set(pruned(live, 1).versions) == {"2", "3", "4"}


def test_the_history_keeps_its_newest() -> None:
    made = model(*(event("publish", str(n)) for n in range(150)))
    assert [one.version for one in made.history] == [str(n) for n in range(50, 150)]


def test_one_model_is_replaced_in_its_place_and_a_new_one_comes_last() -> None:
    both = Releases(schema=SCHEMA, models=(model(*THREE), first_release("wine", THREE[0])))
    changed = with_model(both, with_event(model(*THREE), event("promote", "3")))
    assert [(one.name, one.stable) for one in changed.models] == [("iris", "3"), ("wine", "1")]
    added = with_model(both, first_release("digits", THREE[0]))
    assert [one.name for one in added.models] == ["iris", "wine", "digits"]


def edited(edit: Callable[[Any], object]) -> str:
    made = document()
    edit(made)
    return json.dumps(made)


BROKEN: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "releases.json"),
    "HTML": ("<!doctype html>", "releases.json"),
    "of tomorrow": (
        json.dumps({"schema": "edge-deploy/releases/2"}),
        "reads 'edge-deploy/releases/1'",
    ),
    "a list": ("[]", "not of type object"),
    "no models": (json.dumps({"schema": SCHEMA}), "models: is missing"),
    "no versions": (edited(lambda d: d["models"][0].update(versions=[])), "versions: is empty"),
    "twice": (edited(lambda d: d["models"].append(d["models"][0])), "is there twice"),
    "climbs": (
        edited(lambda d: d["models"][0].update(stable="../x", versions=["../x", "3"])),
        "cannot name a folder",
    ),
    "a name that climbs": (
        edited(lambda d: d["models"][0].update(name="../../etc")),
        "cannot name a folder",
    ),
    "stable is gone": (edited(lambda d: d["models"][0].update(stable="9")), "not among"),
    "a share of 7": (
        edited(lambda d: d["models"][0]["canary"].update(share=7)),
        "is 7, not from 0 to 1",
    ),
    "a share in words": (
        edited(lambda d: d["models"][0]["canary"].update(share="half")),
        "not of type number",
    ),
}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_as_it_was_written_is_refused_in_words(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / RELEASES).write_text(text)
    with pytest.raises(ArtifactError) as caught:
        read_releases(tmp_path)
    assert words in str(caught.value)


def test_a_folder_that_is_no_site_is_told_from_one_of_an_older_edge_deploy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a site of edge-deploy"):
        read_releases(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/index.json").write_text("{}")
    with pytest.raises(UsageError, match="built before sites had releases"):
        read_releases(tmp_path)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nothing to promote": (lambda: releases.promoted(model(*THREE[:2])), "no canary and no shadow"),
    "no former": (
        lambda: releases.rolled_back(model(THREE[0]), None, Path("s")),
        "no former stable",
    ),
    "an unknown one": (
        lambda: releases.rolled_back(model(*THREE), "7", Path("s")),
        "no version of iris is called '7'",
    ),
    "the same": (lambda: releases.rolled_back(model(*THREE), "2", Path("s")), "is stable already"),
    "another model": (
        lambda: releases.found_model(parse_releases(document()), "irs", Path("s")),
        "Did you mean iris?",
    ),
}


@pytest.mark.parametrize(("ask", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_said(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask()
    assert words in str(caught.value)


def test_promote_and_rollback_choose_the_version_that_is_meant() -> None:
    assert releases.promoted(model(*THREE)) == "3"
    assert releases.promoted(model(THREE[0], event("publish", "9", "shadow"))) == "9"
    assert releases.rolled_back(model(*THREE), None, Path("s")) == "1"
    again = model(*THREE, event("promote", "3"), event("rollback", "2"))
    assert releases.rolled_back(again, None, Path("s")) == "3"
