"""What an HDF5 file may hold: numbers of its own, and none of another file's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_deploy.core.errors import SourceError, UntrustedError
from edge_deploy.core.messages import first_line


def check_hdf5(path: Path, shown: Path) -> None:
    """Refuse an HDF5 file that takes bytes from elsewhere, before anything in it is read.

    Links are looked at, never followed; a group that is met again is not entered again.

    Args:
        path: The file.
        shown: What the user calls it.

    Raises:
        UntrustedError: It has external or soft links, external storage or virtual data sets.
        SourceError: It is damaged.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = _foreign(h5py, file)
    except UntrustedError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise SourceError(
            f"{shown}: the HDF5 file is damaged or cut short ({first_line(error)}). Save or "
            "download it again."
        ) from error
    if found:
        raise UntrustedError(
            f"{shown}: {found}, so that its weights would be read from another file. A model "
            "holds its own: save it again with Keras, model.save(...)."
        )


def _foreign(h5py: Any, file: Any) -> str | None:
    seen = set()
    waiting = [file.id]
    while waiting:
        group = waiting.pop()
        for name in group:
            shown = name.decode("utf-8", "replace")
            kind = group.links.get_info(name).type
            if kind == h5py.h5l.TYPE_EXTERNAL:
                return f"{shown!r} in it is a link to another file"
            if kind != h5py.h5l.TYPE_HARD:
                return f"{shown!r} in it is a link by name"
            item = h5py.h5o.open(group, name)
            info = h5py.h5o.get_info(item)
            if (info.fileno, info.addr) in seen:
                continue
            seen.add((info.fileno, info.addr))
            if isinstance(item, h5py.h5g.GroupID):
                waiting.append(item)
            elif isinstance(item, h5py.h5d.DatasetID):
                created = item.get_create_plist()
                if created.get_external_count():
                    return f"the data set {shown!r} in it lies in another file"
                if created.get_layout() == h5py.h5d.VIRTUAL:
                    return f"the data set {shown!r} in it is put together from other files"
    return None
