"""Pickle and joblib files, read behind a list of names.

A pickle is a program: it calls what it names. So it is read as inert records first (records.py),
and built from them by builders of our own (builder.py) only when all that it names is on the list
(allowlist.py). The refusal can then say everything at once, and truly that nothing was run.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import importlib.util
import io
import lzma
import warnings
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import most as most_bytes
from edge_deploy.core.bounds import read_bytes
from edge_deploy.core.dependencies import install, pip_install
from edge_deploy.core.errors import (
    ConversionError,
    MissingDependencyError,
    SourceError,
    UntrustedError,
    UsageError,
)
from edge_deploy.core.messages import first_line, option, size_text
from edge_deploy.frontends.sklearn.compat import stand_ins
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import (
    BUILDERS,
    ESTIMATORS,
    LISTED,
    MODULES,
    Global,
)
from edge_deploy.frontends.sklearn.safe_pickle.builder import build
from edge_deploy.frontends.sklearn.safe_pickle.compiled import Inconsistent
from edge_deploy.frontends.sklearn.safe_pickle.records import Call, Contents, Pairs, read_records

_SHOWN = 8
_INFLATED = 1 << 28
_RATIO = 100
_OLD_JOBLIB = ("NDArrayWrapper", "ZNDArrayWrapper")
_KERAS = ("keras", "tf_keras", "tensorflow")
_LIBRARIES = ("torch", "statsmodels", "pycaret", "prophet", "spacy", "gensim")


def load_pickle(path: Path, *, trust: bool = False) -> tuple[Any, tuple[str, ...]]:
    """Read a pickle or joblib file, compressed or not.

    Args:
        path: The file.
        trust: Where the file names what is not on the list, load it all the same, and so run
            whatever code it brings.

    Returns:
        The object, and notes on how it was read.

    Raises:
        UntrustedError: It names something that is not on the list; nothing of it was run.
        UsageError: It is a text file.
        SourceError: It is damaged, no pickle, or names a class that is no longer there.
    """
    data = _unpacked(path)
    found = read_records(data)
    if _is_text(data, found):
        again = "Save or download the model again."
        raise UsageError(f"{path}: is a text file, not a pickle. {again}")
    wanted = list(dict.fromkeys(found.names))
    if not trust and (old := [name for _, name in wanted if name in _OLD_JOBLIB]):
        raise SourceError(f"{path}: holds joblib's {old[0]}, {_BEFORE_010}")
    try:
        value = _built(path, data, found)
    except UntrustedError:
        if not trust:
            raise
        value = _guarded(path, found, lambda: _trusted(path))
        named = _listing([*map(_spelled, _unlisted(found)[1]), *found.tricks])
        code = f"code from the file was run ({option('trust_pickle', True)}): {named}"
        return value, (*_versions(found), code)
    return value, _versions(found)


def _built(path: Path, data: bytes, found: Contents) -> Any:
    gone, refused = _unlisted(found)
    if refused and refused == _holder(found):
        gone, refused = [*gone, *refused], []
    if refused or found.tricks:
        raise UntrustedError(_refusal(path, found, refused))
    if found.problem is not None:
        raise SourceError(_unreadable(path, data, found)) from found.problem
    inert = stand_ins.inert(dict.fromkeys(found.names), gone)
    return _guarded(path, found, lambda: build(found, inert))


def _unlisted(found: Contents) -> tuple[list[Global], list[Global]]:
    """What a file names and is not on the lists: what stand-ins are for, and what is refused."""
    unknown = [
        name
        for name in dict.fromkeys(found.names)
        if name not in LISTED or name in found.called - BUILDERS
    ]
    gone = [name for name in unknown if _is_gone(*name)]
    return gone, [name for name in unknown if name not in gone]


def _holder(found: Contents) -> list[Global]:
    """The author's own class, where a file holds an object of it around fitted estimators.

    Nothing of the class is run or imported: a stand-in holds what the object held.
    """
    root = found.root
    if not isinstance(root, Call) or root.arguments or root.keywords is not None or root.pairs:
        return []
    state = root.state[0] if root.state else None
    if not isinstance(state, Pairs) or found.problem is not None or found.tricks:
        return []
    estimators = [one for _, one in state.pairs if isinstance(one, Call)]
    held = any(one.function.name in ESTIMATORS for one in estimators)
    name = root.function.name
    own = name[0].partition(".")[0] not in (*_KERAS, *_LIBRARIES, "sklearn")
    return [name] if held and own and name not in LISTED and "." not in name[1] else []


_BEFORE_010 = (
    "so it was dumped by a joblib before 0.10, which kept arrays in other files. Load it with "
    "that joblib and dump it again with a newer one."
)


def _unpacked(path: Path) -> bytes:
    """The bytes of a file, out of whichever compression joblib put them into."""
    data = read_bytes(path, SourceError)
    if not data:
        raise SourceError(f"{path}: the file is empty. Save or download the model again.")
    if data.startswith(b"ZF"):
        raise SourceError(f"{path}: starts as joblib's Z-file, {_BEFORE_010}")
    most = inflated_bound(len(data))
    for heads, unpack in _FORMATS:
        if data.startswith(heads):
            try:
                inflated = unpack(data, most + 1)
            except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError) as error:
                raise SourceError(
                    f"{path}: the compressed file is damaged or cut short ({first_line(error)}). "
                    "Save or download it again."
                ) from error
            if len(inflated) > most:
                raise SourceError(
                    f"{path}: its {size_text(len(data))} inflate to more than {size_text(most)}, "
                    "and no more is read. Dump the model again without compression."
                )
            return inflated
    return data


def inflated_bound(size: int) -> int:
    """The most bytes that so many may inflate to: 256 MiB, or a hundred times as many.

    Numbers of a fitted model hardly shrink; zeros do without end. At most ``max_size`` anyhow.
    """
    return min(most_bytes(), max(_INFLATED, _RATIO * size))


def _zlib(data: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    inflated = stream.decompress(data, most)
    if len(inflated) < most and not stream.eof:
        raise EOFError("incomplete or truncated stream")
    return inflated


def _gzip(data: bytes, most: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return file.read(most)


def _bz2(data: bytes, most: int) -> bytes:
    with bz2.BZ2File(io.BytesIO(data)) as file:
        return file.read(most)


def _lzma(data: bytes, most: int) -> bytes:
    with lzma.LZMAFile(io.BytesIO(data)) as file:
        return file.read(most)


def _lz4(data: bytes, most: int) -> bytes:
    try:
        frame: Any = importlib.import_module("lz4.frame")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "The file is compressed with lz4, which needs a package. Dump the model again without "
            f"it, joblib.dump(model, path), or install it with: {pip_install('lz4')}"
        ) from error
    try:
        with frame.LZ4FrameFile(io.BytesIO(data)) as file:
            return bytes(file.read(most))
    except RuntimeError as error:
        raise ValueError(str(error)) from error


_FORMATS: tuple[tuple[tuple[bytes, ...], Callable[[bytes, int], bytes]], ...] = (
    ((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), _zlib),
    ((b"\x1f\x8b",), _gzip),
    ((b"BZh",), _bz2),
    ((b"\xfd7zXZ", b"\x5d\x00"), _lzma),
    ((b"\x04\x22\x4d\x18",), _lz4),
)
"""How compressed files start, and what inflates at most so many bytes of them."""


def _guarded(path: Path, found: Contents, load: Callable[[], Any]) -> Any:
    """Load, with foreign errors in words and without the warnings that the notes replace."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load()
    except UntrustedError as error:
        found.tricks.append(str(error))
        raise UntrustedError(_refusal(path, found, [])) from error
    except ConversionError:
        raise  # of a booster, which is looked into as it is read
    except Inconsistent as error:
        raise SourceError(
            f"{path}: parts of the model do not fit together ({error}): it is damaged, or made to "
            "do harm. Fit the model and save it again."
        ) from error
    except Exception as error:
        # Setting the state of objects of another version raises anything.
        raise SourceError(_not_loaded(path, found, error)) from error


