"""Samples as the user gave them, for the page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from edge_deploy.reference import Reference

_SAMPLES = 12  # pictures or rows for the page


def save(stage: Path, reference: Reference) -> None:
    """Up to twelve samples as the user gave them, spread over the reference, for the page."""
    folder = stage / "samples"
    step = max(1, reference.count // _SAMPLES)
    if reference.pictures:
        folder.mkdir()
        for n, picture in enumerate(reference.pictures[::step][:_SAMPLES]):
            name = re.sub(r"[^\w.-]", "_", f"{n:02d}_{picture.parent.name}{picture.suffix.lower()}")
            shutil.copyfile(picture, folder / name)
    elif reference.rows:
        folder.mkdir()
        rows = [
            {key: value for key, value in row.items() if key and key != "label"}
            for row in reference.rows[::step][:_SAMPLES]
        ]
        text = json.dumps(rows, ensure_ascii=False, indent=1)
        (folder / "samples.json").write_text(text, encoding="utf-8")
