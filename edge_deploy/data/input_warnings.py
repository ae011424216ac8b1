"""What a model takes without an error, but a person may not have meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from edge_deploy.core.messages import did_you_mean
from edge_deploy.core.spec import Feature
from edge_deploy.data.preprocessing.encoding import as_text, is_known
from edge_deploy.data.preprocessing.tokens import stranger

_SHOWN = 20


def remarks(features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A line on columns that no row has, and one on each column with unknown categories or words.

    Args:
        features: The model's columns.
        rows: Rows that it takes, as they were given.
    """
    left = [f.name for f in features if f.missing == "nan" and not any(f.name in r for r in rows)]
    lines = [f"left out, and taken as missing: {', '.join(left)}"] if rows and left else []
    for feature in features:
        if feature.tokens is not None:
            is_strange = stranger(feature.tokens)
            texts = [as_text(row[feature.name]) for row in rows if feature.name in row]
            if found := [text for text in texts if is_strange(text)]:
                others = f", nor any of {len(found) - 1} more" if len(found) > 1 else ""
                lines.append(f"{feature.name}: no word of {found[0]!r:.80} is known{others}")
            continue
        values = (row[feature.name] for row in rows if feature.name in row)
        strange = Counter(as_text(value) for value in values if not is_known(feature, value))
        if strange:
            lines.append(_unknown(feature, strange))
    return tuple(lines)


def _unknown(feature: Feature, strange: Mapping[str, int]) -> str:
    names, first = feature.categories or (), next(iter(strange))
    others = f", nor {len(strange) - 1} more" if len(strange) > 1 else ""
    known = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    taken = "as an infrequent one" if feature.unknown == "infrequent" else "as none of them"
    return (
        f"{feature.name}: no category is called {first!r}{others}, which the model takes {taken}."
        f"{did_you_mean(first, names)} There are: {known}{more}"
    )
