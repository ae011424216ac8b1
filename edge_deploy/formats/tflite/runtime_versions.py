"""Which runtime has which version of which TFLite operator.

The numbers of ``data/runtime_versions.json`` are those from which TensorFlow's converter takes
``min_runtime_version``: versions of TensorFlow Lite, with a list of what its successor LiteRT has.

Asked one by one, tflite-runtime 2.14.0 has just those that the table gives to it (a test asks).
Where LiteRT showed the source to be too early, ours differ; the file says where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_deploy.formats.tflite.tables import table


def runtime_of(name: str, version: int) -> str | None:
    """The first runtime that has an operator in a version; None where the table has neither."""
    versions: Sequence[str | None] = table("runtime_versions")["operators"].get(name, ())
    return versions[version - 1] if 1 <= version <= len(versions) else None


def newest(versions: Iterable[str]) -> str:
    """The newest of some versions, ``1.5.0`` (the first TensorFlow Lite) at least."""
    return max(("1.5.0", *versions), key=order)


def order(version: str) -> tuple[int, ...]:
    """A version as what it is compared by."""
    parts = [int(part) for part in version.split(".") if part.isdigit()]
    return (*parts, *[0] * (3 - len(parts)))  # 2.11 is 2.11.0


def runtime_version(operators: Sequence[tuple[str, int]], floor: str = "") -> str:
    """The oldest runtime that has all operators in these versions.

    Args:
        operators: Names and versions.
        floor: What the file named before its types were changed.
    """
    return newest([floor, *(runtime_of(name, version) or "" for name, version in operators)])


def litert_version(runtime: str) -> str | None:
    """The first LiteRT that we know to run what needs this TensorFlow Lite; None beyond them."""
    versions: dict[str, str] = table("runtime_versions")["litert"]["versions"]
    return next((name for name, has in versions.items() if order(runtime) <= order(has)), None)
