"""Columns that pandas' get_dummies makes: a choice for each column that they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_deploy.core.spec import Feature
from edge_deploy.data.preprocessing.encoding import as_text
from edge_deploy.frontends.project.findings import Findings, Prediction, Use
from edge_deploy.frontends.project.form_drafts import Named, same
from edge_deploy.frontends.project.inventory import Inventory
from edge_deploy.frontends.project.proposal import Row, cited, listed


def with_dummies(
    named: Named, prediction: Prediction | None, findings: Findings, inventory: Inventory
) -> tuple[Named, list[Row]]:
    """Put a choice in the place of the columns that the script's get_dummies makes of one.

    A value that has no column of its own (``drop_first``) can be chosen where there are two. Else
    each column is a no or a yes, which a person is asked.

    Args:
        named: The model's columns.
        prediction: The prediction that the recipe follows.
        findings: Whose form fields say which values there are.
        inventory: Whose tables say it, too.
    """
    uses = [one for one in (prediction.before if prediction else ()) if one.action == "get_dummies"]
    features = list(named.features)
    rows: list[Row] = []
    for use in uses:
        asked: list[str] = []
        for column in use.columns:
            start = f"{column}_"
            made = [
                n
                for n, one in enumerate(features)
                if one.kind == "number" and one.name.startswith(start)
            ]
            values = [features[n].name.removeprefix(start) for n in made]
            known = _values(column, findings, inventory)
            choice = _choice(column, values, known, use) if _side_by_side(made) else None
            if choice is not None:
                features[made[0] : made[-1] + 1] = [choice]
                check = "" if known else "are these all of its values?"
                told = f"{column}: {listed(choice.categories or ())}, of get_dummies"
                rows.append(Row("category", told, cited(use.evidence), check))
                continue
            for n in made:
                features[n] = replace(features[n], min=0, max=1, step=1)
                asked.append(features[n].name)
        if asked:
            columns = [one for one in use.columns if any(a.startswith(f"{one}_") for a in asked)]
            rows.append(
                Row(
                    "not moved",
                    f"get_dummies of {listed(columns)}: the form asks for {listed(asked)}, each no "
                    "or yes",
                    cited(use.evidence),
                    f"to be asked for {listed(columns)}, train with a OneHotEncoder, save it and "
                    "run init again; a table for reference needs these columns",
                )
            )
    return replace(named, features=tuple(features)), rows


def _side_by_side(places: Sequence[int]) -> bool:
    return bool(places) and places[-1] - places[0] + 1 == len(places)


def _values(column: str, findings: Findings, inventory: Inventory) -> tuple[str, ...]:
    """The values of a column in a table of the folder, or in the form; none where nothing says."""
    for table in inventory.tables:
        found = table.column(column)
        if found is not None and found.values:
            return found.values
    for field in findings.fields:
        if field.choices and not field.derived and column in (field.column, field.name):
            return tuple(as_text(one.value) for one in field.choices)
    return ()


def _choice(column: str, made: Sequence[str], known: Sequence[str], use: Use) -> Feature | None:
    """The column that was expanded; None where its values are not all told."""
    own = {same(value) for value in made}
    beside = [value for value in known if same(value) not in own]
    if known and not own <= {same(value) for value in known}:
        return None  # another column, whose name begins alike
    whole = not beside if known else not use.argument("drop_first")
    if len(made) > 1 and whole:
        # What is none of them has no column, which reindex takes as nothing but zeros.
        every = Feature(column, kind="category", categories=tuple(made))
        return replace(every, encode="one-hot", unknown="ignore")
    if len(made) == 1 and len(beside) == 1:
        return Feature(column, kind="category", categories=(*beside, *made), encode="ordinal")
    return None
