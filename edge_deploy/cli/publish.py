"""``publish``, ``promote``, ``rollback`` and ``releases``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import edge_deploy
from edge_deploy.cli import cage, console
from edge_deploy.cli import options as shared
from edge_deploy.cli.app import app
from edge_deploy.cli.options import Json, Quiet

Site = Annotated[Path, typer.Argument(help="A site that was published or built by demo.")]
Model = Annotated[str, typer.Argument(help="The model, as the page calls it.")]
By = Annotated[str | None, typer.Option(help="Who does it, for all to see; default: git's name.")]


@app.command()
def publish(
    artifact: Annotated[list[Path], typer.Argument(help="Artifacts, of different models.")],
    to: Annotated[Path, typer.Option(help="The site; a new one is built.")],
    channel: Annotated[
        str, typer.Option(help="Whom it answers: stable, canary or shadow.")
    ] = "stable",
    share: Annotated[
        str | None, typer.Option(help="Of the visitors, for a canary: 10% (the default).")
    ] = None,
    keep: Annotated[int, typer.Option(help="Versions of a model that stay in the site.")] = 5,
    by: By = None,
    reference: Annotated[
        Path | None, typer.Option(help="Samples to compare with the stable version: as for diff.")
    ] = None,
    label_column: shared.LabelColumn = None,
    max_drop: Annotated[
        float, typer.Option(help="Accuracy (or R²) that a new stable version may lose.")
    ] = 0.01,
    force: Annotated[
        bool, typer.Option("--force", help="Although labels or inputs changed, or it is worse.")
    ] = False,
    report_to: Annotated[
        str | None,
        typer.Option(
            "--report-to",
            help="Where the page sends counts of a visit, if its visitor lets it: an address of "
            "collect; an empty one ends it.",
        ),
    ] = None,
    max_size: shared.MaxSize = shared.MAX_SIZE,
    timeout: shared.Timeout = 900,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put a version on a site, beside those that are there.

    Example: edge-deploy publish artifacts/insurance/2 --to site --channel canary --share 10%
    """
    options = shared.options_of(edge_deploy.PublishOptions, locals())
    with cage.around(timeout, read=(reference,)):
        done = edge_deploy.publish(artifact, to, options)
    written = sum(done.written.values())
    from edge_deploy.api.diff import summary, to_document

    if as_json:
        document = {
            "site": str(done.site),
            "published": [_document(one) for one in done.published],
            "pruned": {name: list(gone) for name, gone in done.pruned.items()},
            "bytes_written": written,
            "bytes_shared": done.shared,
            "files": dict(done.written),
            "diffs": [to_document(one) for one in done.diffs],
        }
        console.json_document(document)
    elif not quiet:
        for one in done.published:
            console.echo(f"{one.name} {one.version} {_whom(one)} ({done.site})")
        for diff in done.diffs:
            console.echo(f"against {diff.old.version}, which was stable:")
            console.lines([f"  {line}" for line in summary(diff)])
        for name, gone in done.pruned.items():
            console.echo(f"No longer kept of {name}: {', '.join(gone)}")
        console.echo(f"{written:,} bytes written, {done.shared:,} were there already")


@app.command()
def promote(
    site: Site, name: Model, by: By = None, as_json: Json = False, quiet: Quiet = False
) -> None:
    """Make the canary, or else the shadow, of a model its stable version.

    Example: edge-deploy promote site insurance
    """
    _turned(edge_deploy.promote(site, name, by=by), as_json, quiet)


@app.command()
def rollback(
    site: Site,
    name: Model,
    version: Annotated[
        str | None, typer.Argument(help="A version that is kept; default: the one before.")
    ] = None,
    by: By = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a former version of a model the stable one again.

    Example: edge-deploy rollback site insurance
    """
    _turned(edge_deploy.rollback(site, name, version, by=by), as_json, quiet)


@app.command()
def releases(site: Site, as_json: Json = False) -> None:
    """List the versions of a site's models, whom each answers, and how they came.

    Example: edge-deploy releases site
    """
    found = edge_deploy.releases(site)
    if as_json:
        from edge_deploy.artifact.document import to_document

        console.json_document(to_document(found))
        return
    rows = []
    for model in found.models:
        for version in reversed(model.versions):
            event = next((e for e in reversed(model.history) if e.version == version), None)
            whom = "kept"
            if version == model.stable:
                whom = "stable"
            elif model.canary and version == model.canary.version:
                whom = f"canary, {model.canary.share:.4g} of the visitors"
            elif version == model.shadow:
                whom = "shadow"
            when = (event.time, event.action, event.by or "") if event else ("", "", "")
            rows.append([model.name, version, whom, *when])
    console.table(["Model", "Version", "Channel", "Since", "By", "Who"], rows)


def _turned(done: edge_deploy.Published, as_json: bool, quiet: bool) -> None:
    if as_json:
        console.json_document(_document(done))
    elif not quiet:
        console.echo(f"{done.name} {done.version} {_whom(done)}")


def _document(one: edge_deploy.Published) -> dict[str, object]:
    return {
        "name": one.name,
        "version": one.version,
        "channel": one.channel,
        "share": one.share,
    }


def _whom(one: edge_deploy.Published) -> str:
    if one.channel == "canary":
        return f"answers {one.share:.4%} of the visitors".replace("0000%", "%").replace(".%", "%")
    return "answers everybody" if one.channel == "stable" else "is asked in silence"
