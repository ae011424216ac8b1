"""What was done with a version, when and by whom."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from typing import Literal

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.web.releases import Channel, ReleaseEvent

_WAITED = 5.0  # seconds for git to tell its user's name


def release_event(
    model: Artifact,
    content: str,
    action: Literal["demo", "publish"],
    channel: Channel = "stable",
    by: str | None = None,
) -> ReleaseEvent:
    """That a version of an artifact was put on a site now.

    Args:
        model: The artifact.
        content: SHA-256 over the version's files.
        action: What put it there.
        channel: Whom it answers.
        by: Who did it.
    """
    return ReleaseEvent(
        action=action,
        version=model.manifest.version,
        channel=channel,
        time=now(),
        by=by,
        source=model.manifest.source.sha256,
        content=content,
    )


def now() -> str:
    """The time in UTC, as documents have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def git_user() -> str | None:
    """The name that the user's git signs with; None where there is none."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, "config", "user.name"],
            capture_output=True,
            text=True,
            timeout=_WAITED,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip() or None