def _trusted(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def _is_gone(module: str, name: str) -> bool:
    """Whether a stand-in takes a global's place: scikit-learn had it once, or another library has.

    Only modules that the lists name are imported to find out, and the packages they are in.
    """
    package = module.partition(".")[0]
    if package != "sklearn":
        if (module, name) == stand_ins.PARTIAL or stand_ins.is_tokenizer(module, name):
            return True
        if package == stand_ins.ENCODERS:
            from edge_deploy.frontends.sklearn.compat import category_encoders

            return name in category_encoders.READ
        return package in (*stand_ins.FOREIGN, *stand_ins.IDLE_PACKAGES) and "." not in name
    if module in MODULES:
        return "." not in name and not hasattr(importlib.import_module(module), name)
    parent = module.rpartition(".")[0]
    if parent == "sklearn.externals" or any(one.startswith(parent + ".") for one in MODULES):
        return importlib.util.find_spec(module) is None
    return _is_gone(parent, name)


def _versions(found: Contents) -> tuple[str, ...]:
    import sklearn

    here = sklearn.__version__
    others = dict.fromkeys(version for version in found.versions if version != here)
    return tuple(f"saved by scikit-learn {version}, read by {here}" for version in others)


def _spelled(name: Global) -> str:
    return ".".join(name)


def _listing(names: Iterable[str]) -> str:
    spelled = list(names)
    more = len(spelled) - _SHOWN
    return ", ".join(spelled[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _refusal(path: Path, found: Contents, names: list[Global]) -> str:
    wanted = _listing([*map(_spelled, names), *found.tricks])
    return (
        f"{path}: {_held(found)}reading it would run code that is not on the list of what a "
        f"scikit-learn model needs: {wanted}. Nothing was run. {_mend(found, names)}"
    )


def _held(found: Contents) -> str:
    """What the pickle is, where that is not a scikit-learn object."""
    if isinstance(found.holds, str) or found.holds in LISTED or found.problem is not None:
        return ""
    kind = "somebody's own class"
    if stand_ins.is_tokenizer(*found.holds):
        kind = "a Keras Tokenizer"
    elif _wraps_keras([found.holds]):
        kind = "a Keras model within a wrapper for scikit-learn"
    elif found.holds[0].startswith(_KERAS):
        kind = "a Keras model"
    elif found.holds[0].startswith(_LIBRARIES):
        kind = "a model of another library"
    elif found.holds in found.called and found.holds[1][:1].islower():
        return ""  # a function was called: what it would have given is not known
    return f"it holds {kind} ({_spelled(found.holds)}), and "


def _wraps_keras(names: Iterable[Global]) -> bool:
    """Whether some are classes that let scikit-learn fit a Keras model: scikeras', Keras 2's."""
    return any(
        module.startswith("scikeras") or module.endswith("wrappers.scikit_learn")
        for module, _ in names
    )


def _mend(found: Contents, names: list[Global]) -> str:
    if _wraps_keras(names):
        return (
            "The wrapper needs its author's function. Save the network alone, "
            "wrapper.model_.save('model.keras') (of a pipeline pipeline[-1].model_, of Keras 2's "
            "own wrapper .model), and each fitted step before it by joblib.dump, and give all in "
            "the order in which data flow: scaler.pkl model.keras."
        )
    keras = any(module.startswith(_KERAS) for module, _ in names)
    if keras and not (isinstance(found.holds, tuple) and stand_ins.is_tokenizer(*found.holds)):
        return (
            "A Keras model belongs in its own format: model.save('model.keras'). If you trust the "
            f"author of the file, {option('trust_pickle', True)} reads it."
        )
    return (
        f"If you trust its author, add {option('trust_pickle', True)}; else ask for the fitted "
        "scikit-learn model alone, without functions or classes of its author's."
    )


def _is_text(data: bytes, found: Contents) -> bool:
    """Whether a file that is no pickle is text: some of it reads as opcodes all the same."""
    names = [part for name in found.names for part in _spelled(name).split(".")]
    spoken = bool(names) and all(part.isidentifier() for part in names)
    binary = data.startswith(b"\x80") or min(data[:512], default=0) < 9
    return found.problem is not None and not spoken and not binary


def _unreadable(path: Path, data: bytes, found: Contents) -> str:
    """Why a file is no pickle, or half of one."""
    if isinstance(found.problem, UnicodeDecodeError):
        return (
            f"{path}: was pickled by Python 2, whose strings cannot be told from bytes. Fit and "
            "save the model again with Python 3."
        )
    reason = first_line(found.problem or EOFError())
    return (
        f"{path}: not a pickle that can be read, or cut short ({reason}). Save or download it "
        "again."
    )


def _not_loaded(path: Path, found: Contents, error: Exception) -> str:
    saved = f"saved by scikit-learn {found.versions[0]}, " if found.versions else ""
    reason = first_line(error)
    if isinstance(error, ModuleNotFoundError):
        own = str(error.name).split(".")[0] in ("sklearn", "scipy", "joblib")
        extra = f" Install it with: {install('convert')}" if own else ""
        return f"{path}: {saved}needs the module {error.name}, which is not installed here.{extra}"
    return (
        f"{path}: {saved}cannot be read here ({type(error).__name__}: {reason}). Load it with the "
        "versions of scikit-learn and numpy that saved it, and save it again with newer ones."
    )
