"""Paths as scripts make them, and the names by which libraries are known."""

from __future__ import annotations

from pathlib import PurePosixPath

from edge_deploy.frontends.project.values import NOTHING, Call, Value, as_list, text


def canonical(dotted: str) -> str:
    """A function's name without the ways by which it is imported."""
    for start in ("tensorflow.python.keras.", "tensorflow.keras.", "keras.src.", "tf_keras."):
        if dotted.startswith(start):
            return "keras." + dotted[len(start) :]
    if dotted.startswith("tensorflow.compat.v1."):
        return "tensorflow." + dotted[len("tensorflow.compat.v1.") :]
    return dotted


def path_part(path: PurePosixPath, name: str) -> Value:
    """An attribute of a path: its parent, its name."""
    if name == "parent":
        return Value(constant=path.parent)
    if name == "parents":
        return as_list(Value(constant=one) for one in list(path.parents)[:20])
    if name in ("name", "stem", "suffix"):
        return Value(constant=getattr(path, name))
    return Value(constant=path)


def path_call(call: Call) -> Value | None:
    """Paths as scripts make them; None where it is another function."""
    name, last = call.name, call.last
    if name in ("os.path.join", "posixpath.join") or last == "joinpath":
        parts = [text(one) for one in call.all if text(one)]
        known = call.all[-1].known if call.all else False
        if not parts or not known:
            return NOTHING
        return Value(constant="/".join(one.rstrip("/") if one != "/" else one for one in parts))
    if last in ("Path", "PurePath", "PosixPath") and len(name) < 24:
        if not call.arguments:
            return Value(constant=PurePosixPath())
        if not call.arguments[0].known:
            return NOTHING if len(call.arguments) == 1 else Value(constant=PurePosixPath())
        made = PurePosixPath(*(text(one).replace("\\", "/") for one in call.arguments))
        return Value(constant=made)
    if name in ("os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser"):
        return call.given(0)
    if last == "dirname" and name.endswith("path.dirname"):
        found = text(call.given(0))
        return Value(constant=str(PurePosixPath(found).parent)) if call.given(0).known else NOTHING
    if last == "basename":
        return Value(constant=PurePosixPath(text(call.given(0))).name)
    if name in ("os.getcwd", "pathlib.Path.cwd", "Path.cwd"):
        return Value(constant=".")
    if name in ("os.environ.get", "os.getenv"):
        return call.given(1, "default")
    if name.startswith("path.") and last in ("resolve", "absolute", "expanduser", "as_posix"):
        return call.receiver
    if name in ("typer.Option", "typer.Argument"):
        return call.given(0, "default")
    if last in ("hf_hub_download", "cached_download"):
        return call.given(1, "filename")
    if last in ("str", "fspath") and call.given(0).known:
        return Value(constant=text(call.given(0)) or str(call.given(0).constant))
    return None
